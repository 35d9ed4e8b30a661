"""The probe, built for every target."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from conformance.probe.build import (
    HOST,
    LANGUAGE,
    NETBSD_TARGETS,
    SOURCES,
    BuildError,
    build_probe,
)

_PT_INTERP, _PT_NOTE = 3, 4
_MACHINES = {"x86_64-netbsd": (2, 62), "x86-netbsd": (1, 3), "aarch64-netbsd": (2, 183)}


@dataclass(frozen=True)
class Elf:
    """What an ELF file says of itself: word size, machine, type, segments and notes."""

    bits: int
    machine: int
    kind: int
    segments: tuple[int, ...]
    notes: tuple[tuple[bytes, int], ...]


def read_elf(path: Path) -> Elf:
    data = path.read_bytes()
    assert data[:4] == b"\x7fELF"
    wide = data[4] == 2
    kind, machine = struct.unpack_from("<HH", data, 16)
    (table,) = struct.unpack_from("<Q" if wide else "<I", data, 32 if wide else 28)
    size, count = struct.unpack_from("<HH", data, 54 if wide else 42)
    segments, notes = [], []
    for n in range(count):
        at = table + n * size
        (segment,) = struct.unpack_from("<I", data, at)
        segments.append(segment)
        if segment == _PT_NOTE:
            (start,) = struct.unpack_from("<Q" if wide else "<I", data, at + (8 if wide else 4))
            length, _, note = struct.unpack_from("<III", data, start)
            notes.append((data[start + 12 : start + 12 + length], note))
    return Elf(data[4], machine, kind, tuple(segments), tuple(notes))


@pytest.mark.parametrize("target", NETBSD_TARGETS)
def test_the_probe_for_netbsd_needs_nothing_but_a_kernel(target: str) -> None:
    """A static executable for that machine with NetBSD's note, and no interpreter."""
    elf = read_elf(build_probe(target))
    assert (elf.bits, elf.machine) == _MACHINES[target]
    assert elf.kind == 2  # ET_EXEC
    assert _PT_INTERP not in elf.segments
    assert (b"NetBSD\0", 1) in elf.notes


def test_the_reader_of_elf_files_tells_an_interpreter() -> None:
    """Python itself, or the shell, is dynamically linked and not NetBSD's: the check can fail."""
    elves = [read_elf(Path(path).resolve()) for path in (sys.executable, "/bin/sh")]
    assert any(_PT_INTERP in elf.segments for elf in elves)


def test_the_probe_for_the_host_runs() -> None:
    """It is built with the host's compiler, and greets as a probe does."""
    done = subprocess.run([build_probe()], input=b"", capture_output=True, check=True)
    assert done.stdout.startswith(b"forkoracle-probe 3 " + os.uname().sysname.encode())


def test_an_option_that_the_probe_does_not_know_is_refused() -> None:
    """It exits with 2 and says nothing."""
    done = subprocess.run([build_probe(), "--verbs"], capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (2, b"")


def test_an_unknown_target_is_one_line() -> None:
    """BuildError names what was asked and what is allowed."""
    with pytest.raises(BuildError) as caught:
        build_probe("vax-netbsd")
    assert str(caught.value) == (
        "unknown target 'vax-netbsd': expected host, x86_64-netbsd, x86-netbsd, aarch64-netbsd"
    )


def test_a_compiler_that_fails_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """BuildError says what the compiler said, and nothing half-built is left in the cache."""
    compiler = tmp_path / "cc"
    compiler.write_text("#!/bin/sh\necho probe.c:1: out of ideas >&2\nexit 1\n", encoding="ascii")
    compiler.chmod(0o755)
    monkeypatch.setenv("CC", str(compiler))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with pytest.raises(BuildError) as caught:
        build_probe(HOST)
    assert str(caught.value) == "cannot build the probe for host: probe.c:1: out of ideas"
    assert list((tmp_path / "cache" / "forkoracle" / "probe").iterdir()) == []


def test_a_change_of_the_sources_builds_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same sources give the same file; a changed one gives another."""
    copy = tmp_path / "probe"
    copy.mkdir()
    for source in (*SOURCES.glob("*.[ch]"), LANGUAGE / "verbs.def"):
        (copy / source.name).write_bytes(source.read_bytes())
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("conformance.probe.build.SOURCES", copy)
    monkeypatch.setattr("conformance.probe.build.LANGUAGE", copy)
    built = {build_probe()}
    assert build_probe() in built
    for name in ("text.h", "text.c", "verbs.def"):
        with (copy / name).open("a", encoding="ascii") as changed:
            changed.write("/* changed */\n")
        assert build_probe() not in built
        built.add(build_probe())
    monkeypatch.setattr("reference_model.language.netbsd.NZERO", 21)
    assert build_probe() not in built
