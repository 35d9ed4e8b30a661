"""Writes results to where the user wants them, and harms nothing that is there.

A regular file is written whole or not at all, and keeps its mode; a symbolic link stays, and what
it leads to is written.  A terminal, another device or a pipe is written to, and so is what is our
own output already, such as ``/dev/stdout``.  ``-`` is the standard output.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import TextIO

from conformance.errors import OutputError, UsageError
from vm.files import write_text

#: The name of the standard output.
STANDARD_OUTPUT = Path("-")
#: Seconds that a pipe waits for its reader.
_NO_READER = 10.0
_DESCRIPTOR = re.compile(r"/dev/(?:fd|std)|/proc/self/fd/")


def check_outputs(*paths: Path | None) -> None:
    """Raises :class:`UsageError` where one of the paths cannot be written, before any work."""
    named = [path for path in paths if path is not None]
    if named.count(STANDARD_OUTPUT) > 1:
        raise UsageError("'-' stands for the standard output once: expected a file for the others")
    for path in named:
        if path != STANDARD_OUTPUT and (reason := _reason_against(path)):
            raise UsageError(f"{path}: {reason}")


def check_parent(path: Path) -> None:
    """Raises :class:`UsageError` where nothing new can be made beside *path*."""
    if reason := _reason_against_parent(path):
        raise UsageError(f"{path}: {reason}")


def takes_standard_output(paths: Iterable[object]) -> bool:
    """Says whether one of the outputs is the standard output, so that all else goes elsewhere."""
    return STANDARD_OUTPUT in paths


class Failures:
    """Gathers what could not be written, so that one failure keeps nothing else from it."""

    def __init__(self) -> None:
        self.any = False

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Tells, in one line, what of the block cannot be written; a reader may have left."""
        try:
            yield
        except OutputError as error:
            self._tell(str(error))
        except BrokenPipeError:
            leave(sys.stdout)
        except OSError as error:
            self._tell(f"standard output: not written: {error.strerror}")
            leave(sys.stdout)

    def _tell(self, line: str) -> None:
        self.any = True
        print(f"forkoracle: {line}", file=sys.stderr)


def leave(stream: TextIO) -> None:
    """Has what is still to be printed go nowhere: Python would complain of it at its end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def write_output(path: Path, text: str) -> None:
    """Writes *text* to what *path* is.  Raises :class:`OutputError`."""
    try:
        if (descriptor := _own_descriptor(path)) is not None:
            _write_all(descriptor, text)
        elif not is_stream(path):
            write_text(path, text)
        else:
            descriptor = _open_to_write(path)
            try:
                _write_all(descriptor, text)
            finally:
                os.close(descriptor)
    except OSError as error:
        raise OutputError(f"{path}: not written: {error.strerror}") from None


def _reason_against(path: Path) -> str | None:
    """Returns why *path* cannot be written, with what was expected."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return _reason_against_parent(path)
    except OSError as error:
        return f"{error.strerror}: expected a file to write to"
    if stat.S_ISDIR(mode):
        return "a folder: expected a file to write to"
    if stat.S_ISBLK(mode) or stat.S_ISSOCK(mode):
        return "a disk or a socket: expected a file, a pipe or a terminal to write to"
    if _own_descriptor(path) is not None:
        return None
    if not os.access(path, os.W_OK):
        return "may not be written: expected a file to write to"
    return _reason_against_parent(path) if stat.S_ISREG(mode) else None


def _reason_against_parent(path: Path) -> str | None:
    """Returns why no new file can be made beside what *path* leads to."""
    parent = Path(os.path.realpath(path)).parent
    if not parent.is_dir():
        return f"no folder {parent} to write it in"
    if not os.access(parent, os.W_OK | os.X_OK):
        return f"the folder {parent} may not be written: expected one to write to"
    return None


def is_stream(path: Path) -> bool:
    """Says whether what is written to *path* cannot be replaced: it is no regular file."""
    return _own_descriptor(path) is not None or (path.exists() and not path.is_file())


def _own_descriptor(path: Path) -> int | None:
    """Returns the descriptor of ours that *path* names, or that has the same file open."""
    if path == STANDARD_OUTPUT:
        return 1
    try:
        status = path.stat()
        for descriptor in (1, 2):
            if os.path.samestat(status, os.fstat(descriptor)):
                return descriptor
    except OSError:
        return None
    name = path.name
    return int(name) if _DESCRIPTOR.match(str(path)) and name.isdecimal() else None


def _open_to_write(path: Path) -> int:
    """Opens a device or a pipe; a pipe's reader may be about to come."""
    deadline = monotonic() + _NO_READER
    while True:
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        except OSError as error:
            if error.errno != errno.ENXIO or monotonic() > deadline:
                raise
            sleep(0.05)
        else:
            os.set_blocking(descriptor, True)
            return descriptor


def _write_all(descriptor: int, text: str) -> None:
    if descriptor in (1, 2):
        sys.stdout.flush()  # what was said before comes before
    data = memoryview(text.encode("utf-8"))
    while data:
        data = data[os.write(descriptor, data) :]
