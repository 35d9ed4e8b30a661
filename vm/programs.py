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


def when_we_are_gone(action: str, argument: str) -> subprocess.Popen[bytes]:
    """A shell beside us that takes an action once we are gone, however that comes about.

    *action* is a command of sh(1), in which ``$0`` stands for *argument*.  The
    shell reads until its input ends, and only we hold the other end.
    """
    return subprocess.Popen(
        ["/bin/sh", "-c", f'trap "" INT TERM HUP; read -r never; {action}', argument],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def run_program(command: Sequence[str], stdin: str = "") -> str:
    """What a program prints.  Raises :class:`GuestError` where it fails."""
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
    if done.returncode:
        said = " ".join((done.stderr.strip() or "no message").split())
        raise GuestError(f"{Path(command[0]).name} failed: {said[-200:]}")
    return done.stdout
