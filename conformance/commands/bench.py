"""The command ``forkoracle bench``: the figures of docs/figures.md, measured here."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

from rich.console import Console

from conformance.commands import figures as bench
from conformance.commands.choice import KERN_FORK_VARIABLE, KERNEL_VARIABLE
from conformance.output import check_outputs, write_output


def add_bench(commands: argparse._SubParsersAction[Any]) -> None:
    """Adds ``bench`` to the commands."""
    measure = commands.add_parser(
        "bench",
        help="measure the figures of docs/figures.md on this machine",
        description="Measures the figures of docs/figures.md on this machine.",
    )
    measure.add_argument("--json", type=Path, metavar="FILE", help="write the figures as JSON")
    named = os.environ.get(KERNEL_VARIABLE)
    measure.add_argument(
        "--kernel",
        type=Path,
        default=Path(named) if named else None,
        metavar="FILE",
        help=f"also measure a guest of this NetBSD kernel; default: {KERNEL_VARIABLE}",
    )


def run_bench(options: argparse.Namespace, console: Console) -> int:
    """Measures, and prints each figure at once; returns the exit status."""
    check_outputs(options.json)
    rows = []
    for figure in bench.figures(options.kernel):
        rows.append(figure)
        console.print(figure.line(), highlight=False, soft_wrap=True)
    if KERN_FORK_VARIABLE not in os.environ:
        console.print(f"source: not measured, no kern_fork.c: {KERN_FORK_VARIABLE} names one")
    if options.json:
        write_output(options.json, json.dumps([row.as_json() for row in rows], indent=1) + "\n")
    return 0
