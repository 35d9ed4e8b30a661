"""What else a process has, and a child inherits or not: how programs draw it, and its C."""

from __future__ import annotations

from conformance.verbs.drawing import Dice, nothing, number, one_of
from conformance.verbs.entry import C, Drawn, Hazard, NotDrawn, Topic, verb
from conformance.verbs.scene import Args, Scene
from reference_model.language.scenario import TIMERS

_BORN_STOPPED_AND_TRACED = Hazard(
    "the program has a tracer",
    "what a tracer is told of a process that was born stopped is not in the model",
    lambda scene, args: scene.traced,
    unforeseen=True,
)
_SESSION_OF_A_TRACEE = Hazard(
    "the program has a tracer",
    "10.99.12 panics where a tracee is in another group than its tracer: docs/netbsd-notes.md",
    lambda scene, args: scene.traced,
)
_CONSOLE_IS_TAKEN = Hazard(
    "a session has the console",
    "only one session can have it",
    lambda scene, args: any(l.l_proc.p_session.s_ttyvp for l in scene.machine.lwps.values()),
)


def _sigaltstack(dice: Dice, scene: Scene) -> Args:
    return dice.pick(((), ("16384",), ("32768",)))


def _stopflag(dice: Dice, scene: Scene) -> Args | None:
    return (dice.pick(scene.living()), dice.pick(("1", "1", "0")))


def _setpgid(dice: Dice, scene: Scene) -> Args | None:
    """Draws a process, mostly the actor or a child of it, and a group, mostly its own."""
    living = scene.living()
    name = dice.pick([scene.actor, *scene.children(), *living])
    return (name, dice.pick([name, name, scene.actor, *living]))


verb(
    "nice",
    Drawn(Topic.ATTRIBUTES, 2, "", one_of("0", "1", "2")),
    C("saw_result", 'saw_result({i}, setpriority(PRIO_PROCESS, 0, {0}), "ok");'),
)
verb(
    "setitimer",
    Drawn(Topic.ATTRIBUTES, 1, "", one_of(*TIMERS)),
    C("setitimer", "set_timer({i}, {0});"),
)
verb(
    "getitimer",
    Drawn(Topic.ATTRIBUTES, 2, "ZERO-AND-COPY", one_of(*TIMERS)),
    C("getitimer", "look_at_timer({i}, {0});"),
)
verb(
    "childrens_usage",
    Drawn(Topic.ATTRIBUTES, 2, "STATS", nothing),
    C("childrens_usage", "look_at_usage({i});"),
)
verb(
    "sigaltstack",
    Drawn(Topic.ATTRIBUTES, 3, "LWP", _sigaltstack),
    C("sigaltstack", "set_signal_stack({i}, {0});"),
)
verb(
    "setprivate",
    Drawn(Topic.ATTRIBUTES, 2, "", number),
    C("private saw", '_lwp_setprivate(private + {0});\nsaw({i}, "ok");'),
)
verb(
    "getprivate",
    Drawn(Topic.ATTRIBUTES, 2, "LWP-PRIVATE", nothing),
    C("private saw", 'saw({i}, "%ld", (long)((char *)_lwp_getprivate() - private));'),
)
verb(
    "rasctl",
    Drawn(Topic.ATTRIBUTES, 3, "RAS", one_of("install", "purge")),
    C("rasctl", 'saw_result({i}, rasctl(sequence, sizeof(sequence), {0}), "ok");'),
)
verb(
    "profil",
    Drawn(Topic.ATTRIBUTES, 1, "PROFILING", nothing),
    C(
        "profil",
        'saw_result({i}, profil(samples, sizeof(samples), 0, 1 << 16), "ok");',
    ),
)
verb(
    "stopfork",
    Drawn(Topic.STOPPED, 3, "", _stopflag, (_BORN_STOPPED_AND_TRACED,)),
    C("stop_flag", "set_stop_flag({i}, {0}, PROC_PID_STOPFORK, {1});"),
)
verb(
    "stopexec",
    Drawn(Topic.STOPPED, 2, "", _stopflag, (_BORN_STOPPED_AND_TRACED,)),
    C("stop_flag", "set_stop_flag({i}, {0}, PROC_PID_STOPEXEC, {1});"),
)
verb(
    "getpgrp",
    Drawn(Topic.SESSIONS, 2, "PROCESS-LISTS", nothing),
    C("saw", 'saw({i}, "@%d", (int)syscall(SYS_getpgid, 0));'),
)
verb(
    "setpgid",
    Drawn(Topic.SESSIONS, 4, "PROCESS-LISTS", _setpgid, (_SESSION_OF_A_TRACEE,)),
    C("saw_result", 'saw_result({i}, setpgid({0}, {1}), "ok");'),
)
verb(
    "setsid",
    Drawn(Topic.SESSIONS, 2, "PROCESS-LISTS", nothing, (_SESSION_OF_A_TRACEE,)),
    C("saw_result", 'saw_result({i}, setsid() == -1 ? -1 : 0, "ok");'),
)
verb(
    "controlling_tty",
    Drawn(Topic.SESSIONS, 2, "CONTROLLING-TTY", nothing, (_SESSION_OF_A_TRACEE, _CONSOLE_IS_TAKEN)),
    C("controlling_tty", "set_terminal({i});"),
)
verb(
    "tick",
    Drawn(Topic.COUNTS, 2, "", nothing),
    C("saw wait_for_ticks", 'wait_for_ticks();\nsaw({i}, "ok");'),
)
verb(
    "sleep",
    NotDrawn("programs would wait instead of being run"),
    C("saw nap", 'nap({0} * 1000L);\nsaw({i}, "ok");'),
)
verb(
    "timer_create",
    Drawn(Topic.ATTRIBUTES, 1, "", nothing),
    C("timer_create", "make_timer({i});"),
)
verb(
    "timer_gettime",
    Drawn(Topic.ATTRIBUTES, 2, "ZERO-AND-COPY", nothing),
    C("timer_gettime", "look_at_posix_timer({i});"),
)
