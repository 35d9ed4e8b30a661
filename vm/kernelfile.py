"""What a kernel file says of itself: whether QEMU can boot it, and which kern_fork.c it holds.

NetBSD/amd64 kernels are what this is for; a Linux bzImage is taken, too.
"""

from __future__ import annotations

import gzip
import hashlib
import re
import struct
import zlib
from bisect import bisect
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from vm.errors import GuestError

# A release's branch adds numbers of its own, as in 1.202.4.2.
_RCS_ID = re.compile(rb"\$NetBSD: kern_fork\.c,v (\d+)\.(\d+)(?:\.\d+)* ")
_VERSION = re.compile(rb"NetBSD (\d+\.[\w.]+) \(([\w.-]+)\)")
_EM_X86_64 = 62
_PT_NOTE = 4
_XEN_ELFNOTE_PHYS32_ENTRY = 18
_SHT_SYMTAB = 2
#: A frame of a traceback by a kernel that was started without its symbols, as QEMU does it; and
#: where a trap was taken: without a debugger in it, a kernel says no more.
_NAMELESS = re.compile(r"\?\(\) at (?:0x)?([0-9a-f]{8,16})\b|\brip 0x([0-9a-f]{8,16})\b")


@dataclass(frozen=True)
class KernelFile:
    """A kernel that QEMU can boot with ``-kernel``.

    ``system`` is NetBSD or Linux, ``version`` its release.  ``kern_fork`` is
    the revision of kern_fork.c in its RCS id, or None where the file has none.
    """

    image: bytes
    kern_fork: tuple[int, int] | None
    version: str
    config: str
    system: str = "NetBSD"

    @cached_property
    def checksum(self) -> str:
        """The SHA-256 of the image."""
        return hashlib.sha256(self.image).hexdigest()

    @cached_property
    def _symbols(self) -> list[tuple[int, str]]:
        """Address and name of what the ELF symbol table has, by address; nothing if it has gone."""
        try:
            return _symbols(self.image)
        except (struct.error, ValueError):
            return []

    @property
    def only_mmio(self) -> bool:
        """Whether its virtio devices are on MMIO, and not on PCI: as with MICROVM."""
        return b"virtio_mmio" in self.image and b"virtio_pci" not in self.image

    @property
    def looks_in_acpi(self) -> bool:
        """Whether it looks for virtio on MMIO in ACPI's tables, and not in its command line."""
        return b"virtio_acpi" in self.image

    def with_names(self, console: str) -> str:
        """The text of a console, with the names of functions in its tracebacks.

        NetBSD prints ``?()`` where nobody has loaded its symbols; the file has them.
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
    try:
        data = path.read_bytes()
    except OSError as error:
        raise GuestError(f"{path}: {error.strerror}: expected a kernel file") from None
    if data[:2] != b"\x1f\x8b":
        return data
    try:
        return gzip.decompress(data)
    except (EOFError, OSError, zlib.error) as error:
        raise GuestError(f"{path}: a damaged gzip file ({error}): fetch or copy it again") from None


def _notes(image: bytes) -> list[tuple[bytes, int]]:
    """The owner and type of each ELF note."""
    offset, size, count = (
        struct.unpack_from("<Q", image, 32)[0],
        *struct.unpack_from("<HH", image, 54),
    )
    found = []
    for index in range(count):
        header = struct.unpack_from("<IIQQQQQQ", image, offset + index * size)
        if header[0] != _PT_NOTE:
            continue
        position, end = header[2], header[2] + header[5]
        while position + 12 <= end:
            owner_size, value_size, kind = struct.unpack_from("<III", image, position)
            owner = image[position + 12 : position + 12 + owner_size].rstrip(b"\0")
            found.append((owner, kind))
            position += 12 + (owner_size + 3 & ~3) + (value_size + 3 & ~3)
    return found


def _symbols(image: bytes) -> list[tuple[int, str]]:
    """The symbols of a 64-bit ELF file that have a place in a section, by address."""
    if image[:4] != b"\x7fELF":
        return []
    start = struct.unpack_from("<Q", image, 40)[0]
    size, count = struct.unpack_from("<HH", image, 58)
    sections = [struct.unpack_from("<IIQQQQII", image, start + n * size) for n in range(count)]
    found = []
    for _, kind, _, _, offset, length, link, _ in sections:
        if kind != _SHT_SYMTAB:
            continue
        names = sections[link][4]
        for at in range(offset, offset + length, 24):
            name, _, _, section, value = struct.unpack_from("<IBBHQ", image, at)
            if section and value and name:
                end = image.index(b"\0", names + name)
                found.append((value, image[names + name : end].decode("ascii", "replace")))
    return sorted(found)


def _linux_version(image: bytes) -> str | None:
    """The release of a Linux bzImage (Documentation/arch/x86/boot.rst), or None."""
    if len(image) < 0x264 or image[0x202:0x206] != b"HdrS":
        return None
    offset = struct.unpack_from("<H", image, 0x20E)[0]
    words = image[offset + 0x200 :][:64].split(b" ", 1)
    return words[0].decode("ascii", "replace") if offset else "unknown"


def read_kernel(path: Path) -> KernelFile:
    """Read a NetBSD/amd64 kernel, gzipped or not.  Raises :class:`GuestError`."""
    image = _contents(path)
    if (linux := _linux_version(image)) is not None:
        return KernelFile(image, None, linux, "unknown", "Linux")
    if image[:4] != b"\x7fELF" or len(image) < 64 or image[4] != 2:
        raise GuestError(f"{path}: not a 64-bit ELF file: expected a NetBSD/amd64 kernel")
    machine = struct.unpack_from("<H", image, 18)[0]
    if machine != _EM_X86_64:
        raise GuestError(f"{path}: a kernel for machine {machine}: expected NetBSD/amd64 (62)")
    try:
        notes = _notes(image)
    except struct.error:
        raise GuestError(f"{path}: an ELF file cut short: copy it again") from None
    if (b"Xen", _XEN_ELFNOTE_PHYS32_ENTRY) not in notes:
        raise GuestError(
            f"{path}: no PVH note, so QEMU's -kernel cannot boot it: expected a kernel with "
            "options PVH (MICROVM, or GENERIC of -current after 10.1)"
        )
    revision = _RCS_ID.search(image)
    version = _VERSION.search(image)
    return KernelFile(
        image,
        (int(revision[1]), int(revision[2])) if revision else None,
        version[1].decode() if version else "unknown",
        version[2].decode() if version else "unknown",
    )
