"""Writes the folder of a report: a page, and for each problem its texts and its programs."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conformance.report.pr.compare import Comparison
from conformance.report.pr.page import MARK, page
from conformance.report.pr.problem import Problem, group, read_differences
from conformance.report.pr.repeat import Repeat, repeat
from conformance.report.pr.texts import markdown, send_pr
from conformance.report.results import ReportError
from conformance.targets.base import Target
from conformance.verdicts.issues import Issue, holding, known_as

PAGE = "index.html"


@dataclass(frozen=True)
class Entry:
    """A problem in a report: the name of its files, how to repeat it, and its PR if it is known."""

    name: str
    problem: Problem
    repeat: Repeat
    pr: str

    def files(self) -> Iterator[tuple[str, str]]:
        """The names and texts of its files."""
        yield f"{self.name}.txt", send_pr(self.problem, self.repeat)
        yield f"{self.name}.md", markdown(self.problem, self.repeat)
        if self.repeat.program:
            yield f"{self.name}.c", self.repeat.program
        if self.repeat.atf:
            yield f"t_{self.name.replace('-', '_')}.c", self.repeat.atf


def entries(
    results: Mapping[str, Any], issues: Sequence[Issue] = (), target: Target | None = None
) -> list[Entry]:
    """The problems of a run, each with what is written of it; *target* runs their programs."""
    problems = group(read_differences(results), results["kernel"], results["target"])
    holds = holding(issues, results["kernel"].get("kern_fork"))
    taken: Counter[str] = Counter()
    made = []
    for problem in problems:
        taken[problem.name] += 1
        number = taken[problem.name]
        name = problem.name if number == 1 else f"{problem.name}-{number}"
        issue = known_as(problem.difference.result(), holds)
        pr = issue.pr if issue else problem.difference.pr
        made.append(Entry(name, problem, repeat(problem, target), pr))
    return made


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
    results: Mapping[str, Any],
    made: Sequence[Entry],
    folder: Path,
    *,
    gone: Sequence[Mapping[str, str]] = (),
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
