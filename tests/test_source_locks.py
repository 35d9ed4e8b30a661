"""The locks that callees of fork1 need: 1.232 breaks one rule, and a right fix is accepted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from conformance.results.result import Verdict
from conformance.results.results import read_results
from conformance.results.status import exit_status
from conformance.results.summary import Summary
from conformance.source.issues import known_rules, own_issues
from conformance.source.library import build
from conformance.source.run import SourceRun
from conformance.source.sample import Sample
from conformance.source.sourcefile import read_source
from conformance.source.tables import RULES
from reference_model import NEWEST
from reference_model.clauses import clauses
from tests.command import forkoracle
from tests.kern_fork_file import KERN_FORK, broken, needs_kern_fork

CALL = "\t\tproc_changeparent(p2, p1->p_pptr);\n"
MARK = "\t\tSET(p2->p_slflag, PSL_TRACEDCHILD);\n"
ENTER, EXIT = "\t\tmutex_enter(p2->p_lock);\n", "\t\tmutex_exit(p2->p_lock);\n"
#: The change of a text into another, at the first of its places.
Change = tuple[str, str, int]
#: Right fixes of the race that docs/netbsd-notes.md describes.
FIXES: dict[str, tuple[Change, ...]] = {
    "around both lines": ((CALL, ENTER + CALL, 0), (MARK, MARK + EXIT, 0)),
    "around the call": ((CALL, ENTER + CALL + EXIT, 0),),
    "only where it matters": (
        (CALL, "\t\tif (p1->p_pptr != parent)\n\t" + ENTER + CALL, 0),
        (MARK, MARK + "\t\tif (p1->p_pptr != parent)\n\t" + EXIT, 0),
    ),
    "from the lists on": (
        ("\tLIST_INSERT_HEAD(&parent->p_children", "\tmutex_enter(p2->p_lock);\n"
         "\tLIST_INSERT_HEAD(&parent->p_children", 0),
        ("\tp2->p_oppid = p1->p_pid;", "\tmutex_exit(p2->p_lock);\n\tp2->p_oppid = p1->p_pid;", 0),
    ),
}  # fmt: skip


def _run(path: Path, number: int = 2000) -> Summary:
    run = SourceRun(path, ["tracing", "fork-flags", "limits", "generated"], number=number)
    for _ in run.results():
        pass
    return run.close()


@needs_kern_fork
def test_1_232_has_the_known_issue_and_nothing_else() -> None:
    summary = _run(KERN_FORK)
    assert exit_status(summary) == 0
    assert summary.differences == []
    assert summary.by_verdict[Verdict.KNOWN] > 2000
    assert {r.pr for r in summary.of_issues} == {own_issues()[0].pr}
    assert {r.observed for r in summary.of_issues} == {
        ("proc_changeparent() without the child's p_lock",)
    }
    assert summary.gone == []


@needs_kern_fork
@pytest.mark.parametrize("name", FIXES)
def test_the_issue_is_gone_in_a_fixed_file(name: str, tmp_path: Path) -> None:
    summary = _run(broken(tmp_path / "kern_fork.c", *FIXES[name]))
    assert exit_status(summary) == 0
    assert summary.by_verdict[Verdict.AGREES] == summary.scenarios
    assert [issue.pr for issue in summary.gone] == [own_issues()[0].pr]


@needs_kern_fork
def test_the_command_shows_the_issue_and_that_it_is_gone(tmp_path: Path) -> None:
    pr = own_issues()[0].pr
    asked = ("--only", "tracing")
    before = forkoracle(tmp_path, "run", "--kern-fork", str(KERN_FORK), *asked)
    assert before.returncode == 0, before.stderr
    assert f"known issue   2048  {pr}\n" in before.stdout
    path = broken(tmp_path / "kern_fork.c", *FIXES["around the call"])
    out = tmp_path / "results.json"
    after = forkoracle(tmp_path, "run", "--kern-fork", str(path), *asked, "--json", str(out))
    assert after.returncode == 0, after.stderr
    assert f"gone {pr} no longer occurs\n" in after.stdout
    assert "--known" not in after.stdout
    [gone] = read_results(out).gone
    assert (gone.pr, gone.own) == (pr, True)


@needs_kern_fork
def test_an_issue_that_no_case_comes_to_is_not_gone() -> None:
    run = SourceRun(KERN_FORK, ["limits"])
    for _ in run.results():
        pass
    summary = run.close()
    assert summary.by_verdict[Verdict.AGREES] == summary.scenarios
    assert summary.gone == []


@needs_kern_fork
def test_a_difference_beside_the_issue_is_a_difference(tmp_path: Path) -> None:
    """The known issue covers only cases in which nothing else is wrong."""
    summary = _run(broken(tmp_path / "kern_fork.c", (MARK, "", 0)))
    assert exit_status(summary) == 1
    assert {r.clause for r in summary.differences} == {"TRACE-REPARENT"}
    assert summary.by_verdict[Verdict.KNOWN] == 0


@dataclass(frozen=True)
class Wrong:
    """Changes that break a rule, the text that says so, and the clause that is named."""

    text: str
    clause: str
    changes: tuple[Change, ...]


PROC_LOCK = "\tmutex_enter(&proc_lock);\n"
P1_LOCK = "\tmutex_enter(p1->p_lock);\n"
LEAVE = "\tmutex_exit(p1->p_lock);\n"
WRONG = {
    "a fix that keeps the lock": Wrong(
        "mutex_enter: locking against myself", "", ((CALL, ENTER + CALL, 0),)
    ),
    "a fix with the parent's lock": Wrong(
        "proc_changeparent: locking against myself",
        "TRACE-REPARENT",
        (
            (CALL, ENTER.replace("p2", "p1") + CALL, 0),
            (MARK, MARK + EXIT.replace("p2", "p1"), 0),
        ),
    ),
    "a fix that takes both locks": Wrong(
        "proc_changeparent: locking against myself",
        "TRACE-REPARENT",
        (
            (CALL, ENTER.replace("p2", "p1") + ENTER + CALL, 0),
            (MARK, MARK + EXIT + EXIT.replace("p2", "p1"), 0),
        ),
    ),
    "the scheduler": Wrong(
        "sched_proc_fork: p_lock not held",
        "SCHEDULER",
        ((P1_LOCK + "\tp2->p_sflag", "\tp2->p_sflag", 0), ("p2);\n" + LEAVE, "p2);\n", 0)),
    ),
    "the credentials": Wrong(
        "p_cred read without p_lock",
        "PROC-ALLOC-FAILURE",
        (("\t" + P1_LOCK + "\t\tuid", "\t\tuid", 0), ("-1);\n\t" + LEAVE, "-1);\n", 0)),
    ),
    "the order": Wrong(
        "proc_lock taken after a p_lock",
        "EXIT-SIGNAL",
        (
            (PROC_LOCK + "\n\tif (p1->p_session", P1_LOCK + PROC_LOCK + LEAVE
             + "\n\tif (p1->p_session", 0),
        ),
    ),
    "the lists": Wrong(
        "p_children changed without proc_lock",
        "PARENT",
        (
            (PROC_LOCK + "\n\tif (p1->p_session", "\n\tif (p1->p_session", 0),
            ("\tp2->p_exitsig = exitsig;", PROC_LOCK + "\tp2->p_exitsig = exitsig;", 0),
        ),
    ),
    "all processes": Wrong(
        "a list of processes changed without proc_lock",
        "PROCESS-LISTS",
        (
            ("\tLIST_INSERT_AFTER(p1, p2", "\tmutex_exit(&proc_lock);\n"
             "\tLIST_INSERT_AFTER(p1, p2", 0),
            ("p2, p_list);\n", "p2, p_list);\n" + PROC_LOCK, 0),
        ),
    ),
    "the state": Wrong(
        "p_stat or p_nrlwps changed without p_lock",
        "RUNNABLE",
        (
            ("\tmutex_enter(p2->p_lock);\n", "\tp2->p_stat = SACTIVE;\n"
             "\tmutex_enter(p2->p_lock);\n", 0),
        ),
    ),
    "the LWP": Wrong(
        "l_stat changed without the LWP's lock",
        "STOPFORK",
        (
            ("\t\tl2->l_stat = LSSTOP;\n", "", 0),
            ("\t\tlwp_unlock(l2);\n", "\t\tlwp_unlock(l2);\n\t\tl2->l_stat = LSSTOP;\n", 0),
        ),
    ),
    "stopped children": Wrong(
        "p_nstopchild changed without proc_lock",
        "STOPFORK",
        (
            ("\t\tp1->p_nstopchild++;\n", "", 0),
            ("\tmutex_enter(p2->p_lock);\n", "\tmutex_exit(&proc_lock);\n"
             "\tif (p2->p_sflag & PS_STOPFORK)\n\t\tp1->p_nstopchild++;\n"
             + PROC_LOCK + "\tmutex_enter(p2->p_lock);\n", 0),
        ),
    ),
    "a spin lock": Wrong(
        "mutex_enter: spin lock held",
        "",
        (("\tlwp_lock(l2);\n", "\tlwp_lock(l2);\n" + P1_LOCK + LEAVE, 0),),
    ),
    "a sleep": Wrong(
        "spin lock held by a caller of eventswitch()",
        "",
        (("\t\teventswitch(TRAP_CHLD,\n", "\t\tlwp_lock(l2);\n\t\teventswitch(TRAP_CHLD,\n", 0),),
    ),
    "a lock of the file's own": Wrong(
        "",
        "",
        (
            ("\tp1 = l1->l_proc;\n", "\tstatic kmutex_t mine;\n\tp1 = l1->l_proc;\n"
             "\tmutex_init(&mine, MUTEX_DEFAULT, IPL_NONE);\n\tmutex_enter(&mine);\n", 0),
        ),
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def sample() -> Sample:
    return Sample.of(NEWEST, every=7, generated=2000)


@pytest.fixture
def differences(tmp_path: Path, sample: Sample) -> Callable[..., list[dict[str, object]]]:
    def found(*changes: Change) -> list[dict[str, object]]:
        source = read_source(broken(tmp_path / "kern_fork.c", *changes))
        (tmp_path / "objects").mkdir()
        return sample.differences(build(source, tmp_path / "objects", coverage=False).path)

    return found


@needs_kern_fork
@pytest.mark.parametrize("name", WRONG)
def test_a_broken_rule_is_a_difference(
    name: str, differences: Callable[..., list[dict[str, object]]]
) -> None:
    wrong = WRONG[name]
    found = [d for d in differences(*wrong.changes) if d["number"]]
    assert found
    assert wrong.text in str([d["rows"] for d in found])
    assert wrong.clause in {d["clause"] for d in found} | {""}


HARMLESS: dict[str, tuple[Change, ...]] = {
    "a pair around a callee": (
        ("\tp2->p_stats = pstatscopy", P1_LOCK + "\tp2->p_stats = pstatscopy", 0),
        ("pstatscopy(p1->p_stats);\n", "pstatscopy(p1->p_stats);\n" + LEAVE, 0),
    ),
    "a lock of the file's own": (
        ("\tp1 = l1->l_proc;\n", "\tkmutex_t mine;\n\tp1 = l1->l_proc;\n"
         "\tmutex_init(&mine, MUTEX_DEFAULT, IPL_NONE);\n\tmutex_enter(&mine);\n"
         "\tmutex_exit(&mine);\n\tmutex_destroy(&mine);\n", 0),
    ),
    "a lock that is tried": (
        ("\tp2->p_aio = NULL;\n", "\tp2->p_aio = NULL;\n\tif (mutex_tryenter(p1->p_lock))\n"
         "\t\tmutex_exit(p1->p_lock);\n", 0),
    ),
}  # fmt: skip


@needs_kern_fork
@pytest.mark.parametrize("name", HARMLESS)
def test_a_lock_more_is_no_difference(
    name: str, differences: Callable[..., list[dict[str, object]]]
) -> None:
    assert differences(*HARMLESS[name]) == []


def test_each_rule_has_a_number_and_a_clause_of_its_own() -> None:
    assert [rule.number for rule in RULES] == list(range(len(RULES)))
    assert {rule.clause for rule in RULES} <= {"", *clauses()}
    assert len({rule.text for rule in RULES}) == len(RULES)


def test_the_known_issue_is_one_of_the_rules() -> None:
    [issue] = own_issues()
    [rule] = [rule for rule in RULES if known_rules() >> rule.number & 1]
    assert (rule.clause, rule.text) == (issue.clause, issue.seen)
