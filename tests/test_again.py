"""A difference is run again: how often it comes, and in how few steps."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from conformance.report.pr import again
from conformance.report.pr.again import AT_LEAST, TIMES, asked_again
from conformance.results.result import Result
from conformance.targets.local import LocalTarget
from conformance.verdicts.ranking import results_of
from reference_model import Log, Scenario, predict
from tests.command import forkoracle
from tests.results_files import but, panicked, seen, summary
from tests.scenarios import steps
from tests.test_runner import Scripted

VFORK = steps(
    "vfork/a", "VFORK-WAIT", "P: store 1", "P: vfork C", "C: exit 0", "P: wait4 C [EXIT-SIGNAL]"
)
NOT_HELD = seen(VFORK, but(VFORK, s1="C"))
CLONE = "scenario mine/x\nabout CLONE-PTRACE\nP: umask 07\nP: __clone CLONE_PTRACE|SIGCHLD -\n"


class Kernel(Scripted):
    """A kernel whose vfork does not block in its first *times* runs.

    With *leaks*, a store is seen by every later scenario of the same probe.
    """

    def __init__(self, times: int, *, leaks: bool = False) -> None:
        super().__init__({})
        self.times = times
        self.leaks = leaks
        self.stored = False

    def restart(self) -> None:
        self.stored = False

    def run(self, scenarios: Sequence[Scenario]) -> Iterator[tuple[Scenario, Log]]:
        for scenario in scenarios:
            self.asked.append(scenario.name)
            broken = not self.leaks and len(self.asked) <= self.times
            log = []
            for step, right in zip(scenario.steps, predict(scenario, self.options), strict=True):
                self.stored |= step.verb == "store"
                wrong = (broken and step.verb == "vfork") or (self.stored and step.verb == "load")
                log.append({"vfork": "C", "load": "77"}[step.verb] if wrong else right)
            yield scenario, tuple(log)


def asked(results: Sequence[Result], target: Scripted, **options: Any) -> dict[str, Any]:
    again = asked_again(results_of(summary(results)), target, **options)
    [entry] = again.to_json()["differences"]
    return dict(entry)


@pytest.mark.parametrize("times", [0, 3, TIMES])
def test_how_often_it_is_seen(times: int) -> None:
    """A problem's scenario runs twenty times: it differs in 20, in 3, or in none."""
    entry = asked([NOT_HELD], Kernel(times), minimises=False)
    assert (entry["times"], entry["of"]) == (times, TIMES)
    assert entry["scenario"] == VFORK.text()


def test_so_often_as_was_asked_for() -> None:
    """--repeat says how often."""
    entry = asked([NOT_HELD], Kernel(100), times=7, minimises=False)
    assert (entry["times"], entry["of"]) == (7, 7)


def test_slow_scenarios_are_run_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the time is up the report says how often it was run, but no less often than any run."""
    monkeypatch.setattr(again, "SECONDS", 0.0)
    entry = asked([NOT_HELD], Kernel(100), minimises=False)
    assert (entry["times"], entry["of"]) == (AT_LEAST, AT_LEAST)


def test_it_is_cut_down_to_the_same_cause() -> None:
    """Shorter, with the same call and the same wrong answer."""
    entry = asked([NOT_HELD], Kernel(10_000), minimises=True)
    assert "\nP: vfork C\n" in entry["scenario"]
    assert "store" not in entry["scenario"]
    assert entry["observed"][entry["step"]] == "C"


def test_minimising_is_not_misled_by_an_earlier_scenario() -> None:
    """A scenario that differs only after an earlier one is not minimised to nothing."""
    scenario = steps("a/b", "ADDRESS-SPACE", "P: umask 07", "P: store 1", "P: load")
    result = seen(scenario, but(scenario, s2="77"))
    entry = asked([result], Kernel(0, leaks=True), minimises=True)
    assert entry["scenario"].splitlines()[2:] == ["P: store 1", "P: load"]
    assert (entry["times"], entry["of"]) == (TIMES, TIMES)


def test_a_shared_kernel_is_not_made_to_panic_again() -> None:
    """A scenario that made a kernel panic does not run again on a shared machine."""
    kernel = Kernel(100)
    kernel.ours = False
    entry = asked([panicked(VFORK, "panic")], kernel, minimises=True)
    assert (entry["times"], kernel.asked) == (1, [])


def test_report_asks_the_kernel_that_is_named(tmp_path: Path, local: LocalTarget) -> None:
    """``report --target local`` cuts down, counts, and runs the program, also after --json."""
    scenario, results = tmp_path / "s.txt", tmp_path / "r.json"
    scenario.write_text(CLONE)
    done = forkoracle(tmp_path, "run", "--scenarios", str(scenario), "--json", str(results))
    assert done.returncode == 1, done.stderr
    assert (json.loads(results.read_text())["differences"][0]["of"]) == 3
    command = ("report", str(results), "-o", str(tmp_path / "out"), "--target", "local")
    done = forkoracle(tmp_path, *command, "--repeat", "5")
    assert done.returncode == 0, done.stderr
    assert "reproduced 5/5, 1 scenario with this cause" in done.stdout
    text = " ".join((tmp_path / "out/clone-ptrace.txt").read_text().split())
    assert "Observed in 5 of 5 runs" in text
    assert f"Run on {local.kernel}, it exited with 1: step 0, P: __clone" in text
    assert "umask 07" not in text


def test_results_of_another_kernel_are_refused(tmp_path: Path) -> None:
    """A kernel that the results are not from is not asked: one line, and nothing is written."""
    results = tmp_path / "r.json"
    results.write_text(json.dumps(results_of(summary([NOT_HELD])).to_json()))
    command = ("report", str(results), "-o", str(tmp_path / "out"), "--target", "local")
    done = forkoracle(tmp_path, *command)
    assert done.returncode == 2
    assert "the results are from another kernel than this one" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_run_counts_for_its_report_and_its_results(tmp_path: Path) -> None:
    """``run --report --json`` has the same count in both."""
    scenario, results = tmp_path / "s.txt", tmp_path / "r.json"
    scenario.write_text(CLONE)
    files = ("--json", str(results), "--report", str(tmp_path / "out"))
    done = forkoracle(tmp_path, "run", "--scenarios", str(scenario), *files)
    assert done.returncode == 1, done.stderr
    [entry] = json.loads(results.read_text())["differences"]
    assert (entry["times"], entry["of"]) == (TIMES, TIMES)
    assert f"Observed in {TIMES} of {TIMES} runs" in (tmp_path / "out/clone-ptrace.txt").read_text()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("run", "--repeat", "3"), "--repeat needs --report DIR"),
        (("run", "--repeat", "0", "--report", "x"), "--repeat: expected a number of 1 or more"),
    ],
)
def test_a_count_that_cannot_be(tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    """A count without a report, or of nothing, is refused in one line."""
    done = forkoracle(tmp_path, *arguments)
    assert done.returncode == 2
    assert words in done.stderr
    assert done.stderr.count("\n") == 1
