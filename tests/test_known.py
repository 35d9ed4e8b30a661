"""Known differences: exact, written down with a clause and a reason, and none of them idle."""

from __future__ import annotations

from itertools import combinations, product
from pathlib import Path

import pytest

from conformance.results.result import Verdict
from conformance.scenarios.families import FAMILIES
from conformance.scenarios.families.validation import OTHER_BITS, validation
from conformance.targets.facts import linux_facts
from conformance.targets.host import LINUX_DIFFERENCES
from conformance.verdicts.judge import judge
from conformance.verdicts.known import Condition, KnownDifferences, KnownError, load_known
from reference_model import Options, allowed_logs
from reference_model.clauses import clauses
from reference_model.language.netbsd import CLONE_SIGHAND, CLONE_VM, SIGCHLD
from tests.scenarios import named, steps

ENTRY = """
[[difference]]
name = "other-status"
clause = "SYS-FORK"
reason = "a reason"
scenarios = "mine/*"
when = [{ here = true }]
steps = [{ call = "P: wait4 *", expected = "C exited 3", seen = "C exited 4" }]
"""
SCENARIO = steps("mine/one", "PARENT", "P: fork C", "C: exit 3", "P: wait4 C [SYS-FORK]")
RIGHT = ("C", "ok", "C exited 3")
WRITTEN = ("C", "ok", "C exited 4")


def load(folder: Path, text: str, **facts: bool) -> KnownDifferences:
    path = folder / "known.toml"
    path.write_text(text, encoding="utf-8")
    return load_known(path, facts)


@pytest.mark.parametrize(
    ("observed", "here", "verdict"),
    [
        (RIGHT, True, Verdict.AGREES),
        (WRITTEN, True, Verdict.KNOWN),
        (WRITTEN, False, Verdict.DIFFERENCE),
        (("C", "ok", "C exited 5"), True, Verdict.DIFFERENCE),
        (("EAGAIN", "gone", "C exited 4"), True, Verdict.DIFFERENCE),
    ],
)
def test_only_the_models_outcome_and_the_written_one_pass(
    tmp_path: Path, observed: tuple[str, ...], here: bool, verdict: Verdict
) -> None:
    """An outcome that is neither is a difference, and so is the written one under other facts."""
    known = load(tmp_path, ENTRY, here=here)
    result = judge(SCENARIO, observed, Options(), known)
    assert result.verdict is verdict
    assert list(result.known) == ["other-status"] * (verdict is Verdict.KNOWN)
    if verdict is Verdict.KNOWN:
        assert result.clause == "SYS-FORK"


def test_an_entry_is_for_the_scenarios_that_it_names(tmp_path: Path) -> None:
    """The same outcome of a scenario with another name is a difference."""
    known = load(tmp_path, ENTRY.replace("mine/*", "yours/*"), here=True)
    assert judge(SCENARIO, WRITTEN, Options(), known).verdict is Verdict.DIFFERENCE


def test_the_first_entry_of_a_topic_counts(tmp_path: Path) -> None:
    """Of two entries with one topic the second is not asked; without a topic both are."""
    second = ENTRY.replace("other-status", "second").replace("exited 4", "exited 5")
    both = ENTRY + second
    topic = both.replace("clause =", 'topic = "t"\nclause =')
    other = ("C", "ok", "C exited 5")
    assert [e.name for e in load(tmp_path, topic, here=True).of(SCENARIO)] == ["other-status"]
    assert [e.name for e in load(tmp_path, both, here=True).of(SCENARIO)] == [
        "other-status",
        "second",
    ]
    known = load(tmp_path, topic, here=True)
    assert judge(SCENARIO, other, Options(), known).verdict is Verdict.DIFFERENCE


@pytest.mark.parametrize(
    ("condition", "flags", "holds"),
    [
        (Condition(set=0x300), 0x314, True),
        (Condition(set=0x300), 0x114, False),
        (Condition(any=0x300), 0x114, True),
        (Condition(any=0x300), 0x414, False),
        (Condition(clear=0x300), 0x414, True),
        (Condition(clear=0x300), 0x114, False),
        (Condition(signal_from=64), 0x40, True),
        (Condition(signal_from=64), 0x13F, False),
        (Condition(facts=(("root", True),)), 0, True),
        (Condition(facts=(("root", False),)), 0, False),
        (Condition(facts=(("unheard", True),)), 0, False),
        (Condition(set=0x100), None, False),
        (Condition(facts=(("root", True),)), None, True),
    ],
)
def test_a_condition_holds_in_all_its_parts(
    condition: Condition, flags: int | None, holds: bool
) -> None:
    """Bits set, any of them, bits clear, the exit signal, and the host's facts."""
    assert condition.holds(flags, {"root": True}) is holds


BAD = {
    "not TOML": ("[[difference", "known.toml: "),
    "unknown clause": (ENTRY.replace("SYS-FORK", "SYS-SPOON"), "unknown clause 'SYS-SPOON'"),
    "twice": (ENTRY + ENTRY, "other-status: stands there twice"),
    "no reason": (ENTRY.replace("reason", "# reason"), "other-status: "),
    "no steps": (ENTRY.replace("steps =", "# steps ="), "other-status: 'steps'"),
    "unknown key": (ENTRY + 'colour = "red"\n', "other-status: "),
    "unknown flag": (ENTRY.replace("here = true", 'set = "CLONE_VN"'), "other-status: "),
    "a fact that is none": (ENTRY.replace("here = true", "here = 3"), "or a fact"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_one_line(tmp_path: Path, name: str) -> None:
    """KnownError names the file, the entry, and what is wrong with it."""
    text, expected = BAD[name]
    with pytest.raises(KnownError) as caught:
        load(tmp_path, text)
    message = str(caught.value)
    assert str(tmp_path / "known.toml") in message
    assert expected in message
    assert "\n" not in message


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    """KnownError says so."""
    with pytest.raises(KnownError, match="No such file"):
        load_known(tmp_path / "nothing.toml", {})


def test_every_entry_for_linux_says_where_it_is_written() -> None:
    """Each has a clause of the table, and a reason that names a man page or a source."""
    entries = load_known(LINUX_DIFFERENCES, {}).entries
    assert entries
    for entry in entries:
        assert entry.clause in clauses()
        assert entry.steps
        assert any(word in entry.reason for word in ("(2)", "kernel/", "/proc/")), entry.name


def test_no_entry_for_linux_is_idle() -> None:
    """Each changes the outcome of at least one scenario, or pair of bits, under some facts."""
    names = sorted(linux_facts())
    idle = {entry.name for entry in load_known(LINUX_DIFFERENCES, {}).entries}
    scenarios = [s for name in FAMILIES if name != "validation" for s in FAMILIES[name].scenarios()]
    scenarios += named("validation/0x???[0-9a-f]??14", "validation/0x000020*", "validation/*4?")
    pairs = combinations(OTHER_BITS, 2)
    scenarios += [validation(a | b | CLONE_VM | CLONE_SIGHAND | SIGCHLD) for a, b in pairs]
    allowed = {scenario.name: allowed_logs(scenario, Options()) for scenario in scenarios}
    for values in product((True, False), repeat=len(names)):
        known = load_known(LINUX_DIFFERENCES, dict(zip(names, values, strict=True)))
        waiting = [s for s in scenarios if {e.name for e in known.of(s)} & idle]
        for scenario in waiting:
            for _, entries in known.outcomes(scenario, allowed[scenario.name]):
                idle -= {entry.name for entry in entries}
    assert idle == set()
