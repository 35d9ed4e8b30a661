"""The command ``forkoracle scenarios``: lists scenarios, and shows them."""

from __future__ import annotations

import argparse
from typing import Any

from rich.console import Console

from conformance.commands.options import SCENARIOS, add_only, add_scenario_files
from conformance.commands.run import chosen_scenarios
from conformance.report.explain import steps_table
from reference_model import Options, Scenario, allowed_logs

_EXAMPLES = """\
examples:
  forkoracle scenarios                               the names of all, one on each line
  forkoracle scenarios --only VFORK-WAIT             of those that are about a clause
  forkoracle scenarios vfork/__vfork14/memory        one of them, and what is expected
  forkoracle scenarios 'vfork/*' > mine.txt          a file to edit, for run --scenarios mine.txt
  forkoracle run --only vfork/__vfork14/memory --show"""


def add_scenarios(commands: argparse._SubParsersAction[Any]) -> None:
    """Adds ``scenarios`` to the commands."""
    listing = commands.add_parser(
        "scenarios",
        help="list scenarios, or show them with what the model expects",
        description="Lists the names of scenarios.  With NAME, shows the text of scenarios, and\n"
        "what the model of kern_fork.c 1.232 expects of each step.",
        epilog=_EXAMPLES,
    )
    listing.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help="a scenario, a family or a clause; '*' in a scenario's name stands for anything",
    )
    group = listing.add_argument_group(SCENARIOS).add_argument
    add_only(group)
    add_scenario_files(group)


def run_scenarios(options: argparse.Namespace, console: Console) -> int:
    """Lists or shows the scenarios; returns the exit status."""
    options.only = [*options.only, *options.names]
    chosen = chosen_scenarios(options)
    texts = map(_text, chosen) if options.names else (scenario.name for scenario in chosen)
    for text in texts:
        print(text)
    return 0


def _text(scenario: Scenario) -> str:
    """Returns the text of a scenario, with what is expected of it as comments."""
    table = steps_table(scenario.calls(), allowed_logs(scenario, Options()))
    return "".join((scenario.text(), *(f"# {line[2:]}\n" for line in table)))
