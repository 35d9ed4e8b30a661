"""Explains a difference: each step with its expected and its observed result."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from conformance.results.result import Result, Verdict
from conformance.source.names import case_text
from reference_model import Log, Scenario
from reference_model.clauses import clauses


def explain(result: Result, clause_lines: Mapping[str, str] | None = None) -> Iterator[str]:
    """Yields the lines of a difference, the first wrong observation marked with ``>``.

    *clause_lines* gives the lines of each clause in the file of ``--kern-fork``.
    """
    scenario = result.scenario
    clause = clauses()[result.clause]
    if result.origin:
        yield f"{result.origin}: not a promise of kern_fork.c"
        where = f"{result.origin.file}; a step about {result.clause} noticed it; scenario"
    else:
        yield f"{result.clause}: {clause.says}"
        lines = clause_lines.get(result.clause) if clause_lines is not None else clause.lines
        if clause_lines is None:
            where = f"kern_fork.c 1.232, lines {lines}; scenario"
        else:
            where = f"lines {lines} of the file;" if lines else "not in the file;"
    others, led = result.number - 1, result.followers
    same = f"; {others} other case{'s fail' if others > 1 else ' fails'} the same way"
    only = f"; {led} other scenario{'s differ' if led > 1 else ' differs'} only after it"
    name = scenario.name if isinstance(scenario, Scenario) else case_text(scenario.name)
    yield f"  {where} {name}, {result.how_often}{same * (others > 0)}{only * (led > 0)}"
    if result.observed is None:
        yield f"  {result.reason}"
        yield from ("    " + call for call in scenario.calls())
    else:
        yield from steps_table(scenario.calls(), result.expected, result.observed, result.step)


def steps_table(
    calls: Sequence[str],
    expected: Sequence[Log],
    observed: Log | None = None,
    wrong: int | None = None,
) -> Iterator[str]:
    """Yields a table of the steps; the step of index *wrong* is marked with ``>``."""
    allowed = [" or ".join(dict.fromkeys(log[i] for log in expected)) for i in range(len(calls))]
    columns = [["step", *calls], ["expected", *allowed]]
    if observed is not None:
        columns.append(["observed", *observed])
    widths = [max(map(len, column)) for column in columns]
    for number, row in enumerate(zip(*columns, strict=True)):
        mark = ">" if number and number - 1 == wrong else " "
        cells = "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True))
        yield f"  {mark} {cells}".rstrip()


def show_steps(result: Result, expected: Sequence[Log]) -> Iterator[str]:
    """Yields the lines about a scenario, whatever its verdict."""
    reason = "; ".join(result.known) or result.reason
    yield f"{result.scenario.name}: {result.verdict}{f' ({reason})' if reason else ''}"
    yield from steps_table(result.scenario.calls(), expected, result.observed, result.step)


def kinds(differences: Sequence[Result]) -> list[list[Result]]:
    """Groups equal differences, in their order.

    Differences of scenarios are equal if the call, the expected and the observed result of the
    first wrong step are equal.  Differences of cases of a C file are equal if the same rows
    differ, in any family.
    """
    groups: dict[tuple[object, ...], list[Result]] = {}
    for result in differences:
        groups.setdefault(_kind(result), []).append(result)
    return list(groups.values())


def _kind(result: Result) -> tuple[object, ...]:
    assert result.verdict is Verdict.DIFFERENCE
    calls, step = tuple(result.scenario.calls()), result.step
    if not isinstance(result.scenario, Scenario):
        return result.clause, calls, result.reason
    if result.observed is None or step is None:
        return result.clause, result.reason
    expected = tuple(dict.fromkeys(log[step : step + 1] for log in result.expected))
    subject = result.origin or result.clause
    return subject, calls[step : step + 1], expected, result.observed[step : step + 1]
