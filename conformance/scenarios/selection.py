"""Which scenarios to run: by family, by clause, by name, or from files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from conformance.errors import UsageError
from conformance.input import read_text_bounded
from conformance.scenarios.families import DEFAULT_SEED, FAMILIES
from reference_model import Scenario, ScenarioError, parse
from reference_model.clauses import clauses
from reference_model.language.spelling import did_you_mean

#: Maximum length of a text of scenarios, in bytes: ten times that of all families together.
_LONGEST = 32 << 20
#: Maximum number of characters of what is wrong with it: a line of it may be of any length.
_LONGEST_REASON = 400


class SelectionError(UsageError):
    """A name or a text that cannot be used: one line says what is allowed (exit status 2)."""


def select(
    only: Sequence[str], seed: int = DEFAULT_SEED, given: Sequence[Scenario] | None = None
) -> list[Scenario]:
    """Returns the scenarios that *only* names; all of them if it is empty.

    A name is that of a family, of a clause or of a scenario, where ``*`` stands for anything.
    The scenarios are those of *given*, or else those of the families with *seed*.
    """
    for name in only:
        check_name(name, _families_of(given), names_scenario=_names_scenario(name, given))
    wanted = set(only)
    chosen: list[Scenario] = []
    for family, scenarios in _batches(only, seed, given):
        if wanted and family not in wanted:
            patterns = [name for name in only if _names_scenario(name, given)]
            scenarios = [s for s in scenarios if _is_wanted(s, wanted, patterns)]
        chosen += scenarios
    if only and not chosen:
        raise SelectionError(_nothing_chosen(only, given))
    return chosen


def check_name(name: str, families: Iterable[str], *, names_scenario: bool = False) -> None:
    """Raises :class:`SelectionError` unless *name* is that of a clause, a family or a scenario."""
    families = tuple(families)
    if not (names_scenario or name in families or name in clauses()):
        raise SelectionError(
            f"unknown clause or family {name!r}{did_you_mean(name, (*families, *clauses()))}: "
            f"families are {', '.join(families)}; 'forkoracle clauses' lists the clauses"
        )


def _families_of(given: Sequence[Scenario] | None) -> tuple[str, ...]:
    return tuple(FAMILIES if given is None else dict.fromkeys(s.family for s in given))


def _names_scenario(name: str, given: Sequence[Scenario] | None) -> bool:
    """Returns whether *name* can only be a scenario's, or a pattern of such names."""
    return "/" in name or (given is not None and any(s.name == name for s in given))


def _batches(
    only: Sequence[str], seed: int, given: Sequence[Scenario] | None
) -> Iterable[tuple[str, Sequence[Scenario]]]:
    """Returns families with their scenarios: every one that may have what *only* names."""
    if given is not None:
        return [(scenario.family, (scenario,)) for scenario in given]
    heads = {name.partition("/")[0] for name in only}
    every = not only or any(name in clauses() or "*" in name.partition("/")[0] for name in only)
    return (
        (family.name, family.scenarios(seed))
        for family in FAMILIES.values()
        if every or family.name in heads
    )


def _is_wanted(scenario: Scenario, wanted: set[str], patterns: Sequence[str]) -> bool:
    if scenario.name in wanted or scenario.clauses() & wanted:
        return True
    # '|', '[' and '?' are ordinary characters of a name.
    plain = (pattern.replace("[", "[[]").replace("?", "[?]") for pattern in patterns)
    return any(fnmatchcase(scenario.name, pattern) for pattern in plain)


def _nothing_chosen(only: Sequence[str], given: Sequence[Scenario] | None) -> str:
    named = [name for name in only if _names_scenario(name, given)]
    if not named:
        return (
            f"no scenario is about {', '.join(only)} yet: "
            "'forkoracle clauses' says which clauses have some"
        )
    among = (s.name for _, batch in _batches(named, DEFAULT_SEED, given) for s in batch)
    near = did_you_mean(named[0], among)
    return f"no scenario is called {', '.join(named)}{near}: 'forkoracle scenarios' lists them"


def read_budget(text: str) -> tuple[int | None, float | None]:
    """Returns the number of programs to run, or the seconds: ``1000`` or ``30s``."""
    number, seconds = (text[:-1], True) if text.endswith("s") else (text, False)
    if not number.isdecimal() or int(number) == 0:
        raise SelectionError(f"--programs {text}: expected a number of programs, or 30s")
    return (None, float(number)) if seconds else (int(number), None)


def read_scenarios(paths: Sequence[Path]) -> list[Scenario]:
    """Returns the scenarios of all files, in their order.

    Raises :class:`SelectionError` if two of them have the same name: a verdict could not say
    to which of them it belongs.
    """
    found: dict[str, Path] = {}
    scenarios = []
    for path in paths:
        for scenario in _read(path):
            if found.setdefault(scenario.name, path) != path:
                raise SelectionError(
                    f"{path}: scenario {scenario.name} is in {found[scenario.name]}, too: "
                    "expected another name"
                )
            scenarios.append(scenario)
    return scenarios


def _read(path: Path) -> list[Scenario]:
    text = read_text_bounded(path, _LONGEST, "a text of scenarios")
    try:
        scenarios = parse(text, clauses())
    except ScenarioError as error:
        raise SelectionError(f"{path}: {str(error)[:_LONGEST_REASON]}") from None
    if not scenarios:
        raise SelectionError(f"{path}: no scenario in it")
    return scenarios
