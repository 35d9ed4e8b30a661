"""Ctrl-C and SIGTERM: what was decided is printed, and no process is left."""

from __future__ import annotations

import signal
from pathlib import Path

import pexpect
import pytest

from tests.command import COMMAND, assert_interrupted, environment
from tests.processes import MARK, marked, new_mark


@pytest.mark.parametrize("family", ["validation", "trace"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_leaves_nothing_behind(
    tmp_path: Path, number: signal.Signals, family: str
) -> None:
    """In mid-run, on a terminal: exit 130, the counts so far, and everybody gone."""
    mark = new_mark()
    child = pexpect.spawn(
        COMMAND,
        ["run", "--target", "local", "--only", family],
        env={**environment(tmp_path, **{MARK: mark}), "TERM": "xterm"},
        encoding="utf-8",
        dimensions=(40, 160),
        timeout=60,
    )
    child.expect(family)
    child.expect(r"[1-9]\d*/\d+")
    assert len(marked(mark)) > 1, "the probe is not to be seen: the check is blind"
    if number is signal.SIGINT:
        child.sendintr()
    else:
        child.kill(number)
    assert_interrupted(child)
    assert marked(mark) == []
