"""A run writes each observation at once, and a later run goes on from there."""

from __future__ import annotations

import json
import re
import shlex
import signal
import subprocess
from pathlib import Path

import pytest

from conformance.commands.resume import resume_command
from conformance.results.kernel import Kernel
from conformance.results.result import Verdict
from conformance.runs.journal import Journal, JournalError
from conformance.runs.run import Run
from conformance.scenarios.selection import select
from reference_model import Scenario
from reference_model.language.answer import NotDecided, Observed, Panicked
from tests.command import COMMAND, environment, forkoracle
from tests.processes import MARK, marked, new_mark, wait_until
from tests.test_runner import WRONG, Scripted, make

NAMES = [f"a/{n}" for n in range(6)]
SCENARIOS: list[Scenario] = [make(name) for name in NAMES]


def run(journal: Path, answers: dict[str, list[Observed]], until: int | None = None) -> Run:
    """Runs the scenarios with the journal, and stops after *until* of them, as if killed."""
    target = Scripted(answers)
    written = Journal(journal, target.name, target.kernel)
    one = Run(target, SCENARIOS, written)
    for number, _ in enumerate(one.results(), 1):
        if number == until:
            break
    written.close(keep=True)
    return one


def asked(one: Run) -> list[str]:
    assert isinstance(one.target, Scripted)
    return one.target.asked


def test_a_run_goes_on_where_the_last_one_was_killed(tmp_path: Path) -> None:
    """A scenario that was decided is counted and does not run again."""
    path = tmp_path / "journal"
    run(path, {}, until=4)
    second = run(path, {})
    assert asked(second) == NAMES[4:]
    summary = second.close()
    assert (summary.scenarios, summary.by_verdict[Verdict.AGREES]) == (6, 6)


def test_differences_are_judged_anew_from_the_journal(tmp_path: Path) -> None:
    """A difference is told again, with how often it was seen, and a panic with its console."""
    path = tmp_path / "journal"
    panic = Panicked("kernel panicked: panic: x", "panic: x\n")
    answers: dict[str, list[Observed]] = {"a/1": [WRONG] * 3, "a/2": [panic] * 3}
    first = run(path, answers)
    second = run(path, {})
    assert asked(second) == []
    assert second.close().differences == first.close().differences
    assert [result.times for result in second.summary.differences] == [(3, 3), (3, 3)]
    assert second.summary.differences[1].console == "panic: x\n"


def test_undecided_scenarios_are_run_again(tmp_path: Path) -> None:
    """Neither `not decided` nor a difference not yet run again counts as seen."""
    path = tmp_path / "journal"
    run(path, {"a/3": [NotDecided("guest hung")]})
    assert asked(run(path, {})) == ["a/3"]
    path.unlink()
    run(path, {"a/0": [WRONG] * 3}, until=5)
    assert asked(run(path, {})) == ["a/0"]


def test_a_line_cut_short_is_dropped(tmp_path: Path) -> None:
    """Killed in the middle of a line, the journal still has every whole one."""
    path = tmp_path / "journal"
    run(path, {}, until=4)
    path.write_bytes(path.read_bytes()[:-9])
    second = run(path, {})
    assert asked(second) == NAMES[3:]
    assert len(path.read_text().splitlines()) == 7
    assert asked(run(path, {})) == []


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("not a journal\n", "expected the journal of a run"),
        ('{"format": 1}\n', "expected the journal of a run"),
        ('{"a": 1}\n{"b"', "expected the journal of a run"),
    ],
)
def test_a_file_that_is_no_journal_is_left_alone(tmp_path: Path, text: str, says: str) -> None:
    """Another file is refused in one line, and not a byte of it is changed."""
    path = tmp_path / "mine.txt"
    path.write_text(text)
    with pytest.raises(JournalError, match=rf"mine\.txt: {says}"):
        Journal(path, "scripted", Scripted.kernel)
    assert path.read_text() == text


@pytest.mark.parametrize(
    "other", [Kernel("Fake", "2", "none"), Kernel("Fake", "1", "none", checksum="beef")]
)
def test_another_kernels_journal_is_refused(tmp_path: Path, other: Kernel) -> None:
    """A rebuilt kernel of the same version is another one, by its file's checksum."""
    path = tmp_path / "journal"
    run(path, {})
    before = path.read_bytes()
    with pytest.raises(JournalError, match="not of this kernel or this version"):
        Journal(path, "scripted", other)
    assert path.read_bytes() == before


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_ends_the_journal_and_not_the_run(tmp_path: Path) -> None:
    """A journal that cannot be written is reported once. Every scenario is decided."""
    target = Scripted({})
    journal = Journal(tmp_path / "journal", target.name, target.kernel)
    journal._file.close()
    journal._file = Path("/dev/full").open("a", buffering=1)  # noqa: SIM115
    one = Run(target, SCENARIOS, journal)
    assert len(list(one.results())) == 6
    assert journal.broken is not None
    assert journal.broken.endswith("journal: No space left on device: no more is written down")
    journal.close(keep=True)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT], ids=["kill -9", "Ctrl-C"])
def test_the_command_goes_on_from_its_last_run(tmp_path: Path, number: int) -> None:
    """A killed run on a real kernel goes on by the command that it printed, or by --resume."""
    mark = new_mark()
    results = tmp_path / "it's results.json"
    arguments = ["run", "--target", "local", "--only", "validation,vfork", "--json", str(results)]
    first = subprocess.Popen(
        [COMMAND, *arguments],
        env=environment(tmp_path, **{MARK: mark}),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    folder = tmp_path / ".local/state/forkoracle/unfinished"

    def written() -> int:
        return sum(path.stat().st_size for path in folder.glob("*"))

    wait_until(lambda: written() > 50_000)
    first.send_signal(number)
    said, _ = first.communicate()
    [journal] = folder.glob("*")
    seen = len(journal.read_bytes().splitlines()) - 1
    command = shlex.join([COMMAND, *arguments, "--resume"])
    if number == signal.SIGINT:
        [command] = re.findall(r"^Go on with: (.*)$", said, re.MULTILINE)
        assert shlex.split(command)[1:] == [*arguments, "--resume", str(journal)]
        assert 0 < json.loads(results.read_text())["summary"]["scenarios"] <= seen + 64
    done = subprocess.run(
        ["bash", "-c", command],
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    total = json.loads(results.read_text())["summary"]["scenarios"]
    assert 0 < seen < total
    assert total == len(select(["validation", "vfork"]))
    assert list(folder.glob("*")) == []
    again = forkoracle(tmp_path, *arguments, "--resume")
    assert (again.returncode, again.stderr) == (
        2,
        "forkoracle: --resume: no run is unfinished: expected a FILE\n",
    )
    wait_until(lambda: not marked(mark))


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("run --only a,b", "run --only a,b --resume j"),
        ("run --resume --only a", "run --only a --resume j"),
        ("run --resume - --only a", "run --only a --resume j"),
        ("run --resume old --seed 2", "run --seed 2 --resume j"),
        ("run --resume=old --kernel 'a b'", "run --kernel 'a b' --resume j"),
        ("run --report r", "run --report r --force --resume j"),
    ],
)
def test_the_hint_has_every_option_that_was_asked_for(asked: str, expected: str) -> None:
    command = resume_command(shlex.split(asked), Path("j"))
    assert shlex.split(command)[-len(shlex.split(expected)) :] == shlex.split(expected)


def test_a_named_journal_stays(tmp_path: Path) -> None:
    """`--resume FILE` makes the file, keeps it, and the second run has nothing left to do."""
    path = tmp_path / "mine.jsonl"
    command = ("run", "--target", "local", "--only", "vfork", "--resume", str(path))
    first, second = forkoracle(tmp_path, *command), forkoracle(tmp_path, *command)
    assert (first.returncode, second.returncode) == (0, 0)
    vfork = len(select(["vfork"]))
    assert len(path.read_text().splitlines()) == vfork + 1
    assert first.stdout.splitlines()[-1].split(" in ")[0] == f"{vfork} scenarios"
