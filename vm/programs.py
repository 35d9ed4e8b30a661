"""Finds and runs programs of the system; a failure is told in one line."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from vm.errors import GuestError

# Tools for file systems are in folders that only root has in PATH.
_PATH = "/usr/sbin:/sbin:/usr/bin:/bin:/usr/local/sbin:/usr/pkg/sbin"


def find_program(name: str, package: str) -> str:
    """Returns the path of a program; Debian has it in *package*.

    Raises :class:`GuestError` if it is missing.
    """
    found = shutil.which(name) or shutil.which(name, path=_PATH)
    if found is None:
        raise GuestError(f"{name} is missing: install it with: apt-get install {package}")
    return found


def when_we_are_gone(action: str, argument: str) -> subprocess.Popen[bytes]:
    """Starts a shell that runs *action* when this process ends, even if it is killed.

    *action* is a command of sh(1), in which ``$0`` is *argument*.  The shell reads until its input
    ends; only this process has the other end open.
    """
    return subprocess.Popen(
        ["/bin/sh", "-c", f'trap "" INT TERM HUP; read -r never; {action}', argument],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def run_program(command: Sequence[str], stdin: str = "") -> str:
    """Runs a program; returns its output.  Raises :class:`GuestError` if it fails."""
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
    if done.returncode:
        said = " ".join((done.stderr.strip() or "no message").split())
        raise GuestError(f"{Path(command[0]).name} failed: {said[-200:]}")
    return done.stdout


def option_value(path: Path) -> str:
    """Returns a path as a value in an option of QEMU, in which commas separate values."""
    return str(path).replace(",", ",,")
