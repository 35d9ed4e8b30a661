"""The scheduler: how programs draw it, and its C."""

from __future__ import annotations

from conformance.verbs.drawing import Dice, nothing
from conformance.verbs.entry import C, Drawn, NotDrawn, Topic, verb
from conformance.verbs.scene import Args, Scene


def _setparam(dice: Dice, scene: Scene) -> Args:
    policy = dice.pick(("SCHED_OTHER", "SCHED_FIFO", "SCHED_RR"))
    return (policy,) if policy == "SCHED_OTHER" else (policy, str(1 + dice.below(3)))


_SLOW = NotDrawn("programs would wait instead of being run")

verb(
    "sched_setparam",
    Drawn(Topic.ATTRIBUTES, 2, "", _setparam),
    C("sched_setparam", "set_policy({i}, {0}, {1});"),
)
verb(
    "sched_getparam",
    Drawn(Topic.ATTRIBUTES, 2, "LWP", nothing),
    C("sched_getparam", "look_at_policy({i});"),
)
verb(
    "sched_setaffinity",
    Drawn(Topic.ATTRIBUTES, 1, "", nothing),
    C("affinity", "set_affinity({i});"),
)
verb(
    "sched_getaffinity",
    Drawn(Topic.ATTRIBUTES, 2, "LWP", nothing),
    C("affinity", "look_at_affinity({i});"),
)
verb("burn", _SLOW, C("burn", "burn({i});"))
verb("charged", _SLOW, C("burn", 'saw({i}, "%s", charge() >= 32 << 10 ? "most" : "less");'))
