"""Parents and children: wait4 and the verbs beside it."""

from __future__ import annotations

from reference_model import kern_exit
from reference_model.language.netbsd import (
    ECHILD,
    IDTYPES,
    SSTOP,
    WAIT6_OPTIONS,
    WAIT_OPTIONS,
    signal_name,
)
from reference_model.language.observation import NONE, STOPPED, continued, exited
from reference_model.language.scenario import OWN_GROUP, bits_value
from reference_model.proc import Lwp, Proc, Sleeping
from reference_model.verbs.call import CallError, verb
from reference_model.verbs.world import World


@verb("wait4")
def wait4(w: World, l: Lwp, whom: str, options: str = "0") -> Sleeping:
    found = yield from kern_exit.sys___wait450(
        w.k, l, _pid(w, whom), bits_value(WAIT_OPTIONS, options)
    )
    return _found(w, *found)


@verb("waitpg")
def waitpg(w: World, l: Lwp, group: str, options: str = "0") -> Sleeping:
    pid = kern_exit.WAIT_MYPGRP if group == OWN_GROUP else -w.pid(group)
    found = yield from kern_exit.sys___wait450(w.k, l, pid, bits_value(WAIT_OPTIONS, options))
    return _found(w, *found)


@verb("wait6")
def wait6(w: World, l: Lwp, idtype: str, whom: str, options: str) -> Sleeping:
    found = yield from kern_exit.do_sys_waitid(
        w.k, l, IDTYPES[idtype], _pid(w, whom), bits_value(WAIT6_OPTIONS, options)
    )
    return _found(w, *found)


def _found(w: World, error: int, child: Proc | None, status: tuple[str, int]) -> str:
    """Returns the observation of a wait."""
    if error:
        raise CallError(error)
    if child is None:
        return NONE
    name, how, value = w.names[child.p_pid], *status
    match how:
        case "exited":
            return exited(name, value)
        case "continued":
            return continued(name)
        case _:
            return f"{name} {how} {signal_name(value)}"


@verb("getppid")
def getppid(w: World, l: Lwp) -> str:
    return w.names[l.l_proc.p_ppid]


@verb("stopped")
def stopped(w: World, l: Lwp, whom: str) -> str:
    pid = _pid(w, whom)
    if not kern_exit.has_child(l.l_proc, pid):
        raise CallError(ECHILD)
    child = kern_exit.find_stopped(w.k, l.l_proc, pid)
    if child is None:
        return NONE
    return f"{w.names[child.p_pid]} {STOPPED if child.p_stat == SSTOP else 'other'}"


def _pid(w: World, whom: str) -> int:
    return kern_exit.WAIT_ANY if whom == "any" else w.pid(whom)
