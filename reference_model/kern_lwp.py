"""LWPs: how they come, go, and return to user mode.

After sys/kern/kern_lwp.c and sys_lwp.c of 10.99.12, with their function names;
line numbers below are kern_lwp.c's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reference_model.kern_exit import exit1
from reference_model.kern_sig import issignal
from reference_model.language.netbsd import (
    EBUSY,
    LSSTOP,
    LSZOMB,
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
from reference_model.proc import Lwp, Lwpctl, Sleeping

if TYPE_CHECKING:
    from reference_model.kernel import Kernel


def lwp_userret(k: Kernel, l: Lwp) -> Sleeping:
    """Act on stops and signals until nothing keeps the LWP from user mode."""
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


def sys__lwp_create(k: Kernel, l: Lwp) -> Lwp:
    """sys_lwp.c: a new LWP with the caller's signal mask and no signal stack; it is returned.

    It is joinable, and nobody ever joins: once it has exited, it stays a zombie.
    """
    l2 = k.lwp_create(l, l.l_proc, 1, 0, None, 0, mi_startlwp, None, l.l_class, l.l_sigmask, None)
    p = l.l_proc
    # lwp_start(), line 998.
    if p.p_stat == SSTOP or p.p_sflag & PS_STOPPING:
        l2.l_stat = LSSTOP
        p.p_nrlwps -= 1
    else:
        k.setrunnable(l2)
    return l2


def lwp_ctl_alloc(l: Lwp) -> int:
    """Line 1925: give the LWP a control block of its own, if it has none; an error number, or 0."""
    p = l.l_proc
    if p.p_lflag & PL_PPWAIT:
        return EBUSY
    if not l.l_lcpage:
        l.l_lwpctl, l.l_lcpage = Lwpctl(p.p_vmspace), True
    p.p_vmspace.lwpctl = l.l_lwpctl
    return 0


def _traces(l: Lwp, flag: int) -> bool:
    return l.l_proc.p_slflag & (PSL_TRACED | flag) == PSL_TRACED | flag


def mi_startlwp(k: Kernel, l: Lwp, arg: Any) -> Sleeping:
    """sys_lwp.c: what each LWP but a process's first runs before it returns to userland."""
    if _traces(l, PSL_TRACELWP_CREATE):
        k.proc_lock.enter()
        l.l_proc.p_lock.enter()
        yield from k.eventswitch(l, TRAP_LWP, PTRACE_LWP_CREATE, l.l_lid)


def lwp_exit(k: Kernel, l: Lwp) -> Sleeping:
    """Line 1080: end the LWP, and with the last one its process.  Does not return."""
    p = l.l_proc
    if p.p_nlwps - p.p_nzlwps == 1:
        yield from exit1(k, l, 0, 0)
    p.p_nzlwps += 1
    if _traces(l, PSL_TRACELWP_EXIT) and not p.p_sflag & PS_WEXIT:
        k.proc_lock.enter()
        p.p_lock.enter()
        yield from k.eventswitch(l, TRAP_LWP, PTRACE_LWP_EXIT, l.l_lid)
    # What is pending for the process is the others' business now (lines 1202-1209).
    if l.l_pendsig and p.p_sigpend:
        for other in p.p_lwps:
            other.l_pendsig = True
            k.signotify(other)
    l.l_stat = LSZOMB
    p.p_nrlwps -= 1
    k.cv_broadcast(p.p_lwpcv)
    yield  # switch away, for good
    raise AssertionError("lwp_exit")


def postsig(k: Kernel, l: Lwp, signo: int) -> Sleeping:
    """Take the signal: the default action kills, a handler returns at once."""
    if l.l_proc.p_sigacts.sa_sigdesc.get(signo, "default") == "default":
        yield from exit1(k, l, 0, signo)
