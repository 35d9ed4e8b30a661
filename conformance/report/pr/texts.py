"""A problem as send-pr's form and as Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from conformance.report.pr.problem import Problem
from conformance.report.pr.repeat import Repeat

#: ``uname -p`` for ``uname -m``, where they differ.
_ARCHITECTURES = {"amd64": "x86_64", "evbarm": "aarch64"}

#: What Markdown would take for its own.
_MARKUP = re.compile(r"([\\`*_\[\]<>#|])")

ENVIRONMENT = Environment(
    loader=PackageLoader(__package__),
    # A page shows what a guest said: nothing of it may be markup.
    autoescape=select_autoescape(("html",)),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)
ENVIRONMENT.filters["md"] = lambda text: _MARKUP.sub(r"\\\1", text)


def architecture(machine: str) -> str:
    """What ``uname -p`` says on a machine for which ``uname -m`` says *machine*."""
    return _ARCHITECTURES.get(machine, machine)


def table(problem: Problem) -> Iterator[str]:
    """What was done, may be seen and was seen: the first wrong observation behind a ``>``."""
    rows = problem.difference.rows()
    done = max(len("done"), *(len(row.call) for row in rows))
    may = max(len("expected"), *(len(row.expected) for row in rows))
    yield f"  {'done':<{done}}  {'expected':<{may}}  seen"
    for row in rows:
        mark = ">" if row.wrong else " "
        yield f"{mark} {row.call:<{done}}  {row.expected:<{may}}  {row.seen or ''}".rstrip()


def history(problem: Problem) -> str:
    """Since when the clause's code stands as it does."""
    return f"The code has been as it is in 1.232 since revision {problem.since}."


def revision(problem: Problem) -> str:
    """The revision of kern_fork.c that the kernel was built from, if it is known."""
    known = problem.kernel.kern_fork
    guess = " (a guess from the release)" if problem.kernel.guessed else ""
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
    """The form of send-pr(1), filled in but for who sends it."""
    return _fill("sendpr.txt", problem, repeat)


def markdown(problem: Problem, repeat: Repeat) -> str:
    """The same for trackers that take Markdown."""
    return _fill("report.md", problem, repeat)
