"""Who is whose child, and what became of it: how programs draw it, and its C."""

from __future__ import annotations

from conformance.verbs.drawing import Dice, nothing
from conformance.verbs.entry import C, Drawn, Hazard, Topic, verb
from conformance.verbs.scene import Args, Scene
from reference_model.language.netbsd import PS_STOPFORK, WAIT_OPTIONS

_WAIT_OPTIONS = ((), (), *((name,) for name in WAIT_OPTIONS), ("WNOHANG|WALLSIG",))

_NO_SIGNAL = Hazard(
    "WUNTRACED is set, and a process has stopfork set",
    "a child born stopped reports an uninitialised signal number",
    lambda scene, args: args[-1] == "WUNTRACED" and scene.any_flag(PS_STOPFORK),
    unforeseen=True,
)


def _wait4(dice: Dice, scene: Scene) -> Args | None:
    children = scene.children()
    return (dice.pick([*children, *children, "any"]), *dice.pick(_WAIT_OPTIONS))


def _stopped(dice: Dice, scene: Scene) -> Args:
    return (dice.pick([*scene.children(), "any"]),)


verb(
    "wait4",
    Drawn(Topic.BIRTHS, 7, "EXIT-SIGNAL", _wait4, (_NO_SIGNAL,)),
    C("wait4", "wait_for({i}, {0}, {1});"),
)
verb(
    "getppid",
    Drawn(Topic.BIRTHS, 2, "PARENT", nothing),
    C("saw", 'saw({i}, "@%d", (int)getppid());'),
)
verb(
    "stopped",
    Drawn(Topic.STOPPED, 4, "STOPFORK", _stopped),
    C("stopped", "look_for_stopped({i}, {0});"),
)
