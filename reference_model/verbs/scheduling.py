"""The scheduler: policy, priority, CPU, and the charge for CPU time."""

from __future__ import annotations

from reference_model.language.netbsd import EINVAL, EPERM, POLICIES, SCHED_OTHER
from reference_model.language.observation import OK
from reference_model.proc import Lwp
from reference_model.verbs.call import CallError, verb
from reference_model.verbs.world import World

#: What `burn` waits for, and what `charged` calls most, in units of ESTCPU_ACCUM.
_BURNT, _MOST = 4, 32
_NAMES = {number: name for name, number in POLICIES.items()}


@verb("sched_setparam")
def sched_setparam(w: World, l: Lwp, policy: str, priority: str | None = None) -> str:
    """Follows sys_sched.c do_sched_setparam(), and sched_listener_cb() for who may."""
    wanted = POLICIES[policy]
    if (wanted == SCHED_OTHER) != (priority is None) or int(priority or 0) > 63:
        raise CallError(EINVAL)
    pri = int(priority or 0)
    for t in l.l_proc.p_lwps:
        lowers = (wanted in (t.l_class, SCHED_OTHER)) and pri <= t.l_priority
        if l.l_cred.cr_euid != 0 and not lowers:
            raise CallError(EPERM)
        t.l_class, t.l_priority = wanted, pri
    return OK


@verb("sched_getparam")
def sched_getparam(w: World, l: Lwp) -> str:
    name = _NAMES[l.l_class]
    return name if l.l_class == SCHED_OTHER else f"{name} {l.l_priority}"


@verb("sched_setaffinity")
def sched_setaffinity(w: World, l: Lwp) -> str:
    """Follows sys_sched.c sys__sched_setaffinity(): only root may."""
    if l.l_cred.cr_euid != 0:
        raise CallError(EPERM)
    for t in l.l_proc.p_lwps:
        t.l_affinity = True
    return OK


@verb("sched_getaffinity")
def sched_getaffinity(w: World, l: Lwp) -> str:
    return "first" if l.l_affinity else "any"


@verb("burn")
def burn(w: World, l: Lwp) -> str:
    l.l_estcpu = max(l.l_estcpu, _BURNT)
    return OK


@verb("charged")
def charged(w: World, l: Lwp) -> str:
    return "most" if sum(t.l_estcpu for t in l.l_proc.p_lwps) >= _MOST else "less"
