"""The state of the model when a step is drawn: the actors, and which of them may be named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reference_model.language.netbsd import (
    PK_CLDSIGIGN,
    PK_NOCLDWAIT,
    PSL_TRACED,
    SACTIVE,
    SSTOP,
)
from reference_model.language.scenario import FORKS
from reference_model.machine import Machine
from reference_model.proc import Proc

#: A step's arguments, as its line has them.
Args = tuple[str, ...]


@dataclass(slots=True)
class Scene:
    """The actor whose step is drawn, and the state of the model."""

    machine: Machine
    actor: str
    #: The name of the next newborn; ``-`` where all names are taken.
    child: str
    #: The actors that a step may name: their births are known, and so is whether they have ended.
    told: Sequence[str]
    #: Whether the program has a tracer.
    traced: bool

    def proc(self, name: str) -> Proc:
        return self.machine.lwps[name].l_proc

    @property
    def own(self) -> Proc:
        return self.proc(self.actor)

    def living(self, *, others: bool = False) -> list[str]:
        """Returns those that may be named and are alive; with *others*, without the actor."""
        return [
            name
            for name in self.told
            if self.proc(name).p_stat in (SACTIVE, SSTOP) and not (others and name == self.actor)
        ]

    def children(self) -> list[str]:
        """Returns the actor's children and tracees, dead ones too."""
        return [name for name in self.told if self.proc(name).p_pptr is self.own]

    def tracees(self, *, stopped: bool) -> list[str]:
        """Returns the actor's tracees; with *stopped*, those that it has seen stop."""
        procs = ((name, self.proc(name)) for name in self.children())
        return [
            name
            for name, p in procs
            if p.p_slflag & PSL_TRACED and (not stopped or (p.p_stat == SSTOP and p.p_waited))
        ]

    @property
    def born(self) -> bool:
        """Whether a fork gave birth to the actor; of others no step sees on which stack."""
        births = (s.verb for s in reversed(self.machine.steps) if s.child == self.actor)
        return next(births, "") in FORKS

    @property
    def is_root_user(self) -> bool:
        return self.own.p_cred.cr_euid == 0

    def looked_after(self, name: str) -> bool:
        """Returns whether a living root, whose parent is in another group, is in that of *name*.

        An orphan that ends is counted out as if it had been counted in when init got it, so that
        pg_jobc is too low from then on (kern_exit.c, line 428: fixjobc(); not proc_reparent()).
        """
        k = self.machine.k
        procs = [l.l_proc for l in self.machine.lwps.values()]
        living = [p for p in procs if p.p_stat in (SACTIVE, SSTOP)]
        ended = [p for p in procs if p.p_stat not in (SACTIVE, SSTOP)]
        has_root = any(p.p_oppid == 0 and p.p_pgrp is k.roots_group for p in living)
        lost_orphan = any(p.p_oppid != 0 and p.p_pptr is k.initproc for p in ended)
        return self.proc(name).p_pgrp is k.roots_group and has_root and not lost_orphan

    def any_flag(self, flag: int) -> bool:
        """Returns whether any process has the PS_ *flag*."""
        return any(l.l_proc.p_sflag & flag for l in self.machine.lwps.values())


def ignores_ends(p: Proc) -> bool:
    """Returns whether the children of *p* go to init when they end.

    Tracees of its own go there as what they are, traced, and init looks for the
    parent that they had (kern_exit.c, lines 526 and 1179): where that one has gone
    as well, 10.99.12 panics.
    """
    return bool(p.p_flag & (PK_NOCLDWAIT | PK_CLDSIGIGN))
