"""The probe, built for every target."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from conformance.probe import build
from conformance.probe.build import (
    HOST,
    LANGUAGE,
    NETBSD_TARGETS,
    SOURCES,
    BuildError,
    build_probe,
)
from vm.elf import notes

_MACHINES = {
    "x86_64-netbsd": (64, "EM_X86_64"),
    "x86-netbsd": (32, "EM_386"),
    "aarch64-netbsd": (64, "EM_AARCH64"),
}


def segments(elf: ELFFile) -> set[str]:
    return {segment["p_type"] for segment in elf.iter_segments()}


@pytest.mark.parametrize("target", NETBSD_TARGETS)
def test_the_probe_for_netbsd_needs_nothing_but_a_kernel(target: str) -> None:
    """A static executable for that machine with NetBSD's note, and no interpreter."""
    with build_probe(target).open("rb") as file:
        elf = ELFFile(file)
        assert (elf.elfclass, elf["e_machine"]) == _MACHINES[target]
        assert elf["e_type"] == "ET_EXEC"
        assert "PT_INTERP" not in segments(elf)
    assert ("NetBSD", "NT_GNU_ABI_TAG") in notes(build_probe(target).read_bytes())


def test_the_reader_of_elf_files_tells_an_interpreter() -> None:
    """Python itself, or the shell, is dynamically linked and not NetBSD's: the check can fail."""
    found = set()
    for path in (sys.executable, "/bin/sh"):
        with open(path, "rb") as file:
            found |= segments(ELFFile(file))
    assert "PT_INTERP" in found


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
    """The same sources give the same file; a changed one gives another.

    Which code the compiler makes of them is the same to this, so it is the quickest to make.
    """
    quick = tuple("-O0" if flag == "-O2" else flag for flag in build._COMMON)
    monkeypatch.setattr(build, "_COMMON", quick)
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
