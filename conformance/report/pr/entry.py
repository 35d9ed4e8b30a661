"""The problems of a run, each with the files that describe it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from conformance.report.pr.problem import Problem, group
from conformance.report.pr.repeat import Repeat, repeat
from conformance.report.pr.texts import markdown, send_pr
from conformance.results.results import Results
from conformance.targets.base import Target
from conformance.verdicts.issues import Issue, holding, known_as


@dataclass(frozen=True)
class Entry:
    """A problem in a report: the name of its files, how to repeat it, and its PR if it is known."""

    name: str
    problem: Problem
    repeat: Repeat
    pr: str

    def files(self) -> Iterator[tuple[str, str]]:
        """Yields the names and texts of its files."""
        yield f"{self.name}.txt", send_pr(self.problem, self.repeat)
        yield f"{self.name}.md", markdown(self.problem, self.repeat)
        if self.repeat.program:
            yield f"{self.name}.c", self.repeat.program
        if self.repeat.atf:
            yield f"t_{self.name.replace('-', '_')}.c", self.repeat.atf


def entries(
    results: Results, issues: Sequence[Issue] = (), target: Target | None = None
) -> list[Entry]:
    """Returns the problems of a run; *target* runs their reproducers."""
    problems = group((*results.differences, *results.issues), results.kernel, results.target)
    holds = holding(issues, results.kernel.kern_fork)
    taken: Counter[str] = Counter()
    made = []
    for problem in problems:
        taken[problem.name] += 1
        number = taken[problem.name]
        name = problem.name if number == 1 else f"{problem.name}-{number}"
        issue = known_as(problem.difference, holds)
        pr = issue.pr if issue else problem.difference.pr
        made.append(Entry(name, problem, repeat(problem, target), pr))
    return made
