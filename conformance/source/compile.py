"""Compiles a kern_fork.c file, unmodified, into a library that runs cases."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path

from conformance.errors import TargetError
from reference_model import NEWEST
from reference_model.language import netbsd

#: Our part of the library, in C.
HARNESS = ("world", "callees", "harness")
#: What the file includes, in any of its revisions; each leads to netbsd.h.
_HEADERS = (
    *(
        f"sys/{name}.h"
        for name in [
            "acct",
            "atomic",
            "cdefs",
            "file",
            "filedesc",
            "kauth",
            "kernel",
            "ktrace",
            "mount",
            "param",
            "pool",
            "proc",
            "ptrace",
            "ras",
            "resourcevar",
            "sched",
            "sdt",
            "signalvar",
            "syscall",
            "syscallargs",
            "systm",
            "uidinfo",
            "vnode",
        ]
    ),
    "uvm/uvm_extern.h",
)
_OPTIONS = {"opt_ktrace.h": "#define KTRACE 1\n", "opt_dtrace.h": "#define KDTRACE_HOOKS 1\n"}
#: No header of the host's, and what C of today takes for an error is one.
_FLAGS = (
    "-std=gnu99",
    "-nostdinc",
    "-ffreestanding",
    "-fPIC",
    "-Werror=implicit-function-declaration",
    "-Werror=implicit-int",
    "-Werror=int-conversion",
    "-Werror=incompatible-pointer-types",
)
_ID = re.compile(rb"kern_fork\.c,v 1\.(\d+) ")
OLDEST = (1, 213)


def compiler() -> list[str]:
    """The host's C compiler.  Raises :class:`TargetError` where there is none."""
    named = os.environ.get("CC")
    for words in [shlex.split(named)] if named else [["cc"], ["gcc"], ["clang"]]:
        if words and shutil.which(words[0]):
            return words
    raise TargetError(
        f"no C compiler: expected {named or 'cc, gcc or clang'}; install one, or name one in CC"
    )


@cache
def _unset_is_noticed(compiler: tuple[str, ...]) -> tuple[str, ...]:
    """The option that gives local variables which nobody set a pattern, where there is one."""
    option = "-ftrivial-auto-var-init=pattern"
    command = [*compiler, option, "-x", "c", "-E", os.devnull]
    return (option,) if subprocess.run(command, capture_output=True).returncode == 0 else ()


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A kern_fork.c file: where it is, the revision it says it is, and the one to hold it to."""

    path: Path
    stated: tuple[int, int] | None
    revision: tuple[int, int]

    @property
    def note(self) -> str:
        """What to tell about the revision, where it is not one that the model knows."""
        newest = ".".join(map(str, NEWEST))
        if self.stated is None:
            return f"no RCS id in it: held to {newest}"
        if self.stated > NEWEST:
            return f"newer than the model: held to {newest}"
        if self.stated < OLDEST:
            return f"older than {'.'.join(map(str, OLDEST))}, the oldest that is known to compile"
        return ""


def read_source(path: Path) -> SourceFile:
    """The file and its revision.  Raises :class:`TargetError` where it cannot be read."""
    try:
        text = path.read_bytes()
    except OSError as error:
        raise TargetError(f"{path}: {error.strerror}: expected a kern_fork.c file") from None
    match = _ID.search(text)
    stated = (1, int(match[1])) if match else None
    return SourceFile(path, stated, min(stated or NEWEST, NEWEST))


def make_headers(folder: Path) -> None:
    """The headers that the file includes, and NetBSD's numbers."""
    for name in _HEADERS:
        header = folder / name
        header.parent.mkdir(parents=True, exist_ok=True)
        header.write_text('#include "netbsd.h"\n')
    for name, text in _OPTIONS.items():
        (folder / name).write_text(text)
    numbers = [
        f"#define {name} {value}\n"
        for name, value in vars(netbsd).items()
        if isinstance(value, int) and not name.islower()
    ]
    (folder / "constants.h").write_text("".join(numbers))


def compile_command(
    source: Path, out: Path, headers: Path, revision: tuple[int, int], extra: Sequence[str]
) -> list[str]:
    with as_file(files(__package__)) as ours:
        return [
            *(cc := compiler()),
            *_FLAGS,
            *_unset_is_noticed(tuple(cc)),
            *extra,
            f"-DREVISION={revision[0] * 1000 + revision[1]}",
            "-I",
            str(headers),
            "-I",
            str(ours),
            "-x",
            "c",
            "-c",
            str(source),
            "-o",
            str(out),
        ]


def link_command(objects: Sequence[Path], out: Path, extra: Sequence[str] = ()) -> list[str]:
    return [*compiler(), "-shared", *extra, "-Wl,-z,defs", *map(str, objects), "-o", str(out)]


def _plain_messages() -> dict[str, str]:
    """The environment in which a compiler's messages are English, with plain quotes."""
    return {**os.environ, "LC_ALL": "C"}


@dataclass(frozen=True, slots=True)
class Library:
    """What was built: the library, and the folder with what gcov needs."""

    path: Path
    folder: Path
    coverage: bool


def build(source: SourceFile, folder: Path, *, coverage: bool = True) -> Library:
    """Compile *source* with the harness into *folder*, which is empty.

    Raises :class:`TargetError` with the compiler's first message where it does not compile.
    """
    make_headers(folder)
    ours = files(__package__)
    measured = ["--coverage"] if coverage else []
    jobs = [("kern_fork.o", source.path.resolve(), ["-g", "-O1", *measured])]
    defines = ["-DFORKORACLE_COVERAGE"] if coverage else []
    running = []
    try:
        for name in HARNESS:
            with as_file(ours.joinpath(f"{name}.c")) as path:
                jobs.append((f"{name}.o", path, ["-O1", *defines]))
        for name, path, extra in jobs:
            command = compile_command(path, folder / name, folder, source.revision, extra)
            running.append(
                subprocess.Popen(
                    command,
                    cwd=folder,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE,
                    text=True,
                    errors="replace",
                    env=_plain_messages(),
                )
            )
        messages = [process.communicate()[1] for process in running]
    except BaseException:
        for process in running:
            process.kill()
            process.communicate()
        raise
    for process, message in zip(running, messages, strict=True):
        if process.returncode:
            raise TargetError(explain_compiler(source.path, message))
    library = folder / "kern_fork.so"
    command = link_command([folder / name for name, _, _ in jobs], library, measured)
    linked = subprocess.run(
        command, capture_output=True, text=True, errors="replace", env=_plain_messages()
    )
    if linked.returncode and coverage and re.search("gcov|gcda", linked.stderr):
        return build(source, folder, coverage=False)  # a compiler without gcov's library
    if linked.returncode:
        raise TargetError(explain_linker(source.path, linked.stderr))
    return Library(library, folder, coverage)


_ERROR = re.compile(r"^(.*?):(\d+):(?:\d+:)? (?:fatal )?error: (.*)$", re.MULTILINE)
_MISSING = (
    (r"implicit declaration of function '(\w+)'|call to undeclared function '(\w+)'", "calls"),
    (r"'(\w+)' undeclared|undeclared identifier '(\w+)'", "uses"),
    (r"no member named '(\w+)'", "uses the field"),
    (r"([\w/.]+\.h): No such file|'([\w/.]+\.h)' file not found", "includes"),
)


def explain_compiler(path: Path, message: str) -> str:
    """The compiler's first error as one line, with the file's own line number."""
    errors = _ERROR.findall(message)
    if not errors:
        return f"{path}: the compiler failed: {message.strip().splitlines()[-1:] or 'no message'}"
    # What is missing says more than what follows from it.
    for known, words in _MISSING:
        for where, line, text in errors:
            if found := re.search(known, text):
                missing = next(filter(None, found.groups()))
                newest = ".".join(map(str, NEWEST))
                what = f"it {words} {missing}, which no revision up to {newest} does"
                return f"{where}:{line}: {text}: {what}{_more(errors)}"
    where, line, text = errors[0]
    return f"{where}:{line}: {text}: expected C that compiles{_more(errors)}"


def _more(errors: Sequence[object]) -> str:
    return f" ({len(errors) - 1} more errors)" if len(errors) > 1 else ""


def explain_linker(path: Path, message: str) -> str:
    """Which of kern_fork.c's own functions are not in the file."""
    missing = sorted(set(re.findall(r"undefined (?:reference to|symbol:?) [`']?(\w+)", message)))
    if missing:
        return f"{path}: not a kern_fork.c: it does not define {', '.join(missing)}"
    return f"{path}: the linker failed: {message.strip().splitlines()[-1]}"
