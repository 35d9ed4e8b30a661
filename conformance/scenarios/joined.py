"""Joins two scenarios into one: the steps of the first, then those of the second."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from string import ascii_uppercase

from reference_model import Scenario, Step
from reference_model.language.scenario import MAX_ACTORS, MAX_STEPS, NAMING, VERBS


def joined(first: Scenario, second: Scenario, clause: str | None = None) -> Scenario | None:
    """Returns a scenario with the steps of *first*, then those of *second*.

    If *clause* is given, the steps of *second* test this clause instead of their own.  An actor of
    *first* gets another name if *second* has one of that name.  Returns None if the scenario would
    have too many steps or actors.
    """
    ours, theirs = _actors(first), _actors(second)
    if len(first.steps) + len(second.steps) > MAX_STEPS or len(ours) + len(theirs) > MAX_ACTORS:
        return None
    free = [name for name in ascii_uppercase if name not in {*ours, *theirs}]
    names = {name: free.pop(0) if name in theirs else name for name in ours}
    steps = [
        replace(_renamed(step, names), about=step.about or first.about[0]) for step in first.steps
    ]
    steps += [replace(step, about=clause or step.about or second.about[0]) for step in second.steps]
    about = tuple(dict.fromkeys((clause or second.about[0], *second.about, *first.about)))
    return Scenario(f"{second.name}/after/{first.name}", about, tuple(steps))


def _actors(scenario: Scenario) -> list[str]:
    return list(dict.fromkeys(name for step in scenario.steps for name in step.actors()))


def _renamed(step: Step, names: Mapping[str, str]) -> Step:
    """Returns *step* with the new names of its actors."""
    kinds = [kind.rstrip("?") for kind in VERBS[step.verb]]
    args = [
        names.get(arg, arg) if kind in NAMING else arg
        for kind, arg in zip(kinds, step.args, strict=False)
    ]
    return replace(step, actor=names[step.actor], args=tuple(args))
