"""``struct proc`` (sys/sys/proc.h 1.373) and its parts.

The names of fields are those of the C structure.  An object that fork shares or copies is an
object here, too, and really shared or copied.  From this alone it follows whether one process
observes the close or the umask of another one.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any

from reference_model.language.netbsd import (
    IPL_NONE,
    LSIDL,
    MAP_INHERIT_COPY,
    MUTEX_DEFAULT,
    RLIMIT_NPROC,
    SIDL,
)

#: The type of a function that can sleep: a generator that yields where the LWP leaves the CPU,
#: and is resumed once the LWP is runnable again.
Sleeping = Generator[None, None, Any]


class Mutex:
    """A kmutex_t.  The LWP that enters it leaves it; entering twice is a bug of the model."""

    __slots__ = ("ipl", "owned", "refcnt", "type")

    def __init__(self, kind: int = MUTEX_DEFAULT, ipl: int = IPL_NONE) -> None:
        self.type = kind
        self.ipl = ipl
        self.owned = False
        self.refcnt = 1

    def enter(self) -> None:
        assert not self.owned, "locking against myself"
        self.owned = True

    def exit(self) -> None:
        assert self.owned, "leaving a lock that is not taken"
        self.owned = False


class Rwlock:
    """A krwlock_t; the model never waits for one."""

    __slots__ = ()


class Condvar:
    """A kcondvar_t: the LWPs that sleep on it."""

    __slots__ = ("waiters", "wmesg")

    def __init__(self, wmesg: str) -> None:
        self.wmesg = wmesg
        self.waiters: list[Lwp] = []


@dataclass(slots=True, eq=False)
class File:
    """An open file: all descriptors that lead to it share its offset.

    ``f_count`` counts descriptors.  ``f_pipe`` is set in both ends of a pipe, ``f_writes`` in
    the end for writing.  ``f_kqueue`` is set if the file is a kqueue, ``f_trace`` if ktrace(2)
    writes into the file.
    """

    f_offset: int = 0
    f_count: int = 1
    is_kqueue: bool = False
    is_mqueue: bool = False
    f_pipe: Pipe | None = None
    f_writes: bool = False
    f_kqueue: Kqueue | None = None
    f_trace: Trace | None = None


@dataclass(slots=True, eq=False)
class Knote:
    """``struct knote`` of EVFILT_PROC: the watched process, its notes, and what has happened."""

    kn_kq: Kqueue
    kn_id: int
    kn_sfflags: int
    kn_fflags: int = 0
    kn_data: int = 0
    kn_oneshot: bool = False
    kn_active: bool = False


@dataclass(slots=True, eq=False)
class Kqueue:
    """``struct kqueue``: its knotes, the active ones in the order in which they became active.

    ``fd_knhash`` has the same knotes, the newest first: a knote is looked up in this order.
    """

    knotes: list[Knote] = field(default_factory=list)
    fd_knhash: list[Knote] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Trace:
    """``struct ktr_desc``: the records so far, each a process ID and a word.

    ``ktd_ref`` counts the traced processes; ``file`` is kept open until it is 0.
    """

    records: list[tuple[int, str]] = field(default_factory=list)
    ktd_ref: int = 0
    file: File | None = None


@dataclass(slots=True, eq=False)
class Pipe:
    """A pipe, between its two ends; only ktrace ever writes into it."""

    readers: Condvar
    open_for_writing: bool = True
    trace: Trace | None = None


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
    """``struct plimit``: limits, shared until a process changes one (copy-on-write).

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
    """``struct sigctx``: in the section that fork copies, so the child always has a copy.

    The sets are bit masks, bit n for signal n.  PT_GET_SIGINFO shows ``ps_info``: signal, code,
    reported event, other process ID.
    """

    ps_faked: bool = False
    ps_info: tuple[int, int, int, int] = (0, 0, 0, 0)
    ps_sigpass: int = 0
    ps_sigignore: int = 0
    ps_sigcatch: int = 0


@dataclass(slots=True, eq=False)
class Amap:
    """``struct vm_amap``: the memory behind a mapping, as one word."""

    word: int = 0


@dataclass(slots=True, eq=False)
class MapEntry:
    """``struct vm_map_entry``: a mapped page, and its inheritance in a fork."""

    amap: Amap = field(default_factory=Amap)
    inheritance: int = MAP_INHERIT_COPY


@dataclass(slots=True, eq=False)
class Vmspace:
    """``struct vmspace``: one word of memory is enough to distinguish two of them.

    ``page`` is one more page, for minherit(2); None if nothing is mapped there.
    ``lwpctl`` is the address that _lwp_ctl(2) returned last.
    """

    word: int = 0
    vm_refcnt: int = 1
    page: MapEntry | None = field(default_factory=MapEntry)
    lwpctl: Lwpctl | None = None


@dataclass(slots=True, eq=False)
class Lwpctl:
    """``struct lwpctl``: in it the kernel counts how often it has switched to an LWP.

    ``lcp_uva`` is the address space in which it is mapped: no child inherits it (kern_lwp.c,
    lwp_ctl_alloc(), UVM_INH_NONE).
    """

    lcp_uva: Vmspace


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
    """``struct session``: its leader, and whether it has a controlling terminal."""

    s_ttyvp: object | None = None
    s_leader: Proc | None = None


@dataclass(slots=True, eq=False)
class Pgrp:
    """``struct pgrp``: its session, its members, and its ID.

    ``pg_jobc`` counts the members whose parent is in another group of the session.
    """

    pg_session: Session
    pg_members: list[Proc] = field(default_factory=list)
    pg_id: int = 0
    pg_jobc: int = 0


@dataclass(slots=True, eq=False)
class Emul:
    """``struct emul``: an emulation, with the hooks that fork1 calls."""

    e_name: str = "netbsd"
    e_proc_fork: Any = None


@dataclass(slots=True, eq=False)
class Lwp:
    """``struct lwp``: a thread; ``l_task`` is its call in the kernel, if it is there."""

    l_proc: Proc
    l_cred: Cred
    l_stat: int = LSIDL
    l_lid: int = 0
    l_class: int = 0
    #: The priority that the user has set, for a real-time policy.
    l_priority: int = 0
    #: Whether the LWP may run on the first CPU only.
    l_affinity: bool = False
    #: CPU time that it is charged with, in ticks of the scheduler (sched_4bsd.c, ESTCPU_ACCUM).
    l_estcpu: int = 0
    #: A floating point register: the name of the child that was born last.
    l_fpregs: str = ""
    l_sigmask: int = 0
    l_sigpend: int = 0
    l_sigstk: Any = None
    l_private: Any = None
    #: The control block; ``l_lcpage`` says whether it is the LWP's own, or borrowed.
    l_lwpctl: Lwpctl | None = None
    l_lcpage: bool = False
    l_vforkwaiting: bool = False
    l_waitcv: Condvar = field(default_factory=lambda: Condvar("vfork"))
    l_wchan: Condvar | None = None
    l_sintr: bool = False
    #: LW_PENDSIG and LW_WEXIT of ``l_flag``.
    l_pendsig: bool = False
    l_wexit: bool = False
    l_stack: object = None
    l_task: Sleeping | None = None
    #: The two return registers after the last system call.
    retval: list[int] = field(default_factory=lambda: [0, 0])
    #: Whether a signal ended the last interruptible sleep.
    signalled: bool = False

    @property
    def l_fd(self) -> Filedesc:
        """Returns the descriptor table of the LWP's process."""
        return self.l_proc.p_fd


@dataclass(slots=True, eq=False)
class Proc:
    """``struct proc``, in the order of C, with the sections that fork zeroes and copies."""

    p_pid: int
    p_lock: Mutex = None  # type: ignore[assignment]
    p_waitcv: Condvar = None  # type: ignore[assignment]
    p_lwpcv: Condvar = None  # type: ignore[assignment]
    p_cred: Cred = None  # type: ignore[assignment]
    p_fd: Filedesc = None  # type: ignore[assignment]
    p_cwdi: Cwdinfo = None  # type: ignore[assignment]
    p_stats: Pstats = None  # type: ignore[assignment]
    p_limit: Plimit = None  # type: ignore[assignment]
    p_vmspace: Vmspace = None  # type: ignore[assignment]
    p_sigacts: Sigacts = None  # type: ignore[assignment]
    p_aio: Any = None
    p_mqueue_cnt: int = 0
    p_exitsig: int = 0
    p_flag: int = 0
    p_sflag: int = 0
    p_stflag: int = 0
    p_slflag: int = 0
    p_stat: int = SIDL
    p_lflag: int = 0
    p_trace_enabled: bool = False
    p_pptr: Proc = None  # type: ignore[assignment]
    p_children: list[Proc] = field(default_factory=list)
    p_lwps: list[Lwp] = field(default_factory=list)
    p_raslist: list[Any] | None = None

    # The section from here to p_path is zeroed by startzero().
    p_nlwps: int = 0
    p_nzlwps: int = 0
    p_nrlwps: int = 0
    p_nstopchild: int = 0
    p_waited: int = 0
    p_vforklwp: Lwp | None = None
    p_estcpu_inherited: int = 0
    p_forktime: int = 0
    p_opptr: Proc | None = None
    p_timers: set[str] = field(default_factory=set)
    p_traceflag: int = 0
    p_tracep: Any = None
    p_textvp: Any = None
    p_emul: Emul = None  # type: ignore[assignment]
    p_emuldata: Any = None
    p_execsw: Any = None
    p_klist: list[Knote] = field(default_factory=list)
    p_sigwaiters: list[Lwp] = field(default_factory=list)
    p_sigpend: int = 0
    #: ``p_sigpend.sp_info``: the signals with information, in the order of arrival.
    p_siginfo: list[int] = field(default_factory=list)
    p_ppid: int = 0
    p_oppid: int = 0
    p_path: str | None = None

    # The section from here to p_xexit is copied by startcopy().
    p_sigctx: Sigctx = field(default_factory=Sigctx)
    p_nice: int = 20
    p_comm: str = ""
    p_pgrp: Pgrp = None  # type: ignore[assignment]
    p_xexit: int = 0

    p_xsig: int = 0
    p_acflag: int = 0
    p_auxlock: Mutex = None  # type: ignore[assignment]
    p_stmutex: Mutex = None  # type: ignore[assignment]
    p_reflock: Rwlock = None  # type: ignore[assignment]

    @property
    def p_rlimit(self) -> dict[int, tuple[int, int]]:
        """Returns ``p_limit->pl_rlimit``."""
        return self.p_limit.pl_rlimit

    @property
    def p_session(self) -> Session:
        """Returns ``p_pgrp->pg_session``."""
        return self.p_pgrp.pg_session


def startzero(p: Proc) -> None:
    """Zeroes the section from ``p_startzero`` to ``p_endzero`` (sys/sys/proc.h 1.373)."""
    p.p_nlwps = 0
    p.p_nzlwps = 0
    p.p_nrlwps = 0
    p.p_nstopchild = 0
    p.p_waited = 0
    p.p_vforklwp = None
    p.p_estcpu_inherited = 0
    p.p_forktime = 0
    p.p_opptr = None
    p.p_timers = set()
    p.p_traceflag = 0
    p.p_tracep = None
    p.p_textvp = None
    p.p_emul = None  # type: ignore[assignment]
    p.p_emuldata = None
    p.p_execsw = None
    p.p_klist = []
    p.p_sigwaiters = []
    p.p_sigpend = 0
    p.p_siginfo = []
    p.p_ppid = 0
    p.p_oppid = 0
    p.p_path = None


def startcopy(p2: Proc, p1: Proc) -> None:
    """Copies the section from ``p_startcopy`` to ``p_endcopy`` (sys/sys/proc.h 1.373)."""
    ctx = p1.p_sigctx
    p2.p_sigctx = Sigctx(
        ctx.ps_faked, ctx.ps_info, ctx.ps_sigpass, ctx.ps_sigignore, ctx.ps_sigcatch
    )
    p2.p_nice = p1.p_nice
    p2.p_comm = p1.p_comm
    p2.p_pgrp = p1.p_pgrp
    p2.p_xexit = p1.p_xexit
