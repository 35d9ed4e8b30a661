"""Processes: their IDs, and how many each user has.

After sys/kern/kern_proc.c and kern_uidinfo.c, with their names.
"""

from __future__ import annotations

from reference_model.proc import Proc
from reference_model.state import State


def chgproccnt(k: State, uid: int, diff: int) -> int:
    """Changes the number of processes of a real user ID by *diff*; returns the new number."""
    count = k.uidinfo.get(uid, 0) + diff
    assert count >= 0
    k.uidinfo[uid] = count
    return count


def proc_alloc(k: State) -> Proc | None:
    """Returns a new process with an ID of its own.  In the model an ID is always free."""
    return Proc(k.new_pid())
