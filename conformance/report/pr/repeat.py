"""The How-To-Repeat of a problem: its reproducer, compiled and run, or why it has none."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from conformance.probe.build import zig
from conformance.report.pr.cprogram import NoProgramError, atf_test, c_program
from conformance.report.pr.problem import Problem
from conformance.reproducer.compile import check_for_netbsd
from conformance.reproducer.ended import NotRunError
from conformance.targets.base import Target
from reference_model import Options
from reference_model.revisions import revision as parse_revision


@dataclass(frozen=True)
class Repeat:
    """How to repeat a problem, in words (``says``) and as code.

    ``program`` is the reproducer in C and ``atf`` the same as a test case.  If there is none,
    it is None and ``says`` gives the reason.
    """

    says: str
    program: str | None = None
    atf: str | None = None


def options_for(problem: Problem) -> Options:
    """Returns the options of the model for the kernel of the results."""
    revision = str(problem.kernel.kern_fork or "1.232").split(".")
    files = tuple((one.file, parse_revision(one.revision)) for one in problem.kernel.files)
    return Options(revision=(int(revision[0]), int(revision[1])), files=files)


def repeat(problem: Problem, target: Target | None = None) -> Repeat:
    """Returns the reproducer, compiled for NetBSD and run on *target*, and how that went."""
    if problem.difference.after:
        after = len(problem.difference.after)
        which = "the first one" if after == 1 else f"the first {after}"
        return Repeat(
            f"There is no reproducer in C: the last of these scenarios differs, after {which}.\n\n"
            + _as_text(problem)
        )
    try:
        program = c_program(problem, options_for(problem))
    except NoProgramError as reason:
        return Repeat(f"There is no reproducer in C: {reason}.\n\n{_as_text(problem)}")
    try:
        atf = atf_test(problem, options_for(problem))
    except NoProgramError:
        atf = None
    wrong = "makes the kernel panic" if problem.difference.step is None else "exits with 1"
    says = f"The program below exits with 0 if the kernel behaves as expected; else it {wrong}. "
    ran = tried(problem, program, target) if target else "It has not been run."
    return Repeat(f"{says}{compiled(program)} {ran}", program, atf)


def tried(problem: Problem, program: str, target: Target) -> str:
    """Runs the program on *target*; returns how it ended, in one or two sentences."""
    panics = problem.difference.step is None
    if panics and not target.ours:
        return "It has not been run: the kernel would panic, and other users share this system."
    try:
        ended = target.run_program(program)
    except NotRunError as error:
        return f"It could not be run: {error}."
    linked = f", linked with {ended.library}" if ended.library else ""
    shown = ended.panicked if panics else ended.panicked or ended.status == 1
    but = "" if shown else ", so it did NOT show the difference"
    words = f": {ended.said}" if ended.said else ""
    return f"Run on {target.kernel}{linked}, it {ended.how}{but}{words}."


def _as_text(problem: Problem) -> str:
    difference = problem.difference
    return "\n".join(one.text() for one in (*difference.after, difference.scenario)).strip()


def compiled(program: str) -> str:
    """Compiles *program* for NetBSD, if ziglang is installed; returns the outcome as a sentence."""
    if zig() is None:
        return "It has not been compiled for NetBSD: ziglang is not installed."
    with TemporaryDirectory() as folder:
        try:
            check_for_netbsd(program, Path(folder))
        except NotRunError as error:
            return f"For NetBSD, {error}."
    return "It compiles for NetBSD without a warning."
