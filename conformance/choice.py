"""Which kernel to ask, and why: the options, and the line that every run begins with."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

from conformance.families import DEFAULT_SEED
from conformance.probe.ssh import PASSWORD_VARIABLE, parse_host
from conformance.selection import SelectionError
from conformance.targets.base import Target
from conformance.targets.guest import GuestTarget, guest_machine
from conformance.targets.local import LocalTarget
from conformance.targets.several import SeveralTargets
from conformance.targets.ssh import SshTarget
from vm.machine import MACHINES
from vm.qemu import QEMU

#: The targets of this version.
TARGETS = ("local", "netbsd", "ssh")
#: Names a kernel file for ``--target auto`` and ``--target netbsd``.
KERNEL_VARIABLE = "FORKORACLE_KERNEL"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for: a target, and what goes with it.  :func:`add_options` asks for it."""

    target: str = "auto"
    kernel: Path | None = None
    machine: str | None = None
    cpus: int = 1
    guests: int = 1
    accel: str | None = None
    patience: float = 2.0
    host: str | None = None
    identity: Path | None = None
    known_hosts: Path | None = None

    @classmethod
    def from_options(cls, option: Callable[[str], Any]) -> Wanted:
        """What the options of :func:`add_options` say; *option* gives one by its name."""
        return cls(**{field.name: option(field.name) for field in fields(cls)})


def add_options(add: Callable[..., object]) -> None:
    """The options that choose scenarios and a target: *add* is argparse's or pytest's."""
    targets = "|".join(("auto", *TARGETS))
    add("--target", default="auto", metavar=targets, help="the kernel to run on")
    add("--kernel", type=Path, metavar="FILE", help="boot this NetBSD kernel in QEMU")
    add("--machine", choices=tuple(MACHINES), help="QEMU's machine type for it")
    add("--accel", choices=("kvm", "tcg"), help="how QEMU runs it; else what works")
    add("--cpus", type=int, default=1, metavar="N", help="virtual CPUs of the guest")
    add("--guests", type=int, default=1, metavar="N", help="so many of them share the work")
    add("--host", metavar="USER@HOST[:PORT]", help="run on this machine, by ssh")
    add("--identity", type=Path, metavar="FILE", help="the key to log in with")
    add("--known-hosts", type=Path, metavar="FILE", help="where the host's key must be")
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


def choose_target(wanted: Wanted) -> Choice:
    """The target to run on; ``auto`` is a NetBSD guest where a kernel and QEMU are there.

    Raises :class:`SelectionError` for what this version does not have.
    """
    if wanted.target not in ("auto", *TARGETS):
        raise SelectionError(
            f"unknown target {wanted.target!r}: expected {', '.join(('auto', *TARGETS))}"
        )
    if wanted.target == "ssh" or wanted.host is not None:
        return _ssh(wanted)
    if wanted.identity or wanted.known_hosts:
        raise SelectionError("--identity and --known-hosts go with --host: expected it, too")
    if wanted.target == "local" and wanted.kernel is not None:
        raise SelectionError("--kernel goes with --target netbsd or auto, not with local")
    if wanted.guests < 1 or wanted.cpus < 1:
        raise SelectionError("--guests and --cpus: expected a number of 1 or more")
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
            partial(_guests, kernel, wanted),
        )
    here = f"{platform.system()} {platform.release()}"
    return Choice(
        f"target local: the kernel that we are on, {here} (--kernel FILE for a NetBSD guest)",
        partial(LocalTarget, wanted.patience),
    )


def _guests(kernel: Path, wanted: Wanted) -> Target:
    machine = guest_machine(kernel, wanted.machine, wanted.cpus, wanted.accel)
    if wanted.guests == 1:
        return GuestTarget(machine)
    return SeveralTargets(lambda: GuestTarget(machine), wanted.guests)


def _ssh(wanted: Wanted) -> Choice:
    if wanted.target not in ("auto", "ssh") or wanted.kernel is not None:
        raise SelectionError("--host goes with --target ssh or auto, and not with --kernel")
    if wanted.host is None:
        raise SelectionError("--target ssh needs a host: expected --host USER@HOST[:PORT]")
    for file in filter(None, (wanted.identity, wanted.known_hosts)):
        if not file.is_file():
            raise SelectionError(f"{file}: no such file: expected what --host logs in with")
    try:
        host = parse_host(wanted.host)
    except ValueError as error:
        raise SelectionError(str(error)) from None
    host = replace(
        host,
        identity=wanted.identity,
        known_hosts=wanted.known_hosts,
        password=os.environ.get(PASSWORD_VARIABLE),
    )
    return Choice(
        f"target ssh: {host}, the kernel that runs there (--target local for the one here)",
        partial(SshTarget, host, wanted.patience),
    )
