"""Minimises the differences of a run on their kernel, and counts how often they reproduce."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from time import monotonic

from conformance.report.pr.problem import cause, group, scenario_of
from conformance.results.result import Result, Verdict
from conformance.results.results import Results
from conformance.runs.minimise import minimised
from conformance.targets.base import Target
from conformance.verdicts.judge import judge
from reference_model import Scenario
from reference_model.language.answer import NotDecided, Observed

#: Number of runs for each difference.  A difference that occurs in one of six runs is missed in
#: fewer than 3 of 100 reports.
TIMES = 20
#: Maximum number of seconds for these runs, after the first AT_LEAST of them.
SECONDS, AT_LEAST = 20.0, 3


def asked_again(
    results: Results, target: Target, times: int | None = None, *, minimises: bool
) -> Results:
    """Returns the results after the scenario of each problem was run on *target* again.

    Each is run *times* times; if that is None, up to :data:`TIMES` times in :data:`SECONDS`.
    With *minimises* each scenario is first minimised.
    """
    differences = list(results.differences)
    for problem in group(differences, results.kernel, results.target):
        told = problem.difference
        if scenario_of(told) is None or (told.step is None and not target.ours):
            continue  # not a scenario, or one that would make a shared kernel panic
        name = told.scenario.name
        index = next(i for i, d in enumerate(differences) if d.scenario.name == name)
        result = told
        # A difference that is not stable might be minimised to a scenario that never differs.
        if minimises and told.times[0] == told.times[1] and not told.after:
            result = minimised(told, target, partial(_is_like, told))
        counted = _counted(result, target, times)
        differences[index] = replace(counted, lines=told.lines, origin=told.origin, followers=0)
    return replace(results, differences=tuple(differences))


def _is_like(difference: Result, result: Result) -> bool:
    """Says whether *result* is a difference with the same cause."""
    placed = replace(result, origin=difference.origin)
    return result.verdict is Verdict.DIFFERENCE and cause(placed) == cause(difference)


def _counted(result: Result, target: Target, times: int | None) -> Result:
    """Returns the result with its new count; unchanged if no run was decided.

    The first runs are in a fresh guest each, since a scenario may spoil the next run of itself.  If
    the log was the same each time, the others share a guest; a run with another log counts
    only if it is the first one there.
    """
    scenario = result.scenario
    assert isinstance(scenario, Scenario)
    history = [one for one in result.after if isinstance(one, Scenario)]
    seen = of = 0
    same = not history
    until = monotonic() + SECONDS
    for number in range(TIMES if times is None else times):
        if times is None and number >= AT_LEAST and monotonic() > until:
            break
        fresh = number < AT_LEAST or not same
        observed = _observed(target, [*history, scenario], fresh=fresh)
        if not fresh and observed != result.observed:
            observed = _observed(target, [scenario], fresh=True)
        if not isinstance(observed, NotDecided):
            of += 1
            same &= observed == result.observed
            found = judge(scenario, observed, target.options, target.known)
            seen += found.verdict is Verdict.DIFFERENCE and found.clause == result.clause
    return replace(result, times=(seen, of)) if of else result


def _observed(target: Target, scenarios: Sequence[Scenario], *, fresh: bool) -> Observed:
    """Returns what is observed of the last of *scenarios*."""
    if fresh and target.ours:
        target.restart()
    *_, (_, observed) = target.run(scenarios)
    return observed
