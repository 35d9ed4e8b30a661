"""Finds the earlier scenarios after which a scenario differs that agrees in a guest of its own.

A broken kernel may keep what a scenario leaves behind: a count that is not restored, a limit, a
process that cannot be found any more.  The scenario that does so may agree, and a later one
differ.  Then the difference is the earlier one's.  What the search does, each time in a fresh
guest:

1. It runs the scenario after one that has explained another difference, or that itself differs.
2. It runs the scenario after the last scenarios that the same guest ran before it: 16, 128, 1024.
3. If it differs then, it drops earlier ones, by halves, until the first one is needed.  If others
   are needed too, it drops what it can of them.
4. It joins the one that is needed and the scenario that differs.  If the joined scenario differs
   as well, it is the one that is reported: it can be run, minimised and sent alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from time import monotonic

from conformance.results.result import Result, Verdict
from conformance.scenarios.joined import joined
from conformance.scenarios.sense import makes_sense
from conformance.targets.base import Target
from conformance.verdicts.judge import judge
from reference_model import Log, Scenario

#: Maximum number of seconds of all searches of a batch: a run should end within a minute or two.
SECONDS = 30.0
#: Number of scenarios before the difference that are tried first, and by what it grows.
FIRST_WINDOW, GROWTH = 16, 8
#: Number of times that a scenario is run after its history in all.
RUNS = 3

#: Stands for the clause of a step that tests none.
_NO_CLAUSE = "NONE"

History = tuple[Scenario, ...]


def alone(target: Target, scenarios: Sequence[Scenario], *, fresh: bool = True) -> Result:
    """Returns the verdict on the last of *scenarios*, run in this order in a fresh guest.

    On a system that others share, or if not *fresh*, they run where other scenarios have run.
    """
    if fresh and target.ours:
        target.restart()
    *_, (scenario, observed) = target.run(scenarios)
    return judge(scenario, observed, target.options, target.known)


@dataclass
class Search:
    """Searches the histories of the differences of one batch, for a limited time."""

    target: Target
    #: The histories that have explained a difference, each with the clause that it is assigned to.
    found: dict[History, str] = field(default_factory=dict)
    until: float = field(default_factory=lambda: monotonic() + SECONDS)

    def explained(self, result: Result, history: Sequence[Scenario]) -> Result | None:
        """Returns *result* with the scenarios after which it differs; None if none are found.

        If these and its scenario can be joined, returns the difference of the joined scenario.
        """
        scenario = result.scenario
        assert isinstance(scenario, Scenario)
        for earlier, clause in self.found.items():
            if self._differs((*earlier, scenario)) and (times := self._times((*earlier, scenario))):
                return replace(result, after=earlier, clause=clause, times=times)
        needed = self._needed(scenario, tuple(history))
        if not needed:
            return None
        if len(needed) == 1 and (short := self._joined(needed[0], scenario)) is not None:
            assert isinstance(short.scenario, Scenario)
            self.found[short.scenario,] = short.clause
            return short
        times = self._times((*needed, scenario))
        if times is None:
            return None
        self.found[needed] = result.clause
        return replace(result, after=needed, times=times)

    def _differs(self, scenarios: Sequence[Scenario]) -> bool:
        if monotonic() > self.until:
            return False
        return alone(self.target, scenarios).verdict is Verdict.DIFFERENCE

    def _times(self, scenarios: History, before: int = 2) -> tuple[int, int] | None:
        """Returns how often the last one differs, which it has done *before*; None if not again.

        It has differed in the run, and in the search.
        """
        again = [alone(self.target, scenarios).verdict for _ in range(RUNS - before)]
        seen = again.count(Verdict.DIFFERENCE)
        return (before + seen, RUNS) if seen else None

    def _joined(self, first: Scenario, second: Scenario) -> Result | None:
        """Returns the difference of the joined scenario; None if it agrees or makes no sense."""
        both = joined(first, second)
        if both is None or not makes_sense(both, self.target.options):
            return None
        result = alone(self.target, [both])
        times = self._times((both,), 1) if result.verdict is Verdict.DIFFERENCE else None
        if times is None:
            return None
        # The second one agrees alone, so what differs is not what its steps test: the observation
        # itself may name a clause.
        free = joined(first, second, _NO_CLAUSE)
        if free is not None and result.observed is not None:
            named = self._judge(free, result.observed).clause
            both = joined(first, second, None if named == _NO_CLAUSE else named) or both
            result = self._judge(both, result.observed)
        return replace(result, times=times)

    def _judge(self, scenario: Scenario, observed: Log) -> Result:
        return judge(scenario, observed, self.target.options, self.target.known)

    def _needed(self, scenario: Scenario, history: History) -> History:
        """Returns the scenarios of *history* after which *scenario* differs; none if it agrees."""
        size = FIRST_WINDOW
        while not self._differs((*history[-size:], scenario)):
            if size >= len(history):
                return ()
            size *= GROWTH
        window = history[-size:]
        begin, end = 0, len(window)
        while end - begin > 1:
            middle = (begin + end) // 2
            if self._differs((*window[middle:], scenario)):
                begin = middle
            else:
                end = middle
        first, rest = window[begin], window[begin + 1 :]
        part = len(rest)
        while part:  # drop parts of the rest, smaller and smaller ones
            for start in range(0, len(rest), part):
                fewer = rest[:start] + rest[start + part :]
                if fewer != rest and self._differs((first, *fewer, scenario)):
                    rest = fewer
                    break
            else:
                part //= 2
            part = min(part, len(rest))
        return (first, *rest)
