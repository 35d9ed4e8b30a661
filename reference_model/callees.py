"""The functions that kern_fork.c calls: one method for each of them.

Two classes implement them.  :class:`reference_model.kernel.Kernel` does what NetBSD does, as far
as scenarios can see it.  The world of :mod:`conformance.source` takes note of each call,
so that fork1 can be compared with a compiled kern_fork.c call by call.

The names are those of 1.232.  Each docstring names the file in sys/kern of 11.0_RC6 that
the function is in, or its folder where that is another one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

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
from reference_model.state import Options


class Callees(Protocol):
    """The globals that kern_fork.c uses, and the functions that it calls."""

    options: Options
    revision: tuple[int, int]
    nprocs: int
    maxproc: int
    forkfsleep: int
    proc_lock: Mutex
    allproc: list[Proc]
    initproc: Proc
    cpu_count: dict[str, int]
    microtime: int

    # -- limits and authority ------------------------------------------------

    def kauth_authorize_process_fork(self, cred: Cred, tnprocs: int) -> int:
        """kern_auth.c, kauth_authorize_process() with KAUTH_PROCESS_FORK: 0, or refused."""

    def kauth_authorize_process_rlimit_bypass(self, cred: Cred) -> int:
        """The same with KAUTH_REQ_PROCESS_RLIMIT_BYPASS."""

    def ratecheck(self, name: str, seconds: int) -> bool:
        """kern_time.c: whether *seconds* have passed since this was last true."""

    def tablefull(self, table: str, hint: str) -> None:
        """subr_prf.c: logs that a table is full."""

    def kpause(self, l: Lwp, wmesg: str, ticks: int) -> Sleeping:
        """kern_synch.c: sleeps for *ticks*."""

    def chgproccnt(self, uid: int, diff: int) -> int:
        """kern_uidinfo.c: changes a user's number of processes; returns the new number."""

    # -- allocation ----------------------------------------------------------

    def uvm_uarea_alloc(self) -> int:
        """sys/uvm/uvm_glue.c: the address of a U-area, or 0."""

    def uvm_uarea_free(self, uaddr: int) -> None:
        """sys/uvm/uvm_glue.c: frees a U-area."""

    def proc_alloc(self) -> Proc | None:
        """kern_proc.c: a process with an ID, or None if no ID is left."""

    def mutex_obj_alloc(self, kind: int, ipl: int) -> Mutex:
        """kern_mutex_obj.c: a lock with a reference count."""

    def mutex_obj_hold(self, lock: Mutex) -> None:
        """kern_mutex_obj.c: takes one more reference to a lock."""

    def kmem_strdupsize(self, text: str) -> str:
        """subr_kmem.c: a copy of a string."""

    # -- what is shared or copied ----------------------------------------------

    def kauth_proc_fork(self, p1: Proc, p2: Proc) -> None:
        """kern_auth.c: gives the child its parent's credentials."""

    def ras_fork(self, p1: Proc, p2: Proc) -> None:
        """kern_ras.c: copies the restartable atomic sequences."""

    def vref(self, vp: Any) -> None:
        """vfs_vnode.c: takes one more reference to a vnode."""

    def fd_share(self, p1: Proc, p2: Proc) -> None:
        """kern_descrip.c: gives the child its parent's descriptor table."""

    def fd_init(self) -> Filedesc:
        """kern_descrip.c: an empty descriptor table."""

    def fd_copy(self, p1: Proc) -> Filedesc:
        """kern_descrip.c: a copy of the parent's descriptor table."""

    def cwdshare(self, p1: Proc, p2: Proc) -> None:
        """vfs_cwd.c: gives the child its parent's directories and mask."""

    def cwdinit(self, p1: Proc) -> Cwdinfo:
        """vfs_cwd.c: a copy of the parent's directories and mask."""

    def lim_addref(self, limit: Plimit) -> None:
        """kern_resource.c: takes one more reference to a set of limits."""

    def lim_copy(self, limit: Plimit) -> Plimit:
        """kern_resource.c: a copy of a set of limits."""

    def ktradref(self, p: Proc) -> None:
        """kern_ktrace.c: takes one more reference to the trace file."""

    def sigactsinit(self, p1: Proc, share: int) -> Sigacts:
        """kern_sig.c: the parent's signal actions, or a copy of them."""

    def sched_proc_fork(self, p1: Proc, p2: Proc) -> None:
        """sched_4bsd.c: the child's scheduler state."""

    def pstatscopy(self, stats: Pstats) -> Pstats:
        """kern_resource.c: statistics for the child."""

    def uvm_proc_fork(self, p1: Proc, p2: Proc, shared: bool) -> None:
        """sys/uvm/uvm_glue.c: shares or copies the address space."""

    # -- the child as others see it ----------------------------------------------

    def lwp_create(
        self,
        l1: Lwp,
        p2: Proc,
        uaddr: int,
        flags: int,
        stack: object,
        stacksize: int,
        func: Callable[[Any, Lwp, Any], Sleeping],
        arg: Any,
        sclass: int,
        sigmask: int,
        sigstk: Any,
    ) -> Lwp:
        """kern_lwp.c: the child's first LWP, which starts in *func*."""

    def doforkhooks(self, p2: Proc, p1: Proc) -> None:
        """kern_hook.c: calls the hooks that are registered for forks."""

    def sdt_probe(self, name: str, *args: Any) -> None:
        """sys/sys/sdt.h, SDT_PROBE: tells dtrace."""

    def proc_changeparent(self, t: Proc, p: Proc) -> None:
        """kern_exit.c: makes *p* the tracer of *t*."""

    def trace_is_enabled(self, p: Proc) -> bool:
        """kern_syscall.c: whether the process's system calls are traced."""

    def syscall_intern(self, p: Proc) -> None:
        """sys/arch/.../syscall.c: chooses the process's system call handler."""

    def ktrpoint(self, p: Proc, facility: int) -> bool:
        """sys/sys/ktrace.h: whether this facility is traced."""

    def knote_proc_fork(self, p1: Proc, p2: Proc) -> None:
        """kern_event.c: reports the fork to each watcher of the parent."""

    def knote(self, p: Proc, hint: int) -> None:
        """kern_event.c: the same before 1.227."""

    def startprofclock(self, p: Proc) -> None:
        """kern_clock.c: starts profiling."""

    def setrunnable(self, l: Lwp) -> None:
        """kern_synch.c: puts an LWP on the run queue."""

    # -- events, vfork's wait, and the way back ------------------------------------

    def eventswitch(self, l: Lwp, code: int, pe_report_event: int, entity: int) -> Sleeping:
        """kern_sig.c: stops for the tracer."""

    def eventswitchchild(self, l: Lwp, code: int, pe_report_event: int) -> Sleeping:
        """kern_sig.c: the child stops for the tracer."""

    def cv_wait(self, l: Lwp, cv: Condvar, mutex: Mutex) -> Sleeping:
        """kern_condvar.c: sleeps on *cv*; no signal ends the sleep."""

    def md_child_return(self, l: Lwp) -> None:
        """sys/arch/.../trap.c: the child's return registers."""

    def ktrsysret(self, l: Lwp, code: int, error: int, retval: int) -> None:
        """kern_ktrace.c: records a return from a system call."""
