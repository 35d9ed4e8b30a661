"""A second LWP, and what each LWP has of its own: how programs draw it, and its C."""

from __future__ import annotations

from conformance.verbs.drawing import Dice, nothing
from conformance.verbs.entry import C, Drawn, Hazard, NoC, NotDrawn, Topic, verb
from conformance.verbs.scene import Args, Scene
from reference_model.language.scenario import ANONYMOUS

_NO_C = NoC("a reproducer tells its actors apart by process ID, and LWPs share theirs")

_TRACED = Hazard(
    "the program has a tracer",
    "which LWP of a tracee a tracer is told of first is open",
    lambda scene, args: scene.traced,
)


def _lwp_create(dice: Dice, scene: Scene) -> Args | None:
    return None if scene.child == ANONYMOUS else (scene.child,)


verb("_lwp_create", Drawn(Topic.LWPS, 5, "LWP", _lwp_create, (_TRACED,)), _NO_C)
verb("_lwp_exit", Drawn(Topic.LWPS, 1, "LWP", nothing), _NO_C)
verb(
    "_lwp_ctl",
    NotDrawn("it is about lc_pctr only"),
    C("lwpctl saw_result", 'saw_result({i}, lwp_control(), "ok");'),
)
verb(
    "lc_pctr",
    NotDrawn("an actor that waits for its turn wakes up now and then, and each time is counted"),
    C("lc_pctr", "look_at_switches({i});"),
)
