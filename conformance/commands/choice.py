"""Chooses the kernel, and the line that says why, with which every run begins."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from conformance.commands.options import NAMES_A_SYSTEM, TARGETS, Wanted
from conformance.report.terminal import show_download
from conformance.scenarios.selection import SelectionError
from conformance.targets.base import Target
from conformance.targets.guest import GuestTarget, guest_machine
from conformance.targets.guest_errors import target_errors
from conformance.targets.local import LocalTarget
from conformance.targets.several import SeveralTargets
from conformance.targets.ssh import SshTarget
from conformance.targets.ssh_transport import PASSWORD_VARIABLE, parse_host
from conformance.targets.system import SystemTarget
from reference_model.language.spelling import did_you_mean
from vm.qemu import QEMU
from vm.release import Release, UnknownReleaseError, cached_release, find_release
from vm.system import SETS, System, make_system, open_image

#: Names a kernel file for ``--target auto`` and ``--target netbsd``.
KERNEL_VARIABLE = "FORKORACLE_KERNEL"
#: Names a kern_fork.c for ``--target source``.
KERN_FORK_VARIABLE = "FORKORACLE_KERN_FORK"


@dataclass(frozen=True, slots=True)
class Choice:
    """A target, and the line that names it and the option for another one."""

    line: str
    start: Callable[[], Target]


def kern_fork_file(target: str, named: Path | None) -> Path | None:
    """Returns the kern_fork.c to test; None if the target is a kernel.

    Raises :class:`SelectionError` if *target* and *named* cannot be combined.
    """
    if target not in ("auto", "source"):
        if named is not None:
            raise SelectionError(
                f"--kern-fork cannot be combined with --target {target}: expected --target source"
            )
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
    """Returns the target; ``auto`` is a NetBSD guest if there are a kernel and QEMU.

    Raises :class:`SelectionError` for unknown targets and options that cannot be combined.
    """
    _check(wanted)
    if wanted.target == "ssh" or wanted.host is not None:
        return _ssh(wanted)
    if wanted.image or wanted.full:
        return _system(wanted)
    kernel = None if wanted.target == "local" else _kernel(wanted)
    if wanted.target == "netbsd" and kernel is None:
        raise SelectionError(
            "--target netbsd needs a kernel: expected --kernel FILE, --release VERSION, "
            f"or {KERNEL_VARIABLE}"
        )
    asked = wanted.target == "netbsd" or wanted.kernel or wanted.release
    if kernel is not None and (asked or shutil.which(QEMU)):
        return Choice(
            f"target netbsd: {kernel.name} in QEMU (--target local for the kernel that we are on)",
            partial(_guests, kernel, wanted),
        )
    here = f"{platform.system()} {platform.release()}"
    return Choice(
        f"target local: the kernel that we are on, {here} (--kernel FILE for a NetBSD guest)",
        partial(LocalTarget, wanted.patience),
    )


def _check(wanted: Wanted) -> None:
    """Raises :class:`SelectionError` for an unknown target or conflicting options."""
    if wanted.target not in ("auto", *TARGETS):
        targets = ("auto", *TARGETS)
        raise SelectionError(
            f"unknown target {wanted.target!r}{did_you_mean(wanted.target, targets)}: "
            f"expected {', '.join(targets)}"
        )
    if wanted.target == "source":
        raise SelectionError(
            "the target source runs cases of its own, not scenarios: "
            "expected forkoracle run --kern-fork FILE"
        )
    named = [name for name in NAMES_A_SYSTEM if getattr(wanted, name) is not None]
    if len(named) > 1:
        options = " and ".join(f"--{name}" for name in named)
        raise SelectionError(f"{options} cannot be combined: expected one of them")
    for name in named:
        if wanted.target not in ("auto", NAMES_A_SYSTEM[name]):
            raise SelectionError(
                f"--{name} cannot be combined with --target {wanted.target}: "
                f"expected --target {NAMES_A_SYSTEM[name]} or auto"
            )
    if wanted.known_hosts and not wanted.host:
        raise SelectionError("--known-hosts needs --host USER@HOST")
    if wanted.identity and not (wanted.host or wanted.image):
        raise SelectionError("--identity needs --host USER@HOST or --image FILE")
    if wanted.guests < 1 or wanted.cpus < 1:
        raise SelectionError("--guests and --cpus: expected a number of 1 or more")
    if wanted.full and not wanted.release:
        raise SelectionError("--full needs --release, whose sets it installs")
    for file in filter(None, (wanted.identity, wanted.known_hosts)):
        if not file.is_file():
            raise SelectionError(f"{file}: no such file: expected a key file, or known_hosts")


def _ssh(wanted: Wanted) -> Choice:
    if wanted.host is None:
        raise SelectionError("--target ssh needs a host: expected --host USER@HOST[:PORT]")
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


def _system(wanted: Wanted) -> Choice:
    """Returns a whole system in QEMU: an image, or a release with its sets."""
    if wanted.image is not None:
        name, image = str(wanted.image), wanted.image

        def prepare(folder: Path) -> System:
            return open_image(image, folder, bus=wanted.bus, cpus=wanted.cpus)
    else:
        release = named_release(wanted.release or "", wanted.mirror)
        name = f"release {release.name} with its sets"

        def prepare(folder: Path) -> System:
            return make_system(release.sets(SETS), release.kernel(), folder, cpus=wanted.cpus)

    password = os.environ.get(PASSWORD_VARIABLE) if wanted.image else None
    return Choice(
        f"target netbsd: {name} in QEMU, by ssh (--target local for the kernel that we are on)",
        lambda: SystemTarget(prepare, wanted.user, wanted.identity, password, wanted.patience),
    )


@dataclass(frozen=True, slots=True)
class _KernelSource:
    """A kernel: its name, and the function that gets its file."""

    name: str
    get: Callable[[], Path]


def _kernel(wanted: Wanted) -> _KernelSource | None:
    """Returns the kernel of the options or the environment, else one downloaded before."""
    named = os.environ.get(KERNEL_VARIABLE)
    if wanted.release is not None:
        release = named_release(wanted.release, wanted.mirror)
    elif wanted.kernel or named:
        path = wanted.kernel or Path(named or "")
        return _KernelSource(str(path), lambda: path)
    elif (cached := cached_release()) is not None:
        release = cached
    else:
        return None
    return _KernelSource(f"the kernel of release {release.name}", release.kernel)


def named_release(given: str, mirror: str, *, fresh: bool = False) -> Release:
    """Returns the release that the command line names (:func:`vm.release.find_release`)."""
    try:
        return find_release(given, mirror, report=show_download, fresh=fresh)
    except UnknownReleaseError as error:
        raise SelectionError(str(error)) from None


def _guests(kernel: _KernelSource, wanted: Wanted) -> Target:
    with target_errors():
        path = kernel.get()
    machine = guest_machine(path, wanted.machine, wanted.cpus, wanted.accel)
    if wanted.guests == 1:
        return GuestTarget(machine)
    return SeveralTargets(lambda: GuestTarget(machine), wanted.guests)
