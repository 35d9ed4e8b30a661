"""Steps that look at a process or at the whole system, and those that set up what is looked for.

What kern.proc2 shows of a process is after fill_kproc2() of sys/kern/kern_proc.c
of 10.99.12; the other functions name theirs.  Addresses are only ever compared:
here, whether two fields lead to one object.
"""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import Any

from reference_model import kern_event, kern_exit, kern_ktrace, kern_sig
from reference_model.kernel import Kernel
from reference_model.language.netbsd import (
    ACCOUNTING_FLAGS,
    EACCES,
    EBADF,
    ECHILD,
    EEXIST,
    EFAULT,
    EINVAL,
    ENOENT,
    EPERM,
    ESRCH,
    INHERITANCES,
    NOTE_CHILD,
    NOTES,
    NZERO,
    P_FLAGS,
    PK_CLDSIGIGN,
    PK_EXEC,
    PK_NOCLDWAIT,
    PK_SUGID,
    PL_CONTROLT,
    PL_PPWAIT,
    PS_NOCLDSTOP,
    PS_STOPEXEC,
    PS_STOPFORK,
    PSL_CHTRACED,
    PSL_SYSCALL,
    PSL_TRACED,
    PST_PROFIL,
    SACTIVE,
    SIGCHLD,
    SSTOP,
    SZOMB,
    TRACE_FACILITIES,
    names_of,
    signal_name,
    signal_number,
)
from reference_model.language.scenario import SHOWN_FIELDS, Step, bits_value
from reference_model.proc import Amap, Descriptor, File, Kqueue, Lwp, Pgrp, Proc, Session, Sleeping
from reference_model.state import TICK

# sysctl_flagmap and its like, line 1984: the flag inside, the one that is shown.
_PROC_FLAGS = {
    "p_flag": {
        PK_EXEC: "P_EXEC",
        PK_NOCLDWAIT: "P_NOCLDWAIT",
        PK_CLDSIGIGN: "P_CLDSIGIGN",
        PK_SUGID: "P_SUGID",
    },
    "p_sflag": {
        PS_NOCLDSTOP: "P_NOCLDSTOP",
        PS_STOPFORK: "P_STOPFORK",
        PS_STOPEXEC: "P_STOPEXEC",
    },
    "p_slflag": {
        PSL_TRACED: "P_TRACED",
        PSL_CHTRACED: "P_CHTRACED",
        PSL_SYSCALL: "P_SYSCALL",
    },
    "p_lflag": {PL_CONTROLT: "P_CONTROLT", PL_PPWAIT: "P_PPWAIT"},
    "p_stflag": {PST_PROFIL: "P_PROFIL"},
}
_STATES = {SACTIVE: "SACTIVE", SSTOP: "SSTOP", SZOMB: "SZOMB"}
#: The fields whose values are numbers or texts; of all others the identity is compared.
_BY_VALUE = {*SHOWN_FIELDS, "pathname", "start"}


class CallError(Exception):
    """A system call that returns an error: its number."""

    def __init__(self, error: int) -> None:
        super().__init__(error)
        self.error = error


def ok(error: int) -> str:
    """``ok`` for 0; :class:`CallError` otherwise."""
    if error:
        raise CallError(error)
    return "ok"


class Looks:
    """The part of the machine that has these steps, each a method called ``_VERB``."""

    k: Kernel
    steps: list[Step]
    lwps: dict[str, Lwp]
    names: dict[int, str]
    #: How long the last fork of a process took, in microseconds.
    took: dict[Proc, int]

    def __init__(self) -> None:
        self.took = {}
        self._counts_before: tuple[int, ...] | None = None
        self._said_before: int | None = None

    def _look_at(self, name: str) -> Proc:
        """The process that has this name.  Raises :class:`CallError`, as for one that is gone."""
        l = self.lwps.get(name)
        if l is None or not (l.l_proc in self.k.allproc or l.l_proc in self.k.zombproc):
            raise CallError(ESRCH)
        return l.l_proc

    def _descriptor(self, l: Lwp, fd: str) -> Descriptor:
        """What *fd* is in the LWP's table.  Raises :class:`CallError` where it is not open."""
        descriptor = l.l_fd.fd_dt.get(int(fd))
        if descriptor is None:
            raise CallError(EBADF)
        return descriptor

    # -- one process -----------------------------------------------------------

    def _kinfo(self, l: Lwp, name: str, field: str, signal: str | None = None) -> str:
        p = self._look_at(name)
        match field:
            case "p_nice":
                return str(p.p_nice - NZERO)
            case "p_exitsig":
                return signal_name(p.p_exitsig) if p.p_exitsig else "0"
            case "p_acflag":
                return names_of(ACCOUNTING_FLAGS, p.p_acflag)
            case "p_ename" | "p_realstat":
                return str(self._field(p, field))
            case "p_traceflag":
                return names_of(TRACE_FACILITIES, p.p_traceflag)
            case "p_comm":
                path = p.p_path or ""
                return "program" if p.p_comm == path.rpartition("/")[2] else "other"
            case "p_nlwps":
                return str(p.p_nlwps)
            case "p_ppid":
                return self.names[p.p_ppid]
            case _:
                assert signal is not None
                return "yes" if self._field(p, field) & 1 << signal_number(signal) else "no"

    def _field(self, p: Proc, field: str) -> Any:
        match field:
            case "p__pgid":
                return p.p_pgrp
            case "p_sess":
                return p.p_session
            case "pathname":
                if p.p_path is None:
                    raise CallError(ENOENT)
                return p.p_path
            case "p_textvp":  # procfs_vnops.c, line 1333: else there is no such file
                if p.p_textvp is None:
                    raise CallError(ENOENT)
                return p.p_textvp
            case "start":
                return p.p_stats.p_start
            case "p_ename":
                return p.p_emul.e_name
            case "p_realstat":
                return _STATES.get(p.p_stat, "other")
            case "p_sigmask":
                return reduce(or_, (l.l_sigmask for l in p.p_lwps if p.p_stat != SZOMB), 0)
            case "p_sigignore":
                return p.p_sigctx.ps_sigignore
            case _:
                return getattr(p, field)

    def _compare(self, l: Lwp, name: str, other: str, field: str) -> str:
        p, q = self._look_at(name), self._look_at(other)
        one, two = self._field(p, field), self._field(q, field)
        if field == "start" and one != two:
            return "later" if one < two else "earlier"
        same = one == two if field in _BY_VALUE else one is two
        return "same" if same else "other"

    def _flags(self, l: Lwp, name: str, mask: str) -> str:
        p = self._look_at(name)
        shown = 0
        for field, table in _PROC_FLAGS.items():
            for bit, flag in table.items():
                if getattr(p, field) & bit:
                    shown |= P_FLAGS[flag]
        return names_of(P_FLAGS, shown & bits_value(P_FLAGS, mask))

    def _nice(self, l: Lwp, value: str) -> str:
        n = min(int(value), 20) + NZERO
        if l.l_cred.cr_euid != 0 and n < l.l_proc.p_nice:
            raise CallError(EACCES)
        l.l_proc.p_nice = n
        return "ok"

    def _sleep(self, l: Lwp, milliseconds: str) -> str:
        self.k.microtime += int(milliseconds) * 1000
        return "ok"

    def _tick(self, l: Lwp) -> str:
        self.k.microtime += 2 * TICK
        return "ok"

    def _setitimer(self, l: Lwp, which: str) -> str:
        l.l_proc.p_timers.add(which)
        return "ok"

    def _getitimer(self, l: Lwp, which: str) -> str:
        return "runs" if which in l.l_proc.p_timers else "none"

    def _childrens_usage(self, l: Lwp) -> str:
        return "some" if l.l_proc.p_stats.p_cru else "none"

    def _sigaltstack(self, l: Lwp, size: str | None = None) -> str:
        old = l.l_sigstk or 0
        if size is not None:
            l.l_sigstk = int(size)
        return str(old)

    def _nocldstop(self, l: Lwp) -> str:
        self._default_sigchld(l.l_proc)
        l.l_proc.p_sflag |= PS_NOCLDSTOP
        return "ok"

    def _nocldwait(self, l: Lwp) -> str:
        self._default_sigchld(l.l_proc)
        l.l_proc.p_flag |= PK_NOCLDWAIT
        return "ok"

    def _default_sigchld(self, p: Proc) -> None:
        """sys_sig.c sigaction1(), lines 508 to 533: SIGCHLD to its default, and no flag."""
        p.p_sigacts.sa_sigdesc[SIGCHLD] = "default"
        p.p_sigctx.ps_sigcatch &= ~(1 << SIGCHLD)
        p.p_sigctx.ps_sigignore |= 1 << SIGCHLD
        kern_sig.sigclear(p, 1 << SIGCHLD)
        p.p_flag &= ~(PK_NOCLDWAIT | PK_CLDSIGIGN)
        p.p_sflag &= ~PS_NOCLDSTOP

    def _setsid(self, l: Lwp) -> str:
        """kern_proc.c proc_setsid(): not for whoever leads a group."""
        p = l.l_proc
        if p.p_pgrp.pg_leader is p:
            raise CallError(EPERM)
        p.p_pgrp.pg_members.remove(p)
        p.p_pgrp = Pgrp(Session(s_leader=p), [p], p)
        p.p_lflag &= ~PL_CONTROLT
        return "ok"

    def _controlling_tty(self, l: Lwp) -> str:
        """TIOCSCTTY on the console, which no other session has (tty.c)."""
        p = l.l_proc
        if p.p_session.s_leader is not p:
            raise CallError(EPERM)
        p.p_session.s_ttyvp = self.k.console
        p.p_lflag |= PL_CONTROLT
        return "ok"

    def _minherit(self, l: Lwp, inheritance: str) -> str:
        """uvm_map.c uvm_map_inherit(): of what is not mapped nothing is changed."""
        page = l.l_proc.p_vmspace.page
        if page is not None:
            page.inheritance = INHERITANCES[inheritance]
        return "ok"

    def _page(self, l: Lwp) -> Amap:
        """What is behind the page.  Raises :class:`CallError` where it is not mapped."""
        page = l.l_proc.p_vmspace.page
        if page is None:
            raise CallError(EFAULT)
        return page.amap

    def _page_store(self, l: Lwp, value: str) -> str:
        self._page(l).word = int(value)
        return "ok"

    def _page_load(self, l: Lwp) -> str:
        return str(self._page(l).word)

    def _setprivate(self, l: Lwp, value: str) -> str:
        l.l_private = int(value)
        return "ok"

    def _lc_pctr(self, l: Lwp) -> str:
        """kern_synch.c, mi_switch(), lines 769-773: each switch to an LWP that has a block."""
        vm = l.l_proc.p_vmspace
        if vm.lwpctl is None:
            return "none"
        if vm.lwpctl.lcp_uva is not vm:
            raise CallError(EFAULT)
        return "counted" if l.l_lwpctl is vm.lwpctl else "still"

    def _getprivate(self, l: Lwp) -> str:
        return str(l.l_private or 0)

    def _rasctl(self, l: Lwp, what: str) -> str:
        """kern_ras.c, with one sequence: ras_install() refuses what overlaps another."""
        p = l.l_proc
        if what == "install":
            if p.p_raslist:
                raise CallError(EEXIST)
            p.p_raslist = ["sequence"]
        elif p.p_raslist:
            p.p_raslist = p.p_raslist[1:]
        else:
            raise CallError(ESRCH)
        return "ok"

    def _profil(self, l: Lwp) -> str:
        l.l_proc.p_stflag |= PST_PROFIL
        return "ok"

    def _aio_read(self, l: Lwp, fd: str) -> str:
        """sys_aio.c: the first request makes the state, and an LWP that works."""
        self._descriptor(l, fd)
        p = l.l_proc
        if p.p_aio is None:
            p.p_aio = "done"
            p.p_nlwps += 1
        return "ok"

    def _aio_error(self, l: Lwp) -> str:
        if l.l_proc.p_aio is None:
            raise CallError(EINVAL)
        return "0"

    def _clofork(self, l: Lwp, fd: str) -> str:
        """fcntl(2), F_SETFD with FD_CLOFORK."""
        self._descriptor(l, fd).ff_foclose = True
        l.l_fd.fd_foclose = True
        return "ok"

    # -- stopped children --------------------------------------------------------

    def _stopflag(self, l: Lwp, name: str, flag: int, value: str) -> str:
        """kern_resource.c sysctl_proc_stop(): root's business."""
        p = self._look_at(name)
        if p.p_stat not in (SACTIVE, SSTOP):
            raise CallError(ESRCH)
        if l.l_cred.cr_euid != 0:
            raise CallError(EPERM)
        p.p_sflag = p.p_sflag | flag if int(value) else p.p_sflag & ~flag
        return "ok"

    def _stopfork(self, l: Lwp, name: str, value: str) -> str:
        return self._stopflag(l, name, PS_STOPFORK, value)

    def _stopexec(self, l: Lwp, name: str, value: str) -> str:
        return self._stopflag(l, name, PS_STOPEXEC, value)

    def _pid(self, name: str) -> int:
        """The actor's process ID, or one that nobody has where it was never born."""
        return self.lwps[name].l_proc.p_pid if name in self.lwps else 0x7FFFFFF0

    def _stopped(self, l: Lwp, whom: str) -> str:
        pid = kern_exit.WAIT_ANY if whom == "any" else self._pid(whom)
        if not kern_exit.has_child(l.l_proc, pid):
            raise CallError(ECHILD)
        child = kern_exit.find_stopped(self.k, l.l_proc, pid)
        if child is None:
            return "none"
        how = "stopped" if child.p_stat == SSTOP else "other"
        return f"{self.names[child.p_pid]} {how}"

    # -- the whole system ----------------------------------------------------------

    def _fork_counts(self, l: Lwp) -> str:
        count = self.k.cpu_count
        now = (count["forks"], count["forks_ppwait"], count["forks_sharevm"])
        if self._counts_before is None:
            self._counts_before = now
        return " ".join(str(a - b) for a, b in zip(now, self._counts_before, strict=True))

    def _maxproc(self, l: Lwp, room: str) -> str:
        if l.l_cred.cr_euid != 0:
            raise CallError(EPERM)
        self.k.maxproc = self.k.nprocs + int(room)
        return "ok"

    def _forkfsleep(self, l: Lwp, milliseconds: str) -> str:
        if l.l_cred.cr_euid != 0:
            raise CallError(EPERM)
        self.k.forkfsleep = int(milliseconds) * 1000 // TICK
        return "ok"

    def _took(self, l: Lwp, milliseconds: str) -> str:
        return "yes" if self.took.get(l.l_proc, 0) >= int(milliseconds) * 1000 else "no"

    def _tablefull(self, l: Lwp) -> str:
        said = len(self.k.msgbuf)
        if self._said_before is None:
            self._said_before = said
        new = said - self._said_before
        return f"{new} times" if new > 1 else "said" if said else "never"

    # -- kqueue ----------------------------------------------------------------------

    def _kqueue(self, l: Lwp, fd: str) -> str:
        self.k.fd_put(l.l_fd, int(fd), File(is_kqueue=True, f_kqueue=Kqueue()))
        return fd

    def _kqueue_at(self, l: Lwp, fd: str) -> Kqueue:
        kq = self._descriptor(l, fd).ff_file.f_kqueue
        if kq is None:
            raise CallError(EBADF)
        return kq

    def _watch(self, l: Lwp, fd: str, name: str, notes: str) -> str:
        kq = self._kqueue_at(l, fd)
        p = self.lwps[name].l_proc if name in self.lwps else None
        return ok(kern_event.kqueue_register(kq, l.l_cred, p, bits_value(NOTES, notes)))

    def _kevent(self, l: Lwp, fd: str) -> str:
        """What waits, by actor; for a newborn also whose child it is."""
        told = kern_event.kevent_collect(self._kqueue_at(l, fd))
        order = list(dict.fromkeys(name for s in self.steps for name in s.actors()))
        told.sort(key=lambda kn: order.index(self.names[kn.kn_id]))
        words = []
        for kn in told:
            word = f"{self.names[kn.kn_id]} {names_of(NOTES, kn.kn_fflags)}"
            if kn.kn_fflags & NOTE_CHILD:
                word += f" {self.names[kn.kn_data]}"
            words.append(word)
        return ", ".join(words) or "none"

    # -- ktrace ------------------------------------------------------------------------

    def _ktrace(self, l: Lwp, fd: str, name: str, facilities: str) -> str:
        file = self._descriptor(l, fd).ff_file
        p = self.lwps[name].l_proc if name in self.lwps else None
        mask = bits_value(TRACE_FACILITIES, facilities)
        return ok(kern_ktrace.ktrace_set(self.k, file, p, mask))

    def _ktrace_end(self, l: Lwp, fd: str) -> str:
        trace = self._descriptor(l, fd).ff_file.f_trace
        if trace is not None:
            kern_ktrace.ktrderefall(self.k, trace)
        return "ok"

    def _utrace(self, l: Lwp) -> str:
        kern_ktrace.ktruser(l.l_proc)
        return "ok"

    def _read_records(self, l: Lwp, fd: str, whom: str) -> Sleeping:
        pipe = self._descriptor(l, fd).ff_file.f_pipe
        while pipe is not None and pipe.open_for_writing:
            if (yield from self.k.cv_wait_sig(l, pipe.readers)):
                yield from self.k.userret(l)
        records = pipe.trace.records if pipe is not None and pipe.trace is not None else []
        found = [word for pid, word in records if word and self.names[pid] == whom]
        return " ".join(found) or "none"
