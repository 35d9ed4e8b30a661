"""The scheduler, message queues and registers in the model: a break of each is seen."""

from __future__ import annotations

import pytest

from reference_model import Options, predict
from tests.broken import break_fork
from tests.scenarios import named, one, steps


def test_a_child_is_not_charged_to_its_parent_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = ["P: burn", *["P: fork -", "P: wait4 -"] * 8, "P: charged"]
    scenario = one("\n".join(["scenario a/charged", "about SCHEDULER", *lines]) + "\n")
    assert predict(scenario, Options())[-1] == "less"
    break_fork(monkeypatch, "k.sched_proc_fork(p1, p2)", "pass")
    assert predict(scenario, Options())[-1] == "most"


def test_open_message_queues_count_in_the_child(monkeypatch: pytest.MonkeyPatch) -> None:
    [scenario] = named("queues/fork/counted")
    at = next(i for i, step in enumerate(scenario.steps) if step.args == ("22",))
    assert predict(scenario, Options())[at] == "EMFILE"
    break_fork(monkeypatch, "p2.p_mqueue_cnt = p1.p_mqueue_cnt", "pass")
    assert predict(scenario, Options())[at] == "22"


def test_only_the_last_close_counts_a_queue_out() -> None:
    [scenario] = named("queues/closed/by-the-child")
    log = predict(scenario, Options())
    assert log[4:] == ("EMFILE", "EMFILE", "ok", "21", "EMFILE")


def test_a_policy_needs_root_to_rise() -> None:
    [scenario] = named("scheduling/another-user/*")
    log = predict(scenario, Options())
    assert log[3:] == (
        *("EPERM", "ok", "SCHED_FIFO 4", "EPERM", "EPERM"),
        *("ok", "SCHED_OTHER", "SCHED_FIFO 5"),
    )


def test_a_real_time_policy_needs_a_priority() -> None:
    lines = ("P: sched_setparam SCHED_FIFO", "P: sched_setparam SCHED_OTHER 3")
    assert predict(steps("s/1", "LWP", *lines), Options()) == ("EINVAL", "EINVAL")


def test_a_refused_fork_leaves_the_register_of_birth() -> None:
    lines = ("P: fork C", "C: __clone CLONE_PTRACE|SIGCHLD D", "C: fp_register", "P: fp_register")
    assert predict(steps("r/1", "LWP", *lines), Options())[2:] == ("kept", "other")


def test_exec_ends_posix_timers_and_keeps_the_others() -> None:
    lines = ("P: timer_create", "P: setitimer real", "P: exec self", "P: getitimer real")
    log = predict(steps("t/1", "ZERO-AND-COPY", *lines, "P: timer_gettime"), Options())
    assert log[3:] == ("runs", "EINVAL")
