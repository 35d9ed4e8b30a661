"""Runs families on a target and judges what comes back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from math import inf
from time import monotonic

from conformance.runs.coverage import Coverage
from conformance.runs.journal import Journal
from conformance.runs.minimise import cut_down
from conformance.targets.base import Kernel, Target
from conformance.verdicts.blame import COUNTING, LEFT_BEHIND, MISCOUNTED, RESTS_ON
from conformance.verdicts.issues import Issue, gone, known_as
from conformance.verdicts.judge import Result, Verdict, judge
from reference_model import Scenario
from reference_model.language.answer import NotDecided, Observed
from reference_model.language.observation import HUNG, NEVER_RETURNED, UNFINISHED

#: How often a scenario that differs is run in all, to tell "always" from "sometimes".
RUNS_OF_A_DIFFERENCE = 3
#: So many differences are run again; behind them the cause is not chance.
MAX_REPEATED = 50
#: So many differences of a clause are cut down to the shortest scenario.
MAX_CUT_DOWN = 3
#: After so many scenarios that got stuck or panicked, and each takes its time, a run ends.
MAX_STUCK = 10
TOO_BUSY = "a step did not return in time once, and did so when run again: is the machine too busy?"


@dataclass
class Summary:
    """The counts of a run, by verdict, by family and by clause, and what it found."""

    target: str
    kernel: Kernel
    seconds: float = 0.0
    interrupted: bool = False
    gave_up: bool = False
    #: Whether it came to its end since too many scenarios got stuck or panicked.
    stopped: bool = False
    by_verdict: Counter[Verdict] = field(default_factory=Counter)
    by_family: dict[str, Counter[Verdict]] = field(default_factory=dict)
    by_clause: dict[str, Counter[Verdict]] = field(default_factory=dict)
    reasons: Counter[str] = field(default_factory=Counter)
    known: Counter[str] = field(default_factory=Counter)
    by_item: dict[tuple[str, str], list[Result]] = field(default_factory=dict)
    differences: list[Result] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    #: Where the clauses stand in the file that was asked; of 1.232, where it is none.
    clause_lines: dict[str, str] | None = None
    coverage: Coverage | None = None
    #: The known issues of this kernel, and the differences that are of them.
    issues: tuple[Issue, ...] = ()
    of_issues: list[Result] = field(default_factory=list)

    @property
    def scenarios(self) -> int:
        return self.by_verdict.total()

    def is_issue(self, result: Result) -> bool:
        """Whether a difference is one of the known issues."""
        return known_as(result, self.issues) is not None

    def gone(self) -> list[Issue]:
        """The issues that were not seen any more, as far as a run that came to its end can tell."""
        early = self.interrupted or self.stopped
        return [] if early else gone(self.issues, self.by_clause, self.of_issues)

    def add(self, result: Result) -> Result:
        """Count a result; the result as it was counted: a known issue is a known difference."""
        if result.verdict is Verdict.DIFFERENCE:
            issue = known_as(result, self.issues)
            if issue is not None:
                result = replace(result, verdict=Verdict.KNOWN, pr=issue.pr)
                self.of_issues.append(result)
        verdict, scenario, number = result.verdict, result.scenario, result.number
        self.by_verdict[verdict] += number
        self.by_family.setdefault(scenario.family, Counter())[verdict] += number
        for clause in _touched(result):
            self.by_clause.setdefault(clause, Counter())[verdict] += number
            self.by_item.setdefault((scenario.family, clause), []).append(result)
        if verdict is Verdict.NOT_DECIDED:
            self.reasons[result.reason] += number
            self.gave_up |= result.gave_up
        for entry in result.known:
            self.known[entry.name] += 1
        if verdict is Verdict.DIFFERENCE:
            self.differences.append(result)
        return result

    def ranked(self) -> list[Result]:
        """The differences: one of each clause before the second of any, the surest clause first.

        A clause that was broken differs wherever it is looked at; one that only
        follows from it agrees in other scenarios.  But a count that is wrong from then on
        is found by others, who then differ as surely: it comes before them.  What does
        not differ every time comes behind what does.  And what only counts, or rests on
        another that differs, comes last.
        """
        share = {
            clause: count[Verdict.DIFFERENCE] / (count[Verdict.DIFFERENCE] + count[Verdict.AGREES])
            for clause, count in self.by_clause.items()
            if count[Verdict.DIFFERENCE]
        }
        again = [result for result in self.differences if result.times[1] > 1]
        every_time = {result.clause for result in again if result.times[0] == result.times[1]}
        turns: Counter[str] = Counter()
        keys = []
        for result in self.differences:
            follows = result.clause in COUNTING or RESTS_ON.get(result.clause) in share
            sometimes = result.clause not in every_time
            rank = 0 if _left_behind(result) else 3 if follows else 2 if sometimes else 1
            keys.append((turns[result.clause], rank, -share[result.clause]))
            turns[result.clause] += 1
        order = sorted(range(len(keys)), key=keys.__getitem__)
        return [self.differences[i] for i in order]

    def exit_status(self) -> int:
        """0: all agrees or is known; 1: differences; 3: nothing decided, or the target was lost."""
        if self.differences:
            return 1
        decided = self.scenarios - self.by_verdict[Verdict.NOT_DECIDED]
        return 0 if decided and not self.gave_up else 3


def _touched(result: Result) -> frozenset[str]:
    """The clauses that a verdict counts for: a difference only for the one that it blames."""
    if result.verdict in (Verdict.DIFFERENCE, Verdict.KNOWN):
        return frozenset({result.clause})
    return result.scenario.clauses()


def _left_behind(result: Result) -> bool:
    """Whether a count is wrong from then on: what a refusal kept, or another user was charged."""
    if result.step is None or result.observed is None:
        return False
    seen = result.observed[result.step : result.step + 1]
    if result.clause in MISCOUNTED:
        return any(("EAGAIN",) in (seen, log[result.step :][:1]) for log in result.expected)
    return result.clause in LEFT_BEHIND and seen == ("EAGAIN",)


def _got_stuck(result: Result) -> bool:
    """Whether the difference took as long as a step is waited for, or another start of a guest."""
    if result.verdict is not Verdict.DIFFERENCE:
        return False
    waited = {HUNG, UNFINISHED}.intersection(result.observed or ())
    return result.observed is None or bool(waited.difference(*result.expected))


def _ended_early(result: Result) -> bool:
    """Whether the difference is one of time: some step had not returned when the probe gave up."""
    return not NEVER_RETURNED.isdisjoint(result.observed or ())


class Run:
    """One run of scenarios on a target.

    ``summary`` grows as the results come, and holds what was decided so far
    when something ends the run early.
    """

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
        self.summary = Summary(target.name, target.kernel, issues=issues)
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
                cut = cuts_down and not self.summary.is_issue(result)
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
            yield self._count(replace(self._judge(scenario, observed), times=times))
        while unseen and not self.summary.stopped:
            answers = self.target.run(unseen)
            for number, (scenario, observed) in enumerate(answers, 1):
                result = self._judge(scenario, observed)
                if result.verdict is Verdict.DIFFERENCE:
                    self._differing.append(result)
                else:
                    yield self._decide(result)
                self._stuck += _got_stuck(result)
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
        self.summary.stopped = _got_stuck(self._judge(scenario, observed))
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
        self.summary.interrupted = interrupted
        return self.summary

    def _judge(self, scenario: Scenario, observed: Observed) -> Result:
        return judge(scenario, observed, self.target.options, self.target.known)

    def _decide(self, result: Result) -> Result:
        if self.journal is not None:
            self.journal.write(result)
        return self._count(result)

    def _count(self, result: Result) -> Result:
        counted = self.summary.add(result)
        self.summary.seconds = monotonic() - self._start
        return counted

    def _repeated(self) -> Iterator[Result]:
        # What got stuck too often is no chance either, and would take as long again; and a target
        # that was given up has nothing more to say.
        ours = [r for r in self._differing if not (self.summary.stopped and _got_stuck(r))]
        ours = [] if self.summary.gave_up else ours
        differing = ours[:MAX_REPEATED]
        rerun = set(map(id, differing))
        others = [result for result in self._differing if id(result) not in rerun]
        self._differing = [*differing, *others]
        seen = [1] * len(differing)
        again = [i for i in range(len(differing)) for _ in range(RUNS_OF_A_DIFFERENCE - 1)]
        subjects = [differing[i].scenario for i in again]
        observations = self.target.run([s for s in subjects if isinstance(s, Scenario)])
        for i, (scenario, observed) in zip(again, observations, strict=True):
            if not isinstance(observed, NotDecided):
                seen[i] += self._judge(scenario, observed).verdict is Verdict.DIFFERENCE
        for result, count in zip(differing, seen, strict=True):
            if count == 1 and _ended_early(result):
                yield replace(
                    result,
                    verdict=Verdict.NOT_DECIDED,
                    clause=result.scenario.about[0],
                    reason=TOO_BUSY,
                )
            else:
                yield replace(result, times=(count, RUNS_OF_A_DIFFERENCE))
        yield from others
