"""The page of a report: one HTML file with all that it shows."""

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

#: Stands in every page of ours, so that --force removes nothing else.
MARK = '<meta name="generator" content="forkoracle report">'


@dataclass(frozen=True)
class Pictures:
    """The sequence that was expected and the one that was seen; empty where there is none."""

    expected: Markup
    seen: Markup


def nearest(difference: Result) -> Log:
    """Of the logs that may be seen, the one that agrees for longest with what was."""

    def agrees(log: Log) -> int:
        pairs = zip(log, difference.observed or (), strict=False)
        return next((i for i, (want, saw) in enumerate(pairs) if want != saw), len(log))

    return max(difference.expected, key=agrees)


def pictures(difference: Result) -> Pictures | None:
    """The pictures of a difference, where its subject is a scenario."""
    scenario = scenario_of(difference)
    if scenario is None or not difference.expected:
        return None

    def drawn(log: Log, title: str) -> Markup:
        # ElementTree has escaped every text in it.
        return Markup(sequence(scenario, log, difference.step, title))

    seen = drawn(difference.observed, "seen") if difference.observed else Markup()
    return Pictures(drawn(nearest(difference), "expected"), seen)


def _by_family(results: Results) -> dict[str, list[tuple[Clause, Verdicts]]]:
    """Returns what each family came to about each clause.

    Results of older versions tell it of the clauses in all.
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
    """The page.  What a guest or a scenario said is shown as text, whatever is in it.

    ``gone`` are the known issues that were not seen any more: their ``pr`` and ``clause``.
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
        problem_of={entry.problem.clause.name: entry.name for entry in reversed(made)},
    )
