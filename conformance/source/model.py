"""The model's answer to a case: its fork1 runs among the stand-ins, and gives a record.

A record has the same words in the same order as one of the harness (record.def).  What fork1
itself does comes from :mod:`reference_model.kern_fork` alone.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from operator import attrgetter
from types import SimpleNamespace
from typing import Any, Final

from conformance.source.callees import StandIns, given_function
from conformance.source.case import CHILD_RETURN, FORK1, SYS_CLONE, SYS_FORK, SYS_VFORK, Case
from conformance.source.tables import HEAD, LENGTH, PLACES, RECORD, RETURNED
from reference_model import kern_fork
from reference_model.callees import Callees
from reference_model.proc import Rwlock

#: What retval holds before the call.
_UNTOUCHED: Final = (-7, -8)
_EMPTY = (0,) * PLACES
_HEAD = [0] * HEAD

#: Fields of the record that the model has in another place.
_ELSEWHERE = {
    "ps_faked": "p_sigctx.ps_faked",
    "ps_sigpass": "p_sigctx.ps_sigpass",
    "ps_sigignore": "p_sigctx.ps_sigignore",
    "ps_sigcatch": "p_sigctx.ps_sigcatch",
    "p_stmutex_type": "p_stmutex.type",
    "p_stmutex_ipl": "p_stmutex.ipl",
    "p_auxlock_type": "p_auxlock.type",
    "p_auxlock_ipl": "p_auxlock.ipl",
    "p_waitcv_wmesg": "p_waitcv.wmesg",
    "p_lwpcv_wmesg": "p_lwpcv.wmesg",
}


def _runs(name: str) -> list[tuple[str, Callable[[Any], Any], int]]:
    """Returns the fields of an object in the record's order; neighbours of a kind are one item."""
    found: list[tuple[str, list[str]]] = []
    for field in RECORD:
        if field.object != name:
            continue
        path = _ELSEWHERE.get(field.name, field.name)
        kind = "N" if field.kind == "Q" else field.kind
        if found and found[-1][0] == kind and kind in "NPS":
            found[-1][1].append(path)
        else:
            found.append((kind, [path]))
    return [(kind, attrgetter(*paths), len(paths)) for kind, paths in found]


_ABSENT = {
    name: [0] * sum(field.width for field in RECORD if field.object == name)
    for name in ("p2", "l2")
}


class Model:
    """Answers cases, one after the other, for one revision of kern_fork.c.

    The objects are made once and set up anew for each case.
    """

    def __init__(self, revision: tuple[int, int], calls: list[int] | None = None) -> None:
        """*calls* is the list that the calls are put into; a new one if it is None."""
        self.revision = revision
        self.world = StandIns(revision, calls)
        self.calls = self.world.calls
        self._k = SimpleNamespace(
            nprocs_at_boot=kern_fork.nprocs, forkfsleep_at_boot=kern_fork.forkfsleep
        )
        self._retval: list[int] | None = None
        self._runs = {name: _runs(name) for name in ("k", "p1", "l1", "p2", "l2")}

    def run(self, case: Case) -> int:
        """Makes the call; returns what it returned."""
        k: Callees = self.world
        self.world.begin(case)
        l1, flags, stack = self.world.l1, case.flags, case.stack
        retval = self._retval = None if case.no_retval else list(_UNTOUCHED)
        task: Generator[None, None, Any]
        if case.call == FORK1:
            func = given_function if case.func else None
            task = kern_fork.fork1(
                k, l1, flags, case.exitsig, stack, case.stacksize, func, case.arg, retval
            )
        elif case.call == SYS_CLONE:
            task = kern_fork.sys___clone(k, l1, flags, stack, retval or [])
        elif case.call == CHILD_RETURN:
            task = kern_fork.child_return(k, l1, None)
        elif case.call == SYS_FORK:
            task = kern_fork.sys_fork(k, l1, retval or [])
        elif case.call == SYS_VFORK:
            task = kern_fork.sys_vfork(k, l1, retval or [])
        else:
            task = kern_fork.sys___vfork14(k, l1, retval or [])
        try:
            next(task)
        except StopIteration as returned:
            return returned.value or 0
        raise AssertionError("the model's fork1 sleeps: no callee of this world does")

    def record(self, case: Case) -> list[int]:
        """Returns the record that the harness is to give for *case*."""
        words = _HEAD.copy()
        words[RETURNED] = self.run(case)
        words += self.state()
        words.append(len(self.calls))
        words += self.calls
        words[LENGTH] = len(words)
        return words

    def state(self) -> list[int]:
        """Returns the state as record.def has it."""
        world, k = self.world, self._k
        k.nprocs, k.forkfsleep = world.nprocs, world.forkfsleep
        k.count_l, k.count_p = world.count_l, world.count_p
        k.held = world.proc_lock.owned | world.lock1.owned << 1 | world.lock2.owned << 2
        k.retval0, k.retval1 = self._retval or _UNTOUCHED
        k.forks = world.cpu_count["forks"]
        k.forks_ppwait = world.cpu_count["forks_ppwait"]
        k.forks_sharevm = world.cpu_count["forks_sharevm"]
        k.lock1_refcnt = world.lock1.refcnt
        k.fd1_refcnt = world.fd1.fd_refcnt
        k.cwdi1_refcnt = world.cwdi1.cwdi_refcnt
        k.limit1_refcnt = world.limit1.pl_refcnt
        k.sigacts1_refcnt = world.sigacts1.sa_refcnt
        k.vmspace1_refcnt = world.vmspace1.vm_refcnt
        k.textvp1_usecount = world.textvp1.v_usecount
        k.tracefile_refcnt = world.tracefile_refcnt
        k.p_start = world.stats_copied.p_start
        k.allproc = world.allproc
        k.init_children = world.init_.p_children
        k.tracer_children = world.tracer.p_children
        k.members = world.pgrp1.pg_members
        words: list[int] = []
        for name, thing, there in (
            ("k", k, True),
            ("p1", world.p1, True),
            ("l1", world.l1, True),
            ("p2", world.p2, world.p2_there),
            ("l2", world.l2, world.l2_there),
        ):
            if there:
                self._put(words, self._runs[name], thing)
            else:
                words += _ABSENT[name]
        return words

    def _put(
        self, words: list[int], runs: list[tuple[str, Callable[[Any], Any], int]], thing: Any
    ) -> None:
        names, texts = self.world.names, self.world.texts
        for kind, get, number in runs:
            value = get(thing)
            if kind == "N":
                words += value if number > 1 else (value,)
            elif kind == "P":
                if number == 1:
                    value = (value,)
                words += [names[v] for v in value]
            elif kind == "S":
                words += [texts[text] for text in value]
            elif kind == "R":
                words.append(isinstance(value, Rwlock))
            elif kind == "F":
                words.append(names[value[0]] if value else 0)
            else:
                words += [names[v] for v in value]
                words += _EMPTY[len(value) :]
