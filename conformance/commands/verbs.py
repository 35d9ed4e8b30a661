"""The command ``forkoracle verbs``: lists the verbs of the language, or explains one."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from conformance.errors import UsageError
from conformance.scenarios.needs import NEEDS, reason
from conformance.verbs import ENTRIES, WITHOUT_C
from conformance.verbs.entry import NotDrawn
from reference_model.language.spelling import did_you_mean
from reference_model.language.verbs import GROUPS, VERBS, Verb

_EXAMPLES = """\
examples:
  forkoracle verbs             all of them, with what is observed
  forkoracle verbs __clone     explain this one"""


def add_verbs(commands: argparse._SubParsersAction[Any]) -> None:
    """Adds ``verbs`` to the commands."""
    listing = commands.add_parser(
        "verbs",
        help="say what a step can do, or list all verbs",
        description="Lists the verbs of the language of scenarios.  With VERB, explains one.",
        epilog=_EXAMPLES,
    )
    listing.add_argument("names", nargs="*", metavar="VERB", help="__clone, say")


def run_verbs(options: argparse.Namespace, console: Console) -> int:
    """Shows the verbs; returns the exit status."""
    for name in options.names:
        if name not in VERBS:
            near = did_you_mean(name, VERBS)
            raise UsageError(f"unknown verb {name!r}{near}: 'forkoracle verbs' lists them")
    if options.names:
        for number, name in enumerate(options.names):
            if number:
                console.print()
            _show_one(console, VERBS[name])
    else:
        _show_all(console)
    return 0


def _call(verb: Verb) -> str:
    return f"{verb.name} {verb.arguments}".rstrip()


def _plain(text: str) -> str:
    return text.replace("`", "")


def _show_all(console: Console) -> None:
    """Prints a table, with the groups in the order of the language."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("verb", max_width=34, overflow="fold")
    table.add_column("needs", no_wrap=True)
    table.add_column("does", overflow="fold", ratio=3)
    table.add_column("observed", overflow="fold", ratio=2)
    for group in GROUPS:
        table.add_row(Text(group.name, "bold"), "", Text(group.text, "bold"), "")
        for verb in group.verbs:
            cells = (_call(verb), NEEDS.get(verb.name, ""), verb.text, verb.observation)
            table.add_row(*(Text(_plain(cell)) for cell in cells))
    console.print(table)


def _show_one(console: Console, verb: Verb) -> None:
    """Prints the facts about a verb."""
    console.print(Text(_call(verb), "bold"))
    table = Table.grid(padding=(0, 2))
    table.add_column()
    table.add_column(overflow="fold")
    for head, text in _facts(verb):
        table.add_row(f"  {head}", Text(text))
    console.print(table)


def _facts(verb: Verb) -> Iterator[tuple[str, str]]:
    yield "does", _plain(verb.text)
    yield "observed", _plain(verb.observation)
    yield "group", verb.group
    yield "needs", reason(NEEDS[verb.name]) if verb.name in NEEDS else "nothing"
    drawn = ENTRIES[verb.name].programs
    assert drawn is not None
    if isinstance(drawn, NotDrawn):
        yield "programs", f"no generated program has it: {drawn.reason}"
    else:
        yield "programs", f"generated programs have it: {drawn.topic.value}"
        for hazard in drawn.hazards:
            yield "", f"not where {_plain(hazard.where)}: {hazard.why}"
    if verb.name in WITHOUT_C:
        yield "reproducer", f"no reproducer can show it: {WITHOUT_C[verb.name]}"
    else:
        yield "reproducer", "reproducers show it"
