"""Disks from sets: what the archives say is what a kernel finds, and nothing odd is unpacked."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterable
from pathlib import Path

import pexpect
import pytest

from conformance.commands.choice import KERNEL_VARIABLE
from vm.disk import File, Tree, make_disk
from vm.errors import GuestError
from vm.nodes import FOR_A_SYSTEM
from vm.qemu import QEMU

needs_makefs = pytest.mark.skipif(
    shutil.which("makefs") is None, reason="needs makefs: apt-get install makefs"
)
needs_kernel = pytest.mark.skipif(
    KERNEL_VARIABLE not in os.environ or shutil.which(QEMU) is None,
    reason=f"needs a NetBSD/amd64 kernel named by {KERNEL_VARIABLE}, and {QEMU}",
)
WHEN = 1_600_000_000


def member(name: str, data: bytes = b"", **fields: object) -> tuple[tarfile.TarInfo, bytes]:
    """A member of an archive, with the fields of its header."""
    info = tarfile.TarInfo(name)
    info.size, info.mtime = len(data), WHEN
    for field, value in fields.items():
        setattr(info, field, value)
    return info, data


def archive(path: Path, members: Iterable[tuple[tarfile.TarInfo, bytes]]) -> Path:
    """A set, packed as its suffix says."""
    with tarfile.open(path, "w:xz" if path.suffix == ".xz" else "w:gz") as tar:
        for info, data in members:
            tar.addfile(info, io.BytesIO(data))
    return path


DIR, LINK, HARD, CHAR, BLOCK = (
    tarfile.DIRTYPE,
    tarfile.SYMTYPE,
    tarfile.LNKTYPE,
    tarfile.CHRTYPE,
    tarfile.BLKTYPE,
)
#: Each member with what a kernel must find: mode, links, owner, group, device, size, link.
ODD: list[tuple[tuple[tarfile.TarInfo, bytes], str]] = [
    (member("./bin", type=DIR, mode=0o755), "40755 2 0 0 0 0"),
    (member("./bin/[", b"x" * 9000, mode=0o555), "100555 1 0 0 0 9000"),
    (member("./bin/a b\\c#d", b"ab", mode=0o000, uid=7, gid=9), "100000 1 7 9 0 2"),
    (member("./bin/su", b"su", mode=0o4555, uid=0, gid=5), "104555 2 0 5 0 2"),
    (member("./bin/su2", b"", type=HARD, linkname="./bin/su", mode=0o4555), "104555 2 0 5 0 2"),
    (member("./bin/ln", type=LINK, linkname="/no where/[x]", mode=0o777), "120777 1 0 0 0 0"),
    (member("./var/deep/er/f", b"1", mode=0o640, uid=12345), "100640 1 12345 0 0 1"),
    (member("./var/sticky", type=DIR, mode=0o1777, uid=3, gid=4), "41777 2 3 4 0 0"),
    (member("./dev/odd", type=CHAR, devmajor=300, devminor=1000, mode=0o600), "20600 1 0 0 dev 0"),
    (member("./dev/blk", type=BLOCK, devmajor=19, devminor=3, mode=0o640), "60640 1 0 0 dev 0"),
    (member("./empty", b"", mode=0o644), "100644 1 0 0 0 0"),
]


def netbsd_dev(major: int, minor: int) -> int:
    """NetBSD's makedev(3), sys/types.h: the minor's bits lie on both sides of the major's."""
    return (major << 8 & 0xFFF00) | (minor << 12 & 0xFFF00000) | (minor & 0xFF)


def found(info: tarfile.TarInfo, expected: str) -> str:
    """The whole line that the kernel's side says of a member."""
    # A link's owner is its own file's; the archive's header for it is not asked.
    mode, links, uid, gid, device, size = expected.split()
    if device == "dev":
        device = str(netbsd_dev(info.devmajor, info.devminor))
    target = f" {info.linkname}" if info.issym() else ""
    return f"{mode} {links} {uid} {gid} {device} {size} {WHEN}{target}"


def build_look(folder: Path, paths: Iterable[str]) -> bytes:
    """tests/look.c as a program for NetBSD/amd64."""
    pytest.importorskip("ziglang", reason="needs ziglang: pip install 'forkoracle[cross]'")
    zig = [sys.executable, "-m", "ziglang"]
    source, middle, out = Path(__file__).with_name("look.c"), folder / "look.o", folder / "look"
    quoted = ",".join(json.dumps(path) for path in paths)
    flags = ["-O2", "-ffreestanding", "-fno-builtin", "-fno-stack-protector", "-fno-pic"]
    flags += ["-mno-red-zone", "-fno-sanitize=all", f"-DPATHS={quoted}"]
    target = ["-target", "x86_64-netbsd", "-w", "-c", "-o", str(middle), str(source)]
    subprocess.run([*zig, "cc", *flags, *target], check=True)
    subprocess.run([*zig, "ld.lld", "-static", "-o", str(out), str(middle)], check=True)
    return out.read_bytes()


def boot(disk: Path) -> dict[str, str]:
    """What tests/look.c says of each path, from a guest that has *disk* as its root."""
    command = [QEMU, "-M", "pc", "-accel", "tcg", "-m", "128", "-display", "none", "-nodefaults"]
    command += ["-no-reboot", "-serial", "stdio", "-kernel", os.environ[KERNEL_VARIABLE]]
    command += ["-append", "console=com root=ld0a", "-device", "virtio-blk-pci,drive=root"]
    command += ["-drive", f"file={disk},if=none,format=raw,id=root"]
    guest = pexpect.spawn(command[0], command[1:], encoding="utf-8", timeout=60)
    try:
        guest.expect("look done")
        lines = [line for line in guest.before.splitlines() if line.startswith("look ")]
    finally:
        guest.close(force=True)
    looks = {}
    for line in lines:
        path, _, rest = line.removeprefix("look ").rpartition(" none")
        if not path:
            # The path may have blanks in it; the fields behind it begin with the mode.
            path = next(p for p in PATHS if line.removeprefix("look ").startswith(f"{p} "))
            rest = line.removeprefix(f"look {path} ")
        looks[path] = rest
    return looks


PATHS = [f"/{info.name.removeprefix('./')}" for (info, _), _ in ODD]
PATHS += ["/dev/null", "/etc/ours", "/etc/replaced", "/sbin/init", "/gone"]
PATHS.sort(key=len, reverse=True)


@needs_makefs
@needs_kernel
def test_a_kernel_finds_the_files_of_the_sets(tmp_path: Path) -> None:
    """Odd modes, owners, names, links and devices: a real kernel boots the disk and sees each."""
    init = build_look(tmp_path, PATHS)
    base = [*(m for m, _ in ODD), member("./sbin/init", init, mode=0o555)]
    base.append(member("./etc/replaced", b"old", mode=0o444, uid=1))
    etc = [member("./etc/replaced", b"newer", mode=0o400, uid=2, gid=3)]
    make_disk(
        [archive(tmp_path / "base.tgz", base), archive(tmp_path / "etc.tar.xz", etc)],
        tmp_path / "disk",
        files=[File("etc/ours", "hello\n", 0o600)],
        nodes=FOR_A_SYSTEM,
    )
    looks = boot(tmp_path / "disk")
    assert {
        f"/{info.name.removeprefix('./')}": found(info, expected) for (info, _), expected in ODD
    }.items() <= looks.items()
    assert looks["/sbin/init"].startswith(f"100555 1 0 0 0 {len(init)} ")
    assert looks["/etc/ours"].startswith("100600 1 0 0 0 6 ")
    assert looks["/etc/replaced"] == f"100400 1 2 3 0 5 {WHEN}"
    assert looks["/dev/null"].startswith(f"20666 1 0 0 {netbsd_dev(2, 2)} 0 ")
    assert looks["/gone"] == ""


def unpack(tmp_path: Path, *sets: list[tuple[tarfile.TarInfo, bytes]]) -> Tree:
    """The tree of some sets, unpacked one after the other."""
    (tmp_path / "root").mkdir()
    tree = Tree(tmp_path / "root")
    for number, members in enumerate(sets):
        tree.unpack(archive(tmp_path / f"{number}.tgz", members))
    return tree


def test_only_plain_files_are_unpacked_on_the_host(tmp_path: Path) -> None:
    """Neither links nor devices nor foreign owners nor modes are made on the host."""
    tree = unpack(tmp_path, [m for m, _ in ODD])
    for path in (tmp_path / "root").rglob("*"):
        assert path.is_dir() or path.is_file()
        assert not path.is_symlink()
        assert path.stat().st_uid == os.geteuid()
        assert path.stat().st_mode & 0o7000 == 0
    assert "./bin/\\133 type=file" in tree.specification()
    assert "./bin/ln type=link uid=0 gid=0 mode=0777 time=1600000000.0 " in tree.specification()


def test_folders_come_before_their_files(tmp_path: Path) -> None:
    """The specification begins with the root and names each parent first, those unnamed too."""
    tree = unpack(tmp_path, [member("./a/b/c"), member("./a.b"), member("./a/b", type=DIR)])
    names = [line.split()[0] for line in tree.specification().splitlines()]
    assert names == [".", "./a", "./a/b", "./a/b/c", "./a.b"]


BAD = {
    "out of it": ([member("../evil", b"x")], "leads out of the disk"),
    "a link to outside": (
        [member("./passwd", type=HARD, linkname="../../etc/passwd")],
        "leads out of the disk",
    ),
    "through a link": (
        [member("./etc", type=LINK, linkname="/etc"), member("./etc/evil", b"x")],
        "etc/evil: etc is no folder",
    ),
    "a link to nothing": ([member("./a", type=HARD, linkname="./b")], "which is no file"),
    "a file over a folder": ([member("./a", type=DIR), member("./a", b"x")], "a folder is there"),
    "an odd type": ([member("./a", type=b"7")], "unknown type: expected a file"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_set_is_refused(tmp_path: Path, name: str) -> None:
    """What would lead out of the disk, or makes no sense, is told in one line; nothing escapes."""
    members, expected = BAD[name]
    with pytest.raises(GuestError, match=expected) as error:
        unpack(tmp_path, members)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "evil").exists()
    assert not Path("/etc/evil").exists()


@pytest.mark.parametrize("cut", [1, 100, -30])
def test_a_damaged_set_is_refused(tmp_path: Path, cut: int) -> None:
    """An archive cut short, at its beginning or its end: one line with its name."""
    path = archive(tmp_path / "base.tgz", [m for m, _ in ODD])
    path.write_bytes(path.read_bytes()[:cut])
    (tmp_path / "root").mkdir()
    with pytest.raises(GuestError, match=r"base\.tgz: not a set, or a damaged one"):
        Tree(tmp_path / "root").unpack(path)


@needs_makefs
def test_a_full_host_disk_is_told(tmp_path: Path) -> None:
    """No space for the disk: one line, and nothing is left of it."""
    if os.geteuid() != 0 or sys.platform != "linux":
        pytest.skip("needs root on Linux, to mount a small file system")
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", str(small)], check=True)
    try:
        base = archive(tmp_path / "base.tgz", [member("./f", os.urandom(1 << 20))])
        with pytest.raises(GuestError, match=r"[Nn]o space left") as error:
            make_disk([base], small / "disk")
        assert "\n" not in str(error.value)
        assert list(small.iterdir()) == []
    finally:
        subprocess.run(["umount", str(small)], check=True)
