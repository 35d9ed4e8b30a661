"""A kernel that panics: the scenario that did it is a difference, and the others go on."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from conformance.known import KnownDifferences
from conformance.probe.channel import Channel, PanicError, Panicked
from conformance.report.explain import explain
from conformance.verdict import Verdict, judge
from reference_model import Options, Scenario, parse
from vm.guest import PANIC

GUILTY = "P: fork -"


class PanickingProbe:
    """Stands in for a guest: says its logs in batches of four, and panics at one scenario."""

    starts = 0

    def __init__(self) -> None:
        type(self).starts += 1
        self._lines = ["forkoracle-probe 1 NetBSD 10.99 amd64 uid=0 tracer=yes"]
        self._unsaid: list[str] = []
        self._number = 0
        self._dead = False

    def send(self, texts: Sequence[str]) -> None:
        for text in texts:
            if GUILTY in text:
                self._dead, self._unsaid = True, []  # what was not said yet is lost
                return
            steps = text.count(":")
            self._unsaid += [f"= {self._number}", *["ok"] * steps, "."]
            self._number += 1
            if self._number % 4 == 0 or len(texts) == 1:
                self._lines += self._unsaid
                self._unsaid = []
        self._lines += self._unsaid

    def line(self, timeout: float) -> str:
        if self._lines:
            return self._lines.pop(0)
        assert self._dead, "nothing to say, and no panic"
        raise PanicError("kernel panicked: panic: test", "panic: test\n")

    def finish(self) -> None:
        self.kill()

    def kill(self) -> None:
        self._lines = []


def scenarios() -> list[Scenario]:
    """Seven harmless scenarios and, as the sixth of eight, the one that panics."""
    texts = ["P: store 1\n"] * 8
    texts[5] = GUILTY + "\n"
    return parse("\n".join(f"scenario s/{n}\nabout SUCCESS\n{t}" for n, t in enumerate(texts)))


def test_the_guilty_scenario_is_found_though_logs_come_in_batches() -> None:
    """Only the scenario that panics is blamed, and every other one is decided."""
    PanickingProbe.starts = 0
    with Channel(PanickingProbe) as channel:
        seen = [observed for _, observed in channel.run(scenarios())]
    assert [isinstance(observed, Panicked) for observed in seen] == [n == 5 for n in range(8)]
    assert all(observed == ("ok",) for n, observed in enumerate(seen) if n != 5)
    assert PanickingProbe.starts == 3, "one panic in the batch, one when it is asked alone"


def test_a_panic_is_a_difference_with_its_console() -> None:
    """The verdict names the scenario's clause, the panic, and what the console said."""
    scenario = scenarios()[5]
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
        ("db{0}> ", True),
        ("[ 1.2] ddb.onpanic=0\n[ 1.3] root on ld0a", False),
        ("[ 1.0] boot device: ld0\n", False),
    ],
)
def test_the_console_tells_a_panic_from_a_boot(console: str, panics: bool) -> None:
    """Panics, traps and ddb's prompt are noticed; an ordinary boot is not taken for one."""
    assert bool(PANIC.search(console)) is panics
