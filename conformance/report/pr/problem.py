"""What a report says, as a value: the differences of a run, those of one cause together."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

from conformance.source.target import SourceRun
from conformance.source.target import Subject as CaseSubject
from conformance.verdicts.judge import Result, Subject, Verdict
from reference_model import Log, Scenario, parse
from reference_model.clauses import Clause, clauses
from reference_model.language.observation import without_duration

_SIGNAL = re.compile(r"\bSIG[A-Z0-9]+\b")
_NUMBER = re.compile(r"\b(0x[0-9a-f]+|\d+)\b")
_NAMED = re.compile(r"\b[A-Z][a-z0-9]{0,6}\b|(?<![\w|])-(?!\w)")


@dataclass(frozen=True, slots=True)
class Row:
    """One step: what was done, what may be seen, what was seen (None: nothing was)."""

    call: str
    expected: str
    seen: str | None
    wrong: bool


@dataclass(frozen=True)
class Difference:
    """One entry of ``differences`` of a results file, read.

    ``step`` is the index of the first wrong observation, ``reason`` how the
    kernel panicked; ``times`` of ``of`` runs differed.  ``pr`` is the problem report
    that the run knew it by.
    """

    subject: Subject
    clause: Clause
    expected: tuple[Log, ...]
    observed: Log
    step: int | None
    reason: str
    console: str
    times: int
    of: int
    number: int
    lines: str | None
    pr: str = ""

    @property
    def scenario(self) -> Scenario | None:
        """The scenario; None where the subject is another target's."""
        return self.subject if isinstance(self.subject, Scenario) else None

    def result(self) -> Result:
        """What the run came to."""
        return Result(
            self.subject,
            Verdict.DIFFERENCE,
            self.clause.name,
            self.expected,
            self.observed or None,
            step=self.step,
            reason=self.reason,
            console=self.console,
            times=(self.times, self.of),
            number=self.number,
        )

    def may_be_seen(self, index: int) -> str:
        """What the model allows at step *index*."""
        return " or ".join(dict.fromkeys(log[index] for log in self.expected)) or "-"

    def rows(self) -> list[Row]:
        """The steps as a table."""
        return [
            Row(
                call,
                self.may_be_seen(index),
                self.observed[index] if self.observed else None,
                index == self.step,
            )
            for index, call in enumerate(self.subject.calls())
        ]

    def cause(self) -> tuple[str, ...]:
        """The same for differences that have the same cause.

        The clause and the first wrong observation: who took part, which signal
        it was, and how long a call was held, are left out of it.
        """
        if self.step is None:
            return self.clause.name, "panic", _NUMBER.sub("N", self.reason)
        call = self.subject.calls()[self.step]
        verb = call.split()[1] if self.scenario else call.split("=")[0]
        seen = (_plain(self.may_be_seen(self.step)), _plain(self.observed[self.step]))
        return self.clause.name, verb, *seen


def _plain(text: str) -> str:
    return _NAMED.sub("*", _SIGNAL.sub("SIG", without_duration(text)))


@dataclass(frozen=True)
class Problem:
    """Differences of one cause: the one with the fewest steps, and how many there are.

    ``since`` is the revision in which the clause's code got the form that it has.
    """

    difference: Difference
    count: int
    kernel: Mapping[str, Any]
    target: str
    like_it: tuple[str, ...] = field(default=())

    @property
    def clause(self) -> Clause:
        return self.difference.clause

    @property
    def since(self) -> str:
        return since()[self.clause.name]

    @property
    def where(self) -> str:
        """File, lines and revision of the clause."""
        if self.target == SourceRun.name:
            lines = self.difference.lines
            return f"lines {lines} of the file" if lines else "not in the file"
        return f"sys/kern/kern_fork.c 1.232, lines {self.clause.lines}"

    @property
    def how_often(self) -> str:
        return f"{self.difference.times} of {self.difference.of}"

    @property
    def synopsis(self) -> str:
        """One line: what was done, expected and seen."""
        d = self.difference
        if d.step is None:
            return f"{d.reason} ({self.clause.name})"
        call = d.subject.calls()[d.step]
        expected, seen = d.may_be_seen(d.step), d.observed[d.step]
        what = call.partition(": ")[2] if d.scenario else call
        return f"{what}: {seen} instead of {expected} ({self.clause.name})"

    @property
    def name(self) -> str:
        """What its files are called, before a number is added where two have the same."""
        return self.clause.name.lower()


@cache
def since() -> dict[str, str]:
    """For each clause, the revision of kern_fork.c since which its code stands as it does."""
    text = files(__package__).joinpath("since.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def read_differences(results: Mapping[str, Any]) -> list[Difference]:
    """The differences of what :func:`conformance.report.results.read_json` gave."""
    source = results["target"] == SourceRun.name
    entries = (*results["differences"], *results.get("issues", ()))
    return [as_difference(entry, source=source) for entry in entries]


def as_difference(entry: Mapping[str, Any], *, source: bool = False) -> Difference:
    """One of them; *source* is whether it is of the target ``source``."""
    text = entry["scenario"]
    subject: Subject
    if source:
        about = (entry["clause"],)
        subject = CaseSubject(entry["family"], about, text, tuple(entry["calls"]))
    else:
        [subject] = parse(text)
    return Difference(
        subject,
        clauses()[entry["clause"]],
        tuple(tuple(log) for log in entry["expected"]),
        tuple(entry["observed"]),
        entry["step"],
        entry["reason"],
        entry["console"],
        entry["times"],
        entry["of"],
        entry.get("number", 1),
        entry.get("lines"),
        entry.get("pr", ""),
    )


def group(
    differences: Iterable[Difference], kernel: Mapping[str, Any], target: str
) -> list[Problem]:
    """Differences of the same cause become one problem, told by the shortest of them."""
    causes: dict[tuple[str, ...], list[Difference]] = {}
    for difference in differences:
        causes.setdefault((*difference.cause(), difference.pr), []).append(difference)
    problems = []
    for found in causes.values():
        shortest = min(found, key=lambda d: (-d.times / d.of, len(d.subject.calls())))
        others = tuple(d.subject.name for d in found if d is not shortest)
        count = sum(d.number for d in found)
        problems.append(Problem(shortest, count, kernel, target, others))
    return problems
