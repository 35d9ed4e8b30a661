"""Asks a kernel again about what it did otherwise: in as few steps as show it, and how often."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from time import monotonic
from typing import Any

from conformance.report.pr.problem import Difference, as_difference, group, read_differences
from conformance.report.results import difference_entry
from conformance.runs.minimise import cut_down
from conformance.targets.base import Target
from conformance.verdicts.judge import Result, Verdict, judge
from reference_model import Scenario
from reference_model.language.answer import NotDecided

#: So often a difference is asked for: one that comes only every sixth time is still missed in
#: fewer than 3 of 100 reports.
TIMES = 20
#: But for no longer than so many seconds, once it has been asked for as often as any run does.
SECONDS, AT_LEAST = 20.0, 3


def asked_again(
    results: Mapping[str, Any], target: Target, times: int | None = None, *, cuts_down: bool
) -> dict[str, Any]:
    """The results, with what tells each of their problems asked of *target* again.

    That many *times*, or, where it is None, :data:`TIMES` unless that takes long.
    With *cuts_down* the scenario is first cut down to the shortest with the same cause.
    """
    entries = list(results["differences"])
    differences = read_differences({**results, "issues": ()})
    for problem in group(differences, results["kernel"], results["target"]):
        told = problem.difference
        if told.scenario is None or (told.step is None and not target.ours):
            continue  # nothing that a kernel can be asked, or that it survives
        result = told.result()
        if cuts_down and told.times == told.of:  # else it might become what never differs
            result = cut_down(result, target, partial(_is_like, told))
        index = next(i for i, difference in enumerate(differences) if difference is told)
        entries[index] = entries[index] | difference_entry(_counted(result, target, times))
    return {**results, "differences": entries}


def _is_like(difference: Difference, result: Result) -> bool:
    """Whether it has the same cause."""
    return (
        result.verdict is Verdict.DIFFERENCE
        and as_difference(difference_entry(result)).cause() == difference.cause()
    )


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
