"""The C side of the source target: warnings, sizes, headers, and one table for C and Python."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from conformance.source import callees
from conformance.source.library import harness_command, make_headers
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
    command, _ = harness_command(tmp_path, revision, [*strict, "-DFORKORACLE_COVERAGE"])
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
        assert re.search(rf"\bNOTE\({call.name}\b", c), call.name
        assert re.search(rf"\bNUMBER\.{call.name}\b", python), call.name
