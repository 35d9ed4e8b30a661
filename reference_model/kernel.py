"""The kernel around kern_fork.c: its globals, its scheduler, and fork1's callees.

One :class:`Kernel` is one running system.  It is small: what it leaves out, no
scenario can ask for.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from reference_model import kern_event, kern_exit, kern_ktrace, kern_lwp, kern_sig
from reference_model.kern_sig import sigcantmask, sigignore_default
from reference_model.language.netbsd import (
    AFORK,
    EBADF,
    EINVAL,
    EPERM,
    LSIDL,
    LSONPROC,
    LSRUN,
    LSSLEEP,
    LWP_VFORK,
    MAP_INHERIT_NONE,
    MAP_INHERIT_SHARE,
    MAP_INHERIT_ZERO,
    PK_SUGID,
    PL_PPWAIT,
    PSL_SYSCALL,
    RLIMIT_NPROC,
    SACTIVE,
    SIGCHLD,
)
from reference_model.proc import (
    RLIM_INFINITY,
    Amap,
    Condvar,
    Cred,
    Cwdinfo,
    Descriptor,
    Emul,
    File,
    Filedesc,
    Lwp,
    MapEntry,
    Mutex,
    Pgrp,
    Pipe,
    Plimit,
    Proc,
    Pstats,
    Session,
    Sigacts,
    Sigctx,
    Sleeping,
    Vmspace,
)

#: Microseconds in a tick of the clock, at NetBSD's 100 ticks a second.
TICK = 10_000

#: The newest revision of kern_fork.c that the model knows.
NEWEST = (1, 232)


@dataclass(frozen=True, slots=True)
class Options:
    """What the kernel was configured with, and how it stands.

    ``maxproc`` is kern.maxproc in processes, ``others`` the processes that run
    beside the scenario's own, ``user_count`` those of the user ``uid`` who runs it,
    ``nproc_limit`` the soft and hard RLIMIT_NPROC that a root starts with.
    """

    revision: tuple[int, int] = NEWEST
    ktrace: bool = True
    have_ras: bool = True
    maxproc: int = 1044
    forkfsleep: int = 0
    others: int = 20
    user_count: int = 1
    uid: int = 0
    nproc_limit: tuple[int, int] = (RLIM_INFINITY, RLIM_INFINITY)


class Kernel:
    """NetBSD's globals (``nprocs``, ``allproc``, ...) and the functions that fork1 calls.

    ``choices`` decides, one after the other, what the source leaves open;
    ``widths`` tells afterwards how many possibilities there were at each.
    """

    def __init__(self, options: Options, choices: Sequence[int] = ()) -> None:
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
        self.microtime = 0
        self.choices = choices
        self.widths: list[int] = []
        self._runq: deque[Lwp] = deque()
        #: Every LWP that has run, for whoever clears it now and then.
        self.ran: set[Lwp] = set()
        self._uidinfo = {options.uid: options.user_count}
        self._next_pid = 1
        self._rates: dict[str, int] = {}
        self.fork_hooks: list[Callable[[Proc, Proc], None]] = []
        #: The processes with PS_STOPPING that wait for an LWP to stop.
        self.stopping: list[Proc] = []
        self.emul = Emul()
        self.session = Session()
        self.roots_group = Pgrp(self.session)
        self.console, self.text = object(), object()
        self.root_cred = Cred(options.uid, options.uid)
        self.initproc = self._first_process(None)
        del self.allproc[:]

    # -- processes that are there from the start ---------------------------

    def _first_process(self, parent: Proc | None) -> Proc:
        p = Proc(
            self._new_pid(),
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
            p_sigctx=Sigctx(ps_sigignore=sigignore_default),
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
        """A process whose parent is init, with every signal blocked that can be."""
        p = self._first_process(self.initproc)
        p.p_ppid = self.initproc.p_pid
        p.p_exitsig = SIGCHLD
        p.p_acflag = AFORK
        self.lim_addref(p.p_limit)
        if self.roots_group.pg_leader is None:
            self.roots_group.pg_leader = p
        p.p_pgrp = self.roots_group
        p.p_pgrp.pg_members.append(p)
        p.p_lwps[0].l_sigmask = ~sigcantmask & (1 << 64) - 1
        self.initproc.p_children.insert(0, p)
        self.nprocs += 1
        self.chgproccnt(p.p_cred.cr_uid, 1)
        return p

    def _new_pid(self) -> int:
        pid = self._next_pid
        self._next_pid += 1
        return pid

    # -- what the source leaves open ---------------------------------------

    def choose(self, width: int) -> int:
        """One of *width* possibilities, by ``choices``; the first beyond their end."""
        if width == 1:
            return 0
        position = len(self.widths)
        self.widths.append(width)
        return self.choices[position] if position < len(self.choices) else 0

    # -- scheduling --------------------------------------------------------

    def start(self, l: Lwp, task: Sleeping) -> None:
        """Let *l*, which is in user mode, enter the kernel with *task*."""
        assert l.l_task is None
        l.l_task = task
        self.setrunnable(l)

    def setrunnable(self, l: Lwp) -> None:
        l.l_stat = LSRUN
        self._runq.append(l)

    def signotify(self, l: Lwp) -> None:
        """Have an LWP that is in user mode look at its signals."""
        if l.l_task is None and l.l_stat == LSONPROC:
            self.start(l, self.userret(l))

    def settle(self) -> None:
        """Run until every LWP is in user mode, asleep, stopped or dead."""
        self._run()
        while self.stopping and kern_sig.proc_stop_callout(self):
            self._run()

    def _run(self) -> None:
        runq = self._runq
        while runq:
            l = runq.popleft()
            if l.l_stat != LSRUN or l.l_task is None:
                continue
            l.l_stat = LSONPROC
            self.ran.add(l)
            try:
                next(l.l_task)
            except StopIteration:
                l.l_task = None
                if l.l_pendsig:
                    self.signotify(l)

    def cv_wait(self, l: Lwp, cv: Condvar, mutex: Mutex) -> Sleeping:
        """Sleep on *cv*, without *mutex*, deaf to signals."""
        mutex.exit()
        yield from self._sleep(l, cv, interruptible=False)
        mutex.enter()

    def cv_wait_sig(self, l: Lwp, cv: Condvar) -> Sleeping:
        """Sleep on *cv*; true where a signal ended the sleep."""
        l.signalled = False
        yield from self._sleep(l, cv, interruptible=True)
        return l.signalled

    def _sleep(self, l: Lwp, cv: Condvar, *, interruptible: bool) -> Sleeping:
        l.l_stat = LSSLEEP
        l.l_wchan = cv
        l.l_sintr = interruptible
        cv.waiters.append(l)
        yield
        while l.l_wchan is not None:
            yield

    def cv_broadcast(self, cv: Condvar) -> None:
        for l in cv.waiters:
            l.l_wchan = None
            if l.l_stat == LSSLEEP:
                self.setrunnable(l)
        cv.waiters.clear()

    def interrupt(self, l: Lwp) -> None:
        """End an interruptible sleep because of a signal."""
        assert l.l_wchan is not None
        l.l_wchan.waiters.remove(l)
        l.l_wchan = None
        l.signalled = True
        self.setrunnable(l)

    def kpause(self, l: Lwp, wmesg: str, ticks: int) -> Sleeping:
        """Sleep for *ticks*; time here passes at once."""
        self.microtime += ticks * TICK
        return
        yield

    def userret(self, l: Lwp) -> Sleeping:
        return (yield from kern_lwp.lwp_userret(self, l))

    def lwp_exit(self, l: Lwp) -> Sleeping:
        return (yield from kern_lwp.lwp_exit(self, l))

    # -- limits and authority ----------------------------------------------

    def chgproccnt(self, uid: int, diff: int) -> int:
        """kern_proc.c: change the count of processes of a real user ID; the new count."""
        count = self._uidinfo.get(uid, 0) + diff
        assert count >= 0
        self._uidinfo[uid] = count
        return count

    def kauth_authorize_process_fork(self, cred: Cred, tnprocs: int) -> int:
        """kern_proc.c proc_listener_cb() and secmodel_suser.c: 0, or refused.

        The last five slots are meant to be the superuser's.  But the listener
        takes the count from its third argument, and fork1 hands it over as
        the second one, with NULL for the third: so it is always 0.
        """
        lnprocs = 0
        return 0 if cred.cr_euid == 0 or lnprocs < self.maxproc - 5 else 1

    def kauth_authorize_process_rlimit_bypass(self, cred: Cred) -> int:
        """secmodel_suser.c, KAUTH_REQ_PROCESS_RLIMIT_BYPASS: by effective user ID."""
        return 0 if cred.cr_euid == 0 else 1

    def ratecheck(self, name: str, seconds: int) -> bool:
        """Whether *seconds* have passed since this last said yes."""
        last = self._rates.get(name)
        if last is not None and self.microtime - last < seconds * 1_000_000:
            return False
        self._rates[name] = self.microtime
        return True

    def tablefull(self, table: str, hint: str) -> None:
        self.msgbuf.append(f"{table}: table is full - {hint}")

    # -- allocation --------------------------------------------------------

    def uvm_uarea_alloc(self) -> int:
        return 1

    def uvm_uarea_free(self, uaddr: int) -> None:
        pass

    def proc_alloc(self) -> Proc | None:
        return Proc(self._new_pid())

    def lwp_create(
        self,
        l1: Lwp,
        p2: Proc,
        uaddr: int,
        flags: int,
        stack: object,
        stacksize: int,
        func: Callable[[Kernel, Lwp, Any], Sleeping],
        arg: Any,
        sclass: int,
        sigmask: int,
        sigstk: Any,
    ) -> Lwp:
        """kern_lwp.c: a new LWP that will start in *func*, then return to user mode."""
        # The first LWP of a process has the process's number, the others have their own.
        l2 = Lwp(p2, p2.p_cred, LSIDL, self._new_pid() if p2.p_nlwps else p2.p_pid)
        l2.l_class = sclass
        l2.l_sigmask = sigmask
        l2.l_sigstk = sigstk
        l2.l_stack = stack
        if flags & LWP_VFORK:  # lines 878-881: who waits meanwhile does not need it
            l2.l_lwpctl = l1.l_lwpctl
        l2.l_task = self._first_return(l2, func, arg)
        p2.p_lwps.insert(0, l2)
        p2.p_nlwps += 1
        p2.p_nrlwps += 1
        return l2

    def _first_return(
        self, l: Lwp, func: Callable[[Kernel, Lwp, Any], Sleeping], arg: Any
    ) -> Sleeping:
        yield from func(self, l, arg)
        yield from self.userret(l)

    def mutex_obj_alloc(self, kind: int, ipl: int) -> Mutex:
        return Mutex(kind, ipl)

    def mutex_obj_hold(self, lock: Mutex) -> None:
        lock.refcnt += 1

    def kmem_strdupsize(self, text: str) -> str:
        return text

    # -- what is shared or copied ------------------------------------------

    def kauth_proc_fork(self, p1: Proc, p2: Proc) -> None:
        """kern_auth.c: the child has its parent's credentials, shared until one changes them."""
        p2.p_cred = p1.p_cred

    def fd_share(self, p1: Proc, p2: Proc) -> None:
        p2.p_fd = p1.p_fd
        p1.p_fd.fd_refcnt += 1

    def fd_init(self) -> Filedesc:
        return Filedesc()

    def fd_copy(self, p1: Proc) -> Filedesc:
        """kern_descrip.c: a new table with the same files, less kqueues and close-on-fork."""
        new = Filedesc()
        for fd, d in p1.p_fd.fd_dt.items():
            if not d.ff_foclose and not d.ff_file.is_kqueue:
                d.ff_file.f_count += 1
                new.fd_dt[fd] = Descriptor(d.ff_file, d.ff_exclose)
        return new

    def fd_free(self, p: Proc) -> None:
        """kern_descrip.c: whoever leaves a table last closes what is open in it."""
        p.p_fd.fd_refcnt -= 1
        if p.p_fd.fd_refcnt == 0:
            for fd in list(p.p_fd.fd_dt):
                self.fd_close(p.p_fd, fd)

    def fd_close(self, fdp: Filedesc, fd: int) -> int:
        """close(2): 0 or an error number."""
        descriptor = fdp.fd_dt.pop(fd, None)
        if descriptor is None:
            return EBADF
        self.closef(descriptor.ff_file)
        return 0

    def closef(self, file: File) -> None:
        """kern_descrip.c: one reference less; the last one closes the file."""
        file.f_count -= 1
        if file.f_count:
            return
        if file.f_pipe is not None and file.f_writes:
            file.f_pipe.open_for_writing = False
            self.cv_broadcast(file.f_pipe.readers)
        if file.f_kqueue is not None:
            kern_event.kqueue_doclose(self, file.f_kqueue)

    def fd_put(self, fdp: Filedesc, fd: int, file: File) -> None:
        """Make *fd* lead to *file*, closing what it led to before, as dup2(2) does."""
        self.fd_close(fdp, fd)
        fdp.fd_dt[fd] = Descriptor(file)

    def fd_pipe(self, fdp: Filedesc, read: int, write: int) -> None:
        """pipe(2), with both ends moved to the given descriptors."""
        pipe = Pipe(Condvar("piperd"))
        self.fd_put(fdp, read, File(f_pipe=pipe))
        self.fd_put(fdp, write, File(f_pipe=pipe, f_writes=True))

    def cwdshare(self, p1: Proc, p2: Proc) -> None:
        p2.p_cwdi = p1.p_cwdi
        p1.p_cwdi.cwdi_refcnt += 1

    def cwdinit(self, p1: Proc) -> Cwdinfo:
        old = p1.p_cwdi
        return Cwdinfo(old.cwdi_cdir, old.cwdi_rdir, old.cwdi_cmask)

    def cwdfree(self, p: Proc) -> None:
        p.p_cwdi.cwdi_refcnt -= 1

    def lim_addref(self, limit: Plimit) -> None:
        limit.pl_refcnt += 1

    def lim_copy(self, limit: Plimit) -> Plimit:
        return Plimit(dict(limit.pl_rlimit))

    def lim_privatise(self, p: Proc) -> None:
        """kern_resource.c: before a change, a shared set of limits becomes one's own."""
        if not p.p_limit.pl_writeable:
            p.p_limit.pl_refcnt -= 1
            p.p_limit = self.lim_copy(p.p_limit)
            p.p_limit.pl_writeable = True

    def sigactsinit(self, p1: Proc, share: int) -> Sigacts:
        acts: Sigacts = p1.p_sigacts
        if share:
            acts.sa_refcnt += 1
            return acts
        return Sigacts(dict(acts.sa_sigdesc))

    def sigactsfree(self, p: Proc) -> None:
        p.p_sigacts.sa_refcnt -= 1

    def pstatscopy(self, stats: Pstats) -> Pstats:
        """kern_resource.c: usage is zero, the profiling buffer is copied."""
        return Pstats(p_prof=stats.p_prof)

    def uvm_proc_fork(self, p1: Proc, p2: Proc, shared: bool) -> None:
        if shared:
            p2.p_vmspace = p1.p_vmspace
            p1.p_vmspace.vm_refcnt += 1
        else:
            p2.p_vmspace = self.uvmspace_fork(p1.p_vmspace)

    def uvmspace_fork(self, vm1: Vmspace) -> Vmspace:
        """uvm_map.c, line 4650: each mapping as its inheritance says, which is inherited, too."""
        old = vm1.page
        if old is None or old.inheritance == MAP_INHERIT_NONE:
            return Vmspace(vm1.word, page=None, lwpctl=vm1.lwpctl)
        if old.inheritance == MAP_INHERIT_SHARE:
            amap = old.amap
        else:
            amap = Amap(0 if old.inheritance == MAP_INHERIT_ZERO else old.amap.word)
        return Vmspace(vm1.word, page=MapEntry(amap, old.inheritance), lwpctl=vm1.lwpctl)

    def uvm_proc_exit(self, p: Proc) -> None:
        p.p_vmspace.vm_refcnt -= 1

    def vfork_release(self, p: Proc) -> None:
        """exit1 and exec: let go on who waits in vfork for *p*."""
        p.p_lflag &= ~PL_PPWAIT
        lp, p.p_vforklwp = p.p_vforklwp, None
        assert lp is not None
        lp.l_vforkwaiting = False
        self.cv_broadcast(lp.l_waitcv)

    def proc_changeparent(self, t: Proc, p: Proc) -> None:
        kern_exit.proc_changeparent(self, t, p)

    # -- what the tracer is told, and the way to user mode -------------------

    def eventswitch(self, l: Lwp, code: int, pe_report_event: int, entity: int) -> Sleeping:
        return kern_sig.eventswitch(self, l, code, pe_report_event, entity)

    def eventswitchchild(self, l: Lwp, code: int, pe_report_event: int) -> Sleeping:
        return kern_sig.eventswitchchild(self, l, code, pe_report_event)

    def md_child_return(self, l: Lwp) -> None:
        """The machine's own code: what the child finds in its return registers."""
        l.retval = [0, 0]

    # -- the callees that only take note -----------------------------------

    def ras_fork(self, p1: Proc, p2: Proc) -> None:
        p2.p_raslist = list(p1.p_raslist) if p1.p_raslist else None

    def vref(self, vp: Any) -> None:
        pass

    def ktradref(self, p: Proc) -> None:
        p.p_tracep.ktd_ref += 1

    def sched_proc_fork(self, p1: Proc, p2: Proc) -> None:
        pass

    def doforkhooks(self, p2: Proc, p1: Proc) -> None:
        for hook in self.fork_hooks:
            hook(p2, p1)

    def sdt_probe(self, name: str, *args: Any) -> None:
        pass

    def trace_is_enabled(self, p: Proc) -> bool:
        return bool(p.p_traceflag or p.p_slflag & PSL_SYSCALL)

    def syscall_intern(self, p: Proc) -> None:
        pass

    def ktrpoint(self, p: Proc, facility: int) -> bool:
        return self.options.ktrace and bool(p.p_traceflag & 1 << facility)

    def knote_proc_fork(self, p1: Proc, p2: Proc) -> None:
        kern_event.knote_proc_fork(self, p1, p2)

    def knote(self, p: Proc, hint: int) -> None:
        pass

    def startprofclock(self, p: Proc) -> None:
        pass

    def ktrsysret(self, l: Lwp, code: int, error: int, retval: int) -> None:
        kern_ktrace.ktrsysret(l.l_proc, code)

    # -- calls that scenarios make ------------------------------------------

    def setrlimit(self, l: Lwp, cur: int, maximum: int) -> int:
        """kern_resource.c dosetrlimit(), for RLIMIT_NPROC; 0 or an error number."""
        if cur > maximum:
            return EINVAL
        p = l.l_proc
        if (cur, maximum) == p.p_rlimit[RLIMIT_NPROC]:
            return 0
        if l.l_cred.cr_euid != 0 and maximum > p.p_rlimit[RLIMIT_NPROC][1]:
            return EPERM
        self.lim_privatise(p)
        p.p_rlimit[RLIMIT_NPROC] = (min(cur, self.maxproc), min(maximum, self.maxproc))
        return 0

    def setreuid(self, l: Lwp, ruid: int, euid: int) -> int:
        """kern_prot.c do_setresuid(); the count moves with the real user ID."""
        old = l.l_cred
        new = Cred(old.cr_uid if ruid == -1 else ruid, old.cr_euid if euid == -1 else euid)
        allowed = (old.cr_uid, old.cr_euid)
        if old.cr_euid != 0 and not (new.cr_uid in allowed and new.cr_euid in allowed):
            return EPERM
        if new.cr_uid != old.cr_uid:
            self.chgproccnt(old.cr_uid, -1)
            self.chgproccnt(new.cr_uid, 1)
        if (new.cr_uid, new.cr_euid) != allowed:
            l.l_proc.p_flag |= PK_SUGID
        l.l_proc.p_cred = new
        # proc_crmod_leave(): whoever is in the kernel now follows on its way to user mode.
        for other in l.l_proc.p_lwps:
            if other is l or other.l_task is None:
                other.l_cred = new
        return 0
