"""Known issues of the user's in a run: counted as known, told in every output, news once gone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.command import forkoracle

SCENARIOS = """\
scenario mine/ptrace
about CLONE-PTRACE
P: __clone CLONE_PTRACE|SIGCHLD -

scenario mine/signal
about CLONE-CSIGNAL
P: __clone SIG200 -

scenario mine/parent
about PARENT
P: getppid
"""
PTRACE = '[[issue]]\npr = "kern/1"\nclause = "CLONE-PTRACE"\ncall = "P: __clone *"\nseen = "-"\n'
SIGNAL = '[[issue]]\npr = "kern/2"\nclause = "CLONE-CSIGNAL"\n'
GONE = '[[issue]]\npr = "kern/3"\nclause = "PARENT"\n'


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "s.txt").write_text(SCENARIOS)
    return tmp_path


def run(files: Path, issues: str, *more: str) -> tuple[int, str, dict[str, Any]]:
    """The exit status, what was said, and the results."""
    (files / "known.toml").write_text(issues)
    done = forkoracle(
        files, "run", "--target", "local", "--scenarios", str(files / "s.txt"),
        "--known", str(files / "known.toml"), "--json", str(files / "r.json"),
        "--junit", str(files / "r.xml"), *more,
    )  # fmt: skip
    assert not done.stderr
    return done.returncode, done.stdout, json.loads((files / "r.json").read_text())


def test_known_issues_are_no_news(files: Path) -> None:
    """A run in which only known issues differ ends with 0; with one less known, with 1."""
    for issues, status, counts in ((PTRACE + SIGNAL, 0, (2, 0)), (PTRACE, 1, (1, 1))):
        got, said, results = run(files, issues)
        assert got == status
        summary = results["summary"]
        assert (summary["known"], summary["differences"]) == counts
        assert [issue["pr"] for issue in results["issues"]] == ["kern/1", "kern/2"][: counts[0]]
        assert len(results["differences"]) == counts[1]
        assert "known issue      1  kern/1\n" in said
        assert "gone" not in said


def test_junit_names_the_problem_report(files: Path) -> None:
    """In JUnit a known issue is skipped with the PR's number, one that is not known fails."""
    run(files, PTRACE)
    cases = {case.get("name"): case for case in ElementTree.parse(files / "r.xml").iter("testcase")}
    skipped = cases["CLONE-PTRACE"].find("skipped")
    assert skipped is not None
    assert skipped.get("message") == "known: kern/1 (1)"
    assert cases["CLONE-CSIGNAL"].find("failure") is not None
    assert list(cases["PARENT"]) == []


def test_an_issue_that_is_gone_is_reported(files: Path) -> None:
    """An issue whose clause is as it should be is told in the text, in JSON and in JUnit."""
    status, said, results = run(files, PTRACE + SIGNAL + GONE)
    assert status == 0
    assert "gone kern/3 no longer occurs: remove it from --known" in said
    assert results["gone"] == [{"pr": "kern/3", "clause": "PARENT"}]
    [case] = [
        c for c in ElementTree.parse(files / "r.xml").iter("testcase") if c.get("name") == "kern/3"
    ]
    assert case.findtext("system-out") == "kern/3 no longer occurs: remove it from --known"


def test_the_report_knows_them_too(files: Path) -> None:
    """``run --report --known`` says of a problem that it is known; a later report does, too."""
    out = files / "out"
    status, said, _ = run(files, PTRACE + GONE, "--report", str(out))
    assert status == 1
    assert "with this cause (known: kern/1)" in said
    assert said.count("known: ") == 1
    assert "gone: kern/3 no longer occurs" in said
    assert "Known issue: kern/1." in (out / "index.html").read_text()
    done = forkoracle(files, "report", str(files / "r.json"), "-o", str(files / "later"))
    assert "with this cause (known: kern/1)" in done.stdout
    assert "gone: kern/3 no longer occurs" in done.stdout


def test_a_bad_file_is_one_line(files: Path) -> None:
    """A file of known issues that is wrong ends the run before it begins."""
    (files / "known.toml").write_text('[[issue]]\npr = "kern/1"\n')
    done = forkoracle(files, "run", "--known", str(files / "known.toml"))
    assert done.returncode == 2
    assert "expected a table with pr and clause" in done.stderr
    assert done.stderr.count("\n") == 1
