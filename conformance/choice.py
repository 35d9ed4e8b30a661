"""Which kernel to ask, and why: the line that every run begins with."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from conformance.selection import SelectionError
from conformance.targets.base import Target
from conformance.targets.local import LocalTarget
from conformance.targets.netbsd import NetBSDTarget
from vm.guest import QEMU

#: The targets of this version.
TARGETS = ("local", "netbsd")
#: Names a kernel file for ``--target auto`` and ``--target netbsd``.
KERNEL_VARIABLE = "FORKORACLE_KERNEL"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for: a target, and what goes with it."""

    target: str = "auto"
    kernel: Path | None = None
    machine: str | None = None
    cpus: int = 1
    patience: float = 2.0


@dataclass(frozen=True, slots=True)
class Choice:
    """A target, and the line that says which, why, and how to get another."""

    line: str
    start: Callable[[], Target]


def choose_target(wanted: Wanted) -> Choice:
    """The target to run on; ``auto`` is a NetBSD guest where a kernel and QEMU are there.

    Raises :class:`SelectionError` for what this version does not have.
    """
    if wanted.target not in ("auto", *TARGETS):
        raise SelectionError(
            f"unknown target {wanted.target!r}: expected {', '.join(('auto', *TARGETS))}"
        )
    named = os.environ.get(KERNEL_VARIABLE)
    kernel = wanted.kernel or (Path(named) if named else None)
    if wanted.target == "netbsd" and kernel is None:
        raise SelectionError(
            f"--target netbsd needs a kernel: expected --kernel FILE, or {KERNEL_VARIABLE}"
        )
    if wanted.target == "local" and wanted.kernel is not None:
        raise SelectionError("--kernel goes with --target netbsd or auto, not with local")
    guest = wanted.target == "netbsd" or (
        wanted.target == "auto" and kernel is not None and (wanted.kernel or shutil.which(QEMU))
    )
    if guest and kernel is not None:
        path = kernel
        return Choice(
            f"target netbsd: {path} in QEMU (--target local for the kernel that we are on)",
            lambda: NetBSDTarget(path, wanted.machine, wanted.cpus),
        )
    here = f"{platform.system()} {platform.release()}"
    return Choice(
        f"target local: the kernel that we are on, {here} (--kernel FILE for a NetBSD guest)",
        lambda: LocalTarget(wanted.patience),
    )
