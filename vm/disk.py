"""A disk with a whole NetBSD on it, from the sets of a release: no installer, no root rights.

makefs makes the file system.  An mtree(5) specification gives it the owners, modes, links and
device nodes.  So the host only has plain folders and files, and needs no root rights.
"""

from __future__ import annotations

import lzma
import os
import shutil
import tarfile
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from vm.errors import GuestError
from vm.nodes import Node
from vm.programs import find_program, run_program

#: Characters that a name may have as they are; others are written in octal, as vis(3) does.
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+-,@%:~=/")
_TYPES = {
    tarfile.REGTYPE: "file",
    tarfile.AREGTYPE: "file",
    tarfile.LNKTYPE: "file",
    tarfile.DIRTYPE: "dir",
    tarfile.SYMTYPE: "link",
    tarfile.CHRTYPE: "char",
    tarfile.BLKTYPE: "block",
    tarfile.FIFOTYPE: "fifo",
}


@dataclass(frozen=True, slots=True)
class File:
    """A file to add to the disk, owned by root: its path there, its text and mode."""

    path: str
    text: str
    mode: int = 0o644


class Tree:
    """The tree of a disk: files below *folder*, with an entry for each in the specification."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._entries: dict[str, str] = {}
        self._kinds: dict[str, str] = {}
        self._enter(".", "dir", 0o755)

    def unpack(self, archive: Path) -> None:
        """Adds a set; a later file replaces an earlier one with the same path.

        Raises :class:`GuestError`.
        """
        try:
            with tarfile.open(archive) as tar:
                for member in tar:
                    self._unpack(tar, member, str(archive))
        except (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError) as error:
            raise GuestError(f"{archive}: not a set, or a damaged one: {error}") from None

    def _unpack(self, tar: tarfile.TarFile, member: tarfile.TarInfo, source: str) -> None:
        path = self._path(member.name, source)
        kind = _TYPES.get(member.type)
        if kind is None:
            raise GuestError(f"{source}: {member.name}: unknown type: expected a file")
        rest = ""
        if kind == "link":
            rest = f" link={_vis(member.linkname)}"
        elif kind in ("char", "block"):
            rest = f" device=netbsd,{member.devmajor},{member.devminor}"
        self._make_room(path, kind, source)
        place = self._folder / path
        if member.islnk():
            target = self._path(member.linkname, source)
            if self._kinds.get(target) != "file":
                raise GuestError(f"{source}: {member.name}: a link to {target}, which is no file")
            os.link(self._folder / target, place)
            # One file: its owner and mode are those of the first header.
            self._entries[path], self._kinds[path] = self._entries[target], kind
            return
        if kind == "file":
            contents = tar.extractfile(member)
            assert contents is not None
            with place.open("xb") as out:
                shutil.copyfileobj(contents, out)
        self._enter(path, kind, member.mode & 0o7777, (member.uid, member.gid), rest, member.mtime)

    def write(self, files: Iterable[File]) -> None:
        """Adds files."""
        for file in files:
            self._make_room(file.path, "file", "our own files")
            (self._folder / file.path).write_text(file.text, encoding="ascii")
            self._enter(file.path, "file", file.mode)

    def mknod(self, nodes: Iterable[Node]) -> None:
        """Adds device nodes in /dev."""
        for node in nodes:
            path = f"dev/{node.name}"
            kind = {"c": "char", "b": "block"}[node.kind]
            self._make_room(path, kind, "our own files")
            self._enter(path, kind, node.mode, rest=f" device=netbsd,{node.major},{node.minor}")

    def mkdir(self, path: str, mode: int) -> None:
        """Adds a folder; an existing one gets this mode."""
        self._make_room(path, "dir", "our own files")
        self._enter(path, "dir", mode)

    def specification(self) -> str:
        """Returns the tree in the format of mtree(5), each folder before its files."""
        paths = sorted(self._entries, key=lambda path: (path != ".", PurePosixPath(path).parts))
        names = ("." if path == "." else f"./{_vis(path)}" for path in paths)
        return "".join(name + self._entries[path] for name, path in zip(names, paths, strict=True))

    def size(self) -> int:
        """Returns the number of bytes of all files."""
        return sum(path.stat().st_size for path in self._folder.rglob("*") if path.is_file())

    def _path(self, name: str, source: str) -> str:
        path = PurePosixPath(name.lstrip("/"))
        if ".." in path.parts or "\n" in name or "\0" in name:
            raise GuestError(f"{source}: {name!r} leads out of the disk: not a set of NetBSD's")
        return str(path)

    def _make_room(self, path: str, kind: str, source: str) -> None:
        """Makes the folders above *path*, and *path* if it is one; removes an old file."""
        for parent in reversed(PurePosixPath(path).parents):
            above = str(parent)
            if above not in self._entries:
                self._enter(above, "dir", 0o755)
            elif self._kinds[above] != "dir":
                raise GuestError(f"{source}: {path}: {above} is no folder")
            (self._folder / above).mkdir(mode=0o700, exist_ok=True)
        place = self._folder / path
        if kind == "dir":
            if self._kinds.get(path, "dir") != "dir":
                place.unlink(missing_ok=True)
            place.mkdir(mode=0o700, exist_ok=True)
        elif self._kinds.get(path) == "dir":
            raise GuestError(f"{source}: {path}: a folder is there already")
        else:
            place.unlink(missing_ok=True)

    def _enter(
        self,
        path: str,
        kind: str,
        mode: int,
        owner: tuple[int, int] = (0, 0),
        rest: str = "",
        mtime: float | None = None,
    ) -> None:
        when = "" if mtime is None else f" time={int(mtime)}.0"
        line = f" type={kind} uid={owner[0]} gid={owner[1]} mode={mode:04o}{when}{rest}\n"
        self._entries[path], self._kinds[path] = line, kind


def _vis(text: str) -> str:
    octets = text.encode("utf-8", "surrogateescape")
    return "".join(chr(o) if chr(o) in _PLAIN else f"\\{o:03o}" for o in octets)


def make_disk(
    sets: Sequence[Path],
    image: Path,
    *,
    folders: Iterable[tuple[str, int]] = (),
    files: Iterable[File] = (),
    nodes: Iterable[Node] = (),
    mebibytes: int = 64,
) -> None:
    """Makes *image*, an FFS file system with the sets and *files*, of *mebibytes* or more.

    *folders* are made if they are missing, and get these modes.  At least a
    fifth of the disk stays free.  Raises :class:`GuestError`.
    """
    makefs = find_program("makefs", "makefs")
    try:
        with TemporaryDirectory(prefix="forkoracle-disk-", dir=image.parent) as folder:
            (root := Path(folder) / "root").mkdir()
            tree = Tree(root)
            for archive in sets:
                tree.unpack(archive)
            for path, mode in folders:
                tree.mkdir(path, mode)
            tree.write(files)
            tree.mknod(nodes)
            specification = Path(folder) / "spec"
            specification.write_text(tree.specification(), encoding="ascii")
            options = ["-t", "ffs", "-o", "version=2", "-B", "le", "-x", "-F", str(specification)]
            options += ["-M", f"{mebibytes}m", "-b", "20%", "-f", "20%"]
            unfinished = Path(folder) / "image"
            run_program([makefs, *options, str(unfinished), str(root)])
            unfinished.replace(image)
    except OSError as error:
        raise GuestError(f"cannot make the disk {image}: {error.strerror}") from None
