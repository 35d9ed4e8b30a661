"""The documents say what is so: commands run, scenarios parse, links lead somewhere.

``FORKORACLE_WRITE_DOCS=1 pytest tests/test_docs.py`` writes docs/clauses.md anew.
"""

from __future__ import annotations

import ast
import configparser
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from conformance.scenarios.catalogue import catalogue
from reference_model import Options, allowed_logs, parse
from reference_model.clauses import clauses

CHECKOUT = Path(__file__).parents[1]
DOCUMENTS = [
    *(CHECKOUT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted((CHECKOUT / "docs").glob("*.md")),
]
CLAUSES = CHECKOUT / "docs" / "clauses.md"
_FENCE = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)#]+)[^)]*\)")
_MACHINE_PATH = re.compile(r"(?<![\w/.])/(work|root|tmp|home|opt|Users)\b|[Cc]:\\")
_CLAUSES_HEAD = """\
# The clauses of kern_fork.c 1.232

A clause is one promise of the file. The clauses are in the order of the file. A clause has the same
name everywhere: in the model, in scenarios, in known differences and in verdicts.

* `observe` is `live` if a user program can observe the clause on a running kernel. It is `source`
  if only the compiled C function shows it, with stand-ins for its callees.
* `families` lists the families that have scenarios about the clause.

`tests/test_docs.py` writes this page from the code.

| clause | lines | what it says | observe | families |
|---|---|---|---|---|
"""


@dataclass(frozen=True)
class Block:
    """A fenced block: its document, its language, the word behind that, and its text."""

    document: Path
    language: str
    word: str
    text: str


@dataclass(frozen=True)
class Command:
    """A command of a console block, what is shown of its output, and its exit status."""

    document: Path
    line: str
    output: str
    status: int


def _blocks(language: str) -> list[Block]:
    return [
        Block(document, *(group or "" for group in match.groups()))
        for document in DOCUMENTS
        for match in _FENCE.finditer(document.read_text(encoding="utf-8"))
        if match[1] == language
    ]


def _commands(block: Block) -> Iterator[Command]:
    parts = re.split(r"^\$ (.*)\n", block.text, flags=re.MULTILINE)[1:]
    shown = list(zip(parts[::2], parts[1::2], strict=True))
    for (line, output), (after, status) in zip(shown, [*shown[1:], ("", "")], strict=True):
        if line != "echo $?":
            yield Command(block.document, line, output, int(status) if after == "echo $?" else 0)


def _shown(*, to_run: bool) -> list[Command]:
    blocks = [b for b in _blocks("console") if (b.word != "not-run") == to_run]
    return [command for block in blocks for command in _commands(block)]


def _shape(output: str) -> list[str]:
    """The output without what may be otherwise the next time: numbers, and which kernel."""
    lines = re.sub(r"\d[\d.,]*", "#", output).splitlines()
    return [" ".join(line.split()) for line in lines if not line.startswith("target local")]


def clauses_document() -> str:
    """docs/clauses.md, from the code."""
    rows = []
    for entry in catalogue():
        cells = (
            f"`{entry.clause.name}`",
            entry.clause.lines,
            entry.clause.says.replace("|", "\\|"),
            entry.clause.observe,
            " ".join(entry.families) or "-",
        )
        rows.append(f"| {' | '.join(cells)} |")
    return _CLAUSES_HEAD + "\n".join(rows) + "\n"


def test_the_page_of_clauses_is_that_of_the_code() -> None:
    """docs/clauses.md is what the code gives; FORKORACLE_WRITE_DOCS=1 writes it."""
    text = clauses_document()
    if os.environ.get("FORKORACLE_WRITE_DOCS"):
        CLAUSES.write_text(text, encoding="utf-8")
    assert CLAUSES.read_text(encoding="utf-8") == text
    assert text.count("\n| `") == len(clauses())


@pytest.mark.parametrize("command", _shown(to_run=True), ids=lambda command: command.line)
def test_a_shown_command_prints_the_shown_output(command: Command, tmp_path: Path) -> None:
    """A console block's command, run beside its document's scenario files, ends and prints so."""
    if command.status != 2 and sys.platform != "linux":
        pytest.skip("the sessions shown are Linux's")
    for block in _blocks("scenario"):
        if block.word and block.document == command.document:
            (tmp_path / block.word).write_text(block.text, encoding="utf-8")
    environment = {**os.environ, "COLUMNS": "100", "XDG_STATE_HOME": str(tmp_path)}
    environment.pop("FORKORACLE_KERNEL", None)
    program, *arguments = shlex.split(command.line)
    assert program == "forkoracle", f"{command.line}: a command that is not ours needs 'not-run'"
    done = subprocess.run(
        [sys.executable, "-m", "conformance.cli", *arguments],
        cwd=tmp_path,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == command.status, done.stdout
    assert _shape(done.stdout) == _shape(command.output)


def test_the_commands_of_tox_are_environments_of_tox_ini() -> None:
    """Each `tox run -e NAME` of the documents names one, README's two among them."""
    ini = configparser.ConfigParser(interpolation=None)
    ini.read(CHECKOUT / "tox.ini", encoding="utf-8")
    named = {name.removeprefix("testenv:") for name in ini.sections()}
    known = {"py"}
    for name in named:
        braces = re.fullmatch(r"\{(.*)\}", name)
        known.update(braces[1].split(",") if braces else [name])
    texts = [document.read_text(encoding="utf-8") for document in DOCUMENTS]
    used = {name for text in texts for name in re.findall(r"tox run -e (\w+)", text)}
    assert {"py", "conformance"} <= used <= known


def test_every_scenario_that_is_shown_is_one() -> None:
    """Scenario blocks parse, their clauses exist, and a log behind one is the model's only one."""
    logs = 0
    for document in DOCUMENTS:
        scenario = None
        for match in _FENCE.finditer(document.read_text(encoding="utf-8")):
            if match[1] == "scenario":
                scenarios = parse(match[3])
                assert {c for s in scenarios for c in s.clauses()} <= clauses().keys()
                scenario = scenarios[0]
            elif match[1] == "log":
                assert scenario is not None
                assert allowed_logs(scenario, Options()) == (tuple(match[3].splitlines()),)
                logs += 1
    assert logs


def test_the_names_of_the_glossary_are_in_the_code() -> None:
    text = (CHECKOUT / "docs" / "glossary.md").read_text(encoding="utf-8")
    folders = ("reference_model", "conformance", "vm")
    paths = [path for folder in folders for path in (CHECKOUT / folder).rglob("*.py")]
    code = "\n".join(path.read_text(encoding="utf-8") for path in paths)
    cells = re.findall(r"^\| [^|]+ \| `([^`]+)` \|", text, re.MULTILINE)
    assert cells
    for name in cells:
        word = re.findall(r"\w+", name)[-1]
        defined = rf"^\s*(?:(?:class|def) {word}\b|(?:self\.)?{word}(?:: [^=\n]+)?(?: = |$))"
        is_file = any((CHECKOUT / folder / name).exists() for folder in (".", *folders))
        assert is_file or re.search(defined, code, re.MULTILINE), name


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    """Each relative link is to a file that is there."""
    for target in _LINK.findall(document.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (document.parent / target).exists(), target


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_no_path_of_one_machine(document: Path) -> None:
    """No document names a directory that only the writer has."""
    assert not _MACHINE_PATH.search(document.read_text(encoding="utf-8"))


def test_the_figures_are_those_of_the_bench() -> None:
    """docs/figures.md has a row for each figure that `forkoracle bench` measures, in its order."""
    figures = CHECKOUT / "conformance" / "commands" / "figures.py"
    tree = ast.parse(figures.read_text(encoding="utf-8"))
    names = [
        node.args[0].value
        for node in sorted(ast.walk(tree), key=lambda node: getattr(node, "lineno", 0))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "Figure"
        and isinstance(node.args[0], ast.Constant)
    ]
    page = (CHECKOUT / "docs" / "figures.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| ([^|]+?) \|", page, re.MULTILINE)[1:] == names


@pytest.mark.skipif(sys.platform != "linux", reason="the facts are Linux's")
def test_every_fact_of_linux_is_documented() -> None:
    """docs/known-differences.md lists the facts that a condition may ask for."""
    from conformance.targets.facts import linux_facts

    text = (CHECKOUT / "docs" / "known-differences.md").read_text(encoding="utf-8")
    section = text.partition("The facts on Linux:")[2]
    assert re.findall(r"^\| `(\w+)`", section, re.MULTILINE) == list(linux_facts())


@pytest.mark.parametrize("name", ["CONTRIBUTING.md", "docs/design.md"])
def test_every_file_that_is_named_is_there(name: str) -> None:
    """The files and folders that the guides speak of exist."""
    text = (CHECKOUT / name).read_text(encoding="utf-8")
    roots = [CHECKOUT, *(CHECKOUT / top for top in ("reference_model", "conformance", "vm"))]
    roots += [CHECKOUT / "conformance" / name for name in ("probe", "targets", "source")]
    named = re.findall(
        r"`([\w./]+(?:\.py|\.toml|\.def|\.h|/))`", re.sub(r"```.*?```", "", text, flags=re.S)
    )
    assert named
    for path in named:
        assert any((root / path).exists() for root in roots), path


def test_readme_is_short_and_its_picture_is_small() -> None:
    text = (CHECKOUT / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 160
    pictures = re.findall(r"!\[[^]]+\]\(([^)]+\.png)\)", text)
    assert pictures
    for picture in pictures:
        data = (CHECKOUT / picture).read_bytes()
        assert data.startswith(b"\x89PNG")
        assert len(data) < 100_000
