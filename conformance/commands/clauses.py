"""The command ``forkoracle clauses``: what there is for each clause, and what was seen of it."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from conformance.commands.run import last_results
from conformance.errors import UsageError
from conformance.output import write_whole
from conformance.results.results import Results, read_results
from conformance.scenarios.catalogue import catalogue


def add_clauses(commands: argparse._SubParsersAction[Any]) -> None:
    """Add ``clauses`` to the commands."""
    listing = commands.add_parser("clauses", help="each clause: model, scenarios, last results")
    listing.add_argument("--json", type=Path, metavar="FILE")
    listing.add_argument(
        "--results", type=Path, metavar="FILE", help="not the last run's, but these"
    )


def _last_seen(path: Path | None) -> Results | None:
    """The results of *path*, or else those of the last run, where they can be read."""
    if path is not None:
        return read_results(path)
    try:
        return read_results(last_results())
    except UsageError:
        return None


def run_clauses(options: argparse.Namespace, console: Console) -> int:
    """Show or write the table; the exit status."""
    results = _last_seen(options.results)
    seen = results.clauses if results else {}
    entries = catalogue()
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
        write_whole(options.json, json.dumps(rows, indent=1) + "\n")
        return 0
    table = Table(box=None, pad_edge=False, header_style="bold")
    for head in ("clause", "lines", "model", "observe"):
        table.add_column(head, no_wrap=True)
    table.add_column("families", min_width=10)
    table.add_column("last results", overflow="fold")
    for entry in entries:
        counts = seen.get(entry.clause.name, {})
        table.add_row(
            entry.clause.name,
            entry.clause.lines,
            "yes" if entry.model_lines else "no",
            entry.clause.observe,
            " ".join(entry.families) or "-",
            ", ".join(f"{number} {verdict}" for verdict, number in counts.items()) or "-",
        )
    console.print(table)
    live = [entry for entry in entries if entry.clause.observe == "live"]
    console.print(
        f"{len(entries)} clauses, {sum(bool(e.model_lines) for e in entries)} in the model; "
        f"{sum(bool(e.families) for e in live)} of {len(live)} that a user program can see have "
        "scenarios; the others can only be seen in the C source."
    )
    if results:
        console.print(
            f"Last results: {results.target}, {results.kernel.system} {results.kernel.release}.",
            highlight=False,
        )
    return 0
