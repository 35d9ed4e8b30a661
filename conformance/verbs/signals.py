"""Signals, and what becomes of them: how programs draw it, and its C."""

from __future__ import annotations

from conformance.verbs.drawing import CATCHABLE, SENT, Dice, any_signal, nothing
from conformance.verbs.entry import C, Drawn, Hazard, Topic, verb
from conformance.verbs.scene import Args, Scene
from reference_model.language.netbsd import PSL_TRACED

_ORPHANED_GROUP = Hazard(
    "the signal is a terminal's stop, and the group is orphaned or an orphan in it has ended",
    "the signal is dropped there, which is not in the model",
    lambda scene, args: (
        args[1] in ("SIGTSTP", "SIGTTIN", "SIGTTOU") and not scene.looked_after(args[0])
    ),
    unforeseen=True,
)
_TRACED = Hazard(
    "the actor is traced",
    "what is pending for a process that its tracer has stopped is not pending for its LWP yet",
    lambda scene, args: bool(scene.own.p_slflag & PSL_TRACED),
    unforeseen=True,
)


def _traces_its_own(scene: Scene, args: Args) -> bool:
    ignores = args in ((), ("SIGCHLD", "ignore"))
    return ignores and any(scene.proc(t).p_opptr is scene.own for t in scene.tracees(stopped=False))


_TRACER_IGNORES = Hazard(
    "the actor traces a child of its own, and would ignore SIGCHLD or have SA_NOCLDWAIT",
    "10.99.12 panics when the child ends: docs/netbsd-notes.md",
    _traces_its_own,
)


def _kill(dice: Dice, scene: Scene) -> Args | None:
    return (dice.pick(scene.named), dice.pick(SENT if dice.below(4) else CATCHABLE))


def _sigaction(dice: Dice, scene: Scene) -> Args:
    return (any_signal(dice), *dice.pick(((), ("default",), ("ignore",), ("catch",))))


def _sigprocmask(dice: Dice, scene: Scene) -> Args:
    return (dice.pick(("unblock", "unblock", "block")), any_signal(dice))


def _disposition(args: Args) -> C:
    if len(args) == 1:
        return C("sigaction", "look_at_disposition({i}, {0});")
    return C("sigaction", "set_disposition({i}, {0}, 1, {1});")


verb(
    "kill",
    Drawn(Topic.SIGNALS, 7, "", _kill, (_ORPHANED_GROUP,)),
    C(
        "saw_result nap",
        'result = kill({0}, {1});\nnap(SETTLE);\nsaw_result({i}, result, "ok");',
    ),
)
verb(
    "sigaction",
    Drawn(Topic.SIGNALS, 4, "SIGNAL-ACTIONS", _sigaction, (_TRACER_IGNORES,)),
    _disposition,
)
verb(
    "sigprocmask",
    Drawn(Topic.SIGNALS, 4, "LWP", _sigprocmask),
    C("sigprocmask", "set_mask({i}, {0}, {1});"),
)
verb(
    "sigpending",
    Drawn(Topic.SIGNALS, 3, "NO-PENDING-SIGNALS", nothing, (_TRACED,)),
    C("sigpending", "look_at_pending({i});"),
)
verb(
    "nocldstop",
    Drawn(Topic.SIGNALS, 1, "STOP-FLAGS-INHERITED", nothing),
    C("default_sigchld", "default_sigchld({i}, SA_NOCLDSTOP);"),
)
verb(
    "nocldwait",
    Drawn(Topic.SIGNALS, 1, "FLAGS-INHERITED", nothing, (_TRACER_IGNORES,)),
    C("default_sigchld", "default_sigchld({i}, SA_NOCLDWAIT);"),
)
