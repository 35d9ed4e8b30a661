"""Compiles a kern_fork.c file, unmodified, into a library that runs cases."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path

from conformance.errors import TargetError
from conformance.source.compiler import (
    Compilers,
    compiler,
    explain_compiler,
    explain_linker,
    marks_unset_variables,
    run_limited,
)
from conformance.source.kept import keep, key_of, take
from conformance.source.sourcefile import SourceFile
from conformance.source.unknown import (
    AS_RETURNED,
    definitions,
    only_returned,
    undeclared,
    undefined_functions,
)
from reference_model.language import netbsd

#: Our part of the library.
_OURS = files(__package__) / "c"
#: The headers of sys/ that the file includes, in any of its revisions, and others that an edit
#: may include; each leads to netbsd.h.
_SYS = (
    "acct atomic cdefs file filedesc kauth kernel ktrace mount param pool proc ptrace ras "
    "resourcevar sched sdt signalvar syscall syscallargs systm uidinfo vnode "
    "condvar cpu device errno event exec intr kmem lock lwp malloc mutex namei once queue "
    "resource rwlock signal sleepq stdarg stdbool stdint sysctl syslog time types wait"
)
_HEADERS = (
    *(f"sys/{name}.h" for name in _SYS.split()),
    "lib/libkern/libkern.h",
    "machine/cpu.h",
    "uvm/uvm.h",
    "uvm/uvm_extern.h",
)
_OPTIONS = {
    "opt_ktrace.h": "#define KTRACE 1\n",
    "opt_dtrace.h": "#define KDTRACE_HOOKS 1\n",
    "opt_ddb.h": "",
    "opt_diagnostic.h": "",
    "opt_lockdebug.h": "",
    "opt_multiprocessor.h": "",
}
#: No header of the host's, and what C of today takes for an error is one.
_FLAGS = (
    "-std=gnu99",
    "-nostdinc",
    "-ffreestanding",
    "-fPIC",
    "-Wimplicit-function-declaration",
    "-Wno-error=implicit-function-declaration",
    "-Werror=implicit-int",
    "-Werror=int-conversion",
    "-Werror=incompatible-pointer-types",
)


def make_headers(folder: Path) -> None:
    """Writes the headers that the file includes, and NetBSD's constants."""
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


def _command(headers: Path, ours: Path, revision: tuple[int, int], *rest: str) -> list[str]:
    includes = ["-I", str(headers), "-I", str(ours)]
    major, minor = revision
    return [*compiler(), *_FLAGS, f"-DREVISION={major * 1000 + minor}", *includes, *rest]


def compile_command(
    source: Path, out: Path, headers: Path, revision: tuple[int, int], extra: Sequence[str]
) -> list[str]:
    """Returns the command that compiles a kern_fork.c."""
    with as_file(_OURS) as ours:
        options = [*marks_unset_variables(tuple(compiler())), *extra]
        files = ["-x", "c", "-c", str(source), "-o", str(out)]
        return _command(headers, ours, revision, *options, *files)


@dataclass(frozen=True, slots=True)
class Harness:
    """Our part of the library: the command that compiles it, and its object."""

    command: list[str]
    object: Path
    key: str

    def is_kept(self) -> bool:
        """Returns whether the object is there from another run."""
        return take(self.key, self.object)

    def keep(self) -> None:
        """Keeps the compiled object for other runs."""
        keep(self.key, self.object)


def harness(headers: Path, revision: tuple[int, int], extra: Sequence[str] = ()) -> Harness:
    """Returns our part, to be compiled in the folder that has the headers.

    All units are compiled as one, in half the time that they take one by one.
    """
    with as_file(_OURS) as ours:
        whole = headers / "harness_units.c"
        units = sorted(unit.name for unit in ours.glob("*.c"))
        whole.write_text("".join(f'#include "{unit}"\n' for unit in units))
        out = whole.with_suffix(".o")
        options = ["-O1", *extra, "-c", str(whole), "-o", str(out)]
        command = _command(headers, ours, revision, *options)
        folders = (str(headers), str(ours))
        words = [word for word in command if not word.startswith(folders)]
        return Harness(command, out, key_of(words, [*ours.iterdir(), *headers.rglob("*.h"), whole]))


def link_command(objects: Sequence[Path], out: Path, extra: Sequence[str] = ()) -> list[str]:
    """Returns the command that links objects to a library, in which each name is its own."""
    options = ["-shared", *extra, "-Wl,-z,defs", "-Wl,-Bsymbolic"]
    return [*compiler(), *options, *map(str, objects), "-o", str(out)]


@dataclass(frozen=True, slots=True)
class Library:
    """What was built: the library, and the folder with what gcov needs.

    ``unknown`` are the functions that the file calls and that have no stand-in.
    """

    path: Path
    folder: Path
    coverage: bool
    unknown: tuple[str, ...] = ()


def build(source: SourceFile, folder: Path, *, coverage: bool = True) -> Library:
    """Compiles *source* with the harness into *folder*, which is empty.

    Raises :class:`TargetError` with the compiler's first message where it does not compile.
    """
    make_headers(folder)
    measured = ["--coverage"] if coverage else []
    defines = ["-DFORKORACLE_COVERAGE"] if coverage else []
    theirs = compile_command(
        source.path.resolve(), folder / "kern_fork.o", folder, source.revision,
        ["-g", "-O1", *measured],
    )  # fmt: skip
    ours = harness(folder, source.revision, defines)
    kept = ours.is_kept()
    with Compilers() as compilers:
        compilers.start(theirs, folder)
        if not kept:
            compilers.start(ours.command, folder)
        first, *others = compilers.wait()
    unknown = undeclared(first.messages)
    if first.status and not first.limit and only_returned(source.path, first, unknown):
        first = run_limited([*theirs, AS_RETURNED], folder)
    for ended in (first, *others):
        if ended.status or ended.limit:
            raise TargetError(explain_compiler(source.path, ended))
    if not kept:
        ours.keep()
    library = folder / "kern_fork.so"
    parts = [folder / "kern_fork.o", ours.object]
    while True:
        if unknown:
            parts[2:] = [_define(unknown, folder, source)]
        linked = run_limited(link_command(parts, library, measured), folder)
        if not linked.status:
            return Library(library, folder, coverage, tuple(sorted(unknown)))
        if coverage and re.search("gcov|gcda|profile", linked.messages):
            return build(source, folder, coverage=False)  # the compiler has no library for it
        missing = undefined_functions(source.path, linked.messages)
        if missing <= unknown:
            raise TargetError(explain_linker(source.path, linked.messages))
        unknown |= missing


def _define(unknown: set[str], folder: Path, source: SourceFile) -> Path:
    """Returns an object with the functions that have no stand-in."""
    text, out = folder / "unknown.c", folder / "unknown.o"
    text.write_text(definitions(unknown))
    with as_file(_OURS) as ours:
        command = _command(folder, ours, source.revision, "-c", str(text), "-o", str(out))
    ended = run_limited(command, folder)
    if ended.status:
        raise TargetError(explain_compiler(source.path, ended))
    return out
