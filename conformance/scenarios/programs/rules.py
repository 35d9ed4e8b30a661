"""Which step may follow in a generated program: the state of a program, and the rules.

The idea.  A program is good when its log does not depend on which process is faster.  The probe
takes the next step when the one before is over, that is, has returned or its process sleeps, stops
or ends.  But what a step sets in motion in *another* process happens in that process's own time,
and the next step may come before it.  So a program takes only steps that wait for what was set in
motion, or that cannot be changed by it.  The model finds out what that is: it takes the step, and
tells which LWPs have run beside the actor's (``Kernel.ran``).  Four things can be in motion:

* A process that was blocked goes on.  It has to act next: that its step begins proves that its
  call has returned.  If several LWPs of a process go on, each acts in turn, and until the last
  one has, no step changes anything: they still look for what woke them.
* A process ends or stops.  Its parent or tracer has to wait for it next.
* A process that a tracer resumes, or that its own birth's event stops, does so unsynchronised: no
  call tells when.  Until it acts or is waited for, no step names it, nor a process that is told of
  its stop by SIGCHLD.
* A wait may have slept, so that it is over as a step before what it waits for has happened.  The
  actor that waited acts next, if any actor does.

:func:`refusal` says before a step is taken which rule forbids it; :func:`successor` has the model
take it, and says what is then in motion, or which rule forbids that.

These rules are quick, and refuse good steps, too.  Whether a whole scenario is a race is found by
:mod:`reference_model.races`, which plays it with processes that run late; it takes a hundred times
as long.  Each program keeps both, and tests/test_decidable.py compares them.

Some orders stay open, and the model expects each of their outcomes: which of several LWPs that wait
finds a child (cv_broadcast()), and whether init has reaped what was left to it.  The rules follow
one of these orders.  So :mod:`reference_model.races` looks at each program that has any of them.

What was tried, and gave programs that differed on a kernel without any fault:

* Another actor's step right after a wait that slept.  With a limit on processes, a fork was refused
  because the child was not reaped yet; PT_DETACH found a process that was not traced yet (EPERM in
  the place of EBUSY).
* A step that names a process which has spawned a tracee, before that one was waited for: attaching
  to it meanwhile decides whether the SIGCHLD of the newborn's first stop counts.
* A read of a pipe whose writers are open: it may wait for ever.  Only forks and waits may sleep.
* An actor that ends its own tracer, by which it is killed (kern_exit.c, exit1()), maybe before its
  call returns.

What is no race, though it looks like one: exit1() holds proc_lock from the release of a parent that
waits in vfork until the parent has its signal, so that their order is fixed; but not where it has
to let go of a terminal (kern_exit.c, lines 365-420).

A state is never changed: each step that is taken gives a new one.  Only the model in it is played
along, and played anew from the first step when a step has turned out to be forbidden.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from conformance.scenarios.needs import needs_of
from conformance.verbs import DRAWN, NOT_DRAWN
from conformance.verbs.scene import Scene
from reference_model import Options, Step
from reference_model.kernel import Kernel
from reference_model.language.netbsd import PL_PPWAIT, PSL_TRACED, SACTIVE, SIGCHLD, SSTOP
from reference_model.language.scenario import (
    ANONYMOUS,
    BIRTHS,
    FORKS,
    MAX_ACTORS,
    MAX_STEPS,
    NOBODY,
    TELLING,
)
from reference_model.machine import Machine
from reference_model.proc import Lwp, Proc

_NAMES: Final = "CDEFHIJ"
#: The steps that may come between the steps of two LWPs that a broadcast has woken.
_CHANGES_NOTHING: Final = frozenset({"getppid", "load", "getcwd", "retval1"})


@dataclass(frozen=True, slots=True)
class Rule:
    """A reason why a step may not be taken: a sentence."""

    text: str


# Before a step is taken.
TOO_LONG: Final = Rule("a program has no more steps than a scenario may have")
LEFT_OUT: Final = Rule("no program has the verb")
LACKING: Final = Rule("the kernel lacks what the step needs")
ANOTHER_GOES_ON: Final = Rule("another actor goes on, and has to act next")
BOTH_GO_ON: Final = Rule("two LWPs go on: the first must not change what the other one finds")
ANOTHER_WAITED: Final = Rule("the wait before may not have come to its end: its actor acts first")
WAIT_FIRST: Final = Rule("a process has ended or stopped, and has to be waited for next")
UNSYNCHRONISED: Final = Rule("a process that the step names was resumed, and has not acted since")
UNKNOWN: Final = Rule("no step has told yet of a process that the step names")
BIRTH_UNDER_WAY: Final = Rule("a tracer could be told of two births, of either child first")
TOLD_OF_A_STOP: Final = Rule("SIGCHLD for a newborn's stop comes to the actor in its own time")
UNSEEN_STOP: Final = Rule("a newborn stops in its own time, or tells its parent so")
# Once the model has taken it.
CANNOT_WAIT: Final = Rule("a process ends or stops, and its parent cannot wait for it next")
TWO_IN_MOTION: Final = Rule("two actors would have to act next")
OPEN_ORDER: Final = Rule("a tracer's wait could find one process or another")
TERMINAL_LET_GO: Final = Rule("with its terminal gone, a parent in vfork goes on before its signal")
NO_ROOT_LEFT: Final = Rule("the last root ends while a process is stopped: its group gets SIGHUP")
ORPHANED_GROUP: Final = Rule("a group becomes an orphan, and orphans are counted out in any group")
PENDING_IN_TRACEE: Final = Rule("when a signal for a stopped tracee is looked at is open")
ENDS_ITS_TRACER: Final = Rule("an actor that ends its tracer may be killed before its call returns")
READS_ON: Final = Rule("the pipe is still written to: the read could wait for ever")
# Where a whole scenario is looked at.
CANNOT_ACT: Final = Rule("the actor is not there, or is blocked or stopped")
NAMELESS_FIRST: Final = Rule("the child - ends in its own time, and has to be waited for next")
RACE_IN_AN_ORDER: Final = Rule("in another order that is open, the program is a race")
NOT_OVER: Final = Rule("calls have not returned at the end, or a process is to be waited for")


@dataclass(frozen=True, slots=True)
class Setting:
    """What a program is drawn for: a kernel and what it lacks, the roots, a tracer or none."""

    options: Options
    lacks: frozenset[str]
    roots: tuple[str, ...]
    traced: bool

    def start(self) -> Machine:
        """Returns the model before the first step."""
        return Machine(self.roots, Kernel(self.options), traced=self.traced)


@dataclass(frozen=True, slots=True)
class State:
    """A program under way."""

    setting: Setting
    #: The model, which has taken all steps.
    machine: Machine
    steps: tuple[Step, ...]
    #: The actors that can act, those that are alive and cannot, and those of them that are stopped.
    ready: tuple[str, ...]
    blocked: frozenset[str]
    stopped: tuple[str, ...]
    #: The actor that has to act next, and the processes that it has to wait for, in this order.
    must_act_next: str | None
    to_wait_for: tuple[str, ...]
    #: Other LWPs of that actor's process that go on, and act after it.
    goes_on_too: tuple[str, ...]
    #: The actor that acts next, if any actor does.
    acts_first: str | None
    #: Newborns that stop as they are born, in their own time, and have not been waited for.
    unseen_stops: tuple[str, ...]
    #: Actors that a tracer has resumed, until they act.
    resumed_unsynchronised: frozenset[str]
    #: The actors that a step has told of.
    known: tuple[str, ...]
    #: The numbers of the steps whose calls have not returned.
    open_calls: tuple[int, ...]
    #: The names that newborns have not had yet.
    names: tuple[str, ...]

    @property
    def child(self) -> str:
        """The name of the next newborn; ``-`` where all names are taken."""
        return self.names[0] if self.names else ANONYMOUS

    def proc(self, name: str) -> Proc:
        """Returns the process of an actor that has been born."""
        return self.machine.lwps[name].l_proc

    def waiter(self, name: str) -> str | None:
        """Returns the actor that can wait for *name* now."""
        return _lwp_of(self.machine, self.proc(name).p_pptr, self.ready)

    def resumed_by_tracer(self, name: str) -> bool:
        """Returns whether it is a tracer that lets a blocked actor go on."""
        return self.setting.traced and name in self.stopped

    def is_over(self) -> bool:
        """Returns whether all calls have returned, and no process is to be waited for."""
        alive = self.machine.alive()
        calls = all(self.steps[i].actor not in alive for i in self.open_calls)
        return calls and self.must_act_next is None


def beginning(setting: Setting) -> State:
    """Returns the state before the first step."""
    return State(
        setting,
        setting.start(),
        steps=(),
        ready=setting.roots,
        blocked=frozenset(),
        stopped=(),
        must_act_next=None,
        to_wait_for=(),
        goes_on_too=(),
        acts_first=None,
        unseen_stops=(),
        resumed_unsynchronised=frozenset(),
        known=setting.roots,
        open_calls=(),
        names=tuple(_NAMES[: MAX_ACTORS - len({*setting.roots, "P"})]),
    )


def refusal(state: State, step: Step) -> Rule | None:
    """Returns the rule that forbids *step*; None where the model may take it."""
    if len(state.steps) == MAX_STEPS:
        return TOO_LONG
    if step.verb in NOT_DRAWN:
        return LEFT_OUT
    if needs_of(step) & state.setting.lacks:
        return LACKING
    if state.must_act_next not in (None, step.actor):
        return ANOTHER_GOES_ON
    if state.goes_on_too and step.verb not in _CHANGES_NOTHING:
        return BOTH_GO_ON
    if state.acts_first not in (None, step.actor):
        return ANOTHER_WAITED
    due = state.to_wait_for
    if due and (step.verb != "wait4" or step.args[0] != due[0] or not _waits(step)):
        return WAIT_FIRST
    others = {name for name in step.actors()[1:] if name in state.machine.lwps} - {step.actor}
    return (
        (_names_wrongly(state, step, others) if others else None)
        or _hazard(state, step)
        or _meets_a_birth(state, step, others)
    )


def _names_wrongly(state: State, step: Step, others: set[str]) -> Rule | None:
    """Returns the rule that forbids to name one of *others*."""
    if state.resumed_unsynchronised & others:
        return UNSYNCHRONISED
    if not others.issubset(state.known):
        return UNKNOWN
    return None


def _hazard(state: State, step: Step) -> Rule | None:
    """Returns the hazard of the verb that the step is, as a rule."""
    hazards = DRAWN[step.verb].hazards
    if hazards and set(step.actors()) - {step.child} <= state.machine.lwps.keys():
        setting = state.setting
        scene = Scene(state.machine, step.actor, state.child, state.known, setting.traced)
        for hazard in hazards:
            if hazard.found(scene, step.args):
                return Rule(f"{step.verb}, where {hazard.where}: {hazard.why}")
    return None


def _meets_a_birth(state: State, step: Step, others: set[str]) -> Rule | None:
    if step.verb in BIRTHS and state.setting.traced:
        children = (state.steps[index].child for index in state.open_calls)
        if any(child is not None and child not in state.known for child in children):
            return BIRTH_UNDER_WAY
    if not state.unseen_stops or _waits(step):
        return None
    # The process that is told of the stop gets SIGCHLD: what that does must not change meanwhile.
    told = {waiter for name in state.unseen_stops if (waiter := state.waiter(name)) is not None}
    if step.actor in told and not (step.verb.startswith("PT_") and step.verb != "PT_TRACE_ME"):
        return TOLD_OF_A_STOP
    return None if others.isdisjoint({*state.unseen_stops, *told}) else UNSEEN_STOP


def _waits(step: Step) -> bool:
    """Returns whether the step may sleep until a process ends or stops."""
    return step.verb == "wait4" and "WNOHANG" not in step.args[-1]


def successor(state: State, step: Step) -> State | Rule:
    """Has the model take *step*; returns the state after it, or the rule that forbids it.

    Where a rule forbids it, the model has taken the step all the same.
    """
    machine = state.machine
    orders = len(machine.k.widths)
    in_vfork = [
        (l.l_proc, l.l_proc.p_vforklwp)
        for l in machine.lwps.values()
        if l.l_proc.p_lflag & PL_PPWAIT and _has_a_terminal(l.l_proc)
    ]
    machine.k.ran.clear()
    machine.take(step)
    alive = machine.alive()
    ready = tuple([name for name in alive if machine.can_act(name)])
    motion = _motion(state, step, ready)
    if isinstance(motion, Rule):
        return motion
    must_act_next, to_wait_for, goes_on_too = motion
    if state.goes_on_too:
        must_act_next, *rest = state.goes_on_too
        goes_on_too = tuple(rest)
    if state.setting.traced and len(machine.k.widths) > orders:
        return OPEN_ORDER
    if any(not p.p_lflag & PL_PPWAIT and _is_signalled(p, l) for p, l in in_vfork):
        return TERMINAL_LET_GO
    if _leaves_no_root(state, alive):
        return NO_ROOT_LEFT
    if machine.k.orphaned_group:
        return ORPHANED_GROUP
    if state.setting.traced and any(has_pending_signal(machine.lwps[name]) for name in alive):
        return PENDING_IN_TRACEE
    if _ends_its_tracer(state, step, alive):
        return ENDS_ITS_TRACER
    if step.verb == "records" and machine.log[-1] is None and step.actor in alive:
        return READS_ON
    free = must_act_next is None and step.actor in ready
    first = step.actor if free and _may_have_slept(state, step) else None
    after = _after(state, step, frozenset(alive), ready, must_act_next, to_wait_for, first)
    return replace(after, goes_on_too=goes_on_too)


def _may_have_slept(state: State, step: Step) -> bool:
    """Returns whether the step waits for what another process does in its own time."""
    if not _waits(step):
        return False
    target = step.args[0]
    return bool(state.to_wait_for) or target in (ANONYMOUS, "any") or target in state.unseen_stops


#: The actor that has to act next, the processes that it has to wait for, and other LWPs of its
#: process that act after it.
_Motion = tuple[str | None, tuple[str, ...], tuple[str, ...]]


def _motion(state: State, step: Step, ready: tuple[str, ...]) -> _Motion | Rule:
    """Returns which actors go on, and what the first of them has to wait for."""
    machine = state.machine
    wanted: dict[str, list[str]] = {}
    for l in sorted(machine.k.ran, key=lambda l: l.l_lid):
        name, p = machine.names[l.l_lid], l.l_proc
        if name == ANONYMOUS or (name == step.actor and step.verb != "exec"):
            continue
        if name == step.child and name not in state.blocked and p.p_stat in (SACTIVE, SSTOP):
            continue
        if name in state.resumed_unsynchronised and name not in ready:
            return UNSYNCHRONISED
        if p.p_stat == SACTIVE:
            if name in state.blocked and name in ready and not state.resumed_by_tracer(name):
                wanted.setdefault(name, [])
        elif p.p_stat != SSTOP or not p.p_waited:
            if p is state.proc(step.actor) and p.p_stat != SSTOP and step.verb != "exec":
                continue  # the step is over when the whole process has ended
            parent = _lwp_of(machine, p.p_pptr, ready)
            if parent is None:
                return CANNOT_WAIT
            whole, due = machine.names[p.p_pid], wanted.setdefault(parent, [])
            if (p in machine.k.zombproc or p.p_stat == SSTOP) and whole not in due:
                due.append(whole)
    # A fork tells until which step it was blocked, so the LWP that forked acts first.
    forked = {state.steps[i].actor for i in state.open_calls if state.steps[i].verb in FORKS}
    actors = sorted(wanted, key=lambda name: name not in forked)
    still_due = state.to_wait_for[1:]
    if len(actors) > 1 and (
        len({state.proc(name) for name in actors}) > 1
        or any(wanted.values())
        or still_due
        or len(forked.intersection(actors)) > 1
    ):
        return TWO_IN_MOTION
    if not still_due:
        return (
            (actors[0], tuple(wanted[actors[0]]), tuple(actors[1:])) if actors else (None, (), ())
        )
    if actors not in ([], [step.actor]):
        return TWO_IN_MOTION
    return step.actor, (*still_due, *wanted.get(step.actor, ())), ()


def _lwp_of(machine: Machine, p: Proc, ready: Iterable[str]) -> str | None:
    """Returns the first of the actors that are *ready* which is an LWP of *p*."""
    return next((name for name in ready if machine.lwps[name].l_proc is p), None)


def _has_a_terminal(p: Proc) -> bool:
    """Returns whether exit1 lets go of proc_lock, for a session's terminal."""
    return p.p_session.s_leader is p and p.p_session.s_ttyvp is not None


def _is_signalled(p: Proc, l: Lwp | None) -> bool:
    """Returns whether the end of *p*, which lets *l* go on, signals that too."""
    if l is None or p.p_stat in (SACTIVE, SSTOP):
        return False
    q = l.l_proc
    signo = SIGCHLD if p.p_slflag & PSL_TRACED else p.p_exitsig
    dropped = q.p_sigctx.ps_sigignore >> signo & 1 and not q.p_slflag & PSL_TRACED
    return p.p_pptr is q and signo != 0 and not l.l_sigmask >> signo & 1 and not dropped


def _leaves_no_root(state: State, alive: list[str]) -> bool:
    """Returns whether a process is stopped, and the last root has ended."""
    procs = {state.proc(name) for name in state.setting.roots}
    if any(state.proc(name) in procs for name in alive):
        return False
    return any(state.proc(name).p_stat == SSTOP for name in alive)


def has_pending_signal(l: Lwp) -> bool:
    """Returns whether a signal waits for a process that a tracer has stopped.

    kern_sig.c, kpsignal2(), line 1459: it is pending, and no LWP is told.
    """
    p = l.l_proc
    pending = (p.p_sigpend | l.l_sigpend) & ~l.l_sigmask
    return bool(p.p_stat == SSTOP and p.p_slflag & PSL_TRACED and pending)


def _ends_its_tracer(state: State, step: Step, alive: list[str]) -> bool:
    return (
        step.actor not in alive
        and step.verb not in ("exit", "exec")
        and any(name in state.machine.lwps and name not in alive for name in step.actors()[1:])
    )


def _after(
    state: State,
    step: Step,
    alive: frozenset[str],
    ready: tuple[str, ...],
    must_act_next: str | None,
    to_wait_for: tuple[str, ...],
    acts_first: str | None,
) -> State:
    """Returns the state after *step*, which the model has taken and no rule forbids."""
    machine, steps, child = state.machine, (*state.steps, step), step.child
    blocked = alive.difference(ready)
    resumed = state.resumed_unsynchronised - {step.actor}
    if state.blocked and state.setting.traced:
        goes_on = state.blocked.intersection(ready, state.stopped) - {step.actor}
        resumed |= goes_on
    known, open_calls = list(state.known), []
    if step.actor not in known:
        known.append(step.actor)
    for index in (*state.open_calls, len(state.steps)):
        seen, made = machine.log[index], steps[index]
        if seen is None or made.actor in resumed:
            open_calls.append(index)
        elif made.verb == "_lwp_create":
            known.extend(name for name in made.args if name not in known)
        elif made.verb in TELLING:
            for word in seen.split():
                if word in machine.lwps and word not in known and word not in NOBODY:
                    known.append(word)
    unseen = state.unseen_stops
    if child is not None and child != ANONYMOUS and child in machine.lwps:
        p = state.proc(child)
        if p.p_stat == SSTOP and p.p_slflag & PSL_TRACED:
            unseen = (*unseen, child)
    if unseen:
        procs = ((name, state.proc(name)) for name in unseen)
        unseen = tuple(name for name, p in procs if p.p_stat == SSTOP and not p.p_waited)
    return State(
        state.setting,
        machine,
        steps,
        ready,
        blocked,
        tuple(name for name in sorted(blocked) if state.proc(name).p_stat == SSTOP),
        must_act_next,
        to_wait_for,
        (),
        acts_first,
        unseen,
        resumed,
        tuple(known),
        tuple(open_calls),
        state.names[1:] if child is not None and child == state.child else state.names,
    )
