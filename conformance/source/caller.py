"""Calls the library in a process of its own, which may crash, assert or never come back."""

from __future__ import annotations

import ctypes
import faulthandler
import mmap
import os
import select
import signal
import sys
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from time import monotonic
from typing import Final, NoReturn

import psutil

from conformance.source.case import Case
from conformance.source.tables import CASE, MAX_CALL_WORDS, MAX_SNAPSHOTS, PROGRESS, STATE

#: Seconds of CPU time before a case counts as endless; others take microseconds.
PATIENCE: Final = 0.5
#: Maximum number of times the patience that a case may wait for a CPU.
_BUSY: Final = 60
#: Maximum number of cases that are run at once; more would need more shared memory.
BATCH: Final = 2000
#: Seconds before an orphaned process ends itself in an endless case; a batch takes milliseconds.
_ORPHAN: Final = 60
_WIDTH = len(CASE)
_WORDS_A_CASE = 500
_ROOM = BATCH * _WORDS_A_CASE
# The shared memory: struct progress, snapshots, cases, records.
_BEGUN, _WRITTEN, _CALL_WORDS = PROGRESS["begun"], PROGRESS["written"], PROGRESS["call_words"]
_CALLS = len(PROGRESS)
_SNAPSHOTS = _CALLS + MAX_CALL_WORDS
_CASES = _SNAPSHOTS + MAX_SNAPSHOTS * STATE
_RECORDS = _CASES + BATCH * _WIDTH
_END = _RECORDS + _ROOM
_ENDLESS = "no end within"
_ASKED = 1 << 31  # in a request: with snapshots


@dataclass(frozen=True, slots=True)
class Died:
    """A case that ended its process: how, and the calls that it had made."""

    how: str
    calls: tuple[int, ...]

    @property
    def endless(self) -> bool:
        """Returns whether it was ended because it did not end by itself."""
        return self.how.startswith(_ENDLESS)


class Caller:
    """A process with the library in it, made anew when it dies.

    Use it from a process with one thread: it forks.
    """

    def __init__(self, library: Path, patience: float = PATIENCE) -> None:
        self._path = library
        self._patience = patience
        self._library: ctypes.CDLL | None = None
        self._shared = mmap.mmap(-1, 8 * _END)
        self._words = memoryview(self._shared).cast("q")
        self._pid = 0
        self._ask = self._answer = -1

    # -- the process ------------------------------------------------------------

    def _start(self) -> None:
        if self._library is None:
            self._library = ctypes.CDLL(str(self._path))
            self._library.forkoracle_run.restype = ctypes.c_int64
        asked, self._ask = os.pipe()
        self._answer, answered = os.pipe()
        sys.stdout.flush()
        self._pid = os.fork()
        if self._pid == 0:
            os.close(self._ask)
            os.close(self._answer)
            self._serve(self._library, asked, answered)
        os.close(asked)
        os.close(answered)

    def _serve(self, library: ctypes.CDLL, asked: int, answered: int) -> NoReturn:
        """Runs in the child what is asked for, until the pipe is closed."""
        status = 1
        try:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            faulthandler.disable()  # a crash here is what was asked about, not a fault of ours
            start = (ctypes.c_int64 * len(self._words)).from_buffer(self._shared)
            base = ctypes.addressof(start)
            while request := os.read(asked, 8):
                signal.alarm(_ORPHAN)
                first, count = int.from_bytes(request[:4]), int.from_bytes(request[4:])
                snapshots, first = first & _ASKED, first & ~_ASKED
                library.forkoracle_run(
                    ctypes.c_void_p(base + 8 * (_CASES + first * _WIDTH)),
                    ctypes.c_int64(count),
                    ctypes.c_int64(_WIDTH),
                    ctypes.c_void_p(base + 8 * _RECORDS),
                    ctypes.c_int64(_ROOM),
                    ctypes.c_void_p(base),
                    ctypes.c_void_p(base + 8 * _SNAPSHOTS if snapshots else None),
                )
                signal.alarm(0)
                os.write(answered, b".")
            status = 0
            if hasattr(library, "forkoracle_dump"):
                library.forkoracle_dump()
        finally:
            os._exit(status)

    def _stop(self) -> int:
        """Closes the process's pipes and waits for it; returns its wait status."""
        os.close(self._ask)
        os.close(self._answer)
        _, status = os.waitpid(self._pid, 0)
        self._pid = 0
        return status

    def close(self) -> None:
        """Ends the process; it writes what gcov counted."""
        if self._pid:
            self._stop()

    # -- cases --------------------------------------------------------------------

    def snapshots(self, one: Case) -> list[list[int]]:
        """Returns the state before each call that the case *one* makes, as far as it comes."""
        for _ in self.run([one], snapshots=True):
            pass
        return [self._words[at : at + STATE].tolist() for at in range(_SNAPSHOTS, _CASES, STATE)]

    def run(self, cases: Sequence[Case], *, snapshots: bool = False) -> Iterator[memoryview | Died]:
        """Yields records, many in one piece, and how cases ended; for at most :data:`BATCH` cases.

        A piece must be used before the next one is asked for.
        """
        flat = array("q", chain.from_iterable(cases))
        self._words[_CASES : _CASES + len(flat)] = memoryview(flat)
        done = 0
        while done < len(cases):
            if not self._pid:
                self._start()
            self._words[_BEGUN] = self._words[_WRITTEN] = self._words[_CALL_WORDS] = 0
            try:
                first = done | (_ASKED if snapshots else 0)
                os.write(self._ask, first.to_bytes(4) + (len(cases) - done).to_bytes(4))
                how = self._wait()
            except BrokenPipeError:
                how = self._ended()
            begun, written = self._words[_BEGUN], self._words[_WRITTEN]
            if written:
                yield self._words[_RECORDS : _RECORDS + written]
            if how is None:
                done += begun
                continue
            count = min(self._words[_CALL_WORDS], MAX_CALL_WORDS)
            yield Died(how, tuple(self._words[_CALLS : _CALLS + count]))
            done += max(begun, 1)

    def _wait(self) -> str | None:
        """Waits for the answer; returns None, or how the process ended instead."""
        begun, since, before = -1, monotonic(), 0.0
        while True:
            ready, _, _ = select.select([self._answer], [], [], self._patience / 4)
            if ready:
                return None if os.read(self._answer, 1) else self._ended()
            times = psutil.Process(self._pid).cpu_times()
            used = times.user + times.system
            if self._words[_BEGUN] != begun:
                begun, since, before = self._words[_BEGUN], monotonic(), used
            elif used - before > self._patience or monotonic() - since > _BUSY * self._patience:
                os.kill(self._pid, signal.SIGKILL)
                self._stop()
                return f"{_ENDLESS} {self._patience:g} s"

    def _ended(self) -> str:
        status = self._stop()
        if os.WIFSIGNALED(status):
            return signal.Signals(os.WTERMSIG(status)).name
        return f"exit status {os.waitstatus_to_exitcode(status)}"
