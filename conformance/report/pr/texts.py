"""Writes a problem as a send-pr form and as Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from conformance.report.pr.problem import Problem
from conformance.report.pr.repeat import Repeat

#: ``uname -p`` for ``uname -m``, where they differ.
_ARCHITECTURES = {"amd64": "x86_64", "evbarm": "aarch64"}

#: Characters that are markup in Markdown.
_MARKUP = re.compile(r"([\\`*_\[\]<>#|])")

ENVIRONMENT = Environment(
    loader=PackageLoader(__package__),
    # A page shows output of a guest, which must not become markup.
    autoescape=select_autoescape(("html",)),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)
ENVIRONMENT.filters["md"] = lambda text: _MARKUP.sub(r"\\\1", text)


def architecture(machine: str) -> str:
    """Returns the ``uname -p`` of a machine whose ``uname -m`` is *machine*."""
    return _ARCHITECTURES.get(machine, machine)


def table(problem: Problem) -> Iterator[str]:
    """Yields the steps, expected and observed; ``>`` marks the first wrong observation."""
    rows = problem.difference.rows()
    step = max(len("step"), *(len(row.call) for row in rows))
    expected = max(len("expected"), *(len(row.expected) for row in rows))
    yield f"  {'step':<{step}}  {'expected':<{expected}}  observed"
    for row in rows:
        mark = ">" if row.wrong else " "
        cells = f"{row.call:<{step}}  {row.expected:<{expected}}  {row.observed or ''}"
        yield f"{mark} {cells}".rstrip()


def history(problem: Problem) -> str:
    """Returns a sentence with the revision in which the clause's lines last changed.

    It is empty for a function of another file.
    """
    if problem.difference.origin:
        return ""
    return f"In NetBSD's sources these lines last changed in {problem.since}."


def revision(problem: Problem) -> str:
    """Returns the revision of the kernel's kern_fork.c; empty if it is unknown."""
    known = problem.kernel.kern_fork
    guess = " (guessed from the release)" if problem.kernel.guessed else ""
    return f"{known}{guess}" if known else ""


def _fill(template: str, problem: Problem, repeat: Repeat) -> str:
    program = repeat.program or ""
    longest = max((len(ticks) for ticks in re.findall("`+", problem.difference.console)), default=0)
    return ENVIRONMENT.get_template(template).render(
        problem=problem,
        kernel=problem.kernel,
        architecture=architecture(problem.kernel.machine),
        revision=revision(problem),
        history=history(problem),
        table=list(table(problem)),
        repeat=repeat.says,
        program=program.rstrip("\n"),
        fence="`" * max(3, longest + 1),
        originator="",
        organization="",
    )


def send_pr(problem: Problem, repeat: Repeat) -> str:
    """Returns a send-pr(1) form; the sender fills in the name."""
    return _fill("sendpr.txt", problem, repeat)


def markdown(problem: Problem, repeat: Repeat) -> str:
    """Returns the report for trackers that take Markdown."""
    return _fill("report.md", problem, repeat)
