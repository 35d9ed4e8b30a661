"""The command ``forkoracle vm``: releases fetched, guests kept running, what is left removed."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from time import time
from typing import Any, NoReturn

from rich.console import Console
from rich.table import Table

from conformance.commands.choice import RELEASE, named_release
from conformance.scenarios.selection import SelectionError
from conformance.targets.guest import guest_machine, snapshots
from conformance.targets.guest_errors import target_errors
from vm import background
from vm.background import BackgroundGuest
from vm.files import disk_usage, locked
from vm.mailbox import Mailbox
from vm.programs import find_program
from vm.release import KERNELS, MIRROR, cache
from vm.system import BUSES, SETS, System, make_system, open_image
from vm.terminal import attach


def add_vm(commands: argparse._SubParsersAction[Any]) -> None:
    """Add ``vm`` with its own commands to those of ``forkoracle``."""
    vm = commands.add_parser("vm", help="releases, and guests kept running")
    actions = vm.add_subparsers(dest="action", required=True, metavar="ACTION")

    fetch = actions.add_parser("fetch", help="fetch a release's kernel")
    fetch.add_argument("release", metavar=RELEASE)
    fetch.add_argument("--full", action="store_true", help="its sets base and etc, too")
    fetch.add_argument("--mirror", default=MIRROR, metavar="URL", help="where it is fetched")

    start = actions.add_parser("start", help="start a guest in the background")
    start.add_argument("--kernel", type=Path, metavar="FILE", help="this kernel, with the probe")
    start.add_argument("--release", metavar=RELEASE, help="a release's kernel, with the probe")
    start.add_argument("--full", action="store_true", help="the release's base and etc, with sshd")
    start.add_argument("--mirror", default=MIRROR, metavar="URL", help="where it is fetched")
    start.add_argument("--image", type=Path, metavar="FILE", help="a disk image, left as it is")
    start.add_argument("--user", default="root", help="who has an account there")
    start.add_argument("--identity", type=Path, metavar="FILE", help="the key for that account")
    start.add_argument("--bus", choices=tuple(BUSES), default="virtio", help="of the image's disk")
    start.add_argument("--cpus", type=int, default=1, metavar="N", help="virtual CPUs")
    start.add_argument("--name", help="what to call it")

    for action, text in (
        ("ssh", "log in to a guest"),
        ("console", "its console, up to Ctrl-]"),
        ("stop", "end it, and remove its files"),
    ):
        one = actions.add_parser(action, help=text)
        one.add_argument("name", metavar="NAME")
        if action == "ssh":
            one.add_argument("words", nargs=argparse.REMAINDER, metavar="COMMAND")
    actions.add_parser("list", help="the guests, dead ones too")
    gc = actions.add_parser("gc", help="remove dead guests, snapshots and what was fetched")
    gc.add_argument("--all", action="store_true", help="fetched kernels, too")


def run_vm(options: argparse.Namespace, console: Console) -> int:
    """Run ``forkoracle vm``; the exit status."""
    say = partial(console.print, soft_wrap=True, highlight=False, markup=False)
    with target_errors():
        match options.action:
            case "fetch":
                for path in _fetch(options):
                    say(str(path))
            case "start":
                guest = _start(options)
                say(f"{guest.name}: {guest.system} in the background")
                say(f"forkoracle vm console {guest.name}")
                if guest.port is not None:
                    say(f"forkoracle vm ssh {guest.name}")
            case "list":
                console.print(_list())
            case "ssh":
                _ssh(background.find(options.name), options.words)
            case "console":
                _console(background.find(options.name))
            case "stop":
                background.find(options.name).stop()
            case "gc":
                total = 0
                for what, size in _collect(kernels=options.all):
                    say(f"removed {what}: {size} bytes")
                    total += size
                say(f"{total} bytes removed")
    return 0


def _fetch(options: argparse.Namespace) -> Iterator[Path]:
    release = named_release(options.release, options.mirror, fresh=True)
    yield release.kernel()
    if options.full:
        yield from release.sets(SETS)


def _start(options: argparse.Namespace) -> BackgroundGuest:
    given = [name for name in ("kernel", "release", "image") if getattr(options, name)]
    if len(given) != 1:
        raise SelectionError("expected one of --kernel FILE, --release VERSION and --image FILE")
    if options.full and not options.release:
        raise SelectionError("--full goes with --release, whose sets it installs")
    if options.identity and not options.identity.is_file():
        raise SelectionError(f"{options.identity}: no such file: expected a key to log in with")
    if options.image:
        return _start_image(options)
    if options.release:
        release = named_release(options.release, options.mirror)
        kernel = release.kernel()
        if options.full:
            sets = release.sets(SETS)
            with background.new_folder(options.name, "netbsd") as folder:
                system = make_system(sets, kernel, folder, cpus=options.cpus)
                name = f"NetBSD {release.name}"
                return _start_system(folder, system, name, "root", system.identity)
    else:
        kernel = options.kernel
    return _start_kernel(kernel, options)


def _start_kernel(kernel: Path, options: argparse.Namespace) -> BackgroundGuest:
    """A kernel with the probe as its only program."""
    machine = guest_machine(kernel, cpus=options.cpus)
    file = machine.kernel
    with background.new_folder(options.name, "netbsd") as folder:
        machine.write_files(folder)
        Mailbox(folder / "mail").close()
        return background.launch(
            folder, f"{file.system} {file.version} ({file.config})", machine.arguments(folder)
        )


def _start_image(options: argparse.Namespace) -> BackgroundGuest:
    with background.new_folder(options.name, options.image.name.partition(".")[0]) as folder:
        system = open_image(options.image, folder, bus=options.bus, cpus=options.cpus)
        identity = options.identity and options.identity.absolute()
        return _start_system(folder, system, str(options.image), options.user, identity)


def _start_system(
    folder: Path, system: System, name: str, user: str, identity: Path | None
) -> BackgroundGuest:
    guest = background.launch(folder, name, system.arguments(folder), user=user, identity=identity)
    print(f"forkoracle: waiting for the sshd of {guest.name}", file=sys.stderr)
    guest.wait_for_ssh(system)
    return guest


def _list() -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for head in ("name", "system", "pid", "ssh port", "age", "size"):
        table.add_column(head, overflow="fold")
    for guest in background.guests():
        process = guest.process()
        table.add_row(
            guest.name,
            guest.system,
            str(process.pid) if process else "dead",
            str(guest.port or "-"),
            f"{(time() - guest.created) / 60:.0f} min",
            f"{disk_usage(guest.folder) / (1 << 20):.0f} MiB",
        )
    return table


def _ssh(guest: BackgroundGuest, words: list[str]) -> NoReturn:
    """Become ssh; what stands behind the name is the command that it runs."""
    command = guest.login().command(find_program("ssh", "openssh-client"))
    sys.stdout.flush()
    os.execv(command[0], [*command, *words])


def _console(guest: BackgroundGuest) -> None:
    with background.connect(guest.folder, background.CONSOLE) as console:
        if sys.stdin.isatty():
            print("forkoracle: Ctrl-] leaves", file=sys.stderr)
        sys.stdout.write((guest.folder / background.LOG).read_text("utf-8", "replace"))
        sys.stdout.flush()
        attach(console)


def _collect(*, kernels: bool) -> Iterator[tuple[str, int]]:
    """Remove what nobody uses; each with its bytes."""
    for guest in background.guests():
        if guest.process() is None:
            size = disk_usage(guest.folder)
            guest.stop()
            yield f"the dead guest {guest.name}", size
    for snapshot in snapshots().all():
        size = disk_usage(snapshot)
        shutil.rmtree(snapshot, ignore_errors=True)
        yield f"the snapshot {snapshot.name}", size
    for path in sorted(cache().rglob("*")):
        if path.is_file() and (kernels or not _belongs_to_a_kernel(path)):
            size = disk_usage(path)
            try:
                with locked(path, wait=False):  # a download may be at it
                    path.unlink()
            except OSError:
                continue
            yield str(path), size
    for folder in sorted(cache().rglob("*"), reverse=True):
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


def _belongs_to_a_kernel(path: Path) -> bool:
    return path.parent.name == "kernel" and path.name in (*KERNELS, "SHA512")
