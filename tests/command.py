"""Runs the command `forkoracle` as people do: in a process of its own, in a home of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pexpect
import platformdirs

COMMAND = str(Path(sys.executable).with_name("forkoracle"))

#: A program that breaks one text of the model, then is the command.
BROKEN = """
import sys
import pytest
from tests.broken import break_fork
from conformance.cli import main
with pytest.MonkeyPatch.context() as patch:
    break_fork(patch, sys.argv[1], sys.argv[2])
    sys.exit(main(sys.argv[3:]))
"""


def environment(home: Path, **more: str) -> dict[str, str]:
    """An environment in which nothing of the user's is read or written but the built probe."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("XDG_", "FORKORACLE_"))}
    return {
        **kept,
        "HOME": str(home),
        "COLUMNS": "160",
        "XDG_CACHE_HOME": str(platformdirs.user_cache_path()),
        **more,
    }


def forkoracle(home: Path, *args: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    return _run([COMMAND, *args], home, more)


def forkoracle_broken(
    home: Path, old: str, new: str, *args: str
) -> subprocess.CompletedProcess[str]:
    """Run it with a model in which *old* is *new*."""
    checkout = str(Path(__file__).parents[1])
    command = [sys.executable, "-c", BROKEN, old, new, *args]
    return _run(command, home, {"PYTHONPATH": checkout})


def _run(command: list[str], home: Path, more: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        env=environment(home, **more),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def assert_interrupted(child: pexpect.spawn) -> None:
    """The command ends by itself, after it was told to, and tells what it had decided."""
    child.expect(pexpect.EOF)
    child.close()
    assert (child.exitstatus, child.signalstatus) == (130, None)
    said = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", child.before)
    assert re.search(r"^interrupted: [1-9]\d* scenarios? in ", said, re.MULTILINE)
    assert "Traceback" not in said
