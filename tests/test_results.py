"""The results as a value: JSON, interrupted runs, and files that are no results."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from conformance.report.junit import write_junit
from conformance.report.pr.entry import entries
from conformance.report.pr.page import page
from conformance.results.result import Cases, Result, Verdict
from conformance.results.results import Results, ResultsError
from conformance.results.status import exit_status
from conformance.results.summary import Summary
from conformance.runs.minimise import minimised
from conformance.runs.run import Run
from conformance.verdicts.ranking import results_of
from reference_model import Log, Scenario, predict
from reference_model.language.answer import NotDecided
from tests.command import forkoracle
from tests.results_files import NETBSD, but, panicked, seen, summary
from tests.scenarios import steps
from tests.test_runner import Scripted

VFORK = steps("vfork/a", "VFORK-WAIT", "P: vfork C", "C: exit 0", "P: wait4 C [EXIT-SIGNAL]")
FORK = [steps(f"{name}", "SYS-FORK", "P: fork C") for name in ("a/1", "a/2", "a/3", "b/1")]
WRONG = seen(VFORK, but(VFORK, s0="C"))


class Interrupted(Scripted):
    """A target that is interrupted after *after* answers. The scenario *wrong* differs."""

    def __init__(self, after: int, wrong: str = "") -> None:
        super().__init__({})
        self.left, self.wrong = after, wrong

    def run(self, scenarios: Sequence[Scenario]) -> Iterator[tuple[Scenario, Log]]:
        for scenario in scenarios:
            if not self.left:
                raise KeyboardInterrupt
            self.left -= 1
            log = predict(scenario, self.options)
            yield scenario, ("EPERM",) if scenario.name == self.wrong else log


def interrupted(after: int, wrong: str = "") -> Summary:
    run = Run(Interrupted(after, wrong), FORK)
    with pytest.raises(KeyboardInterrupt):
        list(run.results())
    return run.close(interrupted=True)


def junit(path: Path, made: Summary) -> dict[tuple[str, str], tuple[str, str]]:
    """The outcome of each case and its message, by suite and name."""
    write_junit(path, made)
    found = {}
    for suite in ElementTree.parse(path).getroot():
        kinds = [child.tag for case in suite for child in case]
        for kind, count in (("failure", "failures"), ("skipped", "skipped"), ("error", "errors")):
            assert int(suite.get(count, "")) == kinds.count(kind)
        assert int(suite.get("tests", "")) == len(suite)
        for case in suite:
            outcome = next(((child.tag, child.get("message", "")) for child in case), ("ok", ""))
            found[suite.get("name", ""), case.get("name", "")] = outcome
    return found


def test_an_interrupted_run_is_not_green_in_junit(tmp_path: Path) -> None:
    assert junit(tmp_path / "r.xml", interrupted(2)) == {
        ("a", "SYS-FORK"): ("error", "interrupted: 2 of 3 scenarios run"),
        ("b", "SYS-FORK"): ("skipped", "interrupted: not run"),
        ("interrupted", "run"): ("error", "interrupted: 2 of 4 scenarios run"),
    }


def test_a_case_that_was_done_before_the_end_passes(tmp_path: Path) -> None:
    found = junit(tmp_path / "r.xml", interrupted(3))
    assert found["a", "SYS-FORK"] == ("ok", "")
    assert found["b", "SYS-FORK"] == ("skipped", "interrupted: not run")


def test_a_difference_before_the_end_is_a_failure(tmp_path: Path) -> None:
    found = junit(tmp_path / "r.xml", interrupted(2, "a/1"))
    assert found["a", "SYS-FORK"] == ("failure", "1 of 2 scenarios differ from kern_fork.c")


def test_an_unknown_rest_leaves_no_case_green(tmp_path: Path) -> None:
    made = summary([seen(VFORK, predict(VFORK, Scripted.options))])
    made.interrupt(None)
    assert set(junit(tmp_path / "r.xml", made).values()) == {
        ("error", "interrupted: 1 scenario run")
    }


def test_a_run_that_ended_has_no_case_for_that(tmp_path: Path) -> None:
    run = Run(Interrupted(9), FORK)
    assert len(list(run.results())) == 4
    assert set(junit(tmp_path / "r.xml", run.close()).values()) == {("ok", "")}


def test_json_says_how_many_were_not_run() -> None:
    made = interrupted(1)
    data = results_of(made).to_json()
    assert (data["interrupted"], data["not_run"], data["summary"]["scenarios"]) == (True, 3, 1)
    assert exit_status(made) == 130
    made.interrupt(None)
    assert results_of(made).to_json()["not_run"] is None


def everything() -> Results:
    """A run with one of everything."""
    made = summary([WRONG, panicked(VFORK, "uvm_fault")])
    made.add(seen(FORK[0], predict(FORK[0], Scripted.options)))
    made.add(replace(WRONG, verdict=Verdict.KNOWN, pr="kern/1", times=(2, 3), number=7))
    made.add(Result(FORK[1], Verdict.KNOWN, "SYS-FORK", known=("linux-x",)))
    made.add(seen(FORK[2], NotDecided("no time")))
    made.notes.append("a note")
    return results_of(made)


def test_results_are_the_same_after_json() -> None:
    results = everything()
    again = Results.from_json(json.loads(json.dumps(results.to_json())))
    assert again == results
    assert again.to_json() == results.to_json()


def test_cases_are_the_same_after_json() -> None:
    made = Summary("source", NETBSD, clause_lines={"CLONE-FS": "170-171"})
    subject = Cases("clone", ("CLONE-FS",), "sys___clone flags=0x200", ("call 11",))
    made.add(Result(subject, Verdict.DIFFERENCE, "CLONE-FS", (("a",),), ("b",), step=0))
    results = results_of(made)
    assert Results.from_json(results.to_json()) == results
    assert results.differences[0].lines == "170-171"


def test_results_of_older_versions_are_read() -> None:
    data = everything().to_json()
    for key in ("items", "not_run", "issues", "gone", "notes", "coverage"):
        del data[key]
    for entry in data["differences"]:
        del entry["number"]
    old = Results.from_json(data)
    assert len(old.differences) == 2
    assert "all families" in page(old, entries(old))


@pytest.mark.parametrize(
    ("where", "value"),
    [
        (("target",), 7),
        (("kernel", "system"), None),
        (("summary", "scenarios"), "many"),
        (("summary", "agrees"), True),
        (("clauses", "SYS-FORK"), {"no verdict": 1}),
        (("differences",), {}),
        (("differences", 0, "of"), 0),
        (("differences", 0, "observed"), [1, 2, 3]),
        (("differences", 0, "expected"), [["C"]]),
        (("differences", 0, "step"), "0"),
        (("issues", 0, "pr"), ["kern/1"]),
    ],
)
def test_a_value_of_another_kind_is_refused(where: tuple[str | int, ...], value: object) -> None:
    data: Any = everything().to_json()
    place = data
    for key in where[:-1]:
        place = place[key]
    place[where[-1]] = value
    with pytest.raises(ResultsError, match=r"^results cut short or unknown: [^\n]{1,400}$"):
        Results.from_json(data)


def test_each_family_has_the_counts_of_its_own_clauses() -> None:
    made = summary([seen(s, predict(s, Scripted.options)) for s in FORK])
    results = results_of(made)
    assert results.items == {
        "a": {"SYS-FORK": {Verdict.AGREES: 3}},
        "b": {"SYS-FORK": {Verdict.AGREES: 1}},
    }
    rows = page(results, []).partition('<table class="clauses">')[2].split('<tr><th colspan="5">')
    numbers = [row.partition('<td class="number">')[2].partition("<")[0] for row in rows[1:]]
    assert numbers == ["3", "1"]


def test_a_minimised_scenario_has_a_name_of_its_own() -> None:
    longer = steps("vfork/a", "VFORK-WAIT", "P: store 1", "P: vfork C", "C: exit 0", "P: wait4 C")

    class Returns(Scripted):
        def run(self, scenarios: Sequence[Scenario]) -> Iterator[tuple[Scenario, Log]]:
            for scenario in scenarios:
                right = zip(scenario.steps, predict(scenario, self.options), strict=True)
                yield scenario, tuple("C" if s.verb == "vfork" else r for s, r in right)

    target = Returns({})
    difference = seen(longer, but(longer, s1="C"))
    short = minimised(difference, target, lambda _: True)
    assert (short.scenario.name, len(short.scenario.calls())) == ("vfork/a/minimised", 3)
    assert minimised(short, target, lambda _: True).scenario.name == "vfork/a/minimised"


def sparse(path: Path) -> Path:
    with path.open("wb") as file:
        file.truncate(1 << 30)
    return path


def folder(path: Path) -> Path:
    path.mkdir()
    return path


def silent_pipe(path: Path) -> Path:
    os.mkfifo(path)
    return path


def deep(path: Path) -> Path:
    path.write_text("[" * 1_000_000)
    return path


@pytest.mark.parametrize("make", [sparse, folder, silent_pipe, deep, lambda _: Path("/dev/zero")])
def test_what_is_no_results_file_is_refused_in_a_line(tmp_path: Path, make: Any) -> None:
    path = make(tmp_path / "results")
    for command in (["clauses", "--results", str(path)], ["report", str(path), "-o", "out"]):
        done = forkoracle(tmp_path, *command)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith(f"forkoracle: {path}: ")
        assert done.stderr.count("\n") == 1
        assert len(done.stderr) < 400
