"""What a step needs of the kernel: the needs of its verb, and those of some fields."""

from __future__ import annotations

from collections.abc import Iterable

from reference_model import Scenario, Step
from reference_model.language.netbsd import WAIT6_OPTIONS, WNOZOMBIE, WTRAPPED
from reference_model.language.scenario import ADDRESSES, SIGNAL_SETS, bits_value
from reference_model.language.verbs import VERBS, Need

#: A QEMU guest without other users and processes: a step may change the whole system.
ALONE = Need.ALONE.name
#: The need of each verb that has one (the words of a probe's ``lacks=``).
NEEDS = {name: verb.needs.name for name, verb in VERBS.items() if verb.needs is not Need.NOTHING}
#: Fields that only such a guest shows: addresses, and those of its procfs.
_HIDDEN = frozenset({*ADDRESSES, "p_textvp"})
#: Fields that Linux shows, too.
_TOLD_BY_LINUX = frozenset({"p_nice", "p_ppid", "p_realstat", *SIGNAL_SETS})
_REASONS = {
    Need.NETBSD.name: "needs NetBSD",
    ALONE: "runs only in a QEMU guest: it changes system-wide settings",
    "CLOFORK": "kernel without close-on-fork",
    "MQUEUE": "kernel without NetBSD's message queues",
}


def needs_of(step: Step) -> frozenset[str]:
    """Returns all that the step needs."""
    found = set()
    # Linux, too, shows the nice value of a process.
    if step.verb in NEEDS and not (step.verb == "kinfo" and step.args[1] in _TOLD_BY_LINUX):
        found.add(NEEDS[step.verb])
    if step.verb == "wait6" and bits_value(WAIT6_OPTIONS, step.args[2]) & (WTRAPPED | WNOZOMBIE):
        found.add(Need.NETBSD.name)
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
