"""Edits that a person makes while debugging: prints, panics, helpers, calls of other functions."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from conformance.errors import TargetError
from conformance.results.result import Verdict
from conformance.results.summary import Summary
from conformance.source.library import build
from conformance.source.run import SourceRun
from conformance.source.sourcefile import read_source
from tests.kern_fork_file import broken, needs_kern_fork

#: Places in fork1: at its begin, where there is no U-area, where the child has been made.
START, NO_UAREA, CHILD = "\tp1 = l1->l_proc;\n", "uaddr == 0)) {\n", "\tp2->p_aio = NULL;\n"
BEFORE_FORK1 = "/*\n * General fork"
INCLUDE = "#include <sys/param.h>\n"
Change = tuple[str, str, int]


def _after(place: str, text: str) -> Change:
    return place, place + text, 0


def _run(tmp_path: Path, *changes: Change) -> Summary:
    run = SourceRun(broken(tmp_path / "kern_fork.c", *changes), ["limits"])
    for _ in run.results():
        pass
    return run.close()


HARMLESS: dict[str, tuple[Change, ...]] = {
    "KASSERT": (_after("sched_proc_fork(p1, p2);\n", "\tKASSERT(mutex_owned(p1->p_lock));\n"),),
    "KASSERTMSG": (
        _after(CHILD, '\tKASSERTMSG(p2->p_stat == SIDL, "%d%%", p2->p_stat);\n'),
    ),
    "panic": (_after(CHILD, '\tif (p2->p_pid == 0)\n\t\tpanic("no pid of %p", p2);\n'),),
    "DIAGNOSTIC": (
        _after(CHILD, "#ifdef DIAGNOSTIC\n\t{ int x __diagused = 1; KASSERT(x); }\n#endif\n"),
    ),
    "DEBUG": (_after(CHILD, "#ifdef DEBUG\n\tno C at all\n#endif\n"),),
    "helper": (
        (BEFORE_FORK1, "struct pair { struct proc *a, *b; };\nstatic bool\n"
         "same(const struct pair *x)\n{\n\treturn x->a == x->b;\n}\n\n" + BEFORE_FORK1, 0),
        _after(CHILD, "\tstruct pair both = { p1, p2 };\n\tKASSERT(!same(&both));\n"),
    ),
    "kmem": (
        _after(INCLUDE, "#include <sys/kmem.h>\n#include <sys/syslog.h>\n"),
        _after(CHILD, "\tvoid *m = kmem_zalloc(9, KM_SLEEP);\n\tkmem_free(m, 9);\n\tdelay(1);\n"),
    ),
    "probe": (
        (BEFORE_FORK1, 'SDT_PROBE_DEFINE1(proc, kernel, , made, "int");\n' + BEFORE_FORK1, 0),
        _after(CHILD, "\tSDT_PROBE1(proc, kernel, , made, flags);\n"),
    ),
    "atomic": (
        (BEFORE_FORK1, "static unsigned int forked;\n" + BEFORE_FORK1, 0),
        _after(CHILD, "\tatomic_inc_uint(&forked);\n\tmembar_release();\n"),
    ),
    "counter by LWP": (
        _after(CHILD, "\tif (l1->l_lid == 0 || curproc != p1 || p1->p_pgrp->pg_id == 0)\n"
               "\t\treturn EINVAL;\n"),
    ),
}  # fmt: skip


@needs_kern_fork
@pytest.mark.parametrize("name", HARMLESS)
def test_a_harmless_edit_agrees(name: str, tmp_path: Path) -> None:
    summary = _run(tmp_path, *HARMLESS[name])
    assert summary.by_verdict[Verdict.AGREES] == summary.scenarios
    assert summary.notes == []


@needs_kern_fork
@pytest.mark.parametrize(
    "call", ["printf(", "uprintf(", "log(LOG_DEBUG, ", "aprint_debug(", "device_printf(NULL, "]
)
def test_a_print_is_shown_once(call: str, tmp_path: Path) -> None:
    text = '"fork1: %s has %d, flags %#x\\n", p1->p_comm, p2->p_pid, 0x10'
    summary = _run(tmp_path, _after(CHILD, f"\t{call}{text});\n"))
    assert summary.by_verdict[Verdict.AGREES] == summary.scenarios
    [note] = summary.notes
    assert note.startswith("it printed, ")
    assert note.endswith(" times: fork1: program has 77, flags 0x10")


@needs_kern_fork
def test_the_control_characters_of_a_print_are_not_shown(tmp_path: Path) -> None:
    summary = _run(tmp_path, _after(START, '\tprintf("a\\033[2Jb\\r\\n");\n'))
    [note] = summary.notes
    assert note.endswith(": a [2Jb")


@needs_kern_fork
def test_endless_formats_are_bounded(tmp_path: Path) -> None:
    text = '\tchar f[9];\n\tsnprintf(f, sizeof f, "%u", nprocs);\n\tprintf(f);\n'
    summary = _run(tmp_path, _after(START, text))
    assert summary.by_verdict[Verdict.AGREES] == summary.scenarios
    assert 0 < len(summary.notes) <= 16


@needs_kern_fork
@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ('panic("no uarea for %d (%s)", p1->p_pid, p1->p_comm);',
         "panic: no uarea for 60 (program)"),
        ('KASSERTMSG(uaddr != 0, "pid %d", p1->p_pid);', "KASSERT(uaddr != 0): pid 60, line "),
        ("KASSERT(uaddr % 5 == 1);", "KASSERT(uaddr % 5 == 1), line "),
        ("KASSERT(mutex_owned(p1->p_lock));", "KASSERT(mutex_owned(p1->p_lock)), line "),
        ("kmem_alloc(1 << 30, KM_SLEEP);", "kmem_alloc: more than 1 MiB in one case"),
    ],
)  # fmt: skip
def test_a_panic_that_is_reached_is_a_difference(
    statement: str, message: str, tmp_path: Path
) -> None:
    summary = _run(tmp_path, _after(NO_UAREA, f"\t\t{statement}\n"))
    [result] = summary.differences
    assert result.clause == "UAREA-FAILURE"
    assert (result.observed or ("",))[0].startswith(message)
    assert summary.by_verdict[Verdict.AGREES] + result.number == summary.scenarios


POINTER = (
    "\t\tstruct proc *q;\n\n\t\tq =\n\t\t    proc_find(1);\n\t\tif (q != NULL)\n\t\t\treturn 0;\n"
)
UNKNOWN = {
    "undeclared": (_after(NO_UAREA, "\t\tkcov_clear(p1, 0);\n"), "kcov_clear"),
    "a pointer": (_after(NO_UAREA, POINTER), "proc_find"),
    "declared": (
        _after(NO_UAREA, "\t\textern struct pgrp *pgrp_find(pid_t);\n\t\tpgrp_find(1);\n"),
        "pgrp_find",
    ),
    "the host's": (_after(NO_UAREA, "\t\tpsignal(p1, 9);\n"), "psignal"),
}


@needs_kern_fork
@pytest.mark.parametrize("compiler", ["gcc", "clang"])
@pytest.mark.parametrize("name", UNKNOWN)
def test_a_case_that_calls_an_unknown_function_is_not_decided(
    name: str, compiler: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if shutil.which(compiler) is None:
        pytest.skip(f"no {compiler}")
    monkeypatch.setenv("CC", compiler)
    change, function = UNKNOWN[name]
    summary = _run(tmp_path, change)
    reason = f"it called {function}(), which forkoracle does not know"
    assert set(summary.reasons) == {reason}
    assert summary.differences == []
    assert summary.by_verdict[Verdict.AGREES] + summary.reasons[reason] == summary.scenarios
    assert not any("no case reached it" in note for note in summary.notes)


@needs_kern_fork
@pytest.mark.parametrize("name", UNKNOWN)
def test_an_unknown_function_that_is_not_reached_is_a_note(name: str, tmp_path: Path) -> None:
    (place, text, at), function = UNKNOWN[name]
    changed = text.replace(place, place + "\t\tif (p1->p_pid == 0) {\n") + "\t\t}\n"
    summary = _run(tmp_path, (place, changed, at))
    assert summary.by_verdict[Verdict.AGREES] == summary.scenarios
    assert summary.notes == [
        f"it calls {function}(), which forkoracle does not know; no case reached it"
    ]


REFUSED = {
    "a variable": (_after(NO_UAREA, "\t\tif (my_switch)\n\t\t\treturn 0;\n"), "it uses my_switch"),
    "an extern variable": (
        _after(NO_UAREA, "\t\textern int my_switch;\n\t\tif (my_switch)\n\t\t\treturn 0;\n"),
        "it uses my_switch",
    ),
    "a type": (_after(NO_UAREA, "\t\tunheard_t x;\n"), "unknown type name 'unheard_t'"),
    "a field": (_after(NO_UAREA, "\t\tp1->p_new = 1;\n"), "it uses the field p_new"),
    "a field of what is returned": (
        _after(NO_UAREA, "\t\treturn proc_find(1)->p_stat;\n"), "expected C that compiles"
    ),
    "a pointer as a number": (
        _after(NO_UAREA, "\t\tcount = p1;\n"), "expected C that compiles"
    ),
    "a name of ours": ((BEFORE_FORK1, "int hash;\n" + BEFORE_FORK1, 0), "it defines hash"),
}  # fmt: skip


@needs_kern_fork
@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_compile_is_refused_in_one_line(name: str, tmp_path: Path) -> None:
    change, expected = REFUSED[name]
    path = broken(tmp_path / "kern_fork.c", change)
    (tmp_path / "objects").mkdir()
    with pytest.raises(TargetError) as caught:
        build(read_source(path), tmp_path / "objects", coverage=False)
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)
