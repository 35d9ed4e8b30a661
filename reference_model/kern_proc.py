"""Processes: their IDs, their groups, and how many each user has.

After sys/kern/kern_proc.c and kern_uidinfo.c of 11.0_RC6, with their names; line numbers below
are kern_proc.c's.
"""

from __future__ import annotations

from reference_model.kern_sig import kpsignal
from reference_model.language.netbsd import (
    EACCES,
    EPERM,
    ESRCH,
    PK_EXEC,
    PL_CONTROLT,
    SDEAD,
    SDYING,
    SIGCONT,
    SIGHUP,
    SSTOP,
    SZOMB,
)
from reference_model.proc import Pgrp, Proc, Session
from reference_model.state import State


def chgproccnt(k: State, uid: int, diff: int) -> int:
    """Changes the number of processes of a real user ID by *diff*; returns the new number."""
    count = k.uidinfo.get(uid, 0) + diff
    assert count >= 0
    k.uidinfo[uid] = count
    return count


def proc_alloc(k: State) -> Proc | None:
    """Returns a new process with an ID of its own.  In the model an ID is always free."""
    return Proc(k.new_pid())


def pgrp_find(k: State, pgid: int) -> Pgrp | None:
    """Returns the process group with this ID; a group without members is gone (pg_delete())."""
    groups = (p.p_pgrp for p in k.allproc + k.zombproc)
    return next((group for group in groups if group.pg_id == pgid), None)


def p_inferior(p: Proc, q: Proc) -> bool:
    """Returns whether *q* is an ancestor of *p*.

    The kernel never returns if two tracers are each other's parent (docs/netbsd-notes.md).
    """
    seen: list[Proc] = []
    while p is not None and p is not q and p not in seen:
        seen.append(p)
        p = p.p_pptr
    return p is q


def proc_enterpgrp(k: State, curp: Proc, p: Proc, pgid: int, *, mksess: bool) -> int:
    """Moves *p* into a group, which may be new; returns 0 or an error number (line 1279).

    setpgid(2) and setsid(2) are this.
    """
    pgrp = pgrp_find(k, pgid)
    if p is not curp:
        if not p_inferior(p, curp) or p.p_stat in (SZOMB, SDEAD, SDYING):
            return ESRCH
        if p.p_session is not curp.p_session:
            return EPERM
        if pgrp is not None and pgrp.pg_session is not p.p_session:
            return EPERM
        if p.p_flag & PK_EXEC:
            return EACCES
    elif mksess and pgrp is not None:
        return EPERM
    if p.p_session.s_leader is p:
        return 0 if not mksess and p.p_pgrp is pgrp else EPERM
    if pgrp is None and pgid != p.p_pid:
        return EPERM
    old = p.p_pgrp
    if pgrp is old:
        return 0
    if pgrp is None:
        if mksess:
            session = Session(s_leader=p)
            p.p_lflag &= ~PL_CONTROLT
        else:
            session = old.pg_session
        pgrp = Pgrp(session, pg_id=pgid)
    fixjobc(k, p, pgrp, entering=True)
    fixjobc(k, p, old, entering=False)
    old.pg_members.remove(p)
    p.p_pgrp = pgrp
    pgrp.pg_members.insert(0, p)
    return 0


def fixjobc(k: State, p: Proc, pgrp: Pgrp, *, entering: bool) -> None:
    """Counts *p* and its children in or out of the count of their groups (line 1564)."""
    for q, group in [(p, pgrp), *((child, child.p_pgrp) for child in p.p_children)]:
        other = p.p_pptr.p_pgrp if q is p else pgrp
        if other is group or other.pg_session is not group.pg_session:
            continue
        if q is not p and q.p_stat in (SZOMB, SDEAD, SDYING):
            continue
        if entering:
            group.pg_jobc += 1
            continue
        group.pg_jobc -= 1
        if q is not p and group.pg_jobc < 0:  # a kernel with DIAGNOSTIC panics (line 1604)
            k.orphaned_group = True
        if group.pg_jobc == 0:
            orphanpg(k, group)


def orphanpg(k: State, pg: Pgrp) -> None:
    """Wakes the stopped members of a group that has become an orphan (line 1620)."""
    for p in pg.pg_members:
        if p.p_stat == SSTOP:
            k.orphaned_group = True
            kpsignal(k, p, SIGHUP)
            kpsignal(k, p, SIGCONT)
