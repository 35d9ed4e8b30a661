"""The objects around one call of fork1, as a case sets them up.

The idea: the harness calls a compiled kern_fork.c among objects of C (c/objects.c), and the
model's fork1 runs among the objects of this module.  Both sides have the same objects, under the
numbers of objects.def, and both are set up from the same :class:`~conformance.source.case.Case`.
So a record of one can be compared word by word with a record of the other.  Three parts here
correspond to three parts in C:

=================  ==================  =============================================
this module        c/objects.c,        the objects, and their state before the call
                   c/world.c
``callees.py``     c/kern_*.c, ...     the functions that fork1 calls
``model.py``       c/harness.c,        makes the call, and puts the record together
                   c/record.c
=================  ==================  =============================================

Rejected:

* Objects that are made anew for each case.  It doubles the time that the model needs; so they
  are made once and each case sets every field again.
* The reference model's own kernel as the world.  Its callees do more than fork1 asks for (an
  exit, a signal), and there would be no telling which of the two was compared.
* Comparing what a user program sees.  Counts after a failure, references and locks cannot be
  seen from there.

A new process comes in memory that another process had (``new_process``): a field that fork1
forgets to set differs then.

Sources: sys/sys/proc.h and sys/sys/lwp.h of NetBSD, for what the fields mean.
"""

from __future__ import annotations

from typing import Any, cast

from conformance.source.case import CHILD_RETURN, Case
from conformance.source.tables import (
    OBJECTS,
    STALE8,
    STALE16,
    STALE32,
    STALE64,
    STALE_NAME,
    hash_of,
)
from reference_model import Options
from reference_model.language.netbsd import (
    LSONPROC,
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
    Session,
    Sigacts,
    Sigctx,
    Vmspace,
)


class _Thing:
    """An object that has nothing but a number in objects.def."""


class _Vnode:
    """``struct vnode``: its use count."""

    v_usecount = 1


class World:
    """The objects, by the names of objects.def, and what else a case sets up.

    ``given`` is the case, ``calls`` the words of the calls so far, ``asked`` the rules of known
    issues that the case comes to.
    """

    given: Case

    def __init__(self, revision: tuple[int, int], calls: list[int] | None = None) -> None:
        """*calls* is the list that the calls are put into; a new one if it is None."""
        self.options = Options(revision=revision)
        self.revision = revision
        self.calls: list[int] = [] if calls is None else calls
        self.proc_lock, self.lock1, self.lock2 = Mutex(), Mutex(), Mutex()
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
        self._stale_lock, self._stale_cv = Mutex(STALE32, STALE32), Condvar("stale")
        self._stale_rwlock: Any = _Thing()
        self._stale_sigctx = Sigctx(True, (0, 0, 0, 0), STALE64, STALE64, STALE64)
        self.names: dict[Any, int] = {
            getattr(self, name): number for name, number in OBJECTS.items() if hasattr(self, name)
        }
        self.names |= {
            None: 0,
            self.init_: OBJECTS["init"],
            self.stale: STALE_NAME,
            "/bin/program": OBJECTS["path1"],
            "a copy": OBJECTS["path_copied"],
        }
        self.texts = {"stale": STALE_NAME, None: 0} | {
            text: hash_of(text)
            for text in ("program", "wait", "lwpwait", "forkmx", "forkulim", "proc",
                         "increase kern.maxproc or NPROC", "proc:kernel::create")
        }  # fmt: skip

    def begin(self, case: Case) -> None:
        """Sets everything up as world_begin() in c/world.c does."""
        self.given = c = case
        self.calls.clear()
        self.maxproc, self.nprocs, self.forkfsleep = c.maxproc, c.nprocs, c.forkfsleep
        self.cpu_count = {"forks": 0, "forks_ppwait": 0, "forks_sharevm": 0}
        self.count_l, self.count_p = c.count, c.count_p
        self.tracefile_refcnt = 1
        self.microtime = c.microtime
        self.asked = 0
        self.waits, self.stopped = 0, c.call == CHILD_RETURN
        self.p2_there = self.l2_there = False

        self.cred_l.cr_uid, self.cred_l.cr_euid = c.l_ruid, c.l_euid
        self.cred_p.cr_uid = self.cred_p.cr_euid = c.p_ruid
        self.proc_lock.owned = self.lock1.owned = self.lock2.owned = False
        self.lock1.refcnt = self.fd1.fd_refcnt = self.cwdi1.cwdi_refcnt = 1
        self.limit1.pl_refcnt = self.sigacts1.sa_refcnt = self.vmspace1.vm_refcnt = 1
        self.textvp1.v_usecount = 1
        self.fd1.fd_foclose = c.fd == 2
        self.limit1.pl_rlimit[RLIMIT_NPROC] = (c.rlim_cur, RLIM_INFINITY)
        self.limit1.pl_writeable = bool(c.pl_writeable)
        self.session1.s_ttyvp = self.stale if c.s_ttyvp else None
        self.stats_copied.p_start = 0
        self._begin_process(c)
        self._begin_lwp(c)

    def _begin_process(self, c: Case) -> None:
        p1, parent = self.p1, self.tracer if c.traced_by else self.init_
        self.init_.p_children = [self.tracer] if c.traced_by else [p1, self.tracer]
        self.tracer.p_children = [p1] if c.traced_by else []
        self.init_.p_slflag = self.tracer.p_slflag = 0
        self.allproc = [p1, self.tracer, self.init_]
        self.pgrp1.pg_members = [p1, self.member] if c.members else [p1]
        p1.p_lock, p1.p_waitcv = self.lock1, self.p1_waitcv
        p1.p_cred, p1.p_fd = self.cred_p, self.fd1 if c.fd else None  # type: ignore[assignment]
        p1.p_cwdi, p1.p_stats, p1.p_limit = self.cwdi1, self.stats1, self.limit1
        p1.p_vmspace, p1.p_sigacts = self.vmspace1, self.sigacts1
        p1.p_aio = self.aio1 if c.p_aio else None
        p1.p_mqueue_cnt, p1.p_exitsig, p1.p_flag = c.p_mqueue_cnt, SIGCHLD, c.p_flag
        p1.p_sflag, p1.p_stflag, p1.p_slflag = c.p_sflag, c.p_stflag, c.p_slflag
        p1.p_stat, p1.p_lflag, p1.p_pptr = SACTIVE, c.p_lflag, parent
        p1.p_children = [self.sibling] if c.children else []
        p1.p_lwps = [self.l1]
        p1.p_raslist = self.ras1 if c.p_raslist else None
        p1.p_nlwps = p1.p_nrlwps = c.p_nrlwps
        p1.p_nstopchild, p1.p_waited, p1.p_vforklwp, p1.p_forktime = c.p_nstopchild, 1, None, 7
        p1.p_opptr = parent if c.call == CHILD_RETURN else self.init_ if c.traced_by else None
        p1.p_traceflag, p1.p_tracep = c.p_traceflag, self.tracefile if c.p_tracep else None
        p1.p_textvp = self.textvp1 if c.p_textvp else None
        p1.p_emul, p1.p_emuldata, p1.p_execsw = self.emul1, self.emuldata1, self.execsw1
        p1.p_klist = [cast(Any, self.knote1)] if c.p_klist else []
        p1.p_sigwaiters, p1.p_sigpend = [self.l1], 1 << SIGCHLD
        p1.p_ppid, p1.p_oppid, p1.p_path = parent.p_pid, 1, "/bin/program" if c.p_path else None
        p1.p_sigctx = Sigctx(True, (0, 0, 0, 0), 0x10, 0x20, 0x40)
        p1.p_nice, p1.p_comm, p1.p_pgrp, p1.p_xexit = c.p_nice, "program", self.pgrp1, 3
        p1.p_xsig, p1.p_acflag = 4, 0x12

    def _begin_lwp(self, c: Case) -> None:
        l1 = self.l1
        l1.l_stat, l1.l_class, l1.l_proc = LSONPROC, c.l_class, self.p1
        l1.l_sigmask, l1.l_sigstk, l1.l_private = c.l_sigmask, c.l_sigstk, c.l_private
        l1.l_vforkwaiting = bool(c.l_vforkwaiting)

    def new_process(self) -> Proc:
        """Returns the child, in memory that another process had."""
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
        p.p_mqueue_cnt = p.p_exitsig = p.p_flag = p.p_sflag = p.p_stflag = STALE32
        p.p_nlwps = p.p_nrlwps = p.p_nstopchild = p.p_waited = p.p_forktime = STALE32
        p.p_traceflag = p.p_ppid = p.p_oppid = p.p_xexit = STALE32
        p.p_slflag = p.p_xsig = p.p_acflag = STALE16
        p.p_lflag = p.p_trace_enabled = p.p_nice = STALE8
        p.p_sigpend = -1
        p.p_comm = "stale"
        p.p_stat, p.p_pid = SIDL, self.given.pid
        return self.p2
