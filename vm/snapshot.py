"""Snapshots of booted guests: a later start of the same machine resumes from there.

A snapshot is a folder with the machine's state, its mailbox, and its read-only root disk.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from vm.errors import GuestError

#: Maximum number of snapshots, the last used ones; each takes about 25 MiB or more.
KEPT = 8
_NAMES = ("root", "mail", "said")
STATE = "state"


class Snapshots:
    """A folder of snapshots by the key of their machine."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find(self, key: str, into: Path) -> bytes | None:
        """Copies the snapshot's files to the folder *into*; returns the guest's first message.

        Returns None if there is no such snapshot.
        """
        kept = self._folder / key
        try:
            os.utime(kept)
            for name in (*_NAMES, STATE):
                # A hard link, so that another run cannot remove the file while it is used.
                _link(kept / name, into / name, copy=name == "mail")
            return (kept / "said").read_bytes()
        except OSError:
            return None

    def keep(self, key: str, guest: Path, said: bytes, save: Callable[[Path], None]) -> None:
        """Makes a snapshot of a guest with its files in *guest*; *save* writes its state.

        If that fails, for example because the disk is full, there is no snapshot.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=self._folder, prefix=".new-") as folder:
                new = Path(folder) / "snapshot"
                new.mkdir()
                save(new / STATE)
                (guest / "said").write_bytes(said)
                for name in _NAMES:
                    shutil.copy(guest / name, new / name)
                shutil.rmtree(self._folder / key, ignore_errors=True)
                new.rename(self._folder / key)
        except (OSError, GuestError):
            return
        for old in self.all()[KEPT:]:
            shutil.rmtree(old, ignore_errors=True)

    def discard(self, key: str) -> None:
        """Removes a snapshot that did not work."""
        shutil.rmtree(self._folder / key, ignore_errors=True)

    def all(self) -> list[Path]:
        """Returns the snapshots' folders, the last used first."""
        try:
            # The user may have named a folder that has other files, too.
            found = [path for path in self._folder.iterdir() if _is_snapshot(path)]
            return sorted(found, key=lambda path: path.stat().st_mtime, reverse=True)
        except OSError:
            return []


def _is_snapshot(path: Path) -> bool:
    """Says whether a folder has the files of a snapshot and nothing else."""
    return path.is_dir() and {inner.name for inner in path.iterdir()} == {*_NAMES, STATE}


def _link(source: Path, target: Path, *, copy: bool) -> None:
    if not copy:
        try:
            target.hardlink_to(source)
            return
        except OSError:
            pass  # another file system, or one without hard links
    shutil.copy(source, target)
