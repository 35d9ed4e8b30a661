"""What a step of a generated program may be: each verb, how its arguments are drawn, and for what
its observation speaks.

A step is drawn for one actor with a look at the model
(:class:`~conformance.scenarios.programs.scene.Scene`).  A verb that would break one of the
two rules of docs/language.md here draws nothing.  :data:`LEFT_OUT` names the verbs
that no program has, with the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeVar

from conformance.scenarios.programs.scene import Args, Scene
from reference_model.language.netbsd import (
    CLONE_FLAGS,
    INHERITANCES,
    P_FLAGS,
    PS_STOPFORK,
    PSL_TRACED,
    PTRACE_EVENTS,
    SIGCHLD,
    SIGKILL,
    SIGSTOP,
    WAIT_OPTIONS,
    signal_name,
)
from reference_model.language.scenario import (
    ANONYMOUS,
    FIELDS,
    SHOWN_FIELDS,
    SIGNAL_SETS,
    TIMERS,
    flags_text,
)

T = TypeVar("T")

#: Descriptors, by what is behind them: lseek is for files only.
FILES: Final = ("20", "21", "22")
PIPES: Final = (("24", "25"), ("26", "27"))
KQUEUES: Final = ("30", "31")
_PIPE_ENDS: Final = tuple(end for pipe in PIPES for end in pipe)
_DESCRIPTORS: Final = (*FILES, *FILES, *_PIPE_ENDS, KQUEUES[0])

_CAUGHT_AT_WILL: Final = tuple(signal_name(n) for n in range(1, 64) if n not in (SIGKILL, SIGSTOP))
#: The signals that matter most stand there more than once.
_SENT: Final = (
    *("SIGKILL", "SIGSTOP", "SIGCONT", "SIGCONT", "SIGCHLD", "SIGCHLD", "SIGTRAP", "SIGTERM"),
    *("SIGUSR1", "SIGUSR1", "SIGUSR2", "SIGTSTP", "SIGTTIN", "SIGURG", "SIGWINCH", "SIG33"),
)
_USUAL: Final = ("SIGCHLD", "SIGCHLD", "SIGUSR1", "SIGTRAP", "SIGTSTP", "SIGCONT")
_WAIT_OPTIONS: Final = ((), (), *((name,) for name in WAIT_OPTIONS), ("WNOHANG|WALLSIG",))
#: The events that fork reports.
_FORK_EVENTS: Final = tuple(PTRACE_EVENTS)[:3]


class Dice:
    """What Hypothesis drew, used up byte by byte; once it is, always the first of what there is."""

    def __init__(self, data: bytes) -> None:
        self._data = iter(data)

    def below(self, number: int) -> int:
        """A number from 0 to *number* - 1, which is at most 255."""
        return next(self._data, 0) % number

    def pick(self, choices: Sequence[T]) -> T:
        return choices[self.below(len(choices))]

    def some(self, choices: Sequence[str]) -> str:
        """Some of *choices*, joined by ``|``; ``0`` for none."""
        return "|".join(word for word in choices if self.below(2)) or "0"


Draw = Callable[[Dice, Scene], Args | None]


class Group(Enum):
    """Verbs that are about one matter: a program has those of a few."""

    BIRTHS = "births, ends and waits"
    FILES = "descriptors"
    DIRECTORY = "the directory and the mask"
    MEMORY = "memory"
    SIGNALS = "signals"
    LIMITS = "users and limits"
    LOOKS = "what kern.proc2 tells"
    ATTRIBUTES = "what a process has of its own"
    STOPPED = "children that are born stopped"
    SESSIONS = "sessions and terminals"
    KQUEUE = "kqueue"
    KTRACE = "ktrace"
    AIO = "asynchronous I/O"
    PROGRAMS = "exec"
    COUNTS = "counters, clock and limit of the system"
    TRACERS = "what a tracer does"


@dataclass(frozen=True, slots=True)
class Entry:
    """A verb: in which group, how often, for what it speaks, and how its arguments are drawn.

    ``about`` is a clause, or gives one for the arguments.
    """

    group: Group
    weight: int
    about: str | Callable[[Args], str]
    draw: Draw

    def clause(self, args: Args) -> str:
        """The clause that the observation of the verb with *args* speaks for; empty for none."""
        return self.about if isinstance(self.about, str) else self.about(args)


def _nothing(dice: Dice, scene: Scene) -> Args:
    return ()


def _one_of(*choices: str) -> Draw:
    return lambda dice, scene: (dice.pick(choices),)


def _number(dice: Dice, scene: Scene) -> Args:
    return (str(dice.below(10)),)


def _only(allowed: Callable[[Scene], bool], draw: Draw) -> Draw:
    """As *draw*, where *allowed* says yes."""
    return lambda dice, scene: draw(dice, scene) if allowed(scene) else None


def _of(whom: Callable[[Scene], Sequence[str]], *more: Sequence[str]) -> Draw:
    """An actor of *whom*, and one of each of *more*."""

    def draw(dice: Dice, scene: Scene) -> Args | None:
        actors = whom(scene)
        return (dice.pick(actors), *map(dice.pick, more)) if actors else None

    return draw


def _dup2(dice: Dice, scene: Scene) -> Args:
    """Within one kind, so that what is behind a descriptor stays known."""
    kind = dice.pick((FILES, FILES, _PIPE_ENDS))
    return (dice.pick(kind), dice.pick(kind))


# -- births, ends and waits -----------------------------------------------------


def _newborn(dice: Dice, scene: Scene) -> str | None:
    """A name, or ``-``: an end of its own accord must not stop or wake anybody."""
    p = scene.own
    anonymous = scene.child == ANONYMOUS or dice.below(5) == 0
    if not anonymous:
        return scene.child
    known = p.p_slflag & PSL_TRACED or p.p_klist or p.p_sflag & PS_STOPFORK
    return None if known else ANONYMOUS


def _birth(dice: Dice, scene: Scene) -> Args | None:
    child = _newborn(dice, scene)
    return None if child is None else (child,)


def _spawn(dice: Dice, scene: Scene) -> Args | None:
    return (scene.child,) if _untraced(scene) and scene.child != ANONYMOUS else None


def _clone(dice: Dice, scene: Scene) -> Args | None:
    word = sum(bit for bit in CLONE_FLAGS.values() if dice.below(3) == 0)
    child = _newborn(dice, scene)
    if child is None:
        return None
    signal = dice.pick((SIGCHLD, SIGCHLD, SIGCHLD, 0, dice.below(256)))
    if child == ANONYMOUS and not scene.machine.lwps[scene.actor].l_sigmask >> (signal & 63) & 1:
        signal = SIGCHLD if not scene.traced else 0
    return (flags_text(word | signal), child, *dice.pick(((), (), ("own",))))


def _wait4(dice: Dice, scene: Scene) -> Args | None:
    children = scene.children()
    return (dice.pick([*children, *children, "any"]), *dice.pick(_WAIT_OPTIONS))


def _exit(dice: Dice, scene: Scene) -> Args | None:
    """Not where init would get children that count against a limit until it has reaped them."""
    orphans = scene.users_differ and scene.own.p_children
    return None if orphans else _number(dice, scene)


# -- signals --------------------------------------------------------------------


def _kill(dice: Dice, scene: Scene) -> Args | None:
    return (dice.pick(scene.named), dice.pick(_SENT if dice.below(4) else _CAUGHT_AT_WILL))


def _a_signal(dice: Dice) -> str:
    return dice.pick(_USUAL if dice.below(2) else _CAUGHT_AT_WILL)


def _sigaction(dice: Dice, scene: Scene) -> Args:
    return (_a_signal(dice), *dice.pick(((), ("default",), ("ignore",), ("catch",))))


def _sigprocmask(dice: Dice, scene: Scene) -> Args:
    return (dice.pick(("unblock", "unblock", "block")), _a_signal(dice))


# -- looks ----------------------------------------------------------------------

_SHOWN_CLAUSES: Final = {
    "p_nice": "ZERO-AND-COPY",
    "p_comm": "ZERO-AND-COPY",
    "p_exitsig": "EXIT-SIGNAL",
    "p_acflag": "ACCOUNTING-FLAG",
    "p_ename": "EMULATION-INHERITED",
    "p_traceflag": "KTRACE-INHERITED",
    "p_nlwps": "FRESH-LISTS",
    "p_realstat": "RUNNABLE",
    "p_ppid": "ORIGINAL-PARENT",
    "p_sigmask": "LWP",
    "p_sigignore": "ZERO-AND-COPY",
}
_FIELD_CLAUSES: Final = _SHOWN_CLAUSES | {
    "p__pgid": "PROCESS-LISTS",
    "p_sess": "PROCESS-LISTS",
    "p_fd": "FILES",
    "p_cwdi": "CWD",
    "p_limit": "LIMITS",
    "p_vmspace": "ADDRESS-SPACE",
    "p_sigacts": "SIGNAL-ACTIONS",
    "p_stats": "STATS",
    "p_tracep": "KTRACE-INHERITED",
    "p_textvp": "TEXT-AND-PATH",
    "pathname": "TEXT-AND-PATH",
    "start": "START-TIME",
}


#: A set of signals is only ever asked for one of them.
_COMPARED: Final = tuple(field for field in FIELDS if field not in SIGNAL_SETS)


def _kinfo(dice: Dice, scene: Scene) -> Args | None:
    field = dice.pick(SHOWN_FIELDS)
    signal = (_a_signal(dice),) if field in SIGNAL_SETS else ()
    return (dice.pick(scene.living()), field, *signal)


def _compare(dice: Dice, scene: Scene) -> Args | None:
    living = scene.living()
    return (dice.pick(living), dice.pick(living), dice.pick(_COMPARED))


def _flags(dice: Dice, scene: Scene) -> Args | None:
    return (dice.pick(scene.living()), dice.some(tuple(P_FLAGS)))


# -- kqueue and ktrace ------------------------------------------------------------

_NOTES: Final = ("NOTE_TRACK", "NOTE_FORK", "NOTE_EXIT", "NOTE_CHILD")
_FACILITIES: Final = ("KTRFAC_USER", "KTRFAC_EMUL", "KTRFAC_INHERIT")


def _watch(dice: Dice, scene: Scene) -> Args | None:
    return (dice.pick(KQUEUES), dice.pick(scene.named), dice.some(_NOTES))


def _ktrace(dice: Dice, scene: Scene) -> Args | None:
    """Root's, since nothing here says who may trace whom; system calls are left to a family."""
    facilities = dice.some(_FACILITIES)
    if facilities == "0" or not scene.is_root_user:
        return None
    return (dice.pick(PIPES)[1], dice.pick(scene.living()), facilities)


def _records(dice: Dice, scene: Scene) -> Args | None:
    return (dice.pick(PIPES)[0], dice.pick(scene.named))


# -- tracers ----------------------------------------------------------------------


def _tracee(*more: Draw) -> Draw:
    """Mostly one that has stopped; now and then anybody, which is refused."""

    def draw(dice: Dice, scene: Scene) -> Args | None:
        good = scene.tracees(stopped=True)
        whom = scene.living(others=True) if not good or dice.below(12) == 0 else good
        if not whom or (not good and dice.below(3)):
            return None
        rest: list[str] = []
        target = dice.pick(whom)
        for part in more:
            args = part(dice, scene)
            assert args is not None
            rest += args
        return (target, *rest)

    return draw


def _events(dice: Dice, scene: Scene) -> Args:
    """Any mask; mostly one with several of the events that fork reports."""
    words = [word for word in _FORK_EVENTS if dice.below(4)]
    words += [word for word in tuple(PTRACE_EVENTS)[3:] if dice.below(6) == 0]
    return ("|".join(words) or "0",)


def _signal_on(dice: Dice, scene: Scene) -> Args:
    return (dice.pick(_SENT),) if dice.below(4) == 0 else ()


def _sigpass(dice: Dice, scene: Scene) -> Args:
    return (dice.pick(("SIGCHLD", "SIGCHLD", "0", "SIGCHLD|SIGUSR1", "SIGTRAP", "SIGSTOP")),)


def _attach(dice: Dice, scene: Scene) -> Args | None:
    whom = scene.living(others=True)
    return (dice.pick(whom),) if whom else None


def _trace_kill(dice: Dice, scene: Scene) -> Args | None:
    whom = scene.tracees(stopped=False)
    return (dice.pick(whom),) if whom else None


# -- users, limits and others -------------------------------------------------------


def _setreuid(dice: Dice, scene: Scene) -> Args | None:
    if not scene.is_root_user:
        return None
    return (dice.pick(("free1", "free1", "free2", "0", "-1")), dice.pick(("free1", "0", "-1")))


def _stopflag(dice: Dice, scene: Scene) -> Args | None:
    return (dice.pick(scene.living()), dice.pick(("1", "1", "0")))


def _exec(dice: Dice, scene: Scene) -> Args | None:
    return (dice.pick((PIPES[0][0], PIPES[0][0], PIPES[1][0], FILES[0])),)


def _maxproc(dice: Dice, scene: Scene) -> Args | None:
    """Root's, and not where init reaps somebody in its own time."""
    return (str(1 + dice.below(5)),) if scene.is_root_user else None


def _untraced(scene: Scene) -> bool:
    return not scene.own.p_slflag & PSL_TRACED


_B, _F, _S, _L, _A = Group.BIRTHS, Group.FILES, Group.SIGNALS, Group.LOOKS, Group.ATTRIBUTES
_K, _R, _C, _T = Group.KQUEUE, Group.KTRACE, Group.COUNTS, Group.TRACERS

#: Every verb that a program may have.
VOCABULARY: Final[dict[str, Entry]] = {
    "fork": Entry(_B, 6, "SYS-FORK", _birth),
    "vfork": Entry(_B, 3, "SYS-VFORK-44BSD", _birth),
    "__vfork14": Entry(_B, 4, "SYS-VFORK14", _birth),
    "__clone": Entry(_B, 9, "SUCCESS", _clone),
    "retval1": Entry(_B, 2, "RETURN-VALUES", _nothing),
    "stack": Entry(_B, 2, "CLONE-STACK", _only(lambda scene: scene.born, _nothing)),
    "exit": Entry(_B, 5, "", _exit),
    "wait4": Entry(_B, 7, "EXIT-SIGNAL", _wait4),
    "getppid": Entry(_B, 2, "PARENT", _nothing),
    "store": Entry(Group.MEMORY, 4, "", _number),
    "load": Entry(Group.MEMORY, 4, "ADDRESS-SPACE", _nothing),
    "minherit": Entry(Group.MEMORY, 2, "", _one_of(*INHERITANCES)),
    "page_store": Entry(Group.MEMORY, 2, "", _number),
    "page_load": Entry(Group.MEMORY, 3, "ADDRESS-SPACE", _nothing),
    "open": Entry(_F, 3, "", _one_of(*FILES)),
    "close": Entry(_F, 3, "FILES", _one_of(*_DESCRIPTORS)),
    "dup2": Entry(_F, 3, "FILES", _dup2),
    "lseek": Entry(_F, 3, "FILES", lambda dice, scene: (dice.pick(FILES), str(dice.below(10)))),
    "tell": Entry(_F, 4, "FILES", _one_of(*FILES)),
    "clofork": Entry(_F, 2, "FILES", _one_of(*_DESCRIPTORS)),
    "chdir": Entry(Group.DIRECTORY, 3, "", _one_of("/", "/dev")),
    "getcwd": Entry(Group.DIRECTORY, 4, "CWD", _nothing),
    "umask": Entry(Group.DIRECTORY, 3, "CWD", _one_of("022", "077", "0")),
    "kill": Entry(_S, 7, "", _kill),
    "sigaction": Entry(_S, 4, "SIGNAL-ACTIONS", _sigaction),
    "sigprocmask": Entry(_S, 4, "LWP", _sigprocmask),
    "sigpending": Entry(_S, 3, "NO-PENDING-SIGNALS", _nothing),
    "nocldstop": Entry(_S, 1, "STOP-FLAGS-INHERITED", _nothing),
    "nocldwait": Entry(_S, 1, "FLAGS-INHERITED", _nothing),
    "setrlimit": Entry(Group.LIMITS, 3, "", lambda dice, scene: (str(1 + dice.below(4)), "4")),
    "getrlimit": Entry(Group.LIMITS, 3, "LIMITS", _nothing),
    "setreuid": Entry(Group.LIMITS, 2, "CREDENTIALS", _setreuid),
    "kinfo": Entry(_L, 9, lambda args: _SHOWN_CLAUSES[args[1]], _kinfo),
    "compare": Entry(_L, 7, lambda args: _FIELD_CLAUSES[args[2]], _compare),
    "flags": Entry(_L, 4, "FLAGS-INHERITED", _flags),
    "nice": Entry(_A, 2, "", _one_of("0", "1", "2")),
    "setitimer": Entry(_A, 1, "", _one_of(*TIMERS)),
    "getitimer": Entry(_A, 2, "ZERO-AND-COPY", _one_of(*TIMERS)),
    "childrens_usage": Entry(_A, 2, "STATS", _nothing),
    "sigaltstack": Entry(_A, 3, "LWP", lambda dice, scene: dice.pick(((), ("16384",), ("32768",)))),
    "setprivate": Entry(_A, 2, "", _number),
    "getprivate": Entry(_A, 2, "LWP-PRIVATE", _nothing),
    "rasctl": Entry(_A, 3, "RAS", _one_of("install", "purge")),
    "profil": Entry(_A, 1, "PROFILING", _nothing),
    "stopfork": Entry(Group.STOPPED, 3, "", _stopflag),
    "stopexec": Entry(Group.STOPPED, 2, "", _stopflag),
    "stopped": Entry(Group.STOPPED, 4, "STOPFORK", _of(lambda scene: [*scene.children(), "any"])),
    "setsid": Entry(Group.SESSIONS, 2, "PROCESS-LISTS", _nothing),
    "controlling_tty": Entry(Group.SESSIONS, 2, "CONTROLLING-TTY", _nothing),
    "aio_read": Entry(Group.AIO, 3, "NO-AIO", _one_of(*FILES)),
    "aio_error": Entry(Group.AIO, 3, "NO-AIO", _nothing),
    "pipe": Entry(Group.PROGRAMS, 3, "", lambda dice, scene: dice.pick(PIPES)),
    "exec": Entry(Group.PROGRAMS, 3, "", _exec),
    "kqueue": Entry(_K, 2, "", _one_of(*KQUEUES)),
    "watch": Entry(_K, 5, "KNOTES", _watch),
    "kevent": Entry(_K, 6, "KNOTES", _one_of(*KQUEUES)),
    "ktrace": Entry(_R, 4, "", _ktrace),
    "ktrace_end": Entry(_R, 1, "", lambda dice, scene: (dice.pick(PIPES)[1],)),
    "utrace": Entry(_R, 4, "", _nothing),
    "records": Entry(_R, 4, "KTRACE-INHERITED", _records),
    "tick": Entry(_C, 2, "", _nothing),
    "fork_counts": Entry(_C, 2, "FORK-COUNTERS", _nothing),
    "maxproc": Entry(_C, 2, "MAXPROC", _maxproc),
    "spawn": Entry(_T, 1, "SYS-FORK", _spawn),
    "PT_ATTACH": Entry(_T, 2, "TRACE-STATE-NOT-INHERITED", _attach),
    "PT_TRACE_ME": Entry(_T, 1, "TRACE-STATE-NOT-INHERITED", _nothing),
    "PT_SET_EVENT_MASK": Entry(_T, 4, "", _tracee(_events)),
    "PT_GET_EVENT_MASK": Entry(_T, 2, "TRACE-STATE-NOT-INHERITED", _tracee()),
    "PT_GET_PROCESS_STATE": Entry(_T, 4, "TRACE-PARENT-EVENT", _tracee()),
    "PT_GET_SIGINFO": Entry(_T, 3, "CHILD-EVENT", _tracee()),
    "PT_CONTINUE": Entry(_T, 9, "TRACE-REPARENT", _tracee(_signal_on)),
    "PT_DETACH": Entry(_T, 2, "TRACE-REPARENT", _tracee()),
    "PT_KILL": Entry(_T, 1, "TRACE-REPARENT", _trace_kill),
    "PT_SET_SIGPASS": Entry(_T, 1, "", _tracee(_sigpass)),
    "PT_GET_SIGPASS": Entry(_T, 1, "ZERO-AND-COPY", _tracee()),
}

#: The verbs that no program has, and why.
LEFT_OUT: Final[dict[str, str]] = {
    "forkfsleep": "a refused fork then sleeps: programs would wait instead of being run",
    "sleep": "programs would wait instead of being run",
    "took": "it is about forkfsleep only",
    "_lwp_create": "which step may come next is worked out for processes with one LWP",
    "_lwp_exit": "it is about _lwp_create only",
    "_lwp_ctl": "it is about lc_pctr only",
    "lc_pctr": "whoever waits for its turn wakes up now and then, and is counted for that",
    "tablefull": "whether the kernel says it again depends on the ten seconds before the program",
}
