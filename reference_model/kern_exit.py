"""Exit and wait, as far as scenarios see them.

After sys/kern/kern_exit.c 1.298 (10.99.12), with its function names; line
numbers below are that file's.
"""

from __future__ import annotations

from reference_model import kern_event, kern_ktrace, kern_synch
from reference_model.kern_descrip import fd_free
from reference_model.kern_proc import chgproccnt, fixjobc
from reference_model.kern_sig import kpsignal, sigactsfree, sigclear
from reference_model.language.netbsd import (
    ECHILD,
    EINVAL,
    LSSLEEP,
    LSSTOP,
    LSZOMB,
    P_ALL,
    P_PGID,
    P_PID,
    PK_CLDSIGIGN,
    PK_NOCLDWAIT,
    PL_PPWAIT,
    PS_CONTINUED,
    PS_WEXIT,
    PSL_CHTRACED,
    PSL_SYSCALL,
    PSL_TRACED,
    SDEAD,
    SDYING,
    SIDL,
    SIGCHLD,
    SIGCONT,
    SIGKILL,
    SSTOP,
    SZOMB,
    WALLSIG,
    WALTSIG,
    WCONTINUED,
    WEXITED,
    WNOHANG,
    WNOWAIT,
    WNOZOMBIE,
    WTRAPPED,
    WUNTRACED,
)
from reference_model.proc import Lwp, Proc, Sleeping
from reference_model.sched_4bsd import sched_proc_exit
from reference_model.state import State
from reference_model.uvm_glue import uvm_proc_exit
from reference_model.vfs_cwd import cwdfree

WAIT_ANY, WAIT_MYPGRP = -1, 0


def P_EXITSIG(p: Proc) -> int:
    """Returns the exit signal, which is SIGCHLD for a traced process (sys/sys/proc.h, line 442)."""
    return SIGCHLD if p.p_slflag & PSL_TRACED else p.p_exitsig


def exit_psignal(k: State, p: Proc, pp: Proc) -> None:
    """Sends the exit signal of *p* to the parent *pp* (line 125)."""
    kpsignal(k, pp, P_EXITSIG(p))


def exit1(k: State, l: Lwp, exitcode: int, signo: int) -> Sleeping:
    """Ends the process of *l* (line 189).  Does not return."""
    p = l.l_proc
    assert p is not k.initproc, "init died"
    if p.p_sflag & PS_WEXIT:  # sys_exit() and sigexit(): another LWP was first
        yield from k.lwp_exit(l)
    p.p_sflag |= PS_WEXIT
    if p.p_nlwps > 1:
        yield from exit_lwps(k, l)
    sigclear(p)
    p.p_stat = SDYING

    fd_free(k, p)
    p.p_timers = set()
    kern_ktrace.ktrderef(k, p)
    cwdfree(k, p)
    sigactsfree(k, p)
    p.p_xexit = exitcode
    p.p_xsig = signo
    uvm_proc_exit(k, p)

    # Wake the parent that waits in vfork: once the memory is released.
    if p.p_lflag & PL_PPWAIT:
        vfork_release(k, p)

    # A session whose leader dies loses its terminal (lines 395-440).
    if p.p_session.s_leader is p:
        p.p_session.s_ttyvp = None
    fixjobc(k, p, p.p_pgrp, entering=False)

    # Former children that are traced by another process belong to init from now on.
    if p.p_slflag & PSL_CHTRACED:
        for q in k.allproc + k.zombproc:
            if q.p_opptr is p:
                q.p_opptr = None

    # Give orphaned children to init(8); traced ones are killed.
    for child in list(p.p_children):
        if child.p_slflag & PSL_TRACED:
            child.p_slflag &= ~(PSL_TRACED | PSL_SYSCALL)
            if child.p_opptr is not child.p_pptr:
                proc_reparent(k, child, child.p_opptr or k.initproc)
                child.p_opptr = None
            else:
                proc_reparent(k, child, k.initproc)
            kpsignal(k, child, SIGKILL)
        else:
            proc_reparent(k, child, k.initproc)

    k.allproc.remove(p)
    k.zombproc.insert(0, p)
    p.p_stat = SDEAD

    # Put in front of the parent's list, so that it is found quickly.
    old_parent = p.p_pptr
    old_parent.p_nstopchild += 1
    old_parent.p_children.remove(p)
    old_parent.p_children.insert(0, p)

    # A parent that ignores SIGCHLD does not want to hear of it: init does.
    if old_parent.p_flag & (PK_NOCLDWAIT | PK_CLDSIGIGN):
        proc_reparent(k, p, k.initproc)
        if not old_parent.p_children:
            kern_synch.cv_broadcast(k, old_parent.p_waitcv)
    if p.p_exitsig != 0:
        exit_psignal(k, p, p.p_pptr)

    kern_event.knote_proc_exit(k, p)
    l.l_stat = LSZOMB
    p.p_stat = SZOMB
    kern_synch.cv_broadcast(k, p.p_pptr.p_waitcv)
    if p.p_pptr is k.initproc and p.p_slflag & PSL_TRACED and p.p_opptr is not k.initproc:
        proc_free(k, p)  # goes back to its original parent; init_reaps() does the rest
    yield  # switch away, for good
    raise AssertionError("exit1")


def vfork_release(k: State, p: Proc) -> None:
    """Wakes the LWP that waits in vfork for *p* (lines 381-392; kern_exec.c does the same)."""
    p.p_lflag &= ~PL_PPWAIT
    lp, p.p_vforklwp = p.p_vforklwp, None
    assert lp is not None
    lp.l_vforkwaiting = False
    kern_synch.cv_broadcast(k, lp.l_waitcv)


def exit_lwps(k: State, l: Lwp) -> Sleeping:
    """Makes all other LWPs of the process exit, and waits until they have (line 617).

    An LWP whose sleep no signal ends, as in vfork, exits when its sleep is over.
    """
    p = l.l_proc
    others = [l2 for l2 in p.p_lwps if l2 is not l and l2.l_stat != LSZOMB]
    for l2 in others:
        l2.l_wexit = True
        if l2.l_stat == LSSTOP:
            p.p_nrlwps += 1
            kern_synch.setrunnable(k, l2)
        elif l2.l_stat == LSSLEEP and l2.l_sintr:
            kern_synch.sleepq_abort(k, l2)
        else:
            kern_synch.signotify(k, l2)
    p.p_lock.enter()
    while any(l2.l_stat != LSZOMB for l2 in others):
        yield from kern_synch.cv_wait(k, l, p.p_lwpcv, p.p_lock)
    p.p_lock.exit()
    p.p_lwps = [l]
    p.p_nlwps, p.p_nzlwps = 1, 0


def _selected(parent: Proc, idtype: int, ident: int, options: int) -> list[Proc]:
    """Returns the children that the ID and the exit-signal options choose (lines 1050-1080).

    Without WEXITED the dead are no children (match_process(), line 884).
    """
    group = parent.p_pgrp.pg_id if idtype == P_PGID and ident == WAIT_MYPGRP else ident
    found = []
    for child in parent.p_children:
        if idtype == P_PID and child.p_pid != ident:
            continue
        if idtype == P_PGID and child.p_pgrp.pg_id != group:
            continue
        if not options & WEXITED and child.p_stat == SZOMB:
            continue
        if not options & WALLSIG:
            if options & WALTSIG:
                if child.p_exitsig == SIGCHLD:
                    continue
            elif P_EXITSIG(child) != SIGCHLD:
                continue
        found.append(child)
    return found


def _reportable(child: Proc, options: int) -> bool:
    """Returns whether the child has something to report now (lines 1082-1130)."""
    if child.p_stat == SZOMB:
        return not options & WNOZOMBIE
    if options & WCONTINUED and child.p_xsig == SIGCONT and child.p_sflag & PS_CONTINUED:
        return True
    return (
        bool(options & (WTRAPPED | WUNTRACED))
        and child.p_stat == SSTOP
        and child.p_waited == 0
        and bool(child.p_slflag & PSL_TRACED or options & WUNTRACED)
    )


def has_child(parent: Proc, pid: int) -> bool:
    """Returns whether *parent* has a child to wait for, without WALTSIG and WALLSIG."""
    return bool(_selected(parent, *_id_of(pid), WEXITED))


def find_stopped(k: State, parent: Proc, pid: int) -> Proc | None:
    """Returns the first child in the list that is stopped or dead (lines 1082-1119).

    This is find_stopped_child() with WUNTRACED.  If the parent's count of stopped children is
    0, the search ends at the first child.
    """
    for child in _selected(parent, *_id_of(pid), WEXITED):
        if child.p_stat == SZOMB or (child.p_stat == SSTOP and child.p_waited == 0):
            _collect(k, parent, child)
            return child
        if parent.p_nstopchild == 0:
            return None
    return None


def debugged_child_exists(k: State, parent: Proc, idtype: int, ident: int) -> bool:
    """Returns whether a child is traced by another process, and will come back (line 938)."""
    for q in k.allproc + k.zombproc:
        given = {P_ALL: ident, P_PID: q.p_pid, P_PGID: q.p_pgrp.pg_id}[idtype]
        if q.p_opptr is parent and given == ident:
            return True
    return False


def _id_of(pid: int) -> tuple[int, int]:
    """Returns the kind of ID that the argument of wait4(2) is, and the ID (do_sys_wait())."""
    if pid == WAIT_ANY:
        return P_ALL, 0
    return (P_PGID, -pid) if pid <= 0 else (P_PID, pid)


def sys___wait450(k: State, l: Lwp, pid: int, options: int) -> Sleeping:
    """Waits as wait4(2)."""
    return (yield from do_sys_waitid(k, l, *_id_of(pid), options | WEXITED | WTRAPPED))


def do_sys_waitid(k: State, l: Lwp, idtype: int, ident: int, options: int) -> Sleeping:
    """Waits as wait6(2); returns an error number, the child, and how it changed.

    The change is a word (exited, killed, stopped, continued) and a status or a signal.  If
    several children have something to report, the order is open: this call does not decide
    when each of them gets there.
    """
    parent = l.l_proc
    if not options & (WEXITED | WUNTRACED | WCONTINUED | WTRAPPED):  # find_stopped_child()
        return EINVAL, None, ()
    while True:
        children = _selected(parent, idtype, ident, options)
        ready = [child for child in children if _reportable(child, options)]
        if ready:
            child = ready[k.choose(len(ready))]
            return 0, child, _collect(k, parent, child, options)
        if not children and not (
            parent.p_slflag & PSL_CHTRACED and debugged_child_exists(k, parent, idtype, ident)
        ):
            return ECHILD, None, ()
        if options & WNOHANG:
            return 0, None, ()
        if (yield from kern_synch.cv_wait_sig(k, l, parent.p_waitcv)):
            yield from k.userret(l)


def _collect(k: State, parent: Proc, child: Proc, options: int = 0) -> tuple[str, int]:
    """Takes the status of the child, and frees the child if it is dead (lines 660-690).

    With WNOWAIT it only looks, and the next wait finds the same.
    """
    takes = not options & WNOWAIT
    if child.p_stat == SZOMB:
        status = ("killed", child.p_xsig) if child.p_xsig else ("exited", child.p_xexit)
        if takes:
            proc_free(k, child)
        return status
    is_stopped = child.p_stat == SSTOP and child.p_waited == 0
    if takes:
        if not is_stopped:
            child.p_sflag &= ~PS_CONTINUED
        child.p_waited = 1
        parent.p_nstopchild -= 1
    return ("stopped", child.p_xsig) if is_stopped else ("continued", 0)


def proc_free(k: State, p: Proc) -> None:
    """Frees a zombie, or gives it back to its original parent (line 1165)."""
    parent = p.p_pptr
    if p.p_slflag & PSL_TRACED and p.p_opptr is not parent:
        p.p_slflag &= ~(PSL_TRACED | PSL_SYSCALL)
        parent = p.p_opptr or k.initproc
        proc_reparent(k, p, parent)
        p.p_opptr = None
        if p.p_exitsig != 0:
            exit_psignal(k, p, parent)
        kern_synch.cv_broadcast(k, parent.p_waitcv)
        return
    sched_proc_exit(k, parent, p)
    parent.p_stats.p_cru += 1 + p.p_stats.p_cru
    p.p_stat = SIDL
    k.zombproc.remove(p)
    parent.p_nstopchild -= 1
    parent.p_children.remove(p)
    k.nprocs -= 1
    p.p_pgrp.pg_members.remove(p)
    chgproccnt(k, p.p_cred.cr_uid, -1)


def init_reaps(k: State, p: Proc) -> None:
    """Frees *p* if it is a zombie of init's that init(8) has waited for, which is open.

    exit1() gives the children to init, and wakes it (lines 460-491 and 597 of revision 1.300).
    What init does then, it does in its own time.  The order is only open for a scenario that looks
    at the zombie, so it is chosen there, and not before.
    """
    if p.p_stat == SZOMB and p.p_pptr is k.initproc and k.choose(2) == 0:
        proc_free(k, p)


def proc_reparent(k: State, child: Proc, parent: Proc) -> None:
    """Makes *parent* the parent; p_ppid changes only if that is init (line 1317)."""
    if child.p_pptr is parent:
        return
    if child.p_stat in (SZOMB, SDEAD) or (child.p_stat == SSTOP and not child.p_waited):
        child.p_pptr.p_nstopchild -= 1
        parent.p_nstopchild += 1
    if parent is k.initproc:
        child.p_exitsig = SIGCHLD
        child.p_ppid = parent.p_pid
    child.p_pptr.p_children.remove(child)
    parent.p_children.insert(0, child)
    child.p_pptr = parent


def proc_changeparent(k: State, t: Proc, p: Proc) -> None:
    """Makes *p* the tracer of *t* (line 1288)."""
    t.p_slflag |= PSL_TRACED
    t.p_opptr = t.p_pptr
    if t.p_pptr is p:
        return
    t.p_pptr.p_slflag |= PSL_CHTRACED
    proc_reparent(k, t, p)
