"""What is read out of a kernel file, and what is said of one that cannot be booted."""

from __future__ import annotations

import gzip
import os
import shutil
import struct
import subprocess
import threading
from pathlib import Path

import pytest

from tests.command import COMMAND, environment
from vm.elf import symbols
from vm.errors import GuestError
from vm.kernelfile import KernelFile, read_kernel


def elf(*, machine: int = 62, owner: bytes = b"Xen", kind: int = 18, text: bytes = b"") -> bytes:
    """A 64-bit ELF file with one note, made by hand from the ELF specification."""
    note = struct.pack("<III", len(owner) + 1, 8, kind) + (owner + b"\0").ljust(4, b"\0") + bytes(8)
    header = b"\x7fELF\x02\x01\x01" + bytes(9)
    header += struct.pack("<HHIQQQIHHHHHH", 2, machine, 1, 0, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    program = struct.pack("<IIQQQQQQ", 4, 0, 64 + 56, 0, 0, len(note), len(note), 4)
    return header + program + note + text


ID = b"$NetBSD: kern_fork.c,v 1.231 2024/05/14 13:00:40 riastradh Exp $\0"
BANNER = b"NetBSD 10.99.12 (MICROVM) #0: today\0"


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzipped"])
def test_revision_and_name_come_from_the_file(tmp_path: Path, pack: type[bytes]) -> None:
    """The RCS id and the banner are found in a kernel, gzipped or not."""
    path = tmp_path / "netbsd"
    path.write_bytes(pack(elf(text=ID + BANNER)))
    kernel = read_kernel(path)
    assert (kernel.kern_fork, kernel.version, kernel.config) == ((1, 231), "10.99.12", "MICROVM")


def test_a_branch_has_the_revision_that_it_left_the_trunk_at(tmp_path: Path) -> None:
    """The id of a release's branch goes on behind the trunk's revision."""
    path = tmp_path / "netbsd"
    path.write_bytes(elf(text=ID.replace(b"1.231", b"1.202.4.2")))
    assert read_kernel(path).kern_fork == (1, 202)


@pytest.mark.parametrize(
    ("drivers", "only"),
    [(b"virtio_mmio_intr", True), (b"virtio_mmio_intr\0virtio_pci_kick", False)],
)
def test_the_drivers_tell_which_machine(tmp_path: Path, drivers: bytes, only: bool) -> None:
    """A kernel without virtio on PCI, whatever it is called, has no disk on a machine with PCI."""
    path = tmp_path / "netbsd"
    path.write_bytes(elf(text=BANNER.replace(b"MICROVM", b"MINE") + drivers))
    kernel = read_kernel(path)
    assert (kernel.only_mmio, kernel.config) == (only, "MINE")


def test_linux_is_known_by_its_boot_header(tmp_path: Path) -> None:
    """A bzImage tells its release where the boot protocol says; it needs no PVH note."""
    image = bytearray(0x400)
    image[0x202:0x206] = b"HdrS"
    struct.pack_into("<H", image, 0x20E, 0x100)
    image[0x300:0x312] = b"6.1.0-9-amd64 (me)"
    (tmp_path / "vmlinuz").write_bytes(image)
    kernel = read_kernel(tmp_path / "vmlinuz")
    assert (kernel.system, kernel.version, kernel.kern_fork) == ("Linux", "6.1.0-9-amd64", None)


def test_without_an_id_there_is_no_revision(tmp_path: Path) -> None:
    """A kernel without kern_fork.c's RCS id has no revision, rather than a guessed one."""
    path = tmp_path / "netbsd"
    path.write_bytes(elf())
    assert read_kernel(path).kern_fork is None


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"#!/bin/sh\n", r"not a 64-bit ELF file \(text\)"),
        (b"", r"not a 64-bit ELF file \(empty\)"),
        (bytes(64), r"not a 64-bit ELF file \(binary data\)"),
        (b"\x7fELF\1" + bytes(64), r"not a 64-bit ELF file \(an ELF file"),
        (elf(machine=183), r"a kernel for machine 183 \(AArch64\)"),
        (elf(kind=1), "no PVH note"),
        (elf(owner=b"NetB"), "no PVH note"),
        (elf()[:100], "cut short"),
        (gzip.compress(elf() * 50)[:-20], "a damaged gzip file"),
    ],
)
def test_a_file_that_is_no_kernel_is_one_line(tmp_path: Path, data: bytes, expected: str) -> None:
    """Each kind of file that QEMU cannot boot is named, with what was expected."""
    path = tmp_path / "file"
    path.write_bytes(data)
    with pytest.raises(GuestError, match=expected) as error:
        read_kernel(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    """A file that is not there is named."""
    with pytest.raises(GuestError, match="No such file"):
        read_kernel(tmp_path / "none")


def test_tracebacks_get_names_from_the_symbol_table(tmp_path: Path) -> None:
    """A real linker's file: the function around an address, and how far into it that is."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("needs a C compiler")
    source, program = tmp_path / "a.c", tmp_path / "a"
    source.write_text("int lwp_create(void) { return 1; }\nint _start(void) { return 2; }\n")
    subprocess.run([compiler, "-static", "-nostdlib", "-o", program, source], check=True)
    image = program.read_bytes()
    kernel = KernelFile(image, {}, "10", "MINE")
    [start] = [value for value, name in symbols(image) if name == "lwp_create"]
    console = f"[ 1.5] ?() at {start + 3:016x}\n[ 1.5] ?() at {1:016x}\npanic: why?() at"
    assert kernel.with_names(console) == (
        f"[ 1.5] lwp_create+0x3() at {start + 3:016x}\n[ 1.5] ?() at {1:016x}\npanic: why?() at"
    )
    trap = "trap type 6 code 0x2 rip 0x{} cs 0x8"
    assert kernel.with_names(trap.format(f"{start + 1:016x}")) == trap.replace("0x{}", "{}").format(
        f"lwp_create+0x1 at 0x{start + 1:016x}"
    )
    # What has been stripped, or is cut short, names nothing.
    for other in (elf(), image[: len(image) // 2]):
        assert KernelFile(other, {}, "10", "MINE").with_names(console) == console


def test_kernel_cut_short_or_damaged_anywhere_is_told_in_one_line(tmp_path: Path) -> None:
    """A real linker's file: each piece is missing once, and each byte of its head is wrong."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("needs a C compiler")
    source, program = tmp_path / "a.c", tmp_path / "a"
    source.write_text("int _start(void) { return 2; }\n")
    subprocess.run([compiler, "-static", "-nostdlib", "-o", program, source], check=True)
    image = program.read_bytes()
    path = tmp_path / "netbsd"
    cut = [image[:length] for length in range(64, len(image), 61)]
    wrong = [image[:at] + b"\xff" * 4 + image[at + 4 :] for at in range(16, 512)]
    for data in (*cut, *wrong):
        path.write_bytes(data)
        with pytest.raises(GuestError) as error:
            read_kernel(path)
        assert str(error.value).startswith(f"{path}: ")
        assert "\n" not in str(error.value)
        KernelFile(data, {}, "10", "MINE").with_names(f"?() at {1 << 40:016x}")


@pytest.mark.parametrize(
    ("make", "says"),
    [
        ("mkdir k", "a folder: expected a kernel file"),
        ("mkfifo k", "a pipe without a writer: expected a kernel file"),
        ("ln -s /dev/zero k", "a device: expected a kernel file"),
        ("truncate -s 1G k", "1 GiB: expected a kernel file, of at most 512 MiB"),
        ("head -c 1G /dev/zero | gzip -1 > k", "more than 512 MiB once unpacked: expected a kern"),
    ],
)
def test_what_is_no_kernel_is_refused_within_bounds(tmp_path: Path, make: str, says: str) -> None:
    subprocess.run(["sh", "-c", make], cwd=tmp_path, check=True)
    done = subprocess.run(
        ["sh", "-c", 'ulimit -v 1500000; exec "$0" run --kernel k', COMMAND],
        cwd=tmp_path,
        env=environment(tmp_path),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 3
    assert done.stderr.startswith(f"forkoracle: k: {says}")
    assert done.stderr.count("\n") == 1


def test_kernel_comes_through_a_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(elf(text=ID + BANNER),))
    writer.start()
    assert read_kernel(pipe).kern_fork == (1, 231)
    writer.join()
