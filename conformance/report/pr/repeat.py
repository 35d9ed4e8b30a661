"""The How-To-Repeat of a problem: its program, compiled, or why there is none."""

from __future__ import annotations

import importlib.util
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from conformance.report.pr.cprogram import NoProgramError, atf_test, c_program
from conformance.report.pr.problem import Problem
from reference_model import Options

#: What the programs are written to be free of.
WARNINGS = ("-O2", "-Wall", "-Wextra", "-Werror")


@dataclass(frozen=True)
class Repeat:
    """What a report says on how to repeat a problem.

    ``program`` is the C program, ``atf`` the same as a test case; None where
    there is none, of which ``says`` tells why.
    """

    says: str
    program: str | None = None
    atf: str | None = None


def options_for(problem: Problem) -> Options:
    """What the model is to be told of the kernel that the results are from."""
    revision = str(problem.kernel.get("kern_fork") or "1.232").split(".")
    return Options(revision=(int(revision[0]), int(revision[1])))


def repeat(problem: Problem, *, run: bool = False) -> Repeat:
    """The program, and what came of compiling it for NetBSD; and of running it here, if *run*."""
    try:
        program = c_program(problem, options_for(problem))
    except NoProgramError as reason:
        return Repeat(f"There is no C program for this: {reason}.\n\n{_as_text(problem)}")
    try:
        atf = atf_test(problem, options_for(problem))
    except NoProgramError:
        atf = None
    wrong = "makes the kernel panic" if problem.difference.step is None else "exits with 1"
    says = f"The program below exits with 0 where the kernel behaves; here it {wrong}. "
    ran = tried(problem, program) if run else "It has not been run."
    return Repeat(f"{says}{compiled(program)} {ran}", program, atf)


def tried(problem: Problem, program: str) -> str:
    """How the program ended on the system that we are on, in a sentence, if that is the kernel."""
    kernel = problem.kernel
    if (kernel["system"], kernel["release"]) != (platform.system(), platform.release()):
        return "It has not been run: the results are from another kernel than this one."
    if problem.difference.step is None:
        return "It has not been run: the kernel panicked."
    try:
        ran = run_here(program)
    except subprocess.SubprocessError as error:
        return f"It could not be run: {error}"
    if ran is None:
        return "It has not been run: there is no compiler."
    where = f"Run on {kernel['system']} {kernel['release']}, it exited with {ran.status}"
    shown = "" if ran.status == 1 else ", so it did NOT show the difference"
    return f"{where}{shown}: {ran.line}."


def _as_text(problem: Problem) -> str:
    return problem.difference.subject.text().strip()


def compiled(program: str, target: str = "x86_64-netbsd") -> str:
    """Whether *program* compiles for *target*, in a sentence; by ziglang, where that is there."""
    if importlib.util.find_spec("ziglang") is None:
        return "It has not been compiled: ziglang is not installed."
    with TemporaryDirectory() as folder:
        source = Path(folder) / "repro.c"
        source.write_text(program, encoding="utf-8")
        command = [sys.executable, "-m", "ziglang", "cc", "-target", target, *WARNINGS]
        done = subprocess.run(
            [*command, "-c", "-o", str(source.with_suffix(".o")), str(source)],
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        said = next((s for s in done.stderr.splitlines() if "error:" in s), "no message")
        return f"It does NOT compile for {target}: {said.partition('error: ')[2] or said}"
    return f"It compiles for {target} without a warning."


@dataclass(frozen=True)
class Ran:
    """How the program ended, and its line."""

    status: int
    line: str


def run_here(program: str) -> Ran | None:
    """Compile *program* with this system's compiler and run it; None where there is no compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        return None
    with TemporaryDirectory() as folder:
        source, out = Path(folder) / "repro.c", Path(folder) / "repro"
        source.write_text(program, encoding="utf-8")
        subprocess.run([compiler, *WARNINGS, "-o", str(out), str(source)], check=True)
        out.chmod(0o755)
        done = subprocess.run([str(out)], capture_output=True, text=True, check=False, timeout=300)
    return Ran(done.returncode, done.stdout.strip())
