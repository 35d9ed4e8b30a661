"""Which kernel to ask, and why: the options, and the line that every run begins with."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from conformance.families import DEFAULT_SEED
from conformance.selection import SelectionError
from conformance.targets.base import Target
from conformance.targets.local import LocalTarget
from conformance.targets.netbsd import NetBSDTarget
from vm.guest import QEMU

#: The targets of this version.
TARGETS = ("local", "netbsd", "source")
#: Names a kernel file for ``--target auto`` and ``--target netbsd``.
KERNEL_VARIABLE = "FORKORACLE_KERNEL"
#: Names a kern_fork.c for ``--target source``.
KERN_FORK_VARIABLE = "FORKORACLE_KERN_FORK"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for: a target, and what goes with it.  :func:`add_options` asks for it."""

    target: str = "auto"
    kernel: Path | None = None
    machine: str | None = None
    cpus: int = 1
    patience: float = 2.0


def add_options(add: Callable[..., object]) -> None:
    """The options that choose scenarios and a target: *add* is argparse's or pytest's."""
    targets = "|".join(("auto", *TARGETS))
    add("--target", default="auto", metavar=targets, help="the kernel to run on")
    add("--kernel", type=Path, metavar="FILE", help="boot this NetBSD kernel in QEMU")
    add("--kern-fork", type=Path, metavar="FILE", help="compile this kern_fork.c and call it")
    add("--machine", choices=("pc", "microvm"), help="QEMU's machine type for it")
    add("--cpus", type=int, default=1, metavar="N", help="virtual CPUs of the guest")
    add(
        "--only",
        action="append",
        default=[],
        metavar="CLAUSE-OR-FAMILY",
        help="only these scenarios",
    )
    add("--seed", type=int, default=DEFAULT_SEED, help="of the random scenarios")
    add(
        "--patience",
        type=float,
        default=2.0,
        metavar="SECONDS",
        help="until a step counts as stuck",
    )


@dataclass(frozen=True, slots=True)
class Choice:
    """A target, and the line that says which, why, and how to get another."""

    line: str
    start: Callable[[], Target]


def kern_fork_file(target: str, named: Path | None) -> Path | None:
    """The kern_fork.c that was asked for; None where another target was.

    Raises :class:`SelectionError` where the two do not go together.
    """
    if target not in ("auto", "source"):
        if named is not None:
            raise SelectionError(f"--kern-fork goes with --target source, not with {target}")
        return None
    variable = os.environ.get(KERN_FORK_VARIABLE)
    if target == "source" and named is None and variable:
        return Path(variable)
    if target == "source" and named is None:
        raise SelectionError(
            "--target source needs a file: expected --kern-fork sys/kern/kern_fork.c, "
            f"or {KERN_FORK_VARIABLE}"
        )
    return named


def choose_target(wanted: Wanted) -> Choice:
    """The target to run on; ``auto`` is a NetBSD guest where a kernel and QEMU are there.

    Raises :class:`SelectionError` for what this version does not have.
    """
    if wanted.target not in ("auto", *TARGETS):
        raise SelectionError(
            f"unknown target {wanted.target!r}: expected {', '.join(('auto', *TARGETS))}"
        )
    if wanted.target == "source":
        raise SelectionError(
            "the target source runs cases of its own, not scenarios: "
            "expected forkoracle run --kern-fork FILE"
        )
    if wanted.target == "local" and wanted.kernel is not None:
        raise SelectionError("--kernel goes with --target netbsd or auto, not with local")
    named = os.environ.get(KERNEL_VARIABLE)
    kernel = wanted.kernel or (Path(named) if named else None)
    if wanted.target == "netbsd" and kernel is None:
        raise SelectionError(
            f"--target netbsd needs a kernel: expected --kernel FILE, or {KERNEL_VARIABLE}"
        )
    asked = wanted.target == "netbsd" or wanted.kernel is not None
    if kernel is not None and wanted.target != "local" and (asked or shutil.which(QEMU)):
        return Choice(
            f"target netbsd: {kernel} in QEMU (--target local for the kernel that we are on)",
            partial(NetBSDTarget, kernel, wanted.machine, wanted.cpus),
        )
    here = f"{platform.system()} {platform.release()}"
    return Choice(
        f"target local: the kernel that we are on, {here} (--kernel FILE for a NetBSD guest)",
        partial(LocalTarget, wanted.patience),
    )
