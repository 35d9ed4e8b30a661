"""The state of the 77 clauses: modelled or not, and which families are about them."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from conformance.scenarios.families import FAMILIES
from reference_model.clauses import Clause, clauses

_TAG = re.compile(r"#.*?\b([A-Z0-9]+(?:-[A-Z0-9]+)+|[A-Z]{3,})(?=[:\s]|$)")


@dataclass(frozen=True, slots=True)
class Entry:
    """One clause: its lines in the model, and the families about it."""

    clause: Clause
    model_lines: tuple[int, ...]
    families: tuple[str, ...]


@cache
def tagged_lines() -> dict[str, tuple[int, ...]]:
    """Returns for each clause the lines of its statements in reference_model/kern_fork.py.

    A comment counts if it is at the end of a line of code, or alone directly above a statement:
    then the clause is that there is no code before it.
    """
    source = files("reference_model").joinpath("kern_fork.py").read_text(encoding="utf-8")
    statements = {node.lineno for node in ast.walk(ast.parse(source)) if isinstance(node, ast.stmt)}
    ends = {node.end_lineno for node in ast.walk(ast.parse(source)) if isinstance(node, ast.stmt)}
    found: dict[str, list[int]] = {}
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type != tokenize.COMMENT:
            continue
        line = token.start[0]
        code = bool(token.line[: token.start[1]].strip())
        if not (code or line + 1 in statements or line in ends):
            continue
        for name in _TAG.findall(token.string):
            if name in clauses():
                found.setdefault(name, []).append(line)
    return {name: tuple(lines) for name, lines in found.items()}


@cache
def catalogue() -> tuple[Entry, ...]:
    """Returns every clause, in the order of the C file."""
    about: dict[str, dict[str, None]] = {}
    for family in FAMILIES.values():
        for scenario in family.scenarios():
            for name in scenario.clauses():
                about.setdefault(name, {}).setdefault(family.name)
    lines = tagged_lines()
    return tuple(
        Entry(clause, lines.get(name, ()), tuple(sorted(about.get(name, {}))))
        for name, clause in clauses().items()
    )
