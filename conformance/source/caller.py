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
from conformance.source.tables import (
    CASE,
    FORMAT_WORDS,
    MAX_CALL_WORDS,
    MAX_SAID,
    MAX_SNAPSHOTS,
    MESSAGE_WORDS,
    PROGRESS,
    STATE,
    text_in,
)

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
# The shared memory: struct progress, snapshots, cases, records, broken rules, what was printed.
_BEGUN, _WRITTEN, _CALL_WORDS = PROGRESS["begun"], PROGRESS["written"], PROGRESS["call_words"]
_CALLS = len(PROGRESS)
_SNAPSHOTS = _CALLS + MAX_CALL_WORDS
_CASES = _SNAPSHOTS + MAX_SNAPSHOTS * STATE
_RECORDS = _CASES + BATCH * _WIDTH
_BROKEN = _RECORDS + _ROOM
_SAID = _BROKEN + BATCH
_SAID_WORDS = 1 + FORMAT_WORDS + MESSAGE_WORDS
_END = _SAID + MAX_SAID * _SAID_WORDS
# A word of broken rules: a bit for each, and above them 1 and the words of the calls before.
_RULES, _CALL_SHIFT = 0xFFFFFFFF, 32
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
                    ctypes.c_void_p(base + 8 * (_BROKEN + first)),
                    ctypes.c_void_p(base + 8 * _SAID),
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

    def broken(self, case: int) -> int:
        """Returns the rules that a case of the last run broke, by its place among the cases."""
        return self._words[_BROKEN + case] & _RULES

    def breakers(self, count: int) -> list[int]:
        """Returns the places of those of the last run's *count* cases that broke a rule."""
        broken = self._words[_BROKEN : _BROKEN + count].tolist()
        return [case for case, rules in enumerate(broken) if rules] if any(broken) else []

    def calls_before_broken(self, case: int) -> int:
        """Returns how many words of calls a case had made when it first broke a rule."""
        return (self._words[_BROKEN + case] >> _CALL_SHIFT) - 1

    def printed(self) -> list[tuple[str, str, int]]:
        """Returns each format that was printed, its first text, and how often."""
        return [
            (
                text_in(self._words[at + 1 : at + 1 + FORMAT_WORDS]),
                text_in(self._words[at + 1 + FORMAT_WORDS : at + _SAID_WORDS]),
                self._words[at],
            )
            for at in range(_SAID, _END, _SAID_WORDS)
            if self._words[at]
        ]

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
