"""Every break of kern_fork.c is a difference in the clause that was broken.

The file is the person's own; what stands here of it are the few words at which it is broken.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from conformance.source.library import build
from conformance.source.sample import Sample
from conformance.source.sourcefile import read_source
from reference_model import NEWEST
from reference_model.clauses import clauses
from tests.kern_fork_file import KERN_FORK, broken, needs_kern_fork
from tests.shared import made_once


@dataclass(frozen=True)
class Break:
    """What becomes what, at which of the places where it stands, and whose promise that was."""

    clause: str
    old: str
    new: str
    place: int = 0
    name: str = ""


BREAKS = [
    Break("SYS-FORK", "fork1(l, 0, ", "fork1(l, FORK_PPWAIT, "),
    Break("SYS-VFORK-44BSD", "FORK_PPWAIT, SIGCHLD", "0, SIGCHLD"),
    Break("SYS-VFORK14", "FORK_PPWAIT|FORK_SHAREVM", "FORK_PPWAIT"),
    Break("CLONE-PTRACE", "(CLONE_PTRACE)", "0"),
    Break("CLONE-SIGHAND-NEEDS-VM", "CLONE_VM) == 0", "CLONE_VM) == 1"),
    Break("CLONE-VM", "flags |= FORK_SHAREVM", "flags |= 0"),
    Break("CLONE-FS", "flags |= FORK_SHARECWD", "flags |= 0"),
    Break("CLONE-FILES", "flags |= FORK_SHAREFILES", "flags |= 0"),
    Break("CLONE-SIGHAND", "flags |= FORK_SHARESIGS", "flags |= 0"),
    Break("CLONE-VFORK", "flags |= FORK_PPWAIT", "flags |= 0"),
    Break("CLONE-UNKNOWN-BITS", "\tflags = 0;", "\t;", name="unset"),
    Break("CLONE-UNKNOWN-BITS", "& (CLONE_PTRACE)", "& (CLONE_PTRACE|0x100000)"),
    Break("CLONE-CSIGNAL", "sig >= _NSIG", "sig > _NSIG"),
    Break("CLONE-CSIGNAL", "flags, sig, ", "flags, SIGCHLD, ", name="signal-dropped"),
    Break("CLONE-FILES-CLOSE-ON-FORK", "->fd_foclose", "->fd_foclose && 0"),
    Break("CLONE-STACK", "SCARG(uap, stack)", "NULL"),
    Break("TRACE-FORK-WHEN", "(flags & FORK_PPWAIT) == 0", "1"),
    Break("TRACE-VFORK-WHEN", "(flags & FORK_PPWAIT) != 0", "1"),
    Break("TRACE-VFORK-DONE-WHEN", "(PSL_TRACEVFORK_DONE|PSL_TRACED)", "PSL_TRACED", 1),
    Break("NPROCS-COUNTED-FIRST", "atomic_inc_uint_nv(&nprocs)", "nprocs + 1"),
    Break("MAXPROC", "tnprocs >= maxproc", "tnprocs > maxproc"),
    Break("KAUTH-FORK", "KAUTH_ARG(tnprocs)", "KAUTH_ARG(0)"),
    Break("FORK-REFUSED-ROLLBACK", "atomic_dec_uint(&nprocs)", "(void)0"),
    Break("FORK-REFUSED-ROLLBACK", "{ 10, 0 }", "{ 1, 0 }", name="rate"),
    Break("FORKFSLEEP", "if (forkfsleep)", "if (0)"),
    Break("FORKFSLEEP", "if (forkfsleep)", "if (0)", 1, name="second"),
    Break("NPROC-COUNTS-REAL-UID", "kauth_cred_getuid(l1", "kauth_cred_geteuid(l1"),
    Break("NPROC-LIMIT", "count > p1", "count >= p1"),
    Break("NPROC-BYPASS", "RLIMIT_BYPASS", "RLIMIT_GET"),
    Break("NPROC-ROLLBACK", "(void)chgproccnt(uid, -1)", "(void)0"),
    Break("NPROC-ROLLBACK", "atomic_dec_uint(&nprocs)", "(void)0", 1, name="nprocs"),
    Break("UAREA-FAILURE", "ENOMEM", "EAGAIN"),
    Break("UAREA-FAILURE", "(void)chgproccnt(uid, -1)", "(void)0", 1, name="count"),
    Break("PROC-ALLOC-FAILURE", "uvm_uarea_free(uaddr)", "(void)0"),
    Break("PROC-ALLOC-FAILURE", "kauth_cred_getuid(p1->p_cred)", "uid", name="whose-count"),
    Break("PROC-ALLOC-FAILURE", "mutex_enter(p1->p_lock)", "(void)0", name="lock"),
    Break("ZERO-AND-COPY", "memset(&p2->p_startzero, 0", "memset(&p2->p_startzero, 1"),
    Break("ZERO-AND-COPY", "memcpy(&p2", "(void)(&p2", name="copy"),
    Break("NO-PENDING-SIGNALS", "TAILQ_INIT(&p2->p_sigpend.sp_info)", "(void)0"),
    Break("FRESH-LISTS", "LIST_INIT(&p2->p_lwps)", "(void)0"),
    Break("FRESH-LISTS", "LIST_INIT(&p2->p_children)", "(void)0", name="children"),
    Break("FLAGS-INHERITED", "PK_SUGID | PK_NOCLDWAIT", "PK_SUGID"),
    Break("EMULATION-INHERITED", "p2->p_execsw = p1->p_execsw", "(void)0"),
    Break("SYSTEM-PROCESS", "(PK_SYSTEM | PK_NOCLDWAIT)", "PK_SYSTEM"),
    Break("LOCK-SHARED-WITH-SIGNALS", "mutex_obj_hold(p1->p_lock)", "(void)0"),
    Break("LOCK-SHARED-WITH-SIGNALS", "rw_init(&p2->p_reflock)", "(void)0", name="reflock"),
    Break("CREDENTIALS", "kauth_proc_fork(p1, p2)", "kauth_proc_fork(p2, p1)"),
    Break("RAS", "p2->p_raslist = NULL", "(void)0"),
    Break("TEXT-AND-PATH", "vref(p2->p_textvp)", "(void)0"),
    Break("FILES", "fd_share(p2)", "p2->p_fd = fd_copy()"),
    Break("FILES", "flags & FORK_CLEANFILES", "0", name="clean"),
    Break("MQUEUE-COUNT", "p2->p_mqueue_cnt = p1->p_mqueue_cnt", "p2->p_mqueue_cnt = 0"),
    Break("CWD", "cwdshare(p2)", "p2->p_cwdi = p1->p_cwdi"),
    Break("LIMITS", "!p1_lim->pl_writeable", "p1_lim->pl_writeable"),
    Break("LIMITS", "lim_addref(p1_lim)", "(void)0", name="reference"),
    Break("PPWAIT-MARK", "p2->p_lflag = PL_PPWAIT", "p2->p_lflag = 0"),
    Break("PPWAIT-MARK", "p2->p_vforklwp = l1", "(void)0", name="who"),
    Break("TRACE-STATE-NOT-INHERITED", "p2->p_slflag = 0", "p2->p_slflag = p1->p_slflag"),
    Break("PARENT", "? initproc : p1", "? p1 : p1"),
    Break("PARENT", "p2->p_ppid = parent->p_pid", "p2->p_ppid = p1->p_pid", name="ppid"),
    Break("NO-AIO", "p2->p_aio = NULL", "p2->p_aio = p1->p_aio"),
    Break("KTRACE-INHERITED", "& KTRFAC_INHERIT", "& 1"),
    Break("SIGNAL-ACTIONS", "sigactsinit(p1, flags & FORK_SHARESIGS)", "sigactsinit(p1, 0)"),
    Break("STOP-FLAGS-INHERITED", " | PS_NOCLDSTOP", ""),
    Break("SCHEDULER", "sched_proc_fork(p1, p2)", "(void)0"),
    Break("PROFILING", "p2->p_stflag = p1->p_stflag", "p2->p_stflag = 0"),
    Break("PROFILING", "& PST_PROFIL) != 0", "& PST_PROFIL) == 0", name="clock"),
    Break("STATS", "pstatscopy(p1->p_stats)", "p1->p_stats"),
    Break("ADDRESS-SPACE", "(flags & FORK_SHAREVM) ? true : false", "false"),
    Break("LWP", "&l1->l_sigmask, ", "&(sigset_t){0}, "),
    Break("LWP", "? LWP_VFORK : 0", "? 0 : 0", name="flag"),
    Break("LWP-PRIVATE", "l2->l_private = l1->l_private", "(void)0"),
    Break("HOOKS", "doforkhooks(p2, p1)", "(void)0"),
    Break("CONTROLLING-TTY", "s_ttyvp != NULL", "s_ttyvp == NULL"),
    Break("EXIT-SIGNAL", "p2->p_exitsig = exitsig", "p2->p_exitsig = SIGCHLD"),
    Break("TRACE-REPARENT", "SET(p2->p_slflag, PSL_TRACEDCHILD)", "(void)0"),
    Break("ORIGINAL-PARENT", "p2->p_oppid = p1->p_pid", "p2->p_oppid = p2->p_ppid"),
    Break("PROCESS-LISTS", "LIST_INSERT_HEAD(&allproc, p2, p_list)", "(void)0"),
    Break("PROCESS-LISTS", "LIST_INSERT_AFTER(p1, p2", "LIST_INSERT_AFTER(parent, p2", name="pgrp"),
    Break("SYSCALL-TRACE-FLAG", "trace_is_enabled(p2)", "trace_is_enabled(p1)"),
    Break("FORK-COUNTERS", "CPU_COUNT(CPU_COUNT_FORKS, 1)", "(void)0"),
    Break("FORK-COUNTERS", "KPREEMPT_DISABLE(l1)", "(void)0", name="preemption"),
    Break("KTR-EMUL", "|= KTRFAC_TRC_EMUL", "|= 0"),
    Break("KNOTES", "!SLIST_EMPTY", "SLIST_EMPTY"),
    Break("START-TIME", "getmicrotime(", "(void)("),
    Break("ACCOUNTING-FLAG", "p2->p_acflag = AFORK", "p2->p_acflag |= AFORK"),
    Break("STOPFORK", "p1->p_nstopchild++", "(void)0"),
    Break("STOPFORK", "p2->p_stat = SSTOP", "p2->p_stat = SACTIVE", name="stat"),
    Break("RUNNABLE", "p2->p_stat = SACTIVE", "(void)0"),
    Break("RETURN-VALUES", "retval[1] = 0", "retval[1] = 1"),
    Break("TRACE-PARENT-EVENT", "? PTRACE_FORK : PTRACE_VFORK", "? PTRACE_VFORK : PTRACE_FORK"),
    Break("VFORK-WAIT", "while (l1->l_vforkwaiting)", "if (l1->l_vforkwaiting)"),
    Break("VFORK-DONE-EVENT", "TRAP_CHLD, PTRACE_VFORK_DONE", "TRAP_CHLD, PTRACE_VFORK"),
    Break("SUCCESS", "return 0;\n}\n\n/*\n * MI", "return 1;\n}\n\n/*\n * MI"),
    Break("CHILD-EVENT", "ISSET(p->p_lflag, PL_PPWAIT)", "!ISSET(p->p_lflag, PL_PPWAIT)"),
    Break("RETURN-VALUES", "md_child_return(l)", "(void)0", name="child"),
    Break("CHILD-KTRACE", "ktrsysret(SYS_fork", "ktrsysret(SYS_vfork"),
]


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    """A part of the cases, predicted once for all breaks."""
    return made_once(tmp_path_factory, "sample", lambda: Sample.of(NEWEST, every=7, generated=4000))


@needs_kern_fork
@pytest.mark.parametrize(
    "what", BREAKS, ids=lambda b: f"{b.clause}-{b.name}" if b.name else b.clause
)
def test_a_break_is_a_difference_in_its_clause(what: Break, sample: Sample, tmp_path: Path) -> None:
    """The clause that most of the cases that differ are blamed on is the one that was broken."""
    path = broken(tmp_path / "kern_fork.c", (what.old, what.new, what.place))
    objects = tmp_path / "objects"
    objects.mkdir()
    library = build(read_source(path), objects, coverage=False)
    counts: Counter[str] = Counter()
    for found in sample.differences(library.path):
        assert found["times"] == found["of"]
        counts[found["clause"]] += found["number"]
    assert counts
    assert counts.most_common(1)[0][0] == what.clause


@needs_kern_fork
def test_the_unbroken_file_does_not_differ(sample: Sample, tmp_path: Path) -> None:
    """What the breaks are held against has no difference at all."""
    library = build(read_source(KERN_FORK), tmp_path, coverage=False)
    assert sample.differences(library.path) == []


def test_the_breaks_are_of_most_clauses() -> None:
    """What is broken are at least 70 clauses, and all that only the source shows."""
    broken_clauses = {what.clause for what in BREAKS}
    assert len(broken_clauses) >= 70
    assert {c.name for c in clauses().values() if c.observe == "source"} <= broken_clauses
