"""Journals of unfinished runs, and the command that resumes one."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from time import time_ns
from typing import Final

import platformdirs

from conformance.runs.journal import Journal, JournalError
from conformance.targets.base import Target

#: Value of ``--resume`` without FILE: the last run.
LAST: Final = Path("-")
#: Number of unfinished runs whose journals are kept.
_UNFINISHED: Final = 5


def _folder() -> Path:
    return platformdirs.user_state_path("forkoracle") / "unfinished"


def is_named(journal: Path, asked: Path | None) -> bool:
    """Returns whether the user gave the journal its name: then it is not removed."""
    return asked not in (None, LAST) and journal.parent != _folder()


def open_journal(named: Path | None, target: Target) -> Journal:
    """Returns the journal of a run: the named one, that of the last run, or a new one."""
    folder = _folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        found = sorted(folder.glob("*.jsonl"), key=lambda path: path.stat().st_mtime)
    except OSError:
        folder, found = Path(tempfile.gettempdir()), []
    if named == LAST:
        if not found:
            raise JournalError("--resume: no run is unfinished: expected a FILE")
        named = found[-1]
    for old in found[:-_UNFINISHED]:
        old.unlink(missing_ok=True)
    path = named or folder / f"{time_ns()}-{os.getpid()}.jsonl"
    return Journal(path, target.name, target.kernel)


def resume_command(asked: Sequence[str], journal: Path) -> str:
    """Returns the shell command that resumes from *journal*.

    It has every option that was *asked* for, since they choose the kernel and the scenarios.
    """
    kept: list[str] = []
    words = iter(asked)
    for word in words:
        if word == "--resume":
            following = next(words, None)
            if following is not None and (following == str(LAST) or following[:1] != "-"):
                continue  # its file
            if following is not None:
                kept.append(following)
        elif not word.startswith("--resume="):
            kept.append(word)
    if any(word.partition("=")[0] == "--report" for word in kept) and "--force" not in kept:
        kept.append("--force")  # the report of the first part exists already
    return shlex.join([*_ourselves(), *kept, "--resume", str(journal)])


def _ourselves() -> list[str]:
    """Returns the words that start this command from the user's shell."""
    started = Path(sys.argv[0])
    if started.suffix == ".py":
        return [sys.executable, "-m", "conformance.cli"]
    if not started.is_file():
        return ["forkoracle"]
    found = shutil.which(started.name)
    # In tox, PATH is that of the environment, and not that of the user's shell.
    if found and "TOX_ENV_NAME" not in os.environ and Path(found).samefile(started):
        return [started.name]
    return [str(started.absolute())]
