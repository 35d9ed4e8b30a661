"""Ctrl-C in a run of the target ``source``: what was decided is printed, nothing is left."""

from __future__ import annotations

from pathlib import Path

import pexpect
import psutil
import pytest

from conformance.source.run import SourceRun
from tests.command import COMMAND, assert_interrupted, environment
from tests.kern_fork_file import KERN_FORK, needs_kern_fork
from tests.processes import MARK, marked, new_mark


@needs_kern_fork
def test_an_interrupted_run_of_cases_leaves_nothing_behind(tmp_path: Path) -> None:
    """In mid-run, on a terminal: exit 130, the counts so far, no process and no folder left."""
    mark, temporary = new_mark(), tmp_path / "tmp"
    temporary.mkdir()
    child = pexpect.spawn(
        COMMAND,
        ["run", "--kern-fork", str(KERN_FORK)],
        env={
            **environment(tmp_path, **{MARK: mark, "TMPDIR": str(temporary)}),
            "TERM": "xterm",
        },
        encoding="utf-8",
        dimensions=(40, 160),
        timeout=60,
    )
    child.expect(r"[1-9]\d\d+/\d+")
    assert len(marked(mark)) > 1, "the workers are not to be seen: the check is blind"
    assert list(temporary.iterdir()), "the library is not to be seen: the check is blind"
    child.sendintr()
    assert_interrupted(child)
    assert marked(mark) == []
    assert list(temporary.iterdir()) == []


@needs_kern_fork
def test_workers_end_before_their_folder_is_removed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It writes what gcov counted when it ends: a folder that is being removed is no place."""
    left: list[list[psutil.Process]] = []
    others = psutil.Process().children(recursive=True)
    run = SourceRun(KERN_FORK, workers=1)
    next(run.results())
    mine = [one for one in psutil.Process().children(recursive=True) if one not in others]
    assert len(mine) > 1, "the process of the cases is not to be seen: the check is blind"
    remove = run._folder.cleanup

    def look_and_remove() -> None:
        left.append([one for one in mine if _has_files(one)])
        remove()

    monkeypatch.setattr(run._folder, "cleanup", look_and_remove)
    run.kill()
    assert left == [[]]


def _has_files(process: psutil.Process) -> bool:
    """Whether it can still write one; what is being reaped cannot."""
    try:
        return bool(process.num_fds())
    except psutil.Error:
        return False
