"""The command ``forkoracle report``: what one sends to NetBSD about a run, and a page."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from conformance.report.results import read_json
from conformance.selection import SelectionError

if TYPE_CHECKING:
    from conformance.report.pr.compare import Comparison
    from conformance.report.pr.issues import Issue


def add_report(commands: argparse._SubParsersAction[Any]) -> None:
    """Add ``report`` to the commands."""
    report = commands.add_parser("report", help="write what one sends to NetBSD, and a page")
    report.add_argument("results", type=Path, metavar="RESULTS.json", help="what --json wrote")
    report.add_argument(
        "other",
        type=Path,
        nargs="?",
        metavar="OTHER.json",
        help="a later run: the report is on it, and says what is new, changed and fixed since",
    )
    report.add_argument(
        "-o", "--output", type=Path, metavar="DIR", required=True, help="a new folder"
    )
    report.add_argument("--known", type=Path, metavar="FILE", help="known issues, as TOML")
    report.add_argument(
        "--run-programs",
        action="store_true",
        help="run each program on this system, if the results are from it, and say how it ended",
    )
    report.add_argument("--force", action="store_true", help="replace a report that is there")


def run_report(options: argparse.Namespace, console: Console) -> int:
    """Write the report; the exit status."""
    check_report(options.output, force=options.force)
    from conformance.report.pr.compare import compare
    from conformance.report.pr.issues import read_issues

    issues = read_issues(options.known) if options.known else ()
    results = read_json(options.results)
    comparison = None
    if options.other is not None:
        before, results = results, read_json(options.other)
        comparison = compare(before, results)
    write_report(
        results,
        options.output,
        console,
        issues,
        comparison,
        run_programs=options.run_programs,
        force=options.force,
    )
    return 0


def check_report(folder: Path, *, force: bool = False) -> None:
    """Raise :class:`SelectionError` or :class:`ReportError` where none can be written there."""
    try:
        from conformance.report.pr.writing import check_folder
    except ModuleNotFoundError as error:
        if error.name not in ("jinja2", "markupsafe"):
            raise
        raise SelectionError("a report needs jinja2: pip install 'forkoracle[report]'") from None
    check_folder(folder, force=force)


def write_report(
    results: Mapping[str, Any],
    folder: Path,
    console: Console,
    issues: Sequence[Issue] = (),
    comparison: Comparison | None = None,
    *,
    run_programs: bool = False,
    force: bool = False,
) -> None:
    """Write the report and say what is in it, a line for each problem."""
    from conformance.report.pr.issues import gone
    from conformance.report.pr.writing import PAGE, write_folder

    def say(line: str) -> None:
        console.print(line, soft_wrap=True, highlight=False, markup=False)

    made = write_folder(
        results,
        folder,
        issues=tuple(issues),
        comparison=comparison,
        run_programs=run_programs,
        force=force,
    )
    for entry in made:
        known = f" (known: {entry.known.pr})" if entry.known else ""
        problem = entry.problem
        say(f"{entry.name}: {problem.synopsis}, {problem.count} of its cause{known}")
    for issue in gone(results, [entry.problem for entry in made], issues):
        say(f"gone: {issue.pr}, {issue.clause}")
    for word, problem in comparison.rows() if comparison else ():
        say(f"{word}: {problem.synopsis}")
    say(f"{len(made)} problem{'' if len(made) == 1 else 's'}: {folder / PAGE}")
