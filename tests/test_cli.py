"""The command: exit statuses, one-line errors, and the files that it writes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from conformance.scenarios.selection import select
from reference_model import parse
from reference_model.clauses import clauses
from tests.command import COMMAND, environment, forkoracle, forkoracle_broken

GOOD = "scenario mine/one\nabout SYS-FORK\nP: fork C\nC: exit 3\nP: wait4 C\n"
BREAK = ("p2.p_vforklwp = l1", "p2.p_vforklwp = l1; l1.l_vforkwaiting = False")


def write(folder: Path, text: str) -> str:
    path = folder / "input"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_a_run_that_agrees_exits_with_0(tmp_path: Path) -> None:
    """Scenarios of a file: the first line names the target, the last one counts."""
    done = forkoracle(tmp_path, "run", "--target", "local", "--scenarios", write(tmp_path, GOOD))
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].startswith("target local: ")
    assert lines[-1].startswith("1 scenario in ")
    assert lines[-1].endswith("s: 1 agrees, 0 differences")


RESULTS = '{"format": 99, "summary": {}, "clauses": {}, "differences": []}'
USAGE = {
    "unknown target": (["run", "--target", "vax"], None, "expected auto, local"),
    "unknown family": (["run", "--only", "spoon"], None, "families are validation, sharing"),
    "unknown clause": (["run", "--only", "SYS-SPOON"], None, "'forkoracle clauses' lists"),
    "clause without scenarios": (["run", "--only", "HOOKS"], None, "no scenario is about HOOKS"),
    "no such file": (["run", "--scenarios", "/nothing"], None, "No such file"),
    "no scenario": (["run", "--scenarios"], "# none\n", "no scenario in it"),
    "bad scenario": (["run", "--scenarios"], GOOD + "P: spoon\n", "line 6: 'P: spoon'"),
    "bad clause": (["run", "--scenarios"], GOOD.replace("SYS-FORK", "SYS-SPOON"), "SYS-SPOON"),
    "not text": (["run", "--scenarios"], "\udcff", "utf-8"),
    "both": (["run", "--only", "nproc", "--scenarios"], GOOD, "families are mine"),
    "no folder": (["run", "--only", "nproc", "--json", "/nothing/at/all"], None, "no folder"),
    "another format": (["clauses", "--results"], RESULTS, "results of format 99"),
    "no results": (["clauses", "--results"], "{}", "expected an object with 'format'"),
    "not JSON": (["clauses", "--results"], "{", "not a results file"),
    "cut short": (["clauses", "--results"], '{"format": 1}', "cut short"),
}


@pytest.mark.parametrize("name", USAGE)
def test_bad_input_is_one_line_and_exits_with_2(tmp_path: Path, name: str) -> None:
    """One line says what is wrong and what is allowed. No scenario runs."""
    args, text, expected = USAGE[name]
    if text is not None:
        path = tmp_path / "input"
        path.write_bytes(text.encode("utf-8", "surrogateescape"))
        args = [*args, str(path)]
    done = forkoracle(tmp_path, *args)
    assert (done.returncode, done.stdout) == (2, "")
    assert expected in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("forkoracle")


def test_a_target_that_cannot_run_exits_with_3(tmp_path: Path) -> None:
    """No probe can be built: one line that says so."""
    done = forkoracle(
        tmp_path,
        *("run", "--target", "local", "--only", "vfork"),
        CC="/bin/false",
        XDG_CACHE_HOME=str(tmp_path / "cache"),
    )
    assert done.returncode == 3
    assert done.stderr == "forkoracle: cannot build the probe for host: no message\n"


def test_differences_exit_with_1_and_are_told(tmp_path: Path) -> None:
    """With a broken model: each in the terminal, in the JSON as designed, and in the JUnit."""
    results, junit = tmp_path / "out.json", tmp_path / "out.xml"
    done = forkoracle_broken(
        tmp_path,
        *BREAK,
        *("run", "--target", "local", "--only", "SYS-VFORK14"),
        *("--json", str(results), "--junit", str(junit)),
    )
    assert done.returncode == 1, done.stderr
    assert f"VFORK-WAIT: {clauses()['VFORK-WAIT'].says}" in done.stdout
    assert "\n  > P: " in done.stdout
    data: dict[str, Any] = json.loads(results.read_text(encoding="utf-8"))
    assert (data["format"], data["target"]) == (1, "local")
    assert {"system", "release", "machine", "kern_fork"} <= data["kernel"].keys()
    summary = data["summary"]
    assert summary.keys() == {"scenarios", "agrees", "known", "differences", "not_decided"}
    assert summary["scenarios"] == len(select(["SYS-VFORK14"]))
    assert summary["scenarios"] == sum(n for name, n in summary.items() if name != "scenarios")
    assert summary["differences"] == len(data["differences"]) > 0
    for difference in data["differences"]:
        [scenario] = parse(difference["scenario"])
        assert difference["family"] == scenario.family == "vfork"
        assert difference["clause"] in clauses()
        assert list(difference["observed"]) not in difference["expected"]
        assert (difference["times"], difference["of"]) == (3, 3)
    suites = ElementTree.parse(junit).getroot()
    suite = next(suite for suite in suites if suite.get("name") == "vfork")
    cases = suite.findall("testcase")
    failed = {case.get("name") for case in cases if case.find("failure") is not None}
    assert failed == {difference["clause"] for difference in data["differences"]}
    assert (suite.get("name"), suite.get("tests")) == ("vfork", str(len(cases)))
    assert suite.get("failures") == str(len(failed))


def test_clauses_as_json(tmp_path: Path) -> None:
    """A list of objects: clause, modelled, families, observe, in the C file's order."""
    path = tmp_path / "clauses.json"
    assert forkoracle(tmp_path, "clauses", "--json", str(path)).returncode == 0
    rows = json.loads(path.read_text(encoding="utf-8"))
    assert [row["clause"] for row in rows] == list(clauses())
    assert all(row["modelled"] is True for row in rows)
    assert all(row["observe"] == clauses()[row["clause"]].observe for row in rows)
    families = {row["clause"]: row["families"] for row in rows}
    assert families["NPROC-BYPASS"] == ["nproc"]
    assert families["HOOKS"] == []


def test_clauses_shows_the_last_run(tmp_path: Path) -> None:
    """The table has the results of the last run of families, and not those of a file."""
    forkoracle(tmp_path, "run", "--target", "local", "--scenarios", write(tmp_path, GOOD))
    assert "Last results" not in forkoracle(tmp_path, "clauses").stdout
    forkoracle(tmp_path, "run", "--target", "local", "--only", "RETURN-VALUES")
    done = forkoracle(tmp_path, "clauses")
    assert done.returncode == 0
    assert "Last results: local, " in done.stdout
    assert "77 clauses, 77 in the model" in done.stdout


def test_clauses_reads_the_results_that_run_writes(tmp_path: Path) -> None:
    """--results reads the file that --json wrote."""
    path = tmp_path / "out.json"
    forkoracle(tmp_path, "run", "--target", "local", "--only", "PARENT", "--json", str(path))
    done = forkoracle(tmp_path, "clauses", "--results", str(path))
    assert (done.returncode, done.stderr) == (0, "")
    [line] = [line for line in done.stdout.splitlines() if line.startswith("PARENT ")]
    assert "agrees" in line


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--programs", "many"], "--programs many: expected a number of programs, or 30s"),
        (["--programs", "0"], "--programs 0: expected a number of programs, or 30s"),
        (["--programs", "5", "--only", "vfork"], "--only and --programs cannot be combined"),
        (["--kern-fork", "x.c", "--programs", "5"], "--kern-fork has its own cases"),
    ],
)
def test_programs_are_asked_for_by_number_or_time(
    tmp_path: Path, arguments: list[str], says: str
) -> None:
    """Impossible arguments give one line and exit status 2."""
    done = forkoracle(tmp_path, "run", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"forkoracle: {says}")
    assert done.stderr.count("\n") == 1


def test_max_stuck_is_not_negative(tmp_path: Path) -> None:
    """Impossible arguments give one line and exit status 2."""
    done = forkoracle(tmp_path, "run", "--max-stuck", "-1")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "forkoracle: --max-stuck -1: expected 0 or more\n"


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel here has to be another one")
def test_programs_are_for_netbsd(tmp_path: Path) -> None:
    """Generated programs need NetBSD: on Linux their outcomes are not known."""
    done = forkoracle(tmp_path, "run", "--target", "local", "--programs", "5")
    assert done.returncode == 2
    assert "this is Linux: expected --kernel or --host" in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can take a nice value back")
def test_scenarios_start_with_nice_value_0(tmp_path: Path) -> None:
    """The scenarios' processes begin with the nice value 0, whatever the command was given."""
    done = subprocess.run(
        ["nice", "-n", "10", COMMAND, "run", "--only", "inherited"],
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, "")
