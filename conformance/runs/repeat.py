"""Runs differing scenarios again, to find out which always differ and which sometimes do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from conformance.results.result import Result, Verdict
from conformance.runs.hung import ended_early
from conformance.targets.base import Target
from conformance.verdicts.judge import judge
from reference_model import Scenario
from reference_model.language.answer import NotDecided

#: Number of times that a scenario that differs is run in all.
RUNS_OF_A_DIFFERENCE = 3
#: Maximum number of differences that are run again; more of them are no accident.
MAX_REPEATED = 50
TOO_BUSY = "a step did not return in time once, and did so when run again: is the machine too busy?"


def repeated(differing: Sequence[Result], target: Target) -> Iterator[Result]:
    """Yields each of *differing* with the number of times that it differed.

    A step that did not return in time once, and does so now, was late: it is not decided.
    """
    seen = [1] * len(differing)
    again = [i for i in range(len(differing)) for _ in range(RUNS_OF_A_DIFFERENCE - 1)]
    subjects = [differing[i].scenario for i in again]
    observations = target.run([s for s in subjects if isinstance(s, Scenario)])
    for i, (scenario, observed) in zip(again, observations, strict=True):
        if not isinstance(observed, NotDecided):
            found = judge(scenario, observed, target.options, target.known)
            seen[i] += found.verdict is Verdict.DIFFERENCE
    for result, count in zip(differing, seen, strict=True):
        if count == 1 and ended_early(result):
            yield replace(
                result,
                verdict=Verdict.NOT_DECIDED,
                clause=result.scenario.about[0],
                reason=TOO_BUSY,
            )
        else:
            yield replace(result, times=(count, RUNS_OF_A_DIFFERENCE))
