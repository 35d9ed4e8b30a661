"""A difference in words: what was done, what may be seen, what was seen."""

from __future__ import annotations

from collections.abc import Iterator

from conformance.verdict import Result
from reference_model.clauses import clauses


def explain(result: Result) -> Iterator[str]:
    """The lines of a difference, the first wrong observation marked with ``>``."""
    scenario = result.scenario
    clause = clauses()[result.clause]
    seen, of = result.times
    yield f"{result.clause}: {clause.says}"
    where = f"kern_fork.c 1.232, lines {clause.lines}"
    yield f"  {where}; scenario {scenario.name}, seen {seen} of {of} times"
    calls = [step.call() for step in scenario.steps]
    if result.observed is None:
        yield f"  {result.reason}"
        yield from ("    " + call for call in calls)
        return
    observed = result.observed
    allowed = [_what_may_be(result, index) for index in range(len(calls))]
    widths = [
        max(len(text) for text in [*column, head])
        for column, head in ((calls, "done"), (allowed, "may be seen"))
    ]
    yield f"    {'done':<{widths[0]}}  {'may be seen':<{widths[1]}}  seen"
    for index, (call, may, saw) in enumerate(zip(calls, allowed, observed, strict=True)):
        mark = ">" if index == result.step else " "
        yield f"  {mark} {call:<{widths[0]}}  {may:<{widths[1]}}  {saw}"


def _what_may_be(result: Result, index: int) -> str:
    return " or ".join(dict.fromkeys(log[index] for log in result.expected))
