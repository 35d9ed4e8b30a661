"""LWPs: how they come, go, and return to user mode.

After sys/kern/kern_lwp.c and sys_lwp.c of 10.99.12, with their function names;
line numbers below are kern_lwp.c's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from reference_model import kern_synch
from reference_model.kern_exit import exit1
from reference_model.kern_sig import eventswitch, issignal
from reference_model.language.netbsd import (
    EBUSY,
    LSIDL,
    LSSTOP,
    LSZOMB,
    LWP_VFORK,
    PL_PPWAIT,
    PS_STOPPING,
    PS_WEXIT,
    PSL_TRACED,
    PSL_TRACELWP_CREATE,
    PSL_TRACELWP_EXIT,
    PTRACE_LWP_CREATE,
    PTRACE_LWP_EXIT,
    SSTOP,
    TRAP_LWP,
)
from reference_model.proc import Lwp, Lwpctl, Proc, Sleeping
from reference_model.state import State


def lwp_create(
    k: State,
    l1: Lwp,
    p2: Proc,
    uaddr: int,
    flags: int,
    stack: object,
    stacksize: int,
    func: Callable[[Any, Lwp, Any], Sleeping],
    arg: Any,
    sclass: int,
    sigmask: int,
    sigstk: Any,
) -> Lwp:
    """Returns a new LWP that starts in *func* and then returns to user mode."""
    # The first LWP of a process has the process's number, the others have their own.
    l2 = Lwp(p2, p2.p_cred, LSIDL, k.new_pid() if p2.p_nlwps else p2.p_pid)
    l2.l_class = sclass
    l2.l_priority = l1.l_priority
    l2.l_affinity = l1.l_affinity
    l2.l_estcpu = l1.l_estcpu  # sched_4bsd.c, sched_lwp_fork()
    l2.l_fpregs = l1.l_fpregs  # the machine's cpu_lwp_fork()
    l2.l_sigmask = sigmask
    l2.l_sigstk = sigstk
    l2.l_stack = stack
    if flags & LWP_VFORK:  # lines 878-881: the LWP that waits does not need it meanwhile
        l2.l_lwpctl = l1.l_lwpctl
    l2.l_task = _first_return(k, l2, func, arg)
    p2.p_lwps.insert(0, l2)
    p2.p_nlwps += 1
    p2.p_nrlwps += 1
    return l2


def _first_return(
    k: State, l: Lwp, func: Callable[[Any, Lwp, Any], Sleeping], arg: Any
) -> Sleeping:
    yield from func(k, l, arg)
    yield from lwp_userret(k, l)


def lwp_userret(k: State, l: Lwp) -> Sleeping:
    """Acts on stops and signals until the LWP may return to user mode."""
    p = l.l_proc
    while True:
        l.l_cred = p.p_cred
        if l.l_wexit:
            yield from lwp_exit(k, l)
        if not (
            l.l_pendsig
            or p.p_stat == SSTOP
            or p.p_sflag & PS_STOPPING
            or (p.p_xsig and p.p_slflag & PSL_TRACED)
        ):
            return
        signo = yield from issignal(k, l)
        if signo:
            yield from postsig(k, l, signo)


def sys__lwp_create(k: State, l: Lwp) -> Lwp:
    """Returns a new LWP with the caller's signal mask and no signal stack (sys_lwp.c).

    It can be joined, but no scenario joins it: once it has exited, it stays a zombie.
    """
    l2 = lwp_create(k, l, l.l_proc, 1, 0, None, 0, mi_startlwp, None, l.l_class, l.l_sigmask, None)
    p = l.l_proc
    # lwp_start(), line 998.
    if p.p_stat == SSTOP or p.p_sflag & PS_STOPPING:
        l2.l_stat = LSSTOP
        p.p_nrlwps -= 1
    else:
        kern_synch.setrunnable(k, l2)
    return l2


def lwp_ctl_alloc(l: Lwp) -> int:
    """Gives the LWP its own control block if it has none; returns 0 or an error (line 1925)."""
    p = l.l_proc
    if p.p_lflag & PL_PPWAIT:
        return EBUSY
    if not l.l_lcpage:
        l.l_lwpctl, l.l_lcpage = Lwpctl(p.p_vmspace), True
    p.p_vmspace.lwpctl = l.l_lwpctl
    return 0


def lwp_ctl_exit(l: Lwp) -> None:
    """Takes the control block from the only LWP of a process (1.270, line 2100)."""
    if l.l_lcpage:
        l.l_lwpctl, l.l_lcpage = None, False


def _traces(l: Lwp, flag: int) -> bool:
    return l.l_proc.p_slflag & (PSL_TRACED | flag) == PSL_TRACED | flag


def mi_startlwp(k: State, l: Lwp, arg: Any) -> Sleeping:
    """Reports a new LWP, other than the first of a process, to a tracer (sys_lwp.c)."""
    if _traces(l, PSL_TRACELWP_CREATE):
        k.proc_lock.enter()
        l.l_proc.p_lock.enter()
        yield from eventswitch(k, l, TRAP_LWP, PTRACE_LWP_CREATE, l.l_lid)


def lwp_exit(k: State, l: Lwp) -> Sleeping:
    """Ends the LWP, and with the last one its process (line 1080).  Does not return."""
    p = l.l_proc
    if p.p_nlwps - p.p_nzlwps == 1:
        yield from exit1(k, l, 0, 0)
    p.p_nzlwps += 1
    if _traces(l, PSL_TRACELWP_EXIT) and not p.p_sflag & PS_WEXIT:
        k.proc_lock.enter()
        p.p_lock.enter()
        yield from eventswitch(k, l, TRAP_LWP, PTRACE_LWP_EXIT, l.l_lid)
    # The other LWPs must look at what is pending for the process (lines 1202-1209).
    if l.l_pendsig and p.p_sigpend:
        for other in p.p_lwps:
            other.l_pendsig = True
            kern_synch.signotify(k, other)
    l.l_stat = LSZOMB
    p.p_nrlwps -= 1
    kern_synch.cv_broadcast(k, p.p_lwpcv)
    yield  # switch away, for good
    raise AssertionError("lwp_exit")


def postsig(k: State, l: Lwp, signo: int) -> Sleeping:
    """Takes the signal: the default action kills, and a handler returns at once."""
    if l.l_proc.p_sigacts.sa_sigdesc.get(signo, "default") == "default":
        yield from exit1(k, l, 0, signo)
