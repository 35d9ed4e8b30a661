"""What a report says, as a value: the differences of a run, those of one cause together."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

from conformance.results.kernel import Kernel
from conformance.results.result import Result
from conformance.results.results import SOURCE
from reference_model import Scenario
from reference_model.clauses import Clause, clauses
from reference_model.language.observation import without_duration

_SIGNAL = re.compile(r"\bSIG[A-Z0-9]+\b")
_NUMBER = re.compile(r"\b(0x[0-9a-f]+|\d+)\b")
_NAMED = re.compile(r"\b[A-Z][a-z0-9]{0,6}\b|(?<![\w|])-(?!\w)")


def scenario_of(result: Result) -> Scenario | None:
    """Returns the scenario of a result; None where it is on cases of a compiled file."""
    return result.scenario if isinstance(result.scenario, Scenario) else None


def cause(result: Result) -> tuple[str, ...]:
    """Returns the same for differences that have the same cause.

    The clause and the first wrong observation: which processes took part, which signal
    it was, and how long a call was blocked, are left out of it.
    """
    if result.step is None or result.observed is None:
        return result.clause, "panic", _NUMBER.sub("N", result.reason)
    call = result.scenario.calls()[result.step]
    verb = call.split()[1] if scenario_of(result) else call.split("=")[0]
    expected, seen = result.expected_at(result.step), result.observed[result.step]
    return result.clause, verb, _plain(expected), _plain(seen)


def _plain(text: str) -> str:
    return _NAMED.sub("*", _SIGNAL.sub("SIG", without_duration(text)))


@dataclass(frozen=True)
class Problem:
    """Differences of one cause: the one with the fewest steps, and how many there are.

    ``since`` is the revision in which the clause's code got the form that it has.
    """

    difference: Result
    count: int
    kernel: Kernel
    target: str
    like_it: tuple[str, ...] = field(default=())

    @property
    def clause(self) -> Clause:
        return clauses()[self.difference.clause]

    @property
    def since(self) -> str:
        return since()[self.clause.name]

    @property
    def where(self) -> str:
        """File, lines and revision of the clause."""
        if self.target == SOURCE:
            lines = self.difference.lines
            return f"lines {lines} of the file" if lines else "not in the file"
        return f"sys/kern/kern_fork.c 1.232, lines {self.clause.lines}"

    @property
    def how_often(self) -> str:
        seen, of = self.difference.times
        return f"{seen} of {of}"

    @property
    def synopsis(self) -> str:
        """One line: what was done, expected and seen."""
        d = self.difference
        if d.step is None or d.observed is None:
            return f"{d.reason} ({self.clause.name})"
        call = d.scenario.calls()[d.step]
        expected, seen = d.expected_at(d.step), d.observed[d.step]
        what = call.partition(": ")[2] if scenario_of(d) else call
        return f"{what}: {seen} instead of {expected} ({self.clause.name})"

    @property
    def name(self) -> str:
        """What its files are called, before a number is added where two have the same."""
        return self.clause.name.lower()


@cache
def since() -> dict[str, str]:
    """For each clause, the revision of kern_fork.c since which its code stands as it does."""
    text = files(__package__).joinpath("since.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def group(differences: Iterable[Result], kernel: Kernel, target: str) -> list[Problem]:
    """Returns a problem for the differences of each cause, told by the shortest of them."""
    causes: dict[tuple[str, ...], list[Result]] = {}
    for difference in differences:
        causes.setdefault((*cause(difference), difference.pr), []).append(difference)
    problems = []
    for found in causes.values():
        shortest = min(found, key=lambda d: (-d.times[0] / d.times[1], len(d.scenario.calls())))
        others = tuple(d.scenario.name for d in found if d is not shortest)
        count = sum(d.number for d in found)
        problems.append(Problem(shortest, count, kernel, target, others))
    return problems
