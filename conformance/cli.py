"""The command ``forkoracle``.

Exit status: 0 everything agrees or is known, 1 differences, 2 usage, 3 the
target could not run, 130 interrupted.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from types import FrameType
from typing import Any, NoReturn

from rich.console import Console

from conformance.errors import CANNOT_RUN, INTERRUPTED, USAGE, TargetError, UsageError

#: Each is a module of conformance.commands, with the functions add_NAME and run_NAME.
_COMMANDS = ("run", "report", "clauses", "verbs", "mutate", "vm", "bench")


class _Parser(argparse.ArgumentParser):
    """Errors are one line that says what was wrong and what is allowed."""

    def error(self, message: str) -> NoReturn:
        self.exit(USAGE, f"{self.prog}: {message}\n")


def _function(verb: str, name: str) -> Callable[..., Any]:
    function: Callable[..., Any] = getattr(
        import_module(f"conformance.commands.{name}"), f"{verb}_{name}"
    )
    return function


def _arguments(asked: Sequence[str]) -> argparse.ArgumentParser:
    parser = _Parser(
        prog="forkoracle",
        description="Checks a kernel against a reference model of NetBSD's kern_fork.c.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    # Whoever names a command waits for that one to be loaded, and for no other.
    for name in [name for name in _COMMANDS if name in asked[:1]] or _COMMANDS:
        _function("add", name)(commands)
    return parser


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status."""
    asked = sys.argv[1:] if arguments is None else arguments
    options = _arguments(asked).parse_args(asked)
    signal.signal(signal.SIGTERM, _interrupt)
    console = Console()
    try:
        status: int = _function("run", options.command)(options, console)
        return status
    except UsageError as error:
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
