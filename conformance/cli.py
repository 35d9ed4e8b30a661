"""The command ``forkoracle``.

Exit status: 0 everything agrees or is known, 1 differences, 2 usage, 3 the
target could not run, 130 interrupted.
"""

from __future__ import annotations

import errno
import signal
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from types import FrameType
from typing import Any, NoReturn

from rich.console import Console

from conformance.commands.parser import Parser, PrintCompletion, PrintVersion
from conformance.errors import CANNOT_RUN, INTERRUPTED, USAGE, OutputError, TargetError, UsageError
from conformance.output import leave, takes_standard_output

#: Modules of conformance.commands; each has the functions add_NAME and run_NAME.
_COMMANDS = ("run", "scenarios", "clauses", "verbs", "report", "mutate", "vm", "bench")
_EXAMPLES = """\
examples:
  forkoracle run                                    on this machine's kernel
  forkoracle run --kernel netbsd                    on a NetBSD kernel, in QEMU
  forkoracle run --kern-fork sys/kern/kern_fork.c   on an edited file, before it is a kernel
  forkoracle clauses VFORK-WAIT                     what a clause says, and what tests it
  eval "$(forkoracle --print-completion bash)"      completion of options, for this shell

'forkoracle COMMAND --help' has a command's options and examples."""


class _Console(Console):
    """If the reader closes its pipe, the command continues: there may be files to write."""

    def on_broken_pipe(self) -> None:
        self.quiet = True
        leave(sys.stderr if self.stderr else sys.stdout)


def _function(verb: str, name: str) -> Callable[..., Any]:
    function: Callable[..., Any] = getattr(
        import_module(f"conformance.commands.{name}"), f"{verb}_{name}"
    )
    return function


def _arguments(asked: Sequence[str]) -> Parser:
    parser = Parser(
        prog="forkoracle",
        description="Checks a kernel against a reference model of NetBSD's kern_fork.c.",
        epilog=_EXAMPLES,
    )
    parser.add_argument("--version", action=PrintVersion, nargs=0, help="print the version")
    parser.add_argument(
        "--print-completion",
        action=PrintCompletion,
        metavar="SHELL",
        help="print completion code for bash, zsh or tcsh",
    )
    commands = parser.add_subparsers(
        dest="command", required=True, metavar="COMMAND", title="commands", prog="forkoracle"
    )
    # Only the named command is loaded, to start quickly.
    for name in [name for name in _COMMANDS if name in asked[:1]] or _COMMANDS:
        _function("add", name)(commands)
    return parser


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; returns the exit status."""
    asked = sys.argv[1:] if arguments is None else arguments
    options = _arguments(asked).parse_args(asked)
    options.asked = list(asked)
    signal.signal(signal.SIGTERM, _interrupt)
    outputs = [getattr(options, name, None) for name in ("json", "junit")]
    console = _Console(stderr=takes_standard_output(outputs))
    try:
        status: int = _function("run", options.command)(options, console)
        return status
    except UsageError as error:
        print(f"forkoracle: {error}", file=sys.stderr)
        return USAGE
    except (TargetError, OutputError) as error:
        print(f"forkoracle: {error}", file=sys.stderr)
        return CANNOT_RUN
    except KeyboardInterrupt:
        print("forkoracle: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        leave(sys.stdout)
        return 0
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        leave(sys.stdout)
        print(f"forkoracle: standard output: not written: {error.strerror}", file=sys.stderr)
        return CANNOT_RUN


if __name__ == "__main__":
    sys.exit(main())
