"""The statements of the model's kern_fork.py, each with its lines in kern_fork.c.

``statements.txt`` lists the statements in order.  A test compares it with the module, so that a
statement that is added there gets its line here.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from reference_model.clauses import clauses, numbers

_LINES = re.compile(r"(\d+)(?:-(\d+))?(?:\.\.(\d+))?\Z")


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines of kern_fork.c 1.232: of a statement; of an ``if``, its condition and its end."""

    first: int
    last: int
    end: int

    @classmethod
    def read(cls, text: str) -> Lines:
        """Returns the lines of ``5``, ``5-6``, ``5..9`` or ``5-6..9``."""
        match = _LINES.match(text)
        if match is None:
            raise ValueError(f"{text!r}: expected lines such as 5-6..9")
        first = int(match[1])
        last = int(match[2] or first)
        return cls(first, last, int(match[3] or last))


@dataclass(frozen=True)
class Statement:
    """A statement of kern_fork.py; ``lines`` is None if 1.232 has no line for it alone."""

    number: int
    function: str
    node: ast.stmt
    lines: Lines | None

    @property
    def clause(self) -> str:
        """Returns the clause with the first line of the statement, or an empty text."""
        return "" if self.lines is None else clause_at(self.lines.first)


@cache
def _clause_of_line() -> dict[int, str]:
    """Returns for each line its clause: of several the one with the fewest lines."""
    found: dict[int, tuple[int, str]] = {}
    for name, clause in clauses().items():
        lines = numbers(clause.lines)
        for line in lines:
            found[line] = min(found.get(line, (len(lines), name)), (len(lines), name))
    return {line: name for line, (_, name) in found.items()}


def clause_at(line: int) -> str:
    """Returns the clause of a line of kern_fork.c 1.232, or an empty text."""
    return _clause_of_line().get(line, "")


def bodies(node: ast.AST) -> Iterator[list[ast.stmt]]:
    """Yields the lists of statements inside a statement."""
    for field in ("body", "orelse"):
        yield getattr(node, field, [])


def _inside(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    for node in body:
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue  # a docstring
        yield node
        for inner in bodies(node):
            yield from _inside(inner)


def source() -> str:
    """Returns the text of kern_fork.py."""
    return files("reference_model").joinpath("kern_fork.py").read_text(encoding="utf-8")


def functions(tree: ast.Module) -> list[ast.FunctionDef]:
    """Returns the functions of a module."""
    return [node for node in tree.body if isinstance(node, ast.FunctionDef)]


def table() -> list[tuple[str, str, str]]:
    """Returns the rows of statements.txt: function, lines, and the statement's first line."""
    text = files(__package__).joinpath("statements.txt").read_text(encoding="ascii")
    rows, function = [], ""
    for line in text.splitlines():
        if line.startswith("def "):
            function = line.removeprefix("def ")
        elif not line.startswith("#"):
            lines, _, statement = line.partition("\t")
            rows.append((function, lines, statement))
    return rows


def statements(tree: ast.Module) -> list[Statement]:
    """Returns the statements of kern_fork.py, whose tree is *tree*, in the order of the file."""
    places = iter(table())
    found: list[Statement] = []
    for function in functions(tree):
        for node in _inside(function.body):
            _, lines, _ = next(places)
            where = None if lines == "-" else Lines.read(lines)
            found.append(Statement(len(found), function.name, node, where))
    return found
