"""The model's answer to a case: its fork1, run with callees that take note, as a record.

The objects are the harness's (objects.def), the callees do what its stand-ins do, and
a record has the same words in the same order.  What fork1 itself does is
:mod:`reference_model.kern_fork`'s alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any, Final, cast

from conformance.source.layout import CALLS, OBJECTS, RECORD, hash_of
from reference_model import Options, kern_fork
from reference_model.callees import Callees
from reference_model.kern_exit import proc_changeparent
from reference_model.kernel import Kernel
from reference_model.language.netbsd import (
    LSIDL,
    LSONPROC,
    LSRUN,
    RLIMIT_NPROC,
    SACTIVE,
    SIDL,
    SIGCHLD,
)
from reference_model.proc import (
    RLIM_INFINITY,
    Condvar,
    Cred,
    Cwdinfo,
    Emul,
    Filedesc,
    Lwp,
    Mutex,
    Pgrp,
    Plimit,
    Proc,
    Pstats,
    Rwlock,
    Session,
    Sigacts,
    Sigctx,
    Sleeping,
    Vmspace,
)

_NUMBER = {call.name: number for number, call in CALLS.items()}
#: What the memory of a new process holds before fork1, as a char, a short, an int, a long.
_STALE8, _STALE16, _STALE32, _STALE64 = 0x5A, 0x5A5A, 0x5A5A5A5A, 0x5A5A5A5A5A5A5A5A
_KAUTH_FORK, _KAUTH_RLIMIT, _RLIMIT_BYPASS = 3, 9, 3
_CALLED: Final = (
    None,
    kern_fork.sys_fork,
    kern_fork.sys_vfork,
    kern_fork.sys___vfork14,
)
_EMPTY = (0, 0, 0, 0)


class _Thing:
    """An object that only its name tells from another."""


class _Vnode:
    """``struct vnode``: its use count."""

    v_usecount = 1


class _Lock(Mutex):
    """A lock whose being entered and left is recorded."""

    __slots__ = ("_calls", "_number")

    def __init__(self, number: int, calls: list[int]) -> None:
        super().__init__()
        self._number = number
        self._calls = calls

    def enter(self) -> None:
        assert not self.owned, "locking against myself"
        self.owned = True
        self._calls += (1, self._number)

    def exit(self) -> None:
        assert self.owned, "leaving a lock that is not held"
        self.owned = False
        self._calls += (2, self._number)


#: Fields of the record that the model has in another place.
_ELSEWHERE = {
    "ps_faked": "p_sigctx.ps_faked",
    "ps_sigpass": "p_sigctx.ps_sigpass",
    "ps_sigignore": "p_sigctx.ps_sigignore",
    "ps_sigcatch": "p_sigctx.ps_sigcatch",
    "p_stmutex_type": "p_stmutex.type",
    "p_stmutex_ipl": "p_stmutex.ipl",
    "p_auxlock_type": "p_auxlock.type",
    "p_auxlock_ipl": "p_auxlock.ipl",
    "p_waitcv_wmesg": "p_waitcv.wmesg",
    "p_lwpcv_wmesg": "p_lwpcv.wmesg",
}


def _runs(name: str) -> list[tuple[str, Callable[[Any], Any], int]]:
    """The fields of an object as the record has them: neighbours of one kind at once."""
    found: list[tuple[str, list[str]]] = []
    for field in RECORD:
        if field.object != name:
            continue
        path = _ELSEWHERE.get(field.name, field.name)
        kind = "N" if field.kind == "Q" else field.kind
        if found and found[-1][0] == kind and kind in "NPS":
            found[-1][1].append(path)
        else:
            found.append((kind, [path]))
    return [(kind, attrgetter(*paths), len(paths)) for kind, paths in found]


class World(Kernel):
    """The kernel around one call; :meth:`record` runs a case.

    The objects are made once and set up anew for each case.
    """

    def __init__(self, revision: tuple[int, int], calls: list[int] | None = None) -> None:
        """*calls* is the list that the calls are put into, where it is to be a special one."""
        self.options = Options(revision=revision)
        self.revision = revision
        self.calls: list[int] = [] if calls is None else calls
        self.retval: list[int] | None = None
        self.nprocs_at_boot, self.forkfsleep_at_boot = kern_fork.nprocs, kern_fork.forkfsleep
        lock = OBJECTS
        self.proc_lock = _Lock(lock["proc_lock"], self.calls)
        self.lock1 = _Lock(lock["lock1"], self.calls)
        self.lock2 = _Lock(lock["lock2"], self.calls)
        self.fd1, self.fd_copied, self.fd_fresh = Filedesc(), Filedesc(), Filedesc()
        self.cwdi1, self.cwdi_copied = Cwdinfo(), Cwdinfo()
        self.limit1, self.limit_copied = Plimit(), Plimit()
        self.sigacts1, self.sigacts_copied = Sigacts(), Sigacts()
        self.vmspace1, self.vmspace_copied = Vmspace(), Vmspace()
        self.stats1, self.stats_copied = Pstats(), Pstats()
        self.cred_l, self.cred_p = Cred(), Cred()
        self.textvp1 = _Vnode()
        self.emul1 = Emul()
        self.session1 = Session()
        self.pgrp1 = Pgrp(self.session1)
        self.tracefile, self.execsw1, self.emuldata1 = _Thing(), _Thing(), _Thing()
        self.ras1: Any = _Thing()
        self.ras_copied: Any = _Thing()
        self.aio1, self.knote1, self.stale = _Thing(), _Thing(), _Thing()
        self.init_ = Proc(1)
        self.tracer, self.p1 = Proc(50), Proc(60)
        self.sibling, self.member = Proc(61), Proc(62)
        self.p2 = Proc(0)
        self.l1, self.l2 = Lwp(self.p1, self.cred_l), Lwp(self.p2, self.cred_p)
        self.initproc = self.init_
        self.l1_waitcv = Condvar("vfork")
        self.l1.l_waitcv = self.l1_waitcv
        self.p1_waitcv = Condvar("wait")
        self._stale_lock, self._stale_cv = Mutex(_STALE32, _STALE32), Condvar("stale")
        self._stale_rwlock: Any = _Thing()
        self._stale_sigctx = Sigctx(True, (0, 0, 0, 0), _STALE64, _STALE64, _STALE64)
        self.children: dict[str, list[Proc]] = {}
        self.names: dict[Any, int] = {
            getattr(self, name): number for name, number in OBJECTS.items() if hasattr(self, name)
        }
        self.names |= {
            None: 0,
            self.init_: 1,
            self.stale: 99,
            "/bin/program": OBJECTS["path1"],
            "a copy": OBJECTS["path_copied"],
        }
        self.texts = {"stale": 99, None: 0} | {
            text: hash_of(text)
            for text in ("program", "wait", "lwpwait", "forkmx", "forkulim", "proc",
                         "increase kern.maxproc or NPROC", "proc:kernel::create")
        }  # fmt: skip
        self._runs = {name: _runs(name) for name in ("k", "p1", "l1", "p2", "l2")}

    def _begin(
        self, call: int, flags: int, exitsig: int, stack: int, stacksize: int, func: int,
        arg: int, no_retval: int, maxproc: int, nprocs: int, forkfsleep: int, ratecheck: int,
        count: int, count_p: int, rlim_cur: int, l_ruid: int, l_euid: int, p_ruid: int,
        no_uarea: int, no_pid: int, pid: int, p_flag: int, p_sflag: int, p_stflag: int,
        p_slflag: int, p_lflag: int, p_mqueue_cnt: int, p_traceflag: int, p_tracep: int,
        p_textvp: int, p_path: int, p_aio: int, p_raslist: int, p_klist: int,
        p_nstopchild: int, p_nrlwps: int, p_nice: int, fd: int, pl_writeable: int, e_proc_fork: int,
        s_ttyvp: int, traced_by: int, children: int, members: int, trace_enabled: int,
        ktr_emul: int, microtime: int, l_vforkwaiting: int, l_class: int, l_sigmask: int,
        l_sigstk: int, l_private: int, wakeups: int, stop_slflag: int, stop_release: int,
        other_sflag: int, other_stflag: int, wait_slflag: int,
    ) -> None:  # fmt: skip
        """Set everything up as the harness's world_begin() does; the fields are case.def's."""
        self.calls.clear()
        self.maxproc, self.nprocs, self.forkfsleep = maxproc, nprocs, forkfsleep
        self.cpu_count = {"forks": 0, "forks_ppwait": 0, "forks_sharevm": 0}
        self.count_l, self.count_p = count, count_p
        self.tracefile_refcnt = 1
        self.no_uarea, self.no_pid, self.pid = no_uarea, no_pid, pid
        self.says_ratecheck, self.says_trace, self.says_ktr = ratecheck, trace_enabled, ktr_emul
        self.microtime = microtime
        self.wakeups, self.stop_slflag = wakeups, stop_slflag
        self.stop_release, self.wait_slflag = stop_release, wait_slflag
        self.other_sflag, self.other_stflag = other_sflag, other_stflag
        self.waits, self.stopped = 0, call == 5
        self.p2_there = self.l2_there = False

        self.cred_l.cr_uid, self.cred_l.cr_euid = l_ruid, l_euid
        self.cred_p.cr_uid = self.cred_p.cr_euid = p_ruid
        self.proc_lock.owned = self.lock1.owned = self.lock2.owned = False
        self.lock1.refcnt = self.fd1.fd_refcnt = self.cwdi1.cwdi_refcnt = 1
        self.limit1.pl_refcnt = self.sigacts1.sa_refcnt = self.vmspace1.vm_refcnt = 1
        self.textvp1.v_usecount = 1
        self.fd1.fd_foclose = fd == 2
        self.limit1.pl_rlimit[RLIMIT_NPROC] = (rlim_cur, RLIM_INFINITY)
        self.limit1.pl_writeable = bool(pl_writeable)
        self.emul1.e_proc_fork = self._e_proc_fork if e_proc_fork else None
        self.session1.s_ttyvp = self.stale if s_ttyvp else None
        self.stats_copied.p_start = 0

        p1, parent = self.p1, self.tracer if traced_by else self.init_
        self.init_.p_children = [self.tracer] if traced_by else [p1, self.tracer]
        self.tracer.p_children = [p1] if traced_by else []
        self.init_.p_slflag = self.tracer.p_slflag = 0
        self.allproc = [p1, self.tracer, self.init_]
        self.pgrp1.pg_members = [p1, self.member] if members else [p1]
        p1.p_lock, p1.p_waitcv = self.lock1, self.p1_waitcv
        p1.p_cred, p1.p_fd = self.cred_p, self.fd1 if fd else None  # type: ignore[assignment]
        p1.p_cwdi, p1.p_stats, p1.p_limit = self.cwdi1, self.stats1, self.limit1
        p1.p_vmspace, p1.p_sigacts = self.vmspace1, self.sigacts1
        p1.p_aio = self.aio1 if p_aio else None
        p1.p_mqueue_cnt, p1.p_exitsig, p1.p_flag = p_mqueue_cnt, SIGCHLD, p_flag
        p1.p_sflag, p1.p_stflag, p1.p_slflag = p_sflag, p_stflag, p_slflag
        p1.p_stat, p1.p_lflag, p1.p_pptr = SACTIVE, p_lflag, parent
        p1.p_children = [self.sibling] if children else []
        p1.p_lwps = [self.l1]
        p1.p_raslist = self.ras1 if p_raslist else None
        p1.p_nlwps = p1.p_nrlwps = p_nrlwps
        p1.p_nstopchild, p1.p_waited, p1.p_vforklwp, p1.p_forktime = p_nstopchild, 1, None, 7
        p1.p_opptr = parent if call == 5 else self.init_ if traced_by else None
        p1.p_traceflag, p1.p_tracep = p_traceflag, self.tracefile if p_tracep else None
        p1.p_textvp = self.textvp1 if p_textvp else None
        p1.p_emul, p1.p_emuldata, p1.p_execsw = self.emul1, self.emuldata1, self.execsw1
        p1.p_klist = [cast(Any, self.knote1)] if p_klist else []
        p1.p_sigwaiters, p1.p_sigpend = [self.l1], 1 << SIGCHLD
        p1.p_ppid, p1.p_oppid, p1.p_path = parent.p_pid, 1, "/bin/program" if p_path else None
        p1.p_sigctx = Sigctx(True, (0, 0, 0, 0), 0x10, 0x20, 0x40)
        p1.p_nice, p1.p_comm, p1.p_pgrp, p1.p_xexit = p_nice, "program", self.pgrp1, 3
        p1.p_xsig, p1.p_acflag = 4, 0x12

        l1 = self.l1
        l1.l_stat, l1.l_class, l1.l_proc = LSONPROC, l_class, p1
        l1.l_sigmask, l1.l_sigstk, l1.l_private = l_sigmask, l_sigstk, l_private
        l1.l_vforkwaiting = bool(l_vforkwaiting)

    def _new_proc(self) -> Proc:
        """A process in memory that another had before: nothing in it can be relied on."""
        p: Any = self.p2
        stale = self.stale
        p.p_lock = p.p_cred = p.p_fd = p.p_cwdi = p.p_stats = p.p_limit = p.p_vmspace = stale
        p.p_sigacts = p.p_aio = p.p_pptr = p.p_raslist = p.p_vforklwp = p.p_opptr = stale
        p.p_tracep = p.p_textvp = p.p_emul = p.p_emuldata = p.p_execsw = p.p_path = stale
        p.p_pgrp = stale
        p.p_children, p.p_lwps, p.p_sigwaiters, p.p_klist = [stale], [stale], [stale], [stale]
        p.p_waitcv = p.p_lwpcv = self._stale_cv
        p.p_auxlock = p.p_stmutex = self._stale_lock
        p.p_reflock = self._stale_rwlock
        p.p_sigctx = self._stale_sigctx
        p.p_mqueue_cnt = p.p_exitsig = p.p_flag = p.p_sflag = p.p_stflag = _STALE32
        p.p_nlwps = p.p_nrlwps = p.p_nstopchild = p.p_waited = p.p_forktime = _STALE32
        p.p_traceflag = p.p_ppid = p.p_oppid = p.p_xexit = _STALE32
        p.p_slflag = p.p_xsig = p.p_acflag = _STALE16
        p.p_lflag = p.p_trace_enabled = p.p_nice = _STALE8
        p.p_sigpend = -1
        p.p_comm = "stale"
        p.p_stat, p.p_pid = SIDL, self.pid
        return self.p2

    # -- running a case -------------------------------------------------------

    def run(self, case: Sequence[int]) -> int:
        """Make the call; what it returned."""
        self._begin(*case)
        call, flags, exitsig, stack, stacksize, func, arg, no_retval = case[:8]
        retval = self.retval = None if no_retval else [-7, -8]
        task: Sleeping
        if call == 0:
            task = kern_fork.fork1(
                self, self.l1, flags, exitsig, stack, stacksize,
                _given if func else None, arg, retval,
            )  # fmt: skip
        elif call == 4:
            task = kern_fork.sys___clone(self, self.l1, flags, stack, retval or [])
        elif call == 5:
            task = kern_fork.child_return(self, self.l1, None)
        else:
            called = _CALLED[call]
            assert called is not None
            task = called(self, self.l1, retval or [])
        try:
            next(task)
        except StopIteration as returned:
            return returned.value or 0
        raise AssertionError("the model sleeps where a case lets nobody sleep")

    def record(self, case: Sequence[int]) -> list[int]:
        """The record that the harness is to give for *case*."""
        words = [0, 0, 0, self.run(case)]
        words += self.state()
        words.append(len(self.calls))
        words += self.calls
        words[0] = len(words)
        return words

    def state(self) -> list[int]:
        """The state as record.def has it."""
        self.retval0, self.retval1 = self.retval or (-7, -8)
        self.forks = self.cpu_count["forks"]
        self.forks_ppwait = self.cpu_count["forks_ppwait"]
        self.forks_sharevm = self.cpu_count["forks_sharevm"]
        self.lock1_refcnt = self.lock1.refcnt
        self.fd1_refcnt = self.fd1.fd_refcnt
        self.cwdi1_refcnt = self.cwdi1.cwdi_refcnt
        self.limit1_refcnt = self.limit1.pl_refcnt
        self.sigacts1_refcnt = self.sigacts1.sa_refcnt
        self.vmspace1_refcnt = self.vmspace1.vm_refcnt
        self.textvp1_usecount = self.textvp1.v_usecount
        self.p_start = self.stats_copied.p_start
        self.init_children = self.init_.p_children
        self.tracer_children = self.tracer.p_children
        self.members = self.pgrp1.pg_members
        words: list[int] = []
        for name, thing, there in (
            ("k", self, True),
            ("p1", self.p1, True),
            ("l1", self.l1, True),
            ("p2", self.p2, self.p2_there),
            ("l2", self.l2, self.l2_there),
        ):
            if there:
                self._put(words, self._runs[name], thing)
            else:
                words += _NOBODY[name]
        return words

    def _put(
        self, words: list[int], runs: list[tuple[str, Callable[[Any], Any], int]], thing: Any
    ) -> None:
        names = self.names
        for kind, get, number in runs:
            value = get(thing)
            if kind == "N":
                words += value if number > 1 else (value,)
            elif kind == "P":
                if number == 1:
                    value = (value,)
                words += [names[v] for v in value]
            elif kind == "S":
                words += [self.texts[text] for text in value]
            elif kind == "R":
                words.append(isinstance(value, Rwlock))
            elif kind == "F":
                words.append(names[value[0]] if value else 0)
            else:
                words += [names[v] for v in value]
                words += _EMPTY[len(value) :]

    @property
    def held(self) -> int:
        return self.proc_lock.owned | self.lock1.owned << 1 | self.lock2.owned << 2

    # -- the callees, in calls.def's order --------------------------------------

    def kauth_authorize_process_fork(self, cred: Cred, tnprocs: int) -> int:
        self.calls += (3, self.names[cred], _KAUTH_FORK, 2, tnprocs, 0, 0, self.nprocs)
        # As callees.c has it, and as it is meant: the last five slots are the superuser's.
        return 0 if cred.cr_euid == 0 or tnprocs < self.maxproc - 5 else 1

    def kauth_authorize_process_rlimit_bypass(self, cred: Cred) -> int:
        self.calls += (3, self.names[cred], _KAUTH_RLIMIT, 2, _RLIMIT_BYPASS,
                       OBJECTS["limit1_nproc"], RLIMIT_NPROC, self.nprocs)  # fmt: skip
        return super().kauth_authorize_process_rlimit_bypass(cred)

    def ratecheck(self, name: str, seconds: int) -> bool:
        self.calls += (4, seconds, 0)
        return bool(self.says_ratecheck)

    def tablefull(self, table: str, hint: str) -> None:
        self.calls += (5, self.texts[table], self.texts[hint], self.nprocs)

    def kpause(self, l: Lwp, wmesg: str, ticks: int) -> Sleeping:
        self.calls += (6, self.texts[wmesg], 0, ticks, 0, self.nprocs, self.count_l)
        return
        yield

    def chgproccnt(self, uid: int, diff: int) -> int:
        if uid == self.cred_l.cr_uid:
            count = self.count_l = self.count_l + diff
        else:
            count = self.count_p = self.count_p + diff
        self.calls += (7, uid, diff, self.nprocs, count)
        return count

    def uvm_uarea_alloc(self) -> int:
        self.calls += (8, self.nprocs)
        return 0 if self.no_uarea else 87

    def uvm_uarea_free(self, uaddr: int) -> None:
        self.calls += (9, uaddr)

    def proc_alloc(self) -> Proc | None:
        self.calls += (10, self.nprocs)
        if self.no_pid:
            return None
        self.p2_there = True
        return self._new_proc()

    def mutex_obj_alloc(self, kind: int, ipl: int) -> Mutex:
        self.calls += (11, kind, ipl)
        return self.lock2

    def mutex_obj_hold(self, lock: Mutex) -> None:
        self.calls += (12, self.names[lock])
        lock.refcnt += 1

    def kauth_proc_fork(self, p1: Proc, p2: Proc) -> None:
        self.calls += (13, self.names[p1], self.names[p2])
        p2.p_cred = p1.p_cred

    def ras_fork(self, p1: Proc, p2: Proc) -> None:
        self.calls += (14, self.names[p1], self.names[p2])
        if p1.p_raslist is not None:
            p2.p_raslist = self.ras_copied

    def vref(self, vp: Any) -> None:
        self.calls += (15, self.names[vp])
        vp.v_usecount += 1

    def kmem_strdupsize(self, text: str) -> str:
        self.calls += (16, self.names[text])
        return "a copy"

    def fd_share(self, p1: Proc, p2: Proc) -> None:
        self.calls += (17, self.names[p2])
        p2.p_fd = p1.p_fd
        if p2.p_fd is not None:
            p2.p_fd.fd_refcnt += 1

    def fd_init(self) -> Filedesc:
        self.calls += (18, 0)
        return self.fd_fresh

    def fd_copy(self, p1: Proc) -> Filedesc:
        self.calls.append(19)
        return self.fd_copied

    def cwdshare(self, p1: Proc, p2: Proc) -> None:
        self.calls += (20, self.names[p2])
        super().cwdshare(p1, p2)

    def cwdinit(self, p1: Proc) -> Cwdinfo:
        self.calls.append(21)
        return self.cwdi_copied

    def lim_addref(self, limit: Plimit) -> None:
        self.calls += (22, self.names[limit])
        limit.pl_refcnt += 1

    def lim_copy(self, limit: Plimit) -> Plimit:
        self.calls += (23, self.names[limit])
        return self.limit_copied

    def ktradref(self, p: Proc) -> None:
        self.calls += (24, self.names[p], self.names[p.p_tracep])
        self.tracefile_refcnt += 1

    def sigactsinit(self, p1: Proc, share: int) -> Sigacts:
        self.calls += (25, self.names[p1], 1 if share else 0)
        if share:
            self.sigacts1.sa_refcnt += 1
            return self.sigacts1
        return self.sigacts_copied

    def sched_proc_fork(self, p1: Proc, p2: Proc) -> None:
        self.calls += (26, self.names[p1], self.names[p2])

    def pstatscopy(self, stats: Pstats) -> Pstats:
        self.calls += (27, self.names[stats])
        return self.stats_copied

    def uvm_proc_fork(self, p1: Proc, p2: Proc, shared: bool) -> None:
        self.calls += (28, self.names[p1], self.names[p2], 1 if shared else 0)
        if shared:
            p2.p_vmspace = p1.p_vmspace
            p1.p_vmspace.vm_refcnt += 1
        else:
            p2.p_vmspace = self.vmspace_copied

    def lwp_create(
        self,
        l1: Lwp,
        p2: Proc,
        uaddr: int,
        flags: int,
        stack: Any,
        stacksize: int,
        func: Callable[..., Sleeping],
        arg: Any,
        sclass: int,
        sigmask: int,
        sigstk: Any,
    ) -> Lwp:
        names = self.names
        # C's int: LWP_VFORK is its highest bit.
        self.calls += (29, names[l1], names[p2], uaddr, flags - (flags >> 31 << 32), stack or 0,
                       stacksize, 2 if func is _given else 1, arg or 0, sclass, sigmask, sigstk,
                       p2.p_lflag, names[p2.p_vforklwp])  # fmt: skip
        l2 = self.l2
        self.l2_there = True
        l2.l_stat, l2.l_proc, l2.l_class, l2.l_sigmask = LSIDL, p2, sclass, sigmask
        l2.l_sigstk, l2.l_private, l2.l_cred = sigstk, 0, p2.p_cred
        l2.l_vforkwaiting = False
        p2.p_lwps.insert(0, l2)
        p2.p_nlwps += 1
        p2.p_nrlwps += 1
        return l2

    def _e_proc_fork(self, p2: Proc, l1: Lwp, flags: int) -> None:
        self.calls += (30, self.names[p2], self.names[l1], flags, self.l2.l_private)

    def doforkhooks(self, p2: Proc, p1: Proc) -> None:
        self.calls += (31, self.names[p2], self.names[p1])
        if self.other_sflag != -1:
            p1.p_sflag = self.other_sflag
        if self.other_stflag != -1:
            p1.p_stflag = self.other_stflag

    def sdt_probe(self, name: str, *args: Any) -> None:
        p2, p1, flags = args
        self.calls += (32, self.texts["proc:kernel::create"], self.names[p2], self.names[p1], flags)

    def proc_changeparent(self, t: Proc, p: Proc) -> None:
        self.calls += (33, self.names[t], self.names[p])
        proc_changeparent(self, t, p)

    def trace_is_enabled(self, p: Proc) -> bool:
        self.calls += (34, self.names[p])
        return bool(self.says_trace)

    def syscall_intern(self, p: Proc) -> None:
        self.calls += (35, self.names[p], 1 if p.p_trace_enabled else 0)

    def ktrpoint(self, p: Proc, facility: int) -> bool:
        self.calls += (36, facility)
        return bool(self.says_ktr)

    def knote_proc_fork(self, p1: Proc, p2: Proc) -> None:
        self.calls += (37, self.names[p1], self.names[p2])

    def knote(self, p: Proc, hint: int) -> None:
        self.calls += (38, self.names[p], hint)

    def startprofclock(self, p: Proc) -> None:
        self.calls += (39, self.names[p])

    def setrunnable(self, l: Lwp) -> None:
        p2 = self.p2
        self.calls += (40, self.names[l], p2.p_stat, p2.p_nrlwps, p2.p_exitsig, p2.p_acflag)
        l.l_stat = LSRUN

    def eventswitch(self, l: Lwp, code: int, pe_report_event: int, entity: int) -> Sleeping:
        p = l.l_proc
        self.calls += (41, code, pe_report_event, entity)
        assert self.proc_lock.owned
        assert p.p_lock.owned
        self.proc_lock.owned = p.p_lock.owned = False
        if not self.stopped:
            self.stopped = True
            if self.stop_slflag != -1:
                p.p_slflag = self.stop_slflag
            if self.stop_release:
                l.l_vforkwaiting = False
        return
        yield

    def eventswitchchild(self, l: Lwp, code: int, pe_report_event: int) -> Sleeping:
        self.calls += (42, self.names[l.l_proc], code, pe_report_event)
        return
        yield

    def cv_wait(self, l: Lwp, cv: Condvar, mutex: Mutex) -> Sleeping:
        self.calls += (43, self.names[cv], self.names[mutex])
        assert mutex.owned
        if self.waits >= self.wakeups:
            l.l_vforkwaiting = False
            if self.wait_slflag != -1:
                self.p1.p_slflag = self.wait_slflag
        self.waits += 1
        return
        yield

    def md_child_return(self, l: Lwp) -> None:
        self.calls += (44, self.names[l])

    def ktrsysret(self, l: Lwp, code: int, error: int, retval: int) -> None:
        self.calls += (45, code, error, retval)


def _given(_k: Callees, _l: Lwp, _arg: Any) -> Sleeping:
    """The function that a kernel's caller gives fork1 for its child."""
    return
    yield


_NOBODY = {
    name: [0] * sum(field.width for field in RECORD if field.object == name)
    for name in ("p2", "l2")
}
