"""Runs a scenario on the model: the observation of each step, in every open order.

What a step does is a function of :mod:`reference_model.verbs`.  This module takes the steps one
after the other, gives the newborn their names, and says what is observed of a call that has not
returned.  A log has one observation for each step (docs/language.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from reference_model import kern_exit
from reference_model.kernel import Kernel
from reference_model.language.netbsd import LSONPROC, LSZOMB, SACTIVE, SSTOP
from reference_model.language.observation import (
    GONE,
    HUNG,
    NOT_REACHED,
    OK,
    UNFINISHED,
    Log,
    blocked,
)
from reference_model.language.scenario import ANONYMOUS, FORKS, Scenario, Step
from reference_model.proc import Lwp, Proc, Sleeping
from reference_model.state import Options
from reference_model.verbs import CALLS
from reference_model.verbs.call import CallError, errno_name
from reference_model.verbs.world import World

#: Maximum number of open orders in a scenario; with more, the scenario is a mistake.
MAX_ORDERS = 4096


def predict(scenario: Scenario, options: Options) -> Log:
    """Returns one expected log: the only one, if the source leaves no order open."""
    return Machine(scenario.roots(), Kernel(options), traced=scenario.traced).run(scenario.steps)


def allowed_logs(scenario: Scenario, options: Options) -> tuple[Log, ...]:
    """Returns every expected log: those that the source allows.  The first is :func:`predict`'s.

    Raises ``OverflowError`` if more than :data:`MAX_ORDERS` orders are open.
    """
    return tuple(dict.fromkeys(log for _, log in orders(scenario, options)))


def orders(scenario: Scenario, options: Options) -> Iterator[tuple[tuple[int, ...], Log]]:
    """Yields each order that is open, as :class:`Kernel` takes it, and its log."""
    todo: list[tuple[int, ...]] = [()]
    tried = 0
    roots = scenario.roots()
    while todo:
        choices = todo.pop()
        kernel = Kernel(options, choices)
        yield choices, Machine(roots, kernel, traced=scenario.traced).run(scenario.steps)
        tried += 1
        if tried > MAX_ORDERS:
            raise OverflowError(f"{scenario.name}: more than {MAX_ORDERS} orders are open")
        for position in range(len(choices), len(kernel.widths)):
            prefix = choices + (0,) * (position - len(choices))
            todo.extend((*prefix, other) for other in range(1, kernel.widths[position]))


def lives(l: Lwp) -> bool:
    """Returns whether the LWP, and its process, has not ended."""
    return l.l_proc.p_stat in (SACTIVE, SSTOP) and l.l_stat != LSZOMB


class Machine(World):
    """One scenario on one kernel, step by step."""

    def __init__(self, roots: Iterable[str], kernel: Kernel, *, traced: bool = False) -> None:
        """Makes a machine; if the scenario is *traced*, logs leave out when a call was blocked."""
        super().__init__(kernel)
        self.traced = traced
        self.log: list[str | None] = []
        kernel.fork_hooks.append(self._born)
        for root in roots:
            proc = kernel.new_root()
            self.lwps[root] = proc.p_lwps[0]
            self.names[proc.p_pid] = root

    def run(self, steps: Sequence[Step]) -> Log:
        """Takes all steps, and returns one observation for each."""
        for step in steps:
            if not self.take(step):
                break
        return self.seen(len(steps))

    def seen(self, number: int) -> Log:
        """Returns the observations of *number* steps, if no more of them are taken."""
        seen = [
            self._without_result(i) if word is None else word for i, word in enumerate(self.log)
        ]
        return (*seen, *[NOT_REACHED] * (number - len(seen)))

    def take(self, step: Step) -> bool:
        """Takes one step, and adds its observation to ``log``; returns False where it hangs.

        The observation is None until the call has returned.
        """
        index = len(self.steps)
        self.steps.append(step)
        self.log.append(None)
        l = self.lwps.get(step.actor)
        if l is None or not lives(l):
            self.log[index] = GONE
        elif not self.can_act(step.actor):
            self.log[index] = HUNG
            return False
        else:
            self.k.start(l, self._step(index, step, l))
            self._settle()
        return True

    def alive(self) -> list[str]:
        """Returns the actors that have been born and have not ended."""
        return [name for name, l in self.lwps.items() if name != ANONYMOUS and lives(l)]

    def can_act(self, name: str) -> bool:
        """Returns whether the actor, which is alive, could take a step now."""
        l = self.lwps[name]
        return l.l_task is None and l.l_stat == LSONPROC and name not in self.replaced

    def _without_result(self, index: int) -> str:
        """Returns the observation of a step that has not returned when the scenario ends."""
        l = self.lwps[self.steps[index].actor]
        return UNFINISHED if lives(l) else GONE

    def _settle(self) -> None:
        """Runs every LWP that can run, also those that act without a step."""
        while True:
            self.k.settle()
            ready = [entry for entry in self.programs if entry[0].l_task is None]
            if not ready:
                return
            for entry in ready:
                self.programs.remove(entry)
                l, program = entry
                if l.l_stat == LSONPROC:
                    self.k.start(l, program(l))

    def _born(self, p2: Proc, p1: Proc) -> None:
        """Gives the newborn the name that the scenario has for it; the kernel calls this."""
        name = self.newborn[p1]
        self.names[p2.p_pid] = name
        l2 = p2.p_lwps[0]
        self.lwps[name] = l2
        self.fp_kept[l2] = l2.l_fpregs == name
        if name == ANONYMOUS:
            self.programs.append((l2, self._exit_at_once))

    def _exit_at_once(self, l: Lwp) -> Sleeping:
        yield from kern_exit.exit1(self.k, l, 0, 0)

    def returns(self, l: Lwp) -> Sleeping:
        """Returns from a call to user mode."""
        yield from self.k.userret(l)

    def call(self, step: Step, l: Lwp) -> str | Sleeping:
        """Makes the call of *step*; returns its observation, or a generator that does."""
        return CALLS[step.verb].function(self, l, *step.args)

    def _step(self, index: int, step: Step, l: Lwp) -> Sleeping:
        """Makes the call of *step*, and returns to user mode."""
        if not CALLS[step.verb].returns:
            self.log[index] = OK
        try:
            seen = self.call(step, l)
            if not isinstance(seen, str):
                seen = yield from seen
        except CallError as refusal:
            seen = errno_name(refusal.error)
        yield from self.returns(l)
        now = len(self.steps) - 1
        if step.verb in FORKS and now > index and not self.traced:
            seen = blocked(seen, now)
        self.log[index] = seen
