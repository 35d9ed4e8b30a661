"""Finds out whether a scenario is a race: whether its log depends on which process is faster.

The idea.  The probe takes the next step when the one before is over: its call has returned, or its
process sleeps, is stopped or is dead.  What the step has set in motion in *other* processes goes on
in their own time.  :class:`~reference_model.machine.Machine` lets all of it happen before the next
step.  :class:`LateMachine` plays the same scenario, but some LWPs that become runnable run late:
before a later step, or only where a step cannot begin without them.  :func:`find_race` tries this
for each LWP that becomes runnable, and then for two of them.  If a log comes out that
:func:`~reference_model.machine.allowed_logs` does not have, the scenario is a race, and the step
whose observation differs is not ordered after the step that set the LWP in motion.

A late LWP has to run before a step begins

* if it is the step's actor, or if the actor is blocked and nothing else can release it;
* if the step before it must return (verbs.def, SLEEPS) and cannot do so without it;
* if the step names it, and no step has told which process it is: the probe waits until a newborn
  has said so itself.  A newborn that is stopped cannot (:class:`Unnamed`).

The step's own call may let the LWPs that it has woken run before it returns to user mode, too.
What is not tried: an LWP that runs on another CPU in the middle of such a call.  Most of what
fork1, exit1 and wait4 do to other processes happens under proc_lock, so that others see all of it
or nothing.

Rejected: rules about what may follow what, as generated programs have them
(conformance/scenarios/programs/rules.py).  They are quick, since they need no second run, but they
refuse good scenarios.  Rejected, too: all orders of all LWPs.  One late LWP shows a race nearly
always, and two are enough for those of the families that were written to be races.

Sources: "delay-bounded scheduling" (Emmi, Qadeer and Rakamaric, POPL 2011);
conformance/probe/watch.c for the end of a step.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from reference_model.kernel import Kernel
from reference_model.language.netbsd import LSONPROC, LSRUN, LSSLEEP, SSTOP
from reference_model.language.observation import OK, Log
from reference_model.language.scenario import BIRTHS, SLEEPING, TELLING, Scenario, Step
from reference_model.machine import Machine, allowed_logs, lives
from reference_model.proc import Lwp, Sleeping
from reference_model.state import Options

#: Maximum number of runs that look for a race; a scenario of 20 steps needs about 100.
MAX_RUNS: Final = 1000
#: Maximum number of LWPs that run late in one run.
MAX_LATE: Final = 2
#: The steps that wait until other LWPs of the process have ended.
_ENDING: Final = frozenset({"exit", "_lwp_exit"})
#: The step that may sleep until the other LWPs of its process have ended; the probe goes on then.
_ENDS_OTHERS: Final = "exec"

#: For LWPs that run late, the step before which each runs; the key is the number of its wake-up.
Schedule = Mapping[int, int]


@dataclass(frozen=True, slots=True)
class Race:
    """A step whose observation depends on which process is faster.

    *late* is the actor that step *since* sets in motion, and *parent* its parent, unless that is
    init.  *ended* and *stopped* say what becomes of the actor if it is not late.
    """

    step: int
    late: str
    since: int
    parent: str | None = None
    ended: bool = False
    stopped: bool = False


@dataclass(frozen=True, slots=True)
class Unnamed:
    """A step that names *actor*, which exists, but no step has told which process it is."""

    step: int
    actor: str


@dataclass(frozen=True, slots=True)
class Endless:
    """A step whose call sleeps, though it is none that the probe lets sleep."""

    step: int


@dataclass(frozen=True, slots=True)
class _WakeUp:
    """An LWP that has become runnable, or whose call returns, and the step that was under way."""

    l: Lwp
    step: int
    returns: bool = False


class _Runq(deque[Lwp]):
    """A run queue that keeps back the LWPs that run late."""

    def __init__(self, schedule: Schedule) -> None:
        super().__init__()
        self._schedule = schedule
        #: The step that is under way, and the LWP that begins it.
        self.step = -1
        self.begins: Lwp | None = None
        self.woken: list[_WakeUp] = []
        #: The LWPs that are kept back, each with the step before which it runs.
        self.late: list[tuple[Lwp, int]] = []
        #: The step before which the last late LWP has run.
        self.released = -1

    def append(self, l: Lwp) -> None:
        if l is self.begins:
            self.begins = None
            super().append(l)
            return
        until = self._schedule.get(len(self.woken))
        self.woken.append(_WakeUp(l, self.step))
        if until is None:
            super().append(l)
        else:
            self.late.append((l, until))

    def gives_way(self, l: Lwp) -> bool:
        """Returns whether *l*, whose call is about to return, lets the others run before."""
        if not self:
            return False
        number = len(self.woken)
        self.woken.append(_WakeUp(l, self.step, returns=True))
        if number not in self._schedule:
            return False
        super().append(l)
        return True

    def release(self, entry: tuple[Lwp, int]) -> None:
        """Lets a late LWP run now."""
        self.late.remove(entry)
        self.released = self.step
        super().append(entry[0])


class LateMachine(Machine):
    """A machine in which some LWPs run late."""

    def __init__(
        self,
        roots: Iterable[str],
        kernel: Kernel,
        schedule: Schedule,
        *,
        traced: bool = False,
    ) -> None:
        super().__init__(roots, kernel, traced=traced)
        self.runq = kernel.runq = _Runq(schedule)
        #: Why the log says nothing, however fast the processes are.
        self.fault: Unnamed | Endless | None = None
        #: The actors whose process the probe knows.
        self._known = set(self.lwps)

    def run(self, steps: Sequence[Step]) -> Log:
        for step in steps:
            if not self.take(step):
                break
        self.runq.step = len(steps)
        while self.runq.late:
            self._release(self.runq.late[0])
        log = self.seen(len(steps))
        for index, word in enumerate(log):
            if self.fault is None:
                self._learn(index, word.split() if steps[index].verb not in TELLING else ())
        return log

    def take(self, step: Step) -> bool:
        index = self.runq.step = len(self.steps)
        for entry in list(self.runq.late):
            if entry[1] <= index:
                self._release(entry)
        self._bring(step.actor)
        self._learn(index, step.actors()[1:])
        unknown = self._births_under_way()
        l = self.lwps.get(step.actor)
        begins = l is not None and lives(l) and self.can_act(step.actor)
        self.runq.begins = l if begins else None
        went_well = super().take(step)
        if step.verb not in BIRTHS and len(unknown) > 1 and self.fault is None:
            # The probe takes the process of which the step tells for the child of the first birth.
            told = unknown.intersection((self.log[index] or "").split())
            self.fault = Unnamed(index, min(told)) if told else None
        if step.verb not in SLEEPING and l is not None and begins:
            ends = step.verb in _ENDING
            while self.runq.late and lives(l) and (ends or self.log[index] is None):
                self._release(self.runq.late[0])
            waits = l.l_stat == LSSLEEP and self.log[index] is None
            if waits and step.verb != _ENDS_OTHERS and self.fault is None:
                self.fault = Endless(index)
        return went_well

    def returns(self, l: Lwp) -> Sleeping:
        if self.runq.gives_way(l):
            l.l_stat = LSRUN
            yield
        yield from super().returns(l)

    def _settle(self) -> None:
        super()._settle()
        for name in self.lwps.keys() - self._known:
            l = self.lwps[name]
            if l.l_stat == LSONPROC and l.l_task is None:
                self._known.add(name)

    def _release(self, entry: tuple[Lwp, int]) -> None:
        self.runq.release(entry)
        self._settle()

    def _bring(self, name: str) -> None:
        """Lets LWPs run until the actor can act, is dead, or none of them is left."""
        while self.runq.late:
            l = self.lwps.get(name)
            if l is not None and (not lives(l) or self.can_act(name)):
                return
            own = [entry for entry in self.runq.late if entry[0] is l]
            self._release((own or self.runq.late)[0])

    def _births_under_way(self) -> set[str]:
        """Returns the newborn whose births have not returned, and of whom no step has told."""
        under_way = zip(self.steps, self.log, strict=True)
        children = {step.child for step, seen in under_way if seen is None and step.child}
        return (self.lwps.keys() & children) - self._known - self._told()

    def _learn(self, index: int, names: Iterable[str]) -> None:
        """Notes a fault if the probe cannot know which processes step *index* names."""
        for name in names:
            if name not in self.lwps.keys() - self._known - self._told():
                continue
            for entry in [entry for entry in self.runq.late if entry[0] is self.lwps[name]]:
                self._release(entry)
            if name not in self._known and self.fault is None:
                self.fault = Unnamed(index, name)

    def _told(self) -> set[str]:
        """Returns the words of all observations that tell which process an actor is."""
        told: set[str] = set()
        for step, seen in zip(self.steps, self.log, strict=True):
            if seen and step.verb in TELLING:
                told.update(seen.split())
            elif seen == OK and step.verb == "_lwp_create":
                told.add(step.args[0])
        return told


def find_race(scenario: Scenario, options: Options) -> Race | Unnamed | Endless | None:
    """Returns why the log of *scenario* says nothing about the kernel; None if it is no race.

    Raises ``OverflowError`` as :func:`~reference_model.machine.allowed_logs` does.
    """
    allowed = frozenset(allowed_logs(scenario, options))
    for machine, log, late in _runs(scenario, options):
        if machine.fault is not None:
            return machine.fault
        if late and log not in allowed:
            return _race(scenario, machine, log, allowed, late)
    return None


def _runs(
    scenario: Scenario, options: Options
) -> Iterator[tuple[LateMachine, Log, tuple[int, ...]]]:
    """Yields runs with late LWPs: their machines, logs, and the numbers of the wake-ups."""
    roots, end = scenario.roots(), len(scenario.steps)
    todo: deque[tuple[dict[int, int], tuple[int, ...]]] = deque([({}, ())])
    tried = 0
    while todo and tried < MAX_RUNS:
        schedule, choices = todo.popleft()
        kernel = Kernel(options, choices)
        machine = LateMachine(roots, kernel, schedule, traced=scenario.traced)
        log = machine.run(scenario.steps)
        tried += 1
        if max(schedule, default=-1) >= len(machine.runq.woken):
            continue  # in this order there is no such wake-up
        yield machine, log, tuple(schedule)
        for position in range(len(choices), len(kernel.widths)):
            prefix = choices + (0,) * (position - len(choices))
            todo.extend((schedule, (*prefix, n)) for n in range(1, kernel.widths[position]))
        if schedule and end not in schedule.values():
            continue
        if len(schedule) == 1:
            # It was as late as can be; now it runs before each step until then.
            [number] = schedule
            sooner = range(machine.runq.woken[number].step + 1, machine.runq.released)
            todo.extend(({number: until}, choices) for until in sooner)
        if len(schedule) < (1 if any(choices) else MAX_LATE):
            # The last ones first, so that a race is told of with the step that is nearest.
            later = range(max(schedule, default=-1) + 1, len(machine.runq.woken))
            todo.extend(({**schedule, number: end}, choices) for number in reversed(later))


def _race(
    scenario: Scenario,
    machine: LateMachine,
    log: Log,
    allowed: Iterable[Log],
    late: tuple[int, ...],
) -> Race:
    """Returns the race: the first step that differs, and the last late LWP before it."""

    def agree(other: Log) -> int:
        pairs = enumerate(zip(log, other, strict=True))
        return next((at for at, (one, two) in pairs if one != two), len(log))

    step = max(map(agree, allowed))
    wakes = [machine.runq.woken[number] for number in late]
    wake = max((w for w in wakes if w.step <= step), key=lambda w: w.step, default=wakes[0])
    since = min(wake.step, len(log) - 1)
    [name] = [name for name, l in machine.lwps.items() if l is wake.l]
    # What would have become of it until then, if it had not been late.
    in_time = Machine(scenario.roots(), Kernel(machine.k.options), traced=scenario.traced)
    for earlier in scenario.steps[: max(step, since + 1)]:
        in_time.take(earlier)
    l = in_time.lwps.get(name, wake.l)
    parent = l.l_proc.p_pptr
    return Race(
        step,
        name,
        since,
        None if parent is in_time.k.initproc else in_time.names.get(parent.p_pid),
        ended=not lives(l),
        stopped=l.l_proc.p_stat == SSTOP,
    )
