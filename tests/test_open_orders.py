"""Orders that NetBSD leaves open are open in the model, and a recorded log of each is expected."""

from __future__ import annotations

import pytest

from conformance.results.result import Verdict
from conformance.verdicts.judge import judge
from conformance.verdicts.known import KnownDifferences
from reference_model import Options, Scenario, allowed_logs, kern_exit, kern_synch
from reference_model.language.netbsd import LSSLEEP
from reference_model.proc import Condvar
from reference_model.state import State
from tests.scenarios import steps

OPTIONS = Options()
_LEFT = ("R: fork P", "P: fork C", "C: exit 0", "P: exit 0", "R: wait4 P")
#: Scenarios, and logs that kernels have given: NetBSD 11.0_RC6 with two CPUs, and Linux the second.
LEFT_TO_INIT = steps("zombies/left-to-init", "PARENT", *_LEFT, "R: kill C SIGUSR1")
TWO_LWPS = steps(
    "waiters/two-lwps",
    "LWP",
    *("P: _lwp_create L", "P: fork C", "P: wait4 C", "L: wait4 any", "C: exit 3", "P: getppid"),
)
RECORDED = [
    (LEFT_TO_INIT, ("P", "C", "ok", "ok", "P exited 0", "ESRCH")),
    (LEFT_TO_INIT, ("P", "C", "ok", "ok", "P exited 0", "ok")),
    (TWO_LWPS, ("ok", "C", "C exited 3", "ECHILD", "ok", "init")),
    (TWO_LWPS, ("ok", "C", "ECHILD", "C exited 3", "ok", "init")),
]


def verdict(scenario: Scenario, log: tuple[str, ...]) -> Verdict:
    return judge(scenario, log, OPTIONS, KnownDifferences()).verdict


@pytest.mark.parametrize(("scenario", "log"), RECORDED)
def test_each_recorded_log_of_an_open_order_agrees(
    scenario: Scenario, log: tuple[str, ...]
) -> None:
    assert verdict(scenario, log) is Verdict.AGREES


def _first_in_first_out(k: State, cv: Condvar) -> None:
    for l in cv.waiters:
        l.l_wchan = None
        if l.l_stat == LSSLEEP:
            kern_synch.setrunnable(k, l)
    cv.waiters.clear()


def test_a_broadcast_in_a_fixed_order_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kern_synch, "cv_broadcast", _first_in_first_out)
    verdicts = [verdict(scenario, log) for scenario, log in RECORDED]
    assert verdicts == [Verdict.AGREES] * 3 + [Verdict.DIFFERENCE]


@pytest.mark.parametrize("reaps", [True, False])
def test_an_init_without_its_own_time_is_noticed(
    monkeypatch: pytest.MonkeyPatch, *, reaps: bool
) -> None:
    choose = State.choose
    monkeypatch.setattr(State, "choose", lambda k, width: 0 if reaps else choose(k, width))
    if not reaps:
        monkeypatch.setattr(kern_exit, "init_reaps", lambda k, p: None)
    verdicts = [verdict(scenario, log) for scenario, log in RECORDED[:2]]
    other = (Verdict.AGREES, Verdict.DIFFERENCE)
    assert verdicts == list(other if reaps else reversed(other))


def test_a_zombie_of_inits_is_reaped_once() -> None:
    """It may be seen dead and then be gone, but never the other way round."""
    twice = steps("a/1", "PARENT", *_LEFT, "R: kill C SIGUSR1", "R: kinfo C p_realstat")
    last = {log[-2:] for log in allowed_logs(twice, OPTIONS)}
    assert last == {("ok", "SZOMB"), ("ok", "ESRCH"), ("ESRCH", "ESRCH")}


def test_a_zombie_of_inits_may_count_for_its_user() -> None:
    """Whether a fork at the limit is refused depends on init, and on nothing else."""
    orphan = ("P: setrlimit 2 2", "P: setreuid free1 free1", "P: fork C", "C: fork -")
    assert {log[-1] for log in _logs(*orphan)} == {"EAGAIN"}
    left = ("P: setrlimit 3 3", "P: setreuid free1 free1", "P: fork C", "C: fork D", "D: exit 0")
    gone = ("C: exit 0", "P: wait4 C", "P: fork E")
    assert {log[-1] for log in _logs(*left, *gone)} == {"E"}
    full = ("P: fork E", "P: fork F")
    assert {log[-2:] for log in _logs(*left, *gone[:-1], *full)} == {("E", "F"), ("E", "EAGAIN")}


def test_a_root_that_ends_may_count_for_its_user() -> None:
    ends = ("P: setrlimit 2 2", "P: setreuid free1 free1", "Q: setreuid free1 free1", "Q: exit 0")
    assert {log[-1] for log in _logs(*ends, "P: fork C")} == {"C", "EAGAIN"}


def test_an_end_that_its_tracer_ignores_is_left_to_init() -> None:
    """The tracee of a tracer with SA_NOCLDWAIT goes to init (kern_exit.c, exit1())."""
    ends = ("T: PT_ATTACH P", "T: wait4 P", "T: PT_CONTINUE P", "T: nocldwait", "P: exit 0")
    assert {log[-1] for log in _logs(*ends, "T: kill P SIGUSR1")} == {"ok", "ESRCH"}


def test_no_order_is_open_where_no_step_looks() -> None:
    assert len(_logs(*_LEFT, "R: fork -", "R: wait4 -")) == 1


def _logs(*lines: str) -> tuple[tuple[str, ...], ...]:
    return allowed_logs(steps("a/1", "SUCCESS", *lines), OPTIONS)
