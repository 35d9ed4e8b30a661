"""The problems of a report: the differences of a run, grouped by their cause."""

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
from conformance.verdicts.ranking import leading
from reference_model import Scenario
from reference_model.clauses import Clause, clauses
from reference_model.language.observation import without_duration

_SIGNAL = re.compile(r"\bSIG[A-Z0-9]+\b")
_NUMBER = re.compile(r"\b(0x[0-9a-f]+|\d+)\b")
_NAMED = re.compile(r"\b[A-Z][a-z0-9]{0,6}\b|(?<![\w|])-(?!\w)")


def scenario_of(result: Result) -> Scenario | None:
    """Returns the scenario of a result; None for cases of a compiled file."""
    return result.scenario if isinstance(result.scenario, Scenario) else None


def cause(result: Result) -> tuple[str, ...]:
    """Returns a key that is equal for differences with the same cause.

    It holds the clause, or the function of another file, and the first wrong observation,
    without the names of processes and signals and without how long a call was blocked.
    """
    subject = str(result.origin or result.clause)
    if result.step is None or result.observed is None:
        return subject, "panic", _NUMBER.sub("N", result.reason)
    call = result.scenario.calls()[result.step]
    verb = call.split()[1] if scenario_of(result) else call.split("=")[0]
    expected, seen = result.expected_at(result.step), result.observed[result.step]
    return subject, verb, _plain(expected), _plain(seen)


def _plain(text: str) -> str:
    return _NAMED.sub("*", _SIGNAL.sub("SIG", without_duration(text)))


@dataclass(frozen=True)
class Problem:
    """The differences with one cause: ``difference`` has the fewest steps of them.

    ``count`` is the number of scenarios; ``like_it`` names the other ones.  ``followers`` is the
    number of scenarios that agree by themselves and differ only after one of these.  ``since`` is
    the revision in which the lines of the clause last changed.
    """

    difference: Result
    count: int
    kernel: Kernel
    target: str
    like_it: tuple[str, ...] = field(default=())
    followers: int = 0

    @property
    def clause(self) -> Clause:
        return clauses()[self.difference.clause]

    @property
    def since(self) -> str:
        return since()[self.clause.name]

    @property
    def where(self) -> str:
        """Returns the file, its revision and the lines of the clause; or the function."""
        if origin := self.difference.origin:
            return f"{origin.file}, {origin.name}()"
        if self.target == SOURCE:
            lines = self.difference.lines
            return f"lines {lines} of the file" if lines else "the file, which lacks them"
        return f"sys/kern/kern_fork.c 1.232, lines {self.clause.lines}"

    @property
    def subject(self) -> str:
        """Returns the name of the clause, or the function of another file."""
        return str(self.difference.origin or self.clause.name)

    @property
    def says(self) -> str:
        """Returns what the clause says, or which function is wrong."""
        origin = self.difference.origin
        return f"{origin} does not do what NetBSD's does" if origin else self.clause.says

    @property
    def promise(self) -> str:
        """Returns what is expected, and which file says so."""
        if self.difference.origin:
            return (
                f"This is not a promise of kern_fork.c: the place to look at is {self.where}. "
                "In a model of NetBSD, a change of that function leads to the observation, and no "
                "change of kern_fork.c does"
            )
        return f"Expected behaviour, per {self.where} ({self.clause.name}): {self.clause.says}"

    @property
    def how_often(self) -> str:
        """Returns in how many runs and how many other cases the problem was observed."""
        seen, of = self.difference.times
        others, led, after = self.count - 1, self.followers, len(self.difference.after)
        runs = f"in {seen} of {of} runs"
        if after:
            runs += f" after {after} other scenario{'s' * (after > 1)}, and never without"
        if others:
            runs += f"; {others} other case{'s fail' if others > 1 else ' fails'} the same way"
        if led:
            runs += f"; {led} other scenario{'s differ' if led > 1 else ' differs'} only after it"
        return runs

    @property
    def synopsis(self) -> str:
        """Returns one line: the call, what was observed, and what was expected."""
        d = self.difference
        if d.step is None or d.observed is None:
            return f"{d.reason} ({self.subject})"
        call = d.scenario.calls()[d.step]
        expected, seen = d.expected_at(d.step), d.observed[d.step]
        what = call.partition(": ")[2] if scenario_of(d) else call
        return f"{what}: {seen} instead of {expected} ({self.subject})"

    @property
    def name(self) -> str:
        """Returns the name of its files; a number is added if two problems have the same name."""
        if origin := self.difference.origin:
            return f"{origin.base.removesuffix('.c')}-{origin.name}".replace("_", "-").lower()
        return self.clause.name.lower()


@cache
def since() -> dict[str, str]:
    """Returns the revision of kern_fork.c in which the lines of each clause last changed."""
    text = files(__package__).joinpath("since.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def group(differences: Iterable[Result], kernel: Kernel, target: str) -> list[Problem]:
    """Returns a problem for each cause; it shows the difference with the fewest steps."""
    causes: dict[tuple[str, ...], list[Result]] = {}
    for difference in leading(list(differences)):
        causes.setdefault((*cause(difference), difference.pr), []).append(difference)
    problems = []
    for found in causes.values():
        shortest = min(found, key=lambda d: (-d.times[0] / d.times[1], len(d.scenario.calls())))
        others = tuple(d.scenario.name for d in found if d is not shortest)
        count = sum(d.number for d in found)
        followers = sum(d.followers for d in found)
        problems.append(Problem(shortest, count, kernel, target, others, followers))
    return problems
