"""Runs families on a target and judges what comes back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from time import monotonic

from conformance.families import DEFAULT_SEED, FAMILIES
from conformance.probe.channel import NotDecided
from conformance.targets.base import Kernel, Target
from conformance.verdict import Result, Verdict, judge
from reference_model import Scenario
from reference_model.clauses import clauses

#: How often a scenario that differs is run in all, to tell "always" from "sometimes".
RUNS_OF_A_DIFFERENCE = 3
#: So many differences are run again; behind them the cause is not chance.
MAX_REPEATED = 50


class SelectionError(Exception):
    """An unknown clause or family: one line that says what is allowed (exit status 2)."""


def select(only: Sequence[str], seed: int = DEFAULT_SEED) -> list[Scenario]:
    """The scenarios of the families, or about the clauses, that *only* names; all if it is empty."""
    for name in only:
        if name not in FAMILIES and name not in clauses():
            raise SelectionError(
                f"unknown clause or family {name!r}: families are {', '.join(FAMILIES)}; "
                "'forkoracle clauses' lists the clauses"
            )
    chosen = []
    for family in FAMILIES.values():
        scenarios = family.scenarios(seed)
        if only and family.name not in only:
            wanted = set(only)
            scenarios = [s for s in scenarios if s.clauses() & wanted]
        chosen += scenarios
    if only and not chosen:
        raise SelectionError(
            f"no scenario is about {', '.join(only)} yet: 'forkoracle clauses' says which clauses have some"
        )
    return chosen


@dataclass
class Summary:
    """The counts of a run, by verdict, by family and by clause, and what it found."""

    target: str
    kernel: Kernel
    seconds: float = 0.0
    interrupted: bool = False
    by_verdict: Counter[Verdict] = field(default_factory=Counter)
    by_family: dict[str, Counter[Verdict]] = field(default_factory=dict)
    by_clause: dict[str, Counter[Verdict]] = field(default_factory=dict)
    reasons: Counter[str] = field(default_factory=Counter)
    known: Counter[str] = field(default_factory=Counter)
    by_item: dict[tuple[str, str], list[Result]] = field(default_factory=dict)
    differences: list[Result] = field(default_factory=list)

    @property
    def scenarios(self) -> int:
        return self.by_verdict.total()

    def add(self, result: Result) -> None:
        verdict, scenario = result.verdict, result.scenario
        self.by_verdict[verdict] += 1
        self.by_family.setdefault(scenario.family, Counter())[verdict] += 1
        for clause in _touched(result):
            self.by_clause.setdefault(clause, Counter())[verdict] += 1
        self.by_item.setdefault((scenario.family, result.clause), []).append(result)
        if verdict is Verdict.NOT_DECIDED:
            self.reasons[result.reason] += 1
        for entry in result.known:
            self.known[entry.name] += 1
        if verdict is Verdict.DIFFERENCE:
            self.differences.append(result)

    def exit_status(self) -> int:
        """0: all agrees or is known; 1: differences; 3: nothing could be decided."""
        if self.differences:
            return 1
        decided = self.scenarios - self.by_verdict[Verdict.NOT_DECIDED]
        return 0 if decided else 3


def _touched(result: Result) -> frozenset[str]:
    """The clauses that a verdict counts for: a difference only for the one that it blames."""
    if result.verdict in (Verdict.DIFFERENCE, Verdict.KNOWN):
        return frozenset({result.clause})
    return result.scenario.clauses()


def run(target: Target, scenarios: Sequence[Scenario]) -> Iterator[Result]:
    """The verdict on each scenario, as it is reached.

    What differs comes last: it is run again, so that the report can say how
    often it does.
    """
    differing = []
    try:
        for scenario, observed in target.run(scenarios):
            result = judge(scenario, observed, target.options, target.known)
            if result.verdict is Verdict.DIFFERENCE:
                differing.append(result)
            else:
                yield result
    except KeyboardInterrupt:
        yield from differing
        raise
    yield from _repeat(target, differing[:MAX_REPEATED])
    yield from differing[MAX_REPEATED:]


def _repeat(target: Target, differing: list[Result]) -> Iterator[Result]:
    times = RUNS_OF_A_DIFFERENCE - 1
    seen = [1] * len(differing)
    again = [(i, result.scenario) for i, result in enumerate(differing) for _ in range(times)]
    observations = target.run([scenario for _, scenario in again])
    for (i, scenario), (_, observed) in zip(again, observations, strict=True):
        if not isinstance(observed, NotDecided):
            verdict = judge(scenario, observed, target.options, target.known).verdict
            seen[i] += verdict is Verdict.DIFFERENCE
    for result, count in zip(differing, seen, strict=True):
        yield replace(result, times=(count, RUNS_OF_A_DIFFERENCE))


def summarize(target: Target, results: Iterator[Result], summary: Summary) -> Iterator[Result]:
    """Pass the results on, counting them in *summary*."""
    start = monotonic()
    try:
        for result in results:
            summary.add(result)
            yield result
    finally:
        summary.seconds = monotonic() - start
