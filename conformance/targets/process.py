"""Talks to a process of this machine: a probe, or ssh to one."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from time import monotonic
from typing import IO

import psutil

from conformance.targets.channel import ProbeError

_FITS_IN_A_PIPE = 4096
_LONGEST_LINE = 1 << 16


def session_of(leader: int) -> list[psutil.Process]:
    """Returns every process of that leader's session, also zombies."""
    found = []
    for process in psutil.process_iter():
        try:
            if os.getsid(process.pid) == leader:
                found.append(process)
        except (ProcessLookupError, psutil.NoSuchProcess, PermissionError):
            continue
    return found


def _has_ended(process: psutil.Process) -> bool:
    try:
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def kill_session(leader: subprocess.Popen[bytes], *, reaped: bool = True) -> None:
    """Kills every process of the child's session, and waits until they have ended.

    If *reaped*, it waits also until their parents, or init, have reaped them, so that they no
    longer count against the user's limit.  Some programs that run as init take seconds for that.
    """
    for _ in range(20):
        alive = session_of(leader.pid)
        if not reaped:
            alive = [process for process in alive if not _has_ended(process)]
        if not alive:
            break
        for process in alive:
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
        leader.poll()
        psutil.wait_procs(alive, timeout=0.2)
    leader.wait()


class ProbeProcess:
    """A probe on this machine; each line has a time limit."""

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str] | None = None,
        errors: IO[bytes] | None = None,
    ) -> None:
        """*environment* replaces ours; *errors* gets the standard error of the process."""
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors or subprocess.DEVNULL,
                env=environment,
                start_new_session=True,
            )
        except OSError as error:
            raise ProbeError(f"cannot start the probe {command[0]}: {error.strerror}") from None
        assert self._process.stdin
        assert self._process.stdout
        self._in = self._process.stdin
        self._out = self._process.stdout.fileno()
        self._rest = b""
        self._lines: list[bytes] = []
        self._writer: threading.Thread | None = None

    def send(self, texts: Sequence[str]) -> None:
        """Writes texts in the background, so that neither side waits for the other."""
        self._write("".join(texts).encode("ascii"))

    def _write(self, data: bytes) -> None:
        if self._writer is not None:
            self._writer.join()
            self._writer = None

        def write() -> None:
            try:
                self._in.write(data)
                self._in.flush()
            except (BrokenPipeError, ValueError, OSError):
                pass  # the reading side reports it

        if len(data) <= _FITS_IN_A_PIPE:
            write()  # without a thread, which Linux would count as a process
        else:
            self._writer = threading.Thread(target=write, daemon=True)
            self._writer.start()

    def line(self, timeout: float) -> str:
        """Returns the next line.  Raises :class:`ProbeError` at the end or after *timeout* s."""
        raw = self._raw_line(timeout)
        try:
            return raw.decode("ascii")
        except UnicodeDecodeError:
            raise ProbeError(f"the probe said {raw[:40]!r}: expected ASCII") from None

    def _raw_line(self, timeout: float) -> bytes:
        deadline = monotonic() + timeout
        while not self._lines:
            left = deadline - monotonic()
            ready, _, _ = select.select([self._out], [], [], max(0.0, left))
            if not ready or left < 0:
                raise ProbeError(f"the probe said nothing for {timeout:.0f} s")
            data = os.read(self._out, 1 << 16)
            if not data:
                raise self._how_it_ended()
            *lines, self._rest = (self._rest + data).split(b"\n")
            if len(self._rest) > _LONGEST_LINE:
                raise ProbeError(f"the probe said a line of over {_LONGEST_LINE} bytes")
            lines.reverse()
            self._lines = lines
        return self._lines.pop()

    def _how_it_ended(self) -> ProbeError:
        half = f" in the middle of the line {self._rest[:40]!r}" if self._rest else ""
        try:
            status = self._process.wait(1)
        except subprocess.TimeoutExpired:
            return ProbeError(f"the probe closed its output{half}")
        if status < 0:
            return ProbeError(f"the probe was killed by {signal.Signals(-status).name}{half}")
        return ProbeError(f"the probe ended with status {status}{half}")

    def session(self) -> list[psutil.Process]:
        """Returns every process of this probe, also zombies."""
        return session_of(self._process.pid)

    def finish(self) -> None:
        """Lets the probe end by closing its input."""
        try:
            self._in.close()
            self._process.wait(5)
        except (OSError, ValueError, subprocess.TimeoutExpired):
            pass
        self.kill()

    def kill(self) -> None:
        """Kills every process of this probe's session, and waits until they have ended."""
        kill_session(self._process)
        for stream in (self._process.stdin, self._process.stdout):
            try:
                if stream:
                    stream.close()
            except OSError:
                continue
