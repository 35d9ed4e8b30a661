"""Booted guests, kept: a later start of the same machine goes on from there.

A snapshot is a folder with the machine's state, its mailbox, and the disk that
it booted from, which it has open read-only.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from vm.errors import GuestError

#: So many are kept, the last used first; each takes some 25 MiB, more for a larger guest.
KEPT = 8
_NAMES = ("root", "mail", "said")
STATE = "state"


class Snapshots:
    """A folder of snapshots by the key of their machine."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find(self, key: str, into: Path) -> bytes | None:
        """Put the snapshot's files into the folder *into*, and return what the guest had said.

        None where there is none.
        """
        kept = self._folder / key
        try:
            os.utime(kept)
            for name in (*_NAMES, STATE):
                # A second name, so that nobody can take it away while it is used.
                _link(kept / name, into / name, copy=name == "mail")
            return (kept / "said").read_bytes()
        except OSError:
            return None

    def keep(self, key: str, guest: Path, said: bytes, save: Callable[[Path], None]) -> None:
        """Keep a guest whose files lie in the folder *guest*; *save* writes its state.

        A snapshot that cannot be kept, for want of space say, is none; nothing else is lost.
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
        """Forget a snapshot that turned out to be no good."""
        shutil.rmtree(self._folder / key, ignore_errors=True)

    def all(self) -> list[Path]:
        """The snapshots' folders, the last used first."""
        try:
            # The user may have named a folder in which there is more than ours.
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
            pass  # another file system, or one that knows no second names
    shutil.copy(source, target)
