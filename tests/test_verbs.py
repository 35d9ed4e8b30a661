"""A verb has one home: each part of it is found by its name, and a missing part is named."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from conformance.cli import main
from conformance.scenarios.needs import NEEDS
from conformance.verbs import DRAWN, ENTRIES, NOT_DRAWN, WITHOUT_C, entry
from conformance.verbs.entry import Entry
from reference_model.language.verbs import GROUPS, VERBS
from reference_model.verbs import CALLS, call

CHECKOUT = Path(__file__).parents[1]


def test_a_verb_without_a_function_fails_by_name() -> None:
    with pytest.raises(ImportError, match="the verb reboot has no function in reference_model"):
        call.check([*VERBS, "reboot"], CALLS)


def test_a_function_without_a_verb_fails_by_name() -> None:
    with pytest.raises(ImportError, match="umask, which is no verb of the language"):
        call.check(VERBS.keys() - {"umask"}, CALLS)


def test_a_second_function_for_a_verb_fails() -> None:
    with pytest.raises(ImportError, match="the verb umask has two functions"):
        call.verb("umask")(lambda w, l: "ok")
    with pytest.raises(ImportError, match="the verb umask has two entries"):
        entry.verb("umask")


def test_a_verb_without_an_entry_fails_by_name() -> None:
    with pytest.raises(ImportError, match="the verb reboot has no entry in conformance/verbs"):
        entry.check([*VERBS, "reboot"], ENTRIES)
    with pytest.raises(ImportError, match="umask, which is no verb of the language"):
        entry.check(VERBS.keys() - {"umask"}, ENTRIES)


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        ("programs", "the verb umask does not say how programs draw it"),
        ("reproducer", "the verb umask has no C for reproducers"),
    ],
)
def test_a_missing_facet_fails_by_name(missing: str, said: str) -> None:
    changes: dict[str, None] = {missing: None}
    incomplete: dict[str, Entry] = {**ENTRIES, "umask": replace(ENTRIES["umask"], **changes)}
    with pytest.raises(ImportError, match=said):
        entry.check(VERBS, incomplete)


@pytest.mark.parametrize(
    ("module", "old", "said"),
    [
        ("reference_model/verbs/files.py", '@verb("umask")\n', "the verb umask has no function"),
        ("conformance/verbs/files.py", '    C("umask", ', "the verb umask has no C"),
    ],
)
def test_the_import_itself_fails(module: str, old: str, said: str, tmp_path: Path) -> None:
    """A copy of the packages in which one line is missing cannot be imported."""
    for package in ("reference_model", "conformance"):
        shutil.copytree(
            CHECKOUT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    path = tmp_path / module
    lines = path.read_text().splitlines(keepends=True)
    kept = [line for line in lines if not line.startswith(old.rstrip("\n"))]
    assert len(kept) == len(lines) - 1
    path.write_text("".join(kept))
    package = str(Path(module).parent).replace("/", ".")
    done = subprocess.run(
        [sys.executable, "-c", f"import {package}"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert f"ImportError: {said}" in done.stderr


def test_groups_have_the_same_names_on_every_side() -> None:
    names = {group.name for group in GROUPS}
    helpers = {"__init__", "call", "world"}
    assert {p.stem for p in (CHECKOUT / "reference_model/verbs").glob("*.py")} == names | helpers
    helpers = {"__init__", "drawing", "entry", "scene"}
    assert {p.stem for p in (CHECKOUT / "conformance/verbs").glob("*.py")} == names | helpers


def test_a_function_and_an_entry_are_in_their_group() -> None:
    for name, verb in VERBS.items():
        assert CALLS[name].function.__module__ == f"reference_model.verbs.{verb.group}"
        module = (CHECKOUT / "conformance/verbs" / f"{verb.group}.py").read_text()
        assert f'verb("{name}"' in module or f'verb(\n    "{name}"' in module, name


def _printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["verbs", *arguments]) == 0
    return " ".join(capsys.readouterr().out.split())


def test_every_verb_has_its_row(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The table has the line of each verb: its arguments, what it needs, what it does."""
    monkeypatch.setenv("COLUMNS", "400")
    printed = _printed(capsys)
    for name, verb in VERBS.items():
        cells = (name, verb.arguments, NEEDS.get(name, ""), verb.text, verb.observation)
        assert " ".join(" ".join(cells).replace("`", "").split()) in printed
    assert all(f"{group.name} {group.text}" in printed for group in GROUPS)


@pytest.mark.parametrize("name", VERBS)
def test_one_verb_is_shown_with_its_reasons(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    printed = _printed(capsys, name)
    if name in NOT_DRAWN:
        assert f"no generated program has it: {NOT_DRAWN[name]}" in printed
    else:
        assert f"generated programs have it: {DRAWN[name].topic.value}" in printed
        for hazard in DRAWN[name].hazards:
            assert f"not where {hazard.where}: {hazard.why}".replace("`", "") in printed
    reason = WITHOUT_C.get(name)
    assert (f"no reproducer can show it: {reason}" if reason else "reproducers show it") in printed


def test_an_unknown_verb_gets_the_nearest_names(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verbs", "PT_CONTINE"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("forkoracle: unknown verb 'PT_CONTINE' (did you mean PT_CONTINUE?)")
    assert error.count("\n") == 1
