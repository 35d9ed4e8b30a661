"""Scenarios in, logs out: one conversation with one probe.

The other end is not trusted.  Every line is checked against what must come
next; whoever dies, falls silent or talks rubbish costs the scenario that was
under way, and a new probe goes on with the next one.
"""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from types import TracebackType

import psutil

from reference_model import Log, Scenario

#: So many probes in a row may fail without having decided anything.
MAX_FAILURES = 5
_FITS_IN_A_PIPE = 4096
_OBSERVATION = re.compile(r"[ -~]{1,240}\Z")
_HELLO = re.compile(
    r"forkoracle-probe 1 (?P<system>\S+) (?P<release>\S+) (?P<machine>\S+)"
    r" uid=(?P<uid>\d+) tracer=(?P<tracer>yes|no)\Z"
)


class ProbeError(Exception):
    """What is wrong with what the probe says, or that it says nothing; one line."""


@dataclass(frozen=True, slots=True)
class Hello:
    """How a probe introduces itself: the kernel that it runs on, and as whom."""

    system: str
    release: str
    machine: str
    uid: int
    tracer: bool


@dataclass(frozen=True, slots=True)
class NotDecided:
    """Why a scenario could not be decided."""

    reason: str


Observed = Log | NotDecided


def wire_text(scenario: Scenario, settings: Mapping[str, int] | None = None) -> str:
    """The scenario as the probe wants it.

    *settings* are what words in it stand for here: ``count`` in a limit, and
    ``free`` the first of the two user IDs that nobody has.
    """
    head = "".join(f"{name} {value}\n" for name, value in (settings or {}).items())
    return head + "".join(step.call() + "\n" for step in scenario.steps) + "\n"


class _Process:
    """A running probe: its lines, each within a time limit."""

    def __init__(self, command: Sequence[str]) -> None:
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
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
        """Write in the background, so that neither side waits for the other."""
        if self._writer is not None:
            self._writer.join()
            self._writer = None
        data = "".join(texts).encode("ascii")

        def write() -> None:
            try:
                self._in.write(data)
                self._in.flush()
            except (BrokenPipeError, ValueError, OSError):
                pass  # the reading side notices, and says so

        if len(data) <= _FITS_IN_A_PIPE:
            write()  # without a thread, which Linux would count as a process
        else:
            self._writer = threading.Thread(target=write, daemon=True)
            self._writer.start()

    def line(self, timeout: float) -> str:
        """The next line; :class:`ProbeError` at the end or after *timeout* seconds."""
        deadline = monotonic() + timeout
        while not self._lines:
            ready, _, _ = select.select([self._out], [], [], max(0.0, deadline - monotonic()))
            if not ready:
                raise ProbeError(f"the probe said nothing for {timeout:.0f} s")
            data = os.read(self._out, 1 << 16)
            if not data:
                raise ProbeError(self._how_it_ended())
            *lines, self._rest = (self._rest + data).split(b"\n")
            lines.reverse()
            self._lines = lines
        raw = self._lines.pop()
        try:
            return raw.decode("ascii")
        except UnicodeDecodeError:
            raise ProbeError(f"the probe said {raw[:40]!r}: expected ASCII") from None

    def _how_it_ended(self) -> str:
        half = f" in the middle of the line {self._rest[:40]!r}" if self._rest else ""
        try:
            status = self._process.wait(1)
        except subprocess.TimeoutExpired:
            return f"the probe closed its output{half}"
        if status < 0:
            return f"the probe was killed by {signal.Signals(-status).name}{half}"
        return f"the probe ended with status {status}{half}"

    def session(self) -> list[psutil.Process]:
        """Every process that belongs to this probe, dead or alive."""
        found = []
        for process in psutil.process_iter():
            try:
                if os.getsid(process.pid) == self._process.pid:
                    found.append(process)
            except (ProcessLookupError, psutil.NoSuchProcess, PermissionError):
                continue
        return found

    def finish(self) -> None:
        """Let the probe come to its end, which it does once its input is closed."""
        try:
            self._in.close()
            self._process.wait(5)
        except (OSError, ValueError, subprocess.TimeoutExpired):
            pass
        self.kill()

    def kill(self) -> None:
        """End every process of this probe's session, and wait until they are gone."""
        for _ in range(20):
            alive = self.session()
            if not alive:
                break
            for process in alive:
                try:
                    process.kill()
                except psutil.NoSuchProcess:
                    continue
            self._process.poll()
            psutil.wait_procs(alive, timeout=0.2)
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            try:
                if stream:
                    stream.close()
            except OSError:
                continue


class Channel:
    """A probe that is there when it is needed, and replaced when it fails."""

    def __init__(self, command: Sequence[str], patience: float = 2.0) -> None:
        """*patience*, in seconds, is how long a scenario may go without any progress."""
        self._command = [*command, "--patience", str(int(patience * 1000))]
        self._patience = patience
        self._process: _Process | None = None
        self._number = 0

    def __enter__(self) -> Channel:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process is not None:
            if kind is None:
                self._process.finish()
            else:
                self._process.kill()
            self._process = None

    def hello(self) -> Hello:
        """Start a probe, if none runs, and hear who it is.  Raises :class:`ProbeError`."""
        self._start()
        return self._hello

    def processes(self) -> list[psutil.Process]:
        """The processes that this channel has running now."""
        return self._process.session() if self._process else []

    def _start(self) -> _Process:
        if self._process is None:
            process = _Process(self._command)
            try:
                line = process.line(10.0)
                match = _HELLO.match(line)
                if match is None:
                    raise ProbeError(f"the probe said {line[:60]!r}: expected its greeting")
            except ProbeError:
                process.kill()
                raise
            self._hello = Hello(
                match["system"],
                match["release"],
                match["machine"],
                int(match["uid"]),
                match["tracer"] == "yes",
            )
            self._process, self._number = process, 0
        return self._process

    def run(
        self, scenarios: Sequence[Scenario], settings: Mapping[str, int] | None = None
    ) -> Iterator[tuple[Scenario, Observed]]:
        """Each scenario with its log, in order, as the logs come."""
        position, failures = 0, 0
        while position < len(scenarios):
            try:
                process = self._start()
                process.send([wire_text(s, settings) for s in scenarios[position:]])
                while position < len(scenarios):
                    yield scenarios[position], self._log(process, scenarios[position])
                    position += 1
                    failures = 0
            except ProbeError as error:
                if self._process is not None:
                    self._process.kill()
                    self._process = None
                failures += 1
                yield scenarios[position], NotDecided(str(error))
                position += 1
                if failures == MAX_FAILURES:
                    reason = NotDecided(f"given up after {failures} failures: {error}")
                    for scenario in scenarios[position:]:
                        yield scenario, reason
                    return

    def _log(self, process: _Process, scenario: Scenario) -> Observed:
        """Exactly ``= N``, an observation for each step, and a dot."""
        timeout = (4 + len(scenario.steps)) * self._patience + 5
        line = process.line(timeout)
        if line != f"= {self._number}":
            raise ProbeError(f"the probe said {line[:60]!r}: expected '= {self._number}'")
        self._number += 1
        log = []
        wrong = None
        for _ in scenario.steps:
            line = process.line(timeout)
            if line.startswith("! "):
                wrong = NotDecided(f"the probe cannot do this: {line[2:]}")
                break
            if not _OBSERVATION.match(line):
                raise ProbeError(f"the probe said {line[:60]!r}: expected an observation")
            log.append(line)
        line = process.line(timeout)
        if line != ".":
            raise ProbeError(f"the probe said {line[:60]!r}: expected the end of the log")
        if "cannot" in log:
            return NotDecided(
                f"the target cannot do {scenario.steps[log.index('cannot')].call()!r}"
            )
        return wrong or tuple(log)
