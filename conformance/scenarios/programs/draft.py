"""A program under way: takes steps that no rule forbids, and brings the program to its end.

:mod:`~conformance.scenarios.programs.rules` has the rules, and says why they are needed.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from conformance.scenarios.decidable import undecidable
from conformance.scenarios.programs.rules import (
    CANNOT_ACT,
    NAMELESS_FIRST,
    NOT_OVER,
    RACE_IN_AN_ORDER,
    Rule,
    Setting,
    beginning,
    refusal,
    successor,
)
from conformance.verbs import DRAWN
from conformance.verbs.scene import Scene
from reference_model import Options, Scenario, Step
from reference_model.language.netbsd import PSL_TRACED, SSTOP
from reference_model.language.scenario import ANONYMOUS, MAX_STEPS

#: The clause of a wait that is not drawn, but has to be taken.
WAIT_CLAUSE: Final = DRAWN["wait4"].clause(())


class Draft:
    """A program under way, and the model that plays it."""

    def __init__(
        self, options: Options, lacks: frozenset[str], roots: tuple[str, ...], *, traced: bool
    ) -> None:
        self.state = beginning(Setting(options, lacks, roots, traced))

    @property
    def has_nameless(self) -> bool:
        """Whether the last step gave birth to the child that has no name."""
        word = self.state.machine.log[-1]
        born = word is None or word.startswith(ANONYMOUS)
        return self.state.steps[-1].child == ANONYMOUS and born

    @property
    def has_open_order(self) -> bool:
        """Whether the source leaves an order open."""
        return bool(self.state.machine.k.widths)

    def add(self, step: Step) -> bool:
        """Takes the step where no rule forbids it; returns whether it did."""
        return self.take(step) is None

    def take(self, step: Step) -> Rule | None:
        """Takes the step; returns the rule that forbids it, and then takes nothing."""
        rule = refusal(self.state, step)
        if rule is not None:
            return rule
        after = successor(self.state, step)
        if not isinstance(after, Rule):
            self.state = after
            return None
        machine = self.state.setting.start()
        for earlier in self.state.steps:
            machine.take(earlier)
        self.state = replace(self.state, machine=machine)
        return after

    def scene(self, actor: str) -> Scene:
        """Returns what a step of *actor* is drawn from."""
        state = self.state
        known = [
            name
            for name in state.known
            if name == actor
            or (name in state.machine.lwps and name not in state.resumed_unsynchronised)
        ]
        return Scene(state.machine, actor, state.child, known, state.setting.traced)

    def due(self) -> Step | None:
        """Returns the wait that has to be the next step, if one has to."""
        state = self.state
        if not state.to_wait_for or not state.must_act_next:
            return None
        return self._wait_for(state.to_wait_for[0], state.must_act_next)

    def expected(self) -> Step | None:
        """Returns what a tracer does next about a stop that it has not seen."""
        state = self.state
        for name in (*state.stopped, *state.unseen_stops):
            p, waiter = state.proc(name), state.waiter(name)
            if waiter is None or p.p_waited or not p.p_slflag & PSL_TRACED:
                continue
            if name in state.known:
                return self._wait_for(name, waiter)
            parent = state.machine.names[p.p_oppid]
            q = state.proc(parent)
            if q.p_stat == SSTOP and q.p_waited and state.waiter(parent) == waiter:
                # Only from the parent's stop does it learn which process the newborn is.
                return _step(waiter, "PT_GET_PROCESS_STATE", parent)
        return None

    def _wait_for(self, name: str, waiter: str) -> Step:
        stopped = self.state.proc(name).p_stat == SSTOP
        return _step(waiter, "wait4", name, "WUNTRACED|WALLSIG" if stopped else "WALLSIG")

    def finish(self) -> bool:
        """Releases every blocked process; returns whether all calls have returned."""
        while len(self.state.steps) < MAX_STEPS:
            step = self._next()
            if step is not None:
                if not self.add(step):
                    return False
            elif not self._release() and (self.state.is_over() or not self._act_first()):
                break
        return self.state.is_over()

    def _next(self) -> Step | None:
        """Returns a step of the actor that has to act next."""
        if self.state.to_wait_for or self.state.must_act_next is None:
            return self.due()
        return _step(self.state.must_act_next, "getppid")

    def _act_first(self) -> bool:
        """Takes a step of the actor that acts before any other does."""
        actor = self.state.acts_first
        return actor is not None and self.add(_step(actor, "getppid"))

    def _release(self) -> bool:
        """Takes a step that releases a blocked process, or leads to that."""
        if (step := self.expected()) is not None:
            return self.add(step)
        state = self.state
        blocked = [name for name in sorted(state.blocked) if name not in state.machine.replaced]
        for name in blocked:
            p, waiter = state.proc(name), state.waiter(name)
            if p.p_stat != SSTOP:
                continue
            if p.p_slflag & PSL_TRACED:
                if waiter is None:
                    continue
                resume = _step(waiter, "PT_CONTINUE", name)
                if self.add(resume if p.p_waited else self._wait_for(name, waiter)):
                    return True
            elif name in state.known and any(
                self.add(_step(actor, "kill", name, "SIGCONT")) for actor in state.ready[:2]
            ):
                return True
            # A step that was refused has had the model played anew.
            state = self.state
        if not blocked:
            return False
        return any(self.add(_step(actor, "exit", "0")) for actor in reversed(state.ready))


def _step(actor: str, verb: str, *args: str) -> Step:
    return Step(actor, verb, args, DRAWN[verb].clause(args))


def disorder(scenario: Scenario, options: Options) -> Rule | None:
    """Returns the rule that forbids a step of the scenario, or its end; None where none does."""
    draft = Draft(options, frozenset(), scenario.roots(), traced=scenario.traced)
    waits_for_nameless: str | None = None
    for step in scenario.steps:
        due = (waits_for_nameless, "wait4", (ANONYMOUS,))
        if waits_for_nameless is not None and (step.actor, step.verb, step.args[:1]) != due:
            return NAMELESS_FIRST
        if step.actor not in draft.state.ready:
            return CANNOT_ACT
        rule = draft.take(step)
        if rule is not None:
            return rule
        waits_for_nameless = step.actor if draft.has_nameless else None
    if waits_for_nameless is not None or not draft.state.is_over():
        return NOT_OVER
    if draft.has_open_order and undecidable(scenario, options) is not None:
        return RACE_IN_AN_ORDER
    return None


def is_orderly(scenario: Scenario, options: Options) -> bool:
    """Returns whether each step may be taken where it stands, and all calls come to their end."""
    return disorder(scenario, options) is None
