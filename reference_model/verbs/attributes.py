"""Other attributes of a process, which a child inherits or not."""

from __future__ import annotations

from reference_model import kern_proc
from reference_model.language.netbsd import (
    EACCES,
    EEXIST,
    EINVAL,
    EPERM,
    ESRCH,
    NZERO,
    PL_CONTROLT,
    PS_STOPEXEC,
    PS_STOPFORK,
    PST_PROFIL,
    SACTIVE,
    SSTOP,
)
from reference_model.language.observation import NONE, OK
from reference_model.proc import Lwp
from reference_model.state import TICK
from reference_model.verbs.call import CallError, ok, verb
from reference_model.verbs.world import World


@verb("nice")
def nice(w: World, l: Lwp, value: str) -> str:
    n = min(int(value), 20) + NZERO
    if l.l_cred.cr_euid != 0 and n < l.l_proc.p_nice:
        raise CallError(EACCES)
    l.l_proc.p_nice = n
    return OK


@verb("setitimer")
def setitimer(w: World, l: Lwp, which: str) -> str:
    l.l_proc.p_timers.add(which)
    return OK


@verb("getitimer")
def getitimer(w: World, l: Lwp, which: str) -> str:
    return "runs" if which in l.l_proc.p_timers else NONE


@verb("childrens_usage")
def childrens_usage(w: World, l: Lwp) -> str:
    return "some" if l.l_proc.p_stats.p_cru else NONE


@verb("sigaltstack")
def sigaltstack(w: World, l: Lwp, size: str | None = None) -> str:
    old = l.l_sigstk or 0
    if size is not None:
        l.l_sigstk = int(size)
    return str(old)


@verb("setprivate")
def setprivate(w: World, l: Lwp, value: str) -> str:
    l.l_private = int(value)
    return OK


@verb("getprivate")
def getprivate(w: World, l: Lwp) -> str:
    return str(l.l_private or 0)


@verb("rasctl")
def rasctl(w: World, l: Lwp, what: str) -> str:
    """Follows kern_ras.c, with one sequence: ras_install() refuses what overlaps another."""
    p = l.l_proc
    if what == "install":
        if p.p_raslist:
            raise CallError(EEXIST)
        p.p_raslist = ["sequence"]
    elif p.p_raslist:
        p.p_raslist = p.p_raslist[1:]
    else:
        raise CallError(ESRCH)
    return OK


@verb("profil")
def profil(w: World, l: Lwp) -> str:
    l.l_proc.p_stflag |= PST_PROFIL
    return OK


@verb("stopfork")
def stopfork(w: World, l: Lwp, name: str, value: str) -> str:
    return _set_flag(w, l, name, PS_STOPFORK, value)


@verb("stopexec")
def stopexec(w: World, l: Lwp, name: str, value: str) -> str:
    return _set_flag(w, l, name, PS_STOPEXEC, value)


def _set_flag(w: World, l: Lwp, name: str, flag: int, value: str) -> str:
    """Follows kern_resource.c sysctl_proc_stop(): only root may set it."""
    p = w.existing(name)
    if p.p_stat not in (SACTIVE, SSTOP):
        raise CallError(ESRCH)
    if l.l_cred.cr_euid != 0:
        raise CallError(EPERM)
    p.p_sflag = p.p_sflag | flag if int(value) else p.p_sflag & ~flag
    return OK


@verb("getpgrp")
def getpgrp(w: World, l: Lwp) -> str:
    return w.names[l.l_proc.p_pgrp.pg_id]


@verb("setpgid")
def setpgid(w: World, l: Lwp, name: str, group: str) -> str:
    """Follows kern_prot.c sys_setpgid()."""
    p = w.existing(name)
    return ok(kern_proc.proc_enterpgrp(w.k, l.l_proc, p, w.pid(group), mksess=False))


@verb("setsid")
def setsid(w: World, l: Lwp) -> str:
    """Follows kern_prot.c: a process may not whose ID is that of a group."""
    p = l.l_proc
    return ok(kern_proc.proc_enterpgrp(w.k, p, p, p.p_pid, mksess=True))


@verb("controlling_tty")
def controlling_tty(w: World, l: Lwp) -> str:
    """Follows tty.c, TIOCSCTTY, on the console, which no other session has."""
    p = l.l_proc
    if p.p_session.s_leader is not p:
        raise CallError(EPERM)
    p.p_session.s_ttyvp = w.k.console
    p.p_lflag |= PL_CONTROLT
    return OK


@verb("tick")
def tick(w: World, l: Lwp) -> str:
    w.k.microtime += 2 * TICK
    return OK


@verb("sleep")
def sleep(w: World, l: Lwp, milliseconds: str) -> str:
    w.k.microtime += int(milliseconds) * 1000
    return OK


@verb("timer_create")
def timer_create(w: World, l: Lwp) -> str:
    l.l_proc.p_timers.add("posix")
    return OK


@verb("timer_gettime")
def timer_gettime(w: World, l: Lwp) -> str:
    """Follows kern_time.c dotimer_gettime(): the first timer of each process has the same ID."""
    if "posix" not in l.l_proc.p_timers:
        raise CallError(EINVAL)
    return "runs"
