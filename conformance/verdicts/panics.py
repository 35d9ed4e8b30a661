"""Assigns a panic to a clause: the one that made the object on which the kernel was working."""

from __future__ import annotations

import re
from collections.abc import Sequence

from conformance.verdicts.assign import blocks
from reference_model import Step

#: The clause that makes the object on which a function works: kern_sig.c's queue of signals,
#: kern_descrip.c's table, vfs_cwd.c's directories, and so on.
_MADE_BY = (
    (r"kpsignal2?|sig(?:put|get|clear|clearall|pending1)|ksiginfo_\w+", "NO-PENDING-SIGNALS"),
    (r"sigaction1|sigacts\w+", "SIGNAL-ACTIONS"),
    (r"fd_\w+|closef", "FILES"),
    (r"cwd\w+", "CWD"),
    (r"lim_\w+|dosetrlimit", "LIMITS"),
    (r"ras_\w+", "RAS"),
    (r"aio_\w+", "NO-AIO"),
    (r"ktr\w+", "KTRACE-INHERITED"),
    (r"knote\w*|filt_proc\w*", "KNOTES"),
    (r"uvmspace_\w+|uvm_proc_\w+", "ADDRESS-SPACE"),
    (r"proc_changeparent", "TRACE-REPARENT"),
    (r"pstats\w+|calcru|ruadd", "STATS"),
    (r"startprofclock|stopprofclock", "PROFILING"),
    (r"kauth_cred_\w+|kauth_proc_\w+", "CREDENTIALS"),
)
_FRAME = re.compile(
    r"^(?:\[[ \d.]+\] )?(?:netbsd:)?(\w+)(?:\+0x[0-9a-f]+)?\(.*\) at ", re.MULTILINE
)
_QUEUE = re.compile(r"\b(?:LIST|TAILQ)_(?:INSERT|REMOVE)")
_TRAP = ("calltrap", "alltraps")
#: The functions that find a lock taken that should be free, or the other way round (kern_mutex.c).
_LOCK = re.compile(r"(?:mutex|rw)_vector_\w+")
_TRAPPED = re.compile(r"\btrap type \d+ code \w+ rip ([a-z_]\w*)")


def clause_of_panic(reason: str, console: str, steps: Sequence[Step] = ()) -> str | None:
    """Returns the clause that made the object on which the kernel was working, or None.

    This is known for traps, for locks taken or released wrongly, and for the checks of a queue.

    *console* has the traceback, the innermost function first; from a kernel without a debugger,
    it has only where it was trapped.  *steps* are the scenario's: exit1() itself looks for the
    parent that waits in vfork (kern_exit.c, PL_PPWAIT).
    """
    frames = _FRAME.findall(console)
    if _QUEUE.search(reason) and {"lwp_create", "fork1"}.intersection(frames):
        return "FRESH-LISTS"  # the head of a list of the new process was never made
    # A trap is about memory, an assertion may be about any value, such as one of the caller.
    last = [i for i, frame in enumerate(frames) if frame in _TRAP or _LOCK.fullmatch(frame)][-1:]
    trapped = _TRAPPED.findall(console)[:1]
    for frame in [*trapped, *(frame for i in last for frame in frames[i + 1 :])]:
        for functions, clause in _MADE_BY:
            if re.fullmatch(functions, frame):
                return clause
        if frame == "exit1" and any(map(blocks, steps)):
            return "PPWAIT-MARK"
    return None
