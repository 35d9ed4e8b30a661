"""Files that are kept: checked, locked while one process is at them, set aside where bad."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


def file_digest(path: Path) -> str:
    """The SHA512 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha512").hexdigest()


def set_aside(path: Path, name: str) -> Path:
    """Rename a file that is not the *name* that it should be; its new path."""
    return path.replace(path.with_name(f"{name}.bad"))


def disk_usage(path: Path) -> int:
    """The bytes that a file, or a folder with all that is in it, takes on the disk."""
    try:
        size = path.lstat().st_blocks * 512
        if path.is_dir() and not path.is_symlink():
            size += sum(disk_usage(inner) for inner in path.iterdir())
    except OSError:
        return 0  # it has gone meanwhile
    return size


def write_text(path: Path, text: str) -> None:
    """Write a file that is there whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


@contextmanager
def locked(path: Path, *, wait: bool = True) -> Iterator[BinaryIO]:
    """*path* open for us alone, to append; another process that has it so is waited for.

    Raises BlockingIOError instead, if not *wait*.
    """
    while True:
        with path.open("a+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            try:
                ours = os.path.samestat(os.fstat(file.fileno()), path.stat())
            except FileNotFoundError:
                ours = False
            if ours:  # else the other one has renamed it: there is another file to lock
                yield file
                return
