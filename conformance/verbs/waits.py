"""Who is whose child, and what became of it: how programs draw it, and its C."""

from __future__ import annotations

from dataclasses import replace

from conformance.verbs.drawing import Dice, nothing
from conformance.verbs.entry import C, Drawn, Hazard, Topic, verb
from conformance.verbs.scene import Args, Scene
from reference_model.language.netbsd import PS_STOPFORK, WAIT_OPTIONS
from reference_model.language.scenario import OWN_GROUP

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


_BORN_STOPPED = replace(
    _NO_SIGNAL,
    where="a process has stopfork set",
    found=lambda scene, args: scene.any_flag(PS_STOPFORK),
)


def _waitpg(dice: Dice, scene: Scene) -> Args | None:
    """Draws a group and options; only wait4 sleeps in programs."""
    groups = {scene.machine.names[scene.proc(name).p_pgrp.pg_id] for name in scene.children()}
    told = sorted(groups & {*scene.told})
    return (dice.pick([OWN_GROUP, *told, *told]), dice.pick(("WNOHANG", "WNOHANG|WALLSIG")))


def _wait6(dice: Dice, scene: Scene) -> Args | None:
    """Draws a wait that looks, or takes what is there: only wait4 sleeps in programs."""
    options = ["WNOHANG"]
    options += [word for word in ("WNOWAIT", "WEXITED", "WTRAPPED", "WALLSIG") if dice.below(2)]
    options += [word for word in ("WUNTRACED", "WCONTINUED", "WNOZOMBIE") if not dice.below(4)]
    words = "|".join(sorted(options))
    if dice.below(4) == 0:
        return ("P_ALL", "any", words)
    told = [*scene.children(), scene.actor]
    return (dice.pick(("P_PID", "P_PID", "P_PGID")), dice.pick(told), words)


def _stopped(dice: Dice, scene: Scene) -> Args:
    return (dice.pick([*scene.children(), "any"]),)


verb(
    "wait4",
    Drawn(Topic.BIRTHS, 7, "EXIT-SIGNAL", _wait4, (_NO_SIGNAL,)),
    C("wait4", "wait_for({i}, {0}, {1});"),
)
verb(
    "waitpg",
    Drawn(Topic.SESSIONS, 2, "PROCESS-LISTS", _waitpg, (_NO_SIGNAL,)),
    C("wait4", "wait_for({i}, -({0}), {1});"),
)
verb(
    "wait6",
    Drawn(Topic.BIRTHS, 2, "EXIT-SIGNAL", _wait6, (_BORN_STOPPED,)),
    C("wait6", "wait_by_id({i}, {0}, {1}, {2});"),
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
