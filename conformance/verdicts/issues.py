"""Known issues: a user's file of the differences that have been reported.

A file of them is TOML, an array ``issue`` of tables::

    [[issue]]
    pr = "kern/12345"
    clause = "VFORK-WAIT"
    call = "P: vfork *"
    seen = "C"
    revisions = ["1.231", "1.232"]

``call`` and ``seen`` are patterns for the first wrong step and its observation, ``*`` if left
out; ``revisions`` are those of kern_fork.c that have the issue, all if left out.
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path

from conformance.errors import UsageError
from conformance.input import read_text_bounded
from conformance.results.result import Gone, Result, Verdict
from reference_model.clauses import clauses

#: Maximum length of a file of known issues, in bytes.
_LONGEST = 1 << 20


class IssuesError(UsageError):
    """A file of known issues that is wrong: one line says where and how."""


@dataclass(frozen=True, slots=True)
class Issue:
    """One entry of the file.  ``own`` is whether the file is forkoracle's own."""

    pr: str
    clause: str
    call: str = "*"
    seen: str = "*"
    revisions: tuple[str, ...] = ()
    own: bool = False

    def holds_for(self, revision: str | None) -> bool:
        """Returns whether a kernel with this revision of kern_fork.c has the issue."""
        return not self.revisions or revision in self.revisions

    def is_of(self, difference: Result) -> bool:
        """Returns whether the difference is this issue, on a kernel that has it."""
        if difference.step is None:
            call, seen = "", difference.reason
        else:
            call = difference.scenario.calls()[difference.step]
            seen = (difference.observed or ())[difference.step]
        return (
            self.clause == difference.clause
            and fnmatchcase(call, self.call)
            and fnmatchcase(seen, self.seen)
        )


def holding(issues: Iterable[Issue], revision: str | None) -> tuple[Issue, ...]:
    """Returns the issues of a kernel with this revision of kern_fork.c."""
    return tuple(issue for issue in issues if issue.holds_for(revision))


def known_as(difference: Result, issues: Iterable[Issue]) -> Issue | None:
    """Returns the first of *issues* that matches the difference, or None."""
    return next((issue for issue in issues if issue.is_of(difference)), None)


def marked(result: Result, issues: Iterable[Issue]) -> Result:
    """Returns *result*; as a known difference where it is one of the kernel's issues."""
    if result.verdict is not Verdict.DIFFERENCE:
        return result
    issue = known_as(result, issues)
    return replace(result, verdict=Verdict.KNOWN, pr=issue.pr) if issue else result


def gone(
    issues: Iterable[Issue],
    clauses: Mapping[str, Collection[str]],
    differences: Collection[Result],
) -> list[Gone]:
    """Returns the issues whose clause was decided, and that were not observed.

    *clauses* has the verdicts on each clause.
    """
    return [
        Gone(issue.pr, issue.clause, issue.own)
        for issue in issues
        if set(clauses.get(issue.clause, ())) - {Verdict.NOT_DECIDED}
        and not any(issue.is_of(difference) for difference in differences)
    ]


def read_issues(path: Path) -> tuple[Issue, ...]:
    """Returns the issues of a file.  Raises :class:`IssuesError`."""
    text = read_text_bounded(path, _LONGEST, "known issues, as TOML")
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise IssuesError(f"{path}: {error}") from None
    except RecursionError:
        raise IssuesError(f"{path}: nested too deeply: expected tables [[issue]]") from None
    if set(data) - {"issue"} or not isinstance(data.get("issue", []), list):
        raise IssuesError(f"{path}: expected tables [[issue]] and nothing else")
    return tuple(_issue(path, n, row) for n, row in enumerate(data.get("issue", []), 1))


def _issue(path: Path, number: int, row: object) -> Issue:
    where = f"{path}: issue {number}"
    if not isinstance(row, dict) or not {"pr", "clause"} <= set(row):
        raise IssuesError(f"{where}: expected a table with pr and clause")
    if unknown := set(row) - {"pr", "clause", "call", "seen", "revisions"}:
        raise IssuesError(
            f"{where}: unknown key {min(unknown)!r}: expected pr, clause, call, seen, revisions"
        )
    revisions = row.pop("revisions", [])
    if not isinstance(revisions, list) or not all(isinstance(r, str) for r in revisions):
        raise IssuesError(f"{where}: revisions: expected a list such as ['1.231']")
    for key, value in row.items():
        if not isinstance(value, str):
            raise IssuesError(f"{where}: {key}: expected a text")
    if row["clause"] not in clauses():
        raise IssuesError(f"{where}: unknown clause {row['clause']!r}")
    return Issue(**row, revisions=tuple(revisions))
