"""A difference in words: what was done, what may be seen, what was seen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from conformance.results.result import Result
from reference_model.clauses import clauses


def explain(result: Result, clause_lines: Mapping[str, str] | None = None) -> Iterator[str]:
    """The lines of a difference, the first wrong observation marked with ``>``.

    *clause_lines* says where the clauses stand in the file that was asked, if it was one.
    """
    scenario = result.scenario
    clause = clauses()[result.clause]
    seen, of = result.times
    yield f"{result.clause}: {clause.says}"
    if clause_lines is None:
        where = f"kern_fork.c 1.232, lines {clause.lines}; scenario"
    else:
        lines = clause_lines.get(result.clause)
        where = f"lines {lines} of the file;" if lines else "not in the file;"
    more = f", and {result.number - 1} more like it" if result.number > 1 else ""
    yield f"  {where} {scenario.name}, seen {seen} of {of} times{more}"
    calls = scenario.calls()
    if result.observed is None:
        yield f"  {result.reason}"
        yield from ("    " + call for call in calls)
        return
    observed = result.observed
    allowed = [result.expected_at(index) for index in range(len(calls))]
    widths = [
        max(len(text) for text in [*column, head])
        for column, head in ((calls, "done"), (allowed, "may be seen"))
    ]
    yield f"    {'done':<{widths[0]}}  {'may be seen':<{widths[1]}}  seen"
    for index, (call, may, saw) in enumerate(zip(calls, allowed, observed, strict=True)):
        mark = ">" if index == result.step else " "
        yield f"  {mark} {call:<{widths[0]}}  {may:<{widths[1]}}  {saw}"
