"""What a step needs of the kernel that takes it: what its verb needs, and some of its fields."""

from __future__ import annotations

from collections.abc import Iterable

from reference_model import Scenario, Step
from reference_model.language.scenario import ADDRESSES, SIGNAL_SETS
from reference_model.language.verbs import VERBS, Need

#: A guest of our own: it has no other users and processes, so a step may change the whole system.
ALONE = Need.ALONE.name
#: What each verb needs that not every kernel has (the words of a probe's ``lacks=``).
NEEDS = {name: verb.needs.name for name, verb in VERBS.items() if verb.needs is not Need.NOTHING}
#: Fields that only a guest of our own is made to show: addresses, and what its procfs has.
_HIDDEN = frozenset({*ADDRESSES, "p_textvp"})
#: Fields that Linux tells of a process, too.
_TOLD_BY_LINUX = frozenset({"p_nice", "p_ppid", "p_realstat", *SIGNAL_SETS})
_REASONS = {
    Need.NETBSD.name: "needs NetBSD",
    ALONE: "runs only in a QEMU guest: it changes system-wide settings",
    "CLOFORK": "kernel without close-on-fork",
}


def needs_of(step: Step) -> frozenset[str]:
    """Returns all that the step needs."""
    found = set()
    # Linux, too, tells the nice value of a process.
    if step.verb in NEEDS and not (step.verb == "kinfo" and step.args[1] in _TOLD_BY_LINUX):
        found.add(NEEDS[step.verb])
    if step.verb == "compare" and step.args[2] in _HIDDEN:
        found.add(ALONE)
    return frozenset(found)


def needs(scenario: Scenario) -> frozenset[str]:
    """Returns all that the scenario's steps need."""
    return frozenset().union(*map(needs_of, scenario.steps))


def reason(option: str) -> str:
    """Returns why a scenario that needs *option* is not decided without it."""
    return _REASONS.get(option, f"kernel without {option}")


def first_lack(scenario: Scenario, lacks: Iterable[str]) -> str | None:
    """Returns the first of *lacks*, by name, that the scenario needs."""
    return min(needs(scenario) & frozenset(lacks), default=None)
