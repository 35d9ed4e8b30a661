"""Process groups and wait6 in the model: what follows from kern_proc.c and kern_exit.c."""

from __future__ import annotations

import pytest

from reference_model import Options, predict
from reference_model.kern_proc import proc_enterpgrp
from reference_model.language.netbsd import EPERM, ESRCH
from tests.broken import break_fork
from tests.driving import child_of, new_kernel
from tests.scenarios import named, steps


def test_setpgid_moves_a_process_and_its_later_children() -> None:
    k, l = new_kernel()
    p = l.l_proc
    child = child_of(k, l)
    assert proc_enterpgrp(k, p, child, child.p_pid, mksess=False) == 0
    assert (child.p_pgrp.pg_id, child.p_pgrp.pg_jobc) == (child.p_pid, 1)
    grandchild = child_of(k, child.p_lwps[0])
    assert grandchild.p_pgrp is child.p_pgrp
    assert child.p_pgrp.pg_members == [child, grandchild]


def test_setpgid_needs_a_descendant_and_a_group() -> None:
    k, l = new_kernel()
    child = child_of(k, l)
    assert proc_enterpgrp(k, child, l.l_proc, child.p_pid, mksess=False) == ESRCH
    assert proc_enterpgrp(k, l.l_proc, child, 4711, mksess=False) == EPERM


def test_a_wait_that_only_looks_leaves_the_zombie() -> None:
    lines = ("P: fork C", "C: exit 3", "P: wait6 P_PID C WEXITED|WNOWAIT", "P: wait4 C")
    log = predict(steps("w/1", "EXIT-SIGNAL", *lines), Options())
    assert log[2:] == ("C exited 3", "C exited 3")


def test_without_wexited_the_dead_are_no_children() -> None:
    lines = ("P: fork C", "C: exit 3", "P: wait6 P_ALL any WUNTRACED", "P: wait6 P_ALL any WNOWAIT")
    assert predict(steps("w/1", "EXIT-SIGNAL", *lines), Options())[2:] == ("ECHILD", "EINVAL")


def test_the_stopped_member_of_an_orphaned_group_goes_on() -> None:
    [scenario] = named("groups/orphaned/*")
    assert predict(scenario, Options())[-1] == "D"


def test_a_child_outside_the_group_gets_no_signal(monkeypatch: pytest.MonkeyPatch) -> None:
    [scenario] = named("groups/kill/roots-and-child")
    at = next(i for i, step in enumerate(scenario.steps) if step.verb == "sigpending")
    assert predict(scenario, Options())[at] == "SIGUSR1"
    break_fork(monkeypatch, "members.insert(members.index(p1) + 1, p2)", "pass")
    assert predict(scenario, Options())[at] == "0"
