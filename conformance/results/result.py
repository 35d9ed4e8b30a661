"""A verdict on a scenario, with what was expected and what was observed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from reference_model.language.observation import Log
from reference_model.sources import CFunction

#: The end of the name of a minimised scenario: it is not the scenario that it was made from.
MINIMISED = "/minimised"


def original_name(name: str) -> str:
    """Returns the name of the scenario that the one called *name* was made from."""
    return name.removesuffix(MINIMISED)


class Verdict(StrEnum):
    """The four possible verdicts on a scenario."""

    AGREES = "agrees"
    KNOWN = "known difference"
    DIFFERENCE = "difference"
    NOT_DECIDED = "not decided"


class Subject(Protocol):
    """The subject of a verdict: a scenario, or cases of a compiled kern_fork.c.

    ``calls()`` has one line for each observation; ``text()`` can be parsed again.
    """

    @property
    def name(self) -> str: ...
    @property
    def family(self) -> str: ...
    @property
    def about(self) -> tuple[str, ...]: ...
    @property
    def traced(self) -> bool: ...
    def clauses(self) -> frozenset[str]: ...
    def calls(self) -> Sequence[str]: ...
    def text(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Cases:
    """Cases of a compiled kern_fork.c: one that differs, or all that agree and reach the same.

    ``rows`` are the lines that differ, ``case`` is the text of the one case.
    """

    family: str
    about: tuple[str, ...]
    case: str = ""
    rows: tuple[str, ...] = ()
    traced: bool = False

    @property
    def name(self) -> str:
        return f"{self.family}: {self.case}" if self.case else self.family

    def clauses(self) -> frozenset[str]:
        return frozenset(self.about)

    def text(self) -> str:
        return self.case

    def calls(self) -> tuple[str, ...]:
        return self.rows


@dataclass(frozen=True, slots=True)
class Row:
    """One step: its call, the expected and the observed text (None: nothing was observed)."""

    call: str
    expected: str
    observed: str | None
    wrong: bool


@dataclass(frozen=True, slots=True)
class Result:
    """A subject, mostly a scenario, and its verdict.

    ``step`` is the index of the first wrong observation and ``clause`` what
    that observation speaks for; for the other verdicts, the scenario's first
    clause.  ``expected`` holds every log that the model allows, ``known`` the names of the
    entries that explain a known difference, ``reason`` why it was not decided
    or how the kernel panicked, with its ``console`` text; ``times`` how often a difference
    was observed in how many runs; ``gave_up`` whether the target was lost.  ``number`` subjects
    like this one have the same verdict.  ``pr`` is the problem report of a known issue.
    ``lines`` is where the clause stands in the file that was asked, if it was one.
    ``origin`` is the function of another file to which a difference belongs; None if it
    belongs to the clause.  ``after`` are the scenarios after which it differs, in the same
    guest, if it agrees in a guest of its own; ``followers`` is the number of scenarios that
    differ only after this one.
    """

    scenario: Subject
    verdict: Verdict
    clause: str
    expected: tuple[Log, ...] = ()
    observed: Log | None = None
    reason: str = ""
    console: str = ""
    step: int | None = None
    known: tuple[str, ...] = ()
    times: tuple[int, int] = (1, 1)
    gave_up: bool = False
    number: int = 1
    pr: str = ""
    lines: str | None = None
    origin: CFunction | None = None
    after: tuple[Subject, ...] = ()
    followers: int = 0

    @property
    def how_often(self) -> str:
        """Returns in how many runs, and after which scenarios, the difference was observed."""
        seen, of = self.times
        if not self.after:
            return f"reproduced {seen}/{of}"
        first, last = self.after[0].name, self.after[-1].name
        some = f"{len(self.after)} scenarios, from {first} to {last}"
        return f"only after {first if first == last else some}: reproduced {seen}/{of}"

    def expected_at(self, index: int) -> str:
        """Returns the expected observations of step *index*."""
        return " or ".join(dict.fromkeys(log[index] for log in self.expected)) or "-"

    def rows(self) -> list[Row]:
        """Returns the steps as a table."""
        return [
            Row(
                call,
                self.expected_at(index),
                self.observed[index] if self.observed else None,
                index == self.step,
            )
            for index, call in enumerate(self.scenario.calls())
        ]


@dataclass(frozen=True, slots=True)
class Gone:
    """A known issue that was not observed: its problem report and its clause.

    ``own`` is whether forkoracle itself has the issue in its list, and not the user.
    """

    pr: str
    clause: str
    own: bool = False

    def __str__(self) -> str:
        """Returns the sentence that says so."""
        return f"{self.pr} no longer occurs{'' if self.own else ': remove it from --known'}"
