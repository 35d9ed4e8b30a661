"""The clause of a difference, where the wrong observation says more than the step.

A broken model gives the observations of a broken kernel. The whole model then
judges them.
"""

from __future__ import annotations

import pytest

from conformance.results.result import Verdict
from conformance.verdicts.judge import judge
from conformance.verdicts.known import KnownDifferences
from conformance.verdicts.panics import clause_of_panic
from reference_model import Log, Options, Scenario, allowed_logs, predict
from reference_model.language.answer import Panicked
from tests.broken import break_fork
from tests.scenarios import named, steps

NONE = KnownDifferences()
OPTIONS = Options(nproc_limit=(160, 1044))
LIMITS = ("nproc/*", "wholesystem/*", "kqueue/*/refused-fork")
TRACED = ("trace/*", "lattice/related/*", "lattice/unrelated/*")
#: The text, its replacement, the scenarios, the clause of most differences, and of the others.
BREAKS = [
    # refused one too early, and one too late
    ("if count > p1.p_rlimit", "if count >= p1.p_rlimit", LIMITS, "NPROC-LIMIT", set()),
    ("if count > p1.p_rlimit", "if count > 1 + p1.p_rlimit", LIMITS, "NPROC-LIMIT", set()),
    # each user may exceed the limit; no user may
    (
        "k.kauth_authorize_process_rlimit_bypass(l1.l_cred) != 0",
        "False",
        LIMITS,
        "NPROC-LIMIT",
        {"NPROC-BYPASS"},
    ),
    (
        "k.kauth_authorize_process_rlimit_bypass(l1.l_cred) != 0",
        "True",
        LIMITS,
        "NPROC-BYPASS",
        set(),
    ),
    (
        "uid = l1.l_cred.cr_uid  # NPROC-COUNTS-REAL-UID",
        "uid = l1.l_cred.cr_euid",
        LIMITS,
        "NPROC-COUNTS-REAL-UID",
        {"NPROC-BYPASS", "NPROC-LIMIT"},
    ),
    # not taken back: a refusal that may be one too early keeps the scenario's clause
    (
        "k.chgproccnt(uid, -1)  # NPROC-ROLLBACK",
        "pass",
        ("nproc/freed/*", "wholesystem/rollback/*"),
        "NPROC-ROLLBACK",
        {"NPROC-LIMIT"},
    ),
    ("k.nprocs -= 1  # NPROC-ROLLBACK", "pass", LIMITS, "NPROC-ROLLBACK", set()),
    ("k.nprocs -= 1  # FORK-REFUSED-ROLLBACK", "pass", LIMITS, "FORK-REFUSED-ROLLBACK", set()),
    # given back more than was taken
    (
        "k.chgproccnt(uid, -1)  # NPROC-ROLLBACK",
        "k.chgproccnt(uid, -2)",
        ("nproc/freed/after-many-refusals",),
        "NPROC-ROLLBACK",
        set(),
    ),
    (
        "k.nprocs -= 1  # FORK-REFUSED-ROLLBACK",
        "k.nprocs -= 2",
        ("wholesystem/message/another-user",),
        "FORK-REFUSED-ROLLBACK",
        set(),
    ),
    ("tnprocs >= k.maxproc", "tnprocs > k.maxproc", LIMITS, "MAXPROC", set()),
    ("tnprocs >= k.maxproc", "tnprocs + 1 >= k.maxproc", LIMITS, "MAXPROC", {"KAUTH-FORK"}),
    (
        "k.kauth_authorize_process_fork(l1.l_cred, tnprocs)",
        "int(l1.l_cred.cr_euid != 0 and tnprocs >= k.maxproc - 5)",
        LIMITS,
        "KAUTH-FORK",
        {"MAXPROC", "NPROC-LIMIT"},
    ),
    # an event for the wrong kind of call
    (
        "and flags & FORK_PPWAIT == 0  # TRACE-FORK-WHEN",
        "",
        TRACED,
        "TRACE-FORK-WHEN",
        {"ORIGINAL-PARENT", "TRACE-STATE-NOT-INHERITED"},
    ),
    ("and flags & FORK_PPWAIT != 0  # TRACE-VFORK-WHEN", "", TRACED, "TRACE-VFORK-WHEN", set()),
    (
        "(PSL_TRACEVFORK_DONE | PSL_TRACED) == (PSL_TRACEVFORK_DONE | PSL_TRACED)",
        "(PSL_TRACEVFORK_DONE | PSL_TRACED) == PSL_TRACED",
        TRACED,
        "TRACE-VFORK-DONE-WHEN",
        {"TRACE-FORK-WHEN", "TRACE-VFORK-WHEN"},
    ),
    (
        "PTRACE_FORK if tracefork(p1, asked) else PTRACE_VFORK",
        "PTRACE_VFORK if tracefork(p1, asked) else PTRACE_FORK",
        ("trace/*/PTRACE_FORK/*", "trace/*/PTRACE_VFORK/*"),
        "TRACE-PARENT-EVENT",
        set(),
    ),
]


@pytest.mark.parametrize(("old", "new", "where", "clause", "others"), BREAKS)
def test_most_differences_are_assigned_to_the_break(
    old: str,
    new: str,
    where: tuple[str, ...],
    clause: str,
    others: set[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever the scenarios are about, it is the limit or the event that is named."""
    scenarios = named(*where)
    break_fork(monkeypatch, old, new)
    seen = [predict(scenario, OPTIONS) for scenario in scenarios]
    monkeypatch.undo()
    results = [judge(s, log, OPTIONS, NONE) for s, log in zip(scenarios, seen, strict=True)]
    assigned = [r.clause for r in results if r.verdict is Verdict.DIFFERENCE]
    assert assigned
    assert set(assigned) <= {clause, *others}, {c: assigned.count(c) for c in assigned}
    assert max(assigned, key=assigned.count) == clause


FULL = steps(
    "mine/full", "FILES", "P: maxproc 3", "P: fork C", "P: fork D", "P: fork -", "P: fork -"
)
USER = steps(
    "mine/user",
    "FILES",
    "P: setrlimit 3 3",
    "P: setreuid free1 free1",
    "P: fork C",
    "P: fork D",
    "P: fork -",
)

AGAIN = ("P: fork C", "P: fork -", "C: exit 0", "P: wait4 C")
FULL_AGAIN = steps("mine/full-again", "FILES", "P: maxproc 2", *AGAIN, "P: fork D [MAXPROC]")
USER_AGAIN = steps(
    "mine/user-again",
    "FILES",
    "P: setrlimit 2 2",
    "P: setreuid free1 free1",
    *AGAIN,
    "P: fork D [NPROC-LIMIT]",
)
OTHER_USER = steps(
    "mine/other-user",
    "FILES",
    "Q: setreuid free2 free2",
    "Q: fork A",
    "Q: fork B",
    "P: setrlimit 3 3",
    "P: setreuid free1 free2",
    "P: fork C",
)
REAL_ROOT = steps(
    "mine/real-root", "NPROC-BYPASS", "P: setrlimit 0 9", "P: setreuid 0 free1", "P: fork C"
)


@pytest.mark.parametrize(
    ("scenario", "seen", "clause"),
    [
        # as much room as there was before the refusal: it is not the limit that is off by one
        (FULL_AGAIN, ("ok", "C", "EAGAIN", "ok", "C exited 0", "EAGAIN"), "FORK-REFUSED-ROLLBACK"),
        (USER_AGAIN, ("ok", "ok", "C", "EAGAIN", "ok", "C exited 0", "EAGAIN"), "NPROC-ROLLBACK"),
        # the effective user has three, the real one has one
        (OTHER_USER, ("ok", "A", "B", "ok", "ok", "EAGAIN"), "NPROC-COUNTS-REAL-UID"),
        # who is root by the real user only
        (REAL_ROOT, ("ok", "ok", "C"), "NPROC-BYPASS"),
        # from the first fork on: it is the limit that some earlier scenario has left no room in
        (FULL, ("ok", "EAGAIN", "EAGAIN", "EAGAIN", "EAGAIN"), "MAXPROC"),
        (USER, ("ok", "ok", "EAGAIN", "EAGAIN", "EAGAIN"), "NPROC-LIMIT"),
        # another error than the right one: the scenario's clause
        (FULL, ("ok", "C", "D", "ENOMEM", "EAGAIN"), "FILES"),
        (FULL, ("ok", "C", "D", "hung", "not reached"), "FILES"),
    ],
)
def test_a_refusal_is_assigned_to_the_limit_that_explains_it(
    scenario: Scenario, seen: Log, clause: str
) -> None:
    """The limits of the model decide, and not the clause of the scenario."""
    assert judge(scenario, seen, OPTIONS, NONE).clause == clause


FOUND = steps(
    "mine/found",
    "STATS",
    "P: fork C",
    "P: kinfo C p_nice",
    "P: kill C SIGUSR1",
    "P: kill P SIGUSR2",
    "P: sigpending [NO-PENDING-SIGNALS]",
    "C: exit 0",
    "P: kinfo C p_nice",
    "P: kill C SIGUSR1",
)


@pytest.mark.parametrize(
    ("step", "seen", "clause"),
    [
        (1, "ESRCH", "PROCESS-LISTS"),
        (1, "9", "STATS"),
        (2, "ESRCH", "RUNNABLE"),
        (4, "0", "RUNNABLE"),
        (4, "SIGUSR1|SIGUSR2", "NO-PENDING-SIGNALS"),
        (7, "ESRCH", "STATS"),  # it lives no more
    ],
)
def test_a_process_not_found_is_unlisted_or_inactive(step: int, seen: str, clause: str) -> None:
    """A living process that a look, or a signal, does not find speaks for itself."""
    [log] = allowed_logs(FOUND, OPTIONS)
    wrong = (*log[:step], seen, *log[step + 1 :])
    assert judge(FOUND, wrong, OPTIONS, NONE).clause == clause


TRAPPED = """\
fatal page fault in supervisor mode
panic: trap
cpu0: Begin traceback...
[   1.5] vpanic+0x183() at ffffffff8040ee3b
[   1.5] panic+0x3c() at ffffffff8040ef1c
[   1.5] trap+0xa2b() at ffffffff8023c52b
[   1.5] calltrap+0x11() at ffffffff80234a24
[   1.5] {}
[   1.5] exit1+0x1af() at ffffffff803ae1af
[   1.5] sys_exit+0x3b() at ffffffff803ae28b
"""


@pytest.mark.parametrize(
    ("frame", "clause"),
    [
        ("kpsignal2+0x1() at ffffffff803d38e2", "NO-PENDING-SIGNALS"),
        ("fd_free() at netbsd:fd_free+0x21", "FILES"),
        ("uvmspace_free() at uvmspace_free+0x2", "ADDRESS-SPACE"),
        ("?() at ffffffff803d38e2", "SUCCESS"),
        ("mi_switch() at netbsd:mi_switch+0x1", "SUCCESS"),
    ],
)
def test_a_panic_is_assigned_to_what_it_worked_on(frame: str, clause: str) -> None:
    """The innermost known function decides. If there is none, the scenario's clause does."""
    scenario = steps("mine/panic", "SUCCESS", "P: fork -")
    panicked = Panicked("kernel panicked: panic: trap", TRAPPED.format(frame))
    result = judge(scenario, panicked, OPTIONS, NONE)
    assert (result.verdict, result.clause) == (Verdict.DIFFERENCE, clause)


def test_an_assertion_is_assigned_to_the_scenarios_clause() -> None:
    """It checks a value, which the caller may have given."""
    reason = 'kernel panicked: panic: kernel diagnostic assertion "signo < NSIG" failed'
    frames = "kern_assert() at a\nkpsignal2() at a\nexit1() at a\n"
    assert clause_of_panic(reason, frames) is None


def test_an_exit_that_is_trapped_where_somebody_waits_in_vfork() -> None:
    """exit1() looks for that one itself; without such a call it says nothing."""
    trap = "trap type 6 code 0 rip exit1+0x3c4 at 0xffffffff80371234 cs 0x8"
    held = steps("a/held", "SUCCESS", "P: __clone CLONE_VFORK|SIGCHLD -").steps
    plain = steps("a/plain", "SUCCESS", "P: fork -").steps
    assert clause_of_panic("panic: trap", trap, held) == "PPWAIT-MARK"
    assert clause_of_panic("panic: trap", trap, plain) is None


def test_a_vfork_that_never_returns_lacks_the_childs_mark() -> None:
    """A child ended and did not release its parent: it had no mark, or a wrong one."""
    for call, clause in (
        ("P: vfork -", "PPWAIT-MARK"),
        ("P: __clone CLONE_VFORK|SIGCHLD -", "PPWAIT-MARK"),
        ("P: __clone SIGCHLD -", "SUCCESS"),
    ):
        scenario = steps("a/stuck", "SUCCESS", call, "P: wait4 -")
        for seen in (("hung", "not reached"), ("unfinished", "hung")):
            result = judge(scenario, seen, OPTIONS, NONE)
            assert (result.verdict, result.clause) == (Verdict.DIFFERENCE, clause)


def test_a_parent_blocked_by_a_dead_child_lacks_its_mark() -> None:
    """The child has a name, and the model says until which step it holds its parent."""
    lines = ("P: __vfork14 C [ADDRESS-SPACE]", "C: exit 3", "P: load")
    scenario = steps("a/held", "SYS-VFORK14", *lines)
    assert judge(scenario, ("C blocked 1", "ok", "0"), OPTIONS, NONE).verdict is Verdict.AGREES
    assert judge(scenario, ("unfinished", "ok", "hung"), OPTIONS, NONE).clause == "PPWAIT-MARK"
    plain = steps("a/plain", "SYS-FORK", "P: fork C", "C: exit 3", "P: load")
    assert judge(plain, ("unfinished", "ok", "hung"), OPTIONS, NONE).clause == "SYS-FORK"


def test_a_newborn_that_does_not_stop_was_not_reparented() -> None:
    """Its parent has told of the birth: so the event was asked for, and reported."""
    start = ("T: spawn P", "T: wait4 P", "T: PT_SET_EVENT_MASK P PTRACE_FORK", "T: PT_CONTINUE P")
    scenario = steps(
        "a/lost", "TRACE-FORK-WHEN", *start, "P: fork C", "T: wait4 any", "T: wait4 any"
    )
    seen = ("P", "P stopped SIGSTOP", "ok", "ok", "unfinished", "P stopped SIGTRAP", "unfinished")
    assert judge(scenario, seen, OPTIONS, NONE).clause == "TRACE-REPARENT"
    other = (*seen[:5], "C stopped SIGTRAP", "unfinished")
    assert judge(scenario, other, OPTIONS, NONE).clause == "TRACE-FORK-WHEN"


def test_a_kernel_without_a_debugger_says_where_it_was_trapped() -> None:
    """Without a traceback, the function of the trap gives the clause."""
    trap = "fatal page fault in supervisor mode\ntrap type 6 code 0x2 rip {} at 0xf0 cs 0x8\n"
    reason = "kernel panicked: panic: trap"
    assert clause_of_panic(reason, trap.format("sigput.constprop.0+0x72")) == "NO-PENDING-SIGNALS"
    assert clause_of_panic(reason, trap.format("memcpy+0x1")) is None
    assert clause_of_panic(reason, trap.format("0xffffffff80380012")) is None


LOCK_ERROR = """\
panic: lock error: Mutex: mutex_vector_exit,748: assertion failed: MUTEX_OWNER(mtx->mtx_owner) == \
curthread: lock 0xffff92bb08e72580 cpu 1 lwp 0xffff92bb08e3dc00
[  73.0716668] cpu1: Begin traceback...
[  73.0716668] vpanic+0x16b() at ffffffff8042189b
[  73.0716668] panic+0x3c() at ffffffff8042197c
[  73.0716668] lockdebug_abort+0xe1() at ffffffff804166f1
[  73.0816755] mutex_vector_exit+0x11b() at ffffffff803d0c7b
[  73.0816755] {}+0x9a() at ffffffff803c019a
[  73.0816755] fork1+0x917() at ffffffff803c0b57
[  73.0816755] sys_vfork+0x1e() at ffffffff803c10ce
"""


def test_a_lock_error_is_assigned_by_its_function() -> None:
    """As 11.0_RC6 told of the race in line 535: fork1 calls one that lets go of a lock."""
    reason = "kernel panicked: panic: lock error: Mutex: mutex_vector_exit,748: assertion failed"
    assert clause_of_panic(reason, LOCK_ERROR.format("proc_changeparent")) == "TRACE-REPARENT"
    assert clause_of_panic(reason, LOCK_ERROR.format("mi_switch")) is None


def test_a_list_never_made_names_its_own_clause() -> None:
    """The kernel's check of a list's head, where fork puts the first LWP into it."""
    reason = "kernel panicked: panic: LIST_INSERT_HEAD 0xffff940cdb5ac4a0 kern_lwp.c:949"
    frames = "vpanic() at a\npanic() at a\n{}() at netbsd:x+0x1\nsys_fork() at a\n"
    assert clause_of_panic(reason, frames.format("lwp_create")) == "FRESH-LISTS"
    assert clause_of_panic(reason, frames.format("biodone")) is None
