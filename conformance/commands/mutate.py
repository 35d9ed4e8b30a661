"""The command ``forkoracle mutate``: lists changes of kern_fork.c that no case notices."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from conformance.commands.choice import KERN_FORK_VARIABLE, kern_fork_file
from conformance.errors import INTERRUPTED
from conformance.output import check_outputs, write_output
from conformance.report.mutation import show_mutation
from conformance.source.mutants import Fate, Mutation


def add_mutate(commands: argparse._SubParsersAction[Any]) -> None:
    """Adds ``mutate`` to the commands."""
    breaking = commands.add_parser(
        "mutate",
        help="break a kern_fork.c in many ways, and list the breaks that nothing notices",
        description="Breaks a kern_fork.c in every way that universalmutator knows, and lists\n"
        "the breaks that no case notices.",
    )
    breaking.add_argument(
        "--kern-fork",
        type=Path,
        metavar="FILE",
        help=f"the file to break; default: {KERN_FORK_VARIABLE}",
    )
    breaking.add_argument("--json", type=Path, metavar="FILE", help="write the results as JSON")


def run_mutate(options: argparse.Namespace, console: Console) -> int:
    """Tests each mutant of the file; returns the exit status."""
    check_outputs(options.json)
    file = kern_fork_file("source", options.kern_fork)
    assert file is not None
    mutation = Mutation(file)
    interrupted = False
    with Progress(
        TextColumn("mutants"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[found]}"),
        console=console,
        transient=True,
    ) as progress:
        task = progress.add_task("", total=len(mutation.mutants), found="")
        try:
            for _ in mutation.run():
                survived = mutation.count(Fate.SURVIVED)
                progress.update(task, advance=1, found=f"{survived} survived")
        except KeyboardInterrupt:
            interrupted = True
    show_mutation(console, mutation, interrupted=interrupted)
    if options.json:
        write_output(options.json, json.dumps(mutation.as_json(), indent=1) + "\n")
    return INTERRUPTED if interrupted else 0
