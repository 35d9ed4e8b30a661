"""The command ``forkoracle run``: runs scenarios on a kernel and compares it with the model."""

from __future__ import annotations

import argparse
import gc
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import platformdirs
from rich.console import Console

from conformance.commands.choice import choose_target, kern_fork_file
from conformance.commands.diagnose import add_no_explain, diagnose
from conformance.commands.options import (
    KERNEL,
    OUTPUT,
    SCENARIOS,
    TIME,
    Wanted,
    add_force,
    add_kern_fork,
    add_known,
    add_only,
    add_repeat,
    add_scenario_files,
    add_target_options,
)
from conformance.commands.report import Written, check_repeat, check_report, write_report
from conformance.commands.resume import LAST, is_named, open_journal, resume_command
from conformance.errors import CANNOT_RUN, OutputError
from conformance.output import Failures, check_outputs, is_stream
from conformance.report.junit import write_junit
from conformance.report.terminal import show_progress, show_result, show_summary
from conformance.results.results import write_results
from conformance.results.run import AnyRun
from conformance.results.status import exit_status
from conformance.results.summary import Summary
from conformance.runs.journal import Journal, JournalError
from conformance.runs.run import MAX_STUCK, Run
from conformance.scenarios.selection import SelectionError, read_budget, read_scenarios, select
from conformance.targets.base import Target
from conformance.verdicts.issues import Issue, holding, read_issues
from conformance.verdicts.ranking import results_of
from reference_model import Scenario, allowed_logs

_EXAMPLES = """\
examples:
  forkoracle run                                     all families on this machine's kernel
  forkoracle run --kernel netbsd --report report     on a NetBSD kernel; report differences
  forkoracle run --kern-fork sys/kern/kern_fork.c    compile an edited file, and call it
  forkoracle run --only vfork,VFORK-WAIT             scenarios of a family or a clause
  forkoracle run --only vfork/__vfork14/memory --show
                                                     one scenario, expected and observed
  forkoracle run --scenarios mine.txt --show         scenarios of your own
  forkoracle run --kernel netbsd --programs 30s      random programs, for half a minute

exit status: 0 agrees or is known, 1 differences, 2 usage, 3 the target could not run"""


def add_run(commands: argparse._SubParsersAction[Any]) -> None:
    """Adds ``run`` to the commands."""
    run = commands.add_parser(
        "run",
        help="run scenarios on a kernel and say whether it agrees",
        description="Runs scenarios on a kernel and says whether it does what kern_fork.c says.",
        epilog=_EXAMPLES,
    )
    kernel = run.add_argument_group(KERNEL).add_argument
    scenarios = run.add_argument_group(SCENARIOS).add_argument
    time = run.add_argument_group(TIME).add_argument
    output = run.add_argument_group(OUTPUT).add_argument
    add_target_options(kernel, time)
    add_kern_fork(kernel)
    add_only(scenarios)
    add_scenario_files(scenarios)
    scenarios(
        "--programs",
        metavar="N|SECONDSs",
        help="generate and run N random programs (1000), or run them for some seconds (30s)",
    )
    time(
        "--max-stuck",
        type=int,
        default=MAX_STUCK,
        metavar="N",
        help=f"stop after N scenarios that hung or panicked; 0: never; default: {MAX_STUCK}",
    )
    time(
        "--resume",
        type=Path,
        nargs="?",
        const=LAST,
        metavar="FILE",
        help="record observations in FILE, and skip the scenarios that it already has; without "
        "FILE, go on with the last run that was interrupted",
    )
    add_no_explain(time)
    output("--show", action="store_true", help="show each scenario, also if it agrees")
    output("--clauses", action="store_true", help="show the counts of every clause")
    add_known(output)
    output("--json", type=Path, metavar="FILE", help="write the results as JSON")
    output("--junit", type=Path, metavar="FILE", help="write the results as JUnit XML, for CI")
    output("--report", type=Path, metavar="DIR", help="write a report as 'forkoracle report' does")
    add_force(output)
    add_repeat(output)


def run_run(options: argparse.Namespace, console: Console) -> int:
    """Runs, prints and writes the results; returns the exit status."""
    check_outputs(options.json, options.junit)
    # Modules that are slow to import are imported only by the runs that need them.
    check_repeat(options.repeat)
    if options.max_stuck < 0:
        raise SelectionError(f"--max-stuck {options.max_stuck}: expected 0 or more")
    if options.report:
        check_report(options.report, force=options.force)
    elif options.repeat or options.force:
        word = "--repeat" if options.repeat else "--force"
        raise SelectionError(f"{word} needs --report DIR")
    issues = read_issues(options.known) if options.known else ()
    file = kern_fork_file(options.target, options.kern_fork)
    run: AnyRun
    run = _source(options, console, file, issues) if file else _kernel(options, console, issues)
    # A report asks the kernel again.
    target = run.target if isinstance(run, Run) else None
    try:
        for result in show_progress(console, run.results(), run.expected_total):
            if options.show and target is not None:
                assert isinstance(result.scenario, Scenario)
                expected = allowed_logs(result.scenario, target.options)
                show_result(console, result, expected)
        summary = run.close()
        if isinstance(run, Run) and not options.no_explain:
            diagnose(run, console)
        if target is not None and not options.report:
            target.close()
    except KeyboardInterrupt:
        run.kill()
        target = None
        summary = run.close(interrupted=True)
    except BaseException:
        run.kill()
        raise
    failures = Failures()
    try:
        _write(options, console, summary, failures)
        if options.report:
            _report(options, console, summary, target, failures)
    except BaseException:
        run.kill()
        raise
    if isinstance(run, Run) and run.journal is not None:
        with failures.noted():
            _end(run.journal, summary, console, options, whole=not failures.any)
    if not (summary.interrupted or options.scenarios or options.programs):
        _keep(summary)
    if failures.any and not summary.interrupted:
        return CANNOT_RUN
    return exit_status(summary)


def _write(
    options: argparse.Namespace, console: Console, summary: Summary, failures: Failures
) -> None:
    """Prints and writes the results of a run; a failed output does not stop the others."""
    with failures.noted():
        show_summary(console, summary, every_clause=options.clauses)
    # With a report, _report writes the results again; a pipe can be written only once.
    with failures.noted():
        if options.json and not (options.report and is_stream(options.json)):
            write_results(options.json, results_of(summary))
    with failures.noted():
        if options.junit:
            write_junit(options.junit, summary)


def _report(
    options: argparse.Namespace,
    console: Console,
    summary: Summary,
    target: Target | None,
    failures: Failures,
) -> None:
    """Writes the report, and the results with the counts of the repeated differences."""
    written = Written(results_of(summary), interrupted=False)
    with failures.noted():
        written = write_report(
            written.results,
            options.report,
            console,
            target=target,
            repeat=options.repeat,
            force=options.force,
        )
    if target is not None and not written.interrupted:
        target.close()
    summary.interrupted |= written.interrupted
    with failures.noted():
        if options.json:
            write_results(options.json, written.results)


def _source(
    options: argparse.Namespace, console: Console, file: Path, issues: Sequence[Issue]
) -> AnyRun:
    """Returns the run of the target ``source``."""
    if options.kernel or options.release or options.image or options.host:
        raise SelectionError(
            "--kern-fork cannot be combined with --kernel, --release, --image or --host: "
            "expected one of them"
        )
    if options.scenarios or options.programs or options.resume or options.show:
        raise SelectionError(
            "--kern-fork has its own cases: expected no --scenarios, --programs, --resume or --show"
        )
    from conformance.source.run import SourceRun

    run = SourceRun(file, options.only, options.seed, issues=issues)
    console.print(
        f"target source: {file}, compiled and called "
        "(--target local for the kernel that we are on)",
        soft_wrap=True,
        highlight=False,
    )
    return run


def _kernel(options: argparse.Namespace, console: Console, issues: Sequence[Issue]) -> Run:
    """Returns the run of a target that is a kernel."""
    scenarios = _scenarios(options)
    budget = read_budget(options.programs) if options.programs is not None else None
    gc.freeze()  # they live as long as the run: the garbage collector can skip them
    choice = choose_target(Wanted.from_options(lambda name: getattr(options, name)))
    console.print(choice.line, soft_wrap=True, highlight=False)
    target = choice.start()
    if target.kernel.kern_fork or target.name == "ssh":
        console.print(f"kernel {target.kernel}", soft_wrap=True, highlight=False)
    known = holding(issues, target.kernel.kern_fork)
    try:
        if budget is None:
            journal = open_journal(options.resume, target)
            return Run(
                target,
                scenarios,
                journal,
                minimises=bool(options.report),
                issues=known,
                max_stuck=options.max_stuck,
                given=bool(options.scenarios),
            )
        if target.kernel.system != "NetBSD":
            raise SelectionError(
                "--programs: the known differences of other kernels than NetBSD cover the "
                f"families only, and this is {target.kernel.system}: expected --kernel or --host"
            )
        drawn = _programs(target, options.seed, budget)
        journal = open_journal(options.resume, target)
        return Run(target, (), journal, drawn, issues=known, max_stuck=options.max_stuck)
    except (JournalError, SelectionError):
        target.kill()
        raise


def _programs(
    target: Target, seed: int, budget: tuple[int | None, float | None]
) -> Iterator[Sequence[Scenario]]:
    from conformance.scenarios.programs.generate import limited

    return limited(target.options, seed, *budget, target.lacks)


def chosen_scenarios(options: argparse.Namespace) -> list[Scenario]:
    """Returns what ``--only``, ``--scenarios`` and ``--seed`` choose."""
    given = read_scenarios(options.scenarios) if options.scenarios else None
    return select(options.only, options.seed, given)


def _scenarios(options: argparse.Namespace) -> list[Scenario]:
    if options.programs is None:
        return chosen_scenarios(options)
    for name in ("only", "scenarios"):
        if getattr(options, name):
            raise SelectionError(
                f"--{name} and --programs cannot be combined: expected one of them"
            )
    return []


def _end(
    journal: Journal,
    summary: Summary,
    console: Console,
    options: argparse.Namespace,
    *,
    whole: bool,
) -> None:
    """Closes the journal, and prints the command that resumes from it.

    The journal is removed if the run is complete, unless the user named it.  *whole* says whether
    all outputs were written.
    """
    if journal.broken:
        print(f"forkoracle: {journal.broken}", file=sys.stderr)
    ended = whole and not (summary.interrupted or summary.gave_up or summary.stopped)
    journal.close(keep=is_named(journal.path, options.resume) or not ended)
    if not ended:
        console.print(
            f"Go on with: {resume_command(options.asked, journal.path)}",
            soft_wrap=True,
            highlight=False,
            markup=False,
        )


def last_results() -> Path:
    """Returns the file of the last run's results, for ``forkoracle clauses``."""
    return platformdirs.user_state_path("forkoracle") / "last.json"


def _keep(summary: Summary) -> None:
    """Keeps the results for ``forkoracle clauses``, if the user has a home."""
    path = last_results()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_results(path, results_of(summary))
    except (OSError, OutputError) as error:
        print(f"forkoracle: results not kept for 'forkoracle clauses': {error}", file=sys.stderr)
