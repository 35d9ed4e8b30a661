"""Several targets share the work: each scenario once, in order, and one end for all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from threading import Barrier, Event, get_ident

import pytest

from conformance.errors import TargetError
from conformance.targets.base import Target
from conformance.targets.several import SHARE, SeveralTargets
from reference_model import Scenario
from reference_model.language.answer import Observed
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


class Held(Scripted):
    """Gives one answer, and the next ones only once it has been killed."""

    def __init__(self) -> None:
        super().__init__({})
        self.killed = Event()

    def run(self, scenarios: Sequence[Scenario]) -> Iterator[tuple[Scenario, Observed]]:
        for answer in super().run(scenarios):
            yield answer
            assert self.killed.wait(20)

    def kill(self) -> None:
        self.killed.set()


def test_after_leaving_early_they_can_be_asked_again() -> None:
    """A run that has stopped asks once more, and does not run the rest of the shares."""
    made: list[Held] = []

    def start() -> Target:
        made.append(Held())
        return made[-1]

    both = SeveralTargets(start, 2)
    answers = both.run(SCENARIOS)
    next(answers)
    answers.close()  # type: ignore[attr-defined]
    both.restart()
    assert [one.restarts for one in made] == [1, 1]
    asked = sum(len(one.asked) for one in made)
    assert asked <= 4  # of 519: at most one more of each share that had begun
    assert [scenario for scenario, _ in both.run(SCENARIOS[:3])] == SCENARIOS[:3]
    assert sum(len(one.asked) for one in made) == asked + 3


class Waiting(Scripted):
    """Starts the second scenario of a share only after the answer to the first is read."""

    def __init__(self) -> None:
        super().__init__({})
        self.heard = Event()

    def run(self, scenarios: Sequence[Scenario]) -> Iterator[tuple[Scenario, Observed]]:
        for answer in super().run(scenarios):
            yield answer
            assert self.heard.wait(20)


def test_an_answer_comes_before_its_share_is_done() -> None:
    """Each answer comes at once, so that repeated hangs are noticed soon."""
    made: list[Waiting] = []

    def start() -> Target:
        made.append(Waiting())
        return made[-1]

    answers = SeveralTargets(start, 1).run(SCENARIOS[:2])
    next(answers)
    made[0].heard.set()
    assert len(list(answers)) == 1


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
