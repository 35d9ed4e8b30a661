"""Prints a run on the terminal: progress, then counts, then the first differences in full."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TransferSpeedColumn,
)
from rich.table import Table

from conformance.report.explain import explain, kinds, show_steps
from conformance.results.result import Result, Verdict
from conformance.results.summary import Summary
from conformance.verdicts.ranking import leading, ranked
from reference_model import Log
from reference_model.clauses import clauses

#: Number of kinds of differences that are shown in full; ``--json`` has them all.
SHOWN_IN_FULL = 5
_STYLE = {
    Verdict.AGREES: "green",
    Verdict.KNOWN: "cyan",
    Verdict.DIFFERENCE: "bold red",
    Verdict.NOT_DECIDED: "yellow",
}


def show_progress(
    console: Console, results: Iterator[Result], total: int | None
) -> Iterator[Result]:
    """Yields the results; a terminal shows a progress bar meanwhile."""
    if not console.is_interactive:
        yield from results
        return
    columns = (
        TextColumn("{task.description:<12}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[found]}"),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=total, found="")
        found = 0
        number, shown = 0, -64
        for result in results:
            found += result.number * (result.verdict is Verdict.DIFFERENCE)
            number += result.number
            if number - shown >= 64 or result.scenario.traced:
                shown = number
                progress.update(
                    task,
                    completed=number,
                    description=result.scenario.family,
                    found=f"[red]{found} differences[/red]" if found else "",
                )
            yield result


@contextmanager
def show_download(name: str) -> Iterator[Callable[[int, int | None], None]]:
    """Shows the progress of a download: a bar on a terminal, else one line.

    The function takes the number of bytes so far and in all.
    """
    console = Console(stderr=True)
    columns = (
        TextColumn("fetching {task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
    )
    watched = console.is_terminal
    if not watched:
        console.print(f"fetching {name}", highlight=False)
    with Progress(*columns, console=console, transient=True, disable=not watched) as progress:
        task = progress.add_task(name, total=None)
        yield lambda size, total: progress.update(task, completed=size, total=total)


def show_summary(console: Console, summary: Summary, *, every_clause: bool = False) -> None:
    """Prints counts by family and clause, the reasons for no verdict, then the differences."""
    console.print()
    console.print(_counts("family", summary.by_family))
    if every_clause:
        in_order = {
            name: summary.by_clause[name] for name in clauses() if name in summary.by_clause
        }
        console.print(_counts("clause", in_order))
    else:
        tested = sum(any(_decided(row)) for row in summary.by_clause.values())
        console.print(
            f"{tested} of {len(clauses())} clauses tested; --clauses lists them",
            highlight=False,
        )
    for reason, number in summary.reasons.most_common():
        console.print(f"[yellow]not decided[/yellow] {number:>6}  {escape(reason)}", soft_wrap=True)
    if summary.known:
        more = len(summary.known) - 3
        console.print(
            "[cyan]known differences[/cyan] (each matched the recorded result exactly): "
            f"{', '.join(f'{name} ({number})' for name, number in summary.known.most_common(3))}"
            + (f" and {more} other kind{'s' * (more > 1)}; see linux.toml" if more > 0 else ""),
            soft_wrap=True,
        )
    issues: Counter[str] = Counter()
    for result in summary.of_issues:
        issues[result.pr] += result.number
    for pr, number in issues.most_common():
        console.print(f"[cyan]known issue[/cyan] {number:>6}  {escape(pr)}", soft_wrap=True)
    for issue in summary.gone:
        console.print(
            f"[bold]gone[/bold] {escape(str(issue))}",
            soft_wrap=True,
            highlight=False,
        )
    for note in summary.notes:
        console.print(f"[yellow]note[/yellow] {escape(note)}", soft_wrap=True, highlight=False)
    if summary.coverage:
        console.print(escape(str(summary.coverage)), soft_wrap=True, highlight=False)
    for explanation in summary.explanations:
        console.print()
        for number, line in enumerate(explanation.sentences()):
            style = "bold" if number == 0 else None
            indent = "  " if number else ""
            console.print(escape(indent + line), style=style, soft_wrap=True, highlight=False)
    groups = kinds(leading(ranked(summary)))
    for group in groups[:SHOWN_IN_FULL]:
        console.print()
        number, followers = sum(r.number for r in group), sum(r.followers for r in group)
        result = replace(group[0], number=number, followers=followers)
        for number, line in enumerate(explain(result, summary.clause_lines)):
            style = "bold red" if number == 0 else "red" if line.startswith("  >") else None
            console.print(escape(line), style=style, soft_wrap=True, highlight=False)
    if (more := len(groups) - SHOWN_IN_FULL) > 0:
        console.print(f"\nand {more} other kind{'s' * (more > 1)}; --json FILE writes them all")
    console.print()
    console.print(_last_line(summary), soft_wrap=True)


def show_result(console: Console, result: Result, expected: Sequence[Log]) -> None:
    """Prints a scenario step by step: expected and observed."""
    console.print()
    for number, line in enumerate(show_steps(result, expected)):
        style = _STYLE[result.verdict] if number == 0 else "red" if line[2:3] == ">" else None
        console.print(escape(line), style=style, soft_wrap=True, highlight=False)


def _decided(row: Counter[Verdict]) -> Iterator[int]:
    return (number for verdict, number in row.items() if verdict is not Verdict.NOT_DECIDED)


def _last_line(summary: Summary) -> str:
    count = summary.by_verdict
    words = ", ".join(
        f"[{_STYLE[verdict]}]{count[verdict]} {_plural(verdict, count[verdict])}[/]"
        for verdict in Verdict
        if count[verdict] or verdict in (Verdict.AGREES, Verdict.DIFFERENCE)
    )
    early = "interrupted: " if summary.interrupted else ""
    scenarios = f"{summary.scenarios} scenario{'s' * (summary.scenarios != 1)}"
    return f"{early}{scenarios} in {summary.seconds:.1f} s: {words}"


def _plural(verdict: Verdict, number: int) -> str:
    if verdict is Verdict.AGREES:
        return "agree" if number != 1 else "agrees"
    if verdict is Verdict.NOT_DECIDED:
        return verdict.value
    return verdict.value + ("s" if number != 1 else "")


def _counts(head: str, counts: dict[str, Counter[Verdict]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(head)
    for verdict in Verdict:
        table.add_column(verdict.value, justify="right")
    for name, row in counts.items():
        cells = [
            f"[{_STYLE[verdict]}]{row[verdict]}[/]" if row[verdict] else "" for verdict in Verdict
        ]
        table.add_row(name, *cells)
    return table
