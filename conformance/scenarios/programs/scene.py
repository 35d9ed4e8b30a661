"""How things stand in the model when a step is drawn: who is there, and may be named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reference_model.language.netbsd import PSL_TRACED, SACTIVE, SSTOP
from reference_model.language.scenario import FORKS
from reference_model.machine import Machine
from reference_model.proc import Proc

#: A step's arguments, as its line has them.
Args = tuple[str, ...]


@dataclass(slots=True)
class Scene:
    """Whose step is drawn, and how things stand in the model."""

    machine: Machine
    actor: str
    #: What the next newborn is called; ``-`` where all names are taken.
    child: str
    #: Who has been told of, and is there or gone for sure.
    told: Sequence[str]
    #: Whether anybody is, or will be, traced.
    traced: bool

    def proc(self, name: str) -> Proc:
        return self.machine.lwps[name].l_proc

    @property
    def own(self) -> Proc:
        return self.proc(self.actor)

    @property
    def named(self) -> list[str]:
        """Whom a step may name: when exec is over, and so what it shows, nobody says."""
        return [name for name in self.told if name not in self.machine.replaced]

    def living(self, *, others: bool = False) -> list[str]:
        """Who may be named and is alive; with *others*, but for the actor."""
        return [
            name
            for name in self.named
            if self.proc(name).p_stat in (SACTIVE, SSTOP) and not (others and name == self.actor)
        ]

    def children(self) -> list[str]:
        """The actor's own and its tracees, dead ones too."""
        return [name for name in self.told if self.proc(name).p_pptr is self.own]

    def tracees(self, *, stopped: bool) -> list[str]:
        """Whom the actor traces; with *stopped*, and has seen stop."""
        procs = ((name, self.proc(name)) for name in self.children())
        return [
            name
            for name, p in procs
            if p.p_slflag & PSL_TRACED and (not stopped or (p.p_stat == SSTOP and p.p_waited))
        ]

    @property
    def born(self) -> bool:
        """Whether a fork gave birth to the actor; nobody sees on which stack another is born."""
        births = (s.verb for s in reversed(self.machine.steps) if s.child == self.actor)
        return next(births, "") in FORKS

    @property
    def is_root_user(self) -> bool:
        return self.own.p_cred.cr_euid == 0

    @property
    def users_differ(self) -> bool:
        """Whether somebody has become another user: then each process counts for its user's."""
        root = self.machine.k.root_cred
        return any(l.l_cred is not root for l in self.machine.lwps.values())

    def looked_after(self, name: str) -> bool:
        """Whether a living root is in the process group of *name*: its parent is in another.

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
        """Whether any process has the PS_ *flag*."""
        return any(l.l_proc.p_sflag & flag for l in self.machine.lwps.values())
