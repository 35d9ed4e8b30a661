"""The objects that parent and child share. Effects of sharing need no tests of their own."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from reference_model.kernel import Kernel
from reference_model.language.netbsd import (
    CLONE_FILES,
    CLONE_FS,
    CLONE_SIGHAND,
    CLONE_VFORK,
    CLONE_VM,
    FORK_CLEANFILES,
    FORK_SHAREFILES,
    FORK_SHARESIGS,
    FORK_SHAREVM,
    PL_PPWAIT,
    RLIMIT_NPROC,
    SIGCHLD,
    SIGNALS,
)
from reference_model.proc import Descriptor, File, Proc
from tests.driving import child_of, clone, new_kernel

SIGUSR1 = SIGNALS["SIGUSR1"]
SHARED: dict[int, Callable[[Proc, Proc], bool]] = {
    CLONE_VM: lambda p1, p2: p1.p_vmspace is p2.p_vmspace,
    CLONE_FS: lambda p1, p2: p1.p_cwdi is p2.p_cwdi,
    CLONE_FILES: lambda p1, p2: p1.p_fd is p2.p_fd,
    CLONE_SIGHAND: lambda p1, p2: p1.p_sigacts is p2.p_sigacts,
    CLONE_VFORK: lambda p1, p2: bool(p2.p_lflag & PL_PPWAIT),
}


def every_subset() -> list[int]:
    sums = [0]
    for flag in SHARED:
        sums += [flag | other for other in sums]
    return [f for f in sums if f & CLONE_VM or not f & CLONE_SIGHAND]


@pytest.mark.parametrize("flags", every_subset(), ids=hex)
def test_each_clone_flag_shares_its_own_matter_and_no_other(flags: int) -> None:
    """Lines 175-184 map the flags; lines 385-389, 407-420, 434-442, 469 and 487 act on them."""
    k, l = new_kernel()
    clone(k, l, flags | SIGCHLD)
    child = k.allproc[0]
    for flag, shared in SHARED.items():
        assert shared(l.l_proc, child) == bool(flags & flag)


def test_copies_are_equal_at_first() -> None:
    """A copy begins with the values of the parent: lines 412, 420, 469 and 487 copy."""
    k, l = new_kernel()
    p1 = l.l_proc
    file = File(f_offset=5)
    p1.p_fd.fd_dt[20] = Descriptor(file, ff_exclose=True)
    p1.p_cwdi.cwdi_cdir, p1.p_cwdi.cwdi_cmask = "/dev", 0o77
    p1.p_sigacts.sa_sigdesc[SIGUSR1] = "ignore"
    p1.p_vmspace.word = 3
    child = child_of(k, l)
    assert child.p_fd.fd_dt[20].ff_file is file
    assert child.p_fd.fd_dt[20].ff_exclose
    assert (child.p_cwdi.cwdi_cdir, child.p_cwdi.cwdi_cmask) == ("/dev", 0o77)
    assert child.p_sigacts.sa_sigdesc == {SIGUSR1: "ignore"}
    assert child.p_vmspace.word == 3


def test_clean_files_are_none() -> None:
    """Lines 409-410: FORK_CLEANFILES starts with an empty table; FORK_SHAREFILES comes first."""
    k, l = new_kernel()
    l.l_fd.fd_dt[20] = Descriptor(File())
    assert child_of(k, l, FORK_CLEANFILES).p_fd.fd_dt == {}
    assert child_of(k, l, FORK_CLEANFILES | FORK_SHAREFILES).p_fd is l.l_fd


@pytest.mark.parametrize("flags", [0, FORK_SHARESIGS | FORK_SHAREVM])
def test_shared_signals_share_the_lock(flags: int) -> None:
    """Lines 385-389: the same lock, held once more, or one of its own."""
    k, l = new_kernel()
    child = child_of(k, l, flags)
    assert (child.p_lock is l.l_proc.p_lock) == bool(flags)
    assert l.l_proc.p_lock.refcnt == (2 if flags else 1)


def change(k: Kernel, p: Proc, soft: int) -> None:
    assert k.setrlimit(p.p_lwps[0], soft, 500) == 0


@pytest.mark.parametrize("before", [False, True])
@pytest.mark.parametrize("who", ["parent", "child"])
def test_limits_are_copied_on_write(before: bool, who: str) -> None:
    """Lines 426-432: shared until one writes; copied at once if the parent wrote before."""
    k, l = new_kernel()
    if before:
        change(k, l.l_proc, 400)
    references = l.l_proc.p_limit.pl_refcnt
    child = child_of(k, l)
    assert (child.p_limit is l.l_proc.p_limit) is not before
    assert child.p_rlimit == l.l_proc.p_rlimit
    assert l.l_proc.p_limit.pl_refcnt == (1 if before else 1 + references)
    writer, other = (l.l_proc, child) if who == "parent" else (child, l.l_proc)
    old = other.p_rlimit[RLIMIT_NPROC]
    change(k, writer, 300)
    assert writer.p_rlimit[RLIMIT_NPROC][0] == 300
    assert other.p_rlimit[RLIMIT_NPROC] == old


def test_the_stack_pointer_is_handed_on() -> None:
    """Lines 208 and 494: the caller's pointer as it is, or none."""
    k, l = new_kernel()
    clone(k, l, SIGCHLD, "mine")
    assert k.allproc[0].p_lwps[0].l_stack == "mine"
    clone(k, l, SIGCHLD)
    assert k.allproc[0].p_lwps[0].l_stack is None
