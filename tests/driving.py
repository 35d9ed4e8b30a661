"""Drives the model's functions by hand, as :mod:`reference_model.machine` does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from reference_model import kern_fork
from reference_model.kernel import Kernel
from reference_model.language.netbsd import SIGCHLD
from reference_model.proc import Lwp, Proc, Sleeping
from reference_model.state import Options


@dataclass
class Call:
    """A call of the model that has begun; ``error`` is None until it has returned."""

    error: int | None = None
    retval: list[int] = field(default_factory=lambda: [-1, -1])


def start(k: Kernel, l: Lwp, make: Callable[[list[int]], Sleeping]) -> Call:
    """Starts a call of *l*, and runs all LWPs until each one has returned or sleeps."""
    call = Call()

    def task() -> Sleeping:
        call.error = yield from make(call.retval)
        yield from k.userret(l)

    k.start(l, task())
    k.settle()
    return call


def new_kernel(**options: object) -> tuple[Kernel, Lwp]:
    """A kernel with one process beside init, and that process's LWP."""
    k = Kernel(Options(**options))  # type: ignore[arg-type]
    return k, k.new_root().p_lwps[0]


def fork1(k: Kernel, l: Lwp, flags: int, exitsig: int = SIGCHLD) -> Call:
    """fork1 with *flags*, as the four system calls call it."""
    return start(
        k, l, lambda retval: kern_fork.fork1(k, l, flags, exitsig, None, 0, None, None, retval)
    )


def clone(k: Kernel, l: Lwp, flags: int, stack: object = None) -> Call:
    """__clone(2)."""
    return start(k, l, lambda retval: kern_fork.sys___clone(k, l, flags, stack, retval))


def newest(k: Kernel) -> Proc:
    """The process that was put last in the list of all processes."""
    return k.allproc[0]


def child_of(k: Kernel, l: Lwp, flags: int = 0, exitsig: int = SIGCHLD) -> Proc:
    """The child of a fork1 that must succeed."""
    before = list(k.allproc)
    call = fork1(k, l, flags, exitsig)
    born = [p for p in k.allproc if p not in before]
    assert len(born) == 1
    assert call.retval[0] == born[0].p_pid
    return born[0]


def counts(k: Kernel, *uids: int) -> tuple[object, ...]:
    """Returns the counts, the counters and the lists, which a refusal must not change."""
    return (
        k.nprocs,
        tuple(k.chgproccnt(uid, 0) for uid in uids),
        dict(k.cpu_count),
        [p.p_pid for p in k.allproc],
    )
