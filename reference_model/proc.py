"""What a process is made of: ``struct proc`` (sys/sys/proc.h 1.373) and its parts.

Field names are the C structure's.  What fork shares or copies is an object here
too, really shared or really copied: that one process sees the other's close, or
does not see its umask, follows from this and is written down nowhere else.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any

from reference_model.netbsd import LSIDL, RLIMIT_NPROC, SIDL

#: What a function that can sleep is: a generator that yields where the LWP
#: leaves the CPU, and is resumed once it is runnable again.
Sleeping = Generator[None, None, Any]


class Mutex:
    """A kmutex_t: who enters it leaves it.  Entering twice is a bug of the model."""

    __slots__ = ("owned", "refcnt")

    def __init__(self) -> None:
        self.owned = False
        self.refcnt = 1

    def enter(self) -> None:
        assert not self.owned, "locking against myself"
        self.owned = True

    def exit(self) -> None:
        assert self.owned, "leaving a lock that is not held"
        self.owned = False


class Condvar:
    """A kcondvar_t: the LWPs that sleep on it."""

    __slots__ = ("waiters", "wmesg")

    def __init__(self, wmesg: str) -> None:
        self.wmesg = wmesg
        self.waiters: list[Lwp] = []


@dataclass(slots=True, eq=False)
class File:
    """An open file: the offset is its own, whoever's descriptor leads to it.

    ``f_count`` counts descriptors.  ``f_pipe`` is set in both ends of a pipe,
    ``f_writes`` in the one that one writes to.
    """

    f_offset: int = 0
    f_count: int = 1
    is_kqueue: bool = False
    f_pipe: Pipe | None = None
    f_writes: bool = False


@dataclass(slots=True, eq=False)
class Pipe:
    """What lies between the two ends of a pipe; nobody ever writes anything into it."""

    readers: Condvar
    open_for_writing: bool = True


@dataclass(slots=True)
class Descriptor:
    """A ``fdfile_t``: a file, and the flags that belong to the descriptor."""

    ff_file: File
    ff_exclose: bool = False
    ff_foclose: bool = False


@dataclass(slots=True, eq=False)
class Filedesc:
    """``struct filedesc``: a descriptor table."""

    fd_dt: dict[int, Descriptor] = field(default_factory=dict)
    fd_refcnt: int = 1
    fd_foclose: bool = False


@dataclass(slots=True, eq=False)
class Cwdinfo:
    """``struct cwdinfo``: current directory, root directory, file creation mask."""

    cwdi_cdir: str = "/"
    cwdi_rdir: str = "/"
    cwdi_cmask: int = 0o022
    cwdi_refcnt: int = 1


RLIM_INFINITY = 2**63 - 1


@dataclass(slots=True, eq=False)
class Plimit:
    """``struct plimit``: limits, shared until somebody changes one (copy-on-write).

    ``pl_rlimit`` maps RLIMIT_NPROC to (soft, hard), in processes.
    """

    pl_rlimit: dict[int, tuple[int, int]] = field(
        default_factory=lambda: {RLIMIT_NPROC: (RLIM_INFINITY, RLIM_INFINITY)}
    )
    pl_writeable: bool = False
    pl_refcnt: int = 1


@dataclass(slots=True, eq=False)
class Sigacts:
    """``struct sigacts``: signal number to ``default``, ``ignore`` or ``catch``."""

    sa_sigdesc: dict[int, str] = field(default_factory=dict)
    sa_refcnt: int = 1


@dataclass(slots=True)
class Sigctx:
    """``struct sigctx``: lies in the section that fork copies, so it is always a copy.

    The sets are bit masks, bit n for signal n.  ``ps_info`` is what
    PT_GET_SIGINFO shows: (signal, code, reported event, other process ID).
    """

    ps_faked: bool = False
    ps_info: tuple[int, int, int, int] = (0, 0, 0, 0)
    ps_sigpass: int = 0
    ps_sigignore: int = 0
    ps_sigcatch: int = 0


@dataclass(slots=True, eq=False)
class Vmspace:
    """``struct vmspace``: one word of memory is enough to tell one from another."""

    word: int = 0
    vm_refcnt: int = 1


@dataclass(slots=True, eq=False)
class Pstats:
    """``struct pstats``: usage of the process and of its waited-for children, start time."""

    p_ru: int = 0
    p_cru: int = 0
    p_timer: bool = False
    p_prof: Any = None
    p_start: int = 0


@dataclass(slots=True, eq=False)
class Cred:
    """``kauth_cred_t``: the user IDs."""

    cr_uid: int = 0
    cr_euid: int = 0


@dataclass(slots=True, eq=False)
class Session:
    """``struct session``: whether it has a controlling terminal."""

    s_ttyvp: object | None = None


@dataclass(slots=True, eq=False)
class Pgrp:
    """``struct pgrp``: its members, and the session it is in."""

    pg_session: Session
    pg_members: list[Proc] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Emul:
    """``struct emul``: an emulation, with the hooks that fork1 calls."""

    e_name: str = "netbsd"
    e_proc_fork: Any = None


class Lwp:
    """``struct lwp``: a thread; ``l_task`` is what it is doing inside the kernel, if anything."""

    __slots__ = (
        "l_class",
        "l_cred",
        "l_pendsig",
        "l_private",
        "l_proc",
        "l_sigmask",
        "l_sigpend",
        "l_sigstk",
        "l_sintr",
        "l_stack",
        "l_stat",
        "l_task",
        "l_vforkwaiting",
        "l_waitcv",
        "l_wchan",
        "retval",
        "signalled",
    )

    def __init__(self, proc: Proc, cred: Cred) -> None:
        self.l_proc = proc
        self.l_cred = cred
        self.l_stat = LSIDL
        self.l_class = 0
        self.l_sigmask = 0
        self.l_sigpend = 0
        self.l_sigstk: Any = None
        self.l_private: Any = None
        self.l_vforkwaiting = False
        self.l_waitcv = Condvar("vfork")
        self.l_wchan: Condvar | None = None
        self.l_sintr = False
        self.l_pendsig = False
        self.l_stack: object = None
        self.l_task: Sleeping | None = None
        self.retval = [0, 0]
        self.signalled = False

    @property
    def l_fd(self) -> Filedesc:
        fd: Filedesc = self.l_proc.p_fd
        return fd


class Proc:
    """``struct proc``.  The order is the C structure's, down to what fork zeroes and copies."""

    __slots__ = (
        "p_acflag",
        "p_aio",
        "p_auxlock",
        "p_children",
        "p_comm",
        "p_cred",
        "p_cwdi",
        "p_emul",
        "p_emuldata",
        "p_execsw",
        "p_exitsig",
        "p_fd",
        "p_flag",
        "p_forktime",
        "p_klist",
        "p_lflag",
        "p_limit",
        "p_lock",
        "p_lwps",
        "p_mqueue_cnt",
        "p_nice",
        "p_nlwps",
        "p_nrlwps",
        "p_nstopchild",
        "p_opptr",
        "p_oppid",
        "p_path",
        "p_pgrp",
        "p_pid",
        "p_ppid",
        "p_pptr",
        "p_raslist",
        "p_sflag",
        "p_sigacts",
        "p_sigctx",
        "p_sigpend",
        "p_sigwaiters",
        "p_slflag",
        "p_stat",
        "p_stats",
        "p_stflag",
        "p_textvp",
        "p_trace_enabled",
        "p_traceflag",
        "p_tracep",
        "p_vforklwp",
        "p_vmspace",
        "p_waitcv",
        "p_waited",
        "p_xexit",
        "p_xsig",
    )

    def __init__(self, pid: int) -> None:
        self.p_pid = pid
        self.p_stat = SIDL
        self.p_xsig = 0
        self.p_acflag = 0
        self.p_exitsig = 0
        self.p_vmspace: Any = None
        self.p_lock: Any = None
        self.p_cred: Any = None
        self.p_fd: Any = None
        self.p_cwdi: Any = None
        self.p_limit: Any = None
        self.p_sigacts: Any = None
        self.p_stats: Any = None
        self.p_emuldata: Any = None
        self.p_trace_enabled = False
        self.p_children: list[Proc] = []
        startzero(self)

    @property
    def p_rlimit(self) -> dict[int, tuple[int, int]]:
        limits: dict[int, tuple[int, int]] = self.p_limit.pl_rlimit
        return limits

    @property
    def p_session(self) -> Session:
        session: Session = self.p_pgrp.pg_session
        return session


def startzero(p: Proc) -> None:
    """Zero the section from ``p_startzero`` to ``p_endzero`` (sys/sys/proc.h 1.373)."""
    p.p_nlwps = 0
    p.p_nrlwps = 0
    p.p_nstopchild = 0
    p.p_waited = 0
    p.p_vforklwp = None
    p.p_forktime = 0
    p.p_opptr = None
    p.p_traceflag = 0
    p.p_tracep = None
    p.p_textvp = None
    p.p_emul = None
    p.p_execsw = None
    p.p_klist = []
    p.p_sigwaiters = []
    p.p_sigpend = 0
    p.p_ppid = 0
    p.p_oppid = 0
    p.p_path = None


def startcopy(p2: Proc, p1: Proc) -> None:
    """Copy the section from ``p_startcopy`` to ``p_endcopy`` (sys/sys/proc.h 1.373)."""
    ctx = p1.p_sigctx
    p2.p_sigctx = Sigctx(
        ctx.ps_faked, ctx.ps_info, ctx.ps_sigpass, ctx.ps_sigignore, ctx.ps_sigcatch
    )
    p2.p_nice = p1.p_nice
    p2.p_comm = p1.p_comm
    p2.p_pgrp = p1.p_pgrp
    p2.p_xexit = p1.p_xexit
