"""How the child comes into the world: whose it is, whether it runs, and who waits for it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from reference_model import kern_exit, kern_fork
from reference_model.kern_sig import kpsignal
from reference_model.kernel import Kernel
from reference_model.language.netbsd import (
    FORK_NOWAIT,
    FORK_PPWAIT,
    FORK_SHAREVM,
    LSONPROC,
    LSSTOP,
    PL_PPWAIT,
    PS_STOPFORK,
    SACTIVE,
    SIGCHLD,
    SIGCONT,
    SSTOP,
    WNOHANG,
    WUNTRACED,
)
from reference_model.proc import Lwp, Sleeping
from tests.driving import child_of, fork1, new_kernel, start


@pytest.mark.parametrize(
    ("call", "blocks", "shares"),
    [
        (kern_fork.sys_fork, False, False),
        (kern_fork.sys_vfork, True, False),
        (kern_fork.sys___vfork14, True, True),
    ],
)
def test_the_three_calls(
    call: Callable[[Kernel, Lwp, list[int]], Sleeping], blocks: bool, shares: bool
) -> None:
    """Lines 117-146: fork neither blocks nor shares, vfork 66 blocks, __vfork14 does both."""
    k, l = new_kernel()
    done = start(k, l, lambda retval: call(k, l, retval))
    child = k.allproc[0]
    assert (done.error is None) == blocks
    assert (child.p_vmspace is l.l_proc.p_vmspace) == shares
    assert child.p_exitsig == SIGCHLD


def test_the_child_is_the_newest_of_its_parent() -> None:
    """Lines 445-448 and 528-529: p_pptr, p_ppid, the head of p_children, and the exit signal."""
    k, l = new_kernel()
    first = child_of(k, l, exitsig=0)
    second = child_of(k, l, exitsig=31)
    assert l.l_proc.p_children == [second, first]
    assert (first.p_exitsig, second.p_exitsig) == (0, 31)
    assert (second.p_pptr, second.p_ppid) == (l.l_proc, l.l_proc.p_pid)


def test_nowait_gives_the_child_to_init() -> None:
    """Line 445: with FORK_NOWAIT the parent is initproc; line 539 still names the caller."""
    k, l = new_kernel()
    child = child_of(k, l, FORK_NOWAIT)
    assert (child.p_pptr, child.p_ppid) == (k.initproc, k.initproc.p_pid)
    assert k.initproc.p_children[0] is child
    assert l.l_proc.p_children == []
    assert child.p_oppid == l.l_proc.p_pid


def test_the_child_is_in_its_parents_group_and_in_the_list_of_all() -> None:
    """Lines 541-542: p_pglist and the head of allproc."""
    k, l = new_kernel()
    child = child_of(k, l)
    assert child in l.l_proc.p_pgrp.pg_members
    assert k.allproc[0] is child


def test_an_ordinary_child_is_active() -> None:
    """Lines 601-603: one running LWP, SACTIVE, and setrunnable()."""
    k, l = new_kernel()
    child = child_of(k, l)
    assert (child.p_stat, child.p_nrlwps) == (SACTIVE, 1)
    assert child.p_lwps[0].l_stat == LSONPROC


def test_with_stopfork_the_child_is_born_stopped() -> None:
    """Lines 592-597: SSTOP, no LWP that runs, not waited for, one more in p_nstopchild."""
    k, l = new_kernel()
    l.l_proc.p_sflag = PS_STOPFORK
    child = child_of(k, l)
    l2 = child.p_lwps[0]
    assert (child.p_stat, child.p_nrlwps, child.p_waited) == (SSTOP, 0, 0)
    assert (l2.l_stat, l2.l_wchan) == (LSSTOP, None)
    assert l.l_proc.p_nstopchild == 1


@pytest.mark.parametrize("options", [WNOHANG, WNOHANG | WUNTRACED])
def test_a_child_born_stopped_is_waited_for_and_started_as_any_other(options: int) -> None:
    """Line 596 counts it: wait4 with WUNTRACED finds it, and SIGCONT starts it."""
    k, l = new_kernel()
    l.l_proc.p_sflag = PS_STOPFORK
    child = child_of(k, l)
    results: list[tuple[object, ...]] = []

    def wait(_retval: list[int]) -> Sleeping:
        results.append((yield from kern_exit.sys___wait450(k, l, child.p_pid, options)))
        return 0

    start(k, l, wait)
    error, found, status = results[0]
    assert error == 0
    assert (found, l.l_proc.p_nstopchild) == ((child, 0) if options & WUNTRACED else (None, 1))
    assert status == (("stopped", 0) if options & WUNTRACED else ())
    child.p_sflag = 0
    kpsignal(k, child, SIGCONT)
    k.settle()
    assert child.p_stat == SACTIVE
    assert child.p_lwps[0].l_stat == LSONPROC
    assert l.l_proc.p_nstopchild == 0


@pytest.mark.parametrize("flags", [0, FORK_PPWAIT | FORK_SHAREVM])
def test_both_registers_of_both_processes(flags: int) -> None:
    """Lines 611-614: the child's process ID and 0 in the parent; the child returns 0."""
    k, l = new_kernel()
    call = fork1(k, l, flags)
    child = k.allproc[0]
    assert call.retval == [child.p_pid, 0]
    assert child.p_lwps[0].retval[0] == 0


def test_the_mark_of_a_vfork() -> None:
    """Lines 434-442: PL_PPWAIT, p_vforklwp and l_vforkwaiting, or none of them."""
    k, l = new_kernel()
    plain = child_of(k, l)
    assert (plain.p_lflag, plain.p_vforklwp, l.l_vforkwaiting) == (0, None, False)
    waited = child_of(k, l, FORK_PPWAIT)
    assert (waited.p_lflag, waited.p_vforklwp, l.l_vforkwaiting) == (PL_PPWAIT, l, True)


def test_a_vfork_parent_waits_until_its_child_is_gone() -> None:
    """Lines 633-634: fork1 returns once exit1 has cleared l_vforkwaiting, and not before."""
    k, l = new_kernel()
    call = fork1(k, l, FORK_PPWAIT)
    l2 = k.allproc[0].p_lwps[0]
    child_of(k, l2)
    assert call.error is None
    start(k, l2, lambda retval: kern_exit.exit1(k, l2, 0, 0))
    assert call.error == 0
    assert not k.proc_lock.owned


def test_a_signal_does_not_end_the_wait() -> None:
    """Line 634 is cv_wait(), not cv_wait_sig()."""
    k, l = new_kernel()
    l.l_sigmask = 0
    l.l_proc.p_sigacts.sa_sigdesc[30] = "catch"
    l.l_proc.p_sigctx.ps_sigcatch = 1 << 30
    call = fork1(k, l, FORK_PPWAIT)
    kpsignal(k, l.l_proc, 30)
    k.settle()
    assert call.error is None
    assert l.l_proc.p_sigpend == 1 << 30


@pytest.mark.parametrize("flags", [0, FORK_PPWAIT, FORK_NOWAIT])
def test_no_lock_is_left_behind(flags: int) -> None:
    """Lines 616, 634 and 643: p_lock and proc_lock are free wherever fork1 has got to."""
    k, l = new_kernel()
    child = child_of(k, l, flags)
    locks = (k.proc_lock, l.l_proc.p_lock, child.p_lock)
    assert [lock.owned for lock in locks] == [False] * 3
