"""Builds the probe: for the host with its own compiler, for NetBSD with ziglang.

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

from conformance.errors import TargetError

SOURCES = Path(__file__).parent
#: The NetBSD targets, in zig's names.
NETBSD_TARGETS = ("x86_64-netbsd", "x86-netbsd", "aarch64-netbsd")
HOST = "host"

_COMMON = (
    "-O2",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-ffreestanding",
    "-fno-builtin",
    "-fno-stack-protector",
    "-fno-pic",
)
INSTALL_ZIG = "install it with: pip install 'forkoracle[cross]'"


class BuildError(TargetError):
    """The probe cannot be built: one line that says why and what to do."""


def _machine_flags(target: str) -> tuple[str, ...]:
    machine = platform.machine() if target == HOST else target
    return ("-mno-red-zone",) if machine.startswith(("x86_64", "amd64")) else ()


def zig() -> list[str] | None:
    """The command ziglang, where that is installed."""
    if importlib.util.find_spec("ziglang") is None:
        return None
    return [sys.executable, "-m", "ziglang"]


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


def _commands(target: str, source: Path, out: Path) -> list[list[str]]:
    """What to run, one after the other, to make *out* from *source*."""
    flags = [*_COMMON, *_machine_flags(target)]
    if target == HOST:
        compiler = host_compiler()
        if compiler[-1] == "cc" and len(compiler) > 1:
            flags.append("-fno-sanitize=all")
        link = ["-nostdlib", "-static", "-no-pie", "-o", str(out), str(source)]
        return [[*compiler, *flags, *link]]
    ziglang = zig()
    if ziglang is None:
        raise BuildError(f"no ziglang to build the probe for {target}: {INSTALL_ZIG}")
    # zig links no static program for NetBSD, so its linker is called by itself.
    middle = str(out.with_suffix(".o"))
    compile_ = ["cc", "-target", target, "-fno-sanitize=all", "-c", "-o", middle, str(source)]
    link = ["ld.lld", "-static", "--no-rosegment", "-o", str(out), middle]
    return [[*ziglang, *compile_, *flags], [*ziglang, *link]]


def _key(target: str, commands: list[list[str]]) -> str:
    digest = hashlib.sha256(target.encode())
    for source in sorted(SOURCES.glob("*.[ch]")):
        digest.update(source.name.encode() + source.read_bytes())
    for command in commands:
        digest.update(" ".join(command[:-1]).encode())
    return digest.hexdigest()[:20]


def build_probe(target: str = HOST) -> Path:
    """The probe for *target* (``host`` or one of :data:`NETBSD_TARGETS`), built if need be.

    Raises :class:`BuildError`.
    """
    if target != HOST and target not in NETBSD_TARGETS:
        raise BuildError(f"unknown target {target!r}: expected host, {', '.join(NETBSD_TARGETS)}")
    source = SOURCES / "probe.c"
    key = _key(target, _commands(target, source, Path("probe")))
    cache = platformdirs.user_cache_path("forkoracle") / "probe"
    built = cache / f"{target}-{key}"
    if built.exists():
        return built
    cache.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=cache, prefix=".build-") as folder:
        out = Path(folder) / "probe"
        for command in _commands(target, source, out):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                lines = (done.stderr.strip() or "no message").splitlines()
                said = next((line for line in lines if "error:" in line), lines[0])
                raise BuildError(f"cannot build the probe for {target}: {said}")
        out.replace(built)  # whole, or not at all
    return built
