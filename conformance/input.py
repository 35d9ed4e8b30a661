"""Reads text files that the user names, up to a maximum size."""

from __future__ import annotations

from pathlib import Path

from conformance.errors import UsageError
from vm.files import UnfitFileError, looks_like, read_bounded


class InputError(UsageError):
    """A file is not a text of the expected kind; one line says why (exit status 2)."""


def read_text_bounded(path: Path, limit: int, what: str) -> str:
    """Returns the text of a file or pipe, of at most *limit* bytes.

    *what* names the expected kind, such as "a text of scenarios".  Raises :class:`InputError` for
    a folder, a device, a pipe without a writer, a missing file, one that is too long, and one that
    is not UTF-8.  The message says what kind of file it seems to be.
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
