"""Measures the figures of docs/figures.md, each with its bound or the rate to compare."""

from __future__ import annotations

import gc
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter, sleep

from conformance.commands.choice import KERN_FORK_VARIABLE
from conformance.probe.build import build_probe
from conformance.runs.run import Run
from conformance.scenarios.families.validation import validation
from conformance.scenarios.selection import select
from conformance.source.run import SourceRun
from conformance.targets.base import Target
from conformance.targets.guest import GuestTarget, guest_machine
from conformance.targets.local import LocalTarget
from conformance.targets.several import SeveralTargets
from reference_model import Options, Scenario, Step, predict
from reference_model.language.netbsd import SIGKILL, SIGSTOP
from vm.machine import Machine
from vm.mailbox import Mailbox
from vm.qemu import Qemu

_BATCH = 20_000
_FORKS = 5_000
_PAIRS = 3
_PROGRAMS_FOR = 20.0  # seconds


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured value, and the bound or rate of the same run to compare it with."""

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


def _flag_words() -> list[Scenario]:
    """Validation scenarios, drawn from flag words whose exit signal kills no process."""
    random = Random(1)
    flags = (random.getrandbits(15) & ~0x1000 for _ in range(2 * _BATCH))
    usable = (f for f in flags if f & 0xFF not in (SIGKILL, SIGSTOP))
    return [validation(f) for _, f in zip(range(_BATCH), usable, strict=False)]


def _refused() -> list[Scenario]:
    """Returns those that NetBSD refuses; the others fork, which is another figure."""
    return [s for s in _flag_words() if predict(s, Options())[0].startswith("E")]


def _forks() -> list[Scenario]:
    steps = (Step("P", "fork", ("-",)), Step("P", "wait4", ("-",)))
    return [Scenario(f"bench/{n}", ("SYS-FORK",), steps) for n in range(_FORKS)]


def _rate(target: Target, scenarios: list[Scenario]) -> float:
    """Scenarios in a second, from the text to the verdict."""
    return len(scenarios) / _seconds(lambda: [None for _ in Run(target, scenarios).results()])


def _seconds(work: Callable[[], object]) -> float:
    start = perf_counter()
    work()
    return perf_counter() - start


def _bare_rate() -> float:
    """fork, _exit and wait4 in a bare C loop, in a second."""
    words = subprocess.run(
        [str(build_probe()), "--bench", str(_FORKS)], capture_output=True, text=True, check=True
    ).stdout.split()
    return int(words[1]) / (int(words[2]) / 1e6)


def _beside_bare(rate: Callable[[], float], bare: Callable[[], float]) -> tuple[float, float]:
    """Both rates, measured in turn, of the pair with the middle ratio."""
    pairs = [(rate(), bare()) for _ in range(_PAIRS)]
    return sorted(pairs, key=lambda pair: pair[0] / pair[1])[_PAIRS // 2]


def figures(kernel: Path | None = None) -> Iterator[Figure]:
    """Measure, one figure after the other; those of a guest where there is a kernel for it."""
    scenarios = _flag_words()
    gc.freeze()  # as `forkoracle run` does
    rate = len(scenarios) / _seconds(lambda: [predict(s, Options()) for s in scenarios])
    yield Figure("the model alone, validation scenarios", rate, "/s", "20,000/s", rate / 20_000)

    target = LocalTarget()
    rate = _rate(target, scenarios)
    yield Figure("local, validation scenarios", rate, "/s", "5,000/s", rate / 5_000)

    rate, bare = _beside_bare(lambda: _rate(target, _forks()), _bare_rate)
    yield Figure(
        "local, scenarios with one fork and one wait",
        rate,
        "/s",
        f"a bare C loop ({bare:,.0f}/s)",
        rate / bare,
    )

    seconds = _seconds(lambda: [None for _ in Run(target, select([])).results()])
    target.close()
    yield Figure("local, all families", seconds, "s", "60 s", seconds / 60)

    usage = [
        resource.getrusage(who).ru_maxrss
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    ]
    mebibytes = sum(usage) / 1024
    yield Figure("local, all families, peak memory", mebibytes, "MiB", "500 MiB", mebibytes / 500)
    if kern_fork := os.environ.get(KERN_FORK_VARIABLE):
        yield from _source_figures(Path(kern_fork))
    if kernel is not None:
        yield from _guest_figures(kernel)


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


def _bare_start(machine: Machine) -> float:
    """Seconds that QEMU and the kernel need by themselves until init has said its first word."""
    with TemporaryDirectory(prefix="forkoracle-bench-") as name:
        folder = Path(name)
        machine.write_files(folder)
        mailbox = Mailbox(folder / "mail")
        start = perf_counter()
        qemu = Qemu(machine.arguments(folder), folder / "errors")
        try:
            while mailbox.receive() is None:
                qemu.check()
                sleep(0.005)
            return perf_counter() - start
        finally:
            qemu.kill()
            mailbox.close()


def _command_starts(kernel: Path) -> tuple[float, float]:
    """Seconds from the command to its first verdict: a cold start, then one from its snapshot."""
    with TemporaryDirectory(prefix="forkoracle-bench-") as name:
        file = Path(name) / "one"
        file.write_text(_forks()[0].text(), encoding="ascii")
        build_probe("x86_64-netbsd")
        command = [sys.executable, "-m", "conformance.cli", "run", "--kernel", str(kernel)]
        command += ["--accel", "tcg", "--scenarios", str(file), "--resume"]
        environment = {**os.environ, "FORKORACLE_SNAPSHOTS": str(Path(name) / "snapshots")}

        def first_verdict(journal: Path) -> float:
            start = perf_counter()
            process = subprocess.Popen(
                [*command, str(journal)], env=environment, stdout=subprocess.DEVNULL
            )
            while process.poll() is None:
                if journal.exists() and journal.read_bytes().count(b"\n") > 1:
                    break
                sleep(0.002)
            seconds = perf_counter() - start
            if process.wait():
                raise subprocess.CalledProcessError(process.returncode, command)
            return seconds

        return first_verdict(Path(name) / "cold"), first_verdict(Path(name) / "warm")


def _program_rate(target: Target) -> float:
    """Programs in a second, from the first draw to the last verdict."""
    from conformance.scenarios.programs.generate import limited

    programs = limited(target.options, 1, None, _PROGRAMS_FOR, target.lacks)
    run = Run(target, [], more=programs)
    seconds = _seconds(lambda: [None for _ in run.results()])
    return run.summary.scenarios / seconds


def _guest_figures(kernel: Path) -> Iterator[Figure]:
    """A guest under TCG, whatever else would work here."""
    machine = guest_machine(kernel, accelerator="tcg")
    starts = [(*_command_starts(kernel), _bare_start(machine)) for _ in range(_PAIRS)]
    cold, warm, bare = (median(column) for column in zip(*starts, strict=True))
    yield Figure(
        "guest, from the command to the first verdict",
        cold,
        "s",
        f"QEMU and that kernel alone ({bare:.2f} s)",
        cold / bare,
    )
    yield Figure(
        "guest, the same from a snapshot", warm, "s", f"a cold start ({cold:.2f} s)", warm / cold
    )
    target = GuestTarget(machine)
    refused = _refused()
    _rate(target, refused)
    seen = len(refused) / _seconds(lambda: [None for _ in target.run(refused)])
    yield Figure("guest, validation scenarios seen", seen, "/s", "20,000/s", seen / 20_000)
    rate = _rate(target, refused)
    yield Figure("guest, validation scenarios judged", rate, "/s", "20,000/s", rate / 20_000)
    rate, bare = _beside_bare(lambda: _rate(target, _forks()), lambda: target.bare_rate(_FORKS))
    yield Figure(
        "guest, scenarios with one fork and one wait",
        rate,
        "/s",
        f"a bare C loop in it ({bare:,.0f}/s)",
        rate / bare,
    )
    rate = _program_rate(target)
    yield Figure("guest, generated programs", rate, "/s", "300/s", rate / 300)
    everything = select([])
    one = _seconds(lambda: [None for _ in Run(target, everything).results()])
    target.close()
    yield Figure("guest, all families", one, "s", "60 s", one / 60)
    two_guests = SeveralTargets(lambda: GuestTarget(machine), 2)
    two = _seconds(lambda: [None for _ in Run(two_guests, everything).results()])
    two_guests.close()
    yield Figure("two guests, all families", two, "s", f"one guest ({one:.1f} s)", two / one)
