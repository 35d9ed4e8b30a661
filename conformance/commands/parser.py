"""The parser of the command line: one-line errors with suggestions, and help in groups."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any, NoReturn

from conformance.errors import USAGE
from reference_model.language.spelling import did_you_mean


class Parser(argparse.ArgumentParser):
    """Reports an error in the command line in one line, with what is allowed.

    Without any argument, a parser that expects a command prints a short usage.
    """

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self._commands: argparse._SubParsersAction[Any] | None = None

    def add_subparsers(self, **more: Any) -> argparse._SubParsersAction[Any]:
        self._commands = super().add_subparsers(**more)
        return self._commands

    def error(self, message: str) -> NoReturn:
        self.exit(USAGE, f"{self.prog}: {message}\n")

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parses *args*; rejects unknown options here, with a suggestion."""
        if self._commands is not None and not args:
            self.exit(USAGE, self._short_usage(self._commands))
        found, rest = super().parse_known_args(args, namespace)
        for word in rest:
            name = word.partition("=")[0]
            if name.startswith("-"):
                near = did_you_mean(name, self._option_string_actions)
                self.error(f"unknown option {name}{near}: '{self.prog} --help' lists them")
            self.error(f"unexpected argument {word!r}: '{self.prog} --help' says what is expected")
        return found, rest

    def _short_usage(self, commands: argparse._SubParsersAction[Any]) -> str:
        actions = commands._get_subactions()
        width = max(len(action.dest) for action in actions)
        lines = [f"  {action.dest:<{width}}  {action.help}" for action in actions]
        return "\n".join(
            [
                f"usage: {self.prog} {commands.metavar} ...",
                *lines,
                f"'{self.prog} {commands.metavar} --help' has the options of each.\n",
            ]
        )

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """Rejects a value that is not a choice, and suggests the nearest one."""
        if action.choices is None or value in action.choices:
            return
        choices = [str(choice) for choice in action.choices]
        expected = f"{did_you_mean(str(value), choices)}: expected {', '.join(choices)}"
        if isinstance(action, argparse._SubParsersAction):
            self.error(f"unknown {str(action.metavar).lower()} {value!r}{expected}")
        raise argparse.ArgumentError(action, f"unknown value {value!r}{expected}")

    def format_help(self) -> str:
        # Imported for help only, to start quickly.
        from rich_argparse import RawDescriptionRichHelpFormatter

        class Formatter(RawDescriptionRichHelpFormatter):
            group_name_formatter = str
            help_markup = False
            text_markup = False

        self.formatter_class = Formatter
        return super().format_help()


class PrintVersion(argparse.Action):
    """``--version``."""

    def __call__(self, parser: argparse.ArgumentParser, *_more: Any) -> NoReturn:
        from importlib.metadata import version

        print(f"forkoracle {version('forkoracle')}, model of kern_fork.c 1.232")
        parser.exit()


class PrintCompletion(argparse.Action):
    """``--print-completion SHELL``."""

    def __call__(
        self, parser: argparse.ArgumentParser, _namespace: Any, shell: Any, *_more: Any
    ) -> NoReturn:
        import shtab

        if shell not in shtab.SUPPORTED_SHELLS:
            near = did_you_mean(shell, shtab.SUPPORTED_SHELLS)
            parser.error(
                f"--print-completion: unknown shell {shell!r}{near}: "
                f"expected {', '.join(shtab.SUPPORTED_SHELLS)}"
            )
        _add_values(parser)
        print(shtab.complete(parser, shell))
        parser.exit()


def _add_values(parser: argparse.ArgumentParser) -> None:
    """Sets the completion of each argument: files, folders, families or clauses."""
    import shtab

    from conformance.scenarios.families import FAMILIES
    from reference_model.clauses import clauses

    by_metavar: dict[str, Sequence[str]] = {
        "NAME,...": (*FAMILIES, *clauses()),
        "CLAUSE": tuple(clauses()),
    }
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                _add_values(command)
        elif action.metavar in by_metavar:
            action.choices = by_metavar[str(action.metavar)]
        elif str(action.metavar).partition(".")[0] in ("FILE", "RESULTS", "OTHER"):
            action.complete = shtab.FILE  # type: ignore[attr-defined]
        elif action.metavar == "DIR":
            action.complete = shtab.DIRECTORY  # type: ignore[attr-defined]
