"""A running guest: QEMU with a kernel, a root disk and a mailbox."""

from __future__ import annotations

import ctypes
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, sleep

from vm.errors import GuestError, PanickedError
from vm.image import make_root
from vm.kernelfile import KernelFile
from vm.mailbox import LONGEST, Mailbox

QEMU = "qemu-system-x86_64"
_INSTALL = "install it with: apt-get install qemu-system-x86"
PANIC = re.compile(r"panic: .*|fatal .* trap.*|Stopped in .*|^db\{?\d*\}?> ?$", re.MULTILINE)
_PR_SET_PDEATHSIG = 1
_MACHINE = {
    # A processor and a console is all that is asked; the disks are virtio's.
    "pc": (["-M", "pc"], "pci"),
    "microvm": (
        ["-M", "microvm,rtc=on,acpi=on,pic=on,pit=on", "-global", "virtio-mmio.force-legacy=on"],
        "device",
    ),
}


def _die_with_owner() -> None:
    """In the child, before exec: be killed when the process that started us is gone."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def find_qemu() -> str:
    """The path of QEMU.  Raises :class:`GuestError` where it is missing."""
    found = shutil.which(QEMU)
    if found is None:
        raise GuestError(f"{QEMU} is missing: {_INSTALL}")
    return found


class Guest:
    """One boot of a kernel, with *init* as the only program on its disk.

    Its files lie in a folder of its own, which is removed as soon as the guest
    has said its first word: QEMU has them open by then.  QEMU itself is killed
    with the process that started it, however that one ends.
    """

    def __init__(
        self, kernel: KernelFile, init: Path, *, machine: str = "pc", cpus: int = 1
    ) -> None:
        qemu = find_qemu()
        self._folder = TemporaryDirectory(prefix="forkoracle-guest-")
        folder = Path(self._folder.name)
        (folder / "kernel").write_bytes(kernel.image)
        make_root(init, folder / "root.img")
        self._mailbox = Mailbox(folder / "mail.img")
        (folder / "console.txt").touch()
        self._console = (folder / "console.txt").open("rb")
        self._lines: list[str] = []
        self._rest = ""
        self._ready = False
        self._unsent: list[bytes] = []
        self._errors = (folder / "qemu.txt").open("w+b")
        self.process = subprocess.Popen(
            [qemu, *arguments(folder, machine, cpus), "-serial", f"file:{folder / 'console.txt'}"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._errors,
            preexec_fn=_die_with_owner,
        )

    def console(self) -> str:
        """What the kernel has written on its console so far."""
        self._console.seek(0)
        return self._console.read().decode("utf-8", "replace")

    def send(self, texts: list[str]) -> None:
        """Queue texts for the guest; none is longer than a message, and none is cut."""
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
        """The guest's next line.  Raises :class:`GuestError` where none comes, saying why."""
        deadline = monotonic() + timeout
        looks = 0
        while not self._lines:
            if self._unsent and self._mailbox.idle():
                self._mailbox.send(self._unsent.pop(0))
            message = self._mailbox.receive()
            if message is not None:
                *lines, self._rest = (self._rest + message.decode("ascii", "replace")).split("\n")
                self._lines = lines[::-1]
                continue
            looks += 1
            if looks % 64 == 0:
                self._check(deadline, timeout)
            sleep(0.0005)
        if not self._ready:
            self._folder.cleanup()
            self._ready = True
        return self._lines.pop()

    def _check(self, deadline: float, timeout: float) -> None:
        """Raise :class:`GuestError` where the guest has panicked, has gone, or hangs."""
        if panic := PANIC.search(self.console()):
            raise PanickedError(f"kernel panicked: {panic[0].strip()[:160]}")
        if self.process.poll() is not None:
            self._errors.seek(0)
            said = self._errors.read().decode("utf-8", "replace").strip()
            raise GuestError(f"QEMU ended with status {self.process.returncode}: {said[-200:]}")
        if monotonic() > deadline:
            raise GuestError(f"guest hung: nothing heard for {timeout:.0f} s")

    def kill(self) -> None:
        """End the guest at once, and leave nothing of it."""
        self.process.kill()
        self.process.wait()
        self._mailbox.close()
        self._console.close()
        self._errors.close()
        self._folder.cleanup()


def arguments(folder: Path, machine: str, cpus: int) -> list[str]:
    """QEMU's arguments for the files in *folder*."""
    basis, bus = _MACHINE[machine]
    command = [*basis, "-accel", "tcg,thread=multi" if cpus > 1 else "tcg", "-m", "256"]
    command += ["-smp", f"{cpus},sockets={cpus},cores=1"]
    command += ["-display", "none", "-nodefaults", "-no-reboot", "-no-user-config"]
    command += ["-kernel", str(folder / "kernel"), "-append", "console=com root=ld0a"]
    # The kernel may write to its root; only the snapshot, which goes with QEMU, sees it.
    for name, snapshot in (("root", "on"), ("mail", "off")):
        drive = f"file={folder / name}.img,if=none,format=raw,id={name},snapshot={snapshot}"
        command += ["-drive", drive, "-device", f"virtio-blk-{bus},drive={name}"]
    return command
