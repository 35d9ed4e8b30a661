"""How many processes a user may have, and which user it is: how programs draw it, and its C."""

from __future__ import annotations

from conformance.verbs.drawing import Dice, nothing
from conformance.verbs.entry import C, Drawn, Hazard, Topic, verb
from conformance.verbs.scene import Args, Scene

_OF_THE_RUNNING_USER = "how many processes the user has that runs the probe is not known"


def _counts_others(scene: Scene, args: Args) -> bool:
    cred = scene.own.p_cred
    return cred.cr_uid == scene.machine.k.options.uid and cred.cr_euid != 0


def _would_count_others(scene: Scene, args: Args) -> bool:
    real, effective = args
    uid = scene.own.p_cred.cr_uid if real == "-1" else 0 if real == "0" else None
    return uid == scene.machine.k.options.uid and effective.startswith("free")


_LIMITS_OTHERS = Hazard(
    "the limit would be on the user that runs the probe", _OF_THE_RUNNING_USER, _counts_others
)
_BECOMES_LIMITED = Hazard(
    "a limit would be on the user that runs the probe from then on",
    _OF_THE_RUNNING_USER,
    _would_count_others,
)
_TRACER = Hazard(
    "the program has a tracer",
    "which users may trace is not in the model",
    lambda scene, args: scene.traced,
    unforeseen=True,
)


def _setrlimit(dice: Dice, scene: Scene) -> Args:
    return (str(1 + dice.below(4)), "4")


def _setreuid(dice: Dice, scene: Scene) -> Args | None:
    if not scene.is_root_user:
        return None
    return (dice.pick(("free1", "free1", "free2", "0", "-1")), dice.pick(("free1", "0", "-1")))


verb(
    "setrlimit",
    Drawn(Topic.LIMITS, 3, "", _setrlimit, (_LIMITS_OTHERS,)),
    C("setrlimit", "set_limit({i}, {0}, {1});"),
)
verb("getrlimit", Drawn(Topic.LIMITS, 3, "LIMITS", nothing), C("getrlimit", "look_at_limit({i});"))
verb(
    "setreuid",
    Drawn(Topic.LIMITS, 2, "CREDENTIALS", _setreuid, (_TRACER, _BECOMES_LIMITED)),
    C("saw_result", 'saw_result({i}, setreuid({0}, {1}), "ok");'),
)
