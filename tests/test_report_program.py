"""The C programs of reports: compiled and run, where the kernel behaves and where not."""

from __future__ import annotations

import platform
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from conformance.report.pr.cprogram import NoProgramError, atf_test, c_program
from conformance.report.pr.problem import Problem
from conformance.report.pr.repeat import compiled, repeat
from conformance.reproducer.compile import OURS, build_here, build_static
from conformance.reproducer.ended import Ended
from conformance.results.kernel import Kernel
from conformance.results.result import Result, Verdict
from conformance.runs.run import Run
from conformance.scenarios.families import FAMILIES
from conformance.targets.here import run_here
from conformance.targets.local import LocalTarget
from conformance.verbs import WITHOUT_C
from conformance.verbs.process import FIELDS_IN_C
from reference_model import Options, Scenario, Step, allowed_logs
from reference_model.language.scenario import FIELDS, SHOWN_FIELDS, VERBS
from tests.scenarios import named, steps

on_linux_amd64 = pytest.mark.skipif(
    (platform.system(), platform.machine()) != ("Linux", "x86_64"),
    reason="what is right and wrong here is Linux/x86_64's",
)


def problem_of(scenario: Scenario, options: Options | None = None) -> Problem:
    """A problem about *scenario*: the program looks only at what is expected."""
    expected = allowed_logs(scenario, options or Options())
    about, log = scenario.about[0], expected[0]
    difference = Result(scenario, Verdict.DIFFERENCE, about, expected, log, step=0)
    return Problem(difference, 1, Kernel("NetBSD", "10.1", "amd64", "1.232"), "netbsd")


def program_of(scenario: Scenario) -> str:
    return c_program(problem_of(scenario), Options())


def run_text(program: str) -> Ended:
    with TemporaryDirectory() as folder:
        return run_here(build_here(program, Path(folder)))


_GROUPS = (
    *("P: getpgrp", "Q: getpgrp", "Q: fork C", "C: getpgrp", "C: setsid", "C: getpgrp"),
    *("C: fork D", "D: getpgrp", "D: exit 0", "C: exit 0"),
)
AGREES = [
    steps("a/any", "SYS-FORK", "P: fork C", "C: exit 1", "P: wait4 any"),
    steps("a/group", "PROCESS-LISTS", *_GROUPS),
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
    assert (ran.status, ran.said) == (0, "as expected")


WRONG = {
    "clone-ptrace": (
        steps("w/ptrace", "CLONE-PTRACE", "P: __clone CLONE_PTRACE|SIGCHLD -"),
        "step 0, P: __clone CLONE_PTRACE|SIGCHLD -: expected EINVAL, observed -",
    ),
    "exit-signal": (
        steps("w/csignal", "CLONE-CSIGNAL", "P: __clone SIG64 -"),
        "step 0, P: __clone SIG64 -: expected EINVAL, observed -",
    ),
    "second-register": (
        steps("w/retval", "RETURN-VALUES", "P: fork C", "P: retval1", "C: exit 0"),
        "step 1, P: retval1: expected 0, observed kept",
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
        "step 3, P: sigpending: expected 0, observed SIGURG",
    ),
}


@on_linux_amd64
@pytest.mark.parametrize("name", WRONG)
def test_a_failing_program_names_the_step(name: str) -> None:
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
    programs = []
    for step in range(len(log)):
        words = [f'"{word}"' for word in log]
        words[step] = '"changed"'
        programs.append(program.replace(row, "{ " + ", ".join(words) + " }"))
    with ThreadPoolExecutor(len(programs)) as pool:
        for step, ran in enumerate(pool.map(run_text, programs)):
            assert ran.status == 1
            assert ran.said.startswith(f"step {step}, ")


@on_linux_amd64
def test_only_netbsd_has_the_tracers_requests() -> None:
    """A traced program compiles elsewhere, and says that it cannot tell."""
    ran = run_text(program_of(FAMILIES["trace"].scenarios()[0]))
    assert (ran.status, ran.said) == (2, "the calls of this test need NetBSD")


@on_linux_amd64
def test_the_report_says_how_the_program_ended(local: LocalTarget) -> None:
    """Run on the kernel that the results are from: it showed the difference, or it did not."""
    wrong, right = problem_of(WRONG["clone-ptrace"][0]), problem_of(AGREES[0])
    where = f"Run on {local.kernel}, it exited with"
    assert f"{where} 1: step 0, P: __clone" in repeat(wrong, local).says
    assert f"{where} 0, so it did NOT show the difference: as expected" in repeat(right, local).says
    panic = replace(wrong, difference=replace(wrong.difference, step=None))
    assert "It has not been run: the kernel would panic" in repeat(panic, local).says
    assert "It has not been run." in repeat(wrong).says


#: What the families have no scenario for.
OTHERS = [
    steps(
        "o/setup", "SYS-FORK", "P: setrlimit count+5 inf", "P: getrlimit", "P: setreuid -1 -1",
        "P: kinfo P p_ppid", "P: kinfo P p_sigmask SIGUSR1", "P: kinfo P p_sigignore SIG40",
        "P: sigaction SIGUSR1", "Q: __clone CLONE_FS|SIG40 D", "Q: kill D SIGTERM",
        "Q: wait4 any WNOHANG", "Q: PT_TRACE_ME", "T: PT_SET_SIGPASS Q SIGUSR1|SIG40",
        "T: PT_SET_SIGPASS Q 0", "T: PT_GET_SIGPASS Q",
    ),
    steps("o/group", "PROCESS-LISTS", *_GROUPS),
    steps("o/charge", "SCHEDULER", "P: burn", "P: fork -", "P: wait4 -", "P: charged"),
    steps("o/compare", "SYS-FORK", "P: fork C", *(f"P: compare P C {f}" for f in FIELDS)),
]  # fmt: skip


def words_of(step: Step) -> set[str]:
    """What there is C for in a step: its verb, which of its arguments it has, its field."""
    words = {f"{step.verb} with {len(step.args)}"}
    if step.verb in ("kinfo", "compare"):
        words.add(f"{step.verb} {step.args[1 if step.verb == 'kinfo' else 2]}")
    return words


def words_in(scenario: Scenario) -> set[str]:
    return set().union(*map(words_of, scenario.steps))


def has_program(scenario: Scenario) -> bool:
    return not any(step.verb in WITHOUT_C for step in scenario.steps)


@cache
def one_for_each() -> tuple[Scenario, ...]:
    """Few scenarios that have, together, all that there is C for; and one of each family."""
    families = [filter(has_program, family.scenarios()) for family in FAMILIES.values()]
    chosen = [scenario for scenarios in families for scenario in islice(scenarios, 1)] + OTHERS
    found = set[str]().union(*map(words_in, chosen))
    all_scenarios = [s for family in FAMILIES.values() for s in family.scenarios()]
    left = {frozenset(words_in(s)): s for s in all_scenarios if has_program(s)}
    while more := max(left, key=lambda words: len(words - found)) - found:
        chosen.append(next(s for words, s in left.items() if more <= words))
        found |= more
    return tuple(chosen)


def test_every_verb_has_its_c() -> None:
    """What the language has, a program can have, or it is left out by name; all is compiled."""
    assert set(FIELDS_IN_C) == set(SHOWN_FIELDS)
    steps_of = [step for scenario in one_for_each() for step in scenario.steps]
    assert {step.verb for step in steps_of} == set(VERBS) - set(WITHOUT_C)
    fields = set().union(*map(words_of, steps_of))
    assert {f"kinfo {field}" for field in SHOWN_FIELDS} <= fields
    assert {f"compare {field}" for field in FIELDS} <= fields


# atf-c.h is not everywhere: what the test cases take of it is declared here.
ATF_HEADER = """
struct atf_tc; struct atf_tp;
#define ATF_TC(n) static void n##_head(struct atf_tc *); static void n##_body(const struct atf_tc *)
#define ATF_TC_HEAD(n, tc) static void n##_head(struct atf_tc *tc)
#define ATF_TC_BODY(n, tc) static void n##_body(const struct atf_tc *tc __attribute__((unused)))
#define ATF_TP_ADD_TCS(tp) int add(struct atf_tp *tp __attribute__((unused)))
#define ATF_TP_ADD_TC(tp, n) (void)n##_head, (void)n##_body
void atf_tc_set_md_var(struct atf_tc *, const char *, const char *, ...);
void atf_tc_fail(const char *, ...); void atf_tc_skip(const char *, ...); int atf_no_error(void);
"""


@pytest.mark.parametrize("scenario", one_for_each(), ids=lambda scenario: scenario.name)
def test_every_verb_compiles_for_netbsd(scenario: Scenario, tmp_path: Path) -> None:
    """A program for each verb, in each of its forms, compiles and links with our C library."""
    pytest.importorskip("ziglang", reason="ziglang compiles for NetBSD")
    built = build_static(program_of(scenario), tmp_path, "NetBSD", "amd64")
    assert built.library == OURS
    assert built.file.read_bytes()[:4] == b"\x7fELF"
    if "exec" in {step.verb for step in scenario.steps}:
        with pytest.raises(NoProgramError, match="cannot run itself again"):
            atf_test(problem_of(scenario), Options())
    else:
        text = atf_test(problem_of(scenario), Options())
        good = "It compiles for NetBSD without a warning."
        assert compiled(text.replace("#include <atf-c.h>\n", ATF_HEADER)) == good


def test_a_program_that_does_not_compile_is_reported() -> None:
    """A program with an error in it is not called one that compiles."""
    pytest.importorskip("ziglang", reason="ziglang compiles for NetBSD")
    program = program_of(AGREES[0])
    assert compiled(program) == "It compiles for NetBSD without a warning."
    says = compiled(program.replace("board->turn", "board->torn"))
    assert says.startswith("For NetBSD, it does not compile: no member named 'torn'")


def test_a_test_case_for_atf(tmp_path: Path) -> None:
    """The same as an ATF test case: what it says of itself, and its body; it compiles."""
    pytest.importorskip("ziglang", reason="ziglang compiles for NetBSD")
    text = atf_test(problem_of(AGREES[0]), Options())
    assert re.search(r'atf_tc_set_md_var\(tc, "descr", "PR kern/XXXXX: ', text)
    assert compiled(text.replace("#include <atf-c.h>\n", ATF_HEADER)).startswith("It compiles")


def test_lines_fit_into_80_columns() -> None:
    """No line is longer, but for those with one word of the scenario that is."""
    for scenario in one_for_each():
        for line in program_of(scenario).splitlines():
            assert len(line.expandtabs()) <= 80 or "P: __clone CLONE_" in line


def test_a_program_for_netbsd_has_nothing_for_others() -> None:
    """A program that only NetBSD can compile asks once for that; its test case does not."""
    for scenario in one_for_each():
        program = program_of(scenario)
        if "the calls of this test need NetBSD" in program:
            assert re.findall("^#.*__NetBSD__$", program, re.M) == ["#ifdef __NetBSD__"] * 2
            assert "SYS_clone" not in program
    assert "__NetBSD__" not in atf_test(problem_of(NEEDS_ROOT), Options())
    assert "SYS_clone" in program_of(AGREES[0])


NEEDS_ROOT = steps("r/root", "MAXPROC", "P: maxproc 1", "P: fork -")


def test_changes_of_the_whole_system_are_put_back() -> None:
    """A program that sets a limit of the system says that it needs root, and puts it back last."""
    text = program_of(NEEDS_ROOT)
    assert re.search(r"#define NEEDS_ROOT +1\n", text)
    run = text[text.index("\nrun(void)\n") :]
    assert run.index("put_back();") < run.index("judge()")
    assert 'tc, "require.user", "root"' in atf_test(problem_of(NEEDS_ROOT), Options())
    assert "put_back" not in program_of(AGREES[0])


def test_scenarios_without_a_program_say_why() -> None:
    """More logs than anybody would read, and what is left out by name, are refused, saying why."""
    scenario = AGREES[0]
    many = tuple((str(i),) * len(scenario.steps) for i in range(65))
    problem = problem_of(scenario)
    problem = replace(problem, difference=replace(problem.difference, expected=many))
    with pytest.raises(NoProgramError, match="65 expected logs"):
        c_program(problem, Options())
    lwps = steps("n/lwps", "SYS-FORK", "P: _lwp_create L", "L: _lwp_exit")
    with pytest.raises(NoProgramError, match="no C is known for _lwp_create"):
        program_of(lwps)
    said = Path("docs/reports.md").read_text(encoding="utf-8")
    assert all(f"`{verb}`" in said for verb in WITHOUT_C)


@on_linux_amd64
def test_the_stack_that_a_child_begins_on() -> None:
    """A child on a stack of the caller's own begins there; one that does not is noticed."""
    own = steps("n/own", "CLONE-STACK", "P: __clone SIGCHLD C own", "C: stack", "C: exit 0")
    ran = run_text(program_of(own))
    assert (ran.status, ran.said) == (0, "as expected")
    kept = program_of(own).replace("CLONE(SIGCHLD), own_stack", "CLONE(SIGCHLD), NULL")
    ran = run_text(kept)
    assert (ran.status, ran.said) == (1, "step 1, C: stack: expected given, observed kept")


@on_linux_amd64
def test_getpgrp_names_the_leader_of_the_group(local: LocalTarget) -> None:
    """Roots are in the first one's group, a child in its parent's, until it has a session."""
    scenario = steps("g/1", "PROCESS-LISTS", *_GROUPS)
    groups = ("P", "P", "C", "P", "ok", "C", "D", "C", "ok", "ok")
    assert allowed_logs(scenario, Options()) == (groups,)
    [result, *_] = Run(local, [scenario]).results()
    assert result.observed == groups
