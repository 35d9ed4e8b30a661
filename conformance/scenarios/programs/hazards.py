"""Steps that no program takes: what nobody can foresee, or the model does not know."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from conformance.scenarios.programs.scene import Args, Scene
from reference_model.language.netbsd import (
    PK_CLDSIGIGN,
    PK_NOCLDWAIT,
    PS_STOPEXEC,
    PS_STOPFORK,
    PSL_TRACED,
    SA_STOP,
    sigprop,
)
from reference_model.language.scenario import ANONYMOUS
from reference_model.proc import Proc


def _is_lost_sight_of(scene: Scene, args: Args) -> bool:
    """A child that nobody names goes to init when it dies, and its parent may wait by then."""
    return ANONYMOUS in args and _ignores_ends(scene.own)


def _holds_for_ever(scene: Scene, args: Args) -> bool:
    """A child that is born stopped, while its parent waits for it: nobody can name it."""
    return bool(scene.own.p_sflag & PS_STOPFORK) or _is_lost_sight_of(scene, args)


def _clone_holds_for_ever(scene: Scene, args: Args) -> bool:
    holds = "CLONE_VFORK" in args[0].split("|") and _holds_for_ever(scene, args)
    return holds or _is_lost_sight_of(scene, args)


def _has_no_signal(scene: Scene, args: Args) -> bool:
    """Who was born stopped says whatever number its memory held."""
    return args[-1] == "WUNTRACED" and scene.any_flag(PS_STOPFORK)


def _is_traced(scene: Scene, args: Args) -> bool:
    """What comes to who is stopped by a tracer is pending, and not yet for its LWP."""
    return bool(scene.own.p_slflag & PSL_TRACED)


def _ends_in_exec(scene: Scene, args: Args) -> bool:
    """When a stop behind exec comes, and when a shared table is copied, are races with two CPUs."""
    if scene.own.p_fd.fd_refcnt > 1:
        return True
    return bool(scene.own.p_slflag & PSL_TRACED or scene.own.p_sflag & PS_STOPEXEC)


def _somebody_traces(scene: Scene, args: Args) -> bool:
    """10.99.12 panics where a tracee is in another process group than its tracer.

    Which users may trace, and what tracers are told of children that are born
    stopped, is not in the model.
    """
    return scene.traced


def _counts_others(scene: Scene, args: Args) -> bool:
    """How many processes the user has who runs all this is not known."""
    cred = scene.own.p_cred
    return cred.cr_uid == scene.machine.k.options.uid and cred.cr_euid != 0


def _would_count_others(scene: Scene, args: Args) -> bool:
    """As :func:`_counts_others`, once the actor has become that user."""
    real, effective = args
    uid = scene.own.p_cred.cr_uid if real == "-1" else 0 if real == "0" else None
    return scene.traced or (uid == scene.machine.k.options.uid and effective.startswith("free"))


def _nobody_looks_after(scene: Scene, args: Args) -> bool:
    """A terminal's stop does nothing to a group with no parent outside it."""
    terminals = args[1] in ("SIGTSTP", "SIGTTIN", "SIGTTOU")
    return terminals and not scene.looked_after(args[0])


def _is_not_foreseen(scene: Scene, args: Args) -> bool:
    """Dates, unless a tick lies between them; and whose parent init is, as it plays the roots."""
    *names, field = args
    one, other = map(scene.proc, names)
    if field == "p_ppid" and one.p_ppid == other.p_ppid == scene.machine.k.initproc.p_pid:
        return (one.p_oppid == 0) != (other.p_oppid == 0)
    return field == "start" and one is not other and one.p_stats.p_start == other.p_stats.p_start


def _is_not_open(scene: Scene, args: Args) -> bool:
    """What is left of a request that failed is not in the model."""
    return int(args[0]) not in scene.own.p_fd.fd_dt


def _is_taken(scene: Scene, args: Args) -> bool:
    """The console is one session's only."""
    sessions = {l.l_proc.p_session for l in scene.machine.lwps.values()}
    return scene.traced or any(session.s_ttyvp for session in sessions)


def _is_a_root(scene: Scene, args: Args) -> bool:
    """What the parent of a root is depends on who plays it."""
    return scene.own.p_pptr is scene.machine.k.initproc or _ignores_ends(scene.own.p_pptr)


def _ignores_ends(p: Proc) -> bool:
    """Whether the children of *p* go to init when they end.

    Tracees of its own go there as what they are, traced, and init looks for the
    parent that they had (kern_exit.c, lines 526 and 1179): where that one has gone
    as well, 10.99.12 panics.
    """
    return bool(p.p_flag & (PK_NOCLDWAIT | PK_CLDSIGIGN))


def _traces_and_ignores(scene: Scene, args: Args) -> bool:
    """As :func:`_ignores_ends`, of the actor, which becomes a tracer."""
    return _ignores_ends(scene.own)


def _traces_its_own(scene: Scene, args: Args) -> bool:
    """As :func:`_ignores_ends`, once the tracer ignores SIGCHLD."""
    ignores = args in ((), ("SIGCHLD", "ignore"))
    return ignores and any(scene.proc(t).p_opptr is scene.own for t in scene.tracees(stopped=False))


def _names_the_untold(scene: Scene, args: Args) -> bool:
    """Who a newborn is, is learned from a wait or PT_GET_PROCESS_STATE only."""
    *_, event, other = scene.proc(args[0]).p_sigctx.ps_info
    return event != 0 and scene.machine.names[other] not in scene.told


def _may_be_lost(scene: Scene, args: Args) -> bool:
    """The signal for who stopped in a sleep, which only looks for what it would end by.

    kern_sleepq.c, lines 434-438: for what is ignored, and what stops, issignal() is
    called there, and the signal that the tracer gives ends the sleep, and no more.
    """
    p = scene.proc(args[0])
    ignored = p.p_sigctx.ps_sigignore >> p.p_xsig & 1
    return len(args) > 1 and bool(ignored or sigprop[p.p_xsig] & SA_STOP)


#: The verbs of such steps, and when they are such.
HAZARDS: Final[dict[str, Callable[[Scene, Args], bool]]] = {
    "fork": _is_lost_sight_of,
    "vfork": _holds_for_ever,
    "__vfork14": _holds_for_ever,
    "__clone": _clone_holds_for_ever,
    "wait4": _has_no_signal,
    "sigpending": _is_traced,
    "exec": _ends_in_exec,
    "stopfork": _somebody_traces,
    "stopexec": _somebody_traces,
    "setsid": _somebody_traces,
    "setreuid": _would_count_others,
    "setrlimit": _counts_others,
    "controlling_tty": _is_taken,
    "kill": _nobody_looks_after,
    "compare": _is_not_foreseen,
    "aio_read": _is_not_open,
    "nocldwait": _traces_its_own,
    "sigaction": _traces_its_own,
    "spawn": _traces_and_ignores,
    "PT_ATTACH": _traces_and_ignores,
    "PT_TRACE_ME": _is_a_root,
    "PT_CONTINUE": _may_be_lost,
    "PT_GET_SIGINFO": _names_the_untold,
}
