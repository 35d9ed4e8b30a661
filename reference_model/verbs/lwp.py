"""A second LWP, and the control blocks of LWPs."""

from __future__ import annotations

from reference_model import kern_lwp
from reference_model.language.netbsd import EFAULT
from reference_model.language.observation import NONE, OK
from reference_model.proc import Lwp, Sleeping
from reference_model.verbs.call import CallError, ok, verb
from reference_model.verbs.world import World


@verb("_lwp_create")
def lwp_create(w: World, l: Lwp, name: str) -> str:
    l2 = kern_lwp.sys__lwp_create(w.k, l)
    w.lwps[name] = l2
    w.names[l2.l_lid] = name
    return OK


@verb("_lwp_exit", returns=False)
def lwp_exit(w: World, l: Lwp) -> Sleeping:
    return w.k.lwp_exit(l)


@verb("_lwp_ctl")
def lwp_ctl(w: World, l: Lwp) -> str:
    return ok(kern_lwp.lwp_ctl_alloc(l))


@verb("lc_pctr")
def lc_pctr(w: World, l: Lwp) -> str:
    """Follows kern_synch.c, mi_switch(), lines 769-773: each switch to an LWP with a block."""
    vm = l.l_proc.p_vmspace
    if vm.lwpctl is None:
        return NONE
    if vm.lwpctl.lcp_uva is not vm:
        raise CallError(EFAULT)
    return "counted" if l.l_lwpctl is vm.lwpctl else "still"
