"""Signals and stops, as far as scenarios see them.

After sys/kern/kern_sig.c of 10.99.12 (January 2025), with its function names;
line numbers below are that file's.
"""

from __future__ import annotations

from reference_model import kern_synch
from reference_model.language.netbsd import (
    _NSIG,
    EINVAL,
    LSSLEEP,
    LSSTOP,
    LSZOMB,
    NZERO,
    PK_CLDSIGIGN,
    PK_NOCLDWAIT,
    PL_PPWAIT,
    PS_CONTINUED,
    PS_NOCLDSTOP,
    PS_STOPPING,
    PS_WEXIT,
    PSL_TRACED,
    PSL_TRACEDCHILD,
    PTRACE_LWP_EXIT,
    SA_CANTMASK,
    SA_CONT,
    SA_IGNORE,
    SA_KILL,
    SA_STOP,
    SA_TOALL,
    SACTIVE,
    SIGCHLD,
    SIGCONT,
    SIGKILL,
    SIGRTMAX,
    SIGRTMIN,
    SIGSTOP,
    SIGTRAP,
    SSTOP,
    TRAP_CHLD,
    sigprop,
)
from reference_model.proc import Lwp, Proc, Sigacts, Sleeping
from reference_model.state import State


def _mask(prop: int) -> int:
    return sum(1 << signo for signo in range(1, _NSIG) if sigprop[signo] & prop)


contsigmask = _mask(SA_CONT)
stopsigmask = _mask(SA_STOP)
sigcantmask = _mask(SA_CANTMASK)
vforksigmask = stopsigmask & ~(1 << SIGSTOP)
#: Signals that are ignored from the start (siginit(), lines 351-352).
sigignore_default = _mask(SA_IGNORE) & ~(1 << SIGCONT)


def firstsig(mask: int) -> int:
    """Returns the lowest signal in *mask*, or 0."""
    return (mask & -mask).bit_length() - 1 if mask else 0


def sigput(p: Proc, signo: int) -> None:
    """Makes *signo* pending, and puts its information last in the queue (line 626).

    If the same signal is in the queue already, the new information replaces the old in its
    place, unless it is a real-time signal.
    """
    p.p_sigpend |= 1 << signo
    if SIGRTMIN <= signo <= SIGRTMAX or signo not in p.p_siginfo:
        p.p_siginfo.append(signo)


def sigget(p: Proc, signo: int) -> None:
    """Takes *signo*, which stays pending if the queue has it once more (line 588)."""
    p.p_sigpend &= ~(1 << signo)
    if signo in p.p_siginfo:
        p.p_siginfo.remove(signo)
        if signo in p.p_siginfo:
            p.p_sigpend |= 1 << signo


def sigclear(p: Proc, mask: int = -1) -> None:
    """Makes the signals in *mask* no longer pending (line 672)."""
    p.p_sigpend &= ~mask
    p.p_siginfo = [signo for signo in p.p_siginfo if not mask >> signo & 1]


def sigispending(l: Lwp) -> bool:
    """Returns whether the LWP has a pending signal, neither masked nor ignored (line 725)."""
    pending = l.l_sigpend | l.l_proc.p_sigpend
    return bool(pending & ~l.l_proc.p_sigctx.ps_sigignore & ~l.l_sigmask)


def sigaction1(p: Proc, signum: int, new: str | None) -> tuple[int, str]:
    """Sets a disposition, or only reads it if *new* is None (sys/kern/sys_sig.c).

    Returns an error number and the old disposition.  The disposition is in p_sigacts, which
    processes may share.  The sets of signals to ignore and to catch are in p_sigctx, of which
    each process has its own.
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
        p.p_flag &= ~PK_NOCLDWAIT
        if new == "ignore":
            p.p_flag |= PK_CLDSIGIGN
        else:
            p.p_flag &= ~PK_CLDSIGIGN
    ctx = p.p_sigctx
    if new == "ignore" or (new == "default" and sigprop[signum] & SA_IGNORE):
        sigclear(p, bit)
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


def sigactsinit(k: State, p1: Proc, share: int) -> Sigacts:
    """Returns the parent's signal actions if *share*, else a copy of them."""
    acts: Sigacts = p1.p_sigacts
    if share:
        acts.sa_refcnt += 1
        return acts
    return Sigacts(dict(acts.sa_sigdesc))


def sigactsunshare(p: Proc) -> None:
    """Gives *p* signal actions of its own (1.410, line 286)."""
    if p.p_sigacts.sa_refcnt > 1:
        p.p_sigacts.sa_refcnt -= 1
        p.p_sigacts = Sigacts(dict(p.p_sigacts.sa_sigdesc))


def execsigs(p: Proc) -> None:
    """Resets caught signals, and what only the old program can know of (1.410, line 378).

    What is ignored stays ignored, and what is blocked stays blocked.  SA_NOCLDSTOP, which is a
    flag of the process, stays, too.
    """
    assert p.p_nlwps == 1
    sigactsunshare(p)
    ctx, ignored = p.p_sigctx, 0
    for signo in range(1, _NSIG):
        if not ctx.ps_sigcatch & 1 << signo:
            continue
        if sigprop[signo] & SA_IGNORE:
            ignored |= 1 << signo
            if not sigprop[signo] & SA_CONT:
                ctx.ps_sigignore |= 1 << signo
        p.p_sigacts.sa_sigdesc[signo] = "default"
    sigclear(p, ignored)
    ctx.ps_sigcatch = 0
    # Lines 423-425: the children of the new program become zombies.
    p.p_flag &= ~(PK_NOCLDWAIT | PK_CLDSIGIGN)
    if p.p_sigacts.sa_sigdesc.get(SIGCHLD) == "ignore":
        p.p_sigacts.sa_sigdesc[SIGCHLD] = "default"
    # Lines 430-434.
    l = p.p_lwps[0]
    l.l_sigstk = None
    l.l_sigpend = 0


def sigactsfree(k: State, p: Proc) -> None:
    """Drops the reference that *p* has to its signal actions."""
    p.p_sigacts.sa_refcnt -= 1


def kpsignal(k: State, p: Proc, signo: int) -> None:
    """Sends *signo* to *p* (kpsignal2(), line 1304)."""
    if p.p_stat not in (SACTIVE, SSTOP):
        return
    prop = sigprop[signo]
    bit = 1 << signo
    traced = bool(p.p_slflag & PSL_TRACED) and not p.p_sigctx.ps_sigpass & bit

    if traced:
        action = "default"
        sigput(p, signo)
    else:
        if p.p_sigctx.ps_sigignore & bit:
            return
        action = "catch" if p.p_sigctx.ps_sigcatch & bit else "default"
        if action == "default" and prop & SA_KILL:
            p.p_nice = min(p.p_nice, NZERO)  # lines 1384-1385, pending or not

    if prop & SA_CONT:
        sigclear(p, stopsigmask)
    if prop & SA_STOP:
        sigclear(p, contsigmask)

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
                    _deliver(k, p, prop, signo)
                    return
        elif prop & SA_STOP:
            return
    if not traced:
        sigput(p, signo)
    _deliver(k, p, prop, signo)


def _deliver(k: State, p: Proc, prop: int, signo: int) -> None:
    """Gives the signal to the newest LWP that can take it, or to all LWPs (lines 1515-1518)."""
    for l in p.p_lwps:
        if sigpost(k, l, prop, signo) and not prop & SA_TOALL:
            return


def sigpost(k: State, l: Lwp, prop: int, signo: int) -> bool:
    """Makes the LWP look at its signals, and wakes it if it may be woken (line 1116).

    Returns whether it may be able to take this signal.
    """
    if l.l_stat == LSZOMB:
        return False
    l.l_pendsig = True
    kern_synch.signotify(k, l)
    if l.l_sigmask & 1 << signo and (not prop & SA_CONT or l.l_stat != LSSTOP):
        return False
    if l.l_stat == LSSLEEP:
        if l.l_sintr:
            kern_synch.sleepq_abort(k, l)
        return l.l_sintr
    if l.l_stat == LSSTOP:
        if prop & SA_STOP:
            return False
        if prop & SA_CONT and l.l_wchan is not None:
            l.l_stat = LSSLEEP
            l.l_proc.p_nrlwps += 1
        elif prop & SA_CONT or l.l_wchan is None or l.l_sintr:
            l.l_proc.p_nrlwps += 1
            if l.l_wchan is not None:
                kern_synch.sleepq_abort(k, l)
            else:
                kern_synch.setrunnable(k, l)
        else:
            return False
    return True


def child_psignal(k: State, p: Proc, mask: int) -> None:
    """Sends SIGCHLD to the parent of a process that stopped or went on (line 1015)."""
    if p.p_pptr.p_sflag & mask == 0:
        kpsignal(k, p.p_pptr, SIGCHLD)


def proc_stop_done(k: State, p: Proc, ppmask: int) -> None:
    """Marks the process as stopped, and tells its parent (line 1569)."""
    p.p_sflag &= ~PS_STOPPING
    p.p_stat = SSTOP
    p.p_waited = 0
    p.p_pptr.p_nstopchild += 1
    child_psignal(k, p, ppmask)
    kern_synch.cv_broadcast(k, p.p_pptr.p_waitcv)


def proc_stop_lwps(p: Proc) -> None:
    """Stops the LWPs that sleep interruptibly (line 1546)."""
    for l in p.p_lwps:
        if l.l_stat == LSSLEEP and l.l_sintr:
            l.l_stat = LSSTOP
            p.p_nrlwps -= 1


def proc_stop(k: State, p: Proc, signo: int) -> None:
    """Stops all LWPs (line 2404).

    An LWP that runs, or whose sleep no signal ends, stops later by itself.
    """
    p.p_sflag |= PS_STOPPING
    proc_stop_lwps(p)
    if p.p_nrlwps == 0:
        proc_stop_done(k, p, PS_NOCLDSTOP)
        return
    for l in p.p_lwps:
        sigpost(k, l, SA_STOP, signo)
    k.stopping.append(p)


def proc_stop_callout(k: State) -> bool:
    """Reports the stop of a process whose last LWP has stopped; returns whether there was one.

    The kernel calls it once a tick (line 2462).
    """
    k.stopping = [p for p in k.stopping if p.p_sflag & PS_STOPPING]
    for p in k.stopping:
        proc_stop_lwps(p)
        if p.p_nrlwps == 0:
            proc_stop_done(k, p, PS_NOCLDSTOP)
            return True
    return False


def sigswitch(k: State, l: Lwp, ppmask: int, signo: int) -> Sleeping:
    """Stops the process because of *signo*, and switches away (line 1721)."""
    p = l.l_proc
    if p.p_stat == SACTIVE and not p.p_sflag & PS_STOPPING:
        proc_stop(k, p, signo)
    # The last live LWP tells the parent; if it is not this one, proc_stop_callout() does.
    if p.p_sflag & PS_STOPPING and p.p_nrlwps == 1:
        proc_stop_done(k, p, ppmask)
    yield from sigswitch_unlock_and_switch_away(l)


def sigswitch_unlock_and_switch_away(l: Lwp) -> Sleeping:
    """Leaves the CPU until the process is continued (line 1776)."""
    p = l.l_proc
    while p.p_stat == SSTOP or p.p_sflag & PS_STOPPING:
        p.p_nrlwps -= 1
        l.l_stat = LSSTOP
        yield


def eventswitch(k: State, l: Lwp, code: int, pe_report_event: int, entity: int) -> Sleeping:
    """Stops for the tracer with SIGTRAP; enters with both locks, leaves without (line 1593)."""
    p = l.l_proc
    p.p_lock.exit()
    k.proc_lock.exit()
    while True:
        if p.p_sflag & PS_WEXIT:
            if pe_report_event == PTRACE_LWP_EXIT:
                return
            yield from k.lwp_exit(l)
        if not p.p_slflag & PSL_TRACED:
            return
        if p.p_xsig == SIGKILL or p.p_sigpend & 1 << SIGKILL:
            return
        if not p.p_sflag & PS_STOPPING:
            break
        yield from sigswitch_unlock_and_switch_away(l)  # another LWP's stop comes first
    p.p_xsig = SIGTRAP
    p.p_sigctx.ps_faked = True
    p.p_sigctx.ps_info = (SIGTRAP, code, pe_report_event, entity)
    yield from sigswitch(k, l, 0, SIGTRAP)
    if code == TRAP_CHLD:
        while l.l_vforkwaiting:
            k.proc_lock.enter()
            yield from kern_synch.cv_wait(k, l, l.l_waitcv, k.proc_lock)
            k.proc_lock.exit()


def eventswitchchild(k: State, l: Lwp, code: int, pe_report_event: int) -> Sleeping:
    """Stops the child of a traced fork, and names the original parent (line 1704)."""
    p = l.l_proc
    k.proc_lock.enter()
    p.p_lock.enter()
    if p.p_slflag & (PSL_TRACED | PSL_TRACEDCHILD) != (PSL_TRACED | PSL_TRACEDCHILD):
        p.p_lock.exit()
        k.proc_lock.exit()
        return
    yield from eventswitch(k, l, code, pe_report_event, p.p_oppid)


def proc_unstop(k: State, p: Proc) -> None:
    """Continues a stopped process (line 2520)."""
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
            kern_synch.setrunnable(k, l)
        elif sig and l.l_sintr:
            kern_synch.sleepq_abort(k, l)
            sig = 0
        else:
            l.l_stat = LSSLEEP


def sigchecktrace(l: Lwp) -> int:
    """Returns the signal that the tracer passed on, or 0 (line 1807)."""
    p = l.l_proc
    if p.p_sigpend & 1 << SIGKILL:
        return 0
    if not p.p_slflag & PSL_TRACED or p.p_xsig == 0 or p.p_sflag & PS_STOPPING:
        return 0
    signo, p.p_xsig = p.p_xsig, 0
    return 0 if l.l_sigmask & 1 << signo else signo


def issignal(k: State, l: Lwp) -> Sleeping:
    """Returns the next signal to act on, or 0; stops for the tracer here (line 1851)."""
    p = l.l_proc
    while True:
        if p.p_stat == SSTOP or p.p_sflag & PS_STOPPING:
            yield from sigswitch_unlock_and_switch_away(l)
            continue
        signo = sigchecktrace(l) if p.p_stat == SACTIVE else 0
        pending = False
        if signo == 0:
            ss = p.p_sigpend & ~l.l_sigmask  # no scenario sends a signal to one LWP
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
            # Line 1936: PT_GET_SIGINFO reports the first in the queue, whichever signal this is.
            first = p.p_siginfo[0] if p.p_siginfo else signo
            p.p_sigctx.ps_info = (first, 0, 0, 0)
        if p.p_sigctx.ps_sigignore & bit and not traced:
            if pending:
                sigget(p, signo)
            continue
        own_parent_waits = bool(p.p_lflag & PL_PPWAIT) and p.p_pptr is p.p_opptr
        if traced and signo != SIGKILL and not own_parent_waits:
            # Lines 1967-1973: no longer pending, but in the queue for ever: the signal that
            # the tracer passes on is not taken from there.
            if pending:
                p.p_sigpend &= ~bit
            p.p_xsig = signo
            yield from sigswitch(k, l, 0, signo)
            signo = sigchecktrace(l)
            if signo == 0:
                continue
            pending = False
        prop = sigprop[signo]
        disposition = p.p_sigacts.sa_sigdesc.get(signo, "default")
        stops = disposition == "default" and prop & SA_STOP
        ignored = disposition == "ignore" or (disposition == "default" and prop & SA_IGNORE)
        if pending:
            sigget(p, signo)
        if stops and not (traced and not own_parent_waits):
            p.p_xsig = signo
            p.p_sflag &= ~PS_CONTINUED
            yield from sigswitch(k, l, PS_NOCLDSTOP, signo)
        elif not stops and not ignored:
            return signo
