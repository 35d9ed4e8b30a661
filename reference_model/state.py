"""The kernel's state: NetBSD's globals, apart from what happens in them.

Which of several orders happens is not random here.  Where NetBSD's sources leave
an order open, a function asks :meth:`State.choose`.  The answers are a sequence
of numbers, ``choices``, and ``widths`` notes how many answers there were.  So one
sequence of numbers is one run, and all runs can be tried one after the other
(:func:`reference_model.machine.allowed_logs`).

Rejected: a random scheduler.  It would need many runs to find every order, and would
never know that it had found all of them.  Rejected, too: a copy of
the whole state at each open order.  The functions that sleep are generators, and a
generator cannot be copied; to run the scenario again from its start is simpler,
and fast enough.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from reference_model.proc import RLIM_INFINITY, Cred, Emul, Lwp, Mutex, Proc, Session, Sleeping
from reference_model.revisions import CHANGES, NEWEST_FILES, Revision

#: Microseconds in a tick of the clock, at NetBSD's 100 ticks a second.
TICK = 10_000

#: Default number of message queues that a process may have open (sys/sys/mqueue.h).
MQ_OPEN_MAX = 512

#: The newest revision of kern_fork.c that the model knows.
NEWEST = (1, 232)


@dataclass(frozen=True, slots=True)
class Options:
    """The configuration of a kernel, and its counts when a scenario starts.

    ``maxproc`` is kern.maxproc in processes, ``others`` the processes that run
    beside the scenario's own, ``user_count`` those of the user ``uid`` who runs it,
    ``nproc_limit`` the soft and hard RLIMIT_NPROC that a root starts with.
    """

    revision: tuple[int, int] = NEWEST
    #: The revisions of other files; a file that is not named has its newest revision.
    files: tuple[tuple[str, Revision], ...] = ()
    ktrace: bool = True
    have_ras: bool = True
    maxproc: int = 1044
    forkfsleep: int = 0
    others: int = 20
    user_count: int = 1
    uid: int = 0
    nproc_limit: tuple[int, int] = (RLIM_INFINITY, RLIM_INFINITY)


class State(ABC):
    """NetBSD's globals (``nprocs``, ``allproc``, ...), and the orders that are open.

    :class:`reference_model.kernel.Kernel` adds the first processes and everything
    that fork1 calls.
    """

    #: Process 1.
    initproc: Proc

    def __init__(self, options: Options, choices: Sequence[int] = ()) -> None:
        """Makes a state; *choices* answers :meth:`choose` in order, and then 0 does."""
        self.options = options
        self.revision = options.revision
        self.maxproc = options.maxproc
        self.forkfsleep = options.forkfsleep
        self.nprocs = options.others
        self.proc_lock = Mutex()
        self.allproc: list[Proc] = []
        self.zombproc: list[Proc] = []
        self.cpu_count = {"forks": 0, "forks_ppwait": 0, "forks_sharevm": 0}
        self.msgbuf: list[str] = []
        #: Microseconds since the start.
        self.microtime = 0
        #: When each message was last let through (kern_time.c, ratecheck()).
        self.lasttime: dict[str, int] = {}
        #: The number of processes of each real user ID (kern_uidinfo.c).
        self.uidinfo = {options.uid: options.user_count}
        self.fork_hooks: list[Callable[[Proc, Proc], None]] = []
        self.emul = Emul()
        self.session = Session()
        self.console, self.text = object(), object()
        self.root_cred = Cred(options.uid, options.uid)
        #: The LWPs that can run, the next one first.
        self.runq: deque[Lwp] = deque()
        #: The processes with PS_STOPPING, until their last LWP has stopped.
        self.stopping: list[Proc] = []
        #: Every LWP that has run since this was last cleared.
        self.ran: set[Lwp] = set()
        self.mq_open_max = MQ_OPEN_MAX
        #: The LWP that runs.
        self.curlwp: Lwp | None = None
        #: Whether a group became an orphan while a member was stopped, or its count went wrong.
        self.orphaned_group = False
        self.choices = choices
        self.widths: list[int] = []
        self._next_pid = 1

    def has(self, change: str) -> bool:
        """Returns whether this kernel has a change of another file than kern_fork.c."""
        asked = CHANGES[change]
        return asked.included(dict(self.options.files).get(asked.file, NEWEST_FILES[asked.file]))

    def new_pid(self) -> int:
        """Returns the next free process or LWP ID."""
        pid = self._next_pid
        self._next_pid += 1
        return pid

    def choose(self, width: int) -> int:
        """Returns one of *width* possibilities, as ``choices`` says; the first by default."""
        if width == 1:
            return 0
        position = len(self.widths)
        self.widths.append(width)
        return self.choices[position] if position < len(self.choices) else 0

    # Two functions of kern_lwp.c.  In C, exit, signals and LWPs call each other in a
    # circle; here the files below kern_lwp.py call up through these.

    @abstractmethod
    def userret(self, l: Lwp) -> Sleeping:
        """Brings *l* back to user mode: :func:`reference_model.kern_lwp.lwp_userret`."""

    @abstractmethod
    def lwp_exit(self, l: Lwp) -> Sleeping:
        """Ends *l*: :func:`reference_model.kern_lwp.lwp_exit`."""
