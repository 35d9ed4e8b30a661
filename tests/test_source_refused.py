"""What cannot be a kern_fork.c is refused in one line, and compilers have limits."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from time import monotonic

import psutil
import pytest

from conformance.errors import TargetError
from conformance.source import compiler
from conformance.source.compiler import Compilers, run_limited
from conformance.source.library import build
from conformance.source.sourcefile import read_source
from tests.command import environment, forkoracle
from tests.processes import MARK, marked, new_mark, wait_until

SOURCE = "expected a kern_fork.c, a C source of less than 1 MiB"
ELF = "an ELF file (a program, an object or a kernel)"
CONTENTS = {
    "ELF": (b"\x7fELF" + bytes(5_000_000), f"{ELF}, 4.77 MiB: {SOURCE}"),
    "gzip": (b"\x1f\x8b\x08" + bytes(5000), f"packed by gzip, 4.89 KiB: {SOURCE}"),
    "UTF-16": ("int x;\n".encode("utf-16"), f"text in UTF-16, 16 bytes: {SOURCE}"),
    "UTF-16-LE": ("int x;\n".encode("utf-16-le"), f"binary data, 14 bytes: {SOURCE}"),
    "NUL": (b"int x;\n" * 1000 + b"\0", f"binary data: {SOURCE}"),
    "too much C": (
        b"int x;\n" * 200_000,
        "1.34 MiB: expected a kern_fork.c file, of at most 1 MiB",
    ),
    "empty": (b"", "not a kern_fork.c: it is empty, and defines no fork1"),
}


@pytest.mark.parametrize("name", CONTENTS)
def test_a_file_that_is_no_source_is_refused_unread(name: str, tmp_path: Path) -> None:
    contents, expected = CONTENTS[name]
    path = tmp_path / "netbsd"
    path.write_bytes(contents)
    with pytest.raises(TargetError, match=re.escape(f"{path}: {expected}")):
        read_source(path)


def _sparse(path: Path) -> None:
    path.touch()
    os.truncate(path, 1 << 40)


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(path))


MADE: dict[str, tuple[Callable[[Path], object], str]] = {
    "folder": (Path.mkdir, "a folder: expected a kern_fork.c file"),
    "pipe": (os.mkfifo, f"a pipe: {SOURCE}"),
    "device": (lambda path: path.symlink_to("/dev/zero"), "a device: expected a kern_fork.c file"),
    "sparse": (_sparse, f"binary data, 1.02e+03 GiB: {SOURCE}"),
    "socket": (_socket, "a socket: expected a kern_fork.c file"),
}


@pytest.mark.parametrize("name", MADE)
def test_a_path_that_is_no_file_exits_with_3(name: str, tmp_path: Path) -> None:
    make, expected = MADE[name]
    path = tmp_path / "kern_fork.c"
    make(path)
    done = forkoracle(tmp_path, "run", "--kern-fork", str(path))
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == f"forkoracle: {path}: {expected}\n"


def test_an_endless_file_is_read_no_further_than_a_source_goes() -> None:
    """/proc/self/pagemap has no size, and goes on for 2**39 bytes."""
    with pytest.raises(TargetError, match=r"pagemap: binary data: expected|more than 1 MiB"):
        read_source(Path("/proc/self/pagemap"))


# -- what keeps a compiler busy -------------------------------------------------------

#: Includes itself twice, 199 deep: 2**199 files.
TWICE = "#if __INCLUDE_LEVEL__ < 199\n" + "#include __FILE__\n" * 2 + "#endif\n"
#: A macro that expands to 10**12 words.
WORDS = "#define A0 x x x x x x x x x x\n" + "".join(
    f"#define A{n} " + f"A{n - 1} " * 10 + "\n" for n in range(1, 12)
)
#: An object of 2 GB that is written out whole.
LARGE = "char x[1L << 31] = {1};\n"
ONCE = "#include __FILE__\n"
ZERO = '#include "/dev/zero"\n'


def _refusal(text: str, folder: Path) -> str:
    path = folder / "kern_fork.c"
    path.write_text(text)
    objects = folder / "objects"
    objects.mkdir()
    with pytest.raises(TargetError) as caught:
        build(read_source(path), objects)
    return str(caught.value).removeprefix(f"{path}: ")


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Limits that are met soon."""
    monkeypatch.setattr(compiler, "CPU_SECONDS", 2)
    monkeypatch.setattr(compiler, "MEGABYTES", 500)
    monkeypatch.setattr(compiler, "SECONDS", 60)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    ("text", "limit"),
    [
        (TWICE, "2 s of CPU time"),
        (WORDS + "A11\n", "500 MB of memory|2 s of CPU time"),
        (LARGE, "64 MB of output|500 MB of memory"),
        (ZERO, "500 MB of memory|2 s of CPU time"),
    ],
    ids=["includes", "macros", "output", "zero"],
)
def test_an_endless_compilation_ends_in_one_line(text: str, limit: str, tmp_path: Path) -> None:
    refusal = _refusal(text, tmp_path)
    assert re.fullmatch(
        f"the compiler needs more than ({limit}): expected a kern_fork.c", refusal
    ), refusal


def test_a_file_that_includes_itself_has_one_line(tmp_path: Path) -> None:
    refusal = _refusal(ONCE, tmp_path)
    assert "\n" not in refusal
    assert "nested" in refusal


@pytest.mark.usefixtures("small")
def test_a_compiler_that_waits_is_ended(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(compiler, "SECONDS", 0.5)
    began = monotonic()
    ended = run_limited(["sleep", "60"], tmp_path)
    assert (ended.status, ended.limit) == (-signal.SIGKILL, "0.5 s")
    assert monotonic() - began < 20


def test_an_interrupted_build_leaves_no_compiler_behind(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    mark = new_mark()
    monkeypatch.setenv(MARK, mark)

    def interrupted() -> None:
        with Compilers() as compilers:
            for _ in range(2):
                compilers.start(["sh", "-c", "sleep 60 & sleep 60"], tmp_path)
            wait_until(lambda: sum(one.name() == "sleep" for one in marked(mark)) == 4)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    wait_until(lambda: not marked(mark))


def test_a_killed_run_leaves_no_compiler_behind(tmp_path: Path) -> None:
    """Killed with SIGKILL in mid-compilation: the compiler goes within moments."""
    mark = new_mark()
    path = tmp_path / "kern_fork.c"
    path.write_text(TWICE)
    with subprocess.Popen(
        [sys.executable, "-m", "conformance.cli", "run", "--kern-fork", str(path)],
        env=environment(tmp_path, **{MARK: mark}),
        stdout=subprocess.DEVNULL,
    ) as run:

        def compiles() -> bool:
            return any(str(path) in _command_line(one) for one in marked(mark))

        wait_until(compiles)
        run.kill()
    wait_until(lambda: not compiles())
    wait_until(lambda: not marked(mark))


def _command_line(process: psutil.Process) -> str:
    """Returns the command line of a compiler; nothing for other processes."""
    try:
        return " ".join(process.cmdline()) if process.name() != "python" else ""
    except psutil.Error:
        return ""
