"""What a child has from its parent, and what it starts afresh with."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest

from reference_model.kernel import Kernel
from reference_model.language import netbsd
from reference_model.language.netbsd import (
    AFORK,
    FORK_SYSTEM,
    KTR_EMUL,
    KTRFAC_INHERIT,
    KTRFAC_TRC_EMUL,
    PK_32,
    PK_CLDSIGIGN,
    PK_NOCLDWAIT,
    PK_SUGID,
    PK_SYSTEM,
    PL_CONTROLT,
    PS_NOCLDSTOP,
    PS_STOPEXEC,
    PS_STOPFORK,
    PSL_SYSCALL,
    PSL_TRACED,
    PSL_TRACEFORK,
    PST_PROFIL,
)
from reference_model.proc import Cred, Emul, Knote, Kqueue, Proc, Pstats, Sigctx
from reference_model.state import Options
from tests.driving import child_of, new_kernel

BITS = range(32)


@pytest.mark.parametrize("bit", BITS)
def test_only_four_process_flags_are_inherited(bit: int) -> None:
    """Lines 361-362: p_flag & (PK_SUGID | PK_NOCLDWAIT | PK_CLDSIGIGN | PK_32)."""
    k, l = new_kernel()
    l.l_proc.p_flag = 1 << bit
    kept = 1 << bit & (PK_SUGID | PK_NOCLDWAIT | PK_CLDSIGIGN | PK_32)
    assert child_of(k, l).p_flag == kept


@pytest.mark.parametrize("bit", BITS)
def test_only_three_stop_flags_are_inherited(bit: int) -> None:
    """Lines 443 and 471-472: p_sflag & (PS_STOPFORK | PS_STOPEXEC | PS_NOCLDSTOP)."""
    k, l = new_kernel()
    p1, flag = l.l_proc, 1 << bit
    k.fork_hooks.append(lambda p2, p1: seen.append(p2.p_sflag))
    seen: list[int] = []
    p1.p_sflag = flag
    child_of(k, l)
    assert seen == [flag & (PS_STOPFORK | PS_STOPEXEC | PS_NOCLDSTOP)]


def test_a_system_process_is_marked_and_its_children_too() -> None:
    """Lines 366-373: FORK_SYSTEM adds PK_SYSTEM | PK_NOCLDWAIT to what was inherited."""
    k, l = new_kernel()
    l.l_proc.p_flag = PK_32
    assert child_of(k, l, FORK_SYSTEM).p_flag == PK_32 | PK_SYSTEM | PK_NOCLDWAIT


@pytest.mark.parametrize("bit", BITS)
def test_no_trace_state_is_inherited_by_itself(bit: int) -> None:
    """Line 444 zeroes p_slflag; only lines 534-537 set it again."""
    k, l = new_kernel()
    l.l_proc.p_slflag = 1 << bit
    assert child_of(k, l).p_slflag == 0


def test_the_profiling_flags_are_inherited_and_the_clock_is_started() -> None:
    """Lines 476 and 581-585: p_stflag is copied; with PST_PROFIL the clock starts."""
    for flag in (PST_PROFIL, 1):
        k, l = new_kernel()
        started: list[int] = []
        k.startprofclock = lambda p, started=started: started.append(p.p_pid)  # type: ignore[method-assign,misc]
        l.l_proc.p_stflag = flag
        child = child_of(k, l)
        assert child.p_stflag == flag
        assert started == ([child.p_pid] if flag == PST_PROFIL else [])


def test_pending_signals_stay_behind() -> None:
    """Line 348, and the zeroed section: what is pending in the parent is not in the child."""
    k, l = new_kernel()
    l.l_proc.p_sigpend = l.l_sigpend = 1 << netbsd.SIGCHLD
    child = child_of(k, l)
    assert (child.p_sigpend, child.p_lwps[0].l_sigpend) == (0, 0)
    assert l.l_proc.p_sigpend == 1 << netbsd.SIGCHLD


def test_the_zeroed_section_is_zeroed() -> None:
    """Lines 343-344: nothing of the parent's p_startzero section is found in the child."""
    k, l = new_kernel()
    p1: Any = l.l_proc
    p1.p_nstopchild, p1.p_waited, p1.p_forktime, p1.p_klist = 3, 1, 9, []
    p1.p_sigwaiters, p1.p_opptr, p1.p_tracep = ["somebody"], p1, "file"
    child = child_of(k, l)
    assert (child.p_nstopchild, child.p_waited, child.p_forktime) == (0, 0, 0)
    assert (child.p_sigwaiters, child.p_opptr, child.p_tracep) == ([], None, None)


def test_the_copied_section_is_copied_and_not_shared() -> None:
    """Lines 345-346 copy bytes: nice, command name, process group, and the signal context."""
    k, l = new_kernel()
    p1 = l.l_proc
    p1.p_nice, p1.p_comm, p1.p_sigctx = 7, "make", Sigctx(ps_sigignore=6, ps_sigcatch=8)
    child = child_of(k, l)
    assert (child.p_nice, child.p_comm, child.p_pgrp) == (7, "make", p1.p_pgrp)
    assert child.p_sigctx == p1.p_sigctx
    child.p_sigctx.ps_sigignore = 0
    assert p1.p_sigctx.ps_sigignore == 6


def test_the_child_is_alone() -> None:
    """Lines 350-351 and 448: one LWP, no signal waiters, no children."""
    k, l = new_kernel()
    first = child_of(k, l)
    second = child_of(k, l)
    assert (second.p_children, second.p_sigwaiters, second.p_nlwps) == ([], [], 1)
    assert [lwp.l_proc for lwp in second.p_lwps] == [second]
    assert l.l_proc.p_children == [second, first]


def test_the_emulation_goes_along_and_its_hook_runs_with_the_flags() -> None:
    """Lines 363-364 and 508-509: p_emul and p_execsw are inherited, e_proc_fork(p2, l1, flags)."""
    k, l = new_kernel()
    called: list[tuple[object, ...]] = []
    emul = Emul("linux", e_proc_fork=lambda p2, l1, flags: called.append((p2, l1, flags)))
    l.l_proc.p_emul, l.l_proc.p_execsw = emul, "elf"
    child = child_of(k, l, FORK_SYSTEM)
    assert (child.p_emul, child.p_execsw) == (emul, "elf")
    assert called == [(child, l, FORK_SYSTEM)]


def test_the_hooks_run_in_the_source_files_order() -> None:
    """Lines 508-517: the emulation's hook, then the fork hooks, then the DTrace probe."""
    k, l = new_kernel()
    order: list[str] = []
    l.l_proc.p_emul = Emul(e_proc_fork=lambda *args: order.append("emulation"))
    k.fork_hooks.append(lambda p2, p1: order.append("fork hooks"))
    k.sdt_probe = lambda name, *args: order.append(name)  # type: ignore[method-assign]
    child_of(k, l)
    assert order == ["emulation", "fork hooks", "proc:::create"]


def test_the_credentials_are_the_parents() -> None:
    """Line 391: kauth_proc_fork gives the child its parent's."""
    k, l = new_kernel()
    l.l_cred = l.l_proc.p_cred = Cred(0, 77)
    child = child_of(k, l)
    assert child.p_cred is l.l_proc.p_cred
    assert child.p_lwps[0].l_cred.cr_euid == 77


@pytest.mark.parametrize("have_ras", [True, False])
def test_restartable_sequences_are_copied_where_there_are_any(have_ras: bool) -> None:
    """Lines 393-396: NULL, then ras_fork() with __HAVE_RAS."""
    k, l = new_kernel(have_ras=have_ras)
    l.l_proc.p_raslist = ["sequence"]
    child = child_of(k, l)
    assert child.p_raslist == (["sequence"] if have_ras else None)
    assert child.p_raslist is not l.l_proc.p_raslist


@pytest.mark.parametrize("vnode", [None, "vnode"])
def test_the_executable_is_referenced_once_more(vnode: str | None) -> None:
    """Lines 399-405: p_textvp with vref() where there is one, and p_path."""
    k, l = new_kernel()
    referenced: list[object] = []
    k.vref = referenced.append  # type: ignore[method-assign,assignment]
    l.l_proc.p_textvp, l.l_proc.p_path = vnode, "/bin/sh" if vnode else None
    child = child_of(k, l)
    assert (child.p_textvp, child.p_path) == (vnode, l.l_proc.p_path)
    assert referenced == ([vnode] if vnode else [])


def test_open_message_queues_are_counted_and_aio_is_not() -> None:
    """Lines 415 and 450: p_mqueue_cnt is inherited, p_aio is NULL."""
    k, l = new_kernel()
    l.l_proc.p_mqueue_cnt, l.l_proc.p_aio = 3, "requests"
    child = child_of(k, l)
    assert (child.p_mqueue_cnt, child.p_aio) == (3, None)


@pytest.mark.parametrize("facility", [0, KTRFAC_INHERIT])
@pytest.mark.parametrize("ktrace", [True, False])
def test_ktrace_is_inherited_on_request(facility: int, ktrace: bool) -> None:
    """Lines 457-463: with KTRFAC_INHERIT p_traceflag and p_tracep, referenced once more."""
    k, l = new_kernel(ktrace=ktrace)
    referenced: list[object] = []
    k.ktradref = referenced.append  # type: ignore[method-assign,assignment]
    l.l_proc.p_traceflag, l.l_proc.p_tracep = facility | 1 << 3, "file"
    child = child_of(k, l)
    inherited = ktrace and bool(facility)
    assert (child.p_traceflag, child.p_tracep) == (
        (l.l_proc.p_traceflag, "file") if inherited else (0, None)
    )
    assert referenced == ([child] if inherited else [])


@pytest.mark.parametrize("emul", [0, 1 << KTR_EMUL])
def test_the_emulation_record_is_asked_of_the_child(emul: int) -> None:
    """Lines 560-561: a caller traced with KTR_EMUL sets KTRFAC_TRC_EMUL in its child."""
    k, l = new_kernel()
    l.l_proc.p_traceflag = emul
    assert child_of(k, l).p_traceflag == (KTRFAC_TRC_EMUL if emul else 0)


def test_every_child_records_a_return_from_fork() -> None:
    """Lines 663-670: child_return says SYS_fork, whatever the call was."""
    k, l = new_kernel()
    said: list[tuple[object, ...]] = []
    k.ktrsysret = lambda *args: said.append(args)  # type: ignore[method-assign]
    child = child_of(k, l, netbsd.FORK_PPWAIT | netbsd.FORK_SHAREVM)
    assert said == [(child.p_lwps[0], netbsd.SYS_fork, 0, 0)]


def test_whether_system_calls_are_traced_is_worked_out_for_the_child() -> None:
    """Line 544 asks trace_is_enabled(p2), and p2 has neither PSL_SYSCALL nor a trace flag."""
    k, l = new_kernel()
    l.l_proc.p_trace_enabled, l.l_proc.p_slflag = True, PSL_SYSCALL
    assert child_of(k, l).p_trace_enabled is False
    l.l_proc.p_traceflag = KTRFAC_INHERIT
    assert child_of(k, l).p_trace_enabled is True


def test_usage_starts_at_zero_and_profiling_stays() -> None:
    """Line 482: pstatscopy() copies p_prof and zeroes the rest."""
    k, l = new_kernel()
    l.l_proc.p_stats = Pstats(p_ru=5, p_cru=6, p_timer=True, p_prof="buffer")
    k.microtime = 1234
    stats = child_of(k, l).p_stats
    assert asdict(stats) == asdict(Pstats(p_prof="buffer", p_start=1234))


def test_start_time_and_accounting_are_the_childs_own() -> None:
    """Lines 587-588: the start time is now, p_acflag is AFORK and nothing else."""
    k, l = new_kernel()
    l.l_proc.p_acflag = 0xFF & ~AFORK
    k.microtime = 99
    child = child_of(k, l)
    assert (child.p_stats.p_start, child.p_acflag) == (99, AFORK)


@pytest.mark.parametrize("terminal", [None, "tty"])
@pytest.mark.parametrize("flag", [0, PL_CONTROLT])
def test_the_controlling_terminal_takes_both(terminal: str | None, flag: int) -> None:
    """Lines 525-526: the parent has PL_CONTROLT and its session still has the terminal."""
    k, l = new_kernel()
    k.session.s_ttyvp = terminal
    l.l_proc.p_lflag = flag
    assert child_of(k, l).p_lflag == (PL_CONTROLT if terminal and flag else 0)


def test_the_lwp_is_a_copy_of_the_calling_one() -> None:
    """Lines 493-503: class, signal mask, signal stack, and the private pointer of l1."""
    k, l = new_kernel()
    l.l_class, l.l_sigmask, l.l_sigstk, l.l_private = 2, 0b1010, "stack", 0x7F00
    l2 = child_of(k, l).p_lwps[0]
    assert (l2.l_class, l2.l_sigmask, l2.l_sigstk, l2.l_private) == (2, 0b1010, "stack", 0x7F00)


@pytest.mark.parametrize("watched", [False, True])
def test_watchers_are_told_without_the_lock(watched: bool) -> None:
    """Lines 566-570: knote_proc_fork() with proc_lock released, and only where p_klist has any."""
    k, l = new_kernel()
    told: list[tuple[object, ...]] = []
    k.knote_proc_fork = lambda p1, p2: told.append((p1, p2, k.proc_lock.owned))  # type: ignore[method-assign]
    l.l_proc.p_klist = [Knote(Kqueue(), l.l_proc.p_pid, 0)] if watched else []
    child = child_of(k, l)
    assert told == ([(l.l_proc, child, False)] if watched else [])


def test_the_scheduler_is_told_under_the_parents_lock() -> None:
    """Lines 470-474: sched_proc_fork() between mutex_enter and mutex_exit of p1->p_lock."""
    k, l = new_kernel()
    locked: list[bool] = []
    k.sched_proc_fork = lambda p1, p2: locked.append(p1.p_lock.owned)  # type: ignore[method-assign]
    child_of(k, l)
    assert locked == [True]


def test_a_traced_parent_without_an_event_mask_has_an_untraced_child() -> None:
    """Line 444, with lines 220-237 false: PSL_TRACED alone wants no event, nor the mask alone."""
    for flag in (PSL_TRACED, PSL_TRACEFORK):
        k, l = new_kernel()
        l.l_proc.p_slflag = flag
        child = child_of(k, l)
        assert child.p_slflag == 0
        assert child.p_pptr is l.l_proc


class Recycled(Kernel):
    """proc_alloc() gives out memory in which another process has been."""

    def proc_alloc(self) -> Proc | None:
        p = super().proc_alloc()
        assert p is not None
        for name in vars(p) if hasattr(p, "__dict__") else type(p).__slots__:
            if name != "p_pid":
                setattr(p, name, RUBBISH)
        return p


RUBBISH: Any = 0x5A5A


def test_nothing_of_an_earlier_process_is_left() -> None:
    """Lines 343-450 set or clear whatever proc_alloc() found: no field keeps its rubbish."""
    k = Recycled(Options(have_ras=False))
    l = k.new_root().p_lwps[0]
    l.l_vforkwaiting = True
    child = child_of(k, l)
    unset = {"p_emuldata", "p_auxlock", "p_xsig"}  # fork1 leaves these to others, or sets a lock
    names = vars(child) if hasattr(child, "__dict__") else type(child).__slots__
    left = {name for name in names if getattr(child, name, None) is RUBBISH}
    assert left <= unset
    assert (child.p_sflag, child.p_slflag, child.p_lflag, child.p_sigpend) == (0, 0, 0, 0)
    assert (child.p_children, child.p_sigwaiters, child.p_aio) == ([], [], None)
    assert (child.p_raslist, child.p_opptr, child.p_waited) == (None, None, 0)
    assert l.l_vforkwaiting is False
