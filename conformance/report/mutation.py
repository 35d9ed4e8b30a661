"""Prints which mutants of a file were noticed, on the terminal."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape

from conformance.source.mutants import Fate, Mutation


def show_mutation(console: Console, mutation: Mutation, *, interrupted: bool) -> None:
    """Prints the diff of each mutant that survived, then the counts."""
    for mutant in mutation.survivors():
        console.print(f"[yellow]survived[/yellow] line {mutant.line}", highlight=False)
        console.print(escape(mutant.diff(mutation.lines)), highlight=False, soft_wrap=True)
    counts = {fate: mutation.count(fate) for fate in Fate}
    changed = counts[Fate.NOTICED] + counts[Fate.SURVIVED]
    early = "interrupted: " if interrupted else ""
    console.print(
        f"{early}{len(mutation.fates)} mutants: {counts[Fate.BROKEN]} do not compile, "
        f"{counts[Fate.SAME]} are the same object code, {changed} change it",
        highlight=False,
    )
    if changed:
        share = 100 * counts[Fate.NOTICED] / changed
        console.print(
            f"of these {counts[Fate.NOTICED]} noticed ({share:.1f} in 100), "
            f"{counts[Fate.SURVIVED]} survived",
            highlight=False,
        )
