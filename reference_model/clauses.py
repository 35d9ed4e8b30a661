"""The 77 clauses of kern_fork.c 1.232: the one handle for every promise it makes.

The table itself is ``clauses.toml`` beside this file.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class Clause:
    """One promise: its name, where it stands, what it says, and how it can be seen.

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
    """All clauses by name, in the order of the C file."""
    text = files(__package__).joinpath("clauses.toml").read_text(encoding="utf-8")
    return {name: Clause(name, **row) for name, row in tomllib.loads(text).items()}
