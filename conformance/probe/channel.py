"""Scenarios in, logs out: one conversation with one probe.

The other end is not trusted.  Every line is checked against what must come
next; whoever dies, falls silent or talks rubbish costs the scenario that was
under way, and a new probe goes on with the next one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol

from reference_model import Log, Scenario

#: So many probes in a row may fail without having decided anything.
MAX_FAILURES = 5
#: After a panic so many scenarios are sent one by one, so that the guilty one is known.
CAREFUL = 256
#: Seconds until a probe must have introduced itself, a guest's boot included.
START_TIMEOUT = 60.0
_OBSERVATION = re.compile(r"[ -~]{1,240}\Z")
_HELLO = re.compile(
    r"forkoracle-probe 1 (?P<system>\S+) (?P<release>\S+) (?P<machine>\S+)"
    r" uid=(?P<uid>\d+) tracer=(?P<tracer>yes|no)\Z"
)


class ProbeError(Exception):
    """What is wrong with what the probe says, or that it says nothing; one line."""


class PanicError(ProbeError):
    """The kernel under the probe has panicked; ``console`` is what it wrote."""

    def __init__(self, reason: str, console: str) -> None:
        super().__init__(reason)
        self.console = console


class Transport(Protocol):
    """A probe that runs somewhere: texts in, lines out."""

    def send(self, texts: Sequence[str]) -> None:
        """Hand over texts, without waiting for what they bring."""
        ...

    def line(self, timeout: float) -> str:
        """The next line; :class:`ProbeError` where none comes within *timeout* seconds."""
        ...

    def finish(self) -> None:
        """Let the probe come to its end, and leave nothing behind."""
        ...

    def kill(self) -> None:
        """End the probe at once, and leave nothing behind."""
        ...


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


@dataclass(frozen=True, slots=True)
class Panicked:
    """The scenario made the kernel panic: what it said last, and its console."""

    reason: str
    console: str


Observed = Log | NotDecided | Panicked


def wire_text(scenario: Scenario, settings: Mapping[str, int] | None = None) -> str:
    """The scenario as the probe wants it.

    *settings* are what words in it stand for here: ``count`` in a limit, and
    ``free`` the first of the two user IDs that nobody has.
    """
    head = "".join(f"{name} {value}\n" for name, value in (settings or {}).items())
    return head + "".join(step.call() + "\n" for step in scenario.steps) + "\n"


class Channel:
    """A probe that is there when it is needed, and replaced when it fails."""

    def __init__(self, start: Callable[[], Transport], patience: float = 2.0) -> None:
        """*start* starts a probe.

        *patience*, in seconds, is how long that probe lets a scenario go
        without any progress.
        """
        self._start_probe = start
        self._patience = patience
        self._process: Transport | None = None
        self._number = 0

    def __enter__(self) -> Channel:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.finish()
        else:
            self.kill()

    def finish(self) -> None:
        """Let the probe come to its end, if one runs, and leave nothing behind."""
        if self._process is not None:
            self._process.finish()
            self._process = None

    def kill(self) -> None:
        """End the probe at once, if one runs, and leave nothing behind."""
        if self._process is not None:
            self._process.kill()
            self._process = None

    def hello(self) -> Hello:
        """Start a probe, if none runs, and hear who it is.  Raises :class:`ProbeError`."""
        self._start()
        return self._hello

    @property
    def transport(self) -> Transport | None:
        """The probe that runs now, if one does."""
        return self._process

    def _start(self) -> Transport:
        if self._process is None:
            process = self._start_probe()
            try:
                line = process.line(START_TIMEOUT)
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
        position, failures, careful = 0, 0, 0
        while position < len(scenarios):
            until = min(len(scenarios), position + 1) if careful else len(scenarios)
            try:
                process = self._start()
                process.send([wire_text(s, settings) for s in scenarios[position:until]])
                while position < until:
                    yield scenarios[position], self._log(process, scenarios[position])
                    position += 1
                    failures = 0
                    careful = max(0, careful - 1)
            except ProbeError as error:
                self.kill()
                failures += 1
                if failures < MAX_FAILURES and isinstance(error, PanicError):
                    # What had been seen but not said yet is lost with the kernel, so the
                    # panic may be a later one's: ask again, one by one.
                    if not careful:
                        careful = CAREFUL
                        continue
                    yield scenarios[position], Panicked(str(error), error.console)
                else:
                    yield scenarios[position], NotDecided(str(error))
                position += 1
                if failures >= MAX_FAILURES:
                    reason = NotDecided(f"given up after {failures} failures: {error}")
                    for scenario in scenarios[position:]:
                        yield scenario, reason
                    return

    def _log(self, process: Transport, scenario: Scenario) -> Observed:
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
