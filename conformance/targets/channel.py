"""Sends scenarios to a probe, and reads their logs.

The probe is not trusted: each line is checked.  If a probe dies, is silent or sends a wrong line,
the current scenario is not decided, and a new probe continues with the next one.

The hard part is to find that scenario (:class:`Search`).  A probe buffers up to 64 KiB of logs.
When a guest panics, thousands of scenarios have no log, and the first of them is rarely the one
that made it panic.  So the suspects are run again in parts, an eighth of them at a time, then an
eighth of that, down to one scenario that ends the probe by itself.  After each part without a
fault the next one is twice as large.  A fault that does not occur again is reported once, in place
of the last suspect's log.

What was tried, and rejected:

* The first scenario without a log: it is rarely the one, since logs come in large pieces.
* The last suspect, if a fault does not occur again: races in the kernel were then reported for
  unrelated scenarios.  Now the line says how many scenarios are suspects.
* To search after a hang as after a panic.  In a QEMU guest no process watches the director
  while it plays a scenario itself, so each hang cost 17 seconds of silence and was not decided.
  Now every scenario is played by actors and watched ("staged") after the first hang.  The hung
  step is then an observation, and explains the silence.
* To retry as often in a guest in which nothing was ever decided.  Each hang takes long, so such
  a guest is given up after two more.

Sources: conformance/probe for the output of a probe; docs/design.md for the guests.  Related is
delta debugging (Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", 2002).
It looks for a set of causes; here one scenario is the cause, and the order does not change.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Protocol

from reference_model import Scenario
from reference_model.language.answer import Fault, NotDecided, Observed, Panicked
from reference_model.language.observation import CANNOT, HUNG, UNNAMED
from reference_model.proc import RLIM_INFINITY

#: Maximum number of probes in a row that fail without having decided anything.
MAX_FAILURES = 5
#: Maximum number of hangs in a row in a guest that has never decided anything.
MAX_HANGS = 2
#: Maximum number of logs that a probe buffers: 64 KiB, at eight bytes or more for each.
WINDOW = 1 << 13
#: The init of such a guest has sent its greeting; all scenarios are played by its children.
NO_CHILD_EVER_RAN = "; nothing that was forked there has ever answered: RETURN-VALUES or RUNNABLE?"
#: Maximum number of seconds until the greeting of a probe, with a guest's boot.
START_TIMEOUT = 60.0
#: Maximum number of scenarios in a history: those that one guest runs in about a second.
LONGEST_HISTORY = 1024
#: Maximum number of probes whose scenarios are remembered: the one that runs, and those that may
#: have ended since one of their answers was yielded.
MAX_LIVES = 8
_OBSERVATION = re.compile(r"[ -~]{1,392}\Z")
_HELLO = re.compile(
    r"forkoracle-probe 3 (?P<system>\S+) (?P<release>\S+) (?P<machine>\S+)"
    r" uid=(?P<uid>\d+) tracer=(?P<tracer>yes|no)"
    r" nproc=(?P<soft>\d{1,20})/(?P<hard>\d{1,20}) maxproc=(?P<maxproc>\d{1,20})"
    r" lacks=(?P<lacks>-|[A-Z,]+)\Z"
)


class ProbeError(Exception):
    """The probe sent a wrong line, or none; one line says which."""


class PanicError(ProbeError):
    """The kernel under the probe has panicked; ``console`` is its output."""

    def __init__(self, reason: str, console: str) -> None:
        super().__init__(reason)
        self.console = console


class HangError(ProbeError):
    """The probe runs and does not answer."""


class Transport(Protocol):
    """A probe that runs somewhere: texts in, lines out."""

    def send(self, texts: Sequence[str]) -> None:
        """Sends texts, without waiting for answers."""
        ...

    def line(self, timeout: float) -> str:
        """Returns the next line.  Raises :class:`ProbeError` after *timeout* seconds."""
        ...

    def finish(self) -> None:
        """Lets the probe end, and leaves nothing behind."""
        ...

    def kill(self) -> None:
        """Ends the probe at once, and leaves nothing behind."""
        ...


@dataclass(frozen=True, slots=True)
class Hello:
    """The greeting of a probe: its kernel and its user.

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
    """Returns the scenario in the format of the probe.

    *settings* gives values to words: ``count`` is the number in a limit, ``free`` the first of two
    user IDs without a process.  With ``staged`` actors play the scenario and are watched, even if
    the director could play it.  With ``together`` the first root shares the director's memory.
    """
    head = "".join(f"{name} {value}\n" for name, value in (settings or {}).items())
    return head + "".join(step.call() + "\n" for step in scenario.steps) + "\n"


def changes_user(scenario: Scenario) -> bool:
    """Returns whether a process of the scenario becomes another user."""
    return any(step.verb == "setreuid" for step in scenario.steps)


def _with_uid(scenario: Scenario, settings: dict[str, int], uids: Iterator[int] | None) -> str:
    """Returns the scenario in the format of the probe, with user IDs of its own."""
    if uids is not None and changes_user(scenario):
        return wire_text(scenario, {**settings, "free": next(uids)})
    return wire_text(scenario, settings)


class Search:
    """Finds the scenario that ended a probe, by running the suspects again in smaller parts."""

    def __init__(self) -> None:
        self._size: int | None = None
        self._fault: Fault | None = None
        self._hung = False
        self._begin = self._end = 0

    def until(self, position: int, total: int) -> int:
        """Returns the end of the next part."""
        return total if self._size is None else min(total, position + self._size)

    def hung(self, position: int, until: int, fault: Fault) -> None:
        """Records that this part hung; the next part is a single scenario.

        If a step of a suspect hangs, it explains this hang, which is then not reported.
        """
        self._begin, self._end = position, min(until, position + WINDOW)
        self._size, self._fault, self._hung = 1, fault, True

    def failed(self, position: int, until: int, fault: Fault) -> bool:
        """Records that this part ended the probe; returns whether it is a single scenario."""
        self._begin, self._end = position, min(until, position + WINDOW)
        self._size = max(1, (self._end - position) // 8)
        found = self._end - position == 1
        self._fault, self._hung = None if found else fault, False
        return found

    def decided(self, position: int, log: Observed) -> Fault | None:
        """Records that this scenario has a log.

        After the log of the last suspect, the fault has not occurred again: it is returned to
        replace that log, so that it is not lost.
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
        """Makes the next part larger."""
        if self._size is not None:
            self._size = 2 * self._size if self._size < WINDOW else None


def _limit(digits: str) -> int:
    return RLIM_INFINITY if int(digits) > RLIM_INFINITY else int(digits)


class Channel:
    """A probe that is started when it is needed, and replaced when it fails."""

    def __init__(
        self, start: Callable[[], Transport], patience: float = 2.0, *, watched: bool = True
    ) -> None:
        """*start* starts a probe.

        *patience* is the number of seconds without progress after which the probe ends a
        scenario.  *watched* says that another process watches the probe while it plays a
        scenario itself.  If not, all scenarios are played by actors after the first hang, so
        that the log says which step hung.
        """
        self._start_probe = start
        self._patience = patience
        self._unwatched = not watched
        self._staged: dict[str, int] = {}
        self._decided = False
        self._process: Transport | None = None
        self._number = 0
        #: For each of the last probes, the last scenarios that it has run.
        self._lives: deque[list[Scenario]] = deque([[]], MAX_LIVES)

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
        """Lets the probe end, if one runs, and leaves nothing behind."""
        if self._process is not None:
            self._process.finish()
            self._process = None

    def kill(self) -> None:
        """Ends the probe at once, if one runs, and leaves nothing behind."""
        if self._process is not None:
            self._process.kill()
            self._process = None

    def hello(self) -> Hello:
        """Returns the probe's greeting; starts one if none runs.  Raises :class:`ProbeError`."""
        self._start()
        return self._hello

    @property
    def transport(self) -> Transport | None:
        """Returns the probe that runs now, or None."""
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
            self._lives.append([])
        return self._process

    def history(self, scenario: Scenario) -> tuple[Scenario, ...]:
        """Returns the scenarios that the same probe has run before *scenario*, the last ones.

        They are remembered for a while: it returns none for a scenario that was run long ago.
        """
        for life in reversed(self._lives):
            for index in range(len(life) - 1, -1, -1):
                if life[index] is scenario:
                    return tuple(life[max(0, index - LONGEST_HISTORY) : index])
        return ()

    def _remember(self, scenario: Scenario) -> None:
        life = self._lives[-1]
        if len(life) >= 4 * LONGEST_HISTORY:
            del life[: 2 * LONGEST_HISTORY]
        life.append(scenario)

    def run(
        self,
        scenarios: Sequence[Scenario],
        settings: Mapping[str, int] | None = None,
        uids: Iterator[int] | None = None,
    ) -> Iterator[tuple[Scenario, Observed]]:
        """Yields each scenario with its log, in order, as the logs come.

        *uids* gives the value of ``free`` for each scenario that has such a user ID.
        """
        position, failures, search = 0, 0, Search()
        while position < len(scenarios):
            until = search.until(position, len(scenarios))
            started = False
            try:
                process = self._start()
                started = True
                words = {**(settings or {}), **self._staged}
                process.send([_with_uid(s, words, uids) for s in scenarios[position:until]])
                while position < until:
                    log = self._log(process, scenarios[position])
                    self._remember(scenarios[position])
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
                # Each hang takes long; a guest that never decided anything will not do so now.
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
        if UNNAMED in log:
            step = log.index(UNNAMED)
            call = scenario.steps[step].call()
            return NotDecided(f"step {step} {call!r} names a process of which no step has told")
        return wrong or tuple(log)
