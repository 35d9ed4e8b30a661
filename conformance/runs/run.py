"""Runs families on a target and judges what comes back."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from itertools import chain
from math import inf
from time import monotonic

from conformance.results.result import Result, Verdict
from conformance.results.run import AnyRun
from conformance.results.summary import Summary
from conformance.runs.hung import hung
from conformance.runs.journal import Journal
from conformance.runs.minimise import minimised
from conformance.runs.repeat import MAX_REPEATED, repeated
from conformance.scenarios.decidable import undecidable
from conformance.targets.base import Target
from conformance.verdicts.issues import Issue, gone, known_as, marked
from conformance.verdicts.judge import judge
from conformance.verdicts.origin import Origins
from reference_model import Log, Scenario
from reference_model.language.answer import NotDecided, Observed

#: Maximum number of scenarios that hang or panic before a run ends; each takes its time.
MAX_STUCK = 10
#: Maximum number of differences after which the others run in a fresh guest: each start takes its
#: time, and a kernel with more differences has no need to be treated with care.
MAX_RENEWED = 20
#: Number of scenarios that the fresh guest is given first: what it has run ahead is lost when one
#: of them differs.
FIRST_PART = 128
#: Maximum number of differences of a clause that are minimised; more would say the same.
MAX_MINIMISED = 3


class Run(AnyRun):
    """One run of scenarios on a target."""

    def __init__(
        self,
        target: Target,
        scenarios: Sequence[Scenario],
        journal: Journal | None = None,
        more: Iterable[Sequence[Scenario]] = (),
        *,
        minimises: bool = False,
        issues: tuple[Issue, ...] = (),
        max_stuck: int = MAX_STUCK,
        given: bool = False,
    ) -> None:
        """Makes a run of *scenarios* on *target*.

        *journal* has the observations of an earlier run, and gets the new ones.  *more* are
        batches that are run after *scenarios*, one after the other.  Differences in them are
        minimised, and with *minimises* those in *scenarios* too, unless they are *issues*.
        After *max_stuck* scenarios that hung or panicked the rest is not decided; 0 is no limit.
        *given* says that a person wrote *scenarios*: those that are a race are not decided.
        """
        self.target = target
        self.journal = journal
        self._more = more
        self._minimises = minimises
        self._max_stuck = max_stuck
        self._stuck = 0
        self._given = given
        self._renewed = 0
        self.scenarios = scenarios
        self.summary = Summary(target.name, target.kernel)
        self._issues = issues
        #: The scenarios that agree, with their logs.
        self.agreed: list[tuple[Scenario, Log]] = []
        self._origins = Origins(target.options, self.summary.by_item)
        #: The names of the scenarios that have been judged.
        self._judged: set[str] = set()
        #: The differences that are not decided yet, in the order in which they were observed.
        self._differing: list[Result] = []
        #: For each of these, the scenarios that the same guest ran before it.
        self._histories: dict[str, tuple[Scenario, ...]] = {}
        self._start = monotonic()

    def results(self) -> Iterator[Result]:
        """Yields the verdict on each scenario as it is reached.

        Differences come last: they are run again first, so that the report can say how often
        they appear.
        """
        batches = chain([(self.scenarios, self._minimises)], ((more, True) for more in self._more))
        for batch, minimises in batches:
            yield from self._batch(batch)
            for result in self._repeated():
                cut = minimises and known_as(result, self._issues) is None
                decided = self._decide(self._minimised(result) if cut else result)
                del self._differing[0]
                yield decided
            if self.summary.stopped:
                return

    def _batch(self, scenarios: Sequence[Scenario]) -> Iterator[Result]:
        """Yields the verdicts except differences, which are kept to be run again."""
        unseen = []
        for scenario in scenarios:
            broken = undecidable(scenario, self.target.options) if self._given else None
            if broken is not None:
                self._judged.add(scenario.name)
                yield self._decide(self._judge(scenario, NotDecided(broken.line)))
                continue
            if self.journal is None or scenario not in self.journal:
                unseen.append(scenario)
                continue
            observed = self.journal.recall(scenario)
            self._judged.add(scenario.name)
            yield self._count(self.journal.completed(self._judge(scenario, observed)))
        stopped = NotDecided(self._why_stopped)
        size = len(unseen)
        while unseen and not self.summary.stopped:
            part = unseen[:size]
            size *= 2
            answers = self.target.run(part)
            for number, (scenario, observed) in enumerate(answers, 1):
                result = self._judge(scenario, observed)
                self._judged.add(scenario.name)
                if result.verdict is Verdict.DIFFERENCE:
                    self._differing.append(result)
                    if self.target.ours and len(self._histories) < MAX_REPEATED:
                        self._histories[scenario.name] = self.target.history(scenario)
                else:
                    yield self._decide(result)
                self._stuck += hung(result)
                if number < len(unseen) and self._stuck >= (self._max_stuck or inf):
                    self._stop(answers, scenario)
                    break
                if self._may_harm(result) and number < len(unseen):
                    self._renew(answers)
                    size = FIRST_PART
                    break
            unseen = unseen[number:]
            if isinstance(observed, NotDecided) and observed.gave_up:
                stopped = observed
                break
        for scenario in unseen:
            yield self._decide(self._judge(scenario, stopped))

    def _may_harm(self, result: Result) -> bool:
        """Returns whether the guest, which goes on, may make the next scenarios differ.

        That is so if a broken kernel keeps what this one has left behind.  A new guest after each
        hang, which takes its time already, would be too slow.
        """
        differs = result.verdict is Verdict.DIFFERENCE and not hung(result)
        return differs and self.target.ours and self._renewed < MAX_RENEWED

    def _leave(self, answers: Iterator[tuple[Scenario, Observed]]) -> None:
        """Ends the guest: the scenarios that it has been sent are no longer needed."""
        if isinstance(answers, Generator):
            answers.close()
        self.target.restart()

    def _renew(self, answers: Iterator[tuple[Scenario, Observed]]) -> None:
        """Starts a new guest; what the old one has run since the last answer is lost."""
        self._renewed += 1
        self._leave(answers)

    @property
    def _why_stopped(self) -> str:
        return (
            f"stopped after {self._max_stuck} scenarios that hung or panicked: "
            "--max-stuck 0 goes on"
        )

    def _stop(self, answers: Iterator[tuple[Scenario, Observed]], scenario: Scenario) -> None:
        """Stops the run if this *scenario* hangs again: the machine may have been busy."""
        self._leave(answers)
        [(_, observed)] = self.target.run([scenario])
        self.summary.stopped = hung(self._judge(scenario, observed))
        self._stuck = 0

    def _minimised(self, result: Result) -> Result:
        """Returns *result* minimised, if it is one of the first differences of its clause."""
        scenario = result.scenario
        like_it = sum(other.clause == result.clause for other in self.summary.differences)
        if result.verdict is not Verdict.DIFFERENCE or result.times[0] < result.times[1]:
            return result  # a difference that appears only sometimes would be lost
        if result.after:
            return result
        if like_it >= MAX_MINIMISED or not isinstance(scenario, Scenario):
            return result
        return minimised(result, self.target, lambda other: other.clause == result.clause)

    @property
    def expected_total(self) -> int | None:
        """Returns the number of results to come; None if it is unknown."""
        return len(self.scenarios) or None

    def kill(self) -> None:
        """Ends the target at once, as after Ctrl-C."""
        self.target.kill()

    def close(self, *, interrupted: bool = False) -> Summary:
        """Returns the summary, with the differences that have not been run again."""
        for result in self._differing:
            self._count(result, placed=not interrupted)
        self._differing = []
        if self._origins.left:
            self.summary.notes.append(
                f"{self._origins.left} more differences may belong to other files than "
                "kern_fork.c: with fewer scenarios (--only) all of them are examined"
            )
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

    def _count(self, result: Result, *, placed: bool = True) -> Result:
        scenario, observed = result.scenario, result.observed
        if result.verdict is Verdict.AGREES and isinstance(scenario, Scenario) and observed:
            self.agreed.append((scenario, observed))
        result = marked(result, self._issues)
        counted = self.summary.add(self._origins.placed(result) if placed else result)
        self.summary.seconds = monotonic() - self._start
        return counted

    def _repeated(self) -> Iterator[Result]:
        # Scenarios that hung too often did not hang by chance, and would take as long again.  A
        # target that was given up does not answer any more.
        ours = [r for r in self._differing if not (self.summary.stopped and hung(r))]
        ours = [] if self.summary.gave_up else ours
        differing = ours[:MAX_REPEATED]
        rerun = set(map(id, differing))
        others = [result for result in self._differing if id(result) not in rerun]
        self._differing = [*differing, *others]
        histories, self._histories = self._histories, {}
        yield from repeated(differing, self.target, histories)
        yield from others
