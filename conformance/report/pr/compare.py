"""Compares two runs: which problems of the second are new or changed, and which are fixed."""

from __future__ import annotations

from dataclasses import dataclass

from conformance.report.pr.problem import Problem, cause, group
from conformance.results.result import Result, Verdict, original_name
from conformance.results.results import Results


@dataclass(frozen=True)
class Comparison:
    """The problems in which two runs differ, by cause.

    ``changed`` are scenarios that differ in both runs, with different causes; they are shown
    as in the second run.  ``unknown`` are problems of the first run whose scenarios the second
    run may not have run: it skipped their family, or was interrupted.
    """

    before: Results
    after: Results
    fixed: tuple[Problem, ...]
    new: tuple[Problem, ...]
    changed: tuple[Problem, ...]
    unknown: tuple[Problem, ...]

    def rows(self) -> list[tuple[str, Problem]]:
        """Returns a word for each problem, the new problems first."""
        kinds = (
            ("new", self.new),
            ("changed", self.changed),
            ("not run again", self.unknown),
            ("fixed", self.fixed),
        )
        return [(word, problem) for word, problems in kinds for problem in problems]


def _by_name(results: Results) -> dict[str, Result]:
    """Returns the differences by the name that their scenario had before it was minimised."""
    return {original_name(d.scenario.name): d for d in (*results.differences, *results.issues)}


def compare(before: Results, after: Results) -> Comparison:
    """Compares two results, scenario by scenario."""
    old, new = _by_name(before), _by_name(after)
    missing = [d for name, d in old.items() if name not in new]
    asked = [d for d in missing if _asked(d, after)]
    both = [name for name in new if name in old]

    def problems(differences: list[Result], results: Results) -> tuple[Problem, ...]:
        return tuple(group(differences, results.kernel, results.target))

    return Comparison(
        before,
        after,
        fixed=problems(asked, before),
        new=problems([d for name, d in new.items() if name not in old], after),
        changed=problems([new[n] for n in both if cause(new[n]) != cause(old[n])], after),
        unknown=problems([d for d in missing if d not in asked], before),
    )


def _asked(difference: Result, results: Results) -> bool:
    """Says whether the run decided the whole family of *difference*."""
    family = results.families.get(difference.scenario.family, {})
    return bool(family) and Verdict.NOT_DECIDED not in family and not results.interrupted
