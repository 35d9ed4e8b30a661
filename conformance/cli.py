"""The command ``forkoracle``.

Exit status: 0 everything agrees or is known, 1 differences, 2 usage, 3 the
target could not run, 130 interrupted.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import platformdirs
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from conformance import bench
from conformance.catalogue import catalogue
from conformance.choice import (
    KERN_FORK_VARIABLE,
    Wanted,
    add_options,
    choose_target,
    kern_fork_file,
)
from conformance.known import KnownError
from conformance.report.junit import write_junit
from conformance.report.mutation import show_mutation
from conformance.report.results import ResultsError, read_json, write_json, write_whole
from conformance.report.terminal import show_progress, show_summary
from conformance.runner import Run, Summary
from conformance.selection import SelectionError, read_scenarios, select
from conformance.targets.base import TargetError
from conformance.targets.source.mutants import Fate, Mutation
from conformance.targets.source.target import SourceRun
from reference_model import Scenario

USAGE, CANNOT_RUN, INTERRUPTED = 2, 3, 130


def last_results() -> Path:
    """Where the results of the last run are kept, for ``forkoracle clauses``."""
    return platformdirs.user_state_path("forkoracle") / "last.json"


def _keep(summary: Summary) -> None:
    """Keep the results for ``forkoracle clauses``; a user without a home does without."""
    path = last_results()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, summary)
    except OSError as error:
        print(f"forkoracle: results not kept in {path.parent}: {error.strerror}", file=sys.stderr)


def _last_seen(path: Path | None) -> dict[str, Any] | None:
    """The results of *path*, or else those of the last run, where they can be read."""
    if path is not None:
        return read_json(path)
    try:
        return read_json(last_results())
    except ResultsError:
        return None


class _Parser(argparse.ArgumentParser):
    """Errors are one line that says what was wrong and what is allowed."""

    def error(self, message: str) -> NoReturn:
        self.exit(USAGE, f"{self.prog}: {message}\n")


def _arguments() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="forkoracle",
        description="Checks a kernel against a reference model of NetBSD's kern_fork.c.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    run = commands.add_parser("run", help="run scenarios on a kernel and say whether it agrees")
    add_options(run.add_argument)
    run.add_argument(
        "--scenarios", type=Path, metavar="FILE", help="run the scenarios of this text"
    )
    run.add_argument("--clauses", action="store_true", help="show the counts of every clause")
    run.add_argument("--json", type=Path, metavar="FILE", help="write the results")
    run.add_argument("--junit", type=Path, metavar="FILE", help="write the results for CI")

    listing = commands.add_parser("clauses", help="each clause: model, scenarios, last results")
    listing.add_argument("--json", type=Path, metavar="FILE")
    listing.add_argument(
        "--results", type=Path, metavar="FILE", help="not the last run's, but these"
    )

    breaking = commands.add_parser("mutate", help="what the suite is blind to in a kern_fork.c")
    breaking.add_argument("--kern-fork", type=Path, metavar="FILE", help="the file to break")
    breaking.add_argument("--json", type=Path, metavar="FILE", help="write the results")

    measure = commands.add_parser("bench", help="the figures of the README, measured here")
    measure.add_argument("--json", type=Path, metavar="FILE")
    return parser


def _scenarios(options: argparse.Namespace) -> list[Scenario]:
    if options.scenarios is None:
        return select(options.only, options.seed)
    if options.only:
        raise SelectionError("--only and --scenarios exclude each other: expected one of them")
    return read_scenarios(options.scenarios)


def _run_source(options: argparse.Namespace, console: Console, file: Path) -> SourceRun:
    """The run of the target ``source``."""
    if options.kernel is not None or options.scenarios is not None:
        raise SelectionError("--kern-fork goes with neither --kernel nor --scenarios")
    run = SourceRun(file, options.only, options.seed)
    console.print(
        f"target source: {file}, compiled and called "
        "(--target local for the kernel that we are on)",
        soft_wrap=True,
        highlight=False,
    )
    return run


def _run_scenarios(options: argparse.Namespace, console: Console) -> Run:
    """The run of a target that is a kernel."""
    scenarios = _scenarios(options)
    gc.freeze()  # they stay: the collector need not look through them each time
    choice = choose_target(
        Wanted(options.target, options.kernel, options.machine, options.cpus, options.patience)
    )
    console.print(choice.line, soft_wrap=True, highlight=False)
    target = choice.start()
    if target.kernel.kern_fork:
        console.print(f"kernel {target.kernel}", highlight=False)
    return Run(target, scenarios)


def _run(options: argparse.Namespace, console: Console) -> int:
    for path in filter(None, (options.json, options.junit)):
        if not path.parent.is_dir():
            raise SelectionError(f"{path}: no folder {path.parent} to write it in")
    file = kern_fork_file(options.target, options.kern_fork)
    run = _run_source(options, console, file) if file else _run_scenarios(options, console)
    try:
        for _ in show_progress(console, run.results(), run.expected_total):
            pass
        summary = run.close()
        if isinstance(run, Run):
            run.target.close()
    except KeyboardInterrupt:
        run.kill()
        summary = run.close(interrupted=True)
    except BaseException:
        run.kill()
        raise
    show_summary(console, summary, every_clause=options.clauses)
    if options.json:
        write_json(options.json, summary)
    if options.junit:
        write_junit(options.junit, summary)
    if not summary.interrupted and options.scenarios is None:
        _keep(summary)
    return INTERRUPTED if summary.interrupted else summary.exit_status()


def _clauses(options: argparse.Namespace, console: Console) -> int:
    results = _last_seen(options.results)
    seen = results["clauses"] if results else {}
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
            f"Last results: {results['target']}, {results['kernel']['system']} "
            f"{results['kernel']['release']}.",
            highlight=False,
        )
    return 0


def _mutate(options: argparse.Namespace, console: Console) -> int:
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
        write_whole(options.json, json.dumps(mutation.as_json(), indent=1) + "\n")
    return INTERRUPTED if interrupted else 0


def _bench(options: argparse.Namespace, console: Console) -> int:
    rows = []
    for figure in bench.figures():
        rows.append(figure)
        console.print(figure.line(), highlight=False, soft_wrap=True)
    if KERN_FORK_VARIABLE not in os.environ:
        console.print(f"source: not measured, no kern_fork.c: {KERN_FORK_VARIABLE} names one")
    if options.json:
        write_whole(options.json, json.dumps([row.as_json() for row in rows], indent=1) + "\n")
    return 0


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status."""
    options = _arguments().parse_args(arguments)
    signal.signal(signal.SIGTERM, _interrupt)
    console = Console()
    command = {"run": _run, "clauses": _clauses, "mutate": _mutate, "bench": _bench}[
        options.command
    ]
    try:
        return command(options, console)
    except (SelectionError, ResultsError, KnownError) as error:
        print(f"forkoracle: {error}", file=sys.stderr)
        return USAGE
    except TargetError as error:
        print(f"forkoracle: {error}", file=sys.stderr)
        return CANNOT_RUN
    except KeyboardInterrupt:
        print("forkoracle: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        return 0


if __name__ == "__main__":
    sys.exit(main())
