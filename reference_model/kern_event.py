"""The part of kqueue's EVFILT_PROC that reports forks and exits.

After sys/kern/kern_event.c of 10.99.12, with its function names.
"""

from __future__ import annotations

from reference_model.language.netbsd import (
    EACCES,
    ESRCH,
    NOTE_CHILD,
    NOTE_EXEC,
    NOTE_EXIT,
    NOTE_FORK,
    NOTE_TRACK,
    NOTE_TRACKERR,
    PK_SUGID,
    SACTIVE,
    SSTOP,
)
from reference_model.proc import Cred, Knote, Kqueue, Proc
from reference_model.state import State


def may_watch(cred: Cred, p: Proc) -> bool:
    """Returns whether *cred* may watch *p*: it is root, or has the same user.

    KAUTH_PROCESS_KEVENT_FILTER (kern_proc.c, secmodel_suser.c).
    """
    if cred.cr_euid == 0:
        return True
    return cred.cr_uid == p.p_cred.cr_uid and not p.p_flag & PK_SUGID


def filt_procattach(kq: Kqueue, cred: Cred, p: Proc | None, notes: int) -> int:
    """Begins to watch *p*, without NOTE_CHILD; returns 0 or an error number (line 905)."""
    if p is None or p.p_stat not in (SACTIVE, SSTOP):
        return ESRCH
    if not may_watch(cred, p):
        return EACCES
    kn = Knote(kq, p.p_pid, notes & ~NOTE_CHILD)
    kq.fd_knhash.insert(0, kn)
    kq.knotes.append(kn)
    p.p_klist.insert(0, kn)
    return 0


def kqueue_register(kq: Kqueue, cred: Cred, p: Proc | None, notes: int) -> int:
    """Watches *p*, or changes the notes (EV_ADD, line 1888); returns 0 or an error number.

    The knote is found by the process ID alone, so the knote of a dead process is found, too.
    Of several knotes the newest is found (lines 1946-1951).
    """
    for kn in kq.fd_knhash:
        if p is not None and kn.kn_id == p.p_pid:
            kn.kn_sfflags = notes
            return 0
    return filt_procattach(kq, cred, p, notes)


def knote_enqueue(kn: Knote) -> None:
    """Makes a knote active: those that become active first are reported first (line 2873)."""
    if not kn.kn_active:
        kn.kn_active = True
        kn.kn_kq.knotes.remove(kn)
        kn.kn_kq.knotes.append(kn)


def knote_proc_fork(k: State, p1: Proc, p2: Proc) -> None:
    """Reports to each watcher of *p1* that it has forked *p2*."""
    for kn in list(p1.p_klist):
        kn.kn_fflags |= kn.kn_sfflags & NOTE_FORK
        if kn.kn_sfflags & NOTE_TRACK and not knote_proc_fork_track(p1, p2, kn):
            kn.kn_fflags |= NOTE_TRACKERR
        if kn.kn_fflags:
            knote_enqueue(kn)


def knote_proc_fork_track(p1: Proc, p2: Proc, okn: Knote) -> bool:
    """Makes two knotes for the child: one reports NOTE_CHILD once, the other goes on watching.

    Returns whether it may.
    """
    # The credential is that of the process that forks, not of the watcher.
    if not may_watch(p1.p_lwps[0].l_cred, p2):
        return False
    kq = okn.kn_kq
    kntrack = Knote(kq, p2.p_pid, okn.kn_sfflags)
    knchild = Knote(kq, p2.p_pid, 0, NOTE_CHILD, p1.p_pid, kn_oneshot=True)
    kq.knotes += [kntrack, knchild]
    kq.fd_knhash[:0] = [knchild, kntrack]
    knote_enqueue(knchild)
    p2.p_klist.insert(0, kntrack)
    return True


def knote_proc_exec(p: Proc) -> None:
    """Reports to each watcher of *p* that it runs another program (1.150, line 1009)."""
    for kn in p.p_klist:
        kn.kn_fflags |= kn.kn_sfflags & NOTE_EXEC
        if kn.kn_fflags:
            knote_enqueue(kn)


def knote_proc_exit(k: State, p: Proc) -> None:
    """Reports the exit of *p* to each watcher, with or without NOTE_EXIT."""
    for kn in p.p_klist:
        kn.kn_fflags |= kn.kn_sfflags & NOTE_EXIT
        kn.kn_data = p.p_xexit
        kn.kn_oneshot = True
        knote_enqueue(kn)
    p.p_klist = []


def kevent_collect(kq: Kqueue) -> list[Knote]:
    """Returns copies of the active knotes, each of which is reported once."""
    told = []
    for kn in [kn for kn in kq.knotes if kn.kn_active]:
        told.append(Knote(kq, kn.kn_id, kn.kn_sfflags, kn.kn_fflags, kn.kn_data))
        kn.kn_active = False
        kn.kn_fflags = 0
        if kn.kn_oneshot:
            kq.knotes.remove(kn)
            kq.fd_knhash.remove(kn)
    return told


def kqueue_doclose(k: State, kq: Kqueue) -> None:
    """Ends all watching through this kqueue, after its last close."""
    for p in k.allproc:
        p.p_klist = [kn for kn in p.p_klist if kn.kn_kq is not kq]
    kq.knotes.clear()
    kq.fd_knhash.clear()
