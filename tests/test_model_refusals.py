"""The refusals of fork1 and __clone, their order, and that a refusal leaves no trace."""

from __future__ import annotations

import pytest

from reference_model.kernel import Kernel
from reference_model.language.netbsd import (
    CLONE_FILES,
    CLONE_PID,
    CLONE_PTRACE,
    CLONE_SIGHAND,
    CLONE_VM,
    EAGAIN,
    EINVAL,
    ENOMEM,
    FORK_PPWAIT,
    FORK_SHAREVM,
    RLIMIT_NPROC,
    SIGCHLD,
)
from reference_model.proc import Cred, Descriptor, File, Lwp, Proc, Sleeping
from reference_model.state import Options
from tests.driving import clone, counts, fork1, new_kernel

USER = 1000


def become(k: Kernel, l: Lwp, ruid: int, euid: int) -> None:
    assert k.setreuid(l, ruid, euid) == 0


def limit(l: Lwp, soft: int) -> None:
    l.l_proc.p_rlimit[RLIMIT_NPROC] = (soft, 10_000)


def forks_until_refused(k: Kernel, l: Lwp) -> int:
    """How many forks succeed, of a hundred."""
    return next(made for made in range(100) if fork1(k, l, 0).error)


@pytest.mark.parametrize(
    "flags",
    [CLONE_PTRACE | SIGCHLD, CLONE_SIGHAND | SIGCHLD, 64, 255, CLONE_PTRACE | CLONE_VM | 64],
    ids=hex,
)
def test_a_refused_clone_leaves_no_trace(flags: int) -> None:
    """Lines 163-188 return before fork1 counts anything: CLONE-CHECK-ORDER."""
    k, l = new_kernel()
    before = counts(k, 0)
    assert clone(k, l, flags).error == EINVAL
    assert counts(k, 0) == before


@pytest.mark.parametrize("flags", [CLONE_VM | CLONE_SIGHAND | SIGCHLD, 63, 0, 0xFFFF8000 | 20])
def test_a_clone_that_lines_163_to_188_let_pass_makes_a_child(flags: int) -> None:
    """SIGHAND with VM, exit signals up to 63, none at all, and unnamed bits all pass."""
    k, l = new_kernel()
    assert clone(k, l, flags).error == 0
    child = k.allproc[0]
    assert child.p_pptr is l.l_proc
    assert child.p_exitsig == flags & 0xFF


def close_on_fork(k: Kernel, l: Lwp) -> None:
    l.l_fd.fd_dt[20] = Descriptor(File(), ff_foclose=True)
    l.l_fd.fd_foclose = True


@pytest.mark.parametrize(("revision", "error"), [((1, 232), EINVAL), ((1, 231), 0)])
def test_sharing_files_with_a_close_on_fork_descriptor(
    revision: tuple[int, int], error: int
) -> None:
    """Lines 197-200 are new in 1.232: CLONE_FILES is refused, before that it passes."""
    k, l = new_kernel(revision=revision)
    close_on_fork(k, l)
    before = counts(k, 0)
    assert clone(k, l, CLONE_FILES | SIGCHLD).error == error
    assert (counts(k, 0) == before) == bool(error)


def test_close_on_fork_matters_to_clone_files_alone() -> None:
    """Line 197 asks for FORK_SHAREFILES: without it a descriptor is only left out (line 412)."""
    k, l = new_kernel()
    close_on_fork(k, l)
    l.l_fd.fd_dt[21] = Descriptor(File())
    l.l_fd.fd_dt[22] = Descriptor(File(is_kqueue=True))
    assert clone(k, l, CLONE_VM | SIGCHLD).error == 0
    assert set(k.allproc[0].p_fd.fd_dt) == {21}


@pytest.mark.parametrize("uid", [0, USER])
def test_maxproc_is_reached_by_root_too(uid: int) -> None:
    """Line 276, `tnprocs >= maxproc`: no user gets the last slot.

    Those before it, which line 279 would keep for root, are not kept: kern_proc.c's listener
    looks for the count in its third argument, and fork1 gives it as the second.
    """
    k, l = new_kernel(maxproc=40, others=20, uid=uid)
    made = forks_until_refused(k, l)
    assert k.nprocs == 20 + 1 + made == 39
    before = counts(k, uid)
    assert fork1(k, l, 0).error == EAGAIN
    assert counts(k, uid) == before


def test_the_security_model_is_asked_and_may_refuse() -> None:
    """Line 279 hands it the caller's credential and the new count; a refusal is EAGAIN."""
    k, l = new_kernel(maxproc=40, others=33)
    become(k, l, USER, USER)
    before = counts(k, USER)
    asked: list[tuple[Cred, int]] = []

    def refuse(cred: Cred, tnprocs: int) -> int:
        asked.append((cred, tnprocs))
        return 1

    k.kauth_authorize_process_fork = refuse  # type: ignore[method-assign]
    assert fork1(k, l, 0).error == EAGAIN
    assert asked == [(l.l_cred, 35)], "34 with the caller, and the new one"
    assert counts(k, USER) == before


def test_the_security_model_is_asked_without_the_count() -> None:
    """Line 279: the count is the argument that the listener does not read, so it reads 0.

    It keeps the last five slots for root, by the effective user ID: with a
    limit of five these are all there are.
    """
    k, l = new_kernel(maxproc=5, others=1)
    become(k, l, USER, USER)
    assert k.nprocs == 2
    assert fork1(k, l, 0).error == EAGAIN
    k.maxproc = 6
    assert fork1(k, l, 0).error == 0
    k.maxproc = 5
    l.l_cred = l.l_proc.p_cred = Cred(USER, 0)
    assert fork1(k, l, 0).error == 0


def test_table_full_is_logged_once_in_ten_seconds() -> None:
    """Lines 215 and 285: fork_tfmrate is { 10, 0 }."""
    k, l = new_kernel(maxproc=21, others=20)
    for elapsed, messages in ((0, 1), (0, 1), (9_999_999, 1), (1, 2), (0, 2)):
        k.microtime += elapsed
        assert fork1(k, l, 0).error == EAGAIN
        assert len(k.msgbuf) == messages


class SleepNoting(Kernel):
    """Records the channel of each sleep of fork1, and how long it is."""

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self.slept: list[tuple[str, int]] = []

    def kpause(self, l: Lwp, wmesg: str, ticks: int) -> Sleeping:
        self.slept.append((wmesg, ticks))
        yield from super().kpause(l, wmesg, ticks)


@pytest.mark.parametrize("ticks", [0, 7])
@pytest.mark.parametrize("refusal", ["forkmx", "forkulim", "none"])
def test_forkfsleep_delays_both_refusals_and_nothing_else(refusal: str, ticks: int) -> None:
    """Lines 287-288 and 302-303, and only where forkfsleep is not 0."""
    others = 1043 if refusal == "forkmx" else 20
    k = SleepNoting(Options(forkfsleep=ticks, others=others, uid=USER))
    l = k.new_root().p_lwps[0]
    limit(l, 2 if refusal == "forkulim" else 100)
    error = fork1(k, l, 0).error
    assert error == (0 if refusal == "none" else EAGAIN)
    assert k.slept == ([(refusal, ticks)] if error and ticks else [])


@pytest.mark.parametrize("soft", [2, 3, 5])
def test_the_limit_is_the_new_count(soft: int) -> None:
    """Line 296, `count > rlim_cur`: as many processes as the limit says, and not one more."""
    k, l = new_kernel(uid=USER, user_count=1)
    limit(l, soft)
    forks_until_refused(k, l)
    assert k.chgproccnt(USER, 0) == soft


@pytest.mark.parametrize(
    ("ruid", "euid", "error"), [(0, 0, 0), (USER, 0, 0), (0, USER, EAGAIN), (USER, USER, EAGAIN)]
)
def test_only_effective_root_may_exceed_the_limit(ruid: int, euid: int, error: int) -> None:
    """Lines 297-299: KAUTH_REQ_PROCESS_RLIMIT_BYPASS goes by the effective user ID."""
    k, l = new_kernel()
    become(k, l, ruid, euid)
    limit(l, 0)
    before = counts(k, 0, USER)
    assert fork1(k, l, 0).error == error
    assert (counts(k, 0, USER) == before) == bool(error)


def test_the_count_is_the_real_users() -> None:
    """Lines 269 and 295: kauth_cred_getuid gives the real user ID."""
    k, l = new_kernel()
    become(k, l, USER, 0)
    assert fork1(k, l, 0).error == 0
    assert (k.chgproccnt(USER, 0), k.chgproccnt(0, 0)) == (2, 1)


class NoUarea(Kernel):
    """There is no room for a U-area."""

    def uvm_uarea_alloc(self) -> int:
        return 0


class NoPid(Kernel):
    """Has no free process ID, and records what fork1 gives back."""

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self.freed: list[int] = []
        self.lowered: list[tuple[int, bool]] = []
        self.caller: Proc | None = None

    def uvm_uarea_alloc(self) -> int:
        return 4711

    def uvm_uarea_free(self, uaddr: int) -> None:
        self.freed.append(uaddr)

    def proc_alloc(self) -> Proc | None:
        return None

    def chgproccnt(self, uid: int, diff: int) -> int:
        if diff < 0 and self.caller is not None:
            self.lowered.append((uid, self.caller.p_lock.owned))
        return super().chgproccnt(uid, diff)


def test_no_uarea_is_enomem() -> None:
    """Lines 314-317: ENOMEM, with both counts as they were."""
    k = NoUarea(Options())
    l = k.new_root().p_lwps[0]
    before = counts(k, 0)
    assert fork1(k, l, 0).error == ENOMEM
    assert counts(k, 0) == before


def test_no_process_id_is_eagain() -> None:
    """Lines 322-331: the U-area is freed, both counts are as they were, under the lock."""
    k = NoPid(Options())
    l = k.new_root().p_lwps[0]
    before = counts(k, 0)
    k.caller = l.l_proc
    assert fork1(k, l, 0).error == EAGAIN
    assert counts(k, 0) == before
    assert k.freed == [4711]
    assert k.lowered == [(0, True)]
    assert not l.l_proc.p_lock.owned


def test_no_process_id_lowers_the_processes_user() -> None:
    """Line 326 takes the user ID from p1->p_cred, where line 269 took it from the LWP's."""
    k = NoPid(Options())
    l = k.new_root().p_lwps[0]
    l.l_cred = Cred(USER, 0)
    k.caller = l.l_proc
    before = k.chgproccnt(0, 0)
    assert fork1(k, l, 0).error == EAGAIN
    assert (k.chgproccnt(USER, 0), k.chgproccnt(0, 0)) == (1, before - 1)


@pytest.mark.parametrize(
    ("revision", "leaks_uid", "leaks_nprocs"),
    [((1, 227), True, True), ((1, 228), False, False), ((1, 229), False, False)],
)
def test_older_revisions_leak_where_there_is_no_process_id(
    revision: tuple[int, int], leaks_uid: bool, leaks_nprocs: bool
) -> None:
    """1.228 gives everything back. 1.229 changed only line 326: which user's count is lowered."""
    k = NoPid(Options(revision=revision))
    l = k.new_root().p_lwps[0]
    nprocs, mine = k.nprocs, k.chgproccnt(0, 0)
    assert fork1(k, l, 0).error == EAGAIN
    assert k.nprocs - nprocs == leaks_nprocs
    assert k.chgproccnt(0, 0) - mine == leaks_uid
    assert k.freed == ([] if leaks_uid else [4711])


@pytest.mark.parametrize(("revision", "error"), [((1, 224), EINVAL), ((1, 225), 0)])
def test_clone_pid_was_refused(revision: tuple[int, int], error: int) -> None:
    """1.225 took CLONE_PID out of the check for CLONE_PTRACE (lines 161 and 163 are its)."""
    k, l = new_kernel(revision=revision)
    assert clone(k, l, CLONE_PID | SIGCHLD).error == error


def test_1_228_lowers_the_count_that_it_raised() -> None:
    """Of the lines for no process ID, 326 alone is 1.229's: before, the caller's count sinks."""
    k = NoPid(Options(revision=(1, 228)))
    l = k.new_root().p_lwps[0]
    l.l_cred = Cred(USER, 0)
    k.caller = l.l_proc
    before = k.chgproccnt(0, 0)
    assert fork1(k, l, 0).error == EAGAIN
    assert (k.chgproccnt(USER, 0), k.chgproccnt(0, 0)) == (0, before)


def test_the_table_is_looked_at_before_the_limit() -> None:
    """Lines 276-290 come before 295: a full table is reported to a user over the limit, too."""
    k = SleepNoting(Options(forkfsleep=1, others=1042, uid=USER))
    l = k.new_root().p_lwps[0]
    limit(l, 0)
    fork1(k, l, 0)
    assert k.slept == [("forkmx", 1)]


@pytest.mark.parametrize("flags", [0, FORK_PPWAIT, FORK_SHAREVM, FORK_PPWAIT | FORK_SHAREVM])
def test_counters_rise_for_successes_alone(flags: int) -> None:
    """Lines 553-557: forks always, forks_ppwait and forks_sharevm by the flags; refusals never."""
    k, l = new_kernel(uid=USER)
    fork1(k, l, flags)
    refused = k.new_root().p_lwps[0]
    limit(refused, 2)
    assert fork1(k, refused, flags).error == EAGAIN
    assert k.cpu_count == {
        "forks": 1,
        "forks_ppwait": int(bool(flags & FORK_PPWAIT)),
        "forks_sharevm": int(bool(flags & FORK_SHAREVM)),
    }
