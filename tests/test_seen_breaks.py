"""Clauses that no live Linux shows: each one, broken in the model, shows in its scenarios.

The kernel that agreed with the whole model would differ in the broken one at
the same step, since its log is the same.  The C file itself is broken where a
NetBSD kernel can be linked.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from conformance.results.result import Verdict
from conformance.scenarios.families import FAMILIES
from conformance.verdicts.judge import judge
from conformance.verdicts.known import KnownDifferences
from reference_model import Log, Options, Scenario, allowed_logs, predict, uvm_glue
from reference_model.language.netbsd import (
    MAP_INHERIT_COPY,
    MAP_INHERIT_NONE,
    MAP_INHERIT_SHARE,
    MAP_INHERIT_ZERO,
)
from reference_model.proc import Vmspace
from tests.broken import break_fork
from tests.scenarios import named

NEW = ("inherited", "lwp", "kqueue", "ktrace", "references", "wholesystem")
#: The clause, the text in kern_fork.py, its replacement, and the scenarios that show it.
BREAKS = [
    ("MAXPROC", "tnprocs >= k.maxproc", "tnprocs > k.maxproc", "wholesystem/maxproc/root/*"),
    ("MAXPROC", "error = -1  # MAXPROC", "error = 0  # MAXPROC", "wholesystem/maxproc/root/*"),
    (
        "KAUTH-FORK",
        "k.kauth_authorize_process_fork(l1.l_cred, tnprocs)",
        "int(l1.l_cred.cr_euid != 0 and tnprocs >= k.maxproc - 5)",
        "wholesystem/maxproc/last-slots/*",
    ),
    (
        "FORK-REFUSED-ROLLBACK",
        "k.nprocs -= 1  # FORK-REFUSED-ROLLBACK",
        "pass",
        "wholesystem/rollback/*",
    ),
    (
        "FORK-REFUSED-ROLLBACK",
        'k.ratecheck("lasttfm", fork_tfmrate)',
        "True",
        "wholesystem/message/once",
    ),
    (
        "FORK-REFUSED-ROLLBACK",
        'k.tablefull("proc", "increase kern.maxproc or NPROC")',
        "pass",
        "wholesystem/message/once",
    ),
    ("FORKFSLEEP", '"forkmx", k.forkfsleep', '"forkmx", 0', "wholesystem/sleep/maxproc"),
    ("FORKFSLEEP", '"forkulim", k.forkfsleep', '"forkulim", 0', "wholesystem/sleep/rlimit"),
    (
        "NPROC-ROLLBACK",
        "k.nprocs -= 1  # NPROC-ROLLBACK",
        "pass",
        "wholesystem/rollback/by-rlimit",
    ),
    (
        "ZERO-AND-COPY",
        "startcopy(p2, p1)",
        "startcopy(p2, p1); p2.p_nice = 20",
        "inherited/*/nice",
    ),
    (
        "ZERO-AND-COPY",
        "startzero(p2)  # ZERO-AND-COPY",
        "p2.p_timers = p1.p_timers",
        "inherited/*/timers",
    ),
    (
        "FLAGS-INHERITED",
        "PK_SUGID | PK_NOCLDWAIT | PK_CLDSIGIGN | PK_32)",
        "PK_NOCLDWAIT | PK_32)",
        "inherited/*/flags",
    ),
    ("RAS", "k.ras_fork(p1, p2)", "pass", "inherited/*/ras"),
    (
        "TEXT-AND-PATH",
        "p2.p_path = k.kmem_strdupsize(p1.p_path)",
        "p2.p_path = None",
        "inherited/*/path",
    ),
    ("TEXT-AND-PATH", "p2.p_textvp = p1.p_textvp", "p2.p_textvp = None", "inherited/*/text"),
    ("NO-AIO", "p2.p_aio = None", "p2.p_aio = p1.p_aio", "inherited/*/aio"),
    (
        "KTRACE-INHERITED",
        "p1.p_traceflag & KTRFAC_INHERIT",
        "p1.p_traceflag",
        "ktrace/*/not-inherited",
    ),
    ("KTRACE-INHERITED", "p2.p_tracep = p1.p_tracep", "p2.p_tracep = None", "ktrace/*/inherited"),
    (
        "FLAGS-INHERITED",
        "PK_SUGID | PK_NOCLDWAIT | PK_CLDSIGIGN",
        "PK_SUGID | PK_CLDSIGIGN",
        "inherited/*/nocldwait",
    ),
    (
        "STOP-FLAGS-INHERITED",
        "PS_STOPFORK | PS_STOPEXEC | PS_NOCLDSTOP",
        "PS_STOPFORK",
        "inherited/*/stopexec",
    ),
    (
        "STOP-FLAGS-INHERITED",
        "PS_STOPFORK | PS_STOPEXEC | PS_NOCLDSTOP",
        "PS_STOPFORK",
        "inherited/*/nocldstop",
    ),
    ("PROFILING", "p2.p_stflag = p1.p_stflag", "p2.p_stflag = 0", "inherited/*/profiled"),
    (
        "STATS",
        "k.pstatscopy(p1.p_stats)",
        "p1.p_stats",
        "inherited/*/childrens-usage",
    ),
    ("LWP", "l1.l_sigstk,", "None,", "inherited/*/signal-stack"),
    ("LWP-PRIVATE", "l2.l_private = l1.l_private", "pass", "inherited/*/private"),
    ("LWP", "LWP_VFORK if flags & FORK_PPWAIT else 0", "0", "lwp/*/control-block"),
    # the newest LWP's instead of the caller's
    ("LWP", "l1.l_sigmask,", "p1.p_lwps[0].l_sigmask,", "lwp/*/signal-mask"),
    ("LWP", "l1.l_sigstk,", "p1.p_lwps[0].l_sigstk,", "lwp/*/signal-stack"),
    (
        "LWP-PRIVATE",
        "l2.l_private = l1.l_private",
        "l2.l_private = p1.p_lwps[0].l_private",
        "lwp/*/private",
    ),
    ("PPWAIT-MARK", "p2.p_vforklwp = l1", "p2.p_vforklwp = p1.p_lwps[0]", "lwp/*/both-blocked/*"),
    (
        "PPWAIT-MARK",
        "l1.l_vforkwaiting = False",
        "for l in p1.p_lwps:\n"
        "            l.l_vforkwaiting = False\n"
        "            k.cv_broadcast(l.l_waitcv)",
        "lwp/*/other-forks",
    ),
    (
        "VFORK-WAIT",
        "while l1.l_vforkwaiting:",
        "while any(l.l_vforkwaiting for l in p1.p_lwps):",
        "lwp/*/exit/other-*",
    ),
    (
        "VFORK-WAIT",
        "yield from k.cv_wait(l1, l1.l_waitcv, k.proc_lock)",
        "k.proc_lock.exit()\n"
        "        signalled = yield from k.cv_wait_sig(l1, l1.l_waitcv)\n"
        "        k.proc_lock.enter()\n"
        "        if signalled:\n"
        "            break",
        "lwp/*/process-ends-later/*",
    ),
    (
        "VFORK-WAIT",
        "yield from k.cv_wait(l1, l1.l_waitcv, k.proc_lock)",
        "k.proc_lock.exit()\n"
        "        yield from k.cv_wait_sig(l1, l1.l_waitcv)\n"
        "        k.proc_lock.enter()",
        "lwp/stop/waits-for-*",
    ),
    (
        "CONTROLLING-TTY",
        "p1.p_session.s_ttyvp is not None and p1.p_lflag & PL_CONTROLT",
        "p1.p_lflag & PL_CONTROLT",
        "inherited/tty/leader-dead",
    ),
    (
        "CONTROLLING-TTY",
        "p1.p_session.s_ttyvp is not None and p1.p_lflag & PL_CONTROLT",
        "p1.p_session.s_ttyvp is not None",
        "inherited/tty/process-has-none",
    ),
    (
        "FORK-COUNTERS",
        'k.cpu_count["forks_sharevm"] += 1',
        "pass",
        "wholesystem/counts/__vfork14",
    ),
    ("FORK-COUNTERS", 'k.cpu_count["forks_ppwait"] += 1', "pass", "wholesystem/counts/vfork"),
    ("FORK-COUNTERS", 'k.cpu_count["forks"] += 1', "pass", "wholesystem/counts/*"),
    ("KTR-EMUL", "p2.p_traceflag |= KTRFAC_TRC_EMUL", "pass", "ktrace/*/emulation-inherited"),
    ("KNOTES", "k.knote_proc_fork(p1, p2)", "pass", "kqueue/fork/fork"),
    (
        "START-TIME",
        "p2.p_stats.p_start = k.microtime",
        "p2.p_stats.p_start = p1.p_stats.p_start",
        "inherited/*/start",
    ),
    ("ACCOUNTING-FLAG", "p2.p_acflag = AFORK", "pass", "inherited/*/accounting"),
    (
        "STOPFORK",
        "p1.p_nstopchild += 1  # STOPFORK",
        "pass",
        "inherited/stopfork/counted",
    ),
    ("STOPFORK", "p2.p_waited = 0", "p2.p_waited = 1", "inherited/stopfork/parent-finds-it"),
    (
        "RUNNABLE",
        "if p2.p_sflag & PS_STOPFORK:",
        "if p2.p_sflag & PS_STOPEXEC:",
        "inherited/fork/stopexec",
    ),
    ("CHILD-KTRACE", "k.ktrsysret(l, SYS_fork, 0, 0)", "pass", "ktrace/*/first-return"),
    (
        "CLONE-FILES-CLOSE-ON-FORK",
        "l.l_fd is not None and l.l_fd.fd_foclose",
        "False",
        "inherited/clofork/clone-files-refused",
    ),
]
OPTIONS = Options(nproc_limit=(160, 1044))


def first_assigned(scenarios: Sequence[Scenario], seen: Sequence[Log]) -> str | None:
    """The clause of the first difference, where a kernel has these logs."""
    results = (
        judge(s, log, OPTIONS, KnownDifferences()) for s, log in zip(scenarios, seen, strict=True)
    )
    return next((r.clause for r in results if r.verdict is Verdict.DIFFERENCE), None)


@pytest.mark.parametrize(("clause", "old", "new", "pattern"), BREAKS)
def test_a_break_shows_first_in_its_clause(
    clause: str, old: str, new: str, pattern: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first scenario that differs from the whole model is assigned to the broken clause."""
    scenarios = named(pattern)
    break_fork(monkeypatch, old, new)
    seen = [predict(scenario, OPTIONS) for scenario in scenarios]
    monkeypatch.undo()
    assert first_assigned(scenarios, seen) == clause


@pytest.mark.parametrize(
    ("taken_for", "noticed_by"),
    [
        (MAP_INHERIT_COPY, {"share", "none", "zero"}),
        (MAP_INHERIT_SHARE, {"copy", "none", "zero"}),
        (MAP_INHERIT_NONE, {"copy", "share", "zero"}),
        (MAP_INHERIT_ZERO, {"copy", "share", "none"}),
    ],
)
def test_a_uvmspace_fork_that_does_not_look_is_noticed(
    taken_for: int, noticed_by: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """uvm_map.c, lines 4683-4705: a page taken for another kind is noticed."""
    scenarios = named("inherited/fork/page-*")
    whole = uvm_glue.uvmspace_fork

    def broken(vm1: Vmspace) -> Vmspace:
        if vm1.page is not None:
            vm1.page.inheritance = taken_for
        return whole(vm1)

    monkeypatch.setattr(uvm_glue, "uvmspace_fork", broken)
    seen = [predict(scenario, OPTIONS) for scenario in scenarios]
    monkeypatch.undo()
    results = [
        judge(s, log, OPTIONS, KnownDifferences()) for s, log in zip(scenarios, seen, strict=True)
    ]
    wrong = {r.scenario.name.rpartition("-")[2] for r in results if r.verdict is not Verdict.AGREES}
    assert wrong == noticed_by
    assert {r.clause for r in results if r.verdict is not Verdict.AGREES} == {"ADDRESS-SPACE"}


@pytest.mark.parametrize("family", NEW)
def test_one_log_is_all_that_the_source_allows(family: str) -> None:
    """In these families each log is the only one, no step hangs, and every call returns."""
    for scenario in FAMILIES[family].scenarios():
        [log] = allowed_logs(scenario, OPTIONS)
        assert not {"hung", "not reached", "unfinished"} & set(log), scenario.name


def test_before_232_close_on_fork_does_not_matter() -> None:
    """Lines 190-200 are 1.232's: an older kernel clones, and shares the table."""
    [scenario] = named("inherited/clofork/clone-files-refused")
    old = predict(scenario, Options(revision=(1, 231)))
    assert (old[2], predict(scenario, Options())[2]) == ("C", "EINVAL")
