"""Counters, limits and messages of the whole system."""

from __future__ import annotations

from reference_model import kern_exit
from reference_model.language.netbsd import EPERM
from reference_model.language.observation import OK
from reference_model.proc import Lwp
from reference_model.state import TICK
from reference_model.verbs.call import CallError, verb
from reference_model.verbs.world import World


@verb("fork_counts")
def fork_counts(w: World, l: Lwp) -> str:
    count = w.k.cpu_count
    now = (count["forks"], count["forks_ppwait"], count["forks_sharevm"])
    if w.first_counts is None:
        w.first_counts = now
    return " ".join(str(a - b) for a, b in zip(now, w.first_counts, strict=True))


@verb("maxproc")
def maxproc(w: World, l: Lwp, room: str) -> str:
    _only_root(l)
    for p in w.left_to_init():
        kern_exit.init_reaps(w.k, p)
    w.k.maxproc = w.k.nprocs + int(room)
    return OK


@verb("forkfsleep")
def forkfsleep(w: World, l: Lwp, milliseconds: str) -> str:
    _only_root(l)
    w.k.forkfsleep = int(milliseconds) * 1000 // TICK
    return OK


def _only_root(l: Lwp) -> None:
    if l.l_cred.cr_euid != 0:
        raise CallError(EPERM)


@verb("took")
def took(w: World, l: Lwp, milliseconds: str) -> str:
    return "yes" if w.took.get(l.l_proc, 0) >= int(milliseconds) * 1000 else "no"


@verb("tablefull")
def tablefull(w: World, l: Lwp) -> str:
    said = len(w.k.msgbuf)
    if w.first_messages is None:
        w.first_messages = said
    new = said - w.first_messages
    return f"{new} times" if new > 1 else "said" if said else "never"
