"""The figures of the README, each measured here and told beside what it is compared to."""

from __future__ import annotations

import gc
import os
import resource
import subprocess
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from time import perf_counter

from conformance.choice import KERN_FORK_VARIABLE
from conformance.families.validation import validation
from conformance.probe.build import build_probe
from conformance.runner import Run
from conformance.selection import select
from conformance.targets.local import LocalTarget
from conformance.targets.source.target import SourceRun
from reference_model import Options, Scenario, Step, predict
from reference_model.netbsd import SIGKILL, SIGSTOP

_BATCH = 20_000
_FORKS = 5_000
_PAIRS = 3


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured value, and what it is held against: a bound, or a rate of the same run."""

    name: str
    value: float
    unit: str
    against: str
    ratio: float

    def line(self) -> str:
        value = f"{self.value:,.0f}" if self.value >= 100 else f"{self.value:.2f}"
        return f"{self.name}: {value} {self.unit}; {self.ratio:.2f} of {self.against}"

    def as_json(self) -> dict[str, object]:
        return asdict(self)


def _refused() -> list[Scenario]:
    """Validation scenarios, drawn from all flag words whose exit signal ends nobody."""
    random = Random(1)
    flags = (random.getrandbits(15) & ~0x1000 for _ in range(2 * _BATCH))
    usable = (f for f in flags if f & 0xFF not in (SIGKILL, SIGSTOP))
    return [validation(f) for _, f in zip(range(_BATCH), usable, strict=False)]


def _forks() -> list[Scenario]:
    steps = (Step("P", "fork", ("-",)), Step("P", "wait4", ("-",)))
    return [Scenario(f"bench/{n}", ("SYS-FORK",), steps) for n in range(_FORKS)]


def _rate(target: LocalTarget, scenarios: list[Scenario]) -> float:
    """Scenarios in a second, from the text to the verdict."""
    start = perf_counter()
    done = sum(1 for _ in Run(target, scenarios).results())
    return done / (perf_counter() - start)


def _bare_rate() -> float:
    """fork, _exit and wait4 in a bare C loop, in a second."""
    words = subprocess.run(
        [str(build_probe()), "--bench", str(_FORKS)], capture_output=True, text=True, check=True
    ).stdout.split()
    return int(words[1]) / (int(words[2]) / 1e6)


def figures() -> Iterator[Figure]:
    """Measure, one figure after the other."""
    scenarios = _refused()
    gc.freeze()  # as `forkoracle run` does
    start = perf_counter()
    for scenario in scenarios:
        predict(scenario, Options())
    rate = len(scenarios) / (perf_counter() - start)
    yield Figure("the model alone, validation scenarios", rate, "/s", "20,000/s", rate / 20_000)

    target = LocalTarget()
    rate = _rate(target, scenarios)
    yield Figure("local, validation scenarios", rate, "/s", "5,000/s", rate / 5_000)

    pairs = [(_rate(target, _forks()), _bare_rate()) for _ in range(_PAIRS)]
    rate, bare = sorted(pairs, key=lambda pair: pair[0] / pair[1])[_PAIRS // 2]
    yield Figure(
        "local, scenarios with one fork and one wait",
        rate,
        "/s",
        f"a bare C loop ({bare:,.0f}/s)",
        rate / bare,
    )

    start = perf_counter()
    for _ in Run(target, select([])).results():
        pass
    target.close()
    seconds = perf_counter() - start
    yield Figure("local, all families", seconds, "s", "60 s", seconds / 60)

    usage = [
        resource.getrusage(who).ru_maxrss
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    ]
    mebibytes = sum(usage) / 1024
    yield Figure("local, all families, peak memory", mebibytes, "MiB", "500 MiB", mebibytes / 500)

    if kern_fork := os.environ.get(KERN_FORK_VARIABLE):
        yield from _source_figures(Path(kern_fork))


def _source_figures(kern_fork: Path) -> Iterator[Figure]:
    """From the file to the verdict, as `forkoracle run --kern-fork` does."""
    start = perf_counter()
    run = SourceRun(kern_fork)
    try:
        for _ in run.results():
            pass
        calls = run.close().scenarios
    finally:
        run.kill()
    seconds = perf_counter() - start
    yield Figure("source, from the file to the verdict", seconds, "s", "5 s", seconds / 5)
    yield Figure("source, calls compared in that time", calls, "calls", "100,000", calls / 100_000)
