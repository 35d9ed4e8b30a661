"""Credentials, and what a process may do.

After sys/kern/kern_auth.c, kern_prot.c and sys/secmodel/suser/secmodel_suser.c.
"""

from __future__ import annotations

from reference_model.kern_proc import chgproccnt
from reference_model.language.netbsd import EPERM, PK_SUGID
from reference_model.proc import Cred, Lwp, Proc
from reference_model.state import State


def kauth_authorize_process_fork(k: State, cred: Cred, tnprocs: int) -> int:
    """Returns 0 if KAUTH_PROCESS_FORK is allowed (kern_proc.c, secmodel_suser.c).

    The last five slots are meant for the superuser.  But proc_listener_cb() takes the count
    from its third argument.  fork1 passes it as the second one, with NULL for the third, so
    the listener always sees 0.
    """
    lnprocs = 0
    return 0 if cred.cr_euid == 0 or lnprocs < k.maxproc - 5 else 1


def kauth_authorize_process_rlimit_bypass(k: State, cred: Cred) -> int:
    """Returns 0 if the effective user is root (KAUTH_REQ_PROCESS_RLIMIT_BYPASS)."""
    return 0 if cred.cr_euid == 0 else 1


def kauth_proc_fork(k: State, p1: Proc, p2: Proc) -> None:
    """Gives the child its parent's credentials; both share them until one changes its own."""
    p2.p_cred = p1.p_cred


def setreuid(k: State, l: Lwp, ruid: int, euid: int) -> int:
    """Returns 0 or an error number; the count follows the real user ID (do_setresuid())."""
    old = l.l_cred
    new = Cred(old.cr_uid if ruid == -1 else ruid, old.cr_euid if euid == -1 else euid)
    allowed = (old.cr_uid, old.cr_euid)
    if old.cr_euid != 0 and not (new.cr_uid in allowed and new.cr_euid in allowed):
        return EPERM
    if new.cr_uid != old.cr_uid:
        chgproccnt(k, old.cr_uid, -1)
        chgproccnt(k, new.cr_uid, 1)
    if (new.cr_uid, new.cr_euid) != allowed:
        l.l_proc.p_flag |= PK_SUGID
    l.l_proc.p_cred = new
    # proc_crmod_leave(): an LWP that is in the kernel now follows on its way to user mode.
    for other in l.l_proc.p_lwps:
        if other is l or other.l_task is None:
            other.l_cred = new
    return 0
