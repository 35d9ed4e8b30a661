"""The known issues of kern_fork.c itself: issues.toml, in the format of ``--known``."""

from __future__ import annotations

from dataclasses import replace
from fnmatch import fnmatchcase
from functools import cache, reduce
from importlib.resources import as_file, files
from operator import or_

from conformance.source.tables import RULES
from conformance.verdicts.issues import Issue, read_issues


@cache
def own_issues() -> tuple[Issue, ...]:
    """Returns the issues that forkoracle knows of without being told."""
    with as_file(files(__package__) / "issues.toml") as path:
        return tuple(replace(issue, own=True) for issue in read_issues(path))


def rules_of(issue: Issue) -> int:
    """Returns the rules of locking that an issue breaks, a bit for each."""
    return sum(1 << rule.number for rule in RULES if fnmatchcase(rule.text, issue.seen))


@cache
def known_rules() -> int:
    """Returns the rules of locking that forkoracle's own issues break, a bit for each."""
    return reduce(or_, map(rules_of, own_issues()))
