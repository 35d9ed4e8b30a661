"""The C programs of reports: compiled and run, where the kernel behaves and where not."""

from __future__ import annotations

import platform
import re
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from conformance.families import FAMILIES
from conformance.report.pr.cprogram import PROGRAM_VERBS, NoProgramError, atf_test, c_program
from conformance.report.pr.problem import Difference, Problem
from conformance.report.pr.repeat import compiled, repeat
from conformance.repro.build import build_here
from conformance.repro.ended import Ended
from conformance.repro.here import run_here
from conformance.targets.local import LocalTarget
from reference_model import Options, Scenario, allowed_logs
from reference_model.clauses import clauses
from tests.scenarios import named, steps

on_linux_amd64 = pytest.mark.skipif(
    (platform.system(), platform.machine()) != ("Linux", "x86_64"),
    reason="what is right and wrong here is Linux/x86_64's",
)


def problem_of(scenario: Scenario, options: Options | None = None) -> Problem:
    """A problem about *scenario*: the program looks only at what is expected."""
    expected = allowed_logs(scenario, options or Options())
    clause = clauses()[scenario.about[0]]
    difference = Difference(scenario, clause, expected, expected[0], 0, "", "", 1, 1, 1, None)
    kernel = {"system": "NetBSD", "release": "10.1", "machine": "amd64", "kern_fork": "1.232"}
    return Problem(difference, 1, kernel, "netbsd")


def program_of(scenario: Scenario) -> str:
    return c_program(problem_of(scenario), Options())


def run_text(program: str) -> Ended:
    with TemporaryDirectory() as folder:
        return run_here(build_here(program, Path(folder)))


AGREES = [
    steps("a/any", "SYS-FORK", "P: fork C", "C: exit 1", "P: wait4 any"),
    steps("a/look", "SIGNAL-ACTIONS", "P: sigaction SIGUSR1", "P: umask 07", "P: wait4 any"),
    *named("vfork/*/memory", "vfork/*/until-ex*", "vfork/*/stopped-and-continued"),
    *named("sharing/*")[::40],
    *named("exitsignal/*")[::120],
]


@on_linux_amd64
@pytest.mark.parametrize("scenario", AGREES, ids=lambda scenario: scenario.name)
def test_it_ends_well_where_the_kernel_behaves(scenario: Scenario) -> None:
    """On Linux, where it does what NetBSD does, the program exits with 0."""
    ran = run_text(program_of(scenario))
    assert (ran.status, ran.said) == (0, "as it should be")


WRONG = {
    "clone-ptrace": (
        steps("w/ptrace", "CLONE-PTRACE", "P: __clone CLONE_PTRACE|SIGCHLD -"),
        "step 0, P: __clone CLONE_PTRACE|SIGCHLD -: expected EINVAL, seen -",
    ),
    "exit-signal": (
        steps("w/csignal", "CLONE-CSIGNAL", "P: __clone SIG64 -"),
        "step 0, P: __clone SIG64 -: expected EINVAL, seen -",
    ),
    "second-register": (
        steps("w/retval", "RETURN-VALUES", "P: fork C", "P: retval1", "C: exit 0"),
        "step 1, P: retval1: expected 0, seen kept",
    ),
    "blocked-ignored": (
        steps(
            "w/ignored",
            "EXIT-SIGNAL",
            "P: __clone SIGURG C",
            "C: exit 0",
            "P: wait4 C WALLSIG",
            "P: sigpending",
        ),
        "step 3, P: sigpending: expected 0, seen SIGURG",
    ),
}


@on_linux_amd64
@pytest.mark.parametrize("name", WRONG)
def test_it_says_what_was_wrong(name: str) -> None:
    """Where Linux does otherwise, the program exits with 1 and one line that says what."""
    scenario, line = WRONG[name]
    ran = run_text(program_of(scenario))
    assert (ran.status, ran.said) == (1, line)


@on_linux_amd64
def test_it_looks_at_every_step() -> None:
    """An expectation changed in any one step of a program is noticed by it."""
    [scenario] = named("vfork/__vfork14/memory")
    program = program_of(scenario)
    [log] = allowed_logs(scenario, Options())
    row = "{ " + ", ".join(f'"{word}"' for word in log) + " }"
    assert row in program
    for step in range(len(log)):
        words = [f'"{word}"' for word in log]
        words[step] = '"changed"'
        ran = run_text(program.replace(row, "{ " + ", ".join(words) + " }"))
        assert ran.status == 1
        assert ran.said.startswith(f"step {step}, ")


@on_linux_amd64
def test_only_netbsd_has_the_tracers_requests() -> None:
    """A traced program compiles elsewhere, and says that it cannot tell."""
    ran = run_text(program_of(FAMILIES["trace"].scenarios()[0]))
    assert (ran.status, ran.said) == (2, "only NetBSD has these requests of ptrace(2)")


@on_linux_amd64
def test_the_report_says_how_the_program_ended(local: LocalTarget) -> None:
    """Run on the kernel that the results are from: it showed the difference, or it did not."""
    wrong, right = problem_of(WRONG["clone-ptrace"][0]), problem_of(AGREES[0])
    where = f"Run on {local.kernel}, it exited with"
    assert f"{where} 1: step 0, P: __clone" in repeat(wrong, local).says
    assert f"{where} 0, so it did NOT show the difference: as it" in repeat(right, local).says
    panic = replace(wrong, difference=replace(wrong.difference, step=None))
    assert "It has not been run: the kernel would panic" in repeat(panic, local).says
    assert "It has not been run." in repeat(wrong).says


EVERY_VERB = steps(
    "e/all", "SYS-FORK", "T: spawn P", "T: wait4 P WUNTRACED", "T: PT_SET_EVENT_MASK P PTRACE_FORK",
    "T: PT_GET_EVENT_MASK P", "T: PT_GET_PROCESS_STATE P", "T: PT_GET_SIGINFO P",
    "T: PT_CONTINUE P", "P: store 1", "P: load", "P: open 20", "P: lseek 20 7", "P: tell 20",
    "P: dup2 20 21", "P: close 21", "P: pipe 22 23", "P: chdir /dev", "P: getcwd",
    "P: umask 07", "P: sigaction SIGUSR1 catch", "P: sigaction SIGUSR1",
    "P: sigprocmask block SIGUSR2", "P: sigpending", "P: setrlimit count+5 inf", "P: getrlimit",
    "P: setreuid -1 -1", "P: retval1", "P: getppid", "Q: fork C", "Q: vfork -",
    "Q: __vfork14 -", "Q: __clone CLONE_FS|SIG40 D", "Q: kill C SIGTERM", "Q: wait4 any WNOHANG",
    "D: exec 20", "T: PT_ATTACH Q", "T: PT_DETACH Q", "T: PT_KILL P", "Q: exit 3",
)  # fmt: skip


def test_every_verb_compiles_for_netbsd() -> None:
    """All verbs that a program can have make one that compiles without a warning."""
    pytest.importorskip("ziglang", reason="ziglang compiles for NetBSD")
    assert {step.verb for step in EVERY_VERB.steps} == set(PROGRAM_VERBS)
    assert compiled(program_of(EVERY_VERB)).startswith("It compiles for NetBSD")


def test_what_does_not_compile_is_said() -> None:
    """A program with an error in it is not called one that compiles."""
    pytest.importorskip("ziglang", reason="ziglang compiles for NetBSD")
    says = compiled(program_of(AGREES[0]).replace("board->turn", "board->torn"))
    assert says.startswith("For NetBSD, it does not compile: no member named 'torn'")


def test_a_test_case_for_atf(tmp_path: Path) -> None:
    """The same as an ATF test case: what it says of itself, and its body; it compiles."""
    pytest.importorskip("ziglang", reason="ziglang compiles for NetBSD")
    text = atf_test(problem_of(AGREES[0]), Options())
    assert re.search(r'atf_tc_set_md_var\(tc, "descr", "PR kern/XXXXX: ', text)
    # atf-c.h is not everywhere: what the test case takes of it is declared here.
    header = """
struct atf_tc; struct atf_tp;
#define ATF_TC(n) static void n##_head(struct atf_tc *); static void n##_body(const struct atf_tc *)
#define ATF_TC_HEAD(n, tc) static void n##_head(struct atf_tc *tc)
#define ATF_TC_BODY(n, tc) static void n##_body(const struct atf_tc *tc __attribute__((unused)))
#define ATF_TP_ADD_TCS(tp) int add(struct atf_tp *tp __attribute__((unused)))
#define ATF_TP_ADD_TC(tp, n) (void)n##_head, (void)n##_body
void atf_tc_set_md_var(struct atf_tc *, const char *, const char *, ...);
void atf_tc_fail(const char *, ...); void atf_tc_skip(const char *, ...); int atf_no_error(void);
"""
    assert compiled(text.replace("#include <atf-c.h>\n", header)).startswith("It compiles")


def test_what_there_is_no_program_for() -> None:
    """A stack of the caller's own, and too many orders, are refused with the reason."""
    own = steps("n/own", "CLONE-STACK", "P: __clone SIGCHLD C own", "C: exit 0")
    with pytest.raises(NoProgramError, match="assembly language"):
        program_of(own)
