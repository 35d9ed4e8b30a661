"""A running guest: takes texts and returns lines."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, sleep

from vm.errors import GuestError, HungError
from vm.machine import Machine
from vm.mailbox import LONGEST, Mailbox
from vm.qemu import Qemu
from vm.snapshot import STATE, Snapshots

#: Maximum number of seconds until a guest's first line, with the boot of its kernel.
START_TIMEOUT = 60.0
#: Maximum number of seconds until a guest from a snapshot takes its first message.
_RESUME_TIMEOUT = 10.0


class Guest:
    """One boot of a machine, from its kernel or from a snapshot.

    It is ready once its first line has come; :meth:`line` returns this line.  Its files are in a
    folder that is removed by then: QEMU has them open.
    """

    def __init__(self, machine: Machine, snapshots: Snapshots | None = None) -> None:
        """Starts *machine*; raises :class:`GuestError` if it does not come up.

        With *snapshots*, the guest resumes from its snapshot if there is one; else a snapshot of
        it is made.
        """
        self._kernel = machine.kernel
        self._lines: list[str] = []
        self._rest = ""
        self._unsent: list[bytes] = []
        self.resumed = snapshots is not None and self._resume(machine, snapshots)
        if not self.resumed:
            self._boot(machine, snapshots)

    def _boot(self, machine: Machine, snapshots: Snapshots | None) -> None:
        with TemporaryDirectory(prefix="forkoracle-guest-") as name:
            folder = Path(name)
            machine.write_files(folder)
            self._start(machine, folder)
            try:
                said = self._hear(START_TIMEOUT)
                if snapshots is not None:
                    snapshots.keep(machine.key(), folder, said, self.qemu.save)
            except BaseException:
                self.kill()
                raise

    def _resume(self, machine: Machine, snapshots: Snapshots) -> bool:
        with TemporaryDirectory(prefix="forkoracle-guest-") as name:
            folder = Path(name)
            said = snapshots.find(machine.key(), folder)
            if said is None:
                return False
            (folder / "kernel").write_bytes(machine.kernel.image)
            self._start(machine, folder, f"exec:cat '{folder / STATE}'")
            try:
                self.qemu.wait_until_running(_RESUME_TIMEOUT)
                # The guest ignores an empty line; when it takes one, it runs.
                self._mailbox.send(b"\n")
                self._wait_idle(_RESUME_TIMEOUT)
            except GuestError:
                self.kill()
                snapshots.discard(machine.key())
                return False
            except BaseException:
                self.kill()
                raise
            self._heard(said)
            return True

    def _start(self, machine: Machine, folder: Path, incoming: str | None = None) -> None:
        self._mailbox = Mailbox(folder / "mail")
        arguments = machine.arguments(folder)
        try:
            if incoming:
                arguments += ["-incoming", incoming]
            self.qemu = Qemu(arguments, folder / "errors")
        except BaseException:
            self._mailbox.close()
            raise

    def send(self, texts: list[str]) -> None:
        """Queues texts for the guest; each is shorter than a message, and none is cut."""
        message = b""
        for text in texts:
            data = text.encode("ascii")
            if len(message) + len(data) > LONGEST:
                self._unsent.append(message)
                message = b""
            message += data
        if message:
            self._unsent.append(message)

    def line(self, timeout: float) -> str:
        """Returns the guest's next line.  Raises :class:`GuestError` if none comes."""
        if not self._lines:
            deadline = monotonic() + timeout
            while not self._lines:
                self._hear(deadline - monotonic(), timeout)
        return self._lines.pop()

    def _hear(self, patience: float, timeout: float | None = None) -> bytes:
        """Returns the guest's next message and keeps its lines; sends queued texts meanwhile."""
        deadline = monotonic() + patience
        looks = 0
        while True:
            if self._unsent and self._mailbox.idle():
                self._mailbox.send(self._unsent.pop(0))
            message = self._mailbox.receive()
            if message is not None:
                self._heard(message)
                return message
            looks += 1
            self._pause(looks, deadline, timeout or patience)

    def _heard(self, message: bytes) -> None:
        *lines, self._rest = (self._rest + message.decode("ascii", "replace")).split("\n")
        self._lines = lines[::-1] + self._lines

    def _wait_idle(self, timeout: float) -> None:
        deadline = monotonic() + timeout
        looks = 0
        while not self._mailbox.idle():
            looks += 1
            self._pause(looks, deadline, timeout)

    def _pause(self, looks: int, deadline: float, timeout: float) -> None:
        """Waits a little.  Raises :class:`GuestError` if the guest has ended or hangs."""
        # Most answers come at once; a guest that boots needs the processor more than this loop.
        sleep(0.0005 if looks < 64 else 0.005)
        if looks % (64 if looks < 640 else 8):
            return
        self.qemu.check()
        if monotonic() > deadline:
            raise HungError(f"guest hung: nothing heard for {timeout:.0f} s")

    def console(self) -> str:
        """Returns the kernel's output on its console since this guest was started.

        Its tracebacks have the names of functions, if the kernel's file has them.
        """
        return self._kernel.with_names(self.qemu.console.text())

    def kill(self) -> None:
        """Ends the guest at once."""
        self.qemu.kill()
        self._mailbox.close()
