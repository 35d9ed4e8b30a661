"""Asks a kernel again about what it did otherwise: in as few steps as show it, and how often."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from time import monotonic

from conformance.report.pr.problem import cause, group, scenario_of
from conformance.results.result import Result, Verdict
from conformance.results.results import Results
from conformance.runs.minimise import cut_down
from conformance.targets.base import Target
from conformance.verdicts.judge import judge
from reference_model import Scenario
from reference_model.language.answer import NotDecided

#: So often a difference is asked for: one that comes only every sixth time is still missed in
#: fewer than 3 of 100 reports.
TIMES = 20
#: But for no longer than so many seconds, once it has been asked for as often as any run does.
SECONDS, AT_LEAST = 20.0, 3


def asked_again(
    results: Results, target: Target, times: int | None = None, *, cuts_down: bool
) -> Results:
    """The results, with what tells each of their problems asked of *target* again.

    That many *times*, or, where it is None, :data:`TIMES` unless that takes long.
    With *cuts_down* the scenario is first cut down to the shortest with the same cause.
    """
    differences = list(results.differences)
    for problem in group(differences, results.kernel, results.target):
        told = problem.difference
        if scenario_of(told) is None or (told.step is None and not target.ours):
            continue  # nothing that a kernel can be asked, or that it survives
        index = next(i for i, difference in enumerate(differences) if difference is told)
        result = told
        if cuts_down and told.times[0] == told.times[1]:  # else it might become what never differs
            result = cut_down(told, target, partial(_is_like, told))
        differences[index] = replace(_counted(result, target, times), lines=told.lines)
    return replace(results, differences=tuple(differences))


def _is_like(difference: Result, result: Result) -> bool:
    """Whether it has the same cause."""
    return result.verdict is Verdict.DIFFERENCE and cause(result) == cause(difference)


def _counted(result: Result, target: Target, times: int | None) -> Result:
    """The result with how often it was seen; as it is where nothing could be decided."""
    scenario = result.scenario
    assert isinstance(scenario, Scenario)
    seen = of = 0
    target.restart()
    until = monotonic() + SECONDS
    for number in range(TIMES if times is None else times):
        if times is None and number >= AT_LEAST and monotonic() > until:
            break
        [(_, observed)] = target.run([scenario])
        if not isinstance(observed, NotDecided):
            of += 1
            found = judge(scenario, observed, target.options, target.known)
            seen += found.verdict is Verdict.DIFFERENCE and found.clause == result.clause
    return replace(result, times=(seen, of)) if of else result
