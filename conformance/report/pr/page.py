"""The page of a report: one HTML file that loads no other file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from conformance.report.pr.compare import Comparison
from conformance.report.pr.entry import Entry
from conformance.report.pr.problem import scenario_of
from conformance.report.pr.sequence import sequence
from conformance.report.pr.texts import ENVIRONMENT, architecture, history
from conformance.results.result import Gone, Result, Verdict
from conformance.results.results import Results, Verdicts
from reference_model import Log
from reference_model.clauses import Clause, clauses

#: In every page that we write: --force replaces only folders with such a page.
MARK = '<meta name="generator" content="forkoracle report">'


@dataclass(frozen=True)
class Pictures:
    """The expected and the observed sequence of steps; empty if there is none."""

    expected: Markup
    observed: Markup


def nearest(difference: Result) -> Log:
    """Returns the expected log that agrees with the observed one for the most steps."""

    def agrees(log: Log) -> int:
        pairs = zip(log, difference.observed or (), strict=False)
        return next((i for i, (want, saw) in enumerate(pairs) if want != saw), len(log))

    return max(difference.expected, key=agrees)


def pictures(difference: Result) -> Pictures | None:
    """Returns the pictures of a difference; None if it is not about a scenario."""
    scenario = scenario_of(difference)
    if scenario is None or not difference.expected:
        return None

    def drawn(log: Log, title: str) -> Markup:
        # ElementTree has escaped all text in it.
        return Markup(sequence(scenario, log, difference.step, title))

    observed = drawn(difference.observed, "observed") if difference.observed else Markup()
    return Pictures(drawn(nearest(difference), "expected"), observed)


def _by_family(results: Results) -> dict[str, list[tuple[Clause, Verdicts]]]:
    """Returns the verdicts of each family on each clause.

    Results of older versions have no families, only totals of each clause.
    """
    tables = results.items or {"all families": results.clauses}
    return {
        family: [(clause, table[name]) for name, clause in clauses().items() if name in table]
        for family, table in tables.items()
    }


def page(
    results: Results,
    made: Sequence[Entry],
    gone: Sequence[Gone] = (),
    comparison: Comparison | None = None,
) -> str:
    """Returns the page.  Text of guests and scenarios is escaped.

    ``gone`` are the known issues that no longer occur.
    """
    return ENVIRONMENT.get_template("page.html").render(
        mark=Markup(MARK),
        results=results,
        kernel=results.kernel,
        architecture=architecture(results.kernel.machine),
        entries=made,
        families=_by_family(results),
        verdicts=[verdict.value for verdict in Verdict],
        pictures={entry.name: pictures(entry.problem.difference) for entry in made},
        history=history,
        gone=gone,
        comparison=comparison,
        problem_of={
            entry.problem.clause.name: entry.name
            for entry in reversed(made)
            if entry.problem.difference.origin is None
        },
    )
