"""Signals: sending them, masks, dispositions, and what is pending."""

from __future__ import annotations

from reference_model import kern_exit, kern_proc, kern_sig
from reference_model.language.netbsd import (
    EPERM,
    ESRCH,
    PK_CLDSIGIGN,
    PK_NOCLDWAIT,
    PS_NOCLDSTOP,
    SACTIVE,
    SIDL,
    SIGCHLD,
    SSTOP,
    signal_number,
)
from reference_model.language.observation import OK
from reference_model.language.scenario import OWN_GROUP, signals_text
from reference_model.proc import Lwp, Proc
from reference_model.verbs.call import CallError, verb
from reference_model.verbs.world import World


@verb("kill")
def kill(w: World, l: Lwp, name: str, signal: str) -> str:
    """Follows sys_sig.c kill1(), lines 248-267: the dead get signals until they are reaped."""
    p = w.proc(name)
    if p is not None:
        kern_exit.init_reaps(w.k, p)
    if p is None or p.p_stat == SIDL:
        raise CallError(ESRCH)
    if p.p_stat not in (SACTIVE, SSTOP):
        return OK
    if not _may_signal(l, p):
        raise CallError(EPERM)
    kern_sig.kpsignal(w.k, p, signal_number(signal))
    return OK


def _may_signal(l: Lwp, p: Proc) -> bool:
    """Returns whether the users of *l* and *p* allow it (KAUTH_PROCESS_SIGNAL)."""
    mine, theirs = l.l_cred, p.p_cred
    users = {mine.cr_uid, mine.cr_euid} & {theirs.cr_uid, theirs.cr_euid}
    return mine.cr_euid == 0 or bool(users)


@verb("killpg")
def killpg(w: World, l: Lwp, group: str, signal: str) -> str:
    """Follows kern_sig.c killpg1(), lines 819-841: a dead member counts, and gets no signal."""
    pgrp = l.l_proc.p_pgrp if group == OWN_GROUP else kern_proc.pgrp_find(w.k, w.pid(group))
    members = [p for p in pgrp.pg_members if _may_signal(l, p)] if pgrp is not None else []
    living = [p for p in members if p.p_stat in (SACTIVE, SSTOP)]
    if not living:
        for p in members:
            kern_exit.init_reaps(w.k, p)
        if all(p.p_stat == SIDL for p in members):
            raise CallError(ESRCH)
    for p in living:
        kern_sig.kpsignal(w.k, p, signal_number(signal))
    return OK


@verb("sigaction")
def sigaction(w: World, l: Lwp, signal: str, new: str | None = None) -> str:
    error, old = kern_sig.sigaction1(l.l_proc, signal_number(signal), new)
    if error:
        raise CallError(error)
    return old


@verb("sigprocmask")
def sigprocmask(w: World, l: Lwp, how: str, signal: str) -> str:
    bit = 1 << signal_number(signal) & ~kern_sig.sigcantmask
    if how == "block":
        l.l_sigmask |= bit
    else:
        l.l_sigmask &= ~bit
        # sys_sig.c, lines 617-624: a signal that a tracee ignores stays pending, and is not
        # looked at.
        if kern_sig.sigispending(l):
            l.l_pendsig = True
    return OK


@verb("sigpending")
def sigpending(w: World, l: Lwp) -> str:
    return signals_text(l.l_sigpend | l.l_proc.p_sigpend)


@verb("nocldstop")
def nocldstop(w: World, l: Lwp) -> str:
    _default_sigchld(l.l_proc)
    l.l_proc.p_sflag |= PS_NOCLDSTOP
    return OK


@verb("nocldwait")
def nocldwait(w: World, l: Lwp) -> str:
    _default_sigchld(l.l_proc)
    l.l_proc.p_flag |= PK_NOCLDWAIT
    return OK


def _default_sigchld(p: Proc) -> None:
    """Follows sys_sig.c sigaction1(), lines 508 to 533: SIGCHLD to its default, and no flag."""
    p.p_sigacts.sa_sigdesc[SIGCHLD] = "default"
    p.p_sigctx.ps_sigcatch &= ~(1 << SIGCHLD)
    p.p_sigctx.ps_sigignore |= 1 << SIGCHLD
    kern_sig.sigclear(p, 1 << SIGCHLD)
    p.p_flag &= ~(PK_NOCLDWAIT | PK_CLDSIGIGN)
    p.p_sflag &= ~PS_NOCLDSTOP
