"""Signals, and what becomes of them: how programs draw it, and its C."""

from __future__ import annotations

from conformance.verbs.drawing import CATCHABLE, SENT, Dice, any_signal, nothing
from conformance.verbs.entry import C, Drawn, Hazard, Topic, verb
from conformance.verbs.scene import Args, Scene
from reference_model.language.netbsd import PSL_TRACED, SA_TTYSTOP, signal_number, sigprop
from reference_model.language.scenario import OWN_GROUP

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


#: The signals that are sent to groups: none that the kernel drops where a group is an orphan.
_SENT_TO_GROUPS = tuple(s for s in SENT if not sigprop[signal_number(s)] & SA_TTYSTOP)
_GROUP_OF_A_TRACEE = Hazard(
    "the program has a tracer",
    "a tracer can be the parent, or resume a member, in its own time",
    lambda scene, args: scene.traced,
)


def _members(scene: Scene, group: str) -> list[str]:
    """Returns the actors whose process is in the group."""
    pgrp = scene.own.p_pgrp if group == OWN_GROUP else None
    pgid = pgrp.pg_id if pgrp else scene.proc(group).p_pid
    return [n for n in scene.machine.lwps if scene.proc(n).p_pgrp.pg_id == pgid]


_MEMBER_UNKNOWN = Hazard(
    "a member has called exec, or no step has told of it, or all of them are dead",
    "whether the signal comes to a member depends on which process is faster",
    lambda scene, args: (
        not {*_members(scene, args[0])} <= {*scene.told}
        or not {*_members(scene, args[0])} & {*scene.living()}
    ),
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
    return (dice.pick(scene.told), dice.pick(SENT if dice.below(4) else CATCHABLE))


def _killpg(dice: Dice, scene: Scene) -> Args | None:
    """Draws a group in which a member is alive, and a signal that needs no terminal."""
    leaders = {scene.own.p_pgrp.pg_id: OWN_GROUP}
    for name in scene.living():
        leaders.setdefault(scene.proc(name).p_pgrp.pg_id, "")
    groups = [leaders[pid] or scene.machine.names[pid] for pid in leaders]
    known = [name for name in groups if name == OWN_GROUP or name in scene.told]
    return (dice.pick(known), dice.pick(_SENT_TO_GROUPS))


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
    "killpg",
    Drawn(Topic.SESSIONS, 3, "PROCESS-LISTS", _killpg, (_GROUP_OF_A_TRACEE, _MEMBER_UNKNOWN)),
    C(
        "saw_result nap",
        'result = kill(-({0}), {1});\nnap(SETTLE);\nsaw_result({i}, result, "ok");',
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
