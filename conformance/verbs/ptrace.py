"""What a tracer does: how programs draw it, and its C."""

from __future__ import annotations

from conformance.verbs.drawing import SENT, Dice, Draw, nothing
from conformance.verbs.entry import C, Drawn, Hazard, Topic, verb
from conformance.verbs.scene import Args, Scene, ignores_ends
from reference_model.language.netbsd import PSL_TRACED, PTRACE_EVENTS, SA_STOP, sigprop
from reference_model.language.scenario import ANONYMOUS

#: The events that fork reports.
_FORK_EVENTS = tuple(PTRACE_EVENTS)[:3]

_TRACER_IGNORES = Hazard(
    "the actor ignores SIGCHLD or has SA_NOCLDWAIT",
    "10.99.12 panics when a tracee ends that is its own child: docs/netbsd-notes.md",
    lambda scene, args: ignores_ends(scene.own),
)
_ROOT = Hazard(
    "the actor is a root",
    "the parent of a root depends on the target",
    # An orphan has init for its parent on every target.
    lambda scene, args: scene.own.p_pptr is scene.machine.k.initproc and not scene.own.p_oppid,
    unforeseen=True,
)
_PARENT_IGNORES = Hazard(
    "the actor's parent ignores SIGCHLD or has SA_NOCLDWAIT",
    "10.99.12 panics when the actor ends: docs/netbsd-notes.md",
    lambda scene, args: ignores_ends(scene.own.p_pptr),
)


def _names_the_untold(scene: Scene, args: Args) -> bool:
    *_, event, other = scene.proc(args[0]).p_sigctx.ps_info
    return event != 0 and scene.machine.names[other] not in scene.told


_UNTOLD = Hazard(
    "it names a newborn that no wait has named yet",
    "only a wait and PT_GET_PROCESS_STATE tell which process that is",
    _names_the_untold,
)


def _may_be_lost(scene: Scene, args: Args) -> bool:
    p = scene.proc(args[0])
    ignored = p.p_sigctx.ps_sigignore >> p.p_xsig & 1
    return len(args) > 1 and bool(ignored or sigprop[p.p_xsig] & SA_STOP)


# kern_sleepq.c, lines 434-438: for what is ignored, and what stops, issignal() is
# called there, and the signal that the tracer gives ends the sleep, and no more.
_LOST_SIGNAL = Hazard(
    "a signal is given, and the tracee's last stop was by one that stops or that it ignores",
    "where the tracee slept, 10.99.12 loses the signal: docs/netbsd-notes.md",
    _may_be_lost,
)


def _spawn(dice: Dice, scene: Scene) -> Args | None:
    traced = scene.own.p_slflag & PSL_TRACED
    return None if traced or scene.child == ANONYMOUS else (scene.child,)


def _attach(dice: Dice, scene: Scene) -> Args | None:
    others = scene.living(others=True)
    return (dice.pick(others),) if others else None


def _tracee(*more: Draw) -> Draw:
    """Returns a draw of a stopped tracee, and now and then of another process, and of *more*."""

    def draw(dice: Dice, scene: Scene) -> Args | None:
        good = scene.tracees(stopped=True)
        targets = scene.living(others=True) if not good or dice.below(12) == 0 else good
        if not targets or (not good and dice.below(3)):
            return None
        rest: list[str] = []
        target = dice.pick(targets)
        for part in more:
            args = part(dice, scene)
            assert args is not None
            rest += args
        return (target, *rest)

    return draw


def _events(dice: Dice, scene: Scene) -> Args:
    """Draws any mask; mostly one with several of the events that fork reports."""
    words = [word for word in _FORK_EVENTS if dice.below(4)]
    words += [word for word in tuple(PTRACE_EVENTS)[3:] if dice.below(6) == 0]
    return ("|".join(words) or "0",)


def _signal(dice: Dice, scene: Scene) -> Args:
    return (dice.pick(SENT),) if dice.below(4) == 0 else ()


def _kill(dice: Dice, scene: Scene) -> Args | None:
    tracees = scene.tracees(stopped=False)
    return (dice.pick(tracees),) if tracees else None


def _sigpass(dice: Dice, scene: Scene) -> Args:
    return (dice.pick(("SIGCHLD", "SIGCHLD", "0", "SIGCHLD|SIGUSR1", "SIGTRAP", "SIGSTOP")),)


verb(
    "spawn",
    Drawn(Topic.TRACERS, 1, "SYS-FORK", _spawn, (_TRACER_IGNORES,)),
    C("spawn", "spawn({i}, {0});"),
)
verb(
    "PT_ATTACH",
    Drawn(Topic.TRACERS, 2, "TRACE-STATE-NOT-INHERITED", _attach, (_TRACER_IGNORES,)),
    C(
        "ptrace saw_result",
        'saw_result({i}, ptrace(PT_ATTACH, {0}, NULL, 0), "ok");',
    ),
)
verb(
    "PT_TRACE_ME",
    Drawn(Topic.TRACERS, 1, "TRACE-STATE-NOT-INHERITED", nothing, (_ROOT, _PARENT_IGNORES)),
    C(
        "ptrace saw_result",
        'saw_result({i}, ptrace(PT_TRACE_ME, 0, NULL, 0), "ok");',
    ),
)
verb(
    "PT_SET_EVENT_MASK",
    Drawn(Topic.TRACERS, 4, "", _tracee(_events)),
    C("set_events", "set_events({i}, {0}, {1});"),
)
verb(
    "PT_GET_EVENT_MASK",
    Drawn(Topic.TRACERS, 2, "TRACE-STATE-NOT-INHERITED", _tracee()),
    C("get_events", "get_events({i}, {0});"),
)
verb(
    "PT_GET_PROCESS_STATE",
    Drawn(Topic.TRACERS, 4, "TRACE-PARENT-EVENT", _tracee()),
    C("get_state", "get_state({i}, {0});"),
)
verb(
    "PT_GET_SIGINFO",
    Drawn(Topic.TRACERS, 3, "CHILD-EVENT", _tracee(), (_UNTOLD,)),
    C("get_siginfo", "get_siginfo({i}, {0});"),
)
verb(
    "PT_CONTINUE",
    Drawn(Topic.TRACERS, 9, "TRACE-REPARENT", _tracee(_signal), (_LOST_SIGNAL,)),
    C(
        "ptrace saw_result",
        'saw_result({i}, ptrace(PT_CONTINUE, {0}, (void *)1, {1}), "ok");',
    ),
)
verb(
    "PT_DETACH",
    Drawn(Topic.TRACERS, 2, "TRACE-REPARENT", _tracee()),
    C(
        "ptrace saw_result",
        'saw_result({i}, ptrace(PT_DETACH, {0}, (void *)1, 0), "ok");',
    ),
)
verb(
    "PT_KILL",
    Drawn(Topic.TRACERS, 1, "TRACE-REPARENT", _kill),
    C("ptrace saw_result", 'saw_result({i}, ptrace(PT_KILL, {0}, NULL, 0), "ok");'),
)
verb(
    "PT_SET_SIGPASS",
    Drawn(Topic.TRACERS, 1, "", _tracee(_sigpass)),
    C("set_sigpass", "set_sigpass({i}, {0}, (const int[]){{ {1}, 0 }});"),
)
verb(
    "PT_GET_SIGPASS",
    Drawn(Topic.TRACERS, 1, "ZERO-AND-COPY", _tracee()),
    C("get_sigpass", "get_sigpass({i}, {0});"),
)
