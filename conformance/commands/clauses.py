"""The command ``forkoracle clauses``: shows clauses, their tests and the last results."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from conformance.commands.run import last_results
from conformance.errors import UsageError
from conformance.output import check_outputs, write_output
from conformance.results.result import Verdict
from conformance.results.results import Results, read_results
from conformance.scenarios.catalogue import Entry, catalogue
from conformance.scenarios.selection import SelectionError
from reference_model.clauses import clauses
from reference_model.language.spelling import did_you_mean

_EXAMPLES = """\
examples:
  forkoracle clauses                all clauses, their scenarios and the last results
  forkoracle clauses VFORK-WAIT     what this one says"""
_OBSERVED = {
    "live": "by a user program, on a running kernel",
    "source": "only when the C function is called with other callees (--kern-fork)",
}


def add_clauses(commands: argparse._SubParsersAction[Any]) -> None:
    """Adds ``clauses`` to the commands."""
    listing = commands.add_parser(
        "clauses",
        help="say what a clause says and what tests it, or list all clauses",
        description="Says what a clause of kern_fork.c says, what tests it, and what the last\n"
        "run saw of it.  Without a name, lists all clauses.",
        epilog=_EXAMPLES,
    )
    listing.add_argument("names", nargs="*", metavar="CLAUSE", help="VFORK-WAIT, say")
    listing.add_argument("--json", type=Path, metavar="FILE", help="write the clauses as JSON")
    listing.add_argument(
        "--results", type=Path, metavar="FILE", help="the results of this run, not of the last one"
    )


def _last_seen(path: Path | None) -> Results | None:
    """Returns the results of *path*, else those of the last run; None if there are none."""
    if path is not None:
        return read_results(path)
    try:
        return read_results(last_results())
    except UsageError:
        return None


def _named(names: Sequence[str]) -> list[Entry]:
    """Returns the clauses of these names, all of them if there is none.

    Raises :class:`SelectionError` for a name that is no clause's.
    """
    known = clauses()
    for name in names:
        if name.upper() not in known:
            near = did_you_mean(name, known)
            raise SelectionError(f"unknown clause {name!r}{near}: 'forkoracle clauses' lists them")
    wanted = {name.upper() for name in names}
    return [entry for entry in catalogue() if not wanted or entry.clause.name in wanted]


def run_clauses(options: argparse.Namespace, console: Console) -> int:
    """Shows or writes the clauses; returns the exit status."""
    check_outputs(options.json)
    results = _last_seen(options.results)
    seen = results.clauses if results else {}
    entries = _named(options.names)
    if options.json:
        rows = [
            {
                "clause": entry.clause.name,
                "modelled": bool(entry.model_lines),
                "families": list(entry.families),
                "observe": entry.clause.observe,
                "lines": entry.clause.lines,
                "says": entry.clause.says,
                "last": seen.get(entry.clause.name),
            }
            for entry in entries
        ]
        write_output(options.json, json.dumps(rows, indent=1) + "\n")
    elif options.names:
        for number, entry in enumerate(entries):
            if number:
                console.print()
            _show_one(console, entry, seen.get(entry.clause.name, {}))
    else:
        _show_all(console, entries, seen)
    if results and not options.json:
        console.print(
            f"Last results: {results.target}, {results.kernel.system} {results.kernel.release}.",
            highlight=False,
        )
    return 0


def _counts(seen: Mapping[Verdict, int]) -> str:
    return ", ".join(f"{number} {verdict}" for verdict, number in seen.items())


def _show_one(console: Console, entry: Entry, seen: Mapping[Verdict, int]) -> None:
    """Prints a clause, its lines in the source, and its tests."""
    clause = entry.clause
    console.print(Text(clause.name, "bold"))
    grid = Table.grid(padding=(0, 2))
    grid.add_column()
    grid.add_column(overflow="fold")
    model = ", ".join(map(str, entry.model_lines))
    for head, text in (
        ("says", clause.says),
        ("source", f"kern_fork.c 1.232, lines {clause.lines}"),
        (
            "model",
            f"reference_model/kern_fork.py, line{'s' * (len(entry.model_lines) > 1)} {model}"
            if model
            else "-",
        ),
        ("observed", _OBSERVED[clause.observe]),
        ("families", " ".join(entry.families) or "none: only --kern-fork tests it"),
        ("last run", _counts(seen) or "not tested"),
    ):
        grid.add_row(f"  {head}", Text(text))
    console.print(grid)


def _show_all(
    console: Console, entries: Sequence[Entry], seen: Mapping[str, Mapping[Verdict, int]]
) -> None:
    """Prints a table of the clauses; on a narrow terminal, cells have several lines."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for head in ("clause", "lines", "model", "observe"):
        table.add_column(head, no_wrap=head != "lines")
    table.add_column("families", min_width=11)
    table.add_column("last run", min_width=11)
    for entry in entries:
        table.add_row(
            entry.clause.name,
            entry.clause.lines,
            "yes" if entry.model_lines else "no",
            entry.clause.observe,
            " ".join(entry.families) or "-",
            _counts(seen.get(entry.clause.name, {})) or "-",
        )
    console.print(table)
    live = [entry for entry in entries if entry.clause.observe == "live"]
    console.print(
        f"{len(entries)} clauses, {sum(bool(e.model_lines) for e in entries)} in the model; "
        f"{sum(bool(e.families) for e in live)} of {len(live)} that a user program can observe "
        "have scenarios; only --kern-fork tests the others.\n"
        "'forkoracle clauses CLAUSE' shows one."
    )
