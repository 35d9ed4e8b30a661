"""A difference is cut down to the shortest scenario that still shows it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from conformance.results.result import Result, Verdict
from conformance.runs.minimise import shrink
from conformance.scenarios.sense import makes_sense
from conformance.verdicts.judge import judge
from conformance.verdicts.known import KnownDifferences
from reference_model import Log, Options, Scenario, Step, predict
from tests.scenarios import steps

OPTIONS = Options()


class Broken:
    """A kernel that answers as the model does, after *wrong* has changed each observation."""

    def __init__(self, wrong: Callable[[Scenario, Step, str], str]) -> None:
        self.wrong = wrong
        self.asked = 0

    def log(self, scenario: Scenario) -> Log:
        right = predict(scenario, OPTIONS)
        return tuple(
            self.wrong(scenario, step, seen)
            for step, seen in zip(scenario.steps, right, strict=True)
        )

    def ask(self, scenarios: Sequence[Scenario]) -> list[Result]:
        self.asked += len(scenarios)
        return [judge(s, self.log(s), OPTIONS, KnownDifferences()) for s in scenarios]

    def shrink(self, scenario: Scenario) -> str:
        [result] = self.ask([scenario])
        assert result.verdict is Verdict.DIFFERENCE
        small = shrink(result, scenario, self.ask, OPTIONS)
        assert small.verdict is Verdict.DIFFERENCE
        assert small.clause == result.clause
        return small.scenario.text().partition("\n")[2].partition("\n")[2]


LONG = steps(
    "programs/1",
    "SUCCESS",
    "P: umask 077 [CWD]",
    "P: open 20 [FILES]",
    "P: __clone CLONE_FS|CLONE_FILES|SIGUSR1 C own [SUCCESS]",
    "C: chdir /dev",
    "P: store 5",
    "C: lseek 20 7 [FILES]",
    "P: tell 20 [FILES]",
    "C: fork D [SYS-FORK]",
    "D: exit 3",
    "C: wait4 D WALLSIG [EXIT-SIGNAL]",
    "C: exit 1",
    "P: wait4 C WALLSIG [EXIT-SIGNAL]",
    "P: getcwd [CWD]",
)


def test_minimising_keeps_only_the_needed_steps() -> None:
    """A directory that is not shared needs its flag, two steps and the look at it."""

    def wrong(scenario: Scenario, step: Step, seen: str) -> str:
        return "/" if step.verb == "getcwd" else seen

    assert Broken(wrong).shrink(LONG) == (
        "P: __clone CLONE_FS|SIGCHLD C           [SUCCESS]\n"
        "C: chdir /dev\n"
        "P: getcwd                               [CWD]\n"
    )


def test_actors_flags_and_numbers_go() -> None:
    """An actor without a part in the difference goes, and the other steps become plain."""

    def wrong(scenario: Scenario, step: Step, seen: str) -> str:
        return "0" if step.verb == "tell" and seen != "EBADF" else seen

    assert Broken(wrong).shrink(LONG) == (
        "P: open 20                              [FILES]\n"
        "P: fork C                               [SUCCESS]\n"
        "C: lseek 20 1                           [FILES]\n"
        "P: tell 20                              [FILES]\n"
    )


def test_the_clause_stays_the_same() -> None:
    """A shorter scenario that differs in something else is not the same difference."""

    def wrong(scenario: Scenario, step: Step, seen: str) -> str:
        if step.verb == "umask":
            return "0"
        return "7" if step.verb == "load" and len(scenario.steps) > 2 else seen

    text = steps("a/1", "SUCCESS", "P: store 3", "P: load [ADDRESS-SPACE]", "P: umask 022 [CWD]")
    assert Broken(wrong).shrink(text).count("\n") == 3


def test_what_is_no_race_stays_none() -> None:
    """Without the wait the stop is seen or not, and such a scenario says nothing of the kernel."""

    def wrong(scenario: Scenario, step: Step, seen: str) -> str:
        return "SZOMB" if step.verb == "kinfo" else seen

    orders = ("P: fork C", "P: kill C SIGSTOP", "P: wait4 C WUNTRACED", "P: kinfo C p_realstat")
    text = steps("a/1", "RUNNABLE", "P: sleep 1", *orders, "P: load")
    short = Broken(wrong).shrink(text)
    assert "kinfo" in short
    assert ("SIGSTOP" in short) == ("WUNTRACED" in short)
    assert "load" not in short


def test_nothing_senseless_is_tried() -> None:
    """The kernel does not run a scenario that would hang or never end in the model."""
    kernel = Broken(lambda scenario, step, seen: "9" if step.verb == "load" else seen)
    asked: list[Scenario] = []

    def ask(scenarios: Sequence[Scenario]) -> list[Result]:
        asked.extend(scenarios)
        return kernel.ask(scenarios)

    text = steps("a/1", "SUCCESS", "P: vfork C", "C: store 1", "C: exit 0", "P: load", "P: wait4 C")
    [result] = kernel.ask([text])
    shrink(result, text, ask, OPTIONS)
    assert asked
    assert all(makes_sense(scenario, OPTIONS) for scenario in asked)


@pytest.mark.parametrize(
    ("lines", "sense"),
    [
        (["P: vfork C", "C: exit 0", "P: wait4 C"], True),
        (["P: vfork C", "P: load"], False),
        (["P: fork C", "P: wait4 C"], False),
        (["P: fork C", "C: fork P"], False),
    ],
    ids=["good", "held", "never ends", "born twice"],
)
def test_senseless_scenarios_are_recognised(lines: list[str], *, sense: bool) -> None:
    """A blocked actor cannot act, a wait must end, and no actor is born twice."""
    made = steps("a/1", "SUCCESS", *lines[:1])
    parsed = [Step(l[0], l.split()[1], tuple(l.split()[2:])) for l in lines]
    assert makes_sense(Scenario(made.name, made.about, tuple(parsed)), OPTIONS) is sense
