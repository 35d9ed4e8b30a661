"""The system's programs that we run, found and told of in one line where they fail."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from vm.errors import GuestError

# Tools for file systems lie where only root looks for them.
_PATH = "/usr/sbin:/sbin:/usr/bin:/bin:/usr/local/sbin:/usr/pkg/sbin"


def find_program(name: str, package: str) -> str:
    """The path of a program; Debian's *package* has it.

    Raises :class:`GuestError` where it is missing.
    """
    found = shutil.which(name) or shutil.which(name, path=_PATH)
    if found is None:
        raise GuestError(f"{name} is missing: install it with: apt-get install {package}")
    return found


def run_program(command: Sequence[str], stdin: str = "") -> str:
    """What a program prints.  Raises :class:`GuestError` where it fails."""
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
    if done.returncode:
        said = " ".join((done.stderr.strip() or "no message").split())
        raise GuestError(f"{Path(command[0]).name} failed: {said[-200:]}")
    return done.stdout
