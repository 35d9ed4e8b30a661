"""Assigns a difference to a clause: the one that the first wrong observation tests.

The idea.  A scenario says of each step which clause its observation tests, so the first wrong
step names a clause.  But how an observation is wrong may say more than where it is wrong: a fork
that is refused with EAGAIN is about a limit, in any scenario.  So each way to be wrong is a
function below (``_WAYS``).  It recognises an observation, plays the model up to that step, and
names the clauses that would explain what was observed, the likeliest first.  If the scenario's own
clause is among them, it stays; else the first of them is named.  If no function recognises the
observation, the scenario's own clause stays.

What was tried, and rejected:

* The clause of the scenario for every difference.  With one statement of a real kernel broken,
  other clauses came first: a fork that was refused without a reason was assigned to the subject of
  its scenario, and a process that was not found to the field that was read.
* One function with a row of special cases.  Each case grew conditions to avoid the
  others.  Now None says "this is not what is wrong", and an empty list "it is, and the model knows
  no clause that explains it".
* The name of the child.  A vfork child without its mark was recognised only if it was called "-";
  now the model says whether the child has ended or no longer uses its parent's memory.

A count that was not restored is found by scenarios that come later;
:mod:`conformance.verdicts.ranking` puts such clauses before those that they spoil.  A panic has no
observation: see :mod:`conformance.verdicts.panics`.

Sources: kern_fork.c 1.232, whose lines are named below; kern_sig.c (kpsignal2), kern_proc.c
(proc_find), kern_exit.c (exit1, PL_PPWAIT).  tests/test_assign.py breaks the model at a statement
and asks which clause is named.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from reference_model import Log, Options, Scenario, Step
from reference_model.kernel import Kernel
from reference_model.language.netbsd import (
    CLONE_VFORK,
    PSL_TRACEFORK,
    PSL_TRACEVFORK,
    PSL_TRACEVFORK_DONE,
    PTRACE_EVENTS,
    RLIMIT_NPROC,
)
from reference_model.language.observation import (
    GONE,
    HUNG,
    NONE,
    NOT_REACHED,
    STOPPED,
    UNFINISHED,
    blocked_until,
    change,
    is_error,
    stopped,
    without_blocked,
)
from reference_model.language.scenario import ANONYMOUS, FORKS, flags_value
from reference_model.machine import Machine
from reference_model.proc import Lwp, Sleeping

#: The clause of a call that blocked its caller and should not have, or the other way round.
_WHETHER_BLOCKED = {
    "fork": "SYS-FORK",
    "vfork": "SYS-VFORK-44BSD",
    "__vfork14": "SYS-VFORK14",
    "__clone": "CLONE-VFORK",
}
#: The clause of an event that was reported and should not have been.
_WHICH_EVENT = {
    "PTRACE_FORK": "TRACE-FORK-WHEN",
    "PTRACE_VFORK": "TRACE-VFORK-WHEN",
    "PTRACE_VFORK_DONE": "TRACE-VFORK-DONE-WHEN",
}
#: The bits of p_slflag that ask for them.
_EVENT_BITS = {
    "PTRACE_FORK": PSL_TRACEFORK,
    "PTRACE_VFORK": PSL_TRACEVFORK,
    "PTRACE_VFORK_DONE": PSL_TRACEVFORK_DONE,
}
_EVENT = re.compile(r"PTRACE_\w+")
#: The observations of a wait that found nothing.
_NOTHING_CAME = (UNFINISHED, HUNG, "ECHILD", NONE)


def assigned_clause(
    scenario: Scenario, step: int, observed: Log, expected: Log, options: Options
) -> str:
    """Returns the clause to which the first wrong observation, that of *step*, is assigned.

    *expected* is the expected log that agrees for longest.  If a step hung, both logs end there:
    a call that a later step would have released has not returned.
    """
    verb, seen, want = scenario.steps[step].verb, observed[step], expected[step]
    said = scenario.clause_of(step)
    untold = verb in _WHETHER_BLOCKED and not scenario.steps[step].about
    if untold and without_blocked(seen) == without_blocked(want):
        only_longer = (blocked_until(seen) is None) == (blocked_until(want) is None)
        return "VFORK-WAIT" if only_longer else _WHETHER_BLOCKED[verb]
    candidates = _candidates(_Case(scenario, step, observed, expected, options))
    if candidates:
        return said if said in candidates else candidates[0]
    if said in _WHICH_EVENT.values():
        reported = Counter(_EVENT.findall(" ".join(observed[step:])))
        reported.subtract(_EVENT.findall(" ".join(expected[step:])))
        for event, clause in _WHICH_EVENT.items():
            if reported[event] > 0:
                return clause
    return said


@dataclass(frozen=True, slots=True)
class _Case:
    """A first wrong observation, and everything known about it."""

    scenario: Scenario
    step: int
    observed: Log
    expected: Log
    options: Options

    @property
    def what(self) -> Step:
        return self.scenario.steps[self.step]

    @property
    def seen(self) -> str:
        return self.observed[self.step]

    @property
    def want(self) -> str:
        return self.expected[self.step]

    @property
    def steps(self) -> tuple[Step, ...]:
        """Returns the steps up to the end, or to the one that hung."""
        return self.scenario.steps[: len(self.observed)]

    def played(self, steps: Sequence[Step]) -> _Noting:
        """Returns the model after it has taken *steps*."""
        machine = _Noting(self.scenario, self.options)
        machine.run(steps)
        return machine


def _never_let_go(case: _Case) -> list[str] | None:
    """Recognises a call that still waits for a child that no longer uses its memory.

    The child called ``-`` has ended at once; of any other the model says that it lets go.
    """
    if not (case.seen in (HUNG, UNFINISHED) and blocks(case.what)):
        return None
    ended = case.what.child == ANONYMOUS or blocked_until(case.want) is not None
    return ["PPWAIT-MARK"] if ended else None


def _newborn_is_not_the_tracers(case: _Case) -> list[str] | None:
    """Recognises a tracer that waits in vain for a newborn whose birth the parent has reported."""
    wanted = change(case.want)
    stops = wanted is not None and (wanted.how, wanted.by) == (STOPPED, "SIGTRAP")
    if not (case.what.verb == "wait4" and case.seen in _NOTHING_CAME and stops):
        return None
    parents = {s.child: s.actor for s in case.steps if s.verb in FORKS}
    parent = parents.get(case.want.split()[0])
    told = stopped(str(parent), "SIGTRAP") in case.observed[: case.step]
    return ["TRACE-REPARENT", "CHILD-EVENT"] if told else []


def _fork_is_refused_or_not(case: _Case) -> list[str] | None:
    """Recognises EAGAIN from a call that should succeed, or the other way round."""
    answer = case.want if case.seen == "EAGAIN" else case.seen
    succeeded = not is_error(answer) and answer not in (HUNG, GONE, NOT_REACHED)
    refused = "EAGAIN" in (case.seen, case.want) and succeeded
    if not (case.what.verb in FORKS and refused):
        return None
    forks = case.played(case.steps).forks
    fork = forks.get(case.step)
    if fork is None:
        return []
    before = [noted for index, noted in forks.items() if index < case.step]
    if case.want == "EAGAIN":
        return _not_refused(fork, before)
    return _refused(fork, before, case.options)


def _traced_fork_returns_or_not(case: _Case) -> list[str] | None:
    """Recognises a traced caller that stops to report an event and should not, or the reverse."""
    differs = (case.seen == UNFINISHED) != (case.want == UNFINISHED)
    if not (case.what.verb in FORKS and case.scenario.traced and differs):
        return None
    machine = case.played(case.steps)
    fork = machine.forks.get(case.step)
    if fork is None:
        return []
    if case.want == UNFINISHED:
        return _not_stopped(machine.lwps[case.what.actor])
    rest_agrees = case.observed[case.step + 1 :] == case.expected[case.step + 1 :]
    return _stopped(fork, came_later=rest_agrees and case.what.child not in machine.alive())


def _living_is_not_found(case: _Case) -> list[str] | None:
    """Recognises ESRCH for a living process."""
    if not (case.seen == "ESRCH" != case.want and case.what.verb in _FINDS):
        return None
    machine = case.played(case.steps[: case.step])
    looked_for = [name for name in case.what.args if name in machine.lwps]
    found = set(looked_for) <= set(machine.alive())
    return list(_FINDS[case.what.verb]) if found else []


def _signal_to_a_root_is_lost(case: _Case) -> list[str] | None:
    """Recognises a lost signal: kpsignal2() passes over a process that is not active."""
    if not (case.what.verb == "sigpending" and case.what.actor in case.scenario.roots()):
        return None
    kills = [s for s in case.steps[: case.step] if s.verb == "kill"]
    sent = {s.args[1] for s in kills if s.args[0] == case.what.actor}
    lost = set(case.want.split("|")) - set(case.seen.split("|"))
    return ["RUNNABLE"] if lost & sent else []


def _event_is_another(case: _Case) -> list[str] | None:
    """Recognises a stop with an event that the tracer asked for, but for another call."""
    if case.what.verb not in ("PT_GET_PROCESS_STATE", "PT_GET_SIGINFO"):
        return None
    forks = case.played(case.steps).forks
    steps = case.scenario.steps
    calls = [i for i in forks if i < case.step and steps[i].actor == case.what.args[0]]
    reported = _EVENT.findall(case.seen)
    if calls and reported and _EVENT.findall(case.want) not in ([], reported):
        return _unasked(forks[calls[-1]], reported)
    return []


#: The ways in which an observation can be wrong.  Each returns the clauses that would explain it,
#: the likeliest first; an empty list where no clause does; None where it is not what is wrong.
_WAYS: tuple[Callable[[_Case], list[str] | None], ...] = (
    _never_let_go,
    _newborn_is_not_the_tracers,
    _fork_is_refused_or_not,
    _traced_fork_returns_or_not,
    _living_is_not_found,
    _signal_to_a_root_is_lost,
    _event_is_another,
)


def _candidates(case: _Case) -> list[str]:
    """Returns the clauses that would explain it, the likeliest first, where the model can tell."""
    answers = (wrong(case) for wrong in _WAYS)
    return next((candidates for candidates in answers if candidates is not None), [])


#: The clauses of a living process that is not found.  kern.proc2 walks the list of all
#: processes, proc_find() looks into the table of process IDs, and both pass over what is not
#: active; as kpsignal2() does, so that a signal for it is lost.
_FINDS = {
    **dict.fromkeys(("kinfo", "compare", "flags"), ("PROCESS-LISTS", "RUNNABLE")),
    **dict.fromkeys(("kill", "PT_ATTACH", "watch", "stopfork", "stopexec"), ("RUNNABLE",)),
}


def blocks(step: Step) -> bool:
    """Returns whether the call blocks its caller until the child no longer uses its memory."""
    if step.verb == "__clone":
        return bool(flags_value(step.args[0]) & CLONE_VFORK)
    return step.verb in ("vfork", "__vfork14")


@dataclass(frozen=True, slots=True)
class _Fork:
    """The counts and limits when fork1 is called, without the new process."""

    uid: int
    euid: int
    count: int
    count_of_euid: int
    limit: int
    nprocs: int
    maxproc: int
    #: The events that a tracer has asked for, and whether the call blocks its caller.
    events: tuple[str, ...]
    blocks: bool

    @property
    def room(self) -> int:
        """Returns the number of processes that may still be made."""
        return self.maxproc - self.nprocs - 1

    @property
    def full(self) -> bool:
        """Returns whether kern.maxproc refuses the fork."""
        return self.room <= 0

    @property
    def over(self) -> bool:
        """Returns whether RLIMIT_NPROC refuses the fork to an unprivileged user."""
        return self.count + 1 > self.limit

    @property
    def refused_by_limit(self) -> bool:
        return not self.full and self.over and self.euid != 0


class _Noting(Machine):
    """A model that notes the counts and limits at each fork."""

    def __init__(self, scenario: Scenario, options: Options) -> None:
        super().__init__(scenario.roots(), Kernel(options), traced=scenario.traced)
        self.forks: dict[int, _Fork] = {}

    def call(self, step: Step, l: Lwp) -> str | Sleeping:
        if step.verb in FORKS:
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
                blocks(step),
            )
        return super().call(step, l)


def _unasked(fork: _Fork, events: Sequence[str]) -> list[str]:
    """Returns the clauses whose condition let one of *events* through, for another call.

    Lines 220-248: an event that is not in the mask, or is the right one, says nothing.
    """
    wrong = ("PTRACE_FORK",) if fork.blocks else ("PTRACE_VFORK", "PTRACE_VFORK_DONE")
    return [_WHICH_EVENT[e] for e in wrong if e in events and e in fork.events]


def _stopped(fork: _Fork, *, came_later: bool) -> list[str]:
    """Returns the clauses that would stop a traced caller; *came_later*: after its child's end."""
    if fork.blocks and came_later:
        return ["TRACE-VFORK-DONE-WHEN"]
    return _unasked(fork, tuple(_WHICH_EVENT))


def _not_stopped(l: Lwp) -> list[str]:
    """Returns the clauses that would let a stopped traced caller return."""
    _, _, event, _ = l.l_proc.p_sigctx.ps_info
    names = [name for name, bit in PTRACE_EVENTS.items() if event & bit]
    return [_WHICH_EVENT[name] for name in names if name in _WHICH_EVENT]


def _not_refused(fork: _Fork, before: Sequence[_Fork]) -> list[str]:
    """Returns the clauses that would let a fork succeed that should fail (lines 269-304).

    *before* are the earlier calls in this scenario.  Some of them were refused, and may have
    given back more than they took.
    """
    if fork.full:
        candidates = ["MAXPROC"]
        if sum(f.full for f in before) + fork.room > 0:
            candidates.append("FORK-REFUSED-ROLLBACK")
        return candidates
    candidates = ["NPROC-LIMIT"]
    same_uid = sum(f.refused_by_limit and f.uid == fork.uid for f in before)
    if same_uid and fork.count + 1 - same_uid <= fork.limit:
        candidates.append("NPROC-ROLLBACK")
    if fork.euid != fork.uid and fork.count_of_euid + 1 <= fork.limit:
        candidates.append("NPROC-COUNTS-REAL-UID")
    if fork.uid == 0:
        candidates.append("NPROC-BYPASS")  # it asks for the effective user
    return candidates


def _kept(
    fork: _Fork,
    before: Sequence[_Fork],
    room: Callable[[_Fork], int],
    refused: Callable[[_Fork], bool],
) -> bool:
    """Returns whether *fork* has no room if no refusal before it has restored the count.

    This is false if another call has succeeded that had no more room by then.
    """
    kept = 0
    for f in before:
        if refused(f):
            kept += 1
        elif kept and kept >= room(f) > 0 and not f.refused_by_limit and not f.full:
            return False
    return 0 < kept >= room(fork)


def _refused(fork: _Fork, before: Sequence[_Fork], options: Options) -> list[str]:
    """Returns the clauses that would refuse a fork that should succeed (lines 269-304).

    *before* are the earlier calls in this scenario: a refused one may not have restored a count,
    and one that succeeded may have had as little room.
    """
    if fork.over:
        return ["NPROC-BYPASS"] if fork.euid == 0 else _not_refused(fork, before)
    passed = [f for f in before if not f.full and not f.refused_by_limit]
    candidates = []
    if fork.euid != 0:
        ours = [f for f in before if f.uid == fork.uid]
        if _kept(fork, ours, lambda f: f.limit - f.count, lambda f: f.refused_by_limit):
            candidates.append("NPROC-ROLLBACK")
        if fork.euid != fork.uid and fork.count_of_euid + 1 > fork.limit:
            candidates.append("NPROC-COUNTS-REAL-UID")
        as_tight = any(f.uid == fork.uid and f.count + 1 == f.limit for f in passed)
        if fork.count + 1 == fork.limit and not as_tight:
            candidates.append("NPROC-LIMIT")
    if _kept(fork, before, lambda f: f.room, lambda f: f.refused_by_limit):
        candidates.append("NPROC-ROLLBACK")
    if _kept(fork, before, lambda f: f.room, lambda f: f.full):
        candidates.append("FORK-REFUSED-ROLLBACK")
    if fork.room == 1 and not any(f.room == 1 for f in passed):
        candidates.append("MAXPROC")
    if fork.euid != 0 and fork.room <= 5:
        candidates.append("KAUTH-FORK")  # the last five slots are meant to be root's
    # Else it is a lowered limit, in which an earlier scenario has left less room.
    if not candidates and fork.maxproc != options.maxproc:
        candidates.append("MAXPROC")
    if not candidates and fork.limit != options.nproc_limit[0] and fork.euid != 0:
        candidates.append("NPROC-LIMIT")
    return candidates
