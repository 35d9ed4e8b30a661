"""Ktrace: how programs draw it, and its C."""

from __future__ import annotations

from conformance.verbs.drawing import PIPES, Dice, nothing
from conformance.verbs.entry import C, Drawn, Topic, verb
from conformance.verbs.scene import Args, Scene

#: Not KTRFAC_SYSRET: an actor that waits for its turn floods the trace with it.
_FACILITIES = ("KTRFAC_USER", "KTRFAC_EMUL", "KTRFAC_INHERIT")


def _ktrace(dice: Dice, scene: Scene) -> Args | None:
    """Draws it for root, since the model does not know which users may trace."""
    facilities = dice.some(_FACILITIES)
    if facilities == "0" or not scene.is_root_user:
        return None
    return (dice.pick(PIPES)[1], dice.pick(scene.living()), facilities)


def _ktrace_end(dice: Dice, scene: Scene) -> Args:
    return (dice.pick(PIPES)[1],)


def _records(dice: Dice, scene: Scene) -> Args | None:
    return (dice.pick(PIPES)[0], dice.pick(scene.told))


verb(
    "ktrace",
    Drawn(Topic.KTRACE, 4, "", _ktrace),
    C(
        "ktrace saw_result",
        'saw_result({i}, fktrace({0}, KTROP_SET | KTRFACv2, {2}, {1}), "ok");',
    ),
)
verb(
    "ktrace_end",
    Drawn(Topic.KTRACE, 1, "", _ktrace_end),
    C(
        "ktrace saw_result",
        'saw_result({i}, fktrace({0}, KTROP_CLEARFILE | KTRFACv2, ~0, 0), "ok");',
    ),
)
verb(
    "utrace",
    Drawn(Topic.KTRACE, 4, "", nothing),
    C("ktrace saw_result", 'saw_result({i}, utrace("step", NULL, 0), "ok");'),
)
verb(
    "records",
    Drawn(Topic.KTRACE, 4, "KTRACE-INHERITED", _records),
    C("records", "look_at_records({i}, {0}, {1});"),
)
