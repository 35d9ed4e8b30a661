"""The command ``forkoracle run``: scenarios on a kernel, and whether it agrees."""

from __future__ import annotations

import argparse
import gc
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from time import time_ns
from typing import TYPE_CHECKING, Any

import platformdirs
from rich.console import Console

from conformance.commands.choice import Wanted, add_options, choose_target, kern_fork_file
from conformance.commands.report import add_repeat, check_repeat, check_report, write_report
from conformance.report.junit import write_junit
from conformance.report.terminal import show_progress, show_summary
from conformance.results.results import write_results
from conformance.results.status import exit_status
from conformance.results.summary import Summary
from conformance.runs.journal import Journal, JournalError
from conformance.runs.run import MAX_STUCK, Run
from conformance.scenarios.selection import SelectionError, read_budget, read_scenarios, select
from conformance.targets.base import Target
from conformance.verdicts.issues import Issue, holding, read_issues
from conformance.verdicts.ranking import results_of
from reference_model import Scenario

if TYPE_CHECKING:
    from conformance.source.target import SourceRun

#: What ``--resume`` alone stands for.
LAST = Path("-")
#: So many unfinished runs are kept.
_UNFINISHED = 5


def add_run(commands: argparse._SubParsersAction[Any]) -> None:
    """Add ``run`` to the commands."""
    run = commands.add_parser("run", help="run scenarios on a kernel and say whether it agrees")
    add_options(run.add_argument)
    run.add_argument(
        "--scenarios", type=Path, metavar="FILE", help="run the scenarios of this text"
    )
    run.add_argument(
        "--programs",
        metavar="N|SECONDSs",
        help="run so many programs that nobody has written, or for so long: 1000, or 30s",
    )
    run.add_argument("--clauses", action="store_true", help="show the counts of every clause")
    run.add_argument(
        "--resume",
        type=Path,
        nargs="?",
        const=LAST,
        metavar="FILE",
        help="write what is seen to FILE as it comes, and go on from what is there; "
        "without FILE, from the last run that did not come to its end",
    )
    run.add_argument(
        "--max-stuck",
        type=int,
        default=MAX_STUCK,
        metavar="N",
        help="stop after so many scenarios that got stuck or panicked; 0: never",
    )
    run.add_argument("--known", type=Path, metavar="FILE", help="known issues, as TOML")
    run.add_argument("--json", type=Path, metavar="FILE", help="write the results")
    run.add_argument("--junit", type=Path, metavar="FILE", help="write the results for CI")
    run.add_argument(
        "--report", type=Path, metavar="DIR", help="write a report as 'forkoracle report' does"
    )
    add_repeat(run)


def run_run(options: argparse.Namespace, console: Console) -> int:
    """Run, show and write what came of it; the exit status."""
    for path in filter(None, (options.json, options.junit)):
        if not path.parent.is_dir():
            raise SelectionError(f"{path}: no folder {path.parent} to write it in")
    # What only some runs need, and takes its time to load, is loaded where it is needed.
    check_repeat(options.repeat)
    if options.max_stuck < 0:
        raise SelectionError(f"--max-stuck {options.max_stuck}: expected 0 or more")
    if options.report:
        check_report(options.report)
    elif options.repeat:
        raise SelectionError("--repeat goes with --report: expected it, too")
    issues = read_issues(options.known) if options.known else ()
    file = kern_fork_file(options.target, options.kern_fork)
    run = _source(options, console, file, issues) if file else _kernel(options, console, issues)
    # A report asks the kernel again.
    target = run.target if isinstance(run, Run) else None
    try:
        for _ in show_progress(console, run.results(), run.expected_total):
            pass
        summary = run.close()
        if target is not None and not options.report:
            target.close()
    except KeyboardInterrupt:
        run.kill()
        target = None
        summary = run.close(interrupted=True)
    except BaseException:
        run.kill()
        raise
    try:
        _write(options, console, summary, run)
        if options.report:
            _report(options, console, summary, target)
    except BaseException:
        run.kill()
        raise
    if not summary.interrupted and options.scenarios is None and options.programs is None:
        _keep(summary)
    return exit_status(summary)


def _write(
    options: argparse.Namespace, console: Console, summary: Summary, run: Run | SourceRun
) -> None:
    """Show and write what came of a run."""
    show_summary(console, summary, every_clause=options.clauses)
    if isinstance(run, Run) and run.journal is not None:
        _end(run.journal, summary, console, named=options.resume not in (None, LAST))
    if options.json:
        write_results(options.json, results_of(summary))
    if options.junit:
        write_junit(options.junit, summary)


def _report(
    options: argparse.Namespace, console: Console, summary: Summary, target: Target | None
) -> None:
    """Write the report; the results then have what *target* answered when it was asked again."""
    written = write_report(
        results_of(summary), options.report, console, target=target, repeat=options.repeat
    )
    if target is not None and not written.interrupted:
        target.close()
    summary.interrupted |= written.interrupted
    if options.json:
        write_results(options.json, written.results)


def _source(
    options: argparse.Namespace, console: Console, file: Path, issues: Sequence[Issue]
) -> SourceRun:
    """The run of the target ``source``."""
    if options.kernel or options.release or options.image or options.host:
        raise SelectionError(
            "--kern-fork goes with neither --kernel, --release, --image nor --host: "
            "expected one of them"
        )
    if options.scenarios or options.programs or options.resume:
        raise SelectionError(
            "--kern-fork draws cases of its own: expected no --scenarios, --programs or --resume"
        )
    from conformance.source.target import SourceRun

    run = SourceRun(file, options.only, options.seed, issues=issues)
    console.print(
        f"target source: {file}, compiled and called "
        "(--target local for the kernel that we are on)",
        soft_wrap=True,
        highlight=False,
    )
    return run


def _kernel(options: argparse.Namespace, console: Console, issues: Sequence[Issue]) -> Run:
    """The run of a target that is a kernel."""
    scenarios = _scenarios(options)
    budget = read_budget(options.programs) if options.programs is not None else None
    gc.freeze()  # they stay: the collector need not look through them each time
    choice = choose_target(Wanted.from_options(lambda name: getattr(options, name)))
    console.print(choice.line, soft_wrap=True, highlight=False)
    target = choice.start()
    if target.kernel.kern_fork or target.name == "ssh":
        console.print(f"kernel {target.kernel}", soft_wrap=True, highlight=False)
    known = holding(issues, target.kernel.kern_fork)
    try:
        if budget is None:
            journal = _journal(options.resume, target)
            return Run(
                target,
                scenarios,
                journal,
                cuts_down=bool(options.report),
                issues=known,
                max_stuck=options.max_stuck,
            )
        if target.kernel.system != "NetBSD":
            raise SelectionError(
                "--programs: what another kernel than NetBSD answers is written down for the "
                f"families only, and this is {target.kernel.system}: expected --kernel or --host"
            )
        drawn = _programs(target, options.seed, budget)
        journal = _journal(options.resume, target)
        return Run(target, (), journal, drawn, issues=known, max_stuck=options.max_stuck)
    except (JournalError, SelectionError):
        target.kill()
        raise


def _programs(
    target: Target, seed: int, budget: tuple[int | None, float | None]
) -> Iterator[Sequence[Scenario]]:
    from conformance.scenarios.programs.generate import limited

    return limited(target.options, seed, *budget, target.lacks)


def _scenarios(options: argparse.Namespace) -> list[Scenario]:
    named = [f"--{name}" for name in ("only", "scenarios", "programs") if getattr(options, name)]
    if len(named) > 1:
        raise SelectionError(f"{' and '.join(named)} exclude each other: expected one of them")
    if options.programs is not None:
        return []
    if options.scenarios is None:
        return select(options.only, options.seed)
    return read_scenarios(options.scenarios)


def _journal(named: Path | None, target: Target) -> Journal:
    """The journal of a run: the named one, that of the last run, or a new one."""
    folder = platformdirs.user_state_path("forkoracle") / "unfinished"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        found = sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime)
    except OSError:
        folder, found = Path(tempfile.gettempdir()), []
    if named == LAST:
        if not found:
            raise JournalError("--resume: no run is unfinished: expected a FILE")
        named = found[-1]
    for old in found[:-_UNFINISHED]:
        old.unlink(missing_ok=True)
    path = named or folder / f"{time_ns()}-{os.getpid()}.jsonl"
    return Journal(path, target.name, target.kernel)


def _end(journal: Journal, summary: Summary, console: Console, *, named: bool) -> None:
    """Close the journal, and say how to go on from it; it stays for that, or where it was named."""
    if journal.broken:
        print(f"forkoracle: {journal.broken}", file=sys.stderr)
    ended = not (summary.interrupted or summary.gave_up or summary.stopped)
    journal.close(keep=named or not ended)
    if not ended:
        console.print(f"Go on with: forkoracle run --resume {journal.path}", soft_wrap=True)


def last_results() -> Path:
    """Where the results of the last run are kept, for ``forkoracle clauses``."""
    return platformdirs.user_state_path("forkoracle") / "last.json"


def _keep(summary: Summary) -> None:
    """Keep the results for ``forkoracle clauses``; a user without a home does without."""
    path = last_results()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_results(path, results_of(summary))
    except OSError as error:
        print(f"forkoracle: results not kept in {path.parent}: {error.strerror}", file=sys.stderr)
