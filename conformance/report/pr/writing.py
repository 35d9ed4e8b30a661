"""Writes the folder of a report: a page, and for each problem its texts and its programs."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from conformance.errors import UsageError
from conformance.report.pr.compare import Comparison
from conformance.report.pr.entry import Entry
from conformance.report.pr.page import MARK, page
from conformance.results.result import Gone
from conformance.results.results import Results

PAGE = "index.html"


class ReportError(UsageError):
    """A report that cannot be written: one line that says why."""


def check_folder(folder: Path, *, force: bool) -> None:
    """Raise :class:`ReportError` where a report must not be written to *folder*."""
    if not folder.parent.is_dir():
        raise ReportError(f"{folder}: no folder {folder.parent} to write it in")
    if not folder.exists() and not folder.is_symlink():
        return
    if not force:
        raise ReportError(f"{folder}: exists: expected a new folder, or --force to replace it")
    index = folder / PAGE
    if (
        folder.is_symlink()
        or not index.is_file()
        or MARK not in index.read_text("utf-8", "replace")
    ):
        raise ReportError(f"{folder}: is no report of ours, so --force does not replace it")


def write_folder(
    results: Results,
    made: Sequence[Entry],
    folder: Path,
    *,
    gone: Sequence[Gone] = (),
    comparison: Comparison | None = None,
    force: bool = False,
) -> None:
    """Write the report to *folder*, whole or not at all.  Raises :class:`ReportError`."""
    check_folder(folder, force=force)
    new = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        new.chmod(0o755)
        for entry in made:
            for name, text in entry.files():
                (new / name).write_text(text, encoding="utf-8")
        (new / PAGE).write_text(page(results, made, gone, comparison), encoding="utf-8")
        if folder.exists():
            shutil.rmtree(folder)
        new.replace(folder)
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        raise
