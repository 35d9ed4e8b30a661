"""Signals and stops, as far as scenarios see them.

After sys/kern/kern_sig.c of 10.99.12 (January 2025), with its function names;
line numbers below are that file's.  Processes here have one LWP.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reference_model.netbsd import (
    _NSIG,
    EINVAL,
    LSSLEEP,
    LSSTOP,
    LSZOMB,
    PK_CLDSIGIGN,
    PL_PPWAIT,
    PS_CONTINUED,
    PS_NOCLDSTOP,
    PS_STOPPING,
    PS_WEXIT,
    PSL_TRACED,
    PSL_TRACEDCHILD,
    SA_CANTMASK,
    SA_CONT,
    SA_IGNORE,
    SA_STOP,
    SACTIVE,
    SIGCHLD,
    SIGCONT,
    SIGKILL,
    SIGSTOP,
    SIGTRAP,
    SSTOP,
    TRAP_CHLD,
    sigprop,
)
from reference_model.proc import Lwp, Proc, Sleeping

if TYPE_CHECKING:
    from reference_model.kernel import Kernel


def _mask(prop: int) -> int:
    return sum(1 << signo for signo in range(1, _NSIG) if sigprop[signo] & prop)


contsigmask = _mask(SA_CONT)
stopsigmask = _mask(SA_STOP)
sigcantmask = _mask(SA_CANTMASK)
vforksigmask = stopsigmask & ~(1 << SIGSTOP)
#: siginit(), lines 351-352: ignored from the start.
sigignore_default = _mask(SA_IGNORE) & ~(1 << SIGCONT)


def firstsig(mask: int) -> int:
    """The lowest signal in *mask*, or 0."""
    return (mask & -mask).bit_length() - 1 if mask else 0


def sigaction1(p: Proc, signum: int, new: str | None) -> tuple[int, str]:
    """sys/kern/sys_sig.c: (error, old disposition); *new* None only asks.

    The disposition is in p_sigacts, which may be shared; the sets that say what
    to drop and what to catch are in p_sigctx, each process's own.
    """
    old = p.p_sigacts.sa_sigdesc.get(signum, "default")
    if new is None:
        return 0, old
    if sigprop[signum] & SA_CANTMASK:
        return EINVAL, old
    p.p_sigacts.sa_sigdesc[signum] = new
    bit = 1 << signum
    if signum == SIGCHLD:
        p.p_sflag &= ~PS_NOCLDSTOP
        if new == "ignore":
            p.p_flag |= PK_CLDSIGIGN
        else:
            p.p_flag &= ~PK_CLDSIGIGN
    ctx = p.p_sigctx
    if new == "ignore" or (new == "default" and sigprop[signum] & SA_IGNORE):
        p.p_sigpend &= ~bit
        for l in p.p_lwps:
            l.l_sigpend &= ~bit
        if signum != SIGCONT:
            ctx.ps_sigignore |= bit
        ctx.ps_sigcatch &= ~bit
    else:
        ctx.ps_sigignore &= ~bit
        if new == "default":
            ctx.ps_sigcatch &= ~bit
        else:
            ctx.ps_sigcatch |= bit
    return 0, old


def kpsignal(k: Kernel, p: Proc, signo: int) -> None:
    """kpsignal2(), line 1304: send *signo* to *p*."""
    if p.p_stat not in (SACTIVE, SSTOP):
        return
    prop = sigprop[signo]
    bit = 1 << signo
    traced = bool(p.p_slflag & PSL_TRACED) and not p.p_sigctx.ps_sigpass & bit

    if traced:
        action = "default"
        p.p_sigpend |= bit
    else:
        if p.p_sigctx.ps_sigignore & bit:
            return
        action = "catch" if p.p_sigctx.ps_sigcatch & bit else "default"

    if prop & SA_CONT:
        p.p_sigpend &= ~stopsigmask
    if prop & SA_STOP:
        p.p_sigpend &= ~contsigmask

    if p.p_stat == SACTIVE and not p.p_sflag & PS_STOPPING:
        if not traced and prop & SA_CONT and action == "default":
            return
    else:
        if traced and signo != SIGKILL:
            return
        if prop & SA_CONT or signo == SIGKILL:
            if p.p_stat == SSTOP and not p.p_waited:
                p.p_pptr.p_nstopchild -= 1
            p.p_stat = SACTIVE
            p.p_sflag &= ~PS_STOPPING
            if not traced and prop & SA_CONT:
                p.p_xsig = SIGCONT
                p.p_sflag |= PS_CONTINUED
                child_psignal(k, p, 0)
                if action == "default":
                    _post_all(k, p, prop, signo)
                    return
        elif prop & SA_STOP:
            return
    if not traced:
        p.p_sigpend |= bit
    _post_all(k, p, prop, signo)


def _post_all(k: Kernel, p: Proc, prop: int, signo: int) -> None:
    for l in p.p_lwps:
        sigpost(k, l, prop, signo)


def sigpost(k: Kernel, l: Lwp, prop: int, signo: int) -> None:
    """Line 1116: make the LWP look at its signals, waking it where it may be woken."""
    if l.l_stat == LSZOMB:
        return
    l.l_pendsig = True
    if l.l_sigmask & 1 << signo and (not prop & SA_CONT or l.l_stat != LSSTOP):
        return
    if l.l_stat == LSSLEEP:
        if l.l_sintr:
            k.interrupt(l)
    elif l.l_stat == LSSTOP and not (prop & SA_STOP):
        if prop & SA_CONT and l.l_wchan is not None:
            l.l_stat = LSSLEEP
            l.l_proc.p_nrlwps += 1
        elif prop & SA_CONT or l.l_wchan is None or l.l_sintr:
            l.l_proc.p_nrlwps += 1
            if l.l_wchan is not None:
                k.interrupt(l)
            else:
                k.setrunnable(l)
    else:
        k.signotify(l)


def child_psignal(k: Kernel, p: Proc, mask: int) -> None:
    """Line 1015: SIGCHLD to the parent of a process that stopped or went on."""
    if p.p_pptr.p_sflag & mask == 0:
        kpsignal(k, p.p_pptr, SIGCHLD)


def proc_stop_done(k: Kernel, p: Proc, ppmask: int) -> None:
    """Line 1569: the process is stopped; tell its parent."""
    p.p_sflag &= ~PS_STOPPING
    p.p_stat = SSTOP
    p.p_waited = 0
    p.p_pptr.p_nstopchild += 1
    child_psignal(k, p, ppmask)
    k.cv_broadcast(p.p_pptr.p_waitcv)


def sigswitch(k: Kernel, l: Lwp, ppmask: int) -> Sleeping:
    """Line 1721: stop, and switch away until somebody lets the process go on."""
    p = l.l_proc
    if p.p_stat == SACTIVE and not p.p_sflag & PS_STOPPING:
        p.p_sflag |= PS_STOPPING
    if p.p_sflag & PS_STOPPING:
        proc_stop_done(k, p, ppmask)
    while p.p_stat == SSTOP:
        p.p_nrlwps -= 1
        l.l_stat = LSSTOP
        yield


def eventswitch(k: Kernel, l: Lwp, code: int, pe_report_event: int, entity: int) -> Sleeping:
    """Line 1593: stop for the tracer with SIGTRAP.  Enters with both locks, leaves without."""
    p = l.l_proc
    p.p_lock.exit()
    k.proc_lock.exit()
    if p.p_sflag & PS_WEXIT or not p.p_slflag & PSL_TRACED:
        return
    if p.p_xsig == SIGKILL or p.p_sigpend & 1 << SIGKILL:
        return
    p.p_xsig = SIGTRAP
    p.p_sigctx.ps_faked = True
    p.p_sigctx.ps_info = (SIGTRAP, code, pe_report_event, entity)
    yield from sigswitch(k, l, 0)
    if code == TRAP_CHLD:
        while l.l_vforkwaiting:
            k.proc_lock.enter()
            yield from k.cv_wait(l, l.l_waitcv, k.proc_lock)
            k.proc_lock.exit()


def eventswitchchild(k: Kernel, l: Lwp, code: int, pe_report_event: int) -> Sleeping:
    """Line 1704: the child's side of a traced fork, naming the original parent."""
    p = l.l_proc
    k.proc_lock.enter()
    p.p_lock.enter()
    if p.p_slflag & (PSL_TRACED | PSL_TRACEDCHILD) != (PSL_TRACED | PSL_TRACEDCHILD):
        p.p_lock.exit()
        k.proc_lock.exit()
        return
    yield from eventswitch(k, l, code, pe_report_event, p.p_oppid)


def proc_unstop(k: Kernel, p: Proc) -> None:
    """Line 2520: let a stopped process go on."""
    p.p_stat = SACTIVE
    p.p_sflag &= ~PS_STOPPING
    sig = p.p_xsig
    if not p.p_waited:
        p.p_pptr.p_nstopchild -= 1
    for l in p.p_lwps:
        if l.l_stat != LSSTOP:
            continue
        p.p_nrlwps += 1
        if l.l_wchan is None:
            k.setrunnable(l)
        elif sig and l.l_sintr:
            k.interrupt(l)
            sig = 0
        else:
            l.l_stat = LSSLEEP


def sigchecktrace(l: Lwp) -> int:
    """Line 1807: the signal that the debugger gave, if any."""
    p = l.l_proc
    if p.p_sigpend & 1 << SIGKILL:
        return 0
    if not p.p_slflag & PSL_TRACED or p.p_xsig == 0 or p.p_sflag & PS_STOPPING:
        return 0
    signo, p.p_xsig = p.p_xsig, 0
    return 0 if l.l_sigmask & 1 << signo else signo


def issignal(k: Kernel, l: Lwp) -> Sleeping:
    """Line 1851: the next signal to act on, or 0; stops are taken here."""
    p = l.l_proc
    while True:
        if p.p_stat == SSTOP:
            yield from sigswitch(k, l, 0)
            continue
        signo = sigchecktrace(l) if p.p_stat == SACTIVE else 0
        pending = False
        if signo == 0:
            ss = (l.l_sigpend | p.p_sigpend) & ~l.l_sigmask
            if p.p_lflag & PL_PPWAIT:
                ss &= ~vforksigmask
            # firstsig() gives SIGKILL no precedence, but kpsignal2 does: it runs alone.
            signo = SIGKILL if ss & 1 << SIGKILL else firstsig(ss)
            if signo == 0:
                l.l_pendsig = False
                return 0
            pending = True
        bit = 1 << signo
        traced = bool(p.p_slflag & PSL_TRACED) and not p.p_sigctx.ps_sigpass & bit
        if pending:
            p.p_sigctx.ps_info = (signo, 0, 0, 0)
        if p.p_sigctx.ps_sigignore & bit and not traced:
            _sigget(l, bit)
            continue
        own_parent_waits = bool(p.p_lflag & PL_PPWAIT) and p.p_pptr is p.p_opptr
        if traced and signo != SIGKILL and not own_parent_waits:
            if pending:
                _sigget(l, bit)
            p.p_xsig = signo
            yield from sigswitch(k, l, 0)
            signo = sigchecktrace(l)
            if signo == 0:
                continue
            bit = 1 << signo
        prop = sigprop[signo]
        disposition = p.p_sigacts.sa_sigdesc.get(signo, "default")
        if disposition == "default":
            if prop & SA_STOP:
                _sigget(l, bit)
                if traced and not own_parent_waits:
                    continue
                p.p_xsig = signo
                p.p_sflag &= ~PS_CONTINUED
                yield from sigswitch(k, l, PS_NOCLDSTOP)
                continue
            if prop & SA_IGNORE:
                _sigget(l, bit)
                continue
        elif disposition == "ignore":
            _sigget(l, bit)
            continue
        _sigget(l, bit)
        return signo


def _sigget(l: Lwp, bit: int) -> None:
    l.l_sigpend &= ~bit
    l.l_proc.p_sigpend &= ~bit
