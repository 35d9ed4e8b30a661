"""Resource limits and usage.

After sys/kern/kern_resource.c, with its names.
"""

from __future__ import annotations

from reference_model.language.netbsd import EINVAL, EPERM, RLIMIT_NPROC
from reference_model.proc import Lwp, Plimit, Proc, Pstats
from reference_model.state import State


def lim_addref(k: State, limit: Plimit) -> None:
    """Takes one more reference to a set of limits."""
    limit.pl_refcnt += 1


def lim_copy(k: State, limit: Plimit) -> Plimit:
    """Returns a copy of a set of limits."""
    return Plimit(dict(limit.pl_rlimit))


def lim_privatise(k: State, p: Proc) -> None:
    """Gives *p* a set of limits of its own, before it changes one."""
    if not p.p_limit.pl_writeable:
        p.p_limit.pl_refcnt -= 1
        p.p_limit = lim_copy(k, p.p_limit)
        p.p_limit.pl_writeable = True


def setrlimit(k: State, l: Lwp, cur: int, maximum: int) -> int:
    """Sets RLIMIT_NPROC as dosetrlimit() does; returns 0 or an error number."""
    if cur > maximum:
        return EINVAL
    p = l.l_proc
    if (cur, maximum) == p.p_rlimit[RLIMIT_NPROC]:
        return 0
    if l.l_cred.cr_euid != 0 and maximum > p.p_rlimit[RLIMIT_NPROC][1]:
        return EPERM
    lim_privatise(k, p)
    p.p_rlimit[RLIMIT_NPROC] = (min(cur, k.maxproc), min(maximum, k.maxproc))
    return 0


def pstatscopy(k: State, stats: Pstats) -> Pstats:
    """Returns new statistics: usage is zero, the profiling buffer is copied."""
    return Pstats(p_prof=stats.p_prof)
