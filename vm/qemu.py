"""One QEMU: started, steered through QMP, and never outliving whoever started it."""

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
    """The path of QEMU.  Raises :class:`GuestError` where it is missing."""
    return find_program(QEMU, "qemu-system-x86")


def bare_qemu() -> list[str]:
    """The beginning of every command: QEMU with nothing that it is not told to have.

    Raises :class:`GuestError` where it is missing.
    """
    return [find_qemu(), "-no-user-config", "-nodefaults", "-display", "none"]


def environment(folder: Path) -> dict[str, str]:
    """The environment for a QEMU whose files lie in *folder*: so does a disk's overlay.

    QEMU removes the overlay's name at once, and leaves it where it is killed before.
    """
    return {**os.environ, "TMPDIR": str(folder)}


class Qemu:
    """A QEMU process with a console and a monitor, of which nothing has a name in a folder.

    It is killed with us.
    """

    def __init__(self, arguments: Sequence[str], errors: Path) -> None:
        """Start QEMU with *arguments*; what it complains about goes to the file *errors*.

        Its temporary files lie in that file's folder.
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
        # QEMU itself would not notice that we are gone.
        self._watchdog = when_we_are_gone('kill -9 "$0"', str(self.process.pid))
        with suppress(GuestError):  # it has ended, which whoever waits for it will see
            self._monitor.connect()

    def command(self, name: str, arguments: Mapping[str, object] | None = None) -> object:
        """Have QEMU do something.  Raises :class:`GuestError` where it does not."""
        return self._monitor.command(name, arguments)

    def save(self, path: Path) -> None:
        """Write the machine's whole state, without its disks, to *path*; the guest goes on."""
        self.command("migrate-set-parameters", {"max-bandwidth": 1 << 40})
        self.command("migrate", {"uri": f"exec:cat > '{path}'"})
        self._wait_for("query-migrate", "completed", ANSWER)
        self.command("cont")

    def wait_until_running(self, timeout: float) -> None:
        """Wait for a machine that comes from a saved state.  Raises :class:`GuestError`."""
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
        """Raise :class:`GuestError` where the machine is no more, or has panicked."""
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
        """End the machine at once, and leave nothing of it."""
        self.process.kill()
        self.process.wait()
        self._watchdog.kill()
        self._watchdog.communicate()
        self._monitor.close()
        self.console.close()
        self._errors.close()
