"""A machine to boot: the files that it needs, and QEMU's arguments for it.

It boots NetBSD from a small disk, or Linux from an initramfs.  The init program is ours, and is the
only program there.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from vm.image import make_initramfs, make_root
from vm.kernelfile import KernelFile
from vm.mailbox import SIZE
from vm.programs import option_value

#: Machine types of QEMU, with the suffix of their virtio devices.
MACHINES = {"pc": "pci", "microvm": "device"}
_MEBIBYTES = 256
_MACHINE_ARGUMENTS = {
    "pc": ["-M", "pc"],
    "microvm": [
        *("-M", "microvm,rtc=on,acpi={acpi},pic=on,pit=on"),
        *("-global", "virtio-mmio.force-legacy=on"),
    ],
}


@dataclass(frozen=True, slots=True)
class Machine:
    """A kernel, the one program that it runs, and a virtual machine to run it on.

    ``type`` is one of :data:`MACHINES`, ``accel`` QEMU's accelerator (``tcg`` or ``kvm``).
    ``program``, if there is one, is installed as /bin/sh beside the init.
    """

    kernel: KernelFile
    init: Path
    type: str = "pc"
    cpus: int = 1
    accel: str = "tcg"
    program: Path | None = None

    def write_files(self, folder: Path) -> None:
        """Writes the kernel and its root disk into *folder*.  Raises :class:`GuestError`."""
        (folder / "kernel").write_bytes(self.kernel.image)
        if self.kernel.system == "Linux":
            make_initramfs(self.init, self.program, folder / "root")
        else:
            make_root(self.init, self.program, folder / "root")

    def arguments(self, folder: Path) -> list[str]:
        """Returns QEMU's arguments for the files in *folder*, with the mailbox ``mail``."""

        def at(name: str) -> str:
            return option_value(folder / name)

        accel = "tcg,thread=multi" if self.accel == "tcg" and self.cpus > 1 else self.accel
        # Without ACPI, QEMU names microvm's disks in the kernel's command line.
        acpi = "on" if self.kernel.looks_in_acpi else "off"
        arguments = [word.format(acpi=acpi) for word in _MACHINE_ARGUMENTS[self.type]]
        arguments += ["-accel", accel, "-m", str(_MEBIBYTES)]
        arguments += ["-smp", f"{self.cpus},sockets={self.cpus},cores=1", "-no-reboot"]
        arguments += ["-kernel", str(folder / "kernel")]
        if self.kernel.system == "Linux":
            # Debian's kernels have virtio's drivers in modules, so the mailbox is shared memory.
            # Linux counts ticks at boot, and panics if a busy host delivered too few.
            words = "console=ttyS0 panic=0 sysrq_always_enabled no_timer_check"
            arguments += ["-initrd", str(folder / "root"), "-append", words]
            mail = f"memory-backend-file,id=mail,share=on,size={SIZE},mem-path={at('mail')}"
            device = "ivshmem-plain,memdev=mail,master=on,addr=5"
            return [*arguments, "-object", mail, "-device", device]
        arguments += ["-append", "console=com root=ld0a"]
        mail = f"file={at('mail')},if=none,format=raw,id=mail"
        root = f"file={at('root')},if=none,format=raw,id=root,readonly=on"
        for name, drive in (("root", root), ("mail", mail)):
            device = f"virtio-blk-{MACHINES[self.type]},drive={name}"
            arguments += ["-drive", drive, "-device", device]
        return arguments

    def key(self) -> str:
        """Returns a checksum of the kernel, the programs and QEMU's arguments."""
        digest = hashlib.sha256(self.kernel.checksum.encode())
        for program in filter(None, (self.init, self.program)):
            digest.update(program.read_bytes())
        digest.update("\0".join(self.arguments(Path("-"))).encode())
        return digest.hexdigest()[:32]
