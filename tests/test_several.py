"""Several targets share the work: each scenario once, in order, and one end for all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from threading import Barrier, get_ident

import pytest

from conformance.probe.channel import Observed
from conformance.targets.base import Target, TargetError
from conformance.targets.several import SHARE, SeveralTargets
from reference_model import Scenario
from tests.test_runner import Scripted, make

SCENARIOS = [make(f"a/{n}") for n in range(4 * SHARE + 7)]


class Meeting(Scripted):
    """Begins its first share only when the other one has begun one, too."""

    def __init__(self, barrier: Barrier) -> None:
        super().__init__({})
        self.barrier: Barrier | None = barrier
        self.threads: set[int] = set()
        self.killed = False

    def run(self, scenarios: Sequence[Scenario]) -> Iterator[tuple[Scenario, Observed]]:
        self.threads.add(get_ident())
        if self.barrier:
            self.barrier.wait(20)
            self.barrier = None
        yield from super().run(scenarios)

    def kill(self) -> None:
        self.killed = True


def pair() -> tuple[SeveralTargets, list[Meeting]]:
    barrier = Barrier(2)
    made: list[Meeting] = []

    def start() -> Target:
        made.append(Meeting(barrier))
        return made[-1]

    return SeveralTargets(start, 2), made


def test_the_work_is_shared_and_the_answers_come_in_order() -> None:
    """Both work at the same time; every scenario is run once, by one of them."""
    both, made = pair()
    answers = [scenario for scenario, _ in both.run(SCENARIOS)]
    assert answers == SCENARIOS
    assert all(one.asked for one in made)
    assert sorted(made[0].asked + made[1].asked) == sorted(s.name for s in SCENARIOS)


def test_leaving_early_ends_them_all() -> None:
    """An exception in the middle, as Ctrl-C is one, kills each of them."""
    both, made = pair()
    answers = both.run(SCENARIOS)
    next(answers)
    with pytest.raises(KeyboardInterrupt):
        answers.throw(KeyboardInterrupt)  # type: ignore[attr-defined]
    assert [one.killed for one in made] == [True, True]


def test_one_that_cannot_start_ends_the_others() -> None:
    """Nothing is left running of those that had started."""
    made: list[Meeting] = []

    def start() -> Target:
        if made:
            raise TargetError("no second one")
        made.append(Meeting(Barrier(1)))
        return made[0]

    with pytest.raises(TargetError, match="no second one"):
        SeveralTargets(start, 2)
    assert made[0].killed
