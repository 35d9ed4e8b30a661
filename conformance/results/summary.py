"""Counts the results of a run as they come."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from conformance.results.coverage import Coverage
from conformance.results.explanation import Explanation
from conformance.results.kernel import Kernel
from conformance.results.result import Gone, Result, Verdict
from reference_model import Scenario

#: A family and a clause.
Item = tuple[str, str]


@dataclass
class Summary:
    """The counts of a run, by verdict, by family and by clause, and what it found."""

    target: str
    kernel: Kernel
    seconds: float = 0.0
    interrupted: bool = False
    gave_up: bool = False
    #: Whether the run stopped because too many scenarios hung or panicked.
    stopped: bool = False
    by_verdict: Counter[Verdict] = field(default_factory=Counter)
    by_family: dict[str, Counter[Verdict]] = field(default_factory=dict)
    by_clause: dict[str, Counter[Verdict]] = field(default_factory=dict)
    reasons: Counter[str] = field(default_factory=Counter)
    known: Counter[str] = field(default_factory=Counter)
    by_item: dict[Item, list[Result]] = field(default_factory=dict)
    differences: list[Result] = field(default_factory=list)
    #: The differences that are known issues of this kernel.
    of_issues: list[Result] = field(default_factory=list)
    #: The changes of fork1 that explain the differences, the best first.
    explanations: list[Explanation] = field(default_factory=list)
    #: The known issues that were not observed.
    gone: list[Gone] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    #: The lines of each clause in the file that was compiled; else those in 1.232.
    clause_lines: dict[str, str] | None = None
    coverage: Coverage | None = None
    #: The number of scenarios that an interrupted run did not reach; None if it is unknown.
    not_run: int | None = 0
    #: That number for each family and clause.
    not_run_of: Counter[Item] = field(default_factory=Counter)

    @property
    def scenarios(self) -> int:
        return self.by_verdict.total()

    def add(self, result: Result) -> Result:
        """Counts a result, and returns it."""
        verdict, scenario, number = result.verdict, result.scenario, result.number
        self.by_verdict[verdict] += number
        self.by_family.setdefault(scenario.family, Counter())[verdict] += number
        for clause in touched(result):
            self.by_clause.setdefault(clause, Counter())[verdict] += number
            self.by_item.setdefault((scenario.family, clause), []).append(result)
        if verdict is Verdict.NOT_DECIDED:
            self.reasons[result.reason] += number
            self.gave_up |= result.gave_up
        self.known.update(result.known)
        if verdict is Verdict.DIFFERENCE:
            self.differences.append(result)
        elif result.pr:
            self.of_issues.append(result)
        return result

    def interrupt(self, left: Iterable[Scenario] | None) -> None:
        """Records that the run was interrupted before *left*; None if they are unknown."""
        self.interrupted = True
        if left is None:
            self.not_run = None
            return
        for scenario in left:
            self.not_run = (self.not_run or 0) + 1
            self.not_run_of.update((scenario.family, clause) for clause in scenario.clauses())

    def progress(self) -> str:
        """Returns how far an interrupted run came."""
        return _interrupted(self.scenarios, self.not_run)

    def progress_of(self, item: Item) -> str | None:
        """Returns how far an interrupted run came with a family and clause; None if it is done."""
        if not self.interrupted or (self.not_run is not None and not self.not_run_of[item]):
            return None
        run = sum(result.number for result in self.by_item.get(item, ()))
        return _interrupted(run, None if self.not_run is None else self.not_run_of[item])


def _interrupted(run: int, left: int | None) -> str:
    total = run if left is None else run + left
    whole = "" if left is None else f" of {total}"
    return f"interrupted: {run}{whole} scenario{'s' * (total != 1)} run"


def touched(result: Result) -> frozenset[str]:
    """Returns the clauses for which a verdict counts; a difference counts for one only."""
    if result.verdict in (Verdict.DIFFERENCE, Verdict.KNOWN):
        return frozenset({result.clause})
    return result.scenario.clauses()
