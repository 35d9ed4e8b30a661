"""The command ``forkoracle``.

Exit status: 0 everything agrees or is known, 1 differences, 2 usage, 3 the
target could not run, 130 interrupted.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from types import FrameType
from typing import NoReturn

from rich.console import Console

from conformance.commands.bench import add_bench, run_bench
from conformance.commands.clauses import add_clauses, run_clauses
from conformance.commands.mutate import add_mutate, run_mutate
from conformance.commands.report import add_report, run_report
from conformance.commands.run import add_run, run_run
from conformance.commands.status import CANNOT_RUN, INTERRUPTED, USAGE
from conformance.commands.vm import add_vm, run_vm
from conformance.journal import JournalError
from conformance.known import KnownError
from conformance.report.results import ReportError, ResultsError
from conformance.selection import SelectionError
from conformance.targets.base import TargetError

_COMMANDS = {
    "run": (add_run, run_run),
    "report": (add_report, run_report),
    "clauses": (add_clauses, run_clauses),
    "mutate": (add_mutate, run_mutate),
    "vm": (add_vm, run_vm),
    "bench": (add_bench, run_bench),
}


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
    for add, _ in _COMMANDS.values():
        add(commands)
    return parser


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status."""
    options = _arguments().parse_args(arguments)
    signal.signal(signal.SIGTERM, _interrupt)
    console = Console()
    _, command = _COMMANDS[options.command]
    try:
        return command(options, console)
    except (SelectionError, ResultsError, KnownError, JournalError, ReportError) as error:
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
