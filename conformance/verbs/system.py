"""The whole system: how programs draw it, and its C."""

from __future__ import annotations

from conformance.verbs.drawing import Dice, nothing
from conformance.verbs.entry import C, Drawn, NotDrawn, Topic, verb
from conformance.verbs.scene import Args, Scene


def _maxproc(dice: Dice, scene: Scene) -> Args | None:
    """Draws a limit for root, which alone may set it."""
    return (str(1 + dice.below(5)),) if scene.is_root_user else None


verb(
    "fork_counts",
    Drawn(Topic.COUNTS, 2, "FORK-COUNTERS", nothing),
    C("fork_counts", "look_at_counts({i});"),
)
verb("maxproc", Drawn(Topic.COUNTS, 2, "MAXPROC", _maxproc), C("maxproc", "set_maxproc({i}, {0});"))
verb(
    "forkfsleep",
    NotDrawn("a refused fork then sleeps: programs would wait instead of being run"),
    C("set_knob saw_result", 'saw_result({i}, set_knob(FORKFSLEEP, {0}), "ok");'),
)
verb("took", NotDrawn("it is about forkfsleep only"), C("took", "look_at_sleep({i}, {me}, {0});"))
verb(
    "tablefull",
    NotDrawn("whether the kernel says it again depends on the ten seconds before the program"),
    C("tablefull", "look_for_message({i});"),
)
