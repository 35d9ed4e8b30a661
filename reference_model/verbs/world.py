"""The state on which the steps of a scenario act: a kernel and its actors."""

from __future__ import annotations

from collections.abc import Callable

from reference_model import kern_exit
from reference_model.kernel import Kernel
from reference_model.language.netbsd import EBADF, ESRCH, RLIMIT_NPROC, SZOMB
from reference_model.language.scenario import Step
from reference_model.proc import Descriptor, Lwp, Proc, Sleeping
from reference_model.verbs.call import CallError

#: A process ID that no process has.
_NO_PID = 0x7FFFFFF0


class World:
    """The state of a running scenario, beside that of the kernel."""

    def __init__(self, kernel: Kernel) -> None:
        self.k = kernel
        #: Every actor that has been born, as an LWP; several may be of one process.
        self.lwps: dict[str, Lwp] = {}
        #: The names of processes and LWPs, by ID.
        self.names: dict[int, str] = {kernel.initproc.p_pid: "init"}
        self.steps: list[Step] = []
        #: The name of the child that a process gives birth to next.
        self.newborn: dict[Proc, str] = {}
        #: LWPs that act without a step as soon as they are in user mode, and what they do.
        self.programs: list[tuple[Lwp, Callable[[Lwp], Sleeping]]] = []
        #: The actors that have called exec: they take no steps any more.
        self.replaced: set[str] = set()
        #: The second return register of an LWP's last fork; None where it failed.
        self.retval1: dict[Lwp, int | None] = {}
        #: Whether an LWP was born with the floating point register of its parent.
        self.fp_kept: dict[Lwp, bool] = {}
        #: Duration of the last fork of a process, in microseconds.
        self.took: dict[Proc, int] = {}
        #: The counters of forks when a step first asked for them.
        self.first_counts: tuple[int, ...] | None = None
        #: Number of messages that the kernel had written when a step first asked.
        self.first_messages: int | None = None

    def proc(self, name: str) -> Proc | None:
        """Returns the process of this name, also when it is gone; None where it was never born."""
        return self.lwps[name].l_proc if name in self.lwps else None

    def pid(self, name: str) -> int:
        """Returns the process's ID, or one that no process has where it was never born."""
        return self.lwps[name].l_proc.p_pid if name in self.lwps else _NO_PID

    def existing(self, name: str) -> Proc:
        """Returns the process of this name.  Raises :class:`CallError` where it is gone."""
        p = self.proc(name)
        if p is None:
            raise CallError(ESRCH)
        if p not in self.k.allproc:
            kern_exit.init_reaps(self.k, p)
            if p not in self.k.zombproc:
                raise CallError(ESRCH)
        return p

    def count_dead(self, l: Lwp) -> None:
        """Chooses which zombies of init's still count, if a fork by *l* depends on it."""
        k, uid = self.k, l.l_cred.cr_uid
        if not k.zombproc:
            return
        dead = self.left_to_init()
        theirs = [p for p in dead if p.p_cred.cr_uid == uid]
        limit = l.l_proc.p_rlimit[RLIMIT_NPROC][0]
        if k.maxproc <= k.nprocs + 1 < k.maxproc + len(dead):
            theirs = dead
        elif not limit < k.uidinfo.get(uid, 0) + 1 <= limit + len(theirs):
            return
        for p in theirs:
            kern_exit.init_reaps(k, p)

    def left_to_init(self) -> list[Proc]:
        """Returns the zombies that init has not reaped yet, as far as has been chosen."""
        k = self.k
        return [p for p in k.zombproc if p.p_stat == SZOMB and p.p_pptr is k.initproc]

    @staticmethod
    def descriptor(l: Lwp, fd: str) -> Descriptor:
        """Returns the descriptor *fd* of the LWP.  Raises :class:`CallError` if there is none."""
        descriptor = l.l_fd.fd_dt.get(int(fd))
        if descriptor is None:
            raise CallError(EBADF)
        return descriptor
