"""Known differences: where a kernel is meant to differ, and exactly how.

A file of them is TOML, an array ``difference`` of tables::

    [[difference]]
    name = "linux-takes-any-exit-signal"
    clause = "CLONE-CSIGNAL"
    reason = "where it is written: a man page, a source file"
    scenarios = "validation/*"
    when = [{ clear = "CLONE_PTRACE", signal_from = 64 }]
    steps = [{ call = "P: __clone *", expected = "EINVAL", seen = "-" }]

``scenarios`` is a pattern for names.  ``when`` (any of its conditions, each in
all its parts) speaks of the flags of the first __clone and of the facts of the
host.  Each of ``steps`` puts ``seen`` in the place of what the model expects
for the calls that match.  The outcome is exact: what is neither the model's
nor the one written down is a difference.  Of the entries that match a
scenario, the first of each ``topic`` counts.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path
from typing import Any

from conformance.errors import UsageError
from reference_model import Log, Scenario
from reference_model.clauses import clauses
from reference_model.language.netbsd import CLONE_CSIGNAL, signal_name
from reference_model.language.scenario import flags_value

Facts = Mapping[str, bool]


class KnownError(UsageError):
    """A file of known differences that is wrong: one line says where and how."""


@dataclass(frozen=True, slots=True)
class Condition:
    """Holds if all its parts hold: bits set and clear, the exit signal, and facts of the host."""

    set: int = 0
    any: int = 0
    clear: int = 0
    signal_from: int = 0
    facts: tuple[tuple[str, bool], ...] = ()

    def holds(self, flags: int | None, facts: Facts) -> bool:
        if flags is None:
            return not (self.set or self.any or self.signal_from) and self._facts_hold(facts)
        return (
            flags & self.set == self.set
            and (not self.any or bool(flags & self.any))
            and not flags & self.clear
            and flags & CLONE_CSIGNAL >= self.signal_from
            and self._facts_hold(facts)
        )

    def _facts_hold(self, facts: Facts) -> bool:
        return all(facts.get(name) == value for name, value in self.facts)


@dataclass(frozen=True, slots=True)
class SeenInstead:
    """For the calls that match, *seen* is observed instead of *expected*, a pattern."""

    call: str
    seen: str
    expected: str = "*"


@dataclass(frozen=True, slots=True)
class KnownDifference:
    """One entry of the file."""

    name: str
    clause: str
    reason: str
    scenarios: str
    steps: tuple[SeenInstead, ...]
    when: tuple[Condition, ...] = (Condition(),)
    topic: str = ""

    def rewrite(self, scenario: Scenario, log: Log) -> Log:
        """Returns *log* as it is observed according to this entry."""
        return tuple(
            self._seen(step.call(), expected, scenario)
            for step, expected in zip(scenario.steps, log, strict=True)
        )

    def _seen(self, call: str, expected: str, scenario: Scenario) -> str:
        for step in self.steps:
            if fnmatchcase(call, step.call) and fnmatchcase(expected, step.expected):
                return step.seen.replace("{exit_signal}", exit_signal(scenario))
        return expected


def first_flags(scenario: Scenario) -> int | None:
    """Returns the flags of the scenario's first __clone, or None."""
    for step in scenario.steps:
        if step.verb == "__clone":
            return flags_value(step.args[0])
    return None


def exit_signal(scenario: Scenario) -> str:
    """Returns the name of the exit signal of the scenario's first __clone, or ``0``."""
    number = (first_flags(scenario) or 0) & CLONE_CSIGNAL
    return signal_name(number) if number else "0"


@dataclass(frozen=True)
class KnownDifferences:
    """All entries of a file, and the facts of the host."""

    entries: tuple[KnownDifference, ...] = ()
    facts: Facts = field(default_factory=dict)

    def of(self, scenario: Scenario) -> tuple[KnownDifference, ...]:
        """Returns the entries that apply to *scenario*, the first of each topic."""
        found: dict[str, KnownDifference] = {}
        flags = None
        for entry in self.entries:
            if entry.topic in found and entry.topic:
                continue
            if not _matches(scenario.name, entry.scenarios):
                continue
            flags = first_flags(scenario) if flags is None else flags
            if any(condition.holds(flags, self.facts) for condition in entry.when):
                found[entry.topic or entry.name] = entry
        return tuple(found.values())

    def outcomes(
        self, scenario: Scenario, allowed: tuple[Log, ...]
    ) -> Iterator[tuple[Log, tuple[KnownDifference, ...]]]:
        """Yields each known log of the scenario, and the entries that lead to it."""
        entries = self.of(scenario)
        for log in allowed:
            used = []
            for entry in entries:
                new = entry.rewrite(scenario, log)
                if new != log:
                    used.append(entry)
                    log = new
            if used:
                yield log, tuple(used)


@lru_cache(maxsize=65536)
def _matches(name: str, pattern: str) -> bool:
    return fnmatchcase(name, pattern)


def _condition(row: dict[str, Any]) -> Condition:
    bits = {key: flags_value(row.pop(key)) for key in ("set", "any", "clear") if key in row}
    start = row.pop("signal_from", 0)
    if not all(isinstance(value, bool) for value in row.values()):
        raise ValueError(f"when: {row}: expected set, any, clear, signal_from, or a fact")
    return Condition(signal_from=start, facts=tuple(row.items()), **bits)


def load_known(path: Path, facts: Facts) -> KnownDifferences:
    """Returns the known differences of a file.  Raises :class:`KnownError`."""
    entries: list[KnownDifference] = []
    try:
        rows = tomllib.loads(path.read_text(encoding="utf-8")).get("difference", [])
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise KnownError(f"{path}: {error}") from None
    for row in rows:
        name = row.get("name", f"entry {len(entries) + 1}")
        try:
            steps = tuple(SeenInstead(**step) for step in row.pop("steps"))
            when = tuple(_condition(dict(one)) for one in row.pop("when", [{}]))
            entry = KnownDifference(steps=steps, when=when, **row)
        except (KeyError, TypeError, ValueError) as error:
            raise KnownError(f"{path}: {name}: {error}") from None
        if entry.clause not in clauses():
            raise KnownError(f"{path}: {name}: unknown clause {entry.clause!r}")
        if entry.name in {other.name for other in entries}:
            raise KnownError(f"{path}: {name}: stands there twice")
        entries.append(entry)
    return KnownDifferences(tuple(entries), facts)
