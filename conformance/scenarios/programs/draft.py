"""A program under way: what may be done next, so that what is seen depends on nobody's speed.

What a step sets in motion in another process happens in that one's own time.  So
whoever goes on has to act next; whoever stops or ends has to be waited for next;
and whose stop nobody has seen yet may not be named.  The model tells which they are.
"""

from __future__ import annotations

from typing import Final

from conformance.scenarios.needs import needs_of
from conformance.verbs import DRAWN, NOT_DRAWN
from conformance.verbs.scene import Scene
from reference_model import Options, Scenario, Step
from reference_model.kernel import Kernel
from reference_model.language.netbsd import PL_PPWAIT, PSL_TRACED, SACTIVE, SIGCHLD, SSTOP
from reference_model.language.scenario import ANONYMOUS, BIRTHS, MAX_ACTORS, MAX_STEPS, NOBODY
from reference_model.machine import Machine
from reference_model.proc import Lwp, Proc

_NAMES = "CDEFHIJ"
#: How the observation of a wait speaks that nobody drew, but that has to be.
WAITS: Final = DRAWN["wait4"].clause(())


class Draft:
    """A program under way, and the model that plays it."""

    def __init__(
        self, options: Options, lacks: frozenset[str], roots: tuple[str, ...], *, traced: bool
    ) -> None:
        self._options, self._lacks = options, lacks
        self.roots, self.traced = roots, traced
        self.steps: list[Step] = []
        self.ready, self._held, self._stopped = list(roots), set[str](), set[str]()
        #: Who has to act next, and whom it has to wait for, one after the other.
        self.next: str | None = None
        self._due: list[str] = []
        #: Who acts next, if anybody does.
        self.again: str | None = None
        #: Newborns that stop as they are born, in their own time, and have not been waited for.
        self.unseen: list[str] = []
        #: Who goes on after a stop in its own time, until it acts.
        self._loose: set[str] = set()
        #: Who has been told of.
        self.told = list(roots)
        #: Steps whose calls have not returned.
        self._open: list[int] = []
        self._names = iter(_NAMES[: MAX_ACTORS - len({*roots, "P"})])
        self.child = next(self._names)
        self._start()

    @property
    def has_nameless(self) -> bool:
        """Whether the last step gave birth to the child that has no name."""
        word = self.machine.log[-1]
        born = word is None or word.startswith(ANONYMOUS)
        return self.steps[-1].child == ANONYMOUS and born

    @property
    def orders(self) -> bool:
        """Whether the source leaves an order open."""
        return bool(self.machine.k.widths)

    def _start(self) -> None:
        self.machine = Machine(self.roots, Kernel(self._options), traced=self.traced)

    def _proc(self, name: str) -> Proc:
        return self.machine.lwps[name].l_proc

    def _waiter(self, name: str) -> str | None:
        """The actor that can wait for *name* now."""
        parent = self.machine.names.get(self._proc(name).p_pptr.p_pid)
        return parent if parent in self.ready else None

    def _allowed(self, step: Step) -> bool:
        """Whether the step leaves alone what goes on in its own time."""
        if (
            step.verb in NOT_DRAWN
            or needs_of(step) & self._lacks
            or self.next not in (None, step.actor)
            or self.again not in (None, step.actor)
        ):
            return False
        if self._due and (step.verb != "wait4" or step.args[0] != self._due[0] or not _waits(step)):
            return False
        others = {n for n in step.actors()[1:] if n in self.machine.lwps} - {step.actor}
        if self._loose & others or not others <= set(self.told):
            return False
        if not all(map(self._stays, others)):
            return False
        if step.verb != "wait4" and others & self.machine.replaced:
            return False  # when exec is over, and so what it shows, nobody says
        hazards = DRAWN[step.verb].hazards
        if hazards and set(step.actors()) - {step.child} <= self.machine.lwps.keys():
            scene = Scene(self.machine, step.actor, self.child, self.told, self.traced)
            if any(hazard.found(scene, step.args) for hazard in hazards):
                return False
        if step.verb in BIRTHS and self.traced and self._birth_under_way():
            return False  # whoever is told of next might be either's child
        if not self.unseen or _waits(step):
            return True
        # Who is told of the stop gets SIGCHLD, and what that does must not change meanwhile.
        told = {waiter for name in self.unseen if (waiter := self._waiter(name)) is not None}
        if step.actor in told and not (step.verb.startswith("PT_") and step.verb != "PT_TRACE_ME"):
            return False
        return others.isdisjoint({*self.unseen, *told})

    def _birth_under_way(self) -> bool:
        children = (self.steps[index].child for index in self._open)
        return any(child is not None and child not in self.told for child in children)

    def add(self, step: Step) -> bool:
        """Take the step, unless what comes of it is a race."""
        if len(self.steps) == MAX_STEPS or not self._allowed(step):
            return False
        machine = self.machine
        orders = len(machine.k.widths)
        may_sleep = self._may_sleep(step)
        waiting = [
            (l.l_proc, l.l_proc.p_vforklwp)
            for l in machine.lwps.values()
            if l.l_proc.p_lflag & PL_PPWAIT and _has_a_terminal(l.l_proc)
        ]
        machine.k.ran.clear()
        machine.take(step)
        alive = machine.alive()
        ready = [name for name in alive if machine.can_act(name)]
        outcome = self._outcome(step, ready)
        if outcome is not None and (others := self._due[1:]):
            who, more = outcome
            outcome = (step.actor, [*others, *more]) if who in (None, step.actor) else None
        if (
            outcome is None
            or (self.traced and len(machine.k.widths) > orders)
            or any(not p.p_lflag & PL_PPWAIT and _is_signalled(p, l) for p, l in waiting)
            or not self._is_quiet(alive)
            or any(map(self._is_deaf, alive))
            or self._dies_of_it(step, alive)
            or (step.verb == "records" and machine.log[-1] is None and step.actor in alive)
        ):
            self._start()
            machine.k.ran.clear()
            for earlier in self.steps:
                self.machine.take(earlier)
            return False
        self.next, self._due = outcome
        free = self.next is None and step.actor in ready
        self.again = step.actor if may_sleep and free else None
        self._note(step, alive, ready)
        return True

    def _may_sleep(self, step: Step) -> bool:
        """Whether the step waits for what somebody else does in its own time.

        A step is over when its process sleeps, so what it waits for may not have
        happened by then.  Once the same actor has acted again, it has.
        """
        if not _waits(step):
            return False
        whom = step.args[0]
        return bool(self._due) or whom in (ANONYMOUS, "any") or whom in self.unseen

    def _dies_of_it(self, step: Step, alive: list[str]) -> bool:
        """Whether the actor dies as the tracee of whom it ends: maybe before its call returns."""
        return (
            step.actor not in alive
            and step.verb not in ("exit", "exec")
            and any(name in self.machine.lwps and name not in alive for name in step.actors()[1:])
        )

    def _outcome(self, step: Step, ready: list[str]) -> tuple[str | None, list[str]] | None:
        """Who has to act next, and for whom it has to wait; None where several have to."""
        machine = self.machine
        wanted: dict[str, list[str]] = {}
        for l in sorted(machine.k.ran, key=lambda l: l.l_lid):
            name, p = machine.names[l.l_proc.p_pid], l.l_proc
            if name == ANONYMOUS or (name == step.actor and step.verb != "exec"):
                continue
            if name == step.child and name not in self._held and p.p_stat in (SACTIVE, SSTOP):
                continue
            if name in self._loose and name not in ready:
                return None
            if p.p_stat == SACTIVE:
                if name in self._held and name in ready and not self._was_stopped(name):
                    wanted.setdefault(name, [])
            elif p.p_stat != SSTOP or not p.p_waited:
                parent = machine.names.get(p.p_pptr.p_pid)
                if parent not in ready:
                    return None
                if p in machine.k.zombproc or p.p_stat == SSTOP:
                    wanted.setdefault(parent, []).append(name)
        if len(wanted) > 1:
            return None
        return next(iter(wanted.items())) if wanted else (None, [])

    def _was_stopped(self, name: str) -> bool:
        """Whether a tracer held the process: when it goes on is of no matter to others."""
        return self.traced and name in self._stopped

    def _is_quiet(self, alive: list[str]) -> bool:
        """Whether init has nothing to do that counts, and no stopped process lost its keeper."""
        machine = self.machine
        init = machine.k.initproc
        orphans = any(
            self._proc(name).p_pptr is init
            for name in machine.lwps
            if name not in self.roots or name not in alive
        )
        counted = any(l.l_cred is not machine.k.root_cred for l in machine.lwps.values())
        if orphans and (counted or machine.k.maxproc != self._options.maxproc):
            return False
        if any(name in alive for name in self.roots):
            return True
        return not any(self._proc(name).p_stat == SSTOP for name in alive)

    def _is_deaf(self, name: str) -> bool:
        """Whether a signal waits for who is stopped by a tracer: when it is looked at is open.

        kern_sig.c, kpsignal2(), line 1459: it is pending, and no LWP is told.
        """
        l = self.machine.lwps[name]
        p = l.l_proc
        pending = (p.p_sigpend | l.l_sigpend) & ~l.l_sigmask
        return bool(p.p_stat == SSTOP and p.p_slflag & PSL_TRACED and pending)

    def _note(self, step: Step, alive: list[str], ready: list[str]) -> None:
        """Keep what the step has changed."""
        machine, index = self.machine, len(self.steps)
        self.steps.append(step)
        held = set(alive) - set(ready)
        self._loose.discard(step.actor)
        self._loose |= {n for n in self._held & set(ready) if self._was_stopped(n)} - {step.actor}
        self.ready, self._held = ready, held
        self._stopped = {n for n in held if self._proc(n).p_stat == SSTOP}
        self._tell(step.actor)
        self._open.append(index)
        for i in self._open[:]:
            seen, actor = machine.log[i], self.steps[i].actor
            if seen is None or actor in self._loose:
                continue
            self._open.remove(i)
            if self.steps[i].verb in (*BIRTHS, "wait4", "PT_GET_PROCESS_STATE"):
                for word in seen.split():
                    if word in machine.lwps:
                        self._tell(word)
        if step.child in machine.lwps and step.child != ANONYMOUS:
            p = self._proc(step.child)
            if p.p_stat == SSTOP and p.p_slflag & PSL_TRACED:
                self.unseen.append(step.child)
        if step.child == self.child:
            self.child = next(self._names, ANONYMOUS)
        self.unseen = [
            name
            for name in self.unseen
            if self._proc(name).p_stat == SSTOP and not self._proc(name).p_waited
        ]

    def _tell(self, name: str) -> None:
        if name not in self.told and name not in NOBODY:
            self.told.append(name)

    def due(self) -> Step | None:
        """The wait that has to be the next step, if one has to."""
        return self._wait_for(self._due[0], self.next) if self._due and self.next else None

    def own(self) -> Step | None:
        """A step for whoever has to act next."""
        if self._due or self.next is None:
            return self.due()
        return Step(self.next, "getppid", (), DRAWN["getppid"].clause(()))

    def _wait_for(self, name: str, waiter: str) -> Step:
        stopped = self._proc(name).p_stat == SSTOP
        options = "WUNTRACED|WALLSIG" if stopped else "WALLSIG"
        return Step(waiter, "wait4", (name, options), WAITS)

    def expected(self) -> Step | None:
        """What a tracer does next about a stop that it has not seen."""
        for name in (*self._stopped, *self.unseen):
            p, waiter = self._proc(name), self._waiter(name)
            if waiter is None or p.p_waited or not p.p_slflag & PSL_TRACED:
                continue
            if name in self.told:
                return self._wait_for(name, waiter)
            parent = self.machine.names[p.p_oppid]
            if self._stopped_and_seen(parent) and self._waiter(parent) == waiter:
                # Only from the parent's stop does it learn who the newborn is.
                entry = DRAWN["PT_GET_PROCESS_STATE"]
                return Step(waiter, "PT_GET_PROCESS_STATE", (parent,), entry.clause(()))
        return None

    def _stopped_and_seen(self, name: str) -> bool:
        p = self._proc(name)
        return p.p_stat == SSTOP and bool(p.p_waited)

    def scene(self, actor: str) -> Scene:
        told = [
            name
            for name in self.told
            if name == actor
            or (name in self.machine.lwps and name not in self._loose and self._stays(name))
        ]
        return Scene(self.machine, actor, self.child, told, self.traced)

    def _stays(self, name: str) -> bool:
        """Whether its number stays what it is: init waits for the dead in its own time."""
        p = self._proc(name)
        return p.p_stat in (SACTIVE, SSTOP) or p.p_pptr is not self.machine.k.initproc

    def finish(self) -> bool:
        """Let everybody go who is still held; whether all calls have come to their end."""
        while len(self.steps) < MAX_STEPS:
            step = self.own()
            if step is not None:
                if not self.add(step):
                    return False
            elif not self._release() and (self.is_over() or not self._act_again()):
                break
        return self.is_over()

    def _act_again(self) -> bool:
        """Let the one act who has to before anybody else does."""
        clause = DRAWN["getppid"].clause(())
        return self.again is not None and self.add(Step(self.again, "getppid", (), clause))

    def is_over(self) -> bool:
        """Whether all calls have come to their end, and nothing has to be waited for."""
        alive = self.machine.alive()
        calls = all(self.steps[i].actor not in alive for i in self._open)
        return calls and self.next is None

    def _release(self) -> bool:
        """One step that lets somebody go on, or towards it."""
        if (step := self.expected()) is not None:
            return self.add(step)
        held = [name for name in sorted(self._held) if name not in self.machine.replaced]
        for name in held:
            p, waiter = self._proc(name), self._waiter(name)
            if p.p_stat != SSTOP:
                continue
            if p.p_slflag & PSL_TRACED:
                if waiter is None:
                    continue
                go_on = Step(waiter, "PT_CONTINUE", (name,), DRAWN["PT_CONTINUE"].clause(()))
                if self.add(go_on if p.p_waited else self._wait_for(name, waiter)):
                    return True
            elif name in self.told and any(
                self.add(Step(who, "kill", (name, "SIGCONT"))) for who in self.ready[:2]
            ):
                return True
        if not held:
            return False
        return any(self.add(Step(who, "exit", ("0",))) for who in reversed(self.ready))


def _waits(step: Step) -> bool:
    """Whether the step may sleep until somebody ends or stops."""
    return step.verb == "wait4" and "WNOHANG" not in step.args[-1]


def _has_a_terminal(p: Proc) -> bool:
    """Whether exit1 lets go of proc_lock, for a session's terminal (kern_exit.c, lines 365-420).

    Else it holds it from the release of a parent that waits in vfork until the
    parent has its signal, and that one cannot go on before.
    """
    return p.p_session.s_leader is p and p.p_session.s_ttyvp is not None


def _is_signalled(p: Proc, l: Lwp | None) -> bool:
    """Whether the end of *p*, which lets *l* go on, signals that too."""
    if l is None or p.p_stat in (SACTIVE, SSTOP):
        return False
    q = l.l_proc
    signo = SIGCHLD if p.p_slflag & PSL_TRACED else p.p_exitsig
    dropped = q.p_sigctx.ps_sigignore >> signo & 1 and not q.p_slflag & PSL_TRACED
    return p.p_pptr is q and signo != 0 and not l.l_sigmask >> signo & 1 and not dropped


def is_orderly(scenario: Scenario, options: Options) -> bool:
    """Whether each step may be taken where it stands, and all calls come to their end."""
    draft = Draft(options, frozenset(), scenario.roots(), traced=scenario.traced)
    waits_for: str | None = None
    for step in scenario.steps:
        if waits_for is not None and (step.actor, step.verb, step.args[:1]) != (
            waits_for,
            "wait4",
            (ANONYMOUS,),
        ):
            return False
        if step.actor not in draft.ready or not draft.add(step):
            return False
        waits_for = step.actor if draft.has_nameless else None
    return waits_for is None and draft.is_over()
