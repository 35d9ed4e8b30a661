"""The floors of docs/design.md hold: no import upward, no circle of files, in Python and in C."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[1]
TOPS = ("reference_model", "vm", "conformance")
#: The files that lie in conformance/ itself: the ends of the house.
_ROOMS_OF_FILES = {
    **dict.fromkeys(("cli", "conftest", "test_families", "pytest_plugin"), "commands"),
    **dict.fromkeys(("errors", "input", "output"), "base"),
}
#: Folders with C files of ours.
C_FOLDERS = ("conformance/probe", "conformance/source", "conformance/reproducer")
Graph = Mapping[str, frozenset[str]]


def floors() -> list[list[str]]:
    """The floors of the picture in docs/design.md, the lowest first: the rooms of each."""
    text = (CHECKOUT / "docs" / "design.md").read_text(encoding="utf-8")
    found = re.search(r"^```text\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert found
    lines = [line.split("#")[0] for line in found[1].splitlines()]
    return [line.split() for line in reversed(lines) if line.strip()]


def room_of(module: str) -> str:
    """The room of a module."""
    words = module.split(".")
    if words[:2] == ["reference_model", "language"]:
        return "language"
    if words[0] != "conformance":
        return words[0]
    return _ROOMS_OF_FILES.get(words[1], words[1]) if len(words) > 1 else "base"


def modules(root: Path) -> dict[str, Path]:
    """The files of our packages by the names of their modules."""
    return {
        ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__"): path
        for top in TOPS
        for path in (root / top).rglob("*.py")
    }


def imports(root: Path) -> Graph:
    """What each module imports of ours, wherever in the file it does so."""
    named = modules(root)
    graph = {}
    for module, path in named.items():
        found: set[str] = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                assert not node.level, f"{path}: a relative import"
                parts = [f"{node.module}.{alias.name}" for alias in node.names]
                found.update(part if part in named else str(node.module) for part in parts)
        graph[module] = frozenset(found & set(named)) - {module}
    return graph


def upward(graph: Graph, levels: list[list[str]]) -> set[tuple[str, str]]:
    """The imports of a room that is not on a lower floor."""
    floor = {room: number for number, rooms in enumerate(levels) for room in rooms}
    return {
        (importer, imported)
        for importer, names in graph.items()
        for imported in names
        if room_of(importer) != room_of(imported)
        and floor[room_of(importer)] <= floor[room_of(imported)]
    }


def circle(graph: Graph) -> list[str]:
    """A circle of files; empty where there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def includes(paths: Iterable[Path]) -> Graph:
    """Which C files include which, by name; only those of the same folder."""
    named = {path.name: path for path in paths}
    return {
        name: frozenset(re.findall(r'^#\s*include\s+"(?:.*/)?([^"/]+)"', path.read_text(), re.M))
        & set(named)
        for name, path in named.items()
    }


_COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", re.DOTALL)
_ATTRIBUTE = re.compile(r"__attribute__\(\(.*?\)\)")
_DEFINED = re.compile(r"^(?:[A-Za-z_][\w \t*]*[ \t*\n])?([A-Za-z_]\w*)\([^;{}]*\)\s*\{", re.M)


def calls(paths: Iterable[Path]) -> Graph:
    """Which C files call functions that another one defines; a unit's static ones are its own."""
    texts = {p.name: _ATTRIBUTE.sub(" ", _COMMENT.sub(" ", p.read_text())) for p in paths}
    home: dict[str, str] = {}
    own: dict[str, set[str]] = {name: set() for name in texts}
    for name, text in texts.items():
        for found in _DEFINED.finditer(text):
            if name.endswith(".c") and re.search(r"\bstatic\b", found[0]):
                own[name].add(found[1])
            else:
                home[found[1]] = name
    return {
        name: frozenset(
            home[word]
            for word in re.findall(r"\b([A-Za-z_]\w*)\s*\(", text)
            if word in home and word not in own[name]
        )
        - {name}
        for name, text in texts.items()
    }


def c_files(folder: str) -> list[Path]:
    return [p for p in (CHECKOUT / folder).rglob("*") if p.suffix in (".c", ".h")]


def test_every_room_has_a_floor() -> None:
    rooms = [room for floor in floors() for room in floor]
    assert len(rooms) == len(set(rooms))
    assert set(rooms) == {room_of(module) for module in modules(CHECKOUT)}


def test_no_import_goes_upward() -> None:
    assert upward(imports(CHECKOUT), floors()) == set()


def test_no_python_files_import_each_other_in_a_circle() -> None:
    assert circle(imports(CHECKOUT)) == []


@pytest.mark.parametrize("folder", C_FOLDERS)
def test_no_c_files_include_each_other_in_a_circle(folder: str) -> None:
    assert circle(includes(c_files(folder))) == []


@pytest.mark.parametrize("folder", C_FOLDERS)
def test_no_c_units_call_each_other_in_a_circle(folder: str) -> None:
    # A program has the units of one system only.
    for other in ("_linux", "_netbsd"):
        assert circle(calls(p for p in c_files(folder) if other not in p.name)) == []


def planted(root: Path, **texts: str) -> Graph:
    """The imports of a house with these files; ``__`` stands for a slash."""
    for name, text in texts.items():
        path = root / (name.replace("__", "/") + ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return imports(root)


def test_an_import_that_is_planted_is_found(tmp_path: Path) -> None:
    graph = planted(
        tmp_path,
        conformance__verdicts__judge="def f():\n    from conformance.targets import base\n",
        conformance__targets__base="import conformance.verdicts.judge\nimport vm.qemu\n",
        vm__qemu="from reference_model.language import netbsd\n",
        reference_model__language__netbsd="",
    )
    levels = [["language", "vm"], ["verdicts"], ["targets"]]
    assert upward(graph, levels) == {
        ("conformance.verdicts.judge", "conformance.targets.base"),
        ("vm.qemu", "reference_model.language.netbsd"),
    }
    assert set(circle(graph)) == {"conformance.verdicts.judge", "conformance.targets.base"}


def test_circles_that_are_planted_in_c_are_found(tmp_path: Path) -> None:
    files = {
        "a.h": '#include "b.h"\nint one(int n);\n',
        "b.h": '# include "a.h"\n',
        "a.c": "int\none(int n)\n{\n\treturn two(n);\n}\n",
        "b.c": "static int help(void) { return 0; }\nint two(int n) { return one(n) + help(); }\n",
        "c.c": '/* one(1) */\nint help(void) {\n\treturn s("two(2)");\n}\n',
    }
    paths = [tmp_path / name for name in files]
    for path in paths:
        path.write_text(files[path.name])
    assert set(circle(includes(paths))) == {"a.h", "b.h"}
    assert set(circle(calls(paths))) == {"a.c", "b.c"}
    assert calls(paths)["c.c"] == frozenset()
