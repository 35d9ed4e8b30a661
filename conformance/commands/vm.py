"""The command ``forkoracle vm``: downloads releases, runs guests, and cleans up."""

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

from conformance.commands.choice import named_release
from conformance.commands.options import RELEASE
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

_EXAMPLES = """\
examples:
  forkoracle vm fetch 11.0
  forkoracle vm start --release 11.0 --name box
  forkoracle vm console box
  forkoracle vm stop box"""


def add_vm(commands: argparse._SubParsersAction[Any]) -> None:
    """Adds ``vm`` with its own commands to those of ``forkoracle``."""
    vm = commands.add_parser(
        "vm",
        help="fetch releases, and keep guests running",
        description="Fetches NetBSD releases, and keeps guests running in the background.",
        epilog=_EXAMPLES,
    )
    actions = vm.add_subparsers(
        dest="action", required=True, metavar="ACTION", title="actions", prog=vm.prog
    )

    fetch = actions.add_parser("fetch", help="fetch a release's kernel")
    fetch.add_argument("release", metavar=RELEASE, help="11.0, say")
    fetch.add_argument("--full", action="store_true", help="fetch its sets base and etc, too")
    fetch.add_argument("--mirror", default=MIRROR, metavar="URL", help="where it is fetched from")

    start = actions.add_parser("start", help="start a guest in the background")
    start.add_argument(
        "--kernel", type=Path, metavar="FILE", help="boot this kernel, with the probe"
    )
    start.add_argument("--release", metavar=RELEASE, help="boot a release's kernel, with the probe")
    start.add_argument(
        "--full", action="store_true", help="with --release: install base and etc, with sshd"
    )
    start.add_argument("--mirror", default=MIRROR, metavar="URL", help="where it is fetched from")
    start.add_argument(
        "--image", type=Path, metavar="FILE", help="boot a disk image, which is not written to"
    )
    start.add_argument("--user", default="root", help="account on the image; default: root")
    start.add_argument("--identity", type=Path, metavar="FILE", help="private key for --user")
    start.add_argument(
        "--bus",
        choices=tuple(BUSES),
        default="virtio",
        help="disk bus of --image; default: virtio",
    )
    start.add_argument("--cpus", type=int, default=1, metavar="N", help="virtual CPUs; default: 1")
    start.add_argument("--name", help="name of the guest; default: netbsd-1, say")

    for action, text in (
        ("ssh", "log in to a guest"),
        ("console", "attach to a guest's console; Ctrl-] leaves"),
        ("stop", "end a guest, and remove its files"),
    ):
        one = actions.add_parser(action, help=text)
        one.add_argument("name", metavar="NAME", help="as 'forkoracle vm list' says it")
        if action == "ssh":
            one.add_argument(
                "words", nargs=argparse.REMAINDER, metavar="COMMAND", help="run this there"
            )
    actions.add_parser("list", help="list the guests, also dead ones")
    gc = actions.add_parser(
        "gc",
        help="remove dead guests, snapshots and downloads",
        description="Removes dead guests and downloads except kernels; also snapshots, so the\n"
        "next start is slow.",
    )
    gc.add_argument("--all", action="store_true", help="remove downloaded kernels, too")


def run_vm(options: argparse.Namespace, console: Console) -> int:
    """Runs ``forkoracle vm``; returns the exit status."""
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
                guest = background.find(options.name)
                size, alive = disk_usage(guest.folder), guest.process() is not None
                guest.stop()
                ended = "ended, and" if alive else "was dead;"
                say(f"{guest.name}: {ended} its files are removed ({size} bytes)")
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
        raise SelectionError("--full needs --release, whose sets it installs")
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
    """Starts a kernel with the probe as its only program."""
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
    """Replaces this process by ssh; *words* are the command to run in the guest."""
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
    """Removes unused files; yields a name and a number of bytes for each."""
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
                with locked(path, wait=False):  # unless a download has it locked
                    path.unlink()
            except OSError:
                continue
            yield str(path), size
    for folder in sorted(cache().rglob("*"), reverse=True):
        if folder.is_dir() and not folder.is_symlink() and not any(folder.iterdir()):
            folder.rmdir()


def _belongs_to_a_kernel(path: Path) -> bool:
    return path.parent.name == "kernel" and path.name in (*KERNELS, "SHA512")
