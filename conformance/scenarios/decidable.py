"""Says of a scenario that a person gives why it cannot be decided, and how to write it instead.

:mod:`reference_model.races` plays the scenario with processes that run late, and so finds out
whether its log depends on which process is faster.  Here what it finds becomes a rule and a line.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from conformance.scenarios.programs.rules import (
    NO_ROOT_LEFT,
    PENDING_IN_TRACEE,
    has_pending_signal,
)
from conformance.verbs import ENTRIES
from conformance.verbs.entry import Drawn
from conformance.verbs.scene import Scene
from reference_model import Kernel, Options, Scenario
from reference_model.language.netbsd import SSTOP
from reference_model.language.scenario import ANONYMOUS
from reference_model.machine import Machine
from reference_model.races import Endless, Race, Unnamed, find_race


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule that a scenario has to keep, so that its log says something about the kernel.

    ``why`` is the sentence for a step that breaks it, ``instead`` how to write the step.  Both
    are formats: ``late`` and ``parent`` are actors, ``since`` is a step.
    """

    name: str
    why: str
    instead: str


UNKNOWN: Final = Rule(
    "UNKNOWN",
    "no step has told which process {late} is",
    "name {late} after its first step, or after a wait4 or PT_GET_PROCESS_STATE that tells of it",
)
UNSEEN_END: Final = Rule(
    "UNSEEN_END",
    "nothing orders it after the end of {late}, which follows {since}",
    "let {parent} take 'wait4 {late}' first",
)
UNSEEN_STOP: Final = Rule(
    "UNSEEN_STOP",
    "nothing orders it after the stop of {late}, which follows {since}",
    "let {parent} take 'wait4 {late} WUNTRACED' first",
)
WAIT_UNDER_WAY: Final = Rule(
    "WAIT_UNDER_WAY",
    "the wait of {parent} may not be over, since {late} ends or stops in its own time",
    "let {parent} take a step before",
)
UNSYNCHRONISED: Final = Rule(
    "UNSYNCHRONISED",
    "nothing orders it after {since}, which lets {late} go on",
    "let {late} take a step first",
)
RETURNS_LATER: Final = Rule(
    "RETURNS_LATER",
    "{since} lets its call return, but other steps come before the next one of {late}",
    "let {late} take the next step",
)
ENDLESS: Final = Rule(
    "ENDLESS",
    "the call waits for another process, and only forks and waits may do so",
    "let that process act before this step",
)
LEFT_TO_ITSELF: Final = Rule(
    "LEFT_TO_ITSELF",
    "nothing orders it after {since}, since nobody can wait for {late}",
    "leave the step out, or let {late} keep a parent that waits for it",
)
NOT_IN_MODEL: Final = Rule(
    "NOT_IN_MODEL",
    "{why}",
    "leave the step out, or see to it that {where}",
)
TOO_MANY_ORDERS: Final = Rule(
    "TOO_MANY_ORDERS",
    "the scenario leaves too many orders open",
    "write several shorter scenarios",
)
RULES: Final = (
    UNKNOWN,
    UNSEEN_END,
    UNSEEN_STOP,
    WAIT_UNDER_WAY,
    UNSYNCHRONISED,
    RETURNS_LATER,
    LEFT_TO_ITSELF,
    ENDLESS,
    NOT_IN_MODEL,
    TOO_MANY_ORDERS,
)


@dataclass(frozen=True, slots=True)
class Broken:
    """A rule that a scenario breaks, and the line that says so."""

    rule: Rule
    line: str


@lru_cache(maxsize=4096)
def undecidable(scenario: Scenario, options: Options) -> Broken | None:
    """Returns the rule that *scenario* breaks; None if its log does not depend on speed."""
    try:
        race = find_race(scenario, options)
    except OverflowError:
        return Broken(TOO_MANY_ORDERS, _line(TOO_MANY_ORDERS, scenario, None))
    if race is None:
        return _hazard(scenario, options)
    if isinstance(race, Endless):
        return Broken(ENDLESS, _line(ENDLESS, scenario, race.step))
    if isinstance(race, Unnamed):
        return Broken(UNKNOWN, _line(UNKNOWN, scenario, race.step, late=race.actor))
    rule = _rule(race, scenario)
    since = f"step {race.since} {scenario.steps[race.since].call()!r}"
    return Broken(
        rule,
        _line(rule, scenario, race.step, late=race.late, since=since, parent=race.parent or "init"),
    )


def _hazard(scenario: Scenario, options: Options) -> Broken | None:
    """Returns the first step whose observation the model does not foresee."""
    machine = Machine(scenario.roots(), Kernel(options), traced=scenario.traced)
    for index, step in enumerate(scenario.steps):
        entry = ENTRIES[step.verb].programs
        others = {*step.actors()} - {step.child}
        if isinstance(entry, Drawn) and entry.hazards and others <= machine.lwps.keys():
            scene = Scene(machine, step.actor, ANONYMOUS, [*machine.lwps], scenario.traced)
            for hazard in entry.hazards:
                if hazard.unforeseen and hazard.found(scene, step.args):
                    words = {"why": hazard.why, "where": f"it is not so that {hazard.where}"}
                    return Broken(NOT_IN_MODEL, _line(NOT_IN_MODEL, scenario, index, **words))
        went_well = machine.take(step)
        alive = machine.alive()
        stopped = [name for name in alive if machine.lwps[name].l_proc.p_stat == SSTOP]
        why = None
        if scenario.traced and any(has_pending_signal(machine.lwps[name]) for name in stopped):
            why = PENDING_IN_TRACEE.text, "no signal comes to a tracee that has stopped"
        elif stopped and not set(alive).intersection(scenario.roots()):
            why = NO_ROOT_LEFT.text, "a root lives"
        if why is not None:
            words = dict(zip(("why", "where"), why, strict=True))
            return Broken(NOT_IN_MODEL, _line(NOT_IN_MODEL, scenario, index, **words))
        if not went_well:
            break
    return None


def _rule(race: Race, scenario: Scenario) -> Rule:
    if race.step < len(scenario.steps) and scenario.steps[race.step].actor == race.late:
        return RETURNS_LATER
    if not (race.ended or race.stopped or race.late == ANONYMOUS):
        return UNSYNCHRONISED
    if race.parent is None:
        return LEFT_TO_ITSELF
    between = scenario.steps[race.since + 1 : race.step]
    if any(step.verb == "wait4" and step.actor == race.parent for step in between):
        return WAIT_UNDER_WAY
    return UNSEEN_STOP if race.stopped else UNSEEN_END


def _line(rule: Rule, scenario: Scenario, step: int | None, **words: str) -> str:
    at = "" if step is None else f"step {step} {scenario.steps[step].call()!r}: "
    why, instead = rule.why.format(**words), rule.instead.format(**words)
    return f"{at}{why} (rule {rule.name}): {instead}"
