"""Runs differing scenarios again, to find out which always differ and which sometimes do.

Each is run in a guest of its own, so that no other scenario can make it differ.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from conformance.results.result import Result, Verdict
from conformance.runs.history import Search, alone
from conformance.runs.hung import ended_early
from conformance.targets.base import Target
from reference_model import Scenario

#: Number of times that a scenario that differs is run in all.
RUNS_OF_A_DIFFERENCE = 3
#: Maximum number of differences that are run again; more of them are no accident.
MAX_REPEATED = 50
#: Number of differences of a clause that come again in fresh guests; then more of the clause do not
#: need any.
MAX_FRESH = 5
#: Maximum number of differences that are tried as the cause of others.
MAX_SUSPECTS = 4
TOO_BUSY = "a step did not return in time once, and did so when run again: is the machine too busy?"


def repeated(
    differing: Sequence[Result],
    target: Target,
    histories: Mapping[str, Sequence[Scenario]] | None = None,
) -> Iterator[Result]:
    """Yields each of *differing* with the number of times that it differed.

    A step that did not return in time once, and does so now, was late: it is not decided.  For
    another one that does not differ again, *histories* has the scenarios before it, by its name;
    the result names those that it needs to differ.
    """
    results: list[Result] = []
    sure: Counter[str] = Counter()
    for result in differing:
        repetition = _again(result, target, fresh=sure[result.clause] < MAX_FRESH)
        sure[result.clause] += _is_certain(repetition)
        results.append(repetition)
    search = Search(target)
    for result in results:
        # One of each clause will do: the others leave the same behind.
        scenario, found = result.scenario, search.found
        is_new = len(found) < MAX_SUSPECTS and result.clause not in found.values()
        if is_new and _is_certain(result) and isinstance(scenario, Scenario):
            found[scenario,] = result.clause
    for result in results:
        history = (histories or {}).get(result.scenario.name, ())
        if history and result.times[0] == 1 and result.verdict is Verdict.DIFFERENCE:
            yield search.explained(result, history) or result
        else:
            yield result
    if differing and target.ours:
        target.restart()


def _is_certain(result: Result) -> bool:
    """Returns whether it differed each time, and the probe went on."""
    return (
        result.verdict is Verdict.DIFFERENCE
        and result.times == (RUNS_OF_A_DIFFERENCE, RUNS_OF_A_DIFFERENCE)
        and result.observed is not None
        and not ended_early(result)
    )


def _again(result: Result, target: Target, *, fresh: bool) -> Result:
    """Returns the result with its count; *fresh* says whether in fresh guests."""
    scenario = result.scenario
    assert isinstance(scenario, Scenario)
    count = 1
    for _ in range(RUNS_OF_A_DIFFERENCE - 1):
        found = alone(target, [scenario], fresh=fresh)
        count += found.verdict is Verdict.DIFFERENCE
    if count == 1 and ended_early(result):
        return replace(
            result,
            verdict=Verdict.NOT_DECIDED,
            clause=result.scenario.about[0],
            reason=TOO_BUSY,
        )
    return replace(result, times=(count, RUNS_OF_A_DIFFERENCE))
