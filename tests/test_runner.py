"""A run: its counts, its repetitions, and its exit status."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from conformance.reproducer.ended import Ended, NotRunError
from conformance.results.kernel import Kernel
from conformance.results.result import Verdict
from conformance.results.status import exit_status
from conformance.results.summary import Summary
from conformance.runs.repeat import MAX_REPEATED, RUNS_OF_A_DIFFERENCE, TOO_BUSY
from conformance.runs.run import MAX_STUCK, Run
from conformance.verdicts.known import KnownDifferences
from conformance.verdicts.ranking import ranked
from reference_model import Options, Scenario, predict
from reference_model.language.answer import NotDecided, Observed, Panicked
from tests.scenarios import steps

WRONG = ("C", "wrong", "wrong")


class Scripted:
    """A target with fixed answers: for each scenario, the observation of each run."""

    name = "scripted"
    kernel = Kernel("Fake", "1", "none")
    options = Options()
    known = KnownDifferences()
    lacks: frozenset[str] = frozenset()
    ours = True

    def __init__(self, answers: dict[str, list[Observed]]) -> None:
        self.answers = answers
        self.asked: list[str] = []
        self.restarts = 0

    def run(self, scenarios: Sequence[Scenario]) -> Iterator[tuple[Scenario, Observed]]:
        for scenario in scenarios:
            self.asked.append(scenario.name)
            given = self.answers.get(scenario.name)
            yield scenario, given.pop(0) if given else predict(scenario, self.options)

    def restart(self) -> None:
        self.restarts += 1

    def history(self, scenario: Scenario) -> tuple[Scenario, ...]:
        return ()

    def run_program(self, source: str) -> Ended:
        raise NotRunError("it is made of words")

    def close(self) -> None: ...

    def kill(self) -> None: ...


def make(name: str) -> Scenario:
    return steps(name, "SYS-FORK PARENT", "P: fork C", "C: exit 3 [EXIT-SIGNAL]", "P: wait4 C")


def summary_of(answers: dict[str, list[Observed]], *names: str) -> tuple[Summary, Scripted]:
    target = Scripted(answers)
    run = Run(target, [make(name) for name in names])
    for _ in run.results():
        pass
    return run.close(), target


@pytest.mark.parametrize(
    ("again", "times"),
    [
        ([WRONG, WRONG], (3, 3)),
        ([WRONG], (2, 3)),
        ([], (1, 3)),
        ([NotDecided("no time"), WRONG], (2, 3)),
    ],
)
def test_a_difference_is_run_again(again: list[Observed], times: tuple[int, int]) -> None:
    """The report says how often it was seen in how many runs; once is enough to be one."""
    summary, target = summary_of({"a/1": [WRONG, *again]}, "a/1", "a/2")
    [result] = summary.differences
    assert result.times == times
    assert target.asked == ["a/1", "a/2", *["a/1"] * (RUNS_OF_A_DIFFERENCE - 1)]


def test_a_limited_number_of_differences_is_run_again() -> None:
    """Behind MAX_REPEATED of them the cause is not chance; all are counted."""
    names = [f"a/{n}" for n in range(MAX_REPEATED + 3)]
    summary, target = summary_of({name: [WRONG] * 3 for name in names}, *names)
    assert len(summary.differences) == len(names)
    assert len(target.asked) == len(names) + MAX_REPEATED * (RUNS_OF_A_DIFFERENCE - 1)
    assert [result.times for result in summary.differences[-4:]] == [(3, 3), *[(1, 1)] * 3]


def test_the_counts() -> None:
    """By verdict, family and clause: a difference counts for its clause alone."""
    summary, _ = summary_of(
        {"a/1": [WRONG] * 3, "b/2": [NotDecided("no time")]}, "a/1", "b/2", "b/3"
    )
    assert summary.by_verdict == {
        Verdict.AGREES: 1,
        Verdict.DIFFERENCE: 1,
        Verdict.NOT_DECIDED: 1,
    }
    assert summary.by_family == {
        "a": {Verdict.DIFFERENCE: 1},
        "b": {Verdict.AGREES: 1, Verdict.NOT_DECIDED: 1},
    }
    assert summary.by_clause == {
        "EXIT-SIGNAL": {Verdict.DIFFERENCE: 1, Verdict.AGREES: 1, Verdict.NOT_DECIDED: 1},
        "SYS-FORK": {Verdict.AGREES: 1, Verdict.NOT_DECIDED: 1},
        "PARENT": {Verdict.AGREES: 1, Verdict.NOT_DECIDED: 1},
    }
    assert summary.reasons == {"no time": 1}
    assert summary.scenarios == 3


@pytest.mark.parametrize(
    ("answers", "status"),
    [
        ({}, 0),
        ({"a/1": [NotDecided("no time")]}, 0),
        ({"a/1": [NotDecided("given up after 5 failures", gave_up=True)]}, 3),
        ({"a/1": [WRONG]}, 1),
        ({"a/1": [WRONG], "a/2": [NotDecided("no time")]}, 1),
        ({"a/1": [NotDecided("no time")], "a/2": [NotDecided("no time")]}, 3),
    ],
)
def test_the_exit_status(answers: dict[str, list[Observed]], status: int) -> None:
    """0: all decided agree. 1: a difference. 3: none decided, or the target is lost."""
    summary, _ = summary_of({name: list(seen) for name, seen in answers.items()}, "a/1", "a/2")
    assert exit_status(summary) == status


class Broken(Scripted):
    """A kernel on which every load gives 1."""

    def run(self, scenarios: Sequence[Scenario]) -> Iterator[tuple[Scenario, Observed]]:
        for scenario in scenarios:
            right = predict(scenario, self.options)
            calls = (step.verb for step in scenario.steps)
            pairs = zip(calls, right, strict=True)
            yield scenario, tuple("1" if verb == "load" else seen for verb, seen in pairs)


LONG = steps("programs/1", "SUCCESS", "P: fork C", "C: exit 3", "P: load [ADDRESS-SPACE]")


def test_a_program_that_differs_is_minimised() -> None:
    """Batches are run one after the other; a difference in one is told as its shortest form."""
    run = Run(Broken({}), (), None, [[make("programs/0")], [LONG]])
    results = list(run.results())
    assert [result.verdict for result in results] == [Verdict.AGREES, Verdict.DIFFERENCE]
    assert results[1].scenario.calls() == ["P: load"]
    assert results[1].times == (RUNS_OF_A_DIFFERENCE, RUNS_OF_A_DIFFERENCE)


@pytest.mark.parametrize(("minimised", "calls"), [(True, ["P: load"]), (False, LONG.calls())])
def test_a_difference_for_a_report_is_minimised(minimised: bool, calls: list[str]) -> None:
    """A run for a report cuts down its scenarios too, and an interrupted one counts each once."""
    run = Run(Broken({}), [LONG], minimises=minimised)
    assert next(run.results()).scenario.calls() == calls
    summary = run.close(interrupted=True)
    assert summary.by_verdict == {Verdict.DIFFERENCE: 1}


def test_an_interrupted_run_keeps_its_verdicts() -> None:
    """Differences that were not run again yet are in the summary too, each once."""
    run = Run(Scripted({"a/1": [WRONG]}), [make(f"a/{n}") for n in range(1, 5)])
    results = run.results()
    assert [next(results).scenario.name for _ in range(2)] == ["a/2", "a/3"]
    summary = run.close(interrupted=True)
    assert summary.interrupted
    assert [result.scenario.name for result in summary.differences] == ["a/1"]
    assert summary.scenarios == 3


@pytest.mark.parametrize(
    ("seen", "verdict"),
    [
        ([("C", "hung", "not reached")], Verdict.NOT_DECIDED),
        ([("C", "hung", "not reached")] * 2, Verdict.DIFFERENCE),
        ([WRONG], Verdict.DIFFERENCE),
    ],
)
def test_a_difference_of_time_must_be_seen_twice(seen: list[Observed], verdict: Verdict) -> None:
    """A step that did not return once may be the machine's fault; a wrong result never is."""
    summary, _ = summary_of({"a/1": seen}, "a/1")
    assert summary.by_verdict == {verdict: 1}
    assert (summary.reasons == {TOO_BUSY: 1}) == (verdict is Verdict.NOT_DECIDED)


def test_the_clause_that_differs_everywhere_is_shown_first() -> None:
    """One difference of each clause, the surest clause first, before the second of any."""
    names = [f"a/{number}" for number in range(6)]
    no_fork = ("EAGAIN", "gone", "ECHILD")
    answers: dict[str, list[Observed]] = {name: [no_fork] * 3 for name in names[2:5]}
    answers |= {name: [WRONG] * 3 for name in names[:2]}
    summary, _ = summary_of(answers, *names)
    found, order = (
        [result.clause for result in results] for results in (summary.differences, ranked(summary))
    )
    assert found == ["EXIT-SIGNAL"] * 2 + ["SYS-FORK"] * 3
    assert order == ["SYS-FORK", "EXIT-SIGNAL", "SYS-FORK", "EXIT-SIGNAL", "SYS-FORK"]


STUCK = ("C", "hung", "not reached")


def repetitions(differences: int) -> int:
    """The fresh guests: one for each run of a difference, and one for what comes then."""
    return differences * (RUNS_OF_A_DIFFERENCE - 1) + 1


def run_until(
    stuck: list[str], names: list[str], max_stuck: int, *, busy: bool = False
) -> tuple[Summary, Scripted]:
    """Run *names*, of which some get stuck: always, or only when a busy machine runs them."""
    target = Scripted({name: [STUCK] * (1 if busy else 9) for name in stuck})
    run = Run(target, [make(name) for name in names], max_stuck=max_stuck)
    for _ in run.results():
        pass
    return run.close(), target


def test_a_run_stops_after_the_tenth_hang() -> None:
    """Each of them takes its time: the run stops, says why, and has differences all the same."""
    names = [f"a/{n}" for n in range(9)]
    summary, target = run_until(["a/1", "a/3", "a/4"], names, 2)
    assert [result.scenario.name for result in summary.differences] == ["a/1", "a/3"]
    assert summary.reasons == {
        "stopped after 2 scenarios that hung or panicked: --max-stuck 0 goes on": 5
    }
    assert (summary.scenarios, summary.stopped, exit_status(summary)) == (9, True, 1)
    # The last of them is run once more, by a new probe, and none of them ever again.
    assert (target.asked, target.restarts) == ([*names[:4], "a/3"], 1)


def test_a_panic_takes_its_time_too() -> None:
    """Whether a scenario gets stuck or has the kernel panic, it counts."""
    panicked = Panicked("kernel panicked: panic: test", "panic: test\n")
    target = Scripted({"a/0": [STUCK] * 9, "a/1": [panicked] * 9})
    run = Run(target, [make(f"a/{n}") for n in range(4)], max_stuck=2)
    for _ in run.results():
        pass
    assert run.close().by_verdict == {Verdict.DIFFERENCE: 2, Verdict.NOT_DECIDED: 2}
    assert target.asked == ["a/0", "a/1", "a/1"]


@pytest.mark.parametrize(("max_stuck", "stuck"), [(0, 5), (6, 5), (5, 5)])
def test_a_run_goes_on_below_the_limit_of_hangs(max_stuck: int, stuck: int) -> None:
    """0 is no limit, and behind the last scenario there is nothing to stop for."""
    names = [f"a/{n}" for n in range(stuck)]
    summary, target = run_until(names, names, max_stuck)
    assert summary.by_verdict == {Verdict.DIFFERENCE: stuck}
    assert not summary.stopped
    assert target.asked[: 2 * stuck - 1] == [*names, *sorted(names * 2)[: stuck - 1]]
    assert target.restarts == repetitions(stuck)


def test_a_busy_machine_does_not_stop_a_run() -> None:
    """A hang that does not come again does not count. The second outcome is reported."""
    names = [f"a/{n}" for n in range(6)]
    summary, target = run_until(names[:5], names, 2, busy=True)
    assert not summary.stopped
    assert summary.reasons == {TOO_BUSY: 5}
    assert target.restarts == 2 + repetitions(5)


def test_no_more_programs_are_drawn_once_a_run_has_stopped() -> None:
    """A run that has stopped draws no more programs."""
    drawn = iter([[make("programs/1"), make("programs/2")], [make("programs/3")]])
    target = Scripted({f"programs/{n}": [STUCK] * 9 for n in range(4)})
    run = Run(target, (), None, drawn, max_stuck=1)
    for _ in run.results():
        pass
    summary = run.close()
    assert summary.by_verdict == {Verdict.DIFFERENCE: 1, Verdict.NOT_DECIDED: 1}
    assert [scenario.name for batch in drawn for scenario in batch] == ["programs/3"]


def test_an_expected_blocked_call_is_not_stuck() -> None:
    """A caller that its child holds to the end is no reason to stop."""
    held = [
        steps(f"a/{n}", "SUCCESS", "P: vfork C", "C: getppid [PARENT]") for n in range(MAX_STUCK)
    ]
    target = Scripted({s.name: [("unfinished", "init")] * 9 for s in held})
    run = Run(target, [*held, make("a/last")])
    for _ in run.results():
        pass
    assert run.close().by_verdict == {Verdict.DIFFERENCE: MAX_STUCK, Verdict.AGREES: 1}


def test_a_refusal_that_left_its_count_behind_is_shown_first() -> None:
    """The scenarios after it differ as surely, and perhaps in more cases."""
    lowered = ("P: setrlimit 2 2", "P: setreuid free1 free1", "P: fork C", "P: fork D")
    kept = steps("a/kept", "NPROC-ROLLBACK", *lowered, "C: exit 0", "P: wait4 C", "P: fork E")
    others = [steps(f"a/{n}", "NPROC-LIMIT", *lowered[:3]) for n in range(3)]
    fine = steps("a/fine", "NPROC-ROLLBACK", "P: fork -")
    seen = ("ok", "ok", "C", "EAGAIN", "ok", "C exited 0", "EAGAIN")
    answers = {"a/kept": [seen] * 3} | {s.name: [("ok", "ok", "EAGAIN")] * 3 for s in others}
    target = Scripted({name: list(given) for name, given in answers.items()})
    run = Run(target, [*others, fine, kept])
    for _ in run.results():
        pass
    summary = run.close()
    assert [r.clause for r in summary.differences] == [*["NPROC-LIMIT"] * 3, "NPROC-ROLLBACK"]
    assert [r.clause for r in ranked(summary)][:2] == ["NPROC-ROLLBACK", "NPROC-LIMIT"]


def test_a_wrong_charge_is_shown_first() -> None:
    """Both users' counts are wrong from then on, and others are refused for it, time and again."""
    charged = [
        steps(f"a/{n}", "NPROC-COUNTS-REAL-UID", "P: setreuid free1 free2", "P: fork C")
        for n in range(2)
    ]
    others = [steps(f"b/{n}", "CREDENTIALS", "P: setreuid free1 -1", "P: fork C") for n in range(3)]
    answers = {s.name: [("ok", "EAGAIN")] * 3 for s in [charged[0], *others]}
    run = Run(Scripted({name: list(given) for name, given in answers.items()}), charged + others)
    for _ in run.results():
        pass
    assert ranked(run.close())[0].clause == "NPROC-COUNTS-REAL-UID"
    # Another difference in such a scenario has nothing to do with counts.
    answers["a/0"] = [("EPERM", "C")] * 3
    run = Run(Scripted({name: list(given) for name, given in answers.items()}), charged + others)
    for _ in run.results():
        pass
    assert ranked(run.close())[0].clause == "CREDENTIALS"


def test_a_wrong_counter_is_shown_last() -> None:
    """A counter is as wrong as the flag that it counts, and no cause where something else is."""
    counts = steps("a/counts", "FORK-COUNTERS", "P: getppid")
    others = [steps(f"a/{n}", "SYS-VFORK14", "P: getppid") for n in range(2)]
    target = Scripted({name: [("pid 7",)] * 3 for name in ("a/counts", "a/0")})
    run = Run(target, [counts, *others])
    for _ in run.results():
        pass
    assert [r.clause for r in ranked(run.close())] == ["SYS-VFORK14", "FORK-COUNTERS"]


def test_occasional_differences_come_after_constant_ones() -> None:
    """A limit that another scenario has left behind is found once, and not again."""
    limits = [steps(f"a/{n}", "LIMITS", "P: getppid") for n in range(3)]
    once = steps("b/once", "KAUTH-FORK", "P: getppid")
    answers: dict[str, list[Observed]] = {"a/0": [("pid 7",)] * 3, "b/once": [("pid 7",)]}
    run = Run(Scripted(answers), [*limits, once])
    for _ in run.results():
        pass
    assert [r.clause for r in ranked(run.close())] == ["LIMITS", "KAUTH-FORK"]


def test_a_dependent_difference_comes_after_its_cause() -> None:
    """Whether a table would be shared is not asked where no table is shared."""
    close_on_fork = steps("a/refused", "CLONE-FILES-CLOSE-ON-FORK", "P: getppid")
    shared = [steps(f"a/{n}", "CLONE-FILES", "P: getppid") for n in range(2)]
    both = [close_on_fork, *shared]
    for wrong, clauses in (
        (("a/refused", "a/0"), ["CLONE-FILES", "CLONE-FILES-CLOSE-ON-FORK"]),
        (("a/refused",), ["CLONE-FILES-CLOSE-ON-FORK"]),
    ):
        run = Run(Scripted({name: [("pid 7",)] * 3 for name in wrong}), both)
        for _ in run.results():
            pass
        assert [r.clause for r in ranked(run.close())] == clauses


def test_a_refusals_missing_message_is_no_cause() -> None:
    """A message that is not there follows the order of the others: it spoils nothing."""
    message = [steps(f"a/m{n}", "FORK-REFUSED-ROLLBACK", "P: getppid") for n in range(2)]
    other = steps("a/other", "PARENT", "P: getppid")
    target = Scripted({"a/m0": [("pid 7",)] * 3, "a/other": [("pid 7",)] * 3})
    run = Run(target, [*message, other])
    for _ in run.results():
        pass
    assert [r.clause for r in ranked(run.close())] == ["PARENT", "FORK-REFUSED-ROLLBACK"]


def test_a_target_that_was_given_up_is_not_asked_again() -> None:
    """If the second run is lost, the difference is reported as seen once."""
    lost = NotDecided("given up after 5 failures", gave_up=True)
    summary, target = summary_of({"a/1": [WRONG], "a/2": [lost]}, "a/1", "a/2")
    assert target.asked == ["a/1", "a/2"]
    assert [result.times for result in summary.differences] == [(1, 1)]
