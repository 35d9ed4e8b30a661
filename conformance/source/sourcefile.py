"""A kern_fork.c file: read, looked at before a compiler sees it, and its revision."""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from conformance.errors import TargetError
from reference_model import NEWEST
from vm.files import UnfitFileError, in_units, looks_like, read_bounded

#: The oldest revision that is known to compile.
OLDEST: Final = (1, 213)
#: Maximum size of a source file in bytes; kern_fork.c has 18,000.
MAX_SIZE: Final = 1 << 20
_ID = re.compile(rb"kern_fork\.c,v 1\.(\d+) ")
_EXPECTED: Final = "expected a kern_fork.c, a C source of less than 1 MiB"


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A kern_fork.c file: its path, the revision that it names, and the model's revision for it."""

    path: Path
    stated: tuple[int, int] | None
    revision: tuple[int, int]

    @property
    def note(self) -> str:
        """A remark for the user where the file names no revision that the model knows."""
        newest = ".".join(map(str, NEWEST))
        if self.stated is None:
            return f"no RCS id in it: held to {newest}"
        if self.stated > NEWEST:
            return f"newer than the model: held to {newest}"
        if self.stated < OLDEST:
            return f"older than {'.'.join(map(str, OLDEST))}, the oldest that is known to compile"
        return ""


def read_source(path: Path) -> SourceFile:
    """Returns the file and its revision.

    Raises :class:`TargetError` where it cannot be read, or cannot be a C source.
    """
    try:
        _refuse_other_kinds(path)
        text = read_bounded(path, MAX_SIZE, "a kern_fork.c file")
    except OSError as error:
        raise TargetError(f"{path}: {error.strerror}: expected a kern_fork.c file") from None
    except UnfitFileError as error:
        raise TargetError(str(error)) from None
    if not text:
        raise TargetError(f"{path}: not a kern_fork.c: it is empty, and defines no fork1")
    if b"\0" in text:
        raise TargetError(f"{path}: binary data: {_EXPECTED}")
    match = _ID.search(text)
    stated = (1, int(match[1])) if match else None
    return SourceFile(path, stated, min(stated or NEWEST, NEWEST))


def _refuse_other_kinds(path: Path) -> None:
    """Raises :class:`TargetError` for what its first bytes or its kind show to be no source.

    A pipe could be read, but not a second time by the compiler.
    """
    status = path.stat()
    kind = "a pipe" if stat.S_ISFIFO(status.st_mode) else None
    if stat.S_ISREG(status.st_mode):
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb", 0) as file:
            beginning = file.read(512) or b""
        if kind := looks_like(beginning):
            kind += f", {in_units(status.st_size)}" if status.st_size else ""
    if kind:
        raise TargetError(f"{path}: {kind}: {_EXPECTED}")
