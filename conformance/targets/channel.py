"""Scenarios in, logs out: one conversation with one probe.

The other end is not trusted.  Every line is checked against what must come next.  A probe that
dies, falls silent or says what cannot be costs the scenario that was under way, and a new probe
goes on with the next one.

The hard part is to find that scenario (:class:`Search`).  A probe keeps back up to 64 KiB of logs,
and says them in one piece: when a guest panics, thousands of
scenarios are without a log, and the first of them is rarely the one that made it panic.  So the
suspects are run again in parts, an eighth of them at a time, then an eighth of that, down to one
scenario that ends the probe by itself.  After each part that goes well the next one is twice as
large.  A fault that does not come again is told once, in the place of the last suspect's log.

What was tried, and rejected:

* The first scenario without a log: it is rarely the one, since logs come in large pieces.
* The last suspect, where a fault does not come again: a race of the kernel's was then told of
  scenarios that have nothing to do with it.  Now the line says in how many it may have been.
* To search after a hang as after a panic.  In a guest of our own no process watches the director
  while it plays a scenario itself, so each hang cost 17 seconds of silence and was not decided.
  Now every scenario is played by actors and watched ("staged") from the first hang on.  The step
  that hangs is an observation like any other, and explains the silence before it.
* To try as often in a guest in which nothing was ever decided.  Each hang takes its time, so such
  a guest is given up after two more.

Sources: conformance/probe for what a probe says and when; docs/design.md for the guests.  Related
is delta debugging (Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input",
2002), which looks for a set of causes; here one scenario is the cause, and their order stays.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Protocol

from reference_model import Scenario
from reference_model.language.answer import Fault, NotDecided, Observed, Panicked
from reference_model.language.observation import CANNOT, HUNG
from reference_model.proc import RLIM_INFINITY

#: Maximum number of probes in a row that fail without having decided anything.
MAX_FAILURES = 5
#: Maximum number of hangs in a row in a guest that has never decided anything.
MAX_HANGS = 2
#: Maximum number of logs that a probe keeps back: 64 KiB, at eight bytes or more for each.
WINDOW = 1 << 13
#: Such a guest's init has said its name; all that plays scenarios is a child of it.
NO_CHILD_EVER_RAN = "; nothing that was forked there has ever answered: RETURN-VALUES or RUNNABLE?"
#: Seconds until a probe must have introduced itself, a guest's boot included.
START_TIMEOUT = 60.0
_OBSERVATION = re.compile(r"[ -~]{1,392}\Z")
_HELLO = re.compile(
    r"forkoracle-probe 3 (?P<system>\S+) (?P<release>\S+) (?P<machine>\S+)"
    r" uid=(?P<uid>\d+) tracer=(?P<tracer>yes|no)"
    r" nproc=(?P<soft>\d{1,20})/(?P<hard>\d{1,20}) maxproc=(?P<maxproc>\d{1,20})"
    r" lacks=(?P<lacks>-|[A-Z,]+)\Z"
)


class ProbeError(Exception):
    """What is wrong with what the probe says, or that it says nothing; one line."""


class PanicError(ProbeError):
    """The kernel under the probe has panicked; ``console`` is what it wrote."""

    def __init__(self, reason: str, console: str) -> None:
        super().__init__(reason)
        self.console = console


class HangError(ProbeError):
    """The probe is there and says nothing."""


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
    """How a probe introduces itself: the kernel that it runs on, and as whom.

    ``nproc`` is the soft and hard RLIMIT_NPROC that it was given, ``maxproc``
    the kernel's limit on processes (0: unknown), ``lacks`` the options that
    the kernel was built without.
    """

    system: str
    release: str
    machine: str
    uid: int
    tracer: bool
    nproc: tuple[int, int]
    maxproc: int
    lacks: frozenset[str]


def wire_text(scenario: Scenario, settings: Mapping[str, int] | None = None) -> str:
    """The scenario as the probe wants it.

    *settings* are what words in it stand for here: ``count`` in a limit, and
    ``free`` the first of the two user IDs that nobody has.  ``staged`` has it
    played by actors, and watched, even where the director could play it itself;
    ``together`` has its first root share the director's memory.
    """
    head = "".join(f"{name} {value}\n" for name, value in (settings or {}).items())
    return head + "".join(step.call() + "\n" for step in scenario.steps) + "\n"


class Search:
    """Finds the scenario that ended a probe, by running the suspects again in smaller parts."""

    def __init__(self) -> None:
        self._size: int | None = None
        self._fault: Fault | None = None
        self._hung = False
        self._begin = self._end = 0

    def until(self, position: int, total: int) -> int:
        """Where the next part ends."""
        return total if self._size is None else min(total, position + self._size)

    def hung(self, position: int, until: int, fault: Fault) -> None:
        """Hears that this part hung, and goes on with a single scenario.

        A step that hangs in one of the suspects explains the hang, which is then not told.
        """
        self._begin, self._end = position, min(until, position + WINDOW)
        self._size, self._fault, self._hung = 1, fault, True

    def failed(self, position: int, until: int, fault: Fault) -> bool:
        """Hears that this part ended the probe; returns whether it is the one scenario sought."""
        self._begin, self._end = position, min(until, position + WINDOW)
        self._size = max(1, (self._end - position) // 8)
        found = self._end - position == 1
        self._fault, self._hung = None if found else fault, False
        return found

    def decided(self, position: int, log: Observed) -> Fault | None:
        """Hear that this scenario has a log.

        After the last suspect's log, the fault did not come again: it is told in the place of
        that log, so that it is not lost.
        """
        if self._hung and isinstance(log, tuple) and HUNG in log:
            self._fault, self._hung = None, False
        if self._fault is None or position + 1 < self._end:
            return None
        fault, self._fault = self._fault, None
        before = position - self._begin
        which = f", in this scenario or one of the {before} before it" if before else ""
        again = "and not again when the same scenarios were run again"
        return replace(fault, reason=f"{fault.reason}; once{which}, {again}")

    def went_well(self) -> None:
        """Go on in larger parts."""
        if self._size is not None:
            self._size = 2 * self._size if self._size < WINDOW else None


def _limit(digits: str) -> int:
    return RLIM_INFINITY if int(digits) > RLIM_INFINITY else int(digits)


class Channel:
    """A probe that is there when it is needed, and replaced when it fails."""

    def __init__(
        self, start: Callable[[], Transport], patience: float = 2.0, *, watched: bool = True
    ) -> None:
        """*start* starts a probe.

        *patience*, in seconds, is how long that probe lets a scenario go
        without any progress.  *watched* is whether somebody there watches the
        probe, too, when it plays a scenario itself.  If nobody does, nothing
        is played so any more once it has hung: then it says which step got stuck.
        """
        self._start_probe = start
        self._patience = patience
        self._unwatched = not watched
        self._staged: dict[str, int] = {}
        self._decided = False
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
                (_limit(match["soft"]), _limit(match["hard"])),
                int(match["maxproc"]),
                frozenset(match["lacks"].split(",")) - {"-"},
            )
            self._process, self._number = process, 0
        return self._process

    def run(
        self, scenarios: Sequence[Scenario], settings: Mapping[str, int] | None = None
    ) -> Iterator[tuple[Scenario, Observed]]:
        """Each scenario with its log, in order, as the logs come."""
        position, failures, search = 0, 0, Search()
        while position < len(scenarios):
            until = search.until(position, len(scenarios))
            started = False
            try:
                process = self._start()
                started = True
                words = {**(settings or {}), **self._staged}
                process.send([wire_text(s, words) for s in scenarios[position:until]])
                while position < until:
                    log = self._log(process, scenarios[position])
                    yield scenarios[position], search.decided(position, log) or log
                    position += 1
                    failures = 0
                    self._decided = True
                search.went_well()
            except ProbeError as error:
                self.kill()
                fault: Fault = NotDecided(str(error))
                if isinstance(error, PanicError):
                    fault = Panicked(str(error), error.console)
                elif (
                    started
                    and isinstance(error, HangError)
                    and self._unwatched
                    and not self._staged
                ):
                    self._staged = {"staged": 1}
                    search.hung(position, until, fault)
                    continue
                if started and not search.failed(position, until, fault):
                    continue
                failures += 1
                # Each hang takes its time: where nothing has ever been decided, nothing will be.
                mute = bool(self._staged) and not self._decided
                if failures == (MAX_HANGS if mute else MAX_FAILURES):
                    why = f"given up after {failures} failures: {error}"
                    reason = NotDecided(why + (NO_CHILD_EVER_RAN if mute else ""), gave_up=True)
                    for number, scenario in enumerate(scenarios[position:]):
                        yield scenario, fault if started and not number else reason
                    return
                if started:
                    yield scenarios[position], fault
                    position += 1

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
        if CANNOT in log:
            return NotDecided(f"the target cannot do {scenario.steps[log.index(CANNOT)].call()!r}")
        return wrong or tuple(log)
