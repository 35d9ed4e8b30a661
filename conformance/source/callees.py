"""The functions that fork1 calls, as the model's side of a comparison has them.

The idea: each takes note of its call, and does to the objects what the stand-in of the same name
in C does (c/kern_*.c, c/subr.c, c/uvm_glue.c, c/emul.c), so that the two lists of calls and the two
states can be compared.  The case says whether a callee fails and what it answers.

What the C stand-ins check of their caller (a lock held, an object known) is not checked here
again: the model's fork1 is the one that is known to be right.

Rejected: to let these call the reference model's own callees.  They stand for C, so they must do
what C does to these few objects and no more; and to note a call by a method (``note(name, ...)``):
it made a run a fifth slower.  The order of a call's items is checked by each run, since C has
them by name and every word is compared.

Sources: the files of sys/kern that c/callees.h names.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from conformance.source.case import Case
from conformance.source.tables import NUMBER, OBJECTS, RULES
from conformance.source.world import World
from reference_model.callees import Callees
from reference_model.language.netbsd import (
    LSIDL,
    LSRUN,
    PSL_CHTRACED,
    PSL_TRACED,
    RLIMIT_NPROC,
    SIGCHLD,
)
from reference_model.proc import (
    Condvar,
    Cred,
    Cwdinfo,
    Filedesc,
    Lwp,
    Mutex,
    Plimit,
    Proc,
    Pstats,
    Sigacts,
    Sleeping,
)

#: The rule of rules.def that every call of fork1 for a traced child comes to.
_CHANGEPARENT = next(1 << rule.number for rule in RULES if rule.name == "changeparent")
_KAUTH_FORK, _KAUTH_RLIMIT, _RLIMIT_BYPASS = 3, 9, 3


def given_function(_k: Callees, _l: Lwp, _arg: Any) -> Sleeping:
    """The function that a caller in the kernel gives fork1 for its child."""
    return
    yield


class StandIns(World, Callees):
    """The world with the callees of fork1; the ``k`` of the model's fork1."""

    def begin(self, case: Case) -> None:
        super().begin(case)
        self.emul1.e_proc_fork = self._e_proc_fork if case.e_proc_fork else None

    def kauth_authorize_process_fork(self, cred: Cred, tnprocs: int) -> int:
        self.calls += (
            NUMBER.kauth_authorize_process,
            self.names[cred],
            _KAUTH_FORK,
            2,
            tnprocs,
            0,
            0,
            self.nprocs,
        )
        # As c/kern_auth.c has it, and as it is meant: the last five slots are the superuser's.
        return 0 if cred.cr_euid == 0 or tnprocs < self.maxproc - 5 else 1

    def kauth_authorize_process_rlimit_bypass(self, cred: Cred) -> int:
        cred_name, limit = self.names[cred], OBJECTS["limit1_nproc"]
        self.calls += (NUMBER.kauth_authorize_process, cred_name, _KAUTH_RLIMIT, 2, _RLIMIT_BYPASS,
                       limit, RLIMIT_NPROC, self.nprocs)  # fmt: skip
        return 0 if cred.cr_euid == 0 else 1

    def ratecheck(self, name: str, seconds: int) -> bool:
        self.calls += (NUMBER.ratecheck, seconds, 0)
        return bool(self.given.ratecheck)

    def tablefull(self, table: str, hint: str) -> None:
        self.calls += (NUMBER.tablefull, self.texts[table], self.texts[hint], self.nprocs)

    def kpause(self, l: Lwp, wmesg: str, ticks: int) -> Sleeping:
        self.calls += (NUMBER.kpause, self.texts[wmesg], 0, ticks, 0, self.nprocs, self.count_l)
        return
        yield

    def chgproccnt(self, uid: int, diff: int) -> int:
        if uid == self.cred_l.cr_uid:
            count = self.count_l = self.count_l + diff
        else:
            count = self.count_p = self.count_p + diff
        self.calls += (NUMBER.chgproccnt, uid, diff, self.nprocs, count)
        return count

    def uvm_uarea_alloc(self) -> int:
        self.calls += (NUMBER.uvm_uarea_alloc, self.nprocs)
        return 0 if self.given.no_uarea else OBJECTS["uarea"]

    def uvm_uarea_free(self, uaddr: int) -> None:
        self.calls += (NUMBER.uvm_uarea_free, uaddr)

    def proc_alloc(self) -> Proc | None:
        self.calls += (NUMBER.proc_alloc, self.nprocs)
        if self.given.no_pid:
            return None
        self.p2_there = True
        return self.new_process()

    def mutex_obj_alloc(self, kind: int, ipl: int) -> Mutex:
        self.calls += (NUMBER.mutex_obj_alloc, kind, ipl)
        return self.lock2

    def mutex_obj_hold(self, lock: Mutex) -> None:
        self.calls += (NUMBER.mutex_obj_hold, self.names[lock])
        lock.refcnt += 1

    def kauth_proc_fork(self, p1: Proc, p2: Proc) -> None:
        self.calls += (NUMBER.kauth_proc_fork, self.names[p1], self.names[p2])
        p2.p_cred = p1.p_cred

    def ras_fork(self, p1: Proc, p2: Proc) -> None:
        self.calls += (NUMBER.ras_fork, self.names[p1], self.names[p2])
        if p1.p_raslist is not None:
            p2.p_raslist = self.ras_copied

    def vref(self, vp: Any) -> None:
        self.calls += (NUMBER.vref, self.names[vp])
        vp.v_usecount += 1

    def kmem_strdupsize(self, text: str) -> str:
        self.calls += (NUMBER.kmem_strdupsize, self.names[text])
        return "a copy"

    def fd_share(self, p1: Proc, p2: Proc) -> None:
        self.calls += (NUMBER.fd_share, self.names[p2])
        p2.p_fd = p1.p_fd
        if p2.p_fd is not None:
            p2.p_fd.fd_refcnt += 1

    def fd_init(self) -> Filedesc:
        self.calls += (NUMBER.fd_init, 0)
        return self.fd_fresh

    def fd_copy(self, p1: Proc) -> Filedesc:
        self.calls.append(NUMBER.fd_copy)
        return self.fd_copied

    def cwdshare(self, p1: Proc, p2: Proc) -> None:
        self.calls += (NUMBER.cwdshare, self.names[p2])
        p2.p_cwdi = p1.p_cwdi
        p1.p_cwdi.cwdi_refcnt += 1

    def cwdinit(self, p1: Proc) -> Cwdinfo:
        self.calls.append(NUMBER.cwdinit)
        return self.cwdi_copied

    def lim_addref(self, limit: Plimit) -> None:
        self.calls += (NUMBER.lim_addref, self.names[limit])
        limit.pl_refcnt += 1

    def lim_copy(self, limit: Plimit) -> Plimit:
        self.calls += (NUMBER.lim_copy, self.names[limit])
        return self.limit_copied

    def ktradref(self, p: Proc) -> None:
        self.calls += (NUMBER.ktradref, self.names[p], self.names[p.p_tracep])
        self.tracefile_refcnt += 1

    def sigactsinit(self, p1: Proc, share: int) -> Sigacts:
        self.calls += (NUMBER.sigactsinit, self.names[p1], 1 if share else 0)
        if share:
            self.sigacts1.sa_refcnt += 1
            return self.sigacts1
        return self.sigacts_copied

    def sched_proc_fork(self, p1: Proc, p2: Proc) -> None:
        self.calls += (NUMBER.sched_proc_fork, self.names[p1], self.names[p2])

    def pstatscopy(self, stats: Pstats) -> Pstats:
        self.calls += (NUMBER.pstatscopy, self.names[stats])
        return self.stats_copied

    def uvm_proc_fork(self, p1: Proc, p2: Proc, shared: bool) -> None:
        self.calls += (NUMBER.uvm_proc_fork, self.names[p1], self.names[p2], 1 if shared else 0)
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
        start = 2 if func is given_function else 1
        # C's int: LWP_VFORK is its highest bit.
        self.calls += (NUMBER.lwp_create, names[l1], names[p2], uaddr, flags - (flags >> 31 << 32),
                       stack or 0, stacksize, start, arg or 0, sclass, sigmask, sigstk,
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
        self.calls += (NUMBER.e_proc_fork, self.names[p2], self.names[l1], flags, self.l2.l_private)

    def doforkhooks(self, p2: Proc, p1: Proc) -> None:
        self.calls += (NUMBER.doforkhooks, self.names[p2], self.names[p1])
        if self.given.other_sflag != -1:
            p1.p_sflag = self.given.other_sflag
        if self.given.other_stflag != -1:
            p1.p_stflag = self.given.other_stflag

    def sdt_probe(self, name: str, *args: Any) -> None:
        p2, p1, flags = args
        self.calls += (
            NUMBER.sdt_probe,
            self.texts["proc:kernel::create"],
            self.names[p2],
            self.names[p1],
            flags,
        )

    def proc_changeparent(self, t: Proc, p: Proc) -> None:
        self.calls += (NUMBER.proc_changeparent, self.names[t], self.names[p])
        t.p_slflag |= PSL_TRACED
        t.p_opptr = t.p_pptr
        if t.p_pptr is p:
            return
        self.asked |= _CHANGEPARENT
        t.p_pptr.p_slflag |= PSL_CHTRACED
        if p is self.initproc:
            t.p_exitsig = SIGCHLD
            t.p_ppid = p.p_pid
        t.p_pptr.p_children.remove(t)
        p.p_children.insert(0, t)
        t.p_pptr = p

    def trace_is_enabled(self, p: Proc) -> bool:
        self.calls += (NUMBER.trace_is_enabled, self.names[p])
        return bool(self.given.trace_enabled)

    def syscall_intern(self, p: Proc) -> None:
        self.calls += (NUMBER.e_syscall_intern, self.names[p], 1 if p.p_trace_enabled else 0)

    def ktrpoint(self, p: Proc, facility: int) -> bool:
        self.calls += (NUMBER.ktrpoint, facility)
        return bool(self.given.ktr_emul)

    def knote_proc_fork(self, p1: Proc, p2: Proc) -> None:
        self.calls += (NUMBER.knote_proc_fork, self.names[p1], self.names[p2])

    def knote(self, p: Proc, hint: int) -> None:
        self.calls += (NUMBER.KNOTE, self.names[p], hint)

    def startprofclock(self, p: Proc) -> None:
        self.calls += (NUMBER.startprofclock, self.names[p])

    def setrunnable(self, l: Lwp) -> None:
        p2 = self.p2
        self.calls += (
            NUMBER.setrunnable,
            self.names[l],
            p2.p_stat,
            p2.p_nrlwps,
            p2.p_exitsig,
            p2.p_acflag,
        )
        l.l_stat = LSRUN

    def eventswitch(self, l: Lwp, code: int, pe_report_event: int, entity: int) -> Sleeping:
        p = l.l_proc
        self.calls += (NUMBER.eventswitch, code, pe_report_event, entity)
        assert self.proc_lock.owned
        assert p.p_lock.owned
        self.proc_lock.owned = p.p_lock.owned = False
        if not self.stopped:
            self.stopped = True
            if self.given.stop_slflag != -1:
                p.p_slflag = self.given.stop_slflag
            if self.given.stop_release:
                l.l_vforkwaiting = False
        return
        yield

    def eventswitchchild(self, l: Lwp, code: int, pe_report_event: int) -> Sleeping:
        self.calls += (NUMBER.eventswitchchild, self.names[l.l_proc], code, pe_report_event)
        return
        yield

    def cv_wait(self, l: Lwp, cv: Condvar, mutex: Mutex) -> Sleeping:
        self.calls += (NUMBER.cv_wait, self.names[cv], self.names[mutex])
        assert mutex.owned
        if self.waits >= self.given.wakeups:
            l.l_vforkwaiting = False
            if self.given.wait_slflag != -1:
                self.p1.p_slflag = self.given.wait_slflag
        self.waits += 1
        return
        yield

    def md_child_return(self, l: Lwp) -> None:
        self.calls += (NUMBER.md_child_return, self.names[l])

    def ktrsysret(self, l: Lwp, code: int, error: int, retval: int) -> None:
        self.calls += (NUMBER.ktrsysret, code, error, retval)
