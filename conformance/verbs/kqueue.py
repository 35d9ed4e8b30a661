"""Kqueue: how programs draw it, and its C."""

from __future__ import annotations

from conformance.verbs.drawing import KQUEUES, Dice, one_of
from conformance.verbs.entry import C, Drawn, Topic, verb
from conformance.verbs.scene import Args, Scene

_NOTES = ("NOTE_TRACK", "NOTE_FORK", "NOTE_EXEC", "NOTE_EXIT", "NOTE_CHILD")


def _watch(dice: Dice, scene: Scene) -> Args | None:
    return (dice.pick(KQUEUES), dice.pick(scene.told), dice.some(_NOTES))


verb("kqueue", Drawn(Topic.KQUEUE, 2, "", one_of(*KQUEUES)), C("kqueue", "kqueue_as({i}, {0});"))
verb("watch", Drawn(Topic.KQUEUE, 5, "KNOTES", _watch), C("watch", "watch({i}, {0}, {1}, {2});"))
verb(
    "kevent",
    Drawn(Topic.KQUEUE, 6, "KNOTES", one_of(*KQUEUES)),
    C("kevent", "look_at_events({i}, {0});"),
)
