"""Whose fault a difference is: the clause that the first wrong observation speaks for.

That is what the scenario says of the step.  But what is wrong may say more than
its place does; then the model, at that step, tells what else would explain it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from reference_model import Log, Options, Scenario, Step
from reference_model.kernel import Kernel
from reference_model.machine import Machine
from reference_model.netbsd import (
    CLONE_VFORK,
    PSL_TRACEFORK,
    PSL_TRACEVFORK,
    PSL_TRACEVFORK_DONE,
    PTRACE_EVENTS,
    RLIMIT_NPROC,
)
from reference_model.proc import Lwp, Sleeping
from reference_model.scenario import ANONYMOUS, FORKS, flags_value

#: Who is in question where a call held its caller and should not have, or the other way round.
_WHETHER_HELD = {
    "fork": "SYS-FORK",
    "vfork": "SYS-VFORK-44BSD",
    "__vfork14": "SYS-VFORK14",
    "__clone": "CLONE-VFORK",
}
#: Who is in question where an event was reported and should not have been.
_WHICH_EVENT = {
    "PTRACE_FORK": "TRACE-FORK-WHEN",
    "PTRACE_VFORK": "TRACE-VFORK-WHEN",
    "PTRACE_VFORK_DONE": "TRACE-VFORK-DONE-WHEN",
}
#: How p_slflag has them.
_EVENT_BITS = {
    "PTRACE_FORK": PSL_TRACEFORK,
    "PTRACE_VFORK": PSL_TRACEVFORK,
    "PTRACE_VFORK_DONE": PSL_TRACEVFORK_DONE,
}
_HELD = re.compile(r" held \d+")
_EVENT = re.compile(r"PTRACE_\w+")
#: What is no word of a fork that has succeeded.
_NO_FORK = re.compile(r"E[A-Z0-9]{3,}|stuck|gone|not reached")
#: What a wait says that has found nothing.
_NOTHING_CAME = ("unfinished", "stuck", "ECHILD", "none")
#: What is not restored after a refusal is found by all that come later: where one of
#: these is blamed, other limits that do not hold are likely to follow from it.
LEFT_BEHIND = frozenset({"FORK-REFUSED-ROLLBACK", "NPROC-ROLLBACK"})
#: What is charged to one user and given back to another leaves both counts wrong, refused or not.
MISCOUNTED = frozenset({"NPROC-COUNTS-REAL-UID"})
#: What counts how often others had their way (kern_fork.c 1.232, lines 553 to 557): it is
#: wrong wherever their flags are, and to blame where nobody else is.
COUNTING = frozenset({"FORK-COUNTERS"})
#: Whose promise rests on another's: where that one is broken as well, it explains both.  Lines
#: 195 to 199 ask for the flag that lines 179 and 180 set; lines 560, 561 and child_return() tell
#: a trace of the child that lines 452 to 464 have given it.
RESTS_ON = {
    "CLONE-FILES-CLOSE-ON-FORK": "CLONE-FILES",
    "KTR-EMUL": "KTRACE-INHERITED",
    "CHILD-KTRACE": "KTRACE-INHERITED",
}


def blamed(scenario: Scenario, step: int, observed: Log, expected: Log, options: Options) -> str:
    """The clause that the first wrong observation, *step*, speaks for.

    *expected* is the log that would have been right for longest.  Where a step got stuck,
    both end there: a call that some later step would have let return has not returned.
    """
    verb, seen, want = scenario.steps[step].verb, observed[step], expected[step]
    said = scenario.clause_of(step)
    untold = verb in _WHETHER_HELD and not scenario.steps[step].about
    if untold and _HELD.sub("", seen) == _HELD.sub("", want):
        only_longer = bool(_HELD.search(seen)) == bool(_HELD.search(want))
        return "VFORK-WAIT" if only_longer else _WHETHER_HELD[verb]
    suspects = _suspects(scenario, step, observed, expected, options)
    if suspects:
        return said if said in suspects else suspects[0]
    if said in _WHICH_EVENT.values():
        reported = Counter(_EVENT.findall(" ".join(observed[step:])))
        reported.subtract(_EVENT.findall(" ".join(expected[step:])))
        for event, clause in _WHICH_EVENT.items():
            if reported[event] > 0:
                return clause
    return said


def _suspects(
    scenario: Scenario, step: int, observed: Log, expected: Log, options: Options
) -> list[str]:
    """Who would explain it, the likeliest first, where the model can tell; else nobody."""
    what, seen, want = scenario.steps[step], observed[step], expected[step]
    answer = want if seen == "EAGAIN" else seen
    refusal = "EAGAIN" in (seen, want) and not _NO_FORK.fullmatch(answer)
    returned = scenario.traced and (seen == "unfinished") != (want == "unfinished")
    steps = scenario.steps[: len(observed)]
    if seen in ("stuck", "unfinished") and _holds(what) and what.child == ANONYMOUS:
        return ["PPWAIT-MARK"]  # the child has ended, and knew of nobody who waits for that
    if what.verb == "wait4" and seen in _NOTHING_CAME and want.endswith(" stopped SIGTRAP"):
        parents = {s.child: s.actor for s in steps if s.verb in FORKS}
        parent = parents.get(want.split()[0])
        if f"{parent} stopped SIGTRAP" in observed[:step]:
            return ["TRACE-REPARENT", "CHILD-EVENT"]  # its parent has told of the birth
        return []
    if what.verb in FORKS and (refusal or returned):
        machine = _Noting(scenario, options)
        machine.run(steps)
        fork = machine.forks.get(step)
        if fork is None:
            return []
        before = [noted for index, noted in machine.forks.items() if index < step]
        if refusal and want == "EAGAIN":
            return _not_refused(fork, before)
        if refusal:
            return _refused(fork, before, options)
        if want == "unfinished":
            return _not_stopped(machine.lwps[what.actor])
        rest_agrees = observed[step + 1 :] == expected[step + 1 :]
        return _stopped(fork, came_later=rest_agrees and what.child not in machine.alive())
    if seen == "ESRCH" != want and what.verb in _FINDS:
        machine = _Noting(scenario, options)
        machine.run(steps[:step])
        looked_for = [name for name in what.args if name in machine.lwps]
        return list(_FINDS[what.verb]) if set(looked_for) <= set(machine.alive()) else []
    if what.verb == "sigpending" and what.actor in scenario.roots():
        sent = {s.args[1] for s in steps[:step] if s.verb == "kill" and s.args[0] == what.actor}
        lost = set(want.split("|")) - set(seen.split("|"))
        return ["RUNNABLE"] if lost & sent else []
    if what.verb in ("PT_GET_PROCESS_STATE", "PT_GET_SIGINFO"):
        machine = _Noting(scenario, options)
        machine.run(steps)
        calls = [i for i in machine.forks if i < step and scenario.steps[i].actor == what.args[0]]
        reported = _EVENT.findall(seen)
        if calls and reported and _EVENT.findall(want) not in ([], reported):
            return _unasked(machine.forks[calls[-1]], reported)
    return []


#: Who is in question where a living process is not found.  kern.proc2 walks the list of all
#: processes, proc_find() looks into the table of process IDs, and both pass over what is not
#: active; as kpsignal2() does, so that a signal for it is lost.
_FINDS = {
    **dict.fromkeys(("kinfo", "compare", "flags"), ("PROCESS-LISTS", "RUNNABLE")),
    **dict.fromkeys(("kill", "PT_ATTACH", "watch", "stopfork", "stopexec"), ("RUNNABLE",)),
}
#: Which clause has made what a function of the kernel works on: kern_sig.c's queue of signals,
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
#: What finds that a lock is held that should not be, or the other way round (kern_mutex.c).
_LOCK = re.compile(r"(?:mutex|rw)_vector_\w+")
_TRAPPED = re.compile(r"\btrap type \d+ code \w+ rip ([a-z_]\w*)")


def blamed_for_panic(reason: str, console: str, steps: Sequence[Step] = ()) -> str | None:
    """The clause that a panic speaks for: who has made what the kernel was working on; or None.

    That can be told of traps, of locks taken or let go of wrongly, and of the checks of a queue.

    *console* has the traceback, the innermost function first; or, from a kernel without
    a debugger, nothing but where it was trapped.  *steps* are the scenario's: exit1() itself
    looks for who waits in vfork (kern_exit.c, PL_PPWAIT).
    """
    frames = _FRAME.findall(console)
    if _QUEUE.search(reason) and {"lwp_create", "fork1"}.intersection(frames):
        return "FRESH-LISTS"  # the head of a list of the new process was never made
    # A trap comes of what is no memory, an assertion of any value: that may be the caller's.
    last = [i for i, frame in enumerate(frames) if frame in _TRAP or _LOCK.fullmatch(frame)][-1:]
    trapped = _TRAPPED.findall(console)[:1]
    for frame in [*trapped, *(frame for i in last for frame in frames[i + 1 :])]:
        for functions, clause in _MADE_BY:
            if re.fullmatch(functions, frame):
                return clause
        if frame == "exit1" and any(map(_holds, steps)):
            return "PPWAIT-MARK"
    return None


def _holds(step: Step) -> bool:
    """Whether the step is a call that holds its caller until the child is done with its memory."""
    if step.verb == "__clone":
        return bool(flags_value(step.args[0]) & CLONE_VFORK)
    return step.verb in ("vfork", "__vfork14")


@dataclass(frozen=True, slots=True)
class _Fork:
    """How things stand when fork1 is called: the counts are those without the new process."""

    uid: int
    euid: int
    count: int
    count_of_euid: int
    limit: int
    nprocs: int
    maxproc: int
    #: The events that a tracer has asked for, and whether the call is one that holds.
    events: tuple[str, ...]
    holds: bool

    @property
    def room(self) -> int:
        """How many processes there may still be."""
        return self.maxproc - self.nprocs - 1

    @property
    def full(self) -> bool:
        """Whether kern.maxproc refuses it."""
        return self.room <= 0

    @property
    def over(self) -> bool:
        """Whether it is more than RLIMIT_NPROC allows, to whom that applies."""
        return self.count + 1 > self.limit

    @property
    def refused_by_limit(self) -> bool:
        return not self.full and self.over and self.euid != 0


class _Noting(Machine):
    """Takes note of how things stand at each call."""

    def __init__(self, scenario: Scenario, options: Options) -> None:
        super().__init__(scenario.roots(), Kernel(options), traced=scenario.traced)
        self.forks: dict[int, _Fork] = {}

    def _fork(self, step: Step, l: Lwp) -> Sleeping:
        k, cred = self.k, l.l_cred
        self.forks[len(self.steps) - 1] = _Fork(
            cred.cr_uid,
            cred.cr_euid,
            k.chgproccnt(cred.cr_uid, 0),
            k.chgproccnt(cred.cr_euid, 0),
            l.l_proc.p_rlimit[RLIMIT_NPROC][0],
            k.nprocs,
            k.maxproc,
            tuple(event for event, bit in _EVENT_BITS.items() if l.l_proc.p_slflag & bit),
            _holds(step),
        )
        return (yield from super()._fork(step, l))


def _unasked(fork: _Fork, events: Sequence[str]) -> list[str]:
    """Whose condition let one of *events* through: the tracer wants it, but for another call.

    Lines 220-248: an event that is not in the mask at all, or is the right one, tells nothing.
    """
    wrong = ("PTRACE_FORK",) if fork.holds else ("PTRACE_VFORK", "PTRACE_VFORK_DONE")
    return [_WHICH_EVENT[e] for e in wrong if e in events and e in fork.events]


def _stopped(fork: _Fork, *, came_later: bool) -> list[str]:
    """What would stop a traced caller that has to return; *came_later*: once its child had gone."""
    if fork.holds and came_later:
        return ["TRACE-VFORK-DONE-WHEN"]
    return _unasked(fork, tuple(_WHICH_EVENT))


def _not_stopped(l: Lwp) -> list[str]:
    """What would let a traced caller return that has stopped to report an event."""
    _, _, event, _ = l.l_proc.p_sigctx.ps_info
    names = [name for name, bit in PTRACE_EVENTS.items() if event & bit]
    return [_WHICH_EVENT[name] for name in names if name in _WHICH_EVENT]


def _not_refused(fork: _Fork, before: Sequence[_Fork]) -> list[str]:
    """What would let a fork pass that has to be refused (lines 269-304).

    *before* are the calls that came first in this scenario, some of which were
    refused, and may have given back more than they took.
    """
    if fork.full:
        suspects = ["MAXPROC"]
        if sum(f.full for f in before) + fork.room > 0:
            suspects.append("FORK-REFUSED-ROLLBACK")
        return suspects
    suspects = ["NPROC-LIMIT"]
    same_uid = sum(f.refused_by_limit and f.uid == fork.uid for f in before)
    if same_uid and fork.count + 1 - same_uid <= fork.limit:
        suspects.append("NPROC-ROLLBACK")
    if fork.euid != fork.uid and fork.count_of_euid + 1 <= fork.limit:
        suspects.append("NPROC-COUNTS-REAL-UID")
    if fork.uid == 0:
        suspects.append("NPROC-BYPASS")  # it asks for the effective user
    return suspects


def _kept(
    fork: _Fork,
    before: Sequence[_Fork],
    room: Callable[[_Fork], int],
    refused: Callable[[_Fork], bool],
) -> bool:
    """Whether *fork* has no room if each refusal before it has kept what it had taken.

    Not so where another has passed that had no more room by then.
    """
    kept = 0
    for f in before:
        if refused(f):
            kept += 1
        elif kept and kept >= room(f) > 0 and not f.refused_by_limit and not f.full:
            return False
    return 0 < kept >= room(fork)


def _refused(fork: _Fork, before: Sequence[_Fork], options: Options) -> list[str]:
    """What would refuse a fork that has to pass (lines 269-304).

    *before* are the calls that came first in this scenario: what one of them
    was refused for and did not give back, and what passed with as little room.
    """
    if fork.over:
        return ["NPROC-BYPASS"] if fork.euid == 0 else _not_refused(fork, before)
    passed = [f for f in before if not f.full and not f.refused_by_limit]
    suspects = []
    if fork.euid != 0:
        ours = [f for f in before if f.uid == fork.uid]
        if _kept(fork, ours, lambda f: f.limit - f.count, lambda f: f.refused_by_limit):
            suspects.append("NPROC-ROLLBACK")
        if fork.euid != fork.uid and fork.count_of_euid + 1 > fork.limit:
            suspects.append("NPROC-COUNTS-REAL-UID")
        as_tight = any(f.uid == fork.uid and f.count + 1 == f.limit for f in passed)
        if fork.count + 1 == fork.limit and not as_tight:
            suspects.append("NPROC-LIMIT")
    if _kept(fork, before, lambda f: f.room, lambda f: f.refused_by_limit):
        suspects.append("NPROC-ROLLBACK")
    if _kept(fork, before, lambda f: f.room, lambda f: f.full):
        suspects.append("FORK-REFUSED-ROLLBACK")
    if fork.room == 1 and not any(f.room == 1 for f in passed):
        suspects.append("MAXPROC")
    if fork.euid != 0 and fork.room <= 5:
        suspects.append("KAUTH-FORK")  # the last five slots are meant to be root's
    # Else it is a limit that was lowered, which some earlier scenario has left less room in.
    if not suspects and fork.maxproc != options.maxproc:
        suspects.append("MAXPROC")
    if not suspects and fork.limit != options.nproc_limit[0] and fork.euid != 0:
        suspects.append("NPROC-LIMIT")
    return suspects
