"""A root file system for a kernel: one program as init, and the device nodes it needs.

For NetBSD a disk, made with e2fsprogs and without root rights: mke2fs fills the
image from a folder, debugfs adds the nodes.  For Linux an initramfs, which is a
cpio archive (Documentation/driver-api/early-userspace/buffer-format.rst).
"""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from vm.nodes import FOR_THE_PROBE
from vm.programs import find_program, run_program

_FOLDERS = ("bin", "dev", "proc", "sbin", "tmp")


def make_initramfs(init: Path, program: Path | None, archive: Path) -> None:
    """Makes *archive*, an initramfs with *init* as /init, a console, and *program* as /bin/sh."""
    folder, device, file = 0o040755, 0o020600, 0o100755
    shell = [("bin/sh", file, program.read_bytes(), (0, 0))] if program else []
    entries = [
        ("bin", folder, b"", (0, 0)),
        ("dev", folder, b"", (0, 0)),
        ("proc", folder, b"", (0, 0)),
        ("sys", folder, b"", (0, 0)),
        ("tmp", folder, b"", (0, 0)),
        ("dev/console", device, b"", (5, 1)),
        ("dev/null", device, b"", (1, 3)),
        ("init", file, init.read_bytes(), (0, 0)),
        *shell,
        ("TRAILER!!!", 0, b"", (0, 0)),
    ]
    data = b""
    for number, (name, mode, contents, (major, minor)) in enumerate(entries, 1):
        # newc: inode, mode, uid, gid, links, mtime, size, device, special device, name's length
        fields = (number, mode, 0, 0, 1, 0, len(contents), 0, 0, major, minor, len(name) + 1, 0)
        head = b"070701" + b"".join(b"%08X" % field for field in fields) + name.encode() + b"\0"
        data += head + bytes(-len(head) % 4) + contents + bytes(-len(contents) % 4)
    archive.write_bytes(data)


def make_root(init: Path, program: Path | None, image: Path, mebibytes: int = 8) -> None:
    """Makes *image*, a root file system with *init* as /sbin/init and *program* as /bin/sh.

    Raises :class:`GuestError`.
    """
    with TemporaryDirectory() as folder:
        root = Path(folder)
        for name in _FOLDERS:
            (root / name).mkdir()
        for file, path in ((init, root / "sbin/init"), (program, root / "bin/sh")):
            if file is not None:
                shutil.copy(file, path)
                path.chmod(0o755)
        # Features of revision 0, which every ext2fs of NetBSD can read.
        features = ["-O", "none,filetype,sparse_super,large_file", "-b", "4096", "-I", "128"]
        owner = ["-E", "root_owner=0:0"]
        command = [find_program("mke2fs", "e2fsprogs"), "-q", "-F", "-t", "ext2", *features, *owner]
        run_program([*command, "-d", folder, str(image), f"{mebibytes}M"])
    nodes = "".join(f"mknod {n.name} {n.kind} {n.major} {n.minor}\n" for n in FOR_THE_PROBE)
    debugfs = find_program("debugfs", "e2fsprogs")
    run_program([debugfs, "-w", "-f", "-", str(image)], f"cd /dev\n{nodes}")
