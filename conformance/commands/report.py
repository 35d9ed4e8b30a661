"""The command ``forkoracle report``: problem reports, C reproducers and an HTML page."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from conformance.commands.choice import choose_target
from conformance.commands.options import (
    OUTPUT,
    Wanted,
    add_force,
    add_known,
    add_repeat,
    add_target_options,
)
from conformance.errors import INTERRUPTED
from conformance.results.results import SOURCE, Results, read_results
from conformance.scenarios.selection import SelectionError
from conformance.targets.base import Target
from conformance.verdicts.issues import Issue, gone, holding, read_issues

if TYPE_CHECKING:
    from conformance.report.pr.compare import Comparison

_EXAMPLES = """\
examples:
  forkoracle run --kernel netbsd --json results.json
  forkoracle report results.json -o report --kernel netbsd
  forkoracle report before.json after.json -o report      compare two runs"""


@dataclass(frozen=True)
class Written:
    """A report that was written, with the results after each difference was repeated."""

    results: Results
    interrupted: bool


def add_report(commands: argparse._SubParsersAction[Any]) -> None:
    """Adds ``report`` to the commands."""
    report = commands.add_parser(
        "report",
        help="write problem reports, C reproducers and an HTML page",
        description="Writes problem reports, C reproducers and an HTML page about a run.",
        epilog=_EXAMPLES,
    )
    report.add_argument("results", type=Path, metavar="RESULTS.json", help="results of --json")
    report.add_argument(
        "other",
        type=Path,
        nargs="?",
        metavar="OTHER.json",
        help="results of a later run: the report is on them, and says which differences are new, "
        "changed or fixed",
    )
    output = report.add_argument_group(OUTPUT).add_argument
    output("-o", "--output", type=Path, metavar="DIR", required=True, help="a new folder")
    add_force(output)
    add_known(output)
    add_repeat(output)
    kernel = report.add_argument_group(
        "the kernel that the results are from",
        "If one is named, each difference is repeated on it, and the reproducers are run on it.",
    )
    add_target_options(kernel.add_argument)


def run_report(options: argparse.Namespace, console: Console) -> int:
    """Writes the report; returns the exit status."""
    check_report(options.output, force=options.force)
    from conformance.report.pr.compare import compare

    issues = read_issues(options.known) if options.known else ()
    wanted = Wanted.from_options(lambda name: getattr(options, name))
    check_repeat(options.repeat)
    results = read_results(options.results)
    comparison = None
    if options.other is not None:
        before, results = results, read_results(options.other)
        comparison = compare(before, results)
    target = _target(wanted, results, console) if wanted.named else None
    try:
        written = write_report(
            results,
            options.output,
            console,
            issues,
            comparison,
            target=target,
            repeat=options.repeat,
            minimises=True,
            force=options.force,
        )
    except BaseException:
        if target:
            target.kill()
        raise
    if target:
        target.close()
    return INTERRUPTED if written.interrupted else 0


def _target(wanted: Wanted, results: Results, console: Console) -> Target:
    """Starts the kernel that was named.  Raises :class:`SelectionError` if it is another one."""
    if results.target == SOURCE:
        raise SelectionError(
            "these results are from --kern-fork and cannot be repeated on a kernel: "
            "expected no option that names a kernel"
        )
    choice = choose_target(wanted)
    console.print(choice.line, soft_wrap=True, highlight=False)
    target = choice.start()
    theirs, ours = asdict(results.kernel), asdict(target.kernel)
    words = ["system", "release", "machine", "checksum"]
    if not (theirs["guessed"] or ours["guessed"]):
        words.append("kern_fork")
    for word in words:
        if theirs[word] and ours[word] and theirs[word] != ours[word]:
            target.kill()
            raise SelectionError(
                f"the results are from another kernel than this one, {target.kernel}: its {word} "
                f"is {ours[word]}, and theirs is {theirs[word]}: expected the kernel of the results"
            )
    return target


def check_repeat(times: int | None) -> None:
    """Raises :class:`SelectionError` if *times* is less than 1."""
    if times is not None and times < 1:
        raise SelectionError("--repeat: expected a number of 1 or more")


def check_report(folder: Path, *, force: bool = False) -> None:
    """Raises :class:`ReportError` if no report can be written to *folder*."""
    from conformance.report.pr.writing import check_folder

    check_folder(folder, force=force)


def write_report(
    results: Results,
    folder: Path,
    console: Console,
    issues: Sequence[Issue] = (),
    comparison: Comparison | None = None,
    *,
    target: Target | None = None,
    repeat: int | None = None,
    minimises: bool = False,
    force: bool = False,
) -> Written:
    """Writes the report and prints a line for each problem.

    *target* is the kernel of the results.  If it is given, each difference is first repeated on
    it *repeat* times, and the reproducers are run on it.  If that is interrupted, the report is
    written without them.
    """
    from conformance.report.pr.again import asked_again
    from conformance.report.pr.entry import entries
    from conformance.report.pr.writing import PAGE, write_folder

    def say(line: str) -> None:
        console.print(line, soft_wrap=True, highlight=False, markup=False)

    interrupted = False
    try:
        if target is not None:
            with console.status("repeating the differences, and running the reproducers"):
                results = asked_again(results, target, repeat, minimises=minimises)
                made = entries(results, issues, target)
        else:
            made = entries(results, issues)
    except KeyboardInterrupt:
        if target is None:
            raise
        target.kill()
        interrupted = True
        made = entries(results, issues)
    old = gone(
        holding(issues, results.kernel.kern_fork),
        results.clauses,
        (*results.differences, *results.issues),
    )
    news = old or results.gone
    write_folder(results, made, folder, gone=news, comparison=comparison, force=force)
    for entry in made:
        known = f" (known: {entry.pr})" if entry.pr else ""
        problem = entry.problem
        seen, of = problem.difference.times
        number = f"{problem.count} scenario{'s' * (problem.count != 1)} with this cause"
        say(f"{entry.name}: {problem.synopsis}, reproduced {seen}/{of}, {number}{known}")
    for issue in news:
        say(f"gone: {issue}")
    for word, problem in comparison.rows() if comparison else ():
        say(f"{word}: {problem.synopsis}")
    say(f"{len(made)} problem{'' if len(made) == 1 else 's'}: {folder / PAGE}")
    return Written(results, interrupted)
