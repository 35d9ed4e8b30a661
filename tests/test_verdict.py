"""Judging one observation: open orders, and the clause of a difference."""

from __future__ import annotations

import pytest

from conformance.results.result import Verdict
from conformance.verdicts.judge import judge
from conformance.verdicts.known import KnownDifferences
from reference_model import Log, Options, allowed_logs
from reference_model.language.answer import NotDecided
from tests.scenarios import steps

NONE = KnownDifferences()
PLAIN = steps(
    "mine/plain", "SYS-FORK LWP", "P: fork C", "C: getppid [PARENT]", "C: exit 3", "P: wait4 C"
)
TRACED = steps(
    "mine/traced",
    "TRACE-FORK-WHEN",
    "T: spawn P",
    "T: wait4 P",
    "T: PT_SET_EVENT_MASK P PTRACE_FORK",
    "T: PT_CONTINUE P",
    "P: fork C",
    "T: wait4 any",
    "T: wait4 any [CHILD-EVENT]",
)


@pytest.mark.parametrize(
    ("observed", "verdict", "clause", "step"),
    [
        (("C", "P", "ok", "C exited 3"), Verdict.AGREES, "SYS-FORK", None),
        (("EAGAIN", "gone", "gone", "ECHILD"), Verdict.DIFFERENCE, "SYS-FORK", 0),
        (("C", "init", "ok", "C exited 3"), Verdict.DIFFERENCE, "PARENT", 1),
        (("C", "P", "ok", "ECHILD"), Verdict.DIFFERENCE, "SYS-FORK", 3),
        (("C", "init", "ok", "ECHILD"), Verdict.DIFFERENCE, "PARENT", 1),
    ],
)
def test_the_first_wrong_observation_names_the_clause(
    observed: Log, verdict: Verdict, clause: str, step: int | None
) -> None:
    """The clause is that of the step, or else the scenario's first."""
    result = judge(PLAIN, observed, Options(), NONE)
    assert (result.verdict, result.clause, result.step) == (verdict, clause, step)


def test_a_call_that_a_later_step_would_end_is_not_wrong() -> None:
    """P waits in vfork as it should; the scenario ended since L's fork never returned."""
    scenario = steps(
        "mine/held",
        "PPWAIT-MARK VFORK-WAIT",
        "P: _lwp_create L",
        "P: vfork C",
        "L: fork D [VFORK-WAIT]",
        "L: getppid",
        "C: exit 0",
        "P: getppid",
    )
    assert allowed_logs(scenario, Options()) == (("ok", "C blocked 4", "D", "init", "ok", "init"),)
    observed = ("ok", "unfinished", "unfinished", "hung", "not reached", "not reached")
    result = judge(scenario, observed, Options(), NONE)
    assert (result.clause, result.step) == ("VFORK-WAIT", 2)
    # Had L's fork returned, it would be L's next step that is wrong.
    observed = ("ok", "unfinished", "D", "hung", "not reached", "not reached")
    assert judge(scenario, observed, Options(), NONE).step == 3
    # And where P's call has returned too soon, that is wrong first.
    observed = ("ok", "C", "D", "hung", "not reached", "not reached")
    assert judge(scenario, observed, Options(), NONE).step == 1


def test_every_open_order_agrees() -> None:
    """Whatever the model allows is right, not only what it predicts."""
    logs = allowed_logs(TRACED, Options())
    assert len(logs) == 2
    for log in logs:
        assert judge(TRACED, log, Options(), NONE).verdict is Verdict.AGREES


def test_a_difference_is_taken_from_the_nearest_order() -> None:
    """An observation in the other order counts where it leaves that order."""
    [log] = [log for log in allowed_logs(TRACED, Options()) if log[5].startswith("C")]
    wrong = (*log[:6], "C stopped SIGTRAP")
    result = judge(TRACED, wrong, Options(), NONE)
    assert (result.verdict, result.clause, result.step) == (Verdict.DIFFERENCE, "CHILD-EVENT", 6)
    assert set(result.expected) == set(allowed_logs(TRACED, Options()))


def test_an_undecided_result_keeps_its_reason() -> None:
    """It is neither right nor wrong."""
    result = judge(PLAIN, NotDecided("no time"), Options(), NONE)
    assert (result.verdict, result.reason, result.observed) == (
        Verdict.NOT_DECIDED,
        "no time",
        None,
    )


@pytest.mark.parametrize(
    ("call", "observed", "clause"),
    [
        ("fork C", "C blocked 2", "SYS-FORK"),
        ("vfork C", "C", "SYS-VFORK-44BSD"),
        ("__vfork14 C", "C", "SYS-VFORK14"),
        ("__clone CLONE_VFORK|SIGCHLD C", "C", "CLONE-VFORK"),
        ("__clone CLONE_VFORK|SIGCHLD C", "C blocked 3", "VFORK-WAIT"),
        ("__clone CLONE_VFORK|SIGCHLD C", "EAGAIN", "FILES"),
    ],
)
def test_a_call_blocked_for_nothing_names_its_own_clause(
    call: str, observed: str, clause: str
) -> None:
    """Whether it holds is a matter of the call, and not of what the scenario is about."""
    scenario = steps("mine/held", "FILES", f"P: {call}", "C: getppid", "C: exit 3", "P: wait4 C")
    [log] = allowed_logs(scenario, Options())
    assert judge(scenario, (observed, *log[1:]), Options(), NONE).clause == clause


def test_an_event_not_asked_for_names_its_own_clause() -> None:
    """A stop for the wrong event is that event's, wherever it is seen."""
    scenario = steps(
        "mine/events",
        "TRACE-FORK-WHEN",
        "T: spawn P",
        "T: wait4 P",
        "T: PT_SET_EVENT_MASK P PTRACE_VFORK",
        "T: PT_CONTINUE P",
        "P: fork C",
        "T: wait4 P WNOHANG",
        "T: PT_GET_PROCESS_STATE P",
    )
    [log] = allowed_logs(scenario, Options())
    wrong = (*log[:4], "unfinished", "P stopped SIGTRAP", "PTRACE_VFORK C")
    result = judge(scenario, wrong, Options(), NONE)
    assert (result.clause, result.step) == ("TRACE-VFORK-WHEN", 4)
