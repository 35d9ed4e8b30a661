"""A whole system that runs as long as we do: booted, watched, and booted again where it died."""

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
    """A private folder that goes when we do, however that comes about."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="forkoracle-system-"))
        # QEMU is killed at the same time, and may still make a file of the folder's meanwhile.
        sweep = 'for _ in 1 2 3 4 5; do rm -rf -- "$0" && break; sleep 1; done'
        self._sweeper = when_we_are_gone(sweep, str(self.path))

    def remove(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
        self._sweeper.communicate()


class BootedSystem:
    """A system in a QEMU that dies with us; its port, and the keys of its host."""

    def __init__(self, prepare: Callable[[Path], System]) -> None:
        """Boot what *prepare* makes in a folder.  Raises :class:`GuestError`."""
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
        """The file with the keys that its sshd must have."""
        return self._folder.path / KNOWN_HOSTS

    def _boot(self) -> None:
        self._qemu = Qemu(self.system.arguments(self._folder.path), self._folder.path / "errors")
        self._reader = threading.Thread(target=self._read_console, args=(self._qemu,), daemon=True)
        self._reader.start()
        said = self._qemu.command("human-monitor-command", {"command-line": "info usernet"})
        self.port = forwarded_port(str(said))
        wait_for_sshd(self.system, self._folder.path, self.port, self._ended)

    def _read_console(self, qemu: Qemu) -> None:
        """A guest whose console nobody reads stands still once that is full."""
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
        """Raise :class:`GuestError` where the guest is no more, or has panicked."""
        assert self._qemu is not None
        with self._reading:
            self._qemu.check()

    def console(self) -> str:
        """What has been written on its console since it was booted."""
        with self._reading:
            return self._qemu.console.text() if self._qemu else ""

    def revive(self) -> None:
        """Boot anew where it has died or does not answer; nothing of before is on its disk then.

        Raises :class:`GuestError` where that fails.
        """
        if self._ended() is None and sshd_answers(self.port):
            return
        self._end()
        self._boot()

    def kill(self) -> None:
        """End it at once, and leave nothing of it."""
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
