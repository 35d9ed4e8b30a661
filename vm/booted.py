"""A whole system in QEMU that runs as long as this process; it is booted again if it dies."""

from __future__ import annotations

import select
import shutil
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

from vm.errors import GuestError
from vm.programs import when_we_are_gone
from vm.qemu import Qemu
from vm.system import KNOWN_HOSTS, System, forwarded_port, sshd_answers, wait_for_sshd


class OwnFolder:
    """A private folder that is removed when this process ends, even if it is killed."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="forkoracle-system-"))
        # QEMU is killed at the same time, and may still create a file here: try five times.
        sweep = 'for _ in 1 2 3 4 5; do rm -rf -- "$0" && break; sleep 1; done'
        self._sweeper = when_we_are_gone(sweep, str(self.path))

    def remove(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
        self._sweeper.communicate()


class BootedSystem:
    """A system in a QEMU that ends with this process; its ssh port and host keys."""

    def __init__(self, prepare: Callable[[Path], System]) -> None:
        """Boots the system that *prepare* makes in a folder.  Raises :class:`GuestError`."""
        self._qemu: Qemu | None = None
        self._reader: threading.Thread | None = None
        self._reading = threading.Lock()
        self._folder = OwnFolder()
        try:
            self.system = prepare(self._folder.path)
            self._boot()
        except BaseException:
            self.kill()
            raise

    @property
    def known_hosts(self) -> Path:
        """Returns the file with the host keys of its sshd."""
        return self._folder.path / KNOWN_HOSTS

    def _boot(self) -> None:
        self._qemu = Qemu(self.system.arguments(self._folder.path), self._folder.path / "errors")
        self._reader = threading.Thread(target=self._read_console, args=(self._qemu,), daemon=True)
        self._reader.start()
        said = self._qemu.command("human-monitor-command", {"command-line": "info usernet"})
        self.port = forwarded_port(str(said))
        wait_for_sshd(self.system, self._folder.path, self.port, self._ended)

    def _read_console(self, qemu: Qemu) -> None:
        """Reads the console all the time: a guest stops when its console's buffer is full."""
        while qemu.process.poll() is None:
            if select.select([qemu.console], [], [], 0.1)[0]:
                with self._reading:
                    qemu.console.text()

    def _ended(self) -> str | None:
        try:
            self.check()
        except GuestError as error:
            return str(error)
        return None

    def check(self) -> None:
        """Raises :class:`GuestError` if the guest has ended or panicked."""
        assert self._qemu is not None
        with self._reading:
            self._qemu.check()

    def console(self) -> str:
        """Returns the output on its console since it was booted."""
        with self._reading:
            return self._qemu.console.text() if self._qemu else ""

    def revive(self) -> None:
        """Boots it again, with a clean disk, if it has died or does not answer.

        Raises :class:`GuestError` if that fails.
        """
        if self._ended() is None and sshd_answers(self.port):
            return
        self._end()
        self._boot()

    def kill(self) -> None:
        """Ends it at once, and removes its files."""
        self._end()
        self._folder.remove()

    def _end(self) -> None:
        if self._qemu is None:
            return
        self._qemu.process.kill()
        self._qemu.process.wait()
        if self._reader is not None:
            self._reader.join()
            self._reader = None
        self._qemu.kill()
        self._qemu = None
