"""The calls of kern_fork.c, and what they returned."""

from __future__ import annotations

from reference_model import kern_fork
from reference_model.language.netbsd import SYS_fork
from reference_model.language.observation import NONE
from reference_model.language.scenario import flags_value
from reference_model.proc import Lwp, Sleeping
from reference_model.verbs.call import errno_name, verb
from reference_model.verbs.world import World


def _begin(w: World, l: Lwp, child: str) -> None:
    """Prepares a call that gives birth to *child*."""
    w.newborn[l.l_proc] = l.l_fpregs = child
    w.count_dead(l)


def _made(w: World, l: Lwp, retval: list[int], error: int, since: int) -> str:
    """Notes how the call ended that began at *since*; returns its observation."""
    w.took[l.l_proc] = w.k.microtime - since
    if error:
        w.retval1[l] = None
        return errno_name(error)
    w.retval1[l] = retval[1]
    return w.names[retval[0]]


@verb("fork")
def fork(w: World, l: Lwp, child: str) -> Sleeping:
    _begin(w, l, child)
    retval, since = [0, -1], w.k.microtime
    error = yield from kern_fork.sys_fork(w.k, l, retval)
    w.k.ktrsysret(l, SYS_fork, error, retval[0])
    return _made(w, l, retval, error, since)


@verb("vfork")
def vfork(w: World, l: Lwp, child: str) -> Sleeping:
    _begin(w, l, child)
    retval, since = [0, -1], w.k.microtime
    error = yield from kern_fork.sys_vfork(w.k, l, retval)
    return _made(w, l, retval, error, since)


@verb("__vfork14")
def vfork14(w: World, l: Lwp, child: str) -> Sleeping:
    _begin(w, l, child)
    retval, since = [0, -1], w.k.microtime
    error = yield from kern_fork.sys___vfork14(w.k, l, retval)
    return _made(w, l, retval, error, since)


@verb("__clone")
def clone(w: World, l: Lwp, flags: str, child: str, stack: str | None = None) -> Sleeping:
    _begin(w, l, child)
    retval, since = [0, -1], w.k.microtime
    error = yield from kern_fork.sys___clone(w.k, l, flags_value(flags), stack, retval)
    return _made(w, l, retval, error, since)


@verb("retval1")
def retval1(w: World, l: Lwp) -> str:
    value = w.retval1.get(l)
    return NONE if value is None else f"{value:#x}" if value else "0"


@verb("stack")
def stack(w: World, l: Lwp) -> str:
    return "given" if l.l_stack is not None else "kept"


@verb("fp_register")
def fp_register(w: World, l: Lwp) -> str:
    return "kept" if w.fp_kept.get(l) else "other"
