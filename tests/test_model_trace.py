"""A traced fork: which events, in which order, and whose child it is."""

from __future__ import annotations

from itertools import chain, combinations

import pytest

from reference_model import NEWEST, Options, allowed_logs, parse, predict
from reference_model.kern_exit import exit1, proc_changeparent
from reference_model.kernel import Kernel
from reference_model.language.netbsd import (
    FORK_PPWAIT,
    FORK_SHAREVM,
    PL_PPWAIT,
    PSL_TRACED,
    PSL_TRACEDCHILD,
    PSL_TRACEFORK,
    PSL_TRACEVFORK,
    PSL_TRACEVFORK_DONE,
    PST_PROFIL,
    PT_CONTINUE,
    PTRACE_FORK,
    PTRACE_VFORK,
    PTRACE_VFORK_DONE,
    SACTIVE,
    SIGTRAP,
    SSTOP,
    TRAP_CHLD,
)
from reference_model.proc import Lwp, Proc
from reference_model.sys_ptrace import ptrace_continue
from tests.driving import Call, fork1, new_kernel, start
from tests.scenarios import steps

EVENTS = (PSL_TRACEFORK, PSL_TRACEVFORK, PSL_TRACEVFORK_DONE)
MASKS = [sum(s) for s in chain.from_iterable(combinations(EVENTS, n) for n in range(4))]


def traced_fork(
    mask: int, flags: int, revision: tuple[int, int] = NEWEST
) -> tuple[Kernel, Proc, Lwp, Call]:
    """A kernel in which a traced process with that event mask has called fork1."""
    k, l = new_kernel(revision=revision)
    tracer = k.new_root()
    proc_changeparent(k, l.l_proc, tracer)
    l.l_proc.p_slflag |= mask
    return k, tracer, l, fork1(k, l, flags)


def go_on(k: Kernel, p: Proc) -> None:
    p.p_waited = 1
    p.p_pptr.p_nstopchild -= 1
    ptrace_continue(k, PT_CONTINUE, p, 0)
    k.settle()


def test_an_ignored_signal_of_a_tracee_stays_pending() -> None:
    """sys_sig.c, sigprocmask1(): only what is not ignored is looked at; SIGCHLD is, by default."""
    start = ("T: PT_ATTACH P", "T: wait4 P", "T: PT_CONTINUE P", "P: spawn C", "P: wait4 C")
    after = ("P: sigprocmask unblock SIGCHLD", "P: sigpending", "T: wait4 P WNOHANG")
    ignored = predict(steps("a/1", "SUCCESS", *start, *after), Options())
    assert ignored[-3:] == ("ok", "SIGCHLD", "none")
    caught = ("P: sigaction SIGCHLD catch", *start, after[0], "T: wait4 P")
    assert predict(steps("a/1", "SUCCESS", *caught), Options())[-1] == "P stopped SIGCHLD"


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("flags", [0, FORK_PPWAIT])
def test_which_stops_there_are(mask: int, flags: int) -> None:
    """Lines 220-248, 534-537, 621-627, 639-643 and 657-661, for each mask and each kind."""
    k, tracer, l, call = traced_fork(mask, flags)
    p1, child = l.l_proc, k.allproc[0]
    born = bool(mask & (PSL_TRACEVFORK if flags else PSL_TRACEFORK))
    event = PTRACE_VFORK if flags else PTRACE_FORK
    assert child.p_slflag == (PSL_TRACED | PSL_TRACEDCHILD if born else 0)
    assert child.p_pptr is (tracer if born else p1)
    assert (child.p_ppid, child.p_oppid) == (p1.p_pid, p1.p_pid)
    assert ((p1.p_stat == SSTOP), (child.p_stat == SSTOP)) == (born, born)
    if born:
        assert p1.p_sigctx.ps_info == (SIGTRAP, TRAP_CHLD, event, child.p_pid)
        assert child.p_sigctx.ps_info == (SIGTRAP, TRAP_CHLD, event, p1.p_pid)
        go_on(k, p1)
        go_on(k, child)
    assert (call.error is None) == bool(flags)
    if not flags:
        return
    assert p1.p_stat != SSTOP, "PTRACE_VFORK_DONE before the child is gone"
    assert child.p_lflag & PL_PPWAIT
    l2 = child.p_lwps[0]
    start(k, l2, lambda retval: exit1(k, l2, 0, 0))
    done = bool(mask & PSL_TRACEVFORK_DONE)
    assert (p1.p_stat == SSTOP) == done
    if done:
        assert p1.p_sigctx.ps_info == (SIGTRAP, TRAP_CHLD, PTRACE_VFORK_DONE, child.p_pid)
        go_on(k, p1)
    assert call.error == 0


@pytest.mark.parametrize("flags", [0, FORK_PPWAIT])
def test_a_mask_without_a_tracer_wants_nothing(flags: int) -> None:
    """Lines 224-225, 235-236 and 246-247 ask for PSL_TRACED beside the mask."""
    k, l = new_kernel()
    l.l_proc.p_slflag = sum(EVENTS)
    call = fork1(k, l, flags)
    child = k.allproc[0]
    assert child.p_pptr is l.l_proc
    assert child.p_slflag == 0
    l2 = child.p_lwps[0]
    start(k, l2, lambda retval: exit1(k, l2, 0, 0))
    assert call.error == 0


def test_a_child_that_is_attached_reports_no_birth() -> None:
    """Lines 657-658 want PSL_TRACEDCHILD too: PT_ATTACH alone does not set it."""
    k, l = new_kernel()
    tracer = k.new_root()
    l.l_proc.p_stflag = PST_PROFIL
    k.startprofclock = lambda p: proc_changeparent(k, p, tracer)  # type: ignore[method-assign]
    fork1(k, l, 0)
    child = k.allproc[0]
    assert (child.p_pptr, child.p_slflag) == (tracer, PSL_TRACED)
    assert child.p_stat == SACTIVE


TRACED = """
scenario mine/traced
about TRACE-FORK-WHEN
T: spawn P
T: wait4 P
T: PT_SET_EVENT_MASK P PTRACE_FORK
T: PT_CONTINUE P
P: fork C
T: wait4 any
T: wait4 any
"""

UNTRACED = """
scenario mine/untraced
about SYS-FORK
P: fork C
C: getppid
C: exit 3
P: wait4 C
"""


def test_both_orders_of_the_two_stops_are_allowed() -> None:
    """setrunnable(l2) at line 603 comes before eventswitch() at 623: who stops first is open."""
    [scenario] = parse(TRACED)
    logs = allowed_logs(scenario, Options())
    stops = {log[-2:] for log in logs}
    assert stops == {
        ("P stopped SIGTRAP", "C stopped SIGTRAP"),
        ("C stopped SIGTRAP", "P stopped SIGTRAP"),
    }
    assert predict(scenario, Options()) == logs[0]


def test_untraced_steps_in_order_have_one_outcome() -> None:
    """A scenario whose steps follow on one another has one outcome."""
    [scenario] = parse(UNTRACED)
    assert allowed_logs(scenario, Options()) == (("C", "P", "ok", "C exited 3"),)


@pytest.mark.parametrize(("revision", "stops"), [((1, 205), False), ((1, 209), True)])
def test_any_flag_once_counted_as_one_that_blocks(revision: tuple[int, int], stops: bool) -> None:
    """`flags && FORK_PPWAIT` until 1.208: a clone with shared memory was no fork to a tracer."""
    _, _, l, _ = traced_fork(PSL_TRACEFORK, FORK_SHAREVM, revision)
    assert (l.l_proc.p_stat == SSTOP) is stops


def seen(*lines: str) -> tuple[str, ...]:
    """The model's only log of these steps."""
    [log] = allowed_logs(steps("trace/mine", "TRACE-STATE-NOT-INHERITED", *lines), Options())
    return log


STOPPED = ("T: spawn P", "T: wait4 P", "T: PT_SET_EVENT_MASK P PTRACE_FORK")
BORN = ("T: PT_CONTINUE P", "P: fork C", "T: wait4 P", "T: wait4 C")


def test_passed_signals_are_inherited_and_the_mask_is_not() -> None:
    """sys_ptrace_common.c, lines 567-589: p_sigctx is copied; SIGKILL and SIGSTOP never pass."""
    log = seen(
        *STOPPED,
        "T: PT_SET_SIGPASS P SIGKILL|SIGSTOP|SIGCHLD",
        *BORN,
        "T: PT_GET_SIGPASS C",
        "T: PT_GET_EVENT_MASK C",
    )
    assert log[-2:] == ("SIGCHLD", "0")


def test_a_passed_signal_stops_no_process() -> None:
    """kern_sig.c, lines 1341-1342 and 1924-1925: what is passed on takes its usual course."""
    own = ("T: PT_CONTINUE P", "P: sigprocmask unblock SIGUSR1", "P: kill P SIGUSR1", "T: wait4 P")
    assert seen(*STOPPED, *own)[-1] == "P stopped SIGUSR1"
    assert seen(*STOPPED, "T: PT_SET_SIGPASS P SIGUSR1", *own)[-1] == "P killed SIGUSR1"


def test_events_of_no_fork_read_back_and_stop_no_process() -> None:
    """sys_ptrace_common.c, lines 590-659: each bit of the mask is kept."""
    mask = "PTRACE_LWP_CREATE|PTRACE_LWP_EXIT|PTRACE_POSIX_SPAWN"
    log = seen(
        *STOPPED[:2],
        f"T: PT_SET_EVENT_MASK P {mask}",
        "T: PT_GET_EVENT_MASK P",
        "T: PT_CONTINUE P",
        "P: fork C",
        "P: exit 1",
        "T: wait4 P",
    )
    assert (log[3], log[5:]) == (mask, ("C", "ok", "P exited 1"))


def test_only_some_processes_may_ask_to_be_traced() -> None:
    """sys_ptrace_common.c, lines 341-361: not init's child, and not twice."""
    assert seen("P: PT_TRACE_ME") == ("EPERM",)
    assert seen("P: fork C", "C: PT_TRACE_ME", "C: PT_TRACE_ME") == ("C", "ok", "EBUSY")


def test_kinfo_proc2_tells_of_the_stopped_and_the_dead() -> None:
    """kern_proc.c, fill_kproc2(): the original parent, the state, the blocked and ignored sets."""
    log = seen(
        *STOPPED,
        *BORN,
        "T: kinfo C p_ppid",
        "T: kinfo C p_realstat",
        "T: kinfo C p_sigmask SIGTRAP",
        "T: kinfo C p_sigignore SIGTRAP",
        "T: kinfo C p_sigignore SIGCHLD",
        "T: PT_KILL C",
        "T: kinfo C p_realstat",
        "T: wait4 C",
        "T: PT_CONTINUE P",
        "P: wait4 C",
        "P: kinfo C p_realstat",
    )
    assert log[7:12] == ("P", "SSTOP", "yes", "no", "yes")
    assert log[13] == "SZOMB"
    assert log[-1] == "ESRCH"
