"""One running kernel: the state, its first processes, and all that fork1 calls.

:class:`Kernel` is what :mod:`reference_model.kern_fork` calls ``k``.  The functions
themselves are in the files that they are in in NetBSD.  Where the model leaves out what
a function does, since no scenario can see it, the function stands here and says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reference_model import (
    kern_auth,
    kern_descrip,
    kern_event,
    kern_exit,
    kern_ktrace,
    kern_lwp,
    kern_proc,
    kern_resource,
    kern_sig,
    kern_synch,
    sched_4bsd,
    uvm_glue,
    vfs_cwd,
)
from reference_model.callees import Callees
from reference_model.language.netbsd import (
    AFORK,
    LSONPROC,
    PSL_SYSCALL,
    RLIMIT_NPROC,
    SACTIVE,
    SIGCHLD,
)
from reference_model.proc import (
    Condvar,
    Cwdinfo,
    Filedesc,
    Lwp,
    Mutex,
    Pgrp,
    Plimit,
    Proc,
    Pstats,
    Sigacts,
    Sigctx,
    Vmspace,
)
from reference_model.state import Options, State


class Kernel(State):
    """NetBSD as far as scenarios can see it.  It leaves out what no scenario can ask for."""

    def __init__(self, options: Options, choices: Sequence[int] = ()) -> None:
        """Makes a kernel; *choices* decides the open orders: see :meth:`State.choose`."""
        super().__init__(options, choices)
        self.roots_group = Pgrp(self.session)
        self.initproc = self._first_process(None)
        del self.allproc[:]

    # -- processes that exist from the start ----------------------------------

    def _first_process(self, parent: Proc | None) -> Proc:
        p = Proc(
            self.new_pid(),
            p_lock=Mutex(),
            p_waitcv=Condvar("wait"),
            p_cred=self.root_cred,
            p_fd=Filedesc(),
            p_cwdi=Cwdinfo(),
            p_stats=Pstats(),
            p_limit=Plimit({RLIMIT_NPROC: self.options.nproc_limit})
            if parent is None
            else parent.p_limit,
            p_vmspace=Vmspace(),
            p_sigacts=Sigacts(),
            p_stat=SACTIVE,
            p_emul=self.emul,
            p_sigctx=Sigctx(ps_sigignore=kern_sig.sigignore_default),
            p_comm="init",
            p_path="/sbin/init",
            p_textvp=self.text,
            p_pgrp=Pgrp(self.session),
        )
        if parent is not None:
            p.p_pptr = parent
        p.p_lwps.append(Lwp(p, p.p_cred, LSONPROC, p.p_pid))
        p.p_lwpcv = Condvar("lwpwait")
        p.p_nlwps = p.p_nrlwps = 1
        self.allproc.insert(0, p)
        return p

    def new_root(self) -> Proc:
        """Returns a new process whose parent is init; it blocks every signal that it can."""
        p = self._first_process(self.initproc)
        p.p_ppid = self.initproc.p_pid
        p.p_exitsig = SIGCHLD
        p.p_acflag = AFORK
        self.lim_addref(p.p_limit)
        if not self.roots_group.pg_id:
            self.roots_group.pg_id = p.p_pid
        p.p_pgrp = self.roots_group
        p.p_pgrp.pg_members.append(p)
        p.p_pgrp.pg_jobc += 1  # init is in a group of its own
        p.p_lwps[0].l_sigmask = ~kern_sig.sigcantmask & (1 << 64) - 1
        self.initproc.p_children.insert(0, p)
        self.nprocs += 1
        self.chgproccnt(p.p_cred.cr_uid, 1)
        return p

    def settle(self) -> None:
        """Runs until every LWP is in user mode, asleep, stopped or dead."""
        kern_synch.run(self)
        while self.stopping and kern_sig.proc_stop_callout(self):
            kern_synch.run(self)

    # -- functions of other files -----------------------------------------------

    start = kern_synch.start
    setrunnable = kern_synch.setrunnable
    cv_wait = kern_synch.cv_wait
    cv_wait_sig = kern_synch.cv_wait_sig
    cv_broadcast = kern_synch.cv_broadcast
    kpause = kern_synch.kpause

    kauth_authorize_process_fork = kern_auth.kauth_authorize_process_fork
    kauth_authorize_process_rlimit_bypass = kern_auth.kauth_authorize_process_rlimit_bypass
    kauth_proc_fork = kern_auth.kauth_proc_fork
    setreuid = kern_auth.setreuid

    chgproccnt = kern_proc.chgproccnt
    proc_alloc = kern_proc.proc_alloc

    fd_share = kern_descrip.fd_share
    fd_init = kern_descrip.fd_init
    fd_copy = kern_descrip.fd_copy
    fd_free = kern_descrip.fd_free
    fd_close = kern_descrip.fd_close
    fd_put = kern_descrip.fd_put
    fd_pipe = kern_descrip.fd_pipe

    cwdshare = vfs_cwd.cwdshare
    cwdinit = vfs_cwd.cwdinit

    lim_addref = kern_resource.lim_addref
    lim_copy = kern_resource.lim_copy
    pstatscopy = kern_resource.pstatscopy
    setrlimit = kern_resource.setrlimit

    uvm_proc_fork = uvm_glue.uvm_proc_fork

    sched_proc_fork = sched_4bsd.sched_proc_fork

    sigactsinit = kern_sig.sigactsinit
    eventswitch = kern_sig.eventswitch
    eventswitchchild = kern_sig.eventswitchchild

    proc_changeparent = kern_exit.proc_changeparent
    vfork_release = kern_exit.vfork_release

    lwp_create = kern_lwp.lwp_create
    lwp_exit = kern_lwp.lwp_exit
    userret = kern_lwp.lwp_userret

    knote_proc_fork = kern_event.knote_proc_fork
    ktradref = kern_ktrace.ktradref

    # -- functions of which scenarios see little ----------------------------------

    def ratecheck(self, name: str, seconds: int) -> bool:
        """Returns whether *seconds* have passed since this was last true (kern_time.c)."""
        last = self.lasttime.get(name)
        if last is not None and self.microtime - last < seconds * 1_000_000:
            return False
        self.lasttime[name] = self.microtime
        return True

    def tablefull(self, table: str, hint: str) -> None:
        """Logs that a table is full (subr_prf.c)."""
        self.msgbuf.append(f"{table}: table is full - {hint}")

    def ktrpoint(self, p: Proc, facility: int) -> bool:
        """Returns whether this facility of *p* is traced (sys/sys/ktrace.h)."""
        return self.options.ktrace and kern_ktrace.ktrpoint(p, facility)

    def ktrsysret(self, l: Lwp, code: int, error: int, retval: int) -> None:
        """Records a return from a system call (kern_ktrace.c)."""
        kern_ktrace.ktrsysret(l.l_proc, code)

    def ras_fork(self, p1: Proc, p2: Proc) -> None:
        """Copies the restartable atomic sequences (kern_ras.c)."""
        p2.p_raslist = list(p1.p_raslist) if p1.p_raslist else None

    def trace_is_enabled(self, p: Proc) -> bool:
        """Returns whether ktrace or a tracer asks for system calls (kern_syscall.c)."""
        return bool(p.p_traceflag or p.p_slflag & PSL_SYSCALL)

    def doforkhooks(self, p2: Proc, p1: Proc) -> None:
        """Calls the hooks for forks (kern_hook.c)."""
        for hook in self.fork_hooks:
            hook(p2, p1)

    def md_child_return(self, l: Lwp) -> None:
        """Sets the child's two return registers (the machine's own code)."""
        l.retval = [0, 0]

    def mutex_obj_alloc(self, kind: int, ipl: int) -> Mutex:
        """Returns a new lock (kern_mutex_obj.c)."""
        return Mutex(kind, ipl)

    def mutex_obj_hold(self, lock: Mutex) -> None:
        """Takes one more reference to a lock (kern_mutex_obj.c)."""
        lock.refcnt += 1

    def uvm_uarea_alloc(self) -> int:
        """Returns the address of a U-area; the model never runs out of them."""
        return 1

    def kmem_strdupsize(self, text: str) -> str:
        """Returns the same text: a string of Python's cannot be changed."""
        return text

    def uvm_uarea_free(self, uaddr: int) -> None:
        """Does nothing that a scenario can see."""

    def vref(self, vp: Any) -> None:
        """Does nothing that a scenario can see."""

    def sdt_probe(self, name: str, *args: Any) -> None:
        """Does nothing that a scenario can see."""

    def syscall_intern(self, p: Proc) -> None:
        """Does nothing that a scenario can see."""

    def knote(self, p: Proc, hint: int) -> None:
        """Does nothing that a scenario can see: it is called before 1.227 only."""

    def startprofclock(self, p: Proc) -> None:
        """Does nothing that a scenario can see."""


#: mypy checks here that nothing is missing.
_: type[Callees] = Kernel
