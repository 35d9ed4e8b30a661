"""Which scenarios are run and shown: `--only`, `--scenarios`, `--show`, `forkoracle scenarios`."""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance.scenarios.families import FAMILIES
from conformance.scenarios.selection import SelectionError, read_scenarios, select
from reference_model import parse
from tests.command import forkoracle

ONE = "scenario mine/one\nabout SYS-FORK\nP: fork C\nC: exit 3\nP: wait4 C\n"
TWO = "scenario mine/two\nabout PARENT\nP: fork C\nC: getppid\n"
YOURS = "scenario yours/one\nabout SYS-FORK\nP: fork -\nP: wait4 any\n"
WRONG = "scenario mine/wrong\nabout CLONE-CSIGNAL\nP: __clone SIG200 -\nP: wait4 - WALLSIG\n"


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def ran(folder: Path, *arguments: str) -> list[str]:
    """Runs scenarios with --show; returns the names of those that were run."""
    done = forkoracle(folder, "run", "--target", "local", "--show", *arguments)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    return [line.partition(":")[0] for line in lines if line.endswith(": agrees")]


def test_scenarios_given_twice_adds_up(tmp_path: Path) -> None:
    a, b = write(tmp_path / "a", ONE + "\n" + TWO), write(tmp_path / "b", YOURS)
    names = ["mine/one", "mine/two", "yours/one"]
    assert ran(tmp_path, "--scenarios", str(a), "--scenarios", str(b)) == names


def test_only_selects_in_the_scenarios_of_a_file(tmp_path: Path) -> None:
    file = str(write(tmp_path / "a", "\n".join((ONE, TWO, YOURS))))
    assert ran(tmp_path, "--scenarios", file, "--only", "mine") == ["mine/one", "mine/two"]
    assert ran(tmp_path, "--scenarios", file, "--only", "PARENT,yours/one") == [
        *("mine/two", "yours/one")
    ]


def test_two_files_with_one_name_are_refused(tmp_path: Path) -> None:
    paths = [write(tmp_path / "a", ONE), write(tmp_path / "b", ONE)]
    with pytest.raises(SelectionError, match=r"scenario mine/one is in .*/a, too"):
        read_scenarios(paths)


def test_names_with_commas_and_names_given_twice_are_the_same(tmp_path: Path) -> None:
    given_twice = forkoracle(tmp_path, "scenarios", "--only", "nproc", "--only", "VFORK-WAIT")
    with_comma = forkoracle(tmp_path, "scenarios", "--only", "nproc,VFORK-WAIT")
    assert given_twice.stdout == with_comma.stdout
    names = given_twice.stdout.splitlines()
    assert names == [s.name for s in select(["nproc", "VFORK-WAIT"])]
    assert len(names) > 50


def test_a_star_stands_for_anything_in_a_name() -> None:
    found = {scenario.name for scenario in select(["vfork/*/memory"])}
    calls = ("fork", "vfork", "__vfork14")
    assert {f"vfork/{call}/memory" for call in calls} < found
    assert all(name.startswith("vfork/") and name.endswith("/memory") for name in found)
    bar = "lattice/*/__vfork14/PTRACE_FORK|PTRACE_VFORK/*"
    assert {s.name.split("/")[3] for s in select([bar])} == {"PTRACE_FORK|PTRACE_VFORK"}


def test_every_scenario_is_found_by_its_name() -> None:
    for family in FAMILIES.values():
        scenario = family.scenarios()[-1]
        assert select([scenario.name]) == [scenario]


def test_one_scenario_is_run_and_shown_by_its_name(tmp_path: Path) -> None:
    done = forkoracle(tmp_path, "run", "--target", "local", "--only", "vfork/fork/memory", "--show")
    assert done.returncode == 0, done.stderr
    assert "vfork/fork/memory: agrees\n    step" in done.stdout
    [head] = [line for line in done.stdout.splitlines() if line.startswith("    step")]
    assert head.split() == ["step", "expected", "observed"]
    steps = select(["vfork/fork/memory"])[0].calls()
    assert all(f"    {step}" in done.stdout for step in steps)


def test_show_marks_the_wrong_step_of_a_difference(tmp_path: Path) -> None:
    file = str(write(tmp_path / "a", WRONG))
    done = forkoracle(tmp_path, "run", "--target", "local", "--scenarios", file, "--show")
    assert done.returncode == 1
    assert "mine/wrong: difference\n    step" in done.stdout
    assert "  > P: __clone SIG200 -  EINVAL    " in done.stdout


def test_a_shown_scenario_can_be_read_back(tmp_path: Path) -> None:
    done = forkoracle(tmp_path, "scenarios", "vfork/fork/*")
    assert done.returncode == 0
    assert parse(done.stdout) == select(["vfork/fork/*"])
    assert "#   step " in done.stdout


def test_the_names_go_through_a_pipe_that_is_closed(tmp_path: Path) -> None:
    names = forkoracle(tmp_path, "scenarios", "--only", "validation").stdout.splitlines()
    assert len(names) == len(FAMILIES["validation"].scenarios())
    assert all(name.startswith("validation/") for name in names)


def test_a_clause_says_what_it_says(tmp_path: Path) -> None:
    done = forkoracle(tmp_path, "clauses", "VFORK-WAIT", "PARENT")
    assert done.returncode == 0
    text = " ".join(done.stdout.split())
    assert "sleeps until the child execs or exits" in text
    assert "kern_fork.c 1.232, lines 629-634" in text
    assert "reference_model/kern_fork.py, line" in text
    assert "by a user program, on a running kernel" in text
    assert "lattice lwp nproc trace vfork" in text
    assert done.stdout.startswith("PARENT\n")
    assert "\nVFORK-WAIT\n" in done.stdout


def test_no_word_of_the_clauses_is_cut_at_80_columns(tmp_path: Path) -> None:
    ran = forkoracle(
        tmp_path, "run", "--target", "local", "--only", "CHILD-KTRACE,VFORK-WAIT,nproc"
    )
    assert ran.returncode == 0, ran.stderr
    done = forkoracle(tmp_path, "clauses", COLUMNS="80")
    assert max(map(len, done.stdout.splitlines()[:100])) <= 80
    text = " ".join(done.stdout.split())
    for word in ("last run", "not decided", "wholesystem", "validation", "known difference"):
        assert word in text
