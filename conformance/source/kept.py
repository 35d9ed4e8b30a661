"""Keeps compiled objects in the user's cache, each under a checksum of what it is made of."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import platformdirs

#: Maximum number of kept objects, the last used ones; each takes about 100 KiB.
KEPT = 16


def _folder() -> Path:
    return platformdirs.user_cache_path("forkoracle") / "objects"


def key_of(command: Sequence[str], sources: Iterable[Path]) -> str:
    """Returns the key of the object that *command* makes of *sources*.

    The folders of the sources must not be among its words, or no other run has the same key.
    """
    digest = hashlib.sha256(repr(list(command)).encode())
    for program in filter(None, map(shutil.which, command)):
        status = os.stat(program)  # a compiler that was updated is another one
        digest.update(repr((os.path.realpath(program), status.st_size, status.st_mtime)).encode())
    for source in sorted(sources, key=lambda path: path.name):
        text = source.read_bytes()
        digest.update(f"{source.name} {len(text)}\n".encode() + text)
    return digest.hexdigest()[:32]


def take(key: str, out: Path) -> bool:
    """Copies the object to *out*; returns whether there is one."""
    try:
        os.utime(_folder() / key)
        shutil.copy(_folder() / key, out)
    except OSError:
        return False
    return True


def keep(key: str, made: Path) -> None:
    """Keeps an object; where that is impossible, the next run compiles it again."""
    folder = _folder()
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=folder, prefix=".new-") as new:
            shutil.copy(made, new)
            Path(new, made.name).replace(folder / key)  # whole, or not at all
        files = [path for path in folder.iterdir() if path.is_file()]
        for old in sorted(files, key=lambda path: path.stat().st_mtime)[:-KEPT]:
            old.unlink()
