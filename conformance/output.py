"""Writes results to a file, a pipe, a device or the standard output (``-``).

A regular file is written whole or not at all, and keeps its mode.  If the path is a symbolic link,
its target is written.  Other kinds of files, and our own output such as ``/dev/stdout``, are
written to directly.
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
#: Maximum number of seconds to wait for the reader of a pipe.
_NO_READER = 10.0
_DESCRIPTOR = re.compile(r"/dev/(?:fd|std)|/proc/self/fd/")


def check_outputs(*paths: Path | None) -> None:
    """Raises :class:`UsageError` if one of the paths cannot be written."""
    named = [path for path in paths if path is not None]
    if named.count(STANDARD_OUTPUT) > 1:
        raise UsageError("'-' stands for the standard output once: expected a file for the others")
    for path in named:
        if path != STANDARD_OUTPUT and (reason := _reason_against(path)):
            raise UsageError(f"{path}: {reason}")


def check_parent(path: Path) -> None:
    """Raises :class:`UsageError` if no file can be made in the folder of *path*."""
    if reason := _reason_against_parent(path):
        raise UsageError(f"{path}: {reason}")


def takes_standard_output(paths: Iterable[object]) -> bool:
    """Says whether one of the outputs is the standard output; then messages go to stderr."""
    return STANDARD_OUTPUT in paths


class Failures:
    """Reports outputs that could not be written; the other outputs are still written."""

    def __init__(self) -> None:
        self.any = False

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Prints a failure to write as one line; ignores a reader that closed its pipe."""
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
    """Sends the rest of the output to /dev/null; else Python prints an error when it exits."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def write_output(path: Path, text: str) -> None:
    """Writes *text* to *path*.  Raises :class:`OutputError`."""
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
    """Returns why *path* cannot be written, and what was expected; None if it can."""
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
    """Returns why no file can be made in the folder of *path*; None if one can."""
    parent = Path(os.path.realpath(path)).parent
    if not parent.is_dir():
        return f"no folder {parent} to write it in"
    if not os.access(parent, os.W_OK | os.X_OK):
        return f"the folder {parent} may not be written: expected one to write to"
    return None


def is_stream(path: Path) -> bool:
    """Says whether *path* is not a regular file: its output can be written only once."""
    return _own_descriptor(path) is not None or (path.exists() and not path.is_file())


def _own_descriptor(path: Path) -> int | None:
    """Returns our descriptor that *path* names, or that has the same file open."""
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
    """Opens a device or a pipe; waits for a reader of the pipe."""
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
        sys.stdout.flush()  # keeps the order of the output
    data = memoryview(text.encode("utf-8"))
    while data:
        data = data[os.write(descriptor, data) :]
