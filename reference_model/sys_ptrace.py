"""The part of ptrace(2) that the events of fork need.

After sys/kern/sys_ptrace_common.c of 10.99.12, with its names; line numbers
below are that file's.
"""

from __future__ import annotations

from reference_model.kern_exit import proc_changeparent, proc_reparent
from reference_model.kern_sig import (
    child_psignal,
    kpsignal,
    proc_unstop,
    sigcantmask,
    stopsigmask,
)
from reference_model.language.netbsd import (
    EBUSY,
    EINVAL,
    EPERM,
    ESRCH,
    PL_PPWAIT,
    PSL_SYSCALL,
    PSL_TRACED,
    PSL_TRACEDCHILD,
    PSL_TRACEFORK,
    PSL_TRACELWP_CREATE,
    PSL_TRACELWP_EXIT,
    PSL_TRACEPOSIX_SPAWN,
    PSL_TRACEVFORK,
    PSL_TRACEVFORK_DONE,
    PT_ATTACH,
    PT_CONTINUE,
    PT_DETACH,
    PT_KILL,
    PTRACE_FORK,
    PTRACE_LWP_CREATE,
    PTRACE_LWP_EXIT,
    PTRACE_POSIX_SPAWN,
    PTRACE_VFORK,
    PTRACE_VFORK_DONE,
    SACTIVE,
    SIGKILL,
    SIGSTOP,
    SIGTRAP,
    SSTOP,
    TRAP_CHLD,
    TRAP_LWP,
)
from reference_model.proc import Proc
from reference_model.state import State

_EVENTS = (
    (PTRACE_FORK, PSL_TRACEFORK),
    (PTRACE_VFORK, PSL_TRACEVFORK),
    (PTRACE_VFORK_DONE, PSL_TRACEVFORK_DONE),
    (PTRACE_LWP_CREATE, PSL_TRACELWP_CREATE),
    (PTRACE_LWP_EXIT, PSL_TRACELWP_EXIT),
    (PTRACE_POSIX_SPAWN, PSL_TRACEPOSIX_SPAWN),
)


def ptrace_traceme(k: State, p: Proc) -> int:
    """Makes the parent of *p* its tracer (PT_TRACE_ME, lines 341-361 and 1145-1149).

    Returns 0 or an error number.
    """
    if p.p_pptr is k.initproc:
        return EPERM
    if p.p_slflag & PSL_TRACED:
        return EBUSY
    p.p_slflag |= PSL_TRACED
    p.p_opptr = p.p_pptr
    return 0


def ptrace_allowed(k: State, p: Proc, req: int, t: Proc | None) -> int:
    """Returns 0 if the tracer *p* may do *req* to *t* now, else an error number (line 323)."""
    if t is None or t.p_stat not in (SACTIVE, SSTOP):
        return ESRCH
    if req == PT_ATTACH:
        if t is p:
            return EINVAL
        if p is k.initproc:
            return EPERM
        if t.p_slflag & PSL_TRACED:
            return EBUSY
        if p.p_lflag & PL_PPWAIT and p.p_pptr is t:
            return EPERM
        return 0
    if not t.p_slflag & PSL_TRACED:
        return EPERM
    if t.p_pptr is not p:
        return EBUSY
    if req != PT_KILL and (t.p_stat != SSTOP or not t.p_waited):
        return EBUSY
    return 0


def ptrace_attach(k: State, p: Proc, t: Proc) -> None:
    """Makes *p* the tracer of *t*, and stops *t* (PT_ATTACH, lines 1426-1437)."""
    proc_changeparent(k, t, p)
    ptrace_sendsig(k, PT_ATTACH, t, SIGSTOP)


def ptrace_continue(k: State, req: int, t: Proc, signo: int) -> None:
    """Continues, detaches or kills *t* (PT_CONTINUE, PT_DETACH, PT_KILL; lines 1216-1420)."""
    if req == PT_DETACH:
        t.p_slflag &= ~(PSL_TRACED | PSL_TRACEDCHILD | PSL_SYSCALL)
        t.p_sigctx.ps_sigpass = 0
        if t.p_opptr is not t.p_pptr:
            proc_reparent(k, t, t.p_opptr or k.initproc)
        t.p_opptr = None
    ptrace_sendsig(k, req, t, SIGKILL if req == PT_KILL else signo)


def ptrace_sendsig(k: State, req: int, t: Proc, signo: int) -> None:
    """Continues the process, with a signal or without (line 943)."""
    if t.p_stat == SSTOP:
        t.p_xsig = signo
        if signo > 0 and stopsigmask & 1 << signo:
            t.p_waited = 0
            child_psignal(k, t, 0)
        else:
            proc_unstop(k, t)
        if req != PT_KILL or signo != SIGKILL:
            return
    assert req in (PT_KILL, PT_ATTACH, PT_CONTINUE)
    t.p_sigctx.ps_faked = False
    kpsignal(k, t, signo)


def ptrace_set_event_mask(t: Proc, events: int) -> None:
    """Sets the event mask, without unknown bits (line 619)."""
    for event, psl in _EVENTS:
        if events & event:
            t.p_slflag |= psl
        else:
            t.p_slflag &= ~psl


def ptrace_get_event_mask(t: Proc) -> int:
    """Returns the event mask (line 590)."""
    return sum(event for event, psl in _EVENTS if t.p_slflag & psl)


def ptrace_set_sigpass(t: Proc, signals: int) -> None:
    """Sets the signals that reach *t* without a stop; never SIGKILL and SIGSTOP (line 567)."""
    t.p_sigctx.ps_sigpass = signals & ~sigcantmask


def ptrace_get_process_state(t: Proc) -> tuple[int, int]:
    """Returns the event that *t* reported, and the ID of the other process or LWP (line 668).

    Both are 0 if the last stop did not report an event.
    """
    signo, code, event, other = t.p_sigctx.ps_info
    if signo != SIGTRAP or code not in (TRAP_CHLD, TRAP_LWP):
        return 0, 0
    return event, other
