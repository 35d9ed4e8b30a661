"""Explains the differences of a run, with a progress bar on a terminal."""

from __future__ import annotations

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from conformance.commands.options import Add
from conformance.runs.run import Run


def add_no_explain(add: Add) -> None:
    """Adds ``--no-explain``."""
    add(
        "--no-explain",
        action="store_true",
        help="do not look for the change of fork1 that explains the differences",
    )


def diagnose(run: Run, console: Console) -> None:
    """Adds the explanations of its differences to the summary of *run*.

    The model speaks for NetBSD: the differences of another kernel have other causes.
    """
    summary = run.summary
    if not summary.differences or summary.kernel.system != "NetBSD":
        return
    from conformance.diagnosis.explain import explain

    columns = (TextColumn("explaining"), BarColumn(), TimeElapsedColumn())
    shown = console.is_interactive
    with Progress(*columns, console=console, transient=True, disable=not shown) as progress:
        task = progress.add_task("", total=1.0)
        summary.explanations = explain(
            # A scenario that differs only after others has a log that no change alone explains.
            [result for result in summary.differences if not result.after],
            run.agreed,
            run.target.options,
            lambda part: progress.update(task, completed=part),
        )
