"""Reads texts that the user names: of a sane size, and nothing but text."""

from __future__ import annotations

from pathlib import Path

from conformance.errors import UsageError
from vm.files import UnfitFileError, looks_like, read_bounded


class InputError(UsageError):
    """A file that is no text of the expected kind: one line that says why (exit status 2)."""


def read_text_bounded(path: Path, limit: int, what: str) -> str:
    """Returns the text of a file or pipe, of at most *limit* bytes.

    *what* is what the file should be, such as "a text of scenarios".  Raises
    :class:`InputError` for a folder, a device, a pipe that nobody writes to, a file that is too
    long or missing, and for what is not UTF-8; the line says what the file looks like.
    """
    try:
        data = read_bounded(path, limit, what)
    except UnfitFileError as error:
        raise InputError(str(error)) from None
    if kind := looks_like(data):
        raise InputError(f"{path}: {kind}: expected {what}")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(f"{path}: line {line} is not utf-8: expected {what}") from None
