"""The 77 clauses of kern_fork.c 1.232: a name for each promise of the file.

The table itself is ``clauses.toml`` beside this file.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class Clause:
    """One promise: its name, its lines, what it says, and how it can be observed.

    ``lines`` are those of kern_fork.c 1.232; ``observe`` is ``live`` (from user
    space on a running kernel) or ``source`` (only by running the C function).
    """

    name: str
    lines: str
    says: str
    observe: str
    how: str = ""


@cache
def clauses() -> dict[str, Clause]:
    """Returns all clauses by name, in the order of the C file."""
    text = files(__package__).joinpath("clauses.toml").read_text(encoding="utf-8")
    return {name: Clause(name, **row) for name, row in tomllib.loads(text).items()}


def numbers(lines: str) -> list[int]:
    """Returns ``269, 292-294`` as line numbers."""
    found: list[int] = []
    for first, last in re.findall(r"(\d+)(?:-(\d+))?", lines):
        found += range(int(first), int(last or first) + 1)
    return found
