"""What every target is: something that takes scenarios and gives logs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from conformance.reproducer.ended import Ended
from conformance.results.kernel import Kernel
from conformance.targets.channel import Hello
from conformance.verdicts.known import KnownDifferences
from reference_model import NEWEST, Options, Scenario
from reference_model.language.answer import NotDecided, Observed


def model_options(hello: Hello, revision: tuple[int, int] | None) -> Options:
    """What the model is told of the kernel that *hello* comes from; the newest where None."""
    return Options(
        revision=min(revision or NEWEST, NEWEST),
        uid=hello.uid,
        nproc_limit=hello.nproc,
        maxproc=hello.maxproc or Options().maxproc,
    )


def undecided(scenarios: Iterable[Scenario], reason: str) -> Iterator[tuple[Scenario, Observed]]:
    """None of the scenarios is decided, for that reason."""
    return ((scenario, NotDecided(reason)) for scenario in scenarios)


class Target(Protocol):
    """A kernel that runs scenarios.

    ``options`` is what the model is told of this kernel; ``known`` the
    differences from NetBSD that are written down for it, if it is another;
    ``lacks`` what it has not of what steps need (:mod:`conformance.scenarios.needs`).
    ``ours`` is whether a panic of it harms nobody.
    """

    name: str
    kernel: Kernel
    options: Options
    known: KnownDifferences
    ours: bool

    @property
    def lacks(self) -> frozenset[str]: ...

    def run(self, scenarios: Sequence[Scenario]) -> Iterator[tuple[Scenario, Observed]]:
        """Each scenario with what was seen, as it comes."""
        ...

    def restart(self) -> None:
        """Have what comes next run by a new probe, which knows of nothing that was before."""
        ...

    def run_program(self, source: str) -> Ended:
        """Runs a program of C there: how it ended.  Raises NotRunError."""
        ...

    def close(self) -> None:
        """Come to an end, and leave nothing behind."""
        ...

    def kill(self) -> None:
        """End everything at once, as after Ctrl-C, and leave nothing behind."""
        ...
