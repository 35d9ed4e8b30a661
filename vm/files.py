"""Reads files of limited size, checks and locks them, and sets bad ones aside."""

from __future__ import annotations

import fcntl
import hashlib
import os
import select
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic, monotonic_ns, sleep
from typing import BinaryIO

#: Maximum number of seconds to wait for a writer of a pipe.
_NO_WRITER = 0.5
_PIECE = 1 << 20
#: First bytes of files that are often named by mistake.
_BEGINNINGS = {
    b"\x7fELF": "an ELF file (a program, an object or a kernel)",
    b"\x1f\x8b": "packed by gzip",
    b"\xfd7zXZ\0": "packed by xz",
    b"BZh": "packed by bzip2",
    b"\x28\xb5\x2f\xfd": "packed by zstd",
    b"PK\3\4": "a zip file",
    b"%PDF": "a PDF file",
    b"\x89PNG": "a picture",
    b"QFI\xfb": "a disk image",
    b"SQLite format 3\0": "an SQLite database",
    b"\xff\xfe": "text in UTF-16",
    b"\xfe\xff": "text in UTF-16",
}


class UnfitFileError(Exception):
    """A file cannot be read, or is not of the expected kind; one line says which."""


def looks_like(data: bytes) -> str | None:
    """Returns what a file that begins with *data* seems to be; None for a text."""
    for beginning, kind in _BEGINNINGS.items():
        if data.startswith(beginning):
            return kind
    return "binary data" if b"\0" in data else None


def in_units(size: int) -> str:
    """Returns a number of bytes as people write it."""
    for unit, shift in (("GiB", 30), ("MiB", 20), ("KiB", 10)):
        if size >= 1 << shift:
            return f"{size / (1 << shift):.3g} {unit}"
    return f"{size} bytes"


def read_bounded(path: Path, limit: int, expected: str) -> bytes:
    """Returns the contents of a regular file or of a pipe, of *limit* bytes at most.

    Raises :class:`UnfitFileError` for a folder, a device, a pipe without a writer, and a file of
    more than *limit* bytes.  Its text ends with *expected*, the kind of file that was expected.
    """

    def unfit(what: str) -> UnfitFileError:
        return UnfitFileError(f"{path}: {what}: expected {expected}")

    too_long = f"expected {expected}, of at most {in_units(limit)}"
    try:
        status = path.stat()
        if kind := _unreadable(status):
            raise unfit(kind)
        if status.st_size > limit:
            raise UnfitFileError(f"{path}: {in_units(status.st_size)}: {too_long}")
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb", 0) as file:
            pieces, size = [], 0
            for piece in _pieces(file.fileno(), max(_PIECE, status.st_size + 1)):
                pieces.append(piece)
                size += len(piece)
                if size > limit:
                    raise UnfitFileError(f"{path}: more than {in_units(limit)}: {too_long}")
            if not size and stat.S_ISFIFO(status.st_mode):
                raise unfit("a pipe without a writer")
    except OSError as error:
        raise unfit(error.strerror or str(error)) from None
    return b"".join(pieces)


def _unreadable(status: os.stat_result) -> str | None:
    """Returns the kind of a file that cannot be read: a folder, say, or a device."""
    mode = status.st_mode
    if stat.S_ISDIR(mode):
        return "a folder"
    if stat.S_ISSOCK(mode):
        return "a socket"
    if stat.S_ISBLK(mode):
        return "a disk"
    if stat.S_ISCHR(mode) and status.st_rdev != os.stat(os.devnull).st_rdev:
        return "a device"
    return None


def _pieces(descriptor: int, size: int) -> Iterator[bytes]:
    """Yields the contents, *size* bytes at a time; the descriptor does not block.

    A pipe without a writer reads as empty, so this waits a moment for a writer.
    """
    is_pipe = stat.S_ISFIFO(os.fstat(descriptor).st_mode)
    deadline = monotonic() + _NO_WRITER
    while True:
        try:
            piece = os.read(descriptor, size)
        except BlockingIOError:  # there is a writer: wait for it as cat(1) does
            deadline = 0
            poll = select.poll()
            poll.register(descriptor, select.POLLIN)
            poll.poll()
            continue
        if piece:
            deadline = 0
            yield piece
        elif is_pipe and monotonic() < deadline:
            sleep(0.01)
        else:
            return


def file_digest(path: Path) -> str:
    """Returns the SHA512 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha512").hexdigest()


def set_aside(path: Path, name: str) -> Path:
    """Renames a bad file to ``NAME.bad``; returns its new path."""
    return path.replace(path.with_name(f"{name}.bad"))


def disk_usage(path: Path) -> int:
    """Returns the number of bytes that a file or folder takes on the disk."""
    try:
        size = path.lstat().st_blocks * 512
        if path.is_dir() and not path.is_symlink():
            size += sum(disk_usage(inner) for inner in path.iterdir())
    except OSError:
        return 0  # it was removed meanwhile
    return size


def write_text(path: Path, text: str) -> None:
    """Writes a regular file, whole or not at all.

    If *path* is a symbolic link, its target is written.  An existing file keeps its mode and, if
    we may set it, its owner.
    """
    path = Path(os.path.realpath(path))
    unfinished = path.with_name(f".forkoracle-{os.getpid()}-{monotonic_ns()}")
    try:
        with unfinished.open("x", encoding="utf-8") as file:
            with suppress(FileNotFoundError):
                before = path.stat()
                with suppress(PermissionError):
                    os.fchown(file.fileno(), before.st_uid, before.st_gid)
                os.fchmod(file.fileno(), stat.S_IMODE(before.st_mode))
            file.write(text)
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise


@contextmanager
def locked(path: Path, *, wait: bool = True) -> Iterator[BinaryIO]:
    """Opens *path* to append, with an exclusive lock; waits for another process that has it.

    Raises BlockingIOError instead, if not *wait*.
    """
    while True:
        with path.open("a+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            try:
                ours = os.path.samestat(os.fstat(file.fileno()), path.stat())
            except FileNotFoundError:
                ours = False
            if ours:  # else the other process has renamed it: lock the new file
                yield file
                return
