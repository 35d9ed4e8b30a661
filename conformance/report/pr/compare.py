"""Two runs side by side: what is fixed, new and changed in the second."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from conformance.report.pr.problem import Difference, Problem, group, read_differences


@dataclass(frozen=True)
class Comparison:
    """What differs between two runs, cause by cause.

    ``changed`` are scenarios that differ in both, but otherwise: as they do
    in the second.  ``unknown`` are those of the first that the second run need not have
    asked: it has none of their family, or did not come to its end.
    """

    before: Mapping[str, Any]
    after: Mapping[str, Any]
    fixed: tuple[Problem, ...]
    new: tuple[Problem, ...]
    changed: tuple[Problem, ...]
    unknown: tuple[Problem, ...]

    def rows(self) -> list[tuple[str, Problem]]:
        """A word and a problem for each, the bad news first."""
        kinds = (
            ("new", self.new),
            ("changed", self.changed),
            ("not run again", self.unknown),
            ("fixed", self.fixed),
        )
        return [(word, problem) for word, problems in kinds for problem in problems]


def _by_name(results: Mapping[str, Any]) -> dict[str, Difference]:
    """By name, not by text: one that was cut down keeps its name."""
    return {d.subject.name: d for d in read_differences(results)}


def compare(before: Mapping[str, Any], after: Mapping[str, Any]) -> Comparison:
    """Compare two results, as read_json() reads them, scenario by scenario."""
    old, new = _by_name(before), _by_name(after)
    missing = [d for name, d in old.items() if name not in new]
    asked = [d for d in missing if _asked(d, after)]
    both = [name for name in new if name in old]

    def problems(differences: list[Difference], results: Mapping[str, Any]) -> tuple[Problem, ...]:
        return tuple(group(differences, results["kernel"], results["target"]))

    return Comparison(
        before,
        after,
        fixed=problems(asked, before),
        new=problems([d for name, d in new.items() if name not in old], after),
        changed=problems([new[n] for n in both if new[n].cause() != old[n].cause()], after),
        unknown=problems([d for d in missing if d not in asked], before),
    )


def _asked(difference: Difference, results: Mapping[str, Any]) -> bool:
    """Whether the run decided the whole family of *difference*."""
    family = results["families"].get(difference.subject.family, {})
    return bool(family) and "not decided" not in family and not results["interrupted"]
