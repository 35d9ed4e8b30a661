"""Current directory, root directory and file creation mask.

After sys/kern/vfs_cwd.c, with its names.
"""

from __future__ import annotations

from reference_model.proc import Cwdinfo, Proc
from reference_model.state import State


def cwdshare(k: State, p1: Proc, p2: Proc) -> None:
    """Gives the child its parent's directories and mask."""
    p2.p_cwdi = p1.p_cwdi
    p1.p_cwdi.cwdi_refcnt += 1


def cwdinit(k: State, p1: Proc) -> Cwdinfo:
    """Returns a copy of the parent's directories and mask."""
    old = p1.p_cwdi
    return Cwdinfo(old.cwdi_cdir, old.cwdi_rdir, old.cwdi_cmask)


def cwdexec(k: State, p: Proc) -> None:
    """Ends the sharing: *p* gets a copy of its own (1.12, lines 103-137, cwdunshare())."""
    if p.p_cwdi.cwdi_refcnt > 1:
        cwdi = cwdinit(k, p)
        cwdfree(k, p)
        p.p_cwdi = cwdi


def cwdfree(k: State, p: Proc) -> None:
    """Drops the reference that *p* has."""
    p.p_cwdi.cwdi_refcnt -= 1
