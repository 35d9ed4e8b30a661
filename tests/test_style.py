"""How names and texts are written: as much of it as a test can see."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

CHECKOUT = Path(__file__).parents[1]
CODE = ("reference_model", "conformance", "vm", "tests")
PAGES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/*.md")
#: A test's name without its `test_`.
LONGEST_NAME = 60
RIDDLES = re.compile(r"\b(whoever|nobody|so many|what stands behind)\b", re.IGNORECASE)
#: Keyword arguments of argparse that a user reads.
HELP = {"help", "description", "epilog"}


def _files(*patterns: str) -> list[Path]:
    return sorted(path for pattern in patterns for path in CHECKOUT.glob(pattern))


def _documented(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """The modules, classes and functions that are public, with their docstrings."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            name = getattr(node, "name", "the module")
            if not name.startswith("_"):
                yield name, ast.get_docstring(node) or ""


def _helps(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """The texts of the command's help."""
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg in HELP:
            for part in ast.walk(node.value):
                if isinstance(part, ast.Constant) and isinstance(part.value, str):
                    yield f"line {part.lineno}", part.value


def _tests() -> Iterator[tuple[Path, ast.FunctionDef]]:
    for path in _files("tests/test_*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                yield path, node


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9]+", text.lower())


def test_docstrings_and_help_have_no_riddles() -> None:
    found = {}
    for path in _files(*(f"{folder}/**/*.py" for folder in CODE)):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        texts = [*_documented(tree), *_helps(tree)]
        riddles = [(where, match[0]) for where, text in texts if (match := RIDDLES.search(text))]
        if riddles:
            found[str(path)] = riddles
    assert found == {}


def test_pages_have_no_riddles() -> None:
    found = []
    for path in _files(*PAGES):
        lines = enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        found += [(str(path), number, line) for number, line in lines if RIDDLES.search(line)]
    assert found == []


def test_names_of_tests_are_short_and_plain() -> None:
    names = {node.name.removeprefix("test_") for _, node in _tests()}
    assert {name for name in names if len(name) > LONGEST_NAME} == set()
    assert {name for name in names if RIDDLES.search(name.replace("_", " "))} == set()


def test_no_docstring_of_a_test_repeats_its_name() -> None:
    repeated = {
        node.name
        for _, node in _tests()
        if (text := ast.get_docstring(node)) and set(_words(text)) <= set(_words(node.name))
    }
    assert repeated == set()
