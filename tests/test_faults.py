"""Panics and hangs: it is told of the scenario that did it, and the others go on."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace

import pytest

from conformance.report.explain import explain
from conformance.results.result import Verdict
from conformance.targets import guest
from conformance.targets.channel import (
    MAX_HANGS,
    NO_CHILD_EVER_RAN,
    Channel,
    HangError,
    PanicError,
    ProbeError,
)
from conformance.verdicts.judge import judge
from conformance.verdicts.known import KnownDifferences
from reference_model import Options, Scenario, parse
from reference_model.language.answer import NotDecided, Panicked
from vm.console import NO_ROOT, PANIC

GREETING = (
    "forkoracle-probe 3 NetBSD 10.99 amd64 uid=0 tracer=yes nproc=160/1044 maxproc=1044 lacks=-"
)
GUILTY = "P: fork -"


class FaultyProbe:
    """Stands in for a guest.

    It says its logs only when it waits for more, as a real probe does, and
    whatever is unsaid when it meets a faulty scenario is lost.
    """

    starts = 0
    #: Number of faulty scenarios that end a probe; the later ones are harmless.
    faults = 1 << 30

    def __init__(self, error: ProbeError) -> None:
        type(self).starts += 1
        self._error = error
        self._lines = [GREETING]
        self._number = 0

    def send(self, texts: Sequence[str]) -> None:
        unsaid = []
        for text in texts:
            if GUILTY in text and type(self).faults > 0:
                type(self).faults -= 1
                return
            unsaid += [f"= {self._number}", *["ok"] * text.count(":"), "."]
            self._number += 1
        self._lines += unsaid

    def line(self, timeout: float) -> str:
        if not self._lines:
            raise self._error
        return self._lines.pop(0)

    def finish(self) -> None:
        self.kill()

    def kill(self) -> None:
        self._lines = []


PANIC_ERROR = PanicError("kernel panicked: panic: test", "panic: test\n")
HANG_ERROR = HangError("guest hung: nothing heard for 9 s")

KILLED_ERROR = ProbeError("QEMU ended with status -9")


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FaultyProbe, "starts", 0)
    monkeypatch.setattr(UnwatchedProbe, "starts", 0)
    monkeypatch.setattr(FaultyProbe, "faults", 1 << 30)


#: A fault that does not come again, with 60 suspects.
ONE_OF_60 = (
    "in this scenario or one of the 59 before it, "
    "and not again when the same scenarios were run again"
)


def scenarios(faulty: set[int], count: int) -> list[Scenario]:
    """Returns *count* scenarios; those with a number in *faulty* are faulty."""
    texts = [GUILTY if n in faulty else "P: store 1" for n in range(count)]
    return parse("\n\n".join(f"scenario s/{n}\nabout SUCCESS\n{t}" for n, t in enumerate(texts)))


@pytest.mark.parametrize("error", [PANIC_ERROR, HANG_ERROR], ids=["panic", "hang"])
@pytest.mark.parametrize(
    ("faulty", "count"),
    [({5}, 8), ({0}, 1), ({2999}, 5000), ({7, 8, 9, 300}, 1000), (set(range(4)), 4)],
    ids=["few", "one", "far behind", "several", "all"],
)
def test_exactly_the_faulty_scenarios_are_told(
    error: ProbeError, faulty: set[int], count: int
) -> None:
    """Though logs come in large pieces, every other scenario is decided."""
    with Channel(lambda: FaultyProbe(error)) as channel:
        answers = list(channel.run(batch := scenarios(faulty, count)))
    assert [scenario for scenario, _ in answers] == batch
    seen = [observed for _, observed in answers]
    assert {n for n, observed in enumerate(seen) if observed != ("ok",)} == faulty
    kind = Panicked if error is PANIC_ERROR else NotDecided
    assert all(isinstance(seen[n], kind) for n in faulty)
    assert FaultyProbe.starts <= 8 * (len(faulty) + 1), "some parts for each, not one by one"


@pytest.mark.parametrize("error", [PANIC_ERROR, HANG_ERROR], ids=["panic", "hang"])
def test_a_fault_that_does_not_come_again_is_told_once(error: ProbeError) -> None:
    """It is told in the place of the last suspect, and says among how many; it is not lost."""
    FaultyProbe.faults = 1
    with Channel(lambda: FaultyProbe(error)) as channel:
        seen = [observed for _, observed in channel.run(scenarios({20}, 60))]
    [fault] = [observed for observed in seen if observed != ("ok",)]
    assert isinstance(fault, Panicked | NotDecided)
    assert fault.reason == f"{error}; once, {ONE_OF_60}"


class UnwatchedProbe(FaultyProbe):
    """Hangs at a faulty scenario that the director plays, and says so of one that actors play.

    Where it is *mute*, it hangs at whatever it gets.
    """

    mute = False

    def send(self, texts: Sequence[str]) -> None:
        for text in texts:
            faulty = GUILTY in text
            if type(self).mute or (faulty and "staged 1\n" not in text):
                return
            seen = ["hung" if faulty else "ok"] * text.count(":")
            self._lines += [f"= {self._number}", *seen, "."]
            self._number += 1


def test_a_guest_that_has_hung_says_which_step_got_stuck() -> None:
    """After a hang, actors play all scenarios, because nothing watches the director."""
    batch = scenarios({3, 4, 700}, 1000)
    with Channel(lambda: UnwatchedProbe(HANG_ERROR), watched=False) as channel:
        seen = [observed for _, observed in channel.run(batch)]
    assert [n for n, observed in enumerate(seen) if observed != ("ok",)] == [3, 4, 700]
    assert seen[700] == ("hung",)
    assert UnwatchedProbe.starts == 2


@pytest.mark.parametrize("error", [HANG_ERROR, KILLED_ERROR], ids=["hang", "killed"])
def test_an_unwatched_guest_that_was_lost_once_is_told_once(error: ProbeError) -> None:
    """Nothing got stuck when actors played it: so it is told, in the last suspect's place."""
    FaultyProbe.faults = 1
    with Channel(lambda: FaultyProbe(error), watched=False) as channel:
        seen = [observed for _, observed in channel.run(scenarios({20}, 60))]
    reason = f"{error}; once, {ONE_OF_60}"
    assert [observed for observed in seen if observed != ("ok",)] == [NotDecided(reason)]


def test_only_a_hang_has_everything_played_by_actors() -> None:
    """After a guest ended, the director still plays: the faulty scenario ends it again."""
    with Channel(lambda: UnwatchedProbe(KILLED_ERROR), watched=False) as channel:
        seen = [observed for _, observed in channel.run(scenarios({5}, 40))]
    assert [observed for observed in seen if observed != ("ok",)] == [NotDecided(str(KILLED_ERROR))]


def test_a_guest_that_never_answers_is_given_up_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing was ever decided: each further hang would only take its time."""
    monkeypatch.setattr(UnwatchedProbe, "mute", True)
    with Channel(lambda: UnwatchedProbe(HANG_ERROR), watched=False) as channel:
        seen = [observed for _, observed in channel.run(scenarios(set(), 100))]
    why = f"given up after {MAX_HANGS} failures: {HANG_ERROR}{NO_CHILD_EVER_RAN}"
    assert seen[:MAX_HANGS] == [NotDecided(str(HANG_ERROR))] * MAX_HANGS
    assert seen[MAX_HANGS:] == [NotDecided(why, gave_up=True)] * (100 - MAX_HANGS)
    assert UnwatchedProbe.starts == MAX_HANGS + 1


def test_a_guest_that_was_given_up_is_started_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor for what comes behind a scenario that it has no option for."""
    greeting = GREETING.replace("lacks=-", "lacks=KTRACE")
    monkeypatch.setattr("tests.test_faults.GREETING", greeting)
    monkeypatch.setattr(UnwatchedProbe, "mute", True)
    monkeypatch.setattr(guest, "GuestProbe", lambda machine: UnwatchedProbe(HANG_ERROR))
    kernel = SimpleNamespace(kern_fork=(1, 232), checksum="0" * 64, revisions={})
    target = guest.GuestTarget(SimpleNamespace(kernel=kernel))  # type: ignore[arg-type]
    [lacking] = parse("scenario s/k\nabout KTR-EMUL\nP: ktrace 20 P KTRFAC_EMUL")
    batch = [*scenarios(set(), 4), lacking, *scenarios(set(), 3)]
    seen = [observed for _, observed in target.run(batch)]
    assert seen[4] == NotDecided("kernel without KTRACE")
    assert [n for n, o in enumerate(seen) if isinstance(o, NotDecided) and o.gave_up] == [
        *(2, 3),
        *(5, 6, 7),
    ]
    assert UnwatchedProbe.starts == MAX_HANGS + 1


def test_a_panic_is_a_difference_with_its_console() -> None:
    """The verdict names the scenario's clause, the panic, and what the console said."""
    [scenario] = scenarios({0}, 1)
    observed = Panicked("kernel panicked: panic: test", "panic: test\n")
    result = judge(scenario, observed, Options(), KnownDifferences())
    assert (result.verdict, result.clause) == (Verdict.DIFFERENCE, "SUCCESS")
    assert result.console == "panic: test\n"
    assert "  kernel panicked: panic: test" in list(explain(result))


@pytest.mark.parametrize(
    ("console", "panics"),
    [
        ('[ 3.6] panic: kernel diagnostic assertion "x > 0" failed: file "a.c", line 1', True),
        ("fatal page fault in supervisor mode\nStopped in pid 5.5 (init) at ...", True),
        ("[    9.1] Kernel panic - not syncing: sysrq triggered crash", True),
        ("db{0}> ", True),
        ("[ 1.2] ddb.onpanic=0\n[ 1.3] root on ld0a", False),
        ("[ 1.0] boot device: ld0\n", False),
    ],
)
def test_the_console_tells_a_panic_from_a_boot(console: str, panics: bool) -> None:
    """Panics, traps and ddb's prompt are noticed; an ordinary boot is not taken for one."""
    assert bool(PANIC.search(console)) is panics


@pytest.mark.parametrize(
    ("console", "asks"),
    [
        ("[ 1.1] boot device: <unknown>\r\n[ 1.1] unknown device major 0xffffffffffffffff", True),
        ("[ 1.1] boot device: <unknown>\r\nroot device: ", True),
        ("[ 1.1] boot device: <unknown>\r\nroot device (default ld0a): ", True),
        ("[ 1.1] boot device: ld0\r\n[ 1.1] root on ld0a dumps on ld0b\r\n", False),
    ],
)
def test_the_console_tells_a_kernel_that_finds_no_disk(console: str, asks: bool) -> None:
    """It asks for its root, in one way or another, and would wait for ever."""
    assert bool(NO_ROOT.search(console)) is asks
