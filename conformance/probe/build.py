"""Builds the probe: for the host with its own compiler, for NetBSD with ziglang.

The compiler sees all units as one, in a file that includes them.  So what they
call in each other can be inlined, and the linker has no say in where their data
lies: small data first, all in one page, and what is LARGE behind all of it.  (As
objects of their own, each would bring its small and its large data.)  Each unit
compiles by itself, too, which a test sees to.

What is built is kept in the user's cache under the checksum of its sources, so
a change of the sources, of the target or of the compiler builds anew.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import platformdirs

import reference_model.language
from conformance.errors import TargetError
from conformance.probe import constants

SOURCES = Path(__file__).parent
#: Where verbs.def is, which the C includes.
LANGUAGE = Path(reference_model.language.__file__).parent
#: The NetBSD targets, in zig's names.
NETBSD_TARGETS = ("x86_64-netbsd", "x86-netbsd", "aarch64-netbsd")
HOST = "host"

_COMMON = (
    "-O2",
    "-Wall",
    "-Wextra",
    "-Wmissing-prototypes",
    "-Wstrict-prototypes",
    "-Werror",
    "-ffreestanding",
    "-fno-builtin",
    "-fno-stack-protector",
    "-fno-pic",
    "-ffunction-sections",  # so that the linker drops those that were inlined everywhere
    "-D_GNU_SOURCE",  # what Linux's headers have beyond C and POSIX
)
INSTALL_ZIG = "install it with: pip install 'forkoracle[cross]'"


class BuildError(TargetError):
    """The probe cannot be built: one line that says why and what to do."""


def _machine_flags(target: str) -> tuple[str, ...]:
    machine = platform.machine() if target == HOST else target
    return ("-mno-red-zone",) if machine.startswith(("x86_64", "amd64")) else ()


def zig() -> list[str] | None:
    """The command of ziglang, where that is installed."""
    found = importlib.util.find_spec("ziglang")
    if found is None:
        return None
    # The program itself, where it is: python -m ziglang would only start it, after Python.
    program = Path(found.origin or "").with_name("zig")
    return [str(program)] if os.access(program, os.X_OK) else [sys.executable, "-m", "ziglang"]


def host_compiler() -> list[str]:
    """The system's own C compiler.  Raises :class:`BuildError`."""
    named = os.environ.get("CC")
    for name in filter(None, (named, "cc", "gcc", "clang")):
        if found := shutil.which(name):
            return [found]
    if found_zig := zig():
        return [*found_zig, "cc"]
    raise BuildError(
        "no C compiler: expected cc, gcc or clang in PATH (or CC to name one); "
        f"install one, or ziglang: {INSTALL_ZIG}"
    )


def units(target: str) -> list[str]:
    """Returns the names of the C files for *target*: all but those of the other system."""
    netbsd = target != HOST or platform.system() == "NetBSD"
    other = "os_linux" if netbsd else "os_netbsd"
    names = sorted(path.name for path in SOURCES.glob("*.c"))
    return [name for name in names if not name.startswith(other)]


def sources(target: str) -> dict[str, str]:
    """Returns the text of all that the probe is made of, by the names of its files."""
    paths = [*SOURCES.glob("*.[ch]"), LANGUAGE / "verbs.def"]
    texts = {path.name: path.read_text(encoding="ascii") for path in paths}
    texts["constants.h"] = constants.header()
    texts["all.c"] = "".join(f'#include "{name}"\n' for name in units(target))
    return texts


def compile_command(target: str, source: Path, out: Path) -> list[str]:
    """Returns the command that compiles *source* to the object *out*.

    Raises :class:`BuildError` where there is no compiler for *target*.
    """
    flags = [*_COMMON, *_machine_flags(target), "-I", str(source.parent), "-c", "-o", str(out)]
    if target == HOST:
        compiler = host_compiler()
        if compiler[-1] == "cc" and len(compiler) > 1:
            flags.append("-fno-sanitize=all")
        return [*compiler, *flags, str(source)]
    ziglang = zig()
    if ziglang is None:
        raise BuildError(f"no ziglang to build the probe for {target}: {INSTALL_ZIG}")
    return [*ziglang, "cc", "-target", target, "-fno-sanitize=all", *flags, str(source)]


def _link_command(target: str, middle: Path, out: Path) -> list[str]:
    if target == HOST:
        flags = ["-nostdlib", "-static", "-no-pie", "-Wl,--gc-sections"]
        return [*host_compiler(), *flags, "-o", str(out), str(middle)]
    # zig links no static program for NetBSD, so its linker is called by itself.
    ziglang, flags = zig() or [], ["-static", "--no-rosegment", "--gc-sections"]
    return [*ziglang, "ld.lld", *flags, "-o", str(out), str(middle)]


def _commands(target: str, folder: Path) -> list[list[str]]:
    """What to run, one after the other, to make ``probe`` in *folder* from its ``all.c``."""
    middle = folder / "probe.o"
    return [
        compile_command(target, folder / "all.c", middle),
        _link_command(target, middle, folder / "probe"),
    ]


def _key(target: str, texts: dict[str, str], commands: list[list[str]]) -> str:
    digest = hashlib.sha256(repr((target, sorted(texts.items()), commands)).encode())
    return digest.hexdigest()[:20]


def build_probe(target: str = HOST) -> Path:
    """The probe for *target* (``host`` or one of :data:`NETBSD_TARGETS`), built if need be.

    Raises :class:`BuildError`.
    """
    if target != HOST and target not in NETBSD_TARGETS:
        raise BuildError(f"unknown target {target!r}: expected host, {', '.join(NETBSD_TARGETS)}")
    texts = sources(target)
    key = _key(target, texts, _commands(target, Path("folder")))
    cache = platformdirs.user_cache_path("forkoracle") / "probe"
    built = cache / f"{target}-{key}"
    if built.exists():
        return built
    cache.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=cache, prefix=".build-") as name:
        folder = Path(name)
        for file, text in texts.items():
            (folder / file).write_text(text, encoding="ascii")
        for command in _commands(target, folder):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                lines = (done.stderr.strip() or "no message").splitlines()
                said = next((line for line in lines if "error:" in line), lines[0])
                raise BuildError(f"cannot build the probe for {target}: {said}")
        (folder / "probe").replace(built)  # whole, or not at all
    return built
