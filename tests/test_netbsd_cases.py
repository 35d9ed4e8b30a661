"""docs/ptrace-cases.md: which scenario covers which case of NetBSD's own tests.

``FORKORACLE_WRITE_DOCS=1 pytest tests/test_netbsd_cases.py`` writes the page anew.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from conformance.scenarios.families import FAMILIES
from reference_model import Options, Scenario, allowed_logs
from tests.broken import break_fork

CHECKOUT = Path(__file__).parents[1]
PAGE = CHECKOUT / "docs" / "ptrace-cases.md"
_TABLE = tomllib.loads((Path(__file__).parent / "netbsd_cases.toml").read_text(encoding="utf-8"))
_HEAD = """\
# NetBSD's own test cases, and the scenarios that cover them

This page lists NetBSD's tests of fork, vfork and clone, with ptrace and without. Beside each case
it names the scenarios of forkoracle that cover it: if the case fails on a kernel, these scenarios
fail, too. If no scenario covers a case, the page gives the reason. NetBSD runs some cases once for
every way to wait; such a case counts once here. Only the names of the cases are from NetBSD.

`tests/test_netbsd_cases.py` writes this page from `tests/netbsd_cases.toml`.
"""
_BITS = ("PTRACE_FORK", "PTRACE_VFORK", "PTRACE_VFORK_DONE", "PTRACE_POSIX_SPAWN")
_NUMBERED = re.compile(r"(?:unrelated_tracer_)?(?:v?fork|clone(?:_[a-z]+)?)([0-9]+)\Z")
_SCENARIOS = {s.name: s for family in FAMILIES.values() for s in family.scenarios()}


@dataclass(frozen=True)
class Case:
    """A case: its file, its name, our scenarios, or the reason why there are none."""

    file: str
    name: str
    scenarios: tuple[str, ...]
    reason: str
    note: str


def _cases() -> Iterator[Case]:
    for file in _TABLE["file"]:
        for name, answer in file["cases"].items():
            note = _TABLE["notes"].get(name, "")
            if isinstance(answer, str):
                yield Case(file["name"], name, (), _TABLE["reasons"][answer], note)
            else:
                yield Case(file["name"], name, tuple(answer), "", note)


CASES = list(_cases())


def page() -> str:
    """docs/ptrace-cases.md, from the table."""
    with_scenario = sum(bool(case.scenarios) for case in CASES)
    text = [_HEAD, f"{len(CASES)} cases: {with_scenario} have a scenario.\n"]
    for file in _TABLE["file"]:
        revision = f" {file['revision']}" if "revision" in file else ""
        text.append(f"\n## {file['name']}{revision}\n\n| case | scenarios | |\n|---|---|---|\n")
        left_out: dict[str, list[str]] = {}
        for case in CASES:
            if case.file != file["name"]:
                continue
            if case.reason:
                left_out.setdefault(case.reason, []).append(f"`{case.name}`")
            else:
                ours = ", ".join(f"`{name}`".replace("|", "\\|") for name in case.scenarios)
                text.append(f"| `{case.name}` | {ours} | {case.note} |\n")
        for reason, names in left_out.items():
            text.append(f"| {', '.join(names)} | - | {reason} |\n")
    return "".join(text)


def missing(cases: list[Case], scenarios: Mapping[str, Scenario]) -> list[str]:
    """Returns the names of scenarios in *cases* that do not exist."""
    return [name for case in cases for name in case.scenarios if name not in scenarios]


def test_the_page_of_cases_is_that_of_the_table() -> None:
    """FORKORACLE_WRITE_DOCS=1 writes docs/ptrace-cases.md from the table."""
    if os.environ.get("FORKORACLE_WRITE_DOCS"):
        PAGE.write_text(page(), encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == page()


def test_every_scenario_that_is_named_exists() -> None:
    """Each case names scenarios of the families, and none twice in the same file."""
    assert missing(CASES, _SCENARIOS) == []
    assert len({(case.file, case.name) for case in CASES}) == len(CASES)
    assert _TABLE["notes"].keys() <= {case.name for case in CASES}


def test_a_scenario_name_that_is_gone_is_noticed() -> None:
    """A scenario that is renamed is missing from the page."""
    renamed = dict(_SCENARIOS)
    name = CASES[0].scenarios[0]
    renamed[name + "-2"] = renamed.pop(name)
    assert missing(CASES, renamed) == [name]


def test_posix_spawn_is_left_out_by_name_and_no_tracing_of_forks_is() -> None:
    """Of the ptrace cases, those without a scenario are posix_spawn's and three others'."""
    without = {case.name for case in CASES if "t_ptrace" in case.file and not case.scenarios}
    spawns = {n for n in without if "posix_spawn" in n}
    assert without - spawns == {
        "fork_setpgid",
        "vfork_setpgid",
        "unrelated_tracer_fork_setpgid",
        "unrelated_tracer_vfork_setpgid",
        "tracee_sees_its_original_parent_procfs_status",
    }
    with_scenario = {case.name for case in CASES if case.scenarios}
    assert {n for n in with_scenario if "posix_spawn" in n} == {"eventmask_preserved_posix_spawn"}


@pytest.mark.parametrize(
    "case", [c for c in CASES if c.scenarios and _NUMBERED.match(c.name)], ids=lambda c: c.name
)
def test_a_numbered_case_has_the_event_mask_that_its_number_means(case: Case) -> None:
    """Case N sets the events that are the bits of N - 1, and the scenario sets the same."""
    number = int(_NUMBERED.match(case.name)[1]) - 1  # type: ignore[index]
    mask = "|".join(event for bit, event in enumerate(_BITS) if number >> bit & 1) or "0"
    for name in case.scenarios:
        steps = _SCENARIOS[name].steps
        assert [s.args[1] for s in steps if s.verb == "PT_SET_EVENT_MASK"] == [mask]


#: For each kind of case, the mistake that it should notice, made in the model. Where the
#: case would fail, the outcome of its scenario changes.
_BREAKS = {
    "no fork is reported": ("(PSL_TRACEFORK | PSL_TRACED) and flags", "-1 and flags"),
    "no vfork is reported": ("(PSL_TRACEVFORK | PSL_TRACED) and flags", "-1 and flags"),
    "no end of vfork is reported": ("(PSL_TRACEVFORK_DONE | PSL_TRACED) and flags", "-1 and flags"),
    "every fork is reported": (
        "p.p_slflag & (PSL_TRACEFORK | PSL_TRACED) == (PSL_TRACEFORK",
        "p.p_slflag | PSL_TRACEFORK == p.p_slflag | (PSL_TRACEFORK",
    ),
    "every vfork is reported": (
        "p.p_slflag & (PSL_TRACEVFORK | PSL_TRACED) == (PSL_TRACEVFORK",
        "p.p_slflag | PSL_TRACEVFORK == p.p_slflag | (PSL_TRACEVFORK",
    ),
    "every end of vfork is reported": (
        "p.p_slflag & (PSL_TRACEVFORK_DONE | PSL_TRACED) == (PSL_TRACEVFORK_DONE",
        "p.p_slflag | PSL_TRACEVFORK_DONE == p.p_slflag | (PSL_TRACEVFORK_DONE",
    ),
}
_EVENT_OF = {
    "fork": "PTRACE_FORK",
    "vfork": "PTRACE_VFORK",
    "end of vfork": "PTRACE_VFORK_DONE",
}


@pytest.mark.parametrize("broken", _BREAKS)
def test_the_scenarios_of_ptrace_cases_see_the_model_broken(
    broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exactly the scenarios in which something else is reported then have another outcome."""
    names = {n for c in CASES if "t_ptrace" in c.file for n in c.scenarios if "sigchld" in n}
    before = {name: allowed_logs(_SCENARIOS[name], Options()) for name in names}
    break_fork(monkeypatch, *_BREAKS[broken])
    changed = {n for n in names if allowed_logs(_SCENARIOS[n], Options()) != before[n]}
    which, _, what = broken.removesuffix(" is reported").partition(" ")

    def is_concerned(name: str) -> bool:
        _, _, call, mask, _ = name.split("/")
        asked = _EVENT_OF[what] in mask.split("|")
        return ("vfork" in call) == (what != "fork") and asked == (which == "no")

    assert changed == {name for name in names if is_concerned(name)}
