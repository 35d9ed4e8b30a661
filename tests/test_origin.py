"""Where a difference belongs: to a clause of kern_fork.c, or to a function of another file.

A broken model gives the observations of a broken kernel, as in test_assign.py.
"""

from __future__ import annotations

from collections import Counter
from types import FunctionType

import pytest

from conformance.report.explain import explain
from conformance.report.pr.problem import group
from conformance.report.pr.repeat import Repeat
from conformance.report.pr.texts import markdown, send_pr
from conformance.results.result import Result, Verdict
from conformance.results.results import Results
from conformance.verdicts import origin
from conformance.verdicts.changes import Question, changes_of
from conformance.verdicts.judge import judge
from conformance.verdicts.known import KnownDifferences
from conformance.verdicts.origin import Origins
from conformance.verdicts.ranking import ranked, results_of
from reference_model import (
    Log,
    Options,
    Scenario,
    kern_event,
    kern_exit,
    kern_fork,
    kern_resource,
    kern_sig,
    predict,
    sys_ptrace,
)
from reference_model.language.verbs import VERBS
from reference_model.sources import CFunction, c_function, call_of, modelled
from tests.broken import break_fork, break_function
from tests.results_files import NETBSD, summary
from tests.scenarios import named, steps

OPTIONS = Options(nproc_limit=(160, 1044))
KPSIGNAL2 = CFunction("sys/kern/kern_sig.c", "kpsignal2")
PENDING = steps(
    "blame/pending", "NO-PENDING-SIGNALS", "P: fork C", "C: exit 0", "P: sigpending", "P: wait4 C"
)
KEPT: Log = ("C", "ok", "SIGCHLD", "C exited 0")
#: Enough scenarios that agree with a broken file to refute that fork1 is.
OTHERS = ("vfork/fork/*", "exitsignal/waits/3*", "inherited/fork/s*")


def placed(scenarios: list[Scenario], logs: list[Log]) -> list[Result]:
    """The differences of a kernel with these logs, each with its origin."""
    results = [
        judge(s, log, OPTIONS, KnownDifferences()) for s, log in zip(scenarios, logs, strict=True)
    ]
    different = [r for r in results if r.verdict is Verdict.DIFFERENCE]
    origins = Origins(OPTIONS, summary(r for r in results if r not in different).by_item)
    return [origins.placed(r) for r in different]


def of_blame() -> Result:
    [result] = placed([PENDING], [KEPT])
    return result


#: The function of the model, its text, the replacement, the scenarios, and the function of NetBSD.
BREAKS = [
    (
        kern_sig.kpsignal,
        "if p.p_sigctx.ps_sigignore & bit:\n            return",
        "pass",
        ("exitsignal/default/*",),
        KPSIGNAL2,
    ),
    (
        kern_sig.kpsignal,
        "    if not traced:\n        sigput(p, signo)\n",
        "",
        ("sharing/0x00000/*", "exitsignal/arrives/*"),
        KPSIGNAL2,
    ),
    (
        kern_exit.exit1,
        "exit_psignal(k, p, p.p_pptr)",
        "pass",
        ("exitsignal/*",),
        CFunction("sys/kern/kern_exit.c", "exit1"),
    ),
    (
        kern_event.knote_proc_exit,
        "kn.kn_fflags |= kn.kn_sfflags & NOTE_EXIT",
        "pass",
        ("kqueue/*",),
        CFunction("sys/kern/kern_event.c", "knote_proc_exit"),
    ),
    (
        sys_ptrace.ptrace_get_event_mask,
        "if t.p_slflag & psl",
        "if False",
        ("trace/birth/*",),
        CFunction("sys/kern/sys_ptrace_common.c", "ptrace_get_event_mask"),
    ),
    (
        kern_resource.setrlimit,
        "l.l_cred.cr_euid != 0 and maximum > p.p_rlimit[RLIMIT_NPROC][1]",
        "True",
        ("nproc/user/*",),
        CFunction("sys/kern/kern_resource.c", "dosetrlimit"),
    ),
]


@pytest.mark.parametrize(("function", "old", "new", "where", "expected"), BREAKS)
def test_a_break_of_another_file_names_its_function(
    function: FunctionType,
    old: str,
    new: str,
    where: tuple[str, ...],
    expected: CFunction,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scenarios = named(*where, *OTHERS)
    with monkeypatch.context() as patch:
        break_function(patch, function, old, new)
        logs = [predict(scenario, OPTIONS) for scenario in scenarios]
    found = Counter(result.origin for result in placed(scenarios, logs))
    assert found.most_common(1)[0][0] == expected


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        ("flags |= FORK_SHARECWD  # CLONE-FS", "pass", "sharing/0x0*"),
        ("p2.p_sigpend = 0 ", "p2.p_sigpend = p1.p_sigpend ", "sharing/0x0*"),
        ("startcopy(p2, p1)", "startcopy(p2, p1); p2.p_nice = 20", "inherited/*"),
        ("p2.p_exitsig = exitsig", "p2.p_exitsig = SIGCHLD", "exitsignal/*s/3*"),
        ("if count > p1.p_rlimit", "if count >= p1.p_rlimit", "nproc/*"),
        ("if count > p1.p_rlimit", "if count > 1 + p1.p_rlimit", "nproc/user/*"),
        ("PTRACE_VFORK_DONE, p2.p_pid", "PTRACE_VFORK_DONE, p1.p_pid", "trace/birth/*"),
        ("l1.l_vforkwaiting = True", "l1.l_vforkwaiting = False", "vfork/*"),
    ],
)
def test_a_break_of_fork1_stays_with_its_clause(
    old: str, new: str, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenarios = named(where, *OTHERS)
    with monkeypatch.context() as patch:
        break_fork(patch, old, new)
        logs = [predict(scenario, OPTIONS) for scenario in scenarios]
    found = placed(scenarios, logs)
    assert found
    assert {result.origin for result in found} == {None}


def test_a_call_before_any_fork_is_not_a_promise_of_fork1() -> None:
    scenario = steps("a/early", "LIMITS", "P: setrlimit 5 9", "P: getrlimit", "P: fork -")
    log = predict(scenario, OPTIONS)
    [refused] = placed([scenario], [("EPERM", *log[1:])])
    assert str(refused.origin) == "kern_resource.c, dosetrlimit()"
    [strange] = placed([scenario], [("ENOSYS", *log[1:])])
    assert str(strange.origin) == "kern_resource.c, dosetrlimit()"
    [fork] = placed([scenario], [(*log[:2], "EAGAIN")])
    assert fork.origin is None


def test_a_terminal_and_a_report_name_the_other_file() -> None:
    result = of_blame()
    assert result.origin == KPSIGNAL2
    first, second, *_ = explain(result)
    assert first == "kern_sig.c, kpsignal2(): not a promise of kern_fork.c"
    assert second.startswith("  sys/kern/kern_sig.c; a step about NO-PENDING-SIGNALS noticed it;")
    [problem] = group([result], NETBSD, "netbsd")
    assert problem.name == "kern-sig-kpsignal2"
    assert problem.synopsis == "sigpending: SIGCHLD instead of 0 (kern_sig.c, kpsignal2())"
    for text in (send_pr(problem, Repeat("-")), markdown(problem, Repeat("-"))):
        told = " ".join(text.replace("\\", "").replace("**", "").lower().split())
        assert "not a promise of kern_fork.c" in told
        assert "sys/kern/kern_sig.c, kpsignal2()" in told
        assert "1.232, lines" not in told


def test_the_results_keep_the_function_of_another_file() -> None:
    results = results_of(summary([of_blame()]))
    data = results.to_json()
    assert data["differences"][0]["origin"] == {
        "file": "sys/kern/kern_sig.c",
        "name": "kpsignal2",
    }
    assert Results.from_json(data).differences[0].origin == KPSIGNAL2
    del data["differences"][0]["origin"]
    assert Results.from_json(data).differences[0].origin is None


def test_differences_of_other_files_come_last() -> None:
    scenario = steps("a/umask", "CWD", "P: umask 07", "P: fork C", "C: umask 022")
    [own] = placed([scenario], [("022", "C", "022")])
    assert ranked(summary([of_blame(), own])) == [own, of_blame()]


def test_a_limited_number_of_differences_is_examined(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(origin, "MAX_EXAMINED", 0)
    origins = Origins(OPTIONS, {})
    result = judge(PENDING, KEPT, OPTIONS, KnownDifferences())
    assert origins.placed(result).origin is None
    assert origins.left == 1


def test_a_change_is_undone_and_an_endless_one_is_none() -> None:
    scenario = steps("a/vfork", "VFORK-WAIT", "P: vfork C", "C: exit 0")
    question = Question(scenario, OPTIONS)
    log, code = question.log(), kern_fork.fork1.__code__
    logs = [question.log_with(change) for change in changes_of(kern_fork)]
    assert None in logs
    assert len(set(logs)) > 5
    assert kern_fork.fork1.__code__ is code
    assert question.log() == log


def test_every_function_of_the_model_has_a_file_of_netbsd() -> None:
    for module in modelled():
        for change in changes_of(module):
            assert c_function(change.function).file.endswith(".c"), change.function
    assert {call_of(verb).file.rpartition(".")[2] for verb in VERBS} == {"c"}


def test_a_lost_exit_signal_is_not_blamed_on_pending_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    [scenario] = named("sharing/0x00000/pending")
    with monkeypatch.context() as patch:
        break_function(patch, kern_exit.exit1, "exit_psignal(k, p, p.p_pptr)", "pass")
        log = predict(scenario, OPTIONS)
    [result] = placed([scenario], [log])
    assert result.clause == "NO-PENDING-SIGNALS"
    assert result.origin in {
        CFunction("sys/kern/kern_exit.c", "exit1"),
        CFunction("sys/kern/sys_sig.c", "sigaction1"),  # P may not have caught SIGCHLD
    }
