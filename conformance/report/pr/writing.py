"""Writes the folder of a report: a page, and for each problem its texts and reproducers."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from time import monotonic_ns

from conformance.errors import OutputError, UsageError
from conformance.output import check_parent
from conformance.report.pr.compare import Comparison
from conformance.report.pr.entry import Entry
from conformance.report.pr.page import MARK, page
from conformance.results.result import Gone
from conformance.results.results import Results

PAGE = "index.html"


class ReportError(UsageError):
    """A report cannot be written; one line says why."""


def check_folder(folder: Path, *, force: bool) -> None:
    """Raises :class:`ReportError` if a report must not be written to *folder*."""
    check_parent(folder)
    if not folder.exists() and not folder.is_symlink():
        return
    if not force:
        raise ReportError(f"{folder}: exists: expected a new folder, or --force to replace it")
    index = folder / PAGE
    if folder.is_symlink() or not index.is_file() or MARK not in _beginning(index):
        raise ReportError(f"{folder}: is no report of forkoracle, so --force does not replace it")
    if foreign := _foreign(folder):
        raise ReportError(
            f"{folder}: has {foreign}, which is no file of the report, so --force does not "
            "replace it: move it away"
        )


def _beginning(index: Path) -> str:
    """Returns the beginning of a page, which includes its mark."""
    with index.open(encoding="utf-8", errors="replace") as file:
        return file.read(1 << 12)


def _foreign(folder: Path) -> str | None:
    """Returns the name of a file in a report to which its page has no link."""
    ours = {
        PAGE,
        *re.findall(r'<a href="([^"#/]+)"', (folder / PAGE).read_text("utf-8", "replace")),
    }
    return next((p.name for p in folder.iterdir() if p.name not in ours or not p.is_file()), None)


def write_folder(
    results: Results,
    made: Sequence[Entry],
    folder: Path,
    *,
    gone: Sequence[Gone] = (),
    comparison: Comparison | None = None,
    force: bool = False,
) -> None:
    """Writes the report to *folder*, whole or not at all.  Raises :class:`ReportError`."""
    check_folder(folder, force=force)
    new = folder.parent / f".forkoracle-{os.getpid()}-{monotonic_ns()}"
    try:
        new.mkdir()
        for entry in made:
            for name, text in entry.files():
                (new / name).write_text(text, encoding="utf-8")
        (new / PAGE).write_text(page(results, made, gone, comparison), encoding="utf-8")
        if folder.exists():
            old = new.with_name(f"{new.name}.old")
            folder.rename(old)
            new.rename(folder)
            shutil.rmtree(old)
        else:
            new.rename(folder)
    except OSError as error:
        shutil.rmtree(new, ignore_errors=True)
        raise OutputError(f"{folder}: no report written: {error.strerror}") from None
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        raise
