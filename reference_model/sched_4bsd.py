"""The scheduler: how much CPU time a child has from its parent, and gives back.

After sys/kern/sched_4bsd.c of 11.0_RC6, with its names.  The charge goes down once a second; the
model leaves that out, as no scenario takes so long.
"""

from __future__ import annotations

from reference_model.proc import Proc
from reference_model.state import State

#: Maximum charge: ESTCPU_MAX in units of ESTCPU_ACCUM (lines 183-184).
ESTCPU_MAX = 36


def sched_proc_fork(k: State, p1: Proc, p2: Proc) -> None:
    """Notes the charge that the child has from its parent (line 445)."""
    p2.p_estcpu_inherited = p1.p_lwps[0].l_estcpu
    p2.p_forktime = k.microtime


def sched_proc_exit(k: State, parent: Proc, child: Proc) -> None:
    """Charges the parent with what the child has used itself (line 461)."""
    own = child.p_lwps[0].l_estcpu - child.p_estcpu_inherited
    if own > 0:
        pl = parent.p_lwps[0]
        pl.l_estcpu = min(pl.l_estcpu + own, ESTCPU_MAX)
