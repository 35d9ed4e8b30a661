"""The terminal: progress while it runs, then counts, then the first differences in full."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

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

from conformance.report.explain import explain
from conformance.results.result import Result, Verdict
from conformance.results.summary import Summary
from conformance.verdicts.ranking import ranked
from reference_model.clauses import clauses

#: So many differences are shown in full; ``--json`` has them all.
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
    """Pass the results on under a progress bar that names the family and counts differences."""
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
    """A bar for one file, told of its bytes so far and in all; a line where nobody watches."""
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
    """Counts by family and clause, what was not decided and why, then the differences."""
    console.print(_counts("family", summary.by_family))
    if every_clause or summary.differences:
        in_order = {
            name: summary.by_clause[name] for name in clauses() if name in summary.by_clause
        }
        console.print(_counts("clause", in_order))
    else:
        number = len(summary.by_clause)
        console.print(f"{number} clause{'s' * (number != 1)}: --clauses shows the counts.")
    for reason, number in summary.reasons.most_common():
        console.print(f"[yellow]not decided[/yellow] {number:>6}  {escape(reason)}", soft_wrap=True)
    if summary.known:
        console.print(
            f"[cyan]known differences[/cyan], each checked to its exact outcome: "
            f"{', '.join(f'{name} ({number})' for name, number in summary.known.most_common(3))}"
            + (f" and {len(summary.known) - 3} more" if len(summary.known) > 3 else "")
        )
    issues: Counter[str] = Counter()
    for result in summary.of_issues:
        issues[result.pr] += result.number
    for pr, number in issues.most_common():
        console.print(f"[cyan]known issue[/cyan] {number:>6}  {escape(pr)}", soft_wrap=True)
    for issue in summary.gone:
        console.print(f"[bold]gone[/bold] {escape(issue.pr)}: {issue.clause} is as it should be")
    for note in summary.notes:
        console.print(f"[yellow]note[/yellow] {escape(note)}", soft_wrap=True, highlight=False)
    if summary.coverage:
        console.print(escape(str(summary.coverage)), soft_wrap=True, highlight=False)
    for result in ranked(summary)[:SHOWN_IN_FULL]:
        console.print()
        for number, line in enumerate(explain(result, summary.clause_lines)):
            style = "bold red" if number == 0 else "red" if line.startswith("  >") else None
            console.print(escape(line), style=style, soft_wrap=True, highlight=False)
    if len(summary.differences) > SHOWN_IN_FULL:
        console.print(
            f"\n... and {len(summary.differences) - SHOWN_IN_FULL} more: --json has them all"
        )
    console.print()
    console.print(_last_line(summary), soft_wrap=True)


def _last_line(summary: Summary) -> str:
    count = summary.by_verdict
    words = ", ".join(
        f"[{_STYLE[verdict]}]{count[verdict]} {_plural(verdict, count[verdict])}[/]"
        for verdict in Verdict
        if count[verdict] or verdict in (Verdict.AGREES, Verdict.DIFFERENCE)
    )
    early = "interrupted: " if summary.interrupted else ""
    return f"{early}{summary.scenarios} scenarios in {summary.seconds:.1f} s: {words}"


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
