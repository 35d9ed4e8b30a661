"""Reads a kernel file: whether QEMU can boot it, and the revisions of its source files.

The kernels are for NetBSD/amd64; a Linux bzImage is accepted, too.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import re
import zlib
from bisect import bisect
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from vm.errors import GuestError
from vm.files import UnfitFileError, in_units, looks_like, read_bounded

# A release's branch adds numbers of its own, as in 1.202.4.2.
_RCS_ID = re.compile(rb"\$NetBSD: ([\w.-]+\.c),v (\d+(?:\.\d+)+) ")
_VERSION = re.compile(rb"NetBSD (\d+\.[\w.]+) \(([\w.-]+)\)")
_EM_X86_64 = 62
_XEN_ELFNOTE_PHYS32_ENTRY = 18
#: Maximum size of a kernel, in bytes: ten times that of a GENERIC with its symbols.
LONGEST = 512 << 20
#: A frame of a traceback without the names of functions: QEMU does not load a kernel's symbols.
#: Also the address of a trap: a kernel without a debugger prints only that.
_NAMELESS = re.compile(r"\?\(\) at (?:0x)?([0-9a-f]{8,16})\b|\brip 0x([0-9a-f]{8,16})\b")


@dataclass(frozen=True)
class KernelFile:
    """A kernel that QEMU can boot with ``-kernel``.

    ``system`` is NetBSD or Linux, ``version`` its release.  ``revisions`` are those of
    the files of which it has RCS ids, as they are written there.
    """

    image: bytes
    revisions: Mapping[str, str]
    version: str
    config: str
    system: str = "NetBSD"

    @property
    def kern_fork(self) -> tuple[int, int] | None:
        """Returns kern_fork.c's revision on the trunk, or that at which its branch left it."""
        if (text := self.revisions.get("kern_fork.c")) is None:
            return None
        major, minor = text.split(".")[:2]
        return int(major), int(minor)

    @cached_property
    def checksum(self) -> str:
        """Returns the SHA-256 of the image."""
        return hashlib.sha256(self.image).hexdigest()

    @cached_property
    def _symbols(self) -> list[tuple[int, str]]:
        """Returns address and name of the ELF symbols, by address; empty if they were stripped."""
        from vm import elf

        try:
            return elf.symbols(self.image)
        except elf.DAMAGED:
            return []

    @property
    def only_mmio(self) -> bool:
        """Says whether it has virtio on MMIO only, and not on PCI, like MICROVM."""
        return b"virtio_mmio" in self.image and b"virtio_pci" not in self.image

    @property
    def looks_in_acpi(self) -> bool:
        """Says whether it finds virtio on MMIO in ACPI's tables, and not in its command line."""
        return b"virtio_acpi" in self.image

    def with_names(self, console: str) -> str:
        """Returns the text of a console, with the names of functions in its tracebacks.

        NetBSD prints ``?()`` if its symbols were not loaded; the file has them.
        """

        def named(match: re.Match[str]) -> str:
            address = int(match[1] or match[2], 16)
            index = bisect(self._symbols, address, key=lambda symbol: symbol[0])
            if not index:
                return match[0]
            start, name = self._symbols[index - 1]
            if match[2]:
                return f"rip {name}+{address - start:#x} at 0x{match[2]}"
            return f"{name}+{address - start:#x}() at {match[1]}"

        return _NAMELESS.sub(named, console)


def _contents(path: Path) -> bytes:
    """Returns the kernel, unpacked if it is gzipped; reads at most LONGEST bytes."""
    try:
        data = read_bounded(path, LONGEST, "a kernel file")
        if not data.startswith(b"\x1f\x8b"):
            return data
        with gzip.open(io.BytesIO(data)) as packed:
            image = packed.read(LONGEST + 1)
    except UnfitFileError as error:
        raise GuestError(str(error)) from None
    except (EOFError, OSError, zlib.error) as error:
        raise GuestError(f"{path}: a damaged gzip file ({error}): fetch or copy it again") from None
    if len(image) > LONGEST:
        raise GuestError(
            f"{path}: more than {in_units(LONGEST)} once unpacked: expected a kernel file"
        )
    return image


def _check(image: bytes, path: Path) -> None:
    """Raises :class:`GuestError` if the image is not a NetBSD/amd64 kernel that QEMU can boot."""
    if image[:5] != b"\x7fELF\x02":
        kind = "empty" if not image else looks_like(image[:4096]) or "text"
        raise GuestError(f"{path}: not a 64-bit ELF file ({kind}): expected a NetBSD/amd64 kernel")
    from vm import elf

    try:
        number, name = elf.machine(image)
        notes = elf.notes(image)
    except elf.DAMAGED:
        raise GuestError(f"{path}: an ELF file cut short or damaged: copy it again") from None
    if number != _EM_X86_64:
        raise GuestError(
            f"{path}: a kernel for machine {number} ({name}): expected NetBSD/amd64 (62)"
        )
    if ("Xen", _XEN_ELFNOTE_PHYS32_ENTRY) not in notes:
        raise GuestError(
            f"{path}: no PVH note, so QEMU's -kernel cannot boot it: expected a kernel with "
            "options PVH (MICROVM, or GENERIC of -current after 10.1)"
        )


def _linux_version(image: bytes) -> str | None:
    """Returns the release of a Linux bzImage (Documentation/arch/x86/boot.rst), or None."""
    if len(image) < 0x264 or image[0x202:0x206] != b"HdrS":
        return None
    offset = int.from_bytes(image[0x20E:0x210], "little")
    words = image[offset + 0x200 :][:64].split(b" ", 1)
    return words[0].decode("ascii", "replace") if offset else "unknown"


def read_kernel(path: Path) -> KernelFile:
    """Reads a NetBSD/amd64 kernel, gzipped or not.  Raises :class:`GuestError`."""
    image = _contents(path)
    if (linux := _linux_version(image)) is not None:
        return KernelFile(image, {}, linux, "unknown", "Linux")
    _check(image, path)
    revisions: dict[str, str] = {}
    for name, text in _RCS_ID.findall(image):  # the kernel's own files come before a library's
        revisions.setdefault(name.decode(), text.decode())
    version = _VERSION.search(image)
    return KernelFile(
        image,
        revisions,
        version[1].decode() if version else "unknown",
        version[2].decode() if version else "unknown",
    )
