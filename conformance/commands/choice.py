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

from conformance.report.terminal import show_download
from conformance.scenarios.families import DEFAULT_SEED
from conformance.scenarios.selection import SelectionError
from conformance.targets.base import Target
from conformance.targets.guest import GuestTarget, guest_machine
from conformance.targets.guest_errors import target_errors
from conformance.targets.local import LocalTarget
from conformance.targets.several import SeveralTargets
from conformance.targets.ssh import SshTarget
from conformance.targets.ssh_transport import PASSWORD_VARIABLE, parse_host
from conformance.targets.system import SystemTarget
from vm.machine import MACHINES
from vm.qemu import QEMU
from vm.release import MIRROR, Release, UnknownReleaseError, cached_release, find_release
from vm.system import BUSES, SETS, System, make_system, open_image

#: The targets of this version.
TARGETS = ("local", "netbsd", "source", "ssh")
#: Names a kernel file for ``--target auto`` and ``--target netbsd``.
KERNEL_VARIABLE = "FORKORACLE_KERNEL"
#: Names a kern_fork.c for ``--target source``.
KERN_FORK_VARIABLE = "FORKORACLE_KERN_FORK"
RELEASE = "VERSION-OR-URL-OR-DIR"
#: The options that each say by themselves what to run on, and their target.
_NAMES_A_SYSTEM = {"kernel": "netbsd", "release": "netbsd", "image": "netbsd", "host": "ssh"}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for: a target, and what goes with it.  :func:`add_options` asks for it."""

    target: str = "auto"
    kernel: Path | None = None
    release: str | None = None
    mirror: str = MIRROR
    full: bool = False
    image: Path | None = None
    user: str = "root"
    bus: str = "virtio"
    machine: str | None = None
    cpus: int = 1
    guests: int = 1
    accel: str | None = None
    patience: float = 2.0
    host: str | None = None
    identity: Path | None = None
    known_hosts: Path | None = None

    @property
    def named(self) -> bool:
        """Whether any target was asked for."""
        return self.target != "auto" or any(getattr(self, name) for name in _NAMES_A_SYSTEM)

    @classmethod
    def from_options(cls, option: Callable[[str], Any]) -> Wanted:
        """What the options of :func:`add_options` say; *option* gives one by its name."""
        return cls(**{field.name: option(field.name) for field in fields(cls)})


def add_options(add: Callable[..., object]) -> None:
    """The options that choose scenarios and a target: *add* is argparse's or pytest's."""
    add_target_options(add)
    add("--kern-fork", type=Path, metavar="FILE", help="compile this kern_fork.c and call it")
    add(
        "--only",
        action="append",
        default=[],
        metavar="CLAUSE-OR-FAMILY",
        help="only these scenarios",
    )
    add("--seed", type=int, default=DEFAULT_SEED, help="of the random scenarios")


def add_target_options(add: Callable[..., object]) -> None:
    """Those of them that choose a kernel: the fields of :class:`Wanted`."""
    targets = "|".join(("auto", *TARGETS))
    add("--target", default="auto", metavar=targets, help="the kernel to run on")
    add("--kernel", type=Path, metavar="FILE", help="boot this NetBSD kernel in QEMU")
    add("--release", metavar=RELEASE, help="boot this NetBSD release's kernel in QEMU")
    add("--mirror", default=MIRROR, metavar="URL", help="where releases are fetched")
    add("--full", action="store_true", help="the release's base and etc, too, with sshd")
    add("--image", type=Path, metavar="FILE", help="boot this disk image, and reach it by ssh")
    add("--user", default="root", help="who has an account on the image")
    add("--bus", choices=tuple(BUSES), default="virtio", help="of the image's disk")
    add("--machine", choices=tuple(MACHINES), help="QEMU's machine type for it")
    add("--accel", choices=("kvm", "tcg"), help="how QEMU runs it; else what works")
    add("--cpus", type=int, default=1, metavar="N", help="virtual CPUs of the guest")
    add("--guests", type=int, default=1, metavar="N", help="so many of them share the work")
    add("--host", metavar="USER@HOST[:PORT]", help="run on this machine, by ssh")
    add("--identity", type=Path, metavar="FILE", help="the key to log in with")
    add("--known-hosts", type=Path, metavar="FILE", help="where the host's key must be")
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
    """Refuse what is unknown, and what does not go together."""
    if wanted.target not in ("auto", *TARGETS):
        raise SelectionError(
            f"unknown target {wanted.target!r}: expected {', '.join(('auto', *TARGETS))}"
        )
    if wanted.target == "source":
        raise SelectionError(
            "the target source runs cases of its own, not scenarios: "
            "expected forkoracle run --kern-fork FILE"
        )
    named = [name for name in _NAMES_A_SYSTEM if getattr(wanted, name) is not None]
    if len(named) > 1:
        options = " and ".join(f"--{name}" for name in named)
        raise SelectionError(f"{options} exclude each other: expected one of them")
    for name in named:
        if wanted.target not in ("auto", _NAMES_A_SYSTEM[name]):
            raise SelectionError(
                f"--{name} goes with --target {_NAMES_A_SYSTEM[name]} or auto, "
                f"not with {wanted.target}"
            )
    if wanted.known_hosts and not wanted.host:
        raise SelectionError("--known-hosts goes with --host: expected it, too")
    if wanted.identity and not (wanted.host or wanted.image):
        raise SelectionError("--identity goes with --host or --image: expected one of them, too")
    if wanted.guests < 1 or wanted.cpus < 1:
        raise SelectionError("--guests and --cpus: expected a number of 1 or more")
    if wanted.full and not wanted.release:
        raise SelectionError("--full goes with --release, whose sets it installs")
    for file in filter(None, (wanted.identity, wanted.known_hosts)):
        if not file.is_file():
            raise SelectionError(f"{file}: no such file: expected what to log in with")


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
    """A whole system in QEMU: an image, or a release with its sets."""
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
    """A kernel that can be had: what to call it, and what gets its file."""

    name: str
    get: Callable[[], Path]


def _kernel(wanted: Wanted) -> _KernelSource | None:
    """The kernel that was asked for or configured, else one that was fetched before."""
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
    """As :func:`vm.release.find_release`, for what was given on the command line."""
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
