"""What kern_fork.c does, and what a fork returned: how programs draw it, and its C."""

from __future__ import annotations

from conformance.verbs.drawing import Dice, nothing, only
from conformance.verbs.entry import C, Drawn, Hazard, NoC, Topic, verb
from conformance.verbs.scene import Args, Scene, ignores_ends
from reference_model.language.netbsd import CLONE_FLAGS, PS_STOPFORK, PSL_TRACED, SIGCHLD
from reference_model.language.scenario import ANONYMOUS, flags_text

_LOST_CHILD = Hazard(
    "the child is `-`, and the actor ignores SIGCHLD or has SA_NOCLDWAIT",
    "the child goes to init when it ends, which may be before or after its parent waits",
    lambda scene, args: ANONYMOUS in args and ignores_ends(scene.own),
)
_CHILD_STOPPED = "the child is born stopped while its parent waits: no step can name it"
_BORN_STOPPED = Hazard(
    "the actor has stopfork set",
    _CHILD_STOPPED,
    lambda scene, args: bool(scene.own.p_sflag & PS_STOPFORK),
)
_CLONE_BORN_STOPPED = Hazard(
    "the actor has stopfork set, and the flags have CLONE_VFORK",
    _CHILD_STOPPED,
    lambda scene, args: (
        bool(scene.own.p_sflag & PS_STOPFORK) and "CLONE_VFORK" in args[0].split("|")
    ),
)


def _newborn(dice: Dice, scene: Scene) -> str | None:
    """Returns a name, or ``-``, but only where its end stops and wakes no other process."""
    p = scene.own
    anonymous = scene.child == ANONYMOUS or dice.below(5) == 0
    if not anonymous:
        return scene.child
    known = p.p_slflag & PSL_TRACED or p.p_klist or p.p_sflag & PS_STOPFORK
    return None if known else ANONYMOUS


def _birth(dice: Dice, scene: Scene) -> Args | None:
    child = _newborn(dice, scene)
    return None if child is None else (child,)


def _clone(dice: Dice, scene: Scene) -> Args | None:
    word = sum(bit for bit in CLONE_FLAGS.values() if dice.below(3) == 0)
    child = _newborn(dice, scene)
    if child is None:
        return None
    signal = dice.pick((SIGCHLD, SIGCHLD, SIGCHLD, 0, dice.below(256)))
    if child == ANONYMOUS and not scene.machine.lwps[scene.actor].l_sigmask >> (signal & 63) & 1:
        signal = SIGCHLD if not scene.traced else 0
    return (flags_text(word | signal), child, *dice.pick(((), (), ("own",))))


verb(
    "fork",
    Drawn(Topic.BIRTHS, 6, "SYS-FORK", _birth, (_LOST_CHILD,)),
    C("birth", "give_birth({i}, {me}, FORK, NULL, {0});"),
)
verb(
    "vfork",
    Drawn(Topic.BIRTHS, 3, "SYS-VFORK-44BSD", _birth, (_LOST_CHILD, _BORN_STOPPED)),
    C("birth", "give_birth({i}, {me}, VFORK, NULL, {0});"),
)
verb(
    "__vfork14",
    Drawn(Topic.BIRTHS, 4, "SYS-VFORK14", _birth, (_LOST_CHILD, _BORN_STOPPED)),
    C("birth", "give_birth({i}, {me}, VFORK14, NULL, {0});"),
)
verb(
    "__clone",
    Drawn(Topic.BIRTHS, 9, "SUCCESS", _clone, (_LOST_CHILD, _CLONE_BORN_STOPPED)),
    C("birth", "give_birth({i}, {me}, CLONE({0}), {2}, {1});"),
)
verb(
    "retval1",
    Drawn(Topic.BIRTHS, 2, "RETURN-VALUES", nothing),
    C("retval1", "look_at_second_value({i}, {me});"),
)
verb(
    "stack",
    Drawn(Topic.BIRTHS, 2, "CLONE-STACK", only(lambda scene: scene.born, nothing)),
    C("stack", 'saw({i}, "%s", first_stack[{me}]);'),
)
verb(
    "fp_register",
    Drawn(Topic.BIRTHS, 1, "LWP", only(lambda scene: scene.born, nothing)),
    NoC("the call would have to be made in assembly language, for each machine"),
)
