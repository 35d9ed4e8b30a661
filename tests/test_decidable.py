"""A scenario whose log depends on speed is not decided, and the line says why."""

from __future__ import annotations

from itertools import chain, islice
from random import Random

import pytest

from conformance.results.result import Verdict
from conformance.runs.run import Run
from conformance.scenarios import decidable
from conformance.scenarios.decidable import RULES, undecidable
from conformance.scenarios.families import FAMILIES
from conformance.scenarios.programs.generate import batches
from conformance.targets.local import LocalTarget
from conformance.verbs import ENTRIES
from conformance.verbs.entry import Drawn
from reference_model import Options, Scenario, races
from reference_model.language.answer import NotDecided
from reference_model.races import find_race
from tests.scenarios import steps

OPTIONS = Options()
_SEEN = ("T: spawn P", "T: wait4 P")
_EVENT = (*_SEEN, "T: PT_SET_EVENT_MASK P PTRACE_VFORK", "T: PT_CONTINUE P", "P: __vfork14 C")
_LEFT = ("R: fork P", "P: fork C", "P: exit 0", "R: wait4 P")
_MUTUAL = (
    *("G: fork P", "T: PT_ATTACH P", "T: wait4 P", "T: PT_CONTINUE P"),
    *("P: PT_ATTACH T", "P: wait4 T", "P: PT_CONTINUE T"),
)
_STOPFORK = ("R: fork P", "R: stopfork P 1", "P: __vfork14 C")


def lines(*calls: str) -> Scenario:
    return steps("a/1", "SUCCESS", *calls)


#: The step that is named, the rule, how to write it instead, and the scenario.
RACES = [
    (6, "UNKNOWN", "name C after its first step", (*_EVENT, "T: wait4 P", "T: wait4 C")),
    (3, "UNKNOWN", "name C after its first step", (*_STOPFORK, "R: kinfo C p_realstat")),
    (2, "UNSEEN_END", "P take 'wait4 C'", ("P: fork C", "P: kill C SIGKILL", "P: wait4 C WNOHANG")),
    (1, "UNSEEN_END", "P take 'wait4 -'", ("P: fork -", "P: wait4 - WNOHANG")),
    (
        2,
        "UNSEEN_STOP",
        "P take 'wait4 C WUNTRACED'",
        ("P: fork C", "P: kill C SIGSTOP", "P: kinfo C p_realstat"),
    ),
    (1, "UNSEEN_STOP", "T take 'wait4 P WUNTRACED'", ("T: spawn P", "T: wait4 P WNOHANG")),
    (2, "WAIT_UNDER_WAY", "let T take a step", (*_SEEN, "G: PT_DETACH P")),
    (
        3,
        "UNSYNCHRONISED",
        "let P take a step",
        ("P: fork C", "P: wait4 C", "C: exit 0", "Q: kinfo C p_realstat"),
    ),
    (
        1,
        "RETURNS_LATER",
        "let P take the next step",
        ("Q: getppid", "P: vfork C", "C: exit 0", "Q: getppid", "P: getppid"),
    ),
    (
        5,
        "LEFT_TO_ITSELF",
        "leave the step out",
        (*_LEFT, "R: kill C SIGKILL", "R: kinfo C p_realstat"),
    ),
    (
        2,
        "ENDLESS",
        "act before this step",
        ("P: pipe 24 25", "P: __clone CLONE_FILES C", "C: records 24 P", "P: close 25"),
    ),
    (1, "NOT_IN_MODEL", "depends on the clock", ("P: fork C", "P: compare P C start")),
    (2, "NOT_IN_MODEL", "uninitialised", ("P: stopfork P 1", "P: fork C", "P: wait4 C WUNTRACED")),
]


@pytest.mark.parametrize(("step", "rule", "instead", "calls"), RACES)
def test_a_race_is_named_with_its_step_and_rule(
    step: int, rule: str, instead: str, calls: tuple[str, ...]
) -> None:
    broken = undecidable(lines(*calls), OPTIONS)
    assert broken is not None
    assert broken.rule.name == rule
    assert broken.line.startswith(f"step {step} {calls[step]!r}: ")
    assert f"(rule {rule}): " in broken.line
    assert instead in broken.line
    assert "{" not in broken.line


def test_too_many_open_orders_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    children = [f"P: fork {name}" for name in "CDEF"] + [f"{name}: exit 0" for name in "CDEF"]
    monkeypatch.setattr("reference_model.machine.MAX_ORDERS", 20)
    broken = undecidable(lines(*children, *["P: wait4 any"] * 4), OPTIONS)
    assert broken is not None
    assert broken.rule is decidable.TOO_MANY_ORDERS


def test_a_wake_up_that_another_order_lacks_is_no_fault() -> None:
    """If init has not reaped D, there is no room for F, and so no end of F to be late."""
    born = ("P: fork C", "C: fork D", "D: exit 0", "C: exit 0", "P: wait4 C", "P: setrlimit 3 3")
    full = ("P: setreuid free1 free1", "P: fork E", "P: fork F", "F: exit 0", "P: wait4 any")
    assert undecidable(lines(*born, *full), OPTIONS) is None
    limited = ("P: setrlimit 3 3", "P: setreuid free1 free1", *born[:-1], *full[1:])
    assert undecidable(lines(*limited), OPTIONS) is None


def test_each_rule_has_a_name_of_its_own_and_a_test() -> None:
    tested = {rule for _, rule, _, _ in RACES} | {"TOO_MANY_ORDERS"}
    assert tested == {rule.name for rule in RULES}
    assert len(tested) == len(RULES)


@pytest.mark.parametrize(
    "calls",
    [
        ("P: fork C", "P: kill C SIGKILL", "P: wait4 C"),
        ("P: fork C", "P: kill C SIGSTOP", "P: wait4 C WUNTRACED", "P: kinfo C p_realstat"),
        ("P: vfork C", "C: exit 0", "P: getppid"),
        ("P: fork -", "P: wait4 -"),
        ("P: fork -", "P: getppid"),
        (*_EVENT, "T: wait4 P", "T: PT_GET_PROCESS_STATE P", "T: wait4 C"),
        (*_EVENT, "T: wait4 P", "T: wait4 any", "T: PT_CONTINUE C", "C: exit 0", "T: wait4 C"),
        (*_LEFT, "C: exit 0", "R: kill C SIGUSR1"),
        (*_MUTUAL, "T: getppid"),
        ("P: _lwp_create L", "P: fork C", "P: wait4 C", "L: wait4 any", "C: exit 3", "P: getppid"),
        ("P: kill C SIGUSR1", "P: fork C"),
        ("P: __clone CLONE_PTRACE C", "P: kill C SIGUSR1"),
    ],
)
def test_a_scenario_that_orders_its_steps_is_decided(calls: tuple[str, ...]) -> None:
    assert undecidable(lines(*calls), OPTIONS) is None


def test_two_births_under_way_cannot_be_told_apart() -> None:
    """The probe takes the newborn of which a wait tells for the child of the first birth."""
    traced = ("PT_ATTACH {}", "wait4 {}", "PT_SET_EVENT_MASK {} PTRACE_FORK", "PT_CONTINUE {}")
    begin = [f"T: {call.format(root)}" for root in "PQ" for call in traced]
    broken = undecidable(lines(*begin, "P: fork C", "Q: fork D", *["T: wait4 any"] * 4), OPTIONS)
    assert broken is not None
    assert broken.rule is decidable.UNKNOWN


def test_a_tracee_that_ends_its_tracer_may_not_return() -> None:
    """On one CPU the tracer runs first, and its end kills the tracee (kern_exit.c, exit1())."""
    assert undecidable(lines(*_MUTUAL, "P: kill T SIGKILL"), OPTIONS) is not None


@pytest.mark.parametrize("family", FAMILIES)
def test_no_scenario_of_a_family_is_refused(family: str) -> None:
    """A sample of each; all 19,243 take four minutes, and none is refused."""
    scenarios = list(FAMILIES[family].scenarios(1))
    for scenario in Random(1).sample(scenarios, min(12, len(scenarios))):
        assert undecidable(scenario, OPTIONS) is None, scenario.text()


def test_no_generated_program_is_refused() -> None:
    for scenario in islice(chain.from_iterable(batches(OPTIONS, 1)), 60):
        assert undecidable(scenario, OPTIONS) is None, scenario.text()


def test_without_late_processes_no_race_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(races, "MAX_LATE", 0)
    calls = ("P: fork C", "P: kill C SIGKILL", "P: wait4 C WNOHANG")
    assert find_race(lines(*calls), OPTIONS) is None


def test_what_the_model_lacks_is_marked_at_its_verbs() -> None:
    drawn = [entry.programs for entry in ENTRIES.values() if isinstance(entry.programs, Drawn)]
    reasons = {hazard.why for entry in drawn for hazard in entry.hazards if not hazard.unforeseen}
    assert not [
        why for why in reasons if "not in the model" in why or "depends on the clock" in why
    ]


def test_a_root_cannot_ask_to_be_traced() -> None:
    """In NetBSD it fails if the parent is init; the probe may be the parent of a root."""
    root, child = (
        lines("P: PT_TRACE_ME"),
        lines("P: fork C", "C: PT_TRACE_ME", "C: exit 0", "P: wait4 C"),
    )
    broken = undecidable(root, OPTIONS)
    assert broken is not None
    assert broken.line.startswith("step 0 'P: PT_TRACE_ME': the parent of a root depends on the")
    assert undecidable(child, OPTIONS) is None


def test_a_race_is_not_decided_and_not_run(local: LocalTarget) -> None:
    race = lines("P: fork C", "P: kill C SIGSTOP", "P: kinfo C p_realstat")
    for given, verdict in ((True, Verdict.NOT_DECIDED), (False, None)):
        [result] = Run(local, [race], given=given).results()
        assert result.verdict is verdict or verdict is None
        assert ("(rule UNSEEN_STOP)" in result.reason) is given


def test_the_probe_gives_no_answer_for_an_unnamed_process(local: LocalTarget) -> None:
    scenario = lines(*_EVENT, "T: wait4 C", "C: exit 0")
    [(_, answer)] = local.run([scenario])
    assert isinstance(answer, NotDecided)
    if not answer.reason.startswith("no tracer"):
        assert answer.reason == "step 5 'T: wait4 C' names a process of which no step has told"


def test_the_probe_reaps_orphans_on_linux(local: LocalTarget) -> None:
    gone = (*_LEFT[:2], "C: exit 0", *_LEFT[2:], "R: sleep 50", "R: kinfo C p_realstat")
    [(_, answer)] = local.run([lines(*gone)])
    assert isinstance(answer, tuple)
    assert answer[-1] == "ESRCH"
