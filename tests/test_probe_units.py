"""The probe's C: units of one subject each, headers that only declare, and no circle of files."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from conformance.probe.build import HOST, SOURCES, build_probe, compile_command, sources, units
from reference_model.language.verbs import GROUPS, Need

MAX_LINES = 400
#: Where the kernel, or raw_fork, begins a process: probe.c, which knows all roles.
_ENTRIES = {"probe_start", "child_main", "lwp_main"}
_HAS_NM = pytest.mark.skipif(shutil.which("nm") is None, reason="no nm")
_PARTS = [path.name for path in sorted(SOURCES.glob("*.[ch]"))]


def _text(name: str) -> str:
    return (SOURCES / name).read_text(encoding="ascii")


def _included(text: str) -> set[str]:
    return {n for n in re.findall(r'^#\s*include "([\w.]+)"', text, re.MULTILINE) if n in _PARTS}


def circle_of(graph: Mapping[str, set[str]]) -> list[str] | None:
    """Returns the files of a circle, or None."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        found: list[str] = error.args[1]
        return found
    return None


def calls_between(symbols: Mapping[str, str]) -> dict[str, set[str]]:
    """Returns the units that each unit calls, from what ``nm -P -g`` says of each."""
    rows = {unit: re.findall(r"^(\w+) (\w)", text, re.MULTILINE) for unit, text in symbols.items()}
    home = {name: unit for unit, found in rows.items() for name, kind in found if kind not in "Uwv"}
    return {
        unit: {home[name] for name, _ in found if name in home and name not in _ENTRIES} - {unit}
        for unit, found in rows.items()
    }


def defines_a_function(text: str) -> bool:
    """Returns whether there is a body of a function."""
    code = re.sub(r"/\*.*?\*/|^[ \t]*#(?:.*\\\n)*.*$", "", text, flags=re.DOTALL | re.MULTILINE)
    return bool(re.search(r"\)\s*\{", code))


@pytest.mark.parametrize("name", _PARTS)
def test_no_file_is_longer_than_400_lines(name: str) -> None:
    assert _text(name).count("\n") <= MAX_LINES


def test_headers_only_declare() -> None:
    for name in _PARTS:
        if name.endswith(".h"):
            assert not defines_a_function(_text(name)), name
            assert not re.search(r"^static ", _text(name), re.MULTILINE), name


def test_a_function_in_a_header_is_noticed() -> None:
    assert defines_a_function("int f(void) { return 0; }")
    assert defines_a_function("int f(void)\n{\n\treturn 0;\n}\n")
    assert not defines_a_function("#define F(x) ((x) {\nint f(void); /* f() { */\nstruct s {\n")


def test_headers_include_each_other_in_one_direction() -> None:
    headers = {name: _included(_text(name)) for name in _PARTS if name.endswith(".h")}
    assert circle_of(headers) is None


def test_a_circle_is_noticed() -> None:
    circle = circle_of({"a": {"b"}, "b": {"c"}, "c": {"a"}})
    assert circle is not None
    assert set(circle) == {"a", "b", "c"}


def test_a_call_between_units_is_noticed() -> None:
    assert calls_between({"a.c": "f T 0 1\ng U\n", "b.c": "g T 0 1\nf U\nchild_main U\n"}) == {
        "a.c": {"b.c"},
        "b.c": {"a.c"},
    }


def test_every_verb_has_its_function_in_its_groups_file() -> None:
    for group in GROUPS:
        text = _text(f"verbs_{group.name}.c")
        found = re.findall(r"^void do_(\w+)\(struct act \*act\)", text, re.MULTILINE)
        assert sorted(found) == sorted(verb.name for verb in group.verbs), group.name


def test_a_verb_that_every_kernel_has_needs_its_function(tmp_path: Path) -> None:
    """Without it the program cannot be linked; without one of NetBSD's, Linux's still can."""
    texts = sources(HOST)
    plain = "void do_store(struct act *act)"
    assert [v.needs for g in GROUPS for v in g.verbs if v.name == "store"] == [Need.NOTHING]
    for text, good in (
        (texts["verbs_memory.c"], True),
        (
            texts["verbs_memory.c"].replace(
                plain, "void do_stor(struct act *act);\nvoid do_stor(struct act *act)"
            ),
            False,
        ),
    ):
        for name, content in {**texts, "verbs_memory.c": text}.items():
            (tmp_path / name).write_text(content, encoding="ascii")
        middle = tmp_path / "probe.o"
        subprocess.run(compile_command(HOST, tmp_path / "all.c", middle), check=True)
        link = ["cc", "-nostdlib", "-static", "-no-pie", "-o", str(tmp_path / "probe"), str(middle)]
        done = subprocess.run(link, capture_output=True, text=True, check=False)
        assert (done.returncode == 0) is good
        assert good or "do_store" in done.stderr


@_HAS_NM
@pytest.mark.parametrize("target", [HOST, "x86_64-netbsd"])
def test_units_compile_alone_and_call_in_one_direction(target: str, tmp_path: Path) -> None:
    for name, text in sources(target).items():
        (tmp_path / name).write_text(text, encoding="ascii")
    symbols = {}
    for unit in units(target):
        command = compile_command(target, tmp_path / unit, tmp_path / "unit.o")
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{unit}: {done.stderr}"
        listed = ["nm", "-P", "-g", str(tmp_path / "unit.o")]
        symbols[unit] = subprocess.run(listed, capture_output=True, text=True, check=True).stdout
    calls = calls_between(symbols)
    assert "stage.c" in calls["actor.c"]
    assert circle_of(calls) is None


@_HAS_NM
def test_small_data_lies_in_one_page_before_all_that_is_large() -> None:
    """Each page of data that a new process writes to costs it a page fault."""
    listed = subprocess.run(["nm", "-S", build_probe()], capture_output=True, text=True, check=True)
    data = [
        (int(place, 16), int(size, 16))
        for place, size, _ in re.findall(r"^(\w+) (\w+) ([bB]) ", listed.stdout, re.MULTILINE)
    ]
    small = [place for place, size in data if size < 4096]
    large = [place for place, size in data if size >= 4096]
    written = [place for place in small if place < min(large)]
    assert {place // 4096 for place in written} == {min(small) // 4096}
    assert len(small) - len(written) <= 1  # the mailbox's sector, which only init has
