"""Generated programs: the same for the same seed, and good ones."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from itertools import chain, islice, pairwise
from pathlib import Path

import pytest

from conformance.scenarios.needs import ALONE, needs
from conformance.scenarios.programs import draft, rules
from conformance.scenarios.programs.draft import is_orderly
from conformance.scenarios.programs.generate import BATCH, batches, program
from conformance.scenarios.sense import makes_sense
from conformance.verbs import DRAWN
from reference_model import Options, Scenario, parse
from reference_model.clauses import clauses
from tests.scenarios import steps

OPTIONS = Options()


def drawn(
    number: int, seed: int = 1, options: Options = OPTIONS, lacks: frozenset[str] = frozenset()
) -> list[Scenario]:
    """Returns the first *number* programs of a seed."""
    return list(islice(chain.from_iterable(batches(options, seed, lacks)), number))


def test_a_seed_gives_the_same_programs() -> None:
    """Name for name and step for step; another seed gives others."""
    first = drawn(150)
    assert drawn(150) == first
    assert drawn(150, seed=2) != first


def test_batches_differ_and_grow() -> None:
    """Each goes on where the one before ended, and has its own programs; the first come soon."""
    all_of_them = list(islice(batches(OPTIONS, 1), 5))
    for one, two in pairwise(all_of_them):
        assert not {s.name for s in one} & {s.name for s in two}
        assert len({s.steps for s in one} & {s.steps for s in two}) < len(two) / 10
    assert 0 < len(all_of_them[0]) < len(all_of_them[-1]) / 4
    assert BATCH / 2 < len(all_of_them[-1]) <= BATCH


def test_programs_are_scenarios_with_known_clauses() -> None:
    """Each can be written and read back, makes sense, and names only clauses that there are."""
    programs = drawn(200, seed=3)
    assert any(scenario.traced for scenario in programs)
    for scenario in programs:
        assert parse(scenario.text()) == [scenario]
        assert makes_sense(scenario, OPTIONS)
        assert is_orderly(scenario, OPTIONS)
        assert scenario.clauses() <= clauses().keys()


def test_programs_are_of_many_kinds() -> None:
    """Within 600 every kind of fork succeeds, and is refused for its flags or a limit."""
    seen = {
        (step.verb, word.partition(" ")[2].partition(" ")[0] or (word[:1].isupper() and word))
        for scenario in drawn(600)
        for step, word in zip(scenario.steps, _log(scenario), strict=True)
    }
    verbs = {verb for verb, _ in seen}
    assert {"fork", "vfork", "__vfork14", "__clone", "wait4", "exit", "sigaction"} <= verbs
    assert {("vfork", "blocked"), ("__vfork14", "blocked"), ("__clone", "blocked")} <= seen
    assert {("__clone", "EINVAL"), ("fork", "EAGAIN"), ("wait4", "exited")} <= seen


def _log(scenario: object) -> tuple[str, ...]:
    from reference_model import predict

    assert isinstance(scenario, Scenario)
    return predict(scenario, OPTIONS)


@pytest.mark.parametrize("data", [b"", bytes(300), bytes(range(256)), b"\xff" * 300])
def test_any_bytes_are_a_program(data: bytes) -> None:
    """Too few bytes, or odd ones, still give steps."""
    assert program(data, OPTIONS)


def test_programs_change_the_user_only_as_root() -> None:
    """Only root can become a user of its own."""
    for scenario in drawn(300, options=Options(uid=1000)):
        assert not any(step.verb == "setreuid" for step in scenario.steps)


_LIMITED = """
from conformance.scenarios.programs.generate import limited
from reference_model import Options
print(sum(len(batch) for batch in limited(Options(), 1, 250, None)))
"""


def test_the_number_asked_for_is_generated_without_files(tmp_path: Path) -> None:
    """As many as were asked for, over several batches; Hypothesis keeps no folder there."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, "-c", _LIMITED],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "250\n"
    assert list(tmp_path.iterdir()) == []


def test_every_verb_comes_up() -> None:
    """Each verb of the table is in some program of the first 7,000."""
    wanted = set(DRAWN)
    for scenario in islice(chain.from_iterable(batches(OPTIONS, 1)), 7000):
        wanted -= {step.verb for step in scenario.steps}
        if not wanted:
            break
    assert not wanted


def test_verbs_that_a_kernel_lacks_are_not_generated() -> None:
    """Without ptrace, ktrace or a system of our own, nothing is drawn that needs them."""
    lacks = frozenset({"PTRACE", "KTRACE", "AIO", "CLOFORK", ALONE})
    for scenario in drawn(200, lacks=lacks):
        assert not needs(scenario) & lacks


_BORN_STOPPED = (
    "T: spawn P",
    "T: wait4 P",
    "T: PT_SET_EVENT_MASK P PTRACE_FORK",
    "T: PT_CONTINUE P",
    "P: fork C",
    "T: wait4 P",
)
_TELLS = "T: PT_GET_PROCESS_STATE P"
_BOTH_GO_ON = ("T: wait4 C", "T: PT_CONTINUE P", "P: getppid", "T: PT_CONTINUE C", "C: getppid")
_KILLED_WITH_ITS_TRACER = (
    "P: fork Q",
    "P: fork C",
    "Q: PT_ATTACH C",
    "Q: wait4 C",
    "Q: PT_CONTINUE C",
    "C: getppid",
    "P: kill Q SIGKILL",
)


#: If init reaps D after kern.maxproc is set, there is room for -, which ends in its own time.
_MAY_BE_REFUSED = (
    *("P: fork C", "C: fork D", "D: exit 0", "C: exit 0", "P: wait4 C"),
    *("P: maxproc 2", "P: fork E", "P: fork -", "P: wait4 any WNOHANG"),
)
_FORKS_AND_WAITS = ("P: _lwp_create L", "L: vfork C", "C: getppid", "P: wait4 C")
_BOTH_WAIT = ("P: _lwp_create L", "P: fork C", "P: wait4 C", "L: wait4 any")


@pytest.mark.parametrize(
    ("lines", "orderly"),
    [
        (("P: fork C", "P: kill C SIGKILL", "P: wait4 C"), True),
        (("P: fork C", "P: kill C SIGKILL", "P: getppid"), False),
        (("P: fork C", "P: kill C SIGKILL"), False),
        (("P: vfork C", "C: exit 0", "P: getppid"), True),
        (("Q: getppid", "P: vfork C", "C: exit 0", "Q: getppid", "P: getppid"), False),
        (("P: fork C", "C: fork D", "C: exit 0", "P: kill D SIGURG"), True),
        (("P: fork C", "C: fork D", "C: exit 0", "D: exit 0", "P: kill D SIGURG"), True),
        (("P: fork -", "P: wait4 -"), True),
        (("P: fork -", "P: getppid"), False),
        (("P: __clone CLONE_FILES C", "C: exec 20", "P: getppid"), False),
        (("P: __vfork14 C", "C: exec self", "P: getppid", "C: getppid"), True),
        (("P: __vfork14 C", "C: exec self", "C: getppid", "P: getppid"), False),
        (("P: pipe 24 25", "P: fork C", "C: exec 24", "P: kill C SIGKILL", "P: wait4 C"), True),
        (("T: PT_ATTACH P", "T: wait4 P", "T: PT_DETACH P", "P: getppid"), True),
        (("T: PT_ATTACH P", "T: PT_DETACH P", "T: wait4 P", "P: getppid"), False),
        (("T: spawn P", "T: wait4 P", "T: PT_KILL P", "T: wait4 P"), True),
        (("T: spawn P", "T: PT_SET_EVENT_MASK P 0", "T: wait4 P", "T: PT_KILL P"), False),
        (("T: spawn P", "T: wait4 P WNOHANG", "T: wait4 P", "T: PT_DETACH P"), False),
        (("T: spawn P", "T: wait4 P", "P: getppid"), False),
        (("T: PT_ATTACH P", "T: wait4 P", "T: PT_CONTINUE P SIGUSR1", "P: getppid"), False),
        ((*_BORN_STOPPED, "T: PT_GET_SIGINFO P", _TELLS, *_BOTH_GO_ON), False),
        ((*_BORN_STOPPED, _TELLS, "T: PT_GET_SIGINFO P", *_BOTH_GO_ON), True),
        ((*_KILLED_WITH_ITS_TRACER, "P: wait4 Q", "P: wait4 C"), True),
        ((*_KILLED_WITH_ITS_TRACER, "P: wait4 Q", "P: getppid"), False),
        (("P: fork C", "P: fork -", "P: wait4 -", "C: getppid"), False),
        (("P: fork C", "P: fork -", "P: wait4 -", "P: getppid", "C: getppid"), True),
        (("P: fork C", "P: kill C SIGKILL", "P: wait4 C", "Q: getppid"), False),
        (("P: fork C", "P: kill C SIGKILL", "P: wait4 C WNOHANG"), False),
        (("P: fork C", "C: exit 0", "P: wait4 C", "Q: getppid"), True),
        (("P: setreuid free1 free1", "Q: setreuid free1 free1", "Q: exit 0"), True),
        (("P: setreuid free1 free1", "P: fork C", "C: exit 0"), True),
        (("P: pipe 24 25", "P: __clone CLONE_FILES C", "C: records 24 P", "P: close 25"), False),
        (("P: pipe 24 25", "P: close 25", "P: records 24 P"), True),
        (("T: spawn P", "T: wait4 P", "G: PT_DETACH P", "T: PT_DETACH P"), False),
        (("T: spawn P", "T: wait4 P", "T: getppid", "G: PT_DETACH P", "T: PT_DETACH P"), True),
        ((*_BOTH_WAIT, "C: exit 3", "P: getppid", "L: getppid"), True),
        ((*_BOTH_WAIT, "C: exit 3", "P: getppid", "Q: getppid", "L: getppid"), False),
        ((*_BOTH_WAIT, "C: exit 3", "P: fork D", "L: getppid"), False),
        (("P: _lwp_create L", "L: vfork C", "P: getppid", "C: exit 0", "L: wait4 C"), True),
        (("P: _lwp_create L", "L: vfork C", "C: exit 0", "P: getppid", "L: wait4 C"), False),
        ((*_FORKS_AND_WAITS, "C: exit 0", "L: getppid", "P: getppid"), True),
        ((*_FORKS_AND_WAITS, "C: exit 0", "P: getppid", "L: getppid"), False),
        (("P: fork C", "C: _lwp_create L", "P: kill C SIGKILL", "P: wait4 C"), True),
        (("P: fork C", "C: _lwp_create L", "P: kill C SIGKILL", "P: getppid"), False),
        (("P: fork C", "C: _lwp_create L", "L: exit 3", "P: wait4 C"), True),
        (("P: fork C", "P: exit 0", "Q: kill Q SIGTTIN"), True),
        (("P: fork C", "P: exit 0", "C: exit 0", "Q: kill Q SIGTTIN"), False),
        (("P: fork C", "C: exit 0", "P: wait4 C", "Q: kill Q SIGTTIN"), True),
        (("P: fork C", "C: fork D", "D: exit 0", "C: compare D P p_ppid"), True),
        (("P: fork C", "C: fork D", "C: exit 0", "P: compare D P p_ppid"), False),
        (("P: sigaction SIGCHLD ignore", "P: fork C", "P: PT_ATTACH C"), False),
        (("T: sigaction SIGCHLD ignore", "T: spawn P"), False),
        (("T: spawn P", "T: wait4 P", "T: sigaction SIGCHLD ignore", "T: PT_DETACH P"), False),
        (("T: spawn P", "T: wait4 P", "T: sigaction SIGURG ignore", "T: PT_DETACH P"), True),
    ],
)
def test_racy_orders_are_known(lines: tuple[str, ...], *, orderly: bool) -> None:
    """A released actor acts next; a death or stop is waited for; no step names a gone actor."""
    assert is_orderly(steps("a/1", "SUCCESS", *lines), OPTIONS) is orderly


def test_the_parent_of_a_newborn_stays_untraced_until_told() -> None:
    """A newborn stops in its own time; then its parent's SIGCHLD is lost, or that one is traced."""
    born = ("P: fork C", "C: spawn D")
    attached = ("T: PT_ATTACH C", "T: wait4 C WUNTRACED", "T: PT_CONTINUE C")
    seen = ("C: wait4 D WUNTRACED", "C: getppid")
    for lines, orderly in (((*attached, *seen), False), ((*seen, *attached, "C: getppid"), True)):
        assert is_orderly(steps("a/1", "SUCCESS", *born, *lines), OPTIONS) is orderly


def test_vforks_end_and_signal_race_only_with_a_terminal() -> None:
    """exit1 holds proc_lock between them, unless it has to give a terminal up."""
    signal = "P: sigprocmask unblock SIGUSR1"
    birth = "P: __clone CLONE_VFORK|SIGUSR1 C"
    leads = ("C: setsid", "C: controlling_tty")
    caught = "P: sigaction SIGUSR1 catch"
    for middle, orderly in (((), True), (leads[:1], True), (leads, False)):
        lines = (signal, caught, birth, *middle, "C: exit 0", "P: getppid")
        assert is_orderly(steps("a/1", "SUCCESS", *lines), OPTIONS) is orderly


def test_a_tracee_that_ends_its_tracer_may_never_return() -> None:
    """A tracee is killed as its tracer ends: the call that ended that one may never return."""
    mutual = (
        "G: fork P",
        "T: PT_ATTACH P",
        "T: wait4 P",
        "T: PT_CONTINUE P",
        "P: PT_ATTACH T",
        "P: wait4 T",
        "P: PT_CONTINUE T",
    )
    assert is_orderly(steps("a/1", "SUCCESS", *mutual, "T: getppid"), OPTIONS)
    killed = (*mutual, "T: PT_KILL P", "G: wait4 P")
    assert not is_orderly(steps("a/1", "SUCCESS", *killed), OPTIONS)


@pytest.mark.parametrize(
    ("rule", "lines"),
    [
        ("WAIT_FIRST", ("P: fork C", "P: kill C SIGKILL", "P: getppid")),
        ("ANOTHER_GOES_ON", ("Q: getppid", "P: vfork C", "C: exit 0", "Q: getppid")),
        ("ANOTHER_WAITED", ("P: fork C", "P: kill C SIGKILL", "P: wait4 C", "Q: getppid")),
        ("UNSEEN_STOP", ("T: spawn P", "T: PT_SET_EVENT_MASK P 0")),
        ("TOLD_OF_A_STOP", ("T: spawn P", "T: wait4 P WNOHANG")),
        ("BOTH_GO_ON", (*_BOTH_WAIT, "C: exit 3", "P: fork D", "L: getppid")),
        ("RACE_IN_AN_ORDER", _MAY_BE_REFUSED),
        ("READS_ON", ("P: pipe 24 25", "P: __clone CLONE_FILES C", "C: records 24 P")),
        ("LEFT_OUT", ("P: sleep 1",)),
        ("TOO_LONG", ("P: getppid",) * 65),
        ("CANNOT_ACT", ("P: vfork C", "P: getppid")),
        ("NAMELESS_FIRST", ("P: fork -", "P: getppid")),
        ("NOT_OVER", ("P: fork C", "P: kill C SIGKILL")),
    ],
)
def test_the_rule_that_forbids_a_step_is_named(rule: str, lines: tuple[str, ...]) -> None:
    scenario = steps("a/1", "SUCCESS", *lines[:64])
    if len(lines) > 64:
        scenario = replace(scenario, steps=scenario.steps + scenario.steps[:1])
    assert draft.disorder(scenario, OPTIONS) is getattr(rules, rule)


def test_a_refused_step_changes_no_state() -> None:
    under_way = draft.Draft(OPTIONS, frozenset(), ("P", "Q"), traced=False)
    fork, end, kill, early = steps(
        "a/1", "SUCCESS", "P: fork C", "P: exit 0", "P: kill C SIGKILL", "Q: getppid"
    ).steps
    assert under_way.add(fork)
    before = under_way.state
    assert under_way.take(end) is None
    assert before.ready == ("P", "Q", "C")
    assert under_way.state.ready == ("Q", "C")
    again = draft.Draft(OPTIONS, frozenset(), ("P", "Q"), traced=False)
    assert again.add(fork)
    assert again.add(kill)
    before = again.state
    assert again.take(early) is rules.ANOTHER_GOES_ON
    assert again.state is before
