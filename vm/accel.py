"""Finds out whether KVM works and is faster than emulation.

In containers and on virtual machines /dev/kvm often exists and does not work, or is slower than
emulation.  So a kernel of three instructions is run with both.
"""

from __future__ import annotations

import os
import struct
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic

from vm.qemu import bare_qemu, find_qemu

#: Maximum number of seconds for three emulated instructions, with the start of QEMU and firmware.
_PATIENCE = 10.0
#: KVM counts as not working if it takes this many times as long, plus half a second.
_SLOWER = 3.0
_KVM = Path("/dev/kvm")
# mov $0x2a, %al; out %al, $0xf4 (the debug-exit device: QEMU ends with 2 * 0x2a + 1); hlt
_PROGRAM = b"\xb0\x2a\xe6\xf4\xf4"
_WORKED = 2 * 0x2A + 1
_LOAD = 0x100000


def _kernel() -> bytes:
    """Returns a 64-bit ELF file with a PVH note, whose entry point is the program."""
    note = struct.pack("<III4sI", 4, 4, 18, b"Xen\0", _LOAD)
    offset = 64 + 2 * 56
    code = offset + len(note)
    head = b"\x7fELF\x02\x01\x01" + bytes(9)
    head += struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, _LOAD, 64, 0, 0, 64, 56, 2, 0, 0, 0)
    load = struct.pack("<IIQQQQQQ", 1, 5, code, _LOAD, _LOAD, len(_PROGRAM), len(_PROGRAM), 1)
    notes = struct.pack("<IIQQQQQQ", 4, 4, offset, 0, 0, len(note), len(note), 4)
    return head + load + notes + note + _PROGRAM


def seconds(accel: str, patience: float) -> float | None:
    """Returns how long QEMU takes to run the kernel with ``kvm`` or ``tcg``; None if it fails."""
    with TemporaryDirectory(prefix="forkoracle-accel-") as folder:
        kernel = Path(folder) / "kernel"
        kernel.write_bytes(_kernel())
        command = [*bare_qemu(), "-M", "pc", "-accel", accel, "-m", "16"]
        command += ["-no-reboot", "-kernel", str(kernel)]
        command += ["-device", "isa-debug-exit,iobase=0xf4,iosize=1"]
        start = monotonic()
        try:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=patience,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return None
        return monotonic() - start if done.returncode == _WORKED else None


def _works_and_helps() -> bool:
    without = seconds("tcg", _PATIENCE) or _PATIENCE
    return seconds("kvm", _SLOWER * without + 0.5) is not None


def _this_boot() -> str:
    """Returns a text that changes with the host's boot, the device and QEMU."""
    parts = []
    for path in (_KVM, Path(find_qemu())):
        status = path.stat()
        parts.append(f"{status.st_mtime_ns} {status.st_rdev} {status.st_size}")
    try:
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text())
    except OSError:
        parts.append("")
    return "\n".join(parts)


def best(cache: Path) -> str:
    """Returns ``kvm`` if it works, else ``tcg``; *cache* keeps the answer until the next boot."""
    if not os.access(_KVM, os.R_OK | os.W_OK):
        return "tcg"
    kept = cache / "kvm"
    here = _this_boot()
    try:
        answer, _, asked = kept.read_text().partition("\n")
        if asked == here and answer in ("kvm", "tcg"):
            return answer
    except OSError:
        pass
    answer = "kvm" if _works_and_helps() else "tcg"
    try:
        cache.mkdir(parents=True, exist_ok=True)
        kept.write_text(f"{answer}\n{here}")
    except OSError:
        pass  # the next run finds out again
    return answer
