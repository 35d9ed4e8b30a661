"""What a scenario leaves behind in a broken kernel makes no other scenario differ."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from conformance.report.pr.again import asked_again
from conformance.report.pr.entry import entries
from conformance.report.pr.problem import group
from conformance.report.terminal import show_summary
from conformance.results.result import Result, Verdict
from conformance.results.results import Results
from conformance.results.summary import Summary
from conformance.runs import history
from conformance.runs.journal import Journal
from conformance.runs.repeat import RUNS_OF_A_DIFFERENCE
from conformance.runs.run import FIRST_PART, MAX_RENEWED, Run
from conformance.scenarios.joined import joined
from conformance.scenarios.sense import makes_sense
from conformance.verdicts.ranking import leading, results_of
from reference_model import Log, Options, Scenario, kern_fork, parse, predict
from tests.broken import break_fork
from tests.scenarios import steps
from tests.test_runner import Scripted, make

#: A refused fork.  The kernel agrees, and keeps a process in its count.
LEAVES = steps("a/leaves", "MAXPROC", "P: maxproc 1", "P: fork -")
#: Notices one process too many.
NOTICES = steps("a/notices", "MAXPROC", "P: maxproc 2", "P: fork C", "P: fork -")
#: Notices it as well, and what it leaves itself.
DIFFERS = steps(
    "a/differs",
    "FORK-REFUSED-ROLLBACK",
    "P: maxproc 2",
    *("P: fork C", "P: fork -", "C: exit 0", "P: wait4 C", "P: fork D"),
)
TIMES = (RUNS_OF_A_DIFFERENCE, RUNS_OF_A_DIFFERENCE)


#: What refused forks have left in the count of the kernel that runs.
LEAKED: list[None] = []
#: The lines of kern_fork.py that count the process, and restore the count, and those between.
COUNTED, RESTORED = "tnprocs = k.nprocs", "k.nprocs -= 1  # FORK-REFUSED-ROLLBACK"
BETWEEN = inspect.getsource(kern_fork).partition(COUNTED)[2].partition(RESTORED)[0]


class Leaky(Scripted):
    """A kernel in which a fork refused by kern.maxproc stays counted; each guest begins anew.

    The first *ignored* of them do no harm.
    """

    def __init__(self, broken: pytest.MonkeyPatch, *, ignored: int = 0) -> None:
        super().__init__({})
        self.broken = broken
        self.wrong = (
            "from tests.test_history import LEAKED\n"
            f"    tnprocs = k.nprocs + max(0, len(LEAKED) - {ignored})"
            f"{BETWEEN}k.nprocs -= 1; LEAKED.append(None)"
        )
        self.life: list[Scenario] = []
        LEAKED.clear()

    def restart(self) -> None:
        super().restart()
        self.life = []
        LEAKED.clear()

    def history(self, scenario: Scenario) -> tuple[Scenario, ...]:
        return tuple(self.life[: self.life.index(scenario)]) if scenario in self.life else ()

    def run(self, scenarios: Sequence[Scenario]) -> Iterator[tuple[Scenario, Log]]:
        for scenario in scenarios:
            self.asked.append(scenario.name)
            log = self.logged(scenario)
            self.life.append(scenario)
            yield scenario, log

    def logged(self, scenario: Scenario) -> Log:
        with self.broken.context() as patch:
            break_fork(patch, COUNTED + BETWEEN + RESTORED, self.wrong)
            return predict(scenario, self.options)


def summary_of(target: Scripted, *scenarios: Scenario) -> Summary:
    run = Run(target, scenarios)
    for _ in run.results():
        pass
    return run.close()


def others(number: int) -> list[Scenario]:
    return [make(f"b/{n}") for n in range(number)]


def named(name: str, scenario: Scenario) -> Scenario:
    return replace(scenario, name=name)


def test_the_scenario_after_a_difference_gets_a_fresh_guest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What differs has left a count behind, and only it is a difference."""
    summary = summary_of(Leaky(monkeypatch), DIFFERS, NOTICES, *others(3))
    [difference] = summary.differences
    assert (difference.scenario.name, difference.times) == ("a/differs", TIMES)
    assert summary.by_verdict[Verdict.AGREES] == 4


def test_its_own_leak_does_not_hide_a_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each repetition has a guest of its own, in a report too."""
    target = Leaky(monkeypatch)
    [entry] = asked_again(
        results_of(summary_of(target, DIFFERS)), target, minimises=False
    ).to_json()["differences"]
    assert (entry["times"], entry["of"], entry["clause"]) == (20, 20, "FORK-REFUSED-ROLLBACK")


def test_the_history_of_a_difference_is_joined_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The earlier scenario agrees: together they differ, for the clause that was broken."""
    scenarios = [*others(3), LEAVES, *others(40), NOTICES]
    target = Leaky(monkeypatch)
    summary = summary_of(target, *scenarios)
    [difference] = summary.differences
    assert difference.scenario.name == "a/notices/after/a/leaves"
    assert difference.scenario.calls() == [
        *("A: maxproc 1", "A: fork -", "P: maxproc 2", "P: fork C", "P: fork -")
    ]
    assert (difference.clause, difference.times) == ("FORK-REFUSED-ROLLBACK", TIMES)
    [again] = asked_again(results_of(summary), target, minimises=True).differences
    assert again.times == (20, 20)
    assert isinstance(again.scenario, Scenario)
    assert [step.verb for step in again.scenario.steps] == ["maxproc", "fork"] * 2


def test_victims_are_counted_behind_their_cause(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first one is joined to its history, and the others differ only after that."""
    twice = [named(f"a/{n}/{s.name}", s) for n in range(3) for s in (LEAVES, NOTICES)]
    summary = summary_of(Leaky(monkeypatch), *twice)
    results = results_of(summary)
    assert [len(d.after) for d in results.differences] == [0, 1, 1]
    assert {d.clause for d in results.differences} == {"FORK-REFUSED-ROLLBACK"}
    assert [(d.followers, d.times) for d in leading(results.differences)] == [(2, TIMES)]
    [problem] = group(results.differences, results.kernel, results.target)
    assert problem.how_often == "in 3 of 3 runs; 2 other scenarios differ only after it"
    out = StringIO()
    show_summary(Console(file=out, width=200), summary)
    assert "reproduced 3/3; 2 other scenarios differ only after it" in out.getvalue()
    assert "differ only after it\n    step" in out.getvalue()
    assert Results.from_json(json.loads(json.dumps(results.to_json()))) == results


def test_a_difference_that_is_sure_is_tried_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """A victim of it needs no search."""
    target = Leaky(monkeypatch)
    summary = summary_of(target, LEAVES, NOTICES, DIFFERS)
    victim, cause = summary.differences
    assert [s.name for s in victim.after] == ["a/differs"]
    assert (cause.scenario.name, victim.clause) == ("a/differs", cause.clause)


def test_all_scenarios_that_are_needed_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel differs after the second leak, in a report too, and there is no reproducer."""
    leave = [named(f"a/{n}", LEAVES) for n in range(2)]
    target = Leaky(monkeypatch, ignored=1)
    summary = summary_of(target, leave[0], *others(5), leave[1], *others(5), NOTICES)
    [difference] = summary.differences
    assert difference.after == tuple(leave)
    assert difference.how_often == "only after 2 scenarios, from a/0 to a/1: reproduced 3/3"
    results = asked_again(results_of(summary), target, minimises=True)
    [entry] = entries(results)
    assert "in 20 of 20 runs after 2 other scenarios, and never without" in entry.problem.how_often
    assert entry.repeat.program is None
    assert entry.repeat.says.count("scenario a/") == 3


def test_a_difference_by_chance_has_no_history(monkeypatch: pytest.MonkeyPatch) -> None:
    """It does not come again, whatever was run before it."""

    class Chance(Leaky):
        def logged(self, scenario: Scenario) -> Log:
            once = scenario.name == "b/3" and self.asked.count("b/3") == 1
            return ("C", "wrong", "wrong") if once else super().logged(scenario)

    summary = summary_of(Chance(monkeypatch), *others(5))
    [difference] = summary.differences
    assert (difference.times, difference.after) == ((1, RUNS_OF_A_DIFFERENCE), ())


def test_a_search_ends_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the time for a search, the difference is one that came once."""
    monkeypatch.setattr(history, "SECONDS", -1.0)
    summary = summary_of(Leaky(monkeypatch), LEAVES, NOTICES)
    [difference] = summary.differences
    assert (difference.times, difference.after) == ((1, RUNS_OF_A_DIFFERENCE), ())


def test_a_limited_number_of_guests_is_renewed() -> None:
    """After MAX_RENEWED of them, or where all differs, the run goes on in the same guest."""
    number = MAX_RENEWED + FIRST_PART
    target = Scripted({f"b/{n}": [("C", "wrong", "wrong")] * 3 for n in range(number)})
    run = Run(target, others(number))
    batch = run._batch(run.scenarios)
    assert list(batch) == []
    assert target.restarts == MAX_RENEWED


def test_a_journal_keeps_the_history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A resumed run reports the same difference, after the same scenarios."""
    path = tmp_path / "run.journal"
    leave = [named(f"a/{n}", LEAVES) for n in range(2)]

    def run_all() -> Sequence[Result]:
        target = Leaky(monkeypatch, ignored=1)
        run = Run(target, [*leave, NOTICES], Journal(path, "scripted", target.kernel))
        for _ in run.results():
            pass
        assert run.journal is not None
        run.journal.close(keep=True)
        return run.close().differences

    assert run_all() == run_all()


def test_joined_scenarios_keep_their_actors_apart() -> None:
    """Actors of the first get new names, in arguments too; each step keeps its clause."""
    [first] = parse("scenario a/1\nabout PARENT\nP: fork C\nC: exit 3 [EXIT-SIGNAL]\nP: wait4 C\n")
    [second] = parse("scenario b/2\nabout SYS-FORK\nQ: fork C\nC: getppid [PARENT]\n")
    both = joined(first, second)
    assert both is not None
    assert both.text().splitlines() == [
        "scenario b/2/after/a/1",
        "about SYS-FORK PARENT",
        "P: fork A                               [PARENT]",
        "A: exit 3                               [EXIT-SIGNAL]",
        "P: wait4 A                              [PARENT]",
        "Q: fork C                               [SYS-FORK]",
        "C: getppid                              [PARENT]",
    ]
    assert makes_sense(both, Options())


@pytest.mark.parametrize("actors", [4, 5])
def test_scenarios_with_too_many_actors_are_not_joined(actors: int) -> None:
    some = steps("a/1", "PARENT", *(f"P{n}: getppid" for n in range(actors)))
    other = steps("a/2", "PARENT", *(f"Q{n}: getppid" for n in range(4)))
    assert (joined(some, other) is None) == (actors > 4)


def test_long_scenarios_are_not_joined() -> None:
    long = steps("a/1", "PARENT", *["P: getppid"] * 60)
    assert joined(long, steps("a/2", "PARENT", *["P: getppid"] * 5)) is None
