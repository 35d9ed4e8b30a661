"""Which scenarios to run: by family, by clause, or from a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from conformance.errors import UsageError
from conformance.input import read_text_bounded
from conformance.scenarios.families import DEFAULT_SEED, FAMILIES
from reference_model import Scenario, ScenarioError, parse
from reference_model.clauses import clauses

#: Maximum length of a text of scenarios, in bytes: ten times that of all families together.
_LONGEST = 32 << 20
#: Maximum number of characters of what is wrong with it: a line of it may be of any length.
_LONGEST_REASON = 400


class SelectionError(UsageError):
    """Asked for what there is not: one line that says what is allowed (exit status 2)."""


def select(only: Sequence[str], seed: int = DEFAULT_SEED) -> list[Scenario]:
    """The scenarios of the families, or about the clauses, in *only*; all if it is empty."""
    for name in only:
        if name not in FAMILIES and name not in clauses():
            raise SelectionError(
                f"unknown clause or family {name!r}: families are {', '.join(FAMILIES)}; "
                "'forkoracle clauses' lists the clauses"
            )
    chosen = []
    for family in FAMILIES.values():
        scenarios = family.scenarios(seed)
        if only and family.name not in only:
            wanted = set(only)
            scenarios = [s for s in scenarios if s.clauses() & wanted]
        chosen += scenarios
    if only and not chosen:
        raise SelectionError(
            f"no scenario is about {', '.join(only)} yet: "
            "'forkoracle clauses' says which clauses have some"
        )
    return chosen


def read_budget(text: str) -> tuple[int | None, float | None]:
    """How many programs, or for how many seconds: ``1000`` or ``30s``."""
    number, seconds = (text[:-1], True) if text.endswith("s") else (text, False)
    if not number.isdecimal() or int(number) == 0:
        raise SelectionError(f"--programs {text}: expected a number of programs, or 30s")
    return (None, float(number)) if seconds else (int(number), None)


def read_scenarios(path: Path) -> list[Scenario]:
    """The scenarios of a file."""
    text = read_text_bounded(path, _LONGEST, "a text of scenarios")
    try:
        scenarios = parse(text)
    except ScenarioError as error:
        raise SelectionError(f"{path}: {str(error)[:_LONGEST_REASON]}") from None
    unknown = sorted({c for s in scenarios for c in s.clauses()} - clauses().keys())
    if unknown:
        raise SelectionError(f"{path}: unknown clause {unknown[0]}: see 'forkoracle clauses'")
    if not scenarios:
        raise SelectionError(f"{path}: no scenario in it")
    return scenarios
