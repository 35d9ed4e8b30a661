"""The page of a report: one HTML file with all that it shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from conformance.report.pr.compare import Comparison
from conformance.report.pr.problem import Difference
from conformance.report.pr.sequence import sequence
from conformance.report.pr.texts import ENVIRONMENT, architecture, history
from conformance.scenarios.catalogue import catalogue
from conformance.verdicts.judge import Verdict
from reference_model import Log
from reference_model.clauses import Clause

if TYPE_CHECKING:
    from conformance.report.pr.writing import Entry

#: Stands in every page of ours, so that --force removes nothing else.
MARK = '<meta name="generator" content="forkoracle report">'

_OTHERS = "seen from the C source"


@dataclass(frozen=True)
class Pictures:
    """The sequence that was expected and the one that was seen; empty where there is none."""

    expected: Markup
    seen: Markup


def nearest(difference: Difference) -> Log:
    """Of the logs that may be seen, the one that agrees for longest with what was."""

    def agrees(log: Log) -> int:
        pairs = zip(log, difference.observed, strict=False)
        return next((i for i, (want, saw) in enumerate(pairs) if want != saw), len(log))

    return max(difference.expected, key=agrees)


def pictures(difference: Difference) -> Pictures | None:
    """The pictures of a difference, where its subject is a scenario."""
    scenario = difference.scenario
    if scenario is None or not difference.expected:
        return None

    def drawn(log: Log, title: str) -> Markup:
        # ElementTree has escaped every text in it.
        return Markup(sequence(scenario, log, difference.step, title))

    seen = drawn(difference.observed, "seen") if difference.observed else Markup()
    return Pictures(drawn(nearest(difference), "expected"), seen)


def _by_family(results: Mapping[str, Any]) -> dict[str, list[tuple[Clause, dict[str, int]]]]:
    """The clauses that were decided, under each family that has scenarios about them."""
    families: dict[str, list[tuple[Clause, dict[str, int]]]] = {}
    asked = results["families"]
    for entry in catalogue():
        counts = results["clauses"].get(entry.clause.name)
        if counts is None:
            continue
        for family in [name for name in entry.families if name in asked] or [_OTHERS]:
            families.setdefault(family, []).append((entry.clause, counts))
    return families


def page(
    results: Mapping[str, Any],
    made: Sequence[Entry],
    gone: Sequence[Mapping[str, str]] = (),
    comparison: Comparison | None = None,
) -> str:
    """The page.  What a guest or a scenario said is shown as text, whatever is in it.

    ``gone`` are the known issues that were not seen any more: their ``pr`` and ``clause``.
    """
    return ENVIRONMENT.get_template("page.html").render(
        mark=Markup(MARK),
        results=results,
        kernel=results["kernel"],
        architecture=architecture(results["kernel"]["machine"]),
        entries=made,
        families=_by_family(results),
        verdicts=[verdict.value for verdict in Verdict],
        pictures={entry.name: pictures(entry.problem.difference) for entry in made},
        history=history,
        gone=gone,
        comparison=comparison,
        blamed={entry.problem.clause.name: entry.name for entry in reversed(made)},
    )
