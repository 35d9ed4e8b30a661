"""Runs families on a target and judges what comes back."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from math import inf
from time import monotonic

from conformance.results.result import Result, Verdict
from conformance.results.run import AnyRun
from conformance.results.summary import Summary
from conformance.runs.hung import hung
from conformance.runs.journal import Journal
from conformance.runs.minimise import cut_down
from conformance.runs.repeat import MAX_REPEATED, repeated
from conformance.targets.base import Target
from conformance.verdicts.issues import Issue, gone, known_as, marked
from conformance.verdicts.judge import judge
from reference_model import Scenario
from reference_model.language.answer import NotDecided, Observed

#: After so many scenarios that hung or panicked, and each takes its time, a run ends.
MAX_STUCK = 10
#: Maximum number of differences of a clause that are cut down to the shortest scenario.
MAX_CUT_DOWN = 3


class Run(AnyRun):
    """One run of scenarios on a target."""

    def __init__(
        self,
        target: Target,
        scenarios: Sequence[Scenario],
        journal: Journal | None = None,
        more: Iterable[Sequence[Scenario]] = (),
        *,
        cuts_down: bool = False,
        issues: tuple[Issue, ...] = (),
        max_stuck: int = MAX_STUCK,
    ) -> None:
        """*journal* has what was seen before, and gets what is seen now.

        *more* are batches that are run after *scenarios*, one after the other;
        what differs in them is cut down to what still differs, and with *cuts_down*
        what differs in *scenarios* too, unless it is one of the *issues*.
        What comes after *max_stuck* scenarios that got stuck or made the kernel panic is not
        decided; 0 is no limit.
        """
        self.target = target
        self.journal = journal
        self._more = more
        self._cuts_down = cuts_down
        self._max_stuck = max_stuck
        self._stuck = 0
        self.scenarios = scenarios
        self.summary = Summary(target.name, target.kernel)
        self._issues = issues
        #: The names of the scenarios that have been judged.
        self._judged: set[str] = set()
        #: What differs and has not been decided yet, in the order in which it was seen.
        self._differing: list[Result] = []
        self._start = monotonic()

    def results(self) -> Iterator[Result]:
        """The verdict on each scenario, as it is reached.

        What differs comes last: it is run again first, so that the report can
        say how often it does.
        """
        batches = chain([(self.scenarios, self._cuts_down)], ((more, True) for more in self._more))
        for batch, cuts_down in batches:
            yield from self._batch(batch)
            for result in self._repeated():
                cut = cuts_down and known_as(result, self._issues) is None
                decided = self._decide(self._cut_down(result) if cut else result)
                del self._differing[0]
                yield decided
            if self.summary.stopped:
                return

    def _batch(self, scenarios: Sequence[Scenario]) -> Iterator[Result]:
        """The verdicts but for what differs, which is kept to be run again."""
        unseen = []
        for scenario in scenarios:
            if self.journal is None or scenario not in self.journal:
                unseen.append(scenario)
                continue
            observed, times = self.journal.recall(scenario)
            self._judged.add(scenario.name)
            yield self._count(replace(self._judge(scenario, observed), times=times))
        while unseen and not self.summary.stopped:
            answers = self.target.run(unseen)
            for number, (scenario, observed) in enumerate(answers, 1):
                result = self._judge(scenario, observed)
                self._judged.add(scenario.name)
                if result.verdict is Verdict.DIFFERENCE:
                    self._differing.append(result)
                else:
                    yield self._decide(result)
                self._stuck += hung(result)
                if number < len(unseen) and self._stuck >= (self._max_stuck or inf):
                    self._stop(answers, scenario)
                    break
            unseen = unseen[number:]
        for scenario in unseen:
            yield self._decide(self._judge(scenario, NotDecided(self._why_stopped)))

    @property
    def _why_stopped(self) -> str:
        return (
            f"stopped after {self._max_stuck} scenarios that got stuck or panicked: "
            "--max-stuck 0 goes on"
        )

    def _stop(self, answers: Iterator[tuple[Scenario, Observed]], scenario: Scenario) -> None:
        """Come to the end, if this *scenario* gets stuck again: the machine may have been busy."""
        if isinstance(answers, Generator):
            answers.close()
        self.target.restart()  # what it was sent already is of no use any more
        [(_, observed)] = self.target.run([scenario])
        self.summary.stopped = hung(self._judge(scenario, observed))
        self._stuck = 0

    def _cut_down(self, result: Result) -> Result:
        """The shortest scenario that still differs, for the first ones of each clause."""
        scenario = result.scenario
        like_it = sum(other.clause == result.clause for other in self.summary.differences)
        if result.verdict is not Verdict.DIFFERENCE or result.times[0] < result.times[1]:
            return result  # what differs only sometimes would be cut down to what never does
        if like_it >= MAX_CUT_DOWN or not isinstance(scenario, Scenario):
            return result
        return cut_down(result, self.target, lambda other: other.clause == result.clause)

    @property
    def expected_total(self) -> int | None:
        """How many results there will be; None where nobody knows."""
        return len(self.scenarios) or None

    def kill(self) -> None:
        """End the target at once, as after Ctrl-C."""
        self.target.kill()

    def close(self, *, interrupted: bool = False) -> Summary:
        """The summary of what was decided, differences not yet run again included."""
        for result in self._differing:
            self._count(result)
        self._differing = []
        if interrupted:
            left = [s for s in self.scenarios if s.name not in self._judged]
            self.summary.interrupt(left if self.scenarios else None)
        elif not self.summary.stopped:
            found = self.summary.of_issues
            self.summary.gone = gone(self._issues, self.summary.by_clause, found)
        return self.summary

    def _judge(self, scenario: Scenario, observed: Observed) -> Result:
        return judge(scenario, observed, self.target.options, self.target.known)

    def _decide(self, result: Result) -> Result:
        if self.journal is not None:
            self.journal.write(result)
        return self._count(result)

    def _count(self, result: Result) -> Result:
        counted = self.summary.add(marked(result, self._issues))
        self.summary.seconds = monotonic() - self._start
        return counted

    def _repeated(self) -> Iterator[Result]:
        # What hung too often is no chance either, and would take as long again; and a target
        # that was given up has nothing more to say.
        ours = [r for r in self._differing if not (self.summary.stopped and hung(r))]
        ours = [] if self.summary.gave_up else ours
        differing = ours[:MAX_REPEATED]
        rerun = set(map(id, differing))
        others = [result for result in self._differing if id(result) not in rerun]
        self._differing = [*differing, *others]
        yield from repeated(differing, self.target)
        yield from others
