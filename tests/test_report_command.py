"""The command: folders, bad input, known issues, two runs side by side, and --report of run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from conformance.cli import main
from tests.command import forkoracle
from tests.results_files import but, seen, write
from tests.scenarios import steps

VFORK = steps(
    "vfork/a",
    "VFORK-WAIT",
    "P: vfork C [VFORK-WAIT]",
    "C: exit 0",
    "P: wait4 C [EXIT-SIGNAL]",
)
OTHER = steps("vfork/b", "PARENT", "P: fork C", "C: getppid", "C: exit 0")
AGREES = steps("vfork/c", "PARENT", "P: getppid")

NOT_HELD = seen(VFORK, but(VFORK, s0="C"))
LOST = seen(VFORK, but(VFORK, s2="ECHILD"))
ORPHAN = seen(OTHER, but(OTHER, s1="init"))
RIGHT = seen(OTHER, but(OTHER))
FINE = seen(VFORK, but(VFORK))


def test_the_folder_has_all_of_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A page, and for each problem the form, Markdown, the program and the test case."""
    results = write(tmp_path / "r.json", [NOT_HELD, ORPHAN])
    assert main(["report", str(results), "-o", str(tmp_path / "out")]) == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "index.html",
        *("vfork-wait.txt", "vfork-wait.md", "vfork-wait.c", "t_vfork_wait.c"),
        *("parent.txt", "parent.md", "parent.c", "t_parent.c"),
    }
    assert "vfork-wait: vfork C: C instead of C blocked 1" in capsys.readouterr().out


def test_a_folder_that_is_there_stays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is overwritten without --force, and with it only a report of ours."""
    results, out = write(tmp_path / "r.json", [NOT_HELD]), tmp_path / "out"
    out.mkdir()
    (out / "mine").write_text("mine")
    command = ["report", str(results), "-o", str(out)]
    for more, words in ((), "exists"), (("--force",), "is no report of forkoracle"):
        assert main([*command, *more]) == 2
        said = capsys.readouterr().err
        assert words in said
        assert said.count("\n") == 1
    assert [path.name for path in out.iterdir()] == ["mine"]
    again = ["report", str(results), "-o", str(tmp_path / "new")]
    assert main(again) == 0
    assert main(again) == 2
    assert main([*again, "--force"]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new", "out", "r.json"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda text: text[: len(text) // 2], "not a results file"),
        (lambda text: text.replace('"format": 1', '"format": 99'), "format 99"),
        (lambda text: text.replace("P: vfork C", "P: teleport C"), "unknown verb"),
        (lambda text: text.replace('"VFORK-WAIT", "family"', '"NO-SUCH", "family"'), "NO-SUCH"),
        (lambda text: text.replace('"step": 0', '"step": 77'), "step 77"),
        (lambda text: text.replace('"console"', '"c0nsole"'), "console"),
        (lambda text: text.replace('"release"', '"r3lease"'), "release"),
    ],
    ids=["cut", "version", "verb", "clause", "step", "field", "kernel"],
)
def test_bad_results_are_one_line(tmp_path: Path, change: object, words: str) -> None:
    """A file that cannot be used is refused in one line with status 2, and nothing is written."""
    results = write(tmp_path / "r.json", [NOT_HELD])
    text = results.read_text()
    assert callable(change)
    assert change(text) != text
    results.write_text(change(text))
    done = forkoracle(tmp_path, "report", str(results), "-o", str(tmp_path / "out"))
    assert done.returncode == 2, done.stderr
    assert words in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


def known(path: Path, **row: object) -> str:
    lines = [f"{key} = {json.dumps(value)}" for key, value in row.items()]
    path.write_text("\n".join(("[[issue]]", *lines, "")))
    return str(path)


def test_known_issues(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is known is said to be so; what is known and is not seen any more is news."""
    file = known(tmp_path / "k.toml", pr="kern/1", clause="VFORK-WAIT", call="P: vfork *", seen="C")
    for number, (result, words) in enumerate(
        [(NOT_HELD, "(known: kern/1)"), (FINE, "gone: kern/1"), (RIGHT, "0 problems")]
    ):
        results = write(tmp_path / "r.json", [result])
        out = tmp_path / str(number)
        assert main(["report", str(results), "-o", str(out), "--known", file]) == 0
        said = capsys.readouterr().out
        assert words in said
        assert ("kern/1" in said) == (result is not RIGHT)
        assert ("kern/1" in (out / "index.html").read_text()) == (result is not RIGHT)


def test_a_known_issue_of_another_revision(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An issue that does not hold for this kernel's revision says nothing of it."""
    file = known(tmp_path / "k.toml", pr="kern/1", clause="VFORK-WAIT", revisions=["1.200"])
    results = write(tmp_path / "r.json", [NOT_HELD])
    assert main(["report", str(results), "-o", str(tmp_path / "o"), "--known", file]) == 0
    assert "kern/1" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"pr": "kern/1"}, "expected a table with pr and clause"),
        ({"pr": "kern/1", "clause": "NO"}, "unknown clause 'NO'"),
        ({"pr": 1, "clause": "PARENT"}, "pr: expected a text"),
        ({"pr": "kern/1", "clause": "PARENT", "when": "now"}, "unknown key 'when'"),
        ({"pr": "kern/1", "clause": "PARENT", "revisions": "1.2"}, "revisions: expected a list"),
    ],
)
def test_bad_issues_are_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], row: dict[str, object], words: str
) -> None:
    """A file of known issues that is wrong is refused, with what was expected."""
    results = write(tmp_path / "r.json", [NOT_HELD])
    file = known(tmp_path / "k.toml", **row)
    assert main(["report", str(results), "-o", str(tmp_path / "o"), "--known", file]) == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "o").exists()


def test_two_runs_side_by_side(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Fixed, new and changed, and nothing where both are the same."""
    runs = {
        "fixed": ([NOT_HELD, RIGHT], [FINE, RIGHT]),
        "new": ([FINE, RIGHT], [FINE, ORPHAN]),
        "changed": ([NOT_HELD, RIGHT], [LOST, RIGHT]),
    }
    for word, (before, after) in runs.items():
        files = [str(write(tmp_path / f"{n}.json", r)) for n, r in enumerate((before, after))]
        assert main(["report", *files, "-o", str(tmp_path / word)]) == 0
        said = capsys.readouterr().out.splitlines()
        words = [line.partition(":")[0] for line in said]
        assert [w for w in words if w in runs] == [word]
        assert f">{word}</td>" in (tmp_path / word / "index.html").read_text()
    same = str(write(tmp_path / "same.json", [NOT_HELD]))
    assert main(["report", same, same, "-o", str(tmp_path / "same")]) == 0
    assert (
        "The two runs have the same differences" in (tmp_path / "same" / "index.html").read_text()
    )


def test_an_issue_that_was_not_run_is_not_fixed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A second run without the family of a difference does not say that it is gone."""
    sharing = steps("sharing/x", "PARENT", "P: getppid")
    first = str(write(tmp_path / "a.json", [NOT_HELD]))
    second = str(write(tmp_path / "b.json", [seen(sharing, but(sharing))]))
    assert main(["report", first, second, "-o", str(tmp_path / "o")]) == 0
    assert "not run again: vfork C" in capsys.readouterr().out


def test_run_writes_a_report(tmp_path: Path) -> None:
    """``run --report`` writes it in one go, and its exit status is that of the run."""
    scenario = tmp_path / "s.txt"
    scenario.write_text("scenario mine/x\nabout CLONE-PTRACE\nP: __clone CLONE_PTRACE|SIGCHLD -\n")
    out = tmp_path / "out"
    command = ("run", "--scenarios", str(scenario), "--report", str(out))
    done = forkoracle(tmp_path, *command)
    assert done.returncode == 1, done.stderr
    assert (out / "clone-ptrace.txt").read_text().startswith(">Submitter-Id:\tnet\n")
    assert "it exited with 1: step 0" in " ".join((out / "clone-ptrace.txt").read_text().split())
    assert forkoracle(tmp_path, *command).returncode == 2
