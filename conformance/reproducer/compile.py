"""Compiles reproducers: for this system, and for a kernel without userland.

For a kernel without userland, the program is linked statically.  For NetBSD/amd64 that uses the
library in ``libc.c``: ziglang has NetBSD's headers but no static C library.
"""

from __future__ import annotations

import platform
import re
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from conformance.probe.build import INSTALL_ZIG, BuildError, host_compiler, zig
from conformance.reproducer.ended import NotRunError

LIBC = Path(__file__).parent / "libc.c"
#: Name of the library in libc.c, for messages.
OURS = "forkoracle's own C library"
#: Warnings that reproducers do not cause.
WARNINGS = ("-Wall", "-Wextra", "-Werror")
#: Options as for the probe: no code that needs support of a C library.
_FOR_NO_LIBRARY = ("-fno-sanitize=all", "-fno-stack-protector", "-fno-pic", "-mno-red-zone")
_UNDEFINED = re.compile(r"undefined symbol: (\S+)")


@dataclass(frozen=True, slots=True)
class Program:
    """A compiled program; ``library`` names its C library if that is not the system's."""

    file: Path
    library: str = ""


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if not done.returncode:
        return
    if lacks := sorted(set(_UNDEFINED.findall(done.stderr))):
        raise NotRunError(f"{OURS} has no {', '.join(lacks)}")
    raise NotRunError(f"it does not compile: {first_error(done.stderr.splitlines())}")


def first_error(said: Iterable[str]) -> str:
    """Returns a compiler's first error message, without the name of its temporary file."""
    line = next((line for line in said if "error:" in line), "no message")
    return line.partition("error: ")[2] or line


def _host() -> list[str]:
    try:
        return [*host_compiler(), "-O2", *WARNINGS]
    except BuildError as error:
        raise NotRunError(str(error)) from None


def compile_command(compiler: str, out: str, source: str) -> str:
    """Returns the shell command that compiles a program; the names are put into quotes."""
    return " ".join((compiler, "-O2", *WARNINGS, "-o", f'"{out}"', f'"{source}"'))


def _zig(target: str) -> list[str]:
    command = zig()
    if command is None:
        raise NotRunError(f"no ziglang to compile it for {target}: {INSTALL_ZIG}")
    return [*command, "cc", "-target", target, "-O2", *WARNINGS]


def _source(text: str, folder: Path) -> Path:
    path = folder / "repro.c"
    path.write_text(text, encoding="utf-8")
    return path


def check_for_netbsd(text: str, folder: Path) -> None:
    """Compiles a program for NetBSD/amd64 without linking it.  Raises :class:`NotRunError`."""
    out = folder / "checked.o"
    _run([*_zig("x86_64-netbsd"), "-c", "-o", str(out), str(_source(text, folder))])


def build_here(text: str, folder: Path) -> Program:
    """Compiles a program for this system, as a user does.  Raises :class:`NotRunError`."""
    out = folder / "repro"
    _run([*_host(), "-o", str(out), str(_source(text, folder))])
    out.chmod(0o755)
    return Program(out)


def build_static(text: str, folder: Path, system: str, machine: str) -> Program:
    """Compiles a program that needs only a kernel.  Raises :class:`NotRunError`.

    *system* and *machine* are as printed by ``uname``.
    """
    source, out = _source(text, folder), folder / "repro"
    if (system, machine) == (platform.system(), platform.machine()):
        _run([*_host(), "-static", "-o", str(out), str(source)])
        return Program(out)
    if (system, machine) != ("NetBSD", "amd64"):
        raise NotRunError(
            f"there is no C library for {system} {machine} here: expected a system with cc"
        )
    compiler = [*_zig("x86_64-netbsd"), *_FOR_NO_LIBRARY, "-c"]
    middle = [folder / "repro.o", folder / "libc.o"]
    _run([*compiler, "-o", str(middle[0]), str(source)])
    _run([*compiler, "-fno-builtin", "-o", str(middle[1]), str(LIBC)])
    command = zig()
    assert command is not None
    _run([*command, "ld.lld", "-static", "-o", str(out), *map(str, middle)])
    return Program(out, OURS)
