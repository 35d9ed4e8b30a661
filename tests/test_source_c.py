"""The C side of the source target: warnings, sizes, headers, and one table for C and Python."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from conformance.source import callees
from conformance.source.kept import KEPT, keep, take
from conformance.source.library import harness, make_headers
from conformance.source.tables import CALLS

FOLDER = Path(callees.__file__).with_name("c")
UNITS = sorted(FOLDER.glob("*.c"))


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
@pytest.mark.parametrize("revision", [(1, 213), (1, 232)])
def test_each_unit_compiles_alone_without_a_warning(
    compiler: str, revision: tuple[int, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if shutil.which(compiler) is None:
        pytest.skip(f"no {compiler}")
    monkeypatch.setenv("CC", compiler)
    make_headers(tmp_path)
    strict = ["-Wall", "-Wextra", "-Wmissing-prototypes", "-Wstrict-prototypes", "-Werror"]
    command = harness(tmp_path, revision, [*strict, "-DFORKORACLE_COVERAGE"]).command
    alone = [*command[: command.index("-c")], "-fsyntax-only", *map(str, UNITS)]
    done = subprocess.run(alone, cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_unit_has_at_most_400_lines() -> None:
    long = {p.name: n for p in FOLDER.iterdir() if (n := len(p.read_text().splitlines())) > 400}
    assert long == {}


def test_headers_only_declare() -> None:
    """Nothing in a header is code or an object: no "static", no function body."""
    for path in FOLDER.glob("*.h"):
        text = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.DOTALL)
        text = re.sub(r"^#.*(?:\\\n.*)*$", "", text, flags=re.MULTILINE)
        assert "static" not in text, path.name
        assert not re.search(r"\)\s*\{", text), path.name


def test_every_call_is_noted_on_both_sides() -> None:
    c = "".join(path.read_text() for path in UNITS)
    folder = Path(callees.__file__).parent
    python = "".join((folder / name).read_text() for name in ("callees.py", "world.py"))
    for call in CALLS.values():
        assert re.search(rf"\bNOTE\(\s*{call.name}\b", c), call.name
        assert re.search(rf"\bNUMBER\.{call.name}\b", python), call.name


@pytest.fixture
def objects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of its own; returns where the objects are kept."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache/forkoracle/objects"


def test_a_kept_object_is_found_by_what_it_is_made_of(tmp_path: Path, objects: Path) -> None:
    """Another option, header or compiler makes another object."""
    folders = [tmp_path / name for name in "abc"]
    for folder in folders:
        folder.mkdir()
        make_headers(folder)
    made = harness(folders[0], (1, 232))
    made.object.write_bytes(b"object")
    made.keep()
    same = harness(folders[1], (1, 232))
    assert same.is_kept()
    assert same.object.read_bytes() == b"object"
    assert not harness(folders[1], (1, 231)).is_kept()
    assert not harness(folders[1], (1, 232), ["-DMORE"]).is_kept()
    (folders[2] / "constants.h").write_text("#define NEW 1\n")
    assert not harness(folders[2], (1, 232)).is_kept()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CC", "cc -m64")
        assert not harness(folders[1], (1, 232)).is_kept()


def test_only_the_last_used_objects_are_kept(tmp_path: Path, objects: Path) -> None:
    made = tmp_path / "made.o"
    made.write_bytes(b"object")
    for number in range(KEPT):
        keep(str(number), made)
        os.utime(objects / str(number), (number, number))
    assert take("0", tmp_path / "out.o")
    keep("new", made)
    assert {path.name for path in objects.iterdir()} == {"new", "0", *map(str, range(2, KEPT))}


def test_an_object_that_cannot_be_kept_is_no_error(tmp_path: Path, objects: Path) -> None:
    objects.parent.mkdir(parents=True)
    objects.write_text("a file in the place of the folder")
    (tmp_path / "made.o").write_bytes(b"object")
    keep("key", tmp_path / "made.o")
    assert not take("key", tmp_path / "out.o")
