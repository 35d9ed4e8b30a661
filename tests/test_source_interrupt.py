"""Ctrl-C in a run of the target ``source``: what was decided is printed, nothing is left."""

from __future__ import annotations

import re
from pathlib import Path

import pexpect

from tests.command import COMMAND, environment
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
    child.expect(pexpect.EOF)
    child.close()
    assert (child.exitstatus, child.signalstatus) == (130, None)
    said = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", child.before)
    assert re.search(r"^interrupted: [1-9]\d* scenarios in ", said, re.MULTILINE)
    assert "Traceback" not in said
    assert marked(mark) == []
    assert list(temporary.iterdir()) == []
