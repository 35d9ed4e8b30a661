"""The comparison: what was seen against what may be seen, and whose fault it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Protocol

from conformance.verdicts.blame import blamed
from conformance.verdicts.known import KnownDifference, KnownDifferences
from conformance.verdicts.panics import blamed_for_panic
from reference_model import Log, Options, Scenario, allowed_logs, predict
from reference_model.language.answer import NotDecided, Observed, Panicked
from reference_model.language.observation import HUNG


class Verdict(StrEnum):
    """The four things that can be said of a scenario."""

    AGREES = "agrees"
    KNOWN = "known difference"
    DIFFERENCE = "difference"
    NOT_DECIDED = "not decided"


class Subject(Protocol):
    """What a verdict is on: a scenario, or what another target makes of one.

    ``calls()`` has one line for each observation, ``text()`` is what can be read back.
    """

    @property
    def name(self) -> str: ...
    @property
    def family(self) -> str: ...
    @property
    def about(self) -> tuple[str, ...]: ...
    @property
    def traced(self) -> bool: ...
    def clauses(self) -> frozenset[str]: ...
    def calls(self) -> Sequence[str]: ...
    def text(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Result:
    """A subject, mostly a scenario, and its verdict.

    ``step`` is the index of the first wrong observation and ``clause`` what
    that observation speaks for; for the other verdicts, the scenario's first
    clause.  ``expected`` holds every log that the model allows, ``known`` the
    entries that explain a known difference, ``reason`` why it was not decided
    or how the kernel panicked, with its ``console`` text; ``times`` how often a difference
    was seen in how many runs; ``gave_up`` whether the target was lost.  ``number`` subjects
    like this one have the same verdict.  ``pr`` is the problem report of a known issue.
    """

    scenario: Subject
    verdict: Verdict
    clause: str
    expected: tuple[Log, ...] = ()
    observed: Log | None = None
    reason: str = ""
    console: str = ""
    step: int | None = None
    known: tuple[KnownDifference, ...] = ()
    times: tuple[int, int] = (1, 1)
    gave_up: bool = False
    number: int = 1
    pr: str = ""


def judge(
    scenario: Scenario, observed: Observed, options: Options, known: KnownDifferences
) -> Result:
    """The verdict on what was seen of *scenario*."""
    about = scenario.about[0]
    if isinstance(observed, NotDecided):
        return Result(
            scenario,
            Verdict.NOT_DECIDED,
            about,
            reason=observed.reason,
            gave_up=observed.gave_up,
        )
    if isinstance(observed, Panicked):
        return Result(
            scenario,
            Verdict.DIFFERENCE,
            blamed_for_panic(observed.reason, observed.console, scenario.steps) or about,
            allowed_logs(scenario, options),
            reason=observed.reason,
            console=observed.console,
        )
    # One prediction is cheap and nearly always right; the other orders only where it is not.
    if observed == predict(scenario, options):
        return Result(scenario, Verdict.AGREES, about, observed=observed)
    allowed = allowed_logs(scenario, options)
    if observed in allowed:
        return Result(scenario, Verdict.AGREES, about, observed=observed)
    outcomes = list(known.outcomes(scenario, allowed))
    for log, entries in outcomes:
        if observed == log:
            return Result(
                scenario, Verdict.KNOWN, entries[0].clause, allowed, observed, known=entries
            )
    right = [*allowed, *(log for log, _ in outcomes)]
    step, nearest = _first_wrong(observed, right)
    end = len(observed)
    if HUNG in observed[step + 1 :]:
        # The scenario ended there, so that a call which a later step would have let return is
        # rightly unfinished: what is right is what may be seen of a scenario that ends there.
        end = observed.index(HUNG, step)
        ended = replace(scenario, steps=scenario.steps[:end])
        allowed_so_far = allowed_logs(ended, options)
        known_so_far = [log for log, _ in known.outcomes(ended, allowed_so_far)]
        step, so_far = _first_wrong(observed[:end], [*allowed_so_far, *known_so_far])
        nearest = (*so_far, *nearest[end:])
        if step == end:  # nothing is wrong but that it ended there
            end += 1
    clause = blamed(scenario, step, observed[:end], nearest[:end], options)
    return Result(scenario, Verdict.DIFFERENCE, clause, allowed, observed, step=step)


def _first_wrong(observed: Log, right: Sequence[Log]) -> tuple[int, Log]:
    """The first wrong observation, and the log that would have been right for longest.

    It is the one behind the last where nothing is wrong.
    """
    return max(((_agree_until(observed, log), log) for log in right), key=lambda found: found[0])


def _agree_until(observed: Log, log: Log) -> int:
    pairs = enumerate(zip(observed, log, strict=True))
    return next((index for index, (seen, want) in pairs if seen != want), len(log))
