"""Runs one QEMU, controlled through QMP; it ends when this process ends."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep

from vm.console import Console
from vm.errors import GuestError, PanickedError
from vm.monitor import ANSWER, Monitor
from vm.programs import find_program, when_we_are_gone

QEMU = "qemu-system-x86_64"


def find_qemu() -> str:
    """Returns the path of QEMU.  Raises :class:`GuestError` if it is missing."""
    return find_program(QEMU, "qemu-system-x86")


def bare_qemu() -> list[str]:
    """Returns the first words of every command: QEMU without default devices.

    Raises :class:`GuestError` if QEMU is missing.
    """
    return [find_qemu(), "-no-user-config", "-nodefaults", "-display", "none"]


def environment(folder: Path) -> dict[str, str]:
    """Returns the environment of a QEMU whose temporary files go to *folder*.

    QEMU unlinks a disk's overlay at once.  If QEMU is killed before that, the overlay stays.
    """
    return {**os.environ, "TMPDIR": str(folder)}


class Qemu:
    """A QEMU process with a console and a monitor, neither of which is a file in a folder.

    It is killed when this process ends.
    """

    def __init__(self, arguments: Sequence[str], errors: Path) -> None:
        """Starts QEMU with *arguments*; its error messages go to the file *errors*.

        Its temporary files go to the folder of that file.
        """
        command = bare_qemu()
        self.console = Console()
        ours, theirs = socket.socketpair()
        self._errors = errors.open("w+b")
        self._monitor = Monitor(ours)
        command += ["-chardev", f"serial,id=console,path={self.console.path}"]
        command += ["-serial", "chardev:console"]
        command += ["-chardev", f"socket,id=monitor,fd={theirs.fileno()}"]
        command += ["-mon", "chardev=monitor,mode=control"]
        self.process = subprocess.Popen(
            [*command, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._errors,
            env=environment(errors.parent),
            pass_fds=[theirs.fileno()],
        )
        theirs.close()
        # QEMU itself does not notice that this process has ended.
        self._watchdog = when_we_are_gone('kill -9 "$0"', str(self.process.pid))
        with suppress(GuestError):  # if QEMU has ended, check() says so later
            self._monitor.connect()

    def command(self, name: str, arguments: Mapping[str, object] | None = None) -> object:
        """Runs a command of QEMU; returns its answer.  Raises :class:`GuestError` if it fails."""
        return self._monitor.command(name, arguments)

    def save(self, path: Path) -> None:
        """Writes the machine's state without its disks to *path*; then the guest continues."""
        self.command("migrate-set-parameters", {"max-bandwidth": 1 << 40})
        self.command("migrate", {"uri": f"exec:cat > '{path}'"})
        self._wait_for("query-migrate", "completed", ANSWER)
        self.command("cont")

    def wait_until_running(self, timeout: float) -> None:
        """Waits until a machine from a saved state runs.  Raises :class:`GuestError`."""
        self._wait_for("query-status", "running", timeout)

    def _wait_for(self, query: str, wanted: str, timeout: float) -> None:
        deadline = monotonic() + timeout
        status = ""
        while status != wanted:
            if status == "failed" or monotonic() > deadline:
                raise GuestError(f"QEMU's {query} says {status!r}: expected {wanted!r}")
            sleep(0.002)
            answer = self.command(query)
            status = str(answer.get("status", "")) if isinstance(answer, dict) else ""

    def check(self) -> None:
        """Raises :class:`GuestError` if the machine has ended or panicked."""
        if panic := self.console.panic():
            raise PanickedError(f"kernel panicked: {panic[:160]}")
        if self.console.asks_for_root():
            raise GuestError(
                "kernel finds no disk: it needs virtio on PCI for QEMU's machine pc, and on MMIO "
                "for microvm (--machine)"
            )
        status = self.process.poll()
        if status is None:
            return
        self._errors.seek(0)
        said = self._errors.read().decode("utf-8", "replace").strip()
        if status == 0 and not said:
            raise PanickedError("kernel reset the machine or switched it off")
        raise GuestError(f"QEMU ended with status {status}" + (f": {said[-200:]}" if said else ""))

    def kill(self) -> None:
        """Ends the machine at once."""
        self.process.kill()
        self.process.wait()
        self._watchdog.kill()
        self._watchdog.communicate()
        self._monitor.close()
        self.console.close()
        self._errors.close()
