"""The target ``source``: verdicts on whole files, and on what is no kern_fork.c."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.errors import TargetError
from conformance.results.result import Verdict
from conformance.results.results import read_results
from conformance.results.status import exit_status
from conformance.source import lines
from conformance.source.caller import Caller, Died
from conformance.source.case import SYS_FORK, Case, CaseError, parse_case, text_of
from conformance.source.families import generated
from conformance.source.library import build
from conformance.source.minimise import differs, minimise, records
from conformance.source.model import Model
from conformance.source.mutants import Fate, Mutant, Mutation
from conformance.source.names import number_text
from conformance.source.run import SourceRun
from conformance.source.sample import Sample
from conformance.source.sourcefile import OLDEST, read_source
from conformance.source.tables import CASE, RECORD
from reference_model import NEWEST
from reference_model.clauses import clauses, numbers
from tests.command import forkoracle
from tests.kern_fork_file import KERN_FORK, broken, needs_kern_fork

#: A folder of other revisions of kern_fork.c, where somebody has them.
REVISIONS = Path(os.environ.get("FORKORACLE_KERN_FORKS", "/nonexistent"))


# -- whole runs -------------------------------------------------------------------


@needs_kern_fork
def test_a_file_that_agrees(tmp_path: Path) -> None:
    """Exit status 0; every clause was reached, and every line of the file."""
    out = tmp_path / "results.json"
    done = forkoracle(tmp_path, "run", "--kern-fork", str(KERN_FORK), "--json", str(out))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0].startswith("target source: ")
    results = read_results(out).to_json()
    assert results["summary"]["scenarios"] >= 100_000
    known = sum(issue["number"] for issue in results["issues"])
    assert results["summary"]["scenarios"] == results["summary"]["agrees"] + known
    assert {issue["clause"] for issue in results["issues"]} == {"TRACE-REPARENT"}
    assert set(results["clauses"]) == set(clauses())
    assert results["coverage"]["missed"] == []
    assert results["coverage"]["lines"] > 200


@needs_kern_fork
def test_a_file_that_differs(tmp_path: Path) -> None:
    """The difference names its clause, the file's own lines, and a case that can be read back."""
    path = broken(
        tmp_path / "an edit's file.c",
        ("p2->p_acflag = AFORK", "p2->p_acflag = 0", 0),
        ("/*\n * General fork", "\n\n\n/*\n * General fork", 0),
    )
    before = sorted(tmp_path.iterdir())
    out, junit = tmp_path / "results.json", tmp_path / "junit.xml"
    done = forkoracle(
        tmp_path,
        *("run", "--kern-fork", str(path), "--only", "fork-flags"),
        *("--json", str(out), "--junit", str(junit)),
    )
    assert (done.returncode, done.stderr) == (1, "")
    assert "ACCOUNTING-FLAG: the accounting flags are AFORK" in done.stdout
    assert "lines 591 of the file; fork-flags: fork1 flags=0x0, reproduced 3/3" in done.stdout
    first = read_results(out).to_json()["differences"][0]
    assert (first["clause"], first["family"]) == ("ACCOUNTING-FLAG", "fork-flags")
    assert (first["times"], first["lines"]) == (3, "591")
    assert parse_case(first["scenario"]) == Case()
    assert ["AFORK"] in [row[-1:] for row in first["expected"]]
    assert 'name="ACCOUNTING-FLAG"' in junit.read_text()
    assert set(tmp_path.iterdir()) - set(before) <= {out, junit, tmp_path / ".local"}


@needs_kern_fork
def test_a_clause_alone(tmp_path: Path) -> None:
    """--only a clause: every case comes to it, and only those are counted."""
    run = SourceRun(KERN_FORK, ["PROC-ALLOC-FAILURE"], number=2000)
    for _ in run.results():
        pass
    summary = run.close()
    assert summary.scenarios > 1000
    assert summary.by_clause["PROC-ALLOC-FAILURE"][Verdict.AGREES] == summary.scenarios
    assert "SUCCESS" not in summary.by_clause


@needs_kern_fork
@pytest.mark.parametrize(
    ("old", "new", "how"),
    [
        ("p2->p_emul = p1->p_emul", "p2->p_emul = NULL", "SIGSEGV"),
        ("KASSERT(l2->l_stat == LSIDL)", "KASSERT(l2->l_stat == LSRUN)", "KASSERT(l2->l_stat =="),
        ("mutex_exit(p2->p_lock)", "(void)0", "cv_wait: sleeping with another lock"),
        ("LIST_INIT(&p2->p_lwps);", "for (;;);", "no end within 0.5 s"),
    ],
)
def test_a_crash_of_the_library_does_not_end_the_run(
    old: str, new: str, how: str, tmp_path: Path
) -> None:
    """A crash, a KASSERT, a lock and an endless loop are differences; the rest is run as well."""
    path = broken(tmp_path / "kern_fork.c", (old, new, 0))
    run = SourceRun(path, ["newborn", "fork-flags"], workers=1)
    for _ in run.results():
        pass
    summary = run.close()
    assert exit_status(summary) == 1
    assert any(how in (result.observed or ("",))[0] for result in summary.differences)
    assert summary.by_verdict[Verdict.AGREES] > 1000


@needs_kern_fork
def test_a_file_of_another_revision_gets_a_note(tmp_path: Path) -> None:
    """An unknown revision, or none, is held to the newest that the model knows, and says so."""
    newer = read_source(
        broken(tmp_path / "newer.c", ("kern_fork.c,v 1.232", "kern_fork.c,v 1.240", 0))
    )
    assert (newer.revision, newer.stated) == (NEWEST, (1, 240))
    assert "newer than the model: held to 1.232" in newer.note
    none = tmp_path / "none.c"
    none.write_text("int x;\n")
    assert read_source(none).note == "no RCS id in it: held to 1.232"
    assert read_source(KERN_FORK).note == ""


@needs_kern_fork
def test_an_older_model_notices_a_newer_file(tmp_path: Path) -> None:
    """A file that says 1.224 but is 1.232 differs: CLONE_PID was refused until then."""
    old = broken(tmp_path / "kern_fork.c", ("kern_fork.c,v 1.232", "kern_fork.c,v 1.224", 0))
    text = old.read_text(encoding="latin-1").replace("&proc_lock", "proc_lock")
    old.write_text(text, encoding="latin-1")
    library = build(read_source(old), tmp_path, coverage=False)
    found = Sample.of((1, 224), every=5, generated=500).differences(library.path)
    assert {"CLONE-PTRACE", "KNOTES", "CLONE-FILES-CLOSE-ON-FORK"} <= {f["clause"] for f in found}


@pytest.mark.skipif(
    not REVISIONS.is_dir(), reason="no folder of older kern_fork.c: FORKORACLE_KERN_FORKS names one"
)
def test_each_revision_agrees_with_its_model(tmp_path: Path) -> None:
    """Every file of the folder, from 1.213 on, compiles as it is and does what its model does."""
    sources = [read_source(path) for path in sorted(REVISIONS.glob("*.c"))]
    known = [source for source in sources if source.stated and source.stated >= OLDEST]
    assert known
    for source in known:
        folder = tmp_path / source.path.name
        folder.mkdir()
        library = build(source, folder, coverage=False)
        sample = Sample.of(source.revision, every=5, generated=4000)
        assert sample.differences(library.path) == [], source.path


# -- what is no kern_fork.c -----------------------------------------------------------

HEAD = "#include <sys/param.h>\n#include <sys/proc.h>\n"
BAD = {
    "a syntax error": (HEAD + "int fork1(;\n", ":3: ", "expected C that compiles"),
    "a callee": (
        HEAD + "int f(void)\n{\n\treturn procnew(1);\n}\n",
        ": not a kern_fork.c",
        "it does not define child_return, fork1, ",
    ),
    "a constant": (HEAD + "int f(void)\n{\n\treturn FORK_NEW;\n}\n", ":5: ", "it uses FORK_NEW"),
    "a field": (
        HEAD + "int f(struct proc *p)\n{\n\treturn p->p_new;\n}\n",
        ":5: ",
        "it uses the field p_new",
    ),
    "a header": (HEAD + "#include <sys/new.h>\n", ":3: ", "it includes sys/new.h"),
    "other C": ("int x;\n", ": not a kern_fork.c", "does not define child_return, fork1, "),
    "not C": ("Dear Sir or Madam,\n", ":1: ", "expected C that compiles"),
    "ELF": ("\x7fELF\x02\x01\x01\0\0\0\n", ": an ELF file ", ", 11 bytes: expected a kern_fork.c"),
    "nothing": ("", ": not a kern_fork.c", "fork1"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_file_that_is_no_kern_fork_exits_with_3(tmp_path: Path, name: str) -> None:
    """The line has the file's own line number, and names what is missing."""
    text, where, what = BAD[name]
    folder = tmp_path / 'it\'s a "folder"'
    folder.mkdir()
    path = folder / "kern fork.c"
    path.write_bytes(text.encode("latin-1"))
    done = forkoracle(tmp_path, "run", "--target", "source", "--kern-fork", str(path))
    assert done.returncode == 3
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith(f"forkoracle: {path}{where}")
    assert what in done.stderr
    assert list(folder.iterdir()) == [path]


def test_a_file_that_is_not_there_exits_with_3(tmp_path: Path) -> None:
    """One line names it."""
    done = forkoracle(tmp_path, "run", "--kern-fork", "/nothing.c")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == (
        "forkoracle: /nothing.c: No such file or directory: expected a kern_fork.c file\n"
    )


def test_without_a_compiler_it_exits_with_3(tmp_path: Path) -> None:
    """One line says what to install or to name."""
    path = tmp_path / "kern_fork.c"
    path.write_text("int x;\n")
    done = forkoracle(tmp_path, "run", "--kern-fork", str(path), CC="no-such-cc")
    assert done.returncode == 3
    assert done.stderr.startswith("forkoracle: no C compiler: expected no-such-cc")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (["--target", "source"], "expected --kern-fork sys/kern/kern_fork.c"),
        (["--target", "local", "--kern-fork", "x.c"], "cannot be combined with --target local"),
        (["--kern-fork", __file__, "--only", "spoon"], "families of the target source are"),
        (["--kern-fork", "x.c", "--kernel", "netbsd"], "cannot be combined with --kernel"),
    ],
)
def test_options_that_do_not_go_together_exit_with_2(
    tmp_path: Path, args: list[str], expected: str
) -> None:
    """One line says what goes with what."""
    done = forkoracle(tmp_path, "run", *args)
    assert (done.returncode, done.stdout) == (2, "")
    assert expected in done.stderr
    assert done.stderr.count("\n") == 1


# -- cases, records, lines ------------------------------------------------------------


def test_a_case_has_the_fields_of_case_def() -> None:
    assert Case._fields == tuple(CASE)
    assert list(Case()) == list(CASE.values())
    assert Case(nprocs=7).nprocs == 7


_ANY = st.fixed_dictionaries(
    {"call": st.integers(0, 5)},
    optional={name: st.integers(-(2**31), 2**62) for name in CASE if name != "call"},
)


@given(_ANY)
def test_a_case_is_read_back_from_its_text(fields: dict[str, int]) -> None:
    """Whatever a case is, its text gives it back."""
    values = Case(**fields)
    assert parse_case(text_of(values)) == values


@pytest.mark.parametrize(
    "text", ["", "fork2", "fork1 flags", "fork1 spoon=1", "fork1 arg=x", "fork1 arg=1 arg=1"]
)
def test_a_text_that_is_no_case_is_refused(text: str) -> None:
    """One line says what was expected."""
    with pytest.raises(CaseError, match="expected"):
        parse_case(text)


@pytest.fixture(scope="module")
def caller(tmp_path_factory: pytest.TempPathFactory) -> Caller:
    """The person's own file, compiled."""
    if not KERN_FORK.is_file():
        pytest.skip("no kern_fork.c: FORKORACLE_KERN_FORK names one")
    folder = tmp_path_factory.mktemp("library")
    return Caller(build(read_source(KERN_FORK), folder, coverage=False).path)


_FLAG = st.sampled_from((0, 1))
_SWITCHES = (
    "no_uarea",
    "no_pid",
    "ratecheck",
    "p_klist",
    "p_tracep",
    "p_textvp",
    "p_path",
    "p_aio",
    "p_raslist",
    "pl_writeable",
    "e_proc_fork",
    "s_ttyvp",
    "traced_by",
    "children",
    "members",
    "trace_enabled",
    "ktr_emul",
    "l_vforkwaiting",
    "stop_release",
)
_POSSIBLE = st.fixed_dictionaries(
    {
        "call": st.integers(0, 5),
        "flags": st.integers(0, 0xFFFF),
        "exitsig": st.integers(0, 63),
        "nprocs": st.integers(0, 110),
        "forkfsleep": st.integers(0, 100),
        "count": st.integers(0, 20),
        "count_p": st.integers(1, 20),
        "rlim_cur": st.integers(0, 25),
        "l_ruid": st.integers(0, 3),
        "l_euid": st.integers(0, 3),
        "p_ruid": st.integers(0, 3),
        "p_flag": st.integers(0, 2**31 - 1),
        "p_sflag": st.integers(0, 2**31 - 1),
        "p_stflag": st.integers(0, 2**31 - 1),
        "p_slflag": st.integers(0, 0x3FF),
        "p_lflag": st.integers(0, 0x7F),
        "p_traceflag": st.integers(0, 2**31 - 1),
        "stop_slflag": st.integers(-1, 0x3FF),
        "wait_slflag": st.integers(-1, 0x3FF),
        "wakeups": st.integers(0, 5),
        "fd": st.integers(0, 2),
    },
    optional=dict.fromkeys(_SWITCHES, _FLAG),
)


@settings(max_examples=400, deadline=None)
@given(fields=_POSSIBLE)
def test_the_file_agrees_with_the_model_in_any_state(
    caller: Caller, fields: dict[str, int]
) -> None:
    """Word by word: whatever stands before the call, the file does what the model does."""
    values = Case(**fields)
    [got] = records(caller, [values])
    assert got == Model(NEWEST).record(values)


def test_a_case_shrinks_to_its_cause(tmp_path: Path) -> None:
    """Of a drawn case that differs only what makes it differ is left."""
    if not KERN_FORK.is_file():
        pytest.skip("no kern_fork.c: FORKORACLE_KERN_FORK names one")
    path = broken(tmp_path / "kern_fork.c", ("PS_STOPEXEC | ", "", 0))
    edited = Caller(build(read_source(path), tmp_path, coverage=False).path)
    model = Model(NEWEST)
    drawn = next(c for c in generated(3, 500) if differs(model, edited, c))
    fields = dict(zip(CASE, minimise(model, edited, drawn), strict=True))
    assert {k: v for k, v in fields.items() if v != CASE[k] and k != "call"} == {
        "p_sflag": 0x01000000
    }
    edited.close()


def test_a_process_that_dies_is_made_anew(caller: Caller) -> None:
    """A case that no caller could make ends its process; those around it are run."""
    good = Case(flags=1)
    bad = Case(call=SYS_FORK, no_retval=1, p_slflag=0x41)
    first, died, last = records(caller, [good, bad, good])
    assert isinstance(died, Died)
    assert died.how == "SIGSEGV"
    assert first == last == Model(NEWEST).record(good)


@needs_kern_fork
def test_the_lines_of_a_clause_follow_an_edit(tmp_path: Path) -> None:
    """In 1.232 itself they are the table's; below an inserted line they are one further."""
    same = lines.lines_in(KERN_FORK)
    for name, clause in clauses().items():
        assert numbers(same[name]) == sorted(set(numbers(clause.lines)))
    moved = lines.lines_in(
        broken(tmp_path / "x.c", ("\tp1 = l1->l_proc;", "\tp1 = l1->l_proc;\n", 0))
    )
    assert moved["SYS-FORK"] == same["SYS-FORK"]
    assert numbers(moved["SUCCESS"]) == [646]
    gone = broken(tmp_path / "y.c", ("\tp2->p_aio = NULL;\n", "", 0))
    assert "NO-AIO" not in lines.lines_in(gone)


@needs_kern_fork
def test_a_moved_statement_is_said_to_be_moved(tmp_path: Path) -> None:
    statement = "\tp2->p_aio = NULL;\n"
    path = broken(tmp_path / "x.c", (statement, "", 0))
    text = path.read_text(encoding="latin-1")
    end = "\tp1 = l1->l_proc;\n"
    path.write_text(text.replace(end, end + "\n\n" + statement, 1), encoding="latin-1")
    line = path.read_text(encoding="latin-1").splitlines().index(statement.rstrip()) + 1
    before = clauses()["NO-AIO"].lines
    found = lines.lines_in(path)["NO-AIO"]
    assert found == f"{line} (moved from {before})"


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        ("p_slflag", 0x44, "PSL_TRACEVFORK_DONE|PSL_TRACED"),
        ("p_flag", 0x102, "PK_SYSTEM|PK_SUGID"),
        ("p_flag", 0x40000001, "0x40000001"),
        ("p_lflag", 0, "0"),
        ("p_acflag", 1, "AFORK"),
        ("p_exitsig", 20, "SIGCHLD"),
        ("p_exitsig", 1515870810, "not set (0x5a5a5a5a)"),
        ("p_acflag", 0x5A5A, "not set (0x5a5a)"),
        ("p_stat", 2, "SACTIVE"),
        ("l_stat", 7, "LSONPROC"),
        ("retval0", -7, "not set"),
        ("retval0", 7, "7"),
        ("l_sigmask", 6, "0x6"),
        ("p_ppid", 99, "99"),
    ],
)
def test_a_number_of_a_record_is_shown_by_its_name(field: str, value: int, text: str) -> None:
    assert number_text(field, value) == text


@needs_kern_fork
def test_a_difference_in_several_families_is_shown_once(tmp_path: Path) -> None:
    """No table of clauses comes before it, unless --clauses asks for one."""
    path = broken(tmp_path / "x.c", ("p2->p_acflag = AFORK", "p2->p_acflag |= AFORK", 0))
    asked = ("run", "--kern-fork", str(path), "--only", "fork-flags,limits")
    done = forkoracle(tmp_path, *asked)
    assert done.returncode == 1, done.stderr
    assert done.stdout.count("ACCOUNTING-FLAG: ") == 1
    assert "ACCOUNTING-FLAG " not in done.stdout
    [where] = re.findall(r"reproduced 3/3; (\d+) other cases fail the same way", done.stdout)
    [total] = re.findall(r" (\d+) differences", done.stdout.splitlines()[-1])
    assert int(where) + 1 == int(total)
    assert "ACCOUNTING-FLAG " in forkoracle(tmp_path, *asked, "--clauses").stdout


def test_a_record_names_each_field_once() -> None:
    """No two words of a record have one label."""
    labels = [field.label for field in RECORD]
    assert len(set(labels)) == len(labels)


# -- mutants ----------------------------------------------------------------------------


@needs_kern_fork
def test_the_fates_of_mutants() -> None:
    """One that does not compile, one that changes nothing, one noticed, one that survives."""
    pytest.importorskip("universalmutator")
    mutation = Mutation(KERN_FORK, workers=1)
    assert len(mutation.mutants) > 1000
    text = mutation.lines

    def at(what: str, new: str) -> Mutant:
        number = next(n for n, line in enumerate(text, 1) if what in line)
        return Mutant(number, text[number - 1].replace(what, new))

    fates = {
        at("p2->p_aio = NULL", "p2->p_aio ="): Fate.BROKEN,
        at("uid_t\t", "uid_t \t"): Fate.SAME,
        at("p2->p_aio = NULL", "p2->p_aio = (void *)1"): Fate.NOTICED,
        at("LIST_INIT(&p2->p_sigwaiters)", "(void)0"): Fate.SURVIVED,
    }
    mutation.mutants = list(fates)
    assert dict(mutation.run()) == fates
    told = mutation.as_json()
    assert (told["noticed"], told["survived"]) == (1, 1)
    assert "+\t(void)0;" in told["survivors"][0]["diff"]


@needs_kern_fork
def test_a_file_that_differs_is_not_mutated(tmp_path: Path) -> None:
    """What is blind cannot be told where the file itself is not seen as right."""
    pytest.importorskip("universalmutator")
    path = broken(tmp_path / "kern_fork.c", ("p2->p_acflag = AFORK", "p2->p_acflag = 0", 0))
    with pytest.raises(TargetError, match="differs from the model already"):
        next(Mutation(path).run())


def test_mutate_needs_a_file(tmp_path: Path) -> None:
    """Without one, and without the variable: usage."""
    done = forkoracle(tmp_path, "mutate")
    assert done.returncode == 2
    assert "expected --kern-fork" in done.stderr
    assert json.dumps(done.stdout) == '""'
