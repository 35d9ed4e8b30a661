"""What every target is: something that takes scenarios and gives logs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from conformance.reproducer.ended import Ended
from conformance.targets.channel import Hello
from conformance.verdicts.known import KnownDifferences
from reference_model import NEWEST, Options, Scenario
from reference_model.language.answer import NotDecided, Observed


class TargetError(Exception):
    """The target cannot run at all: one line that says why and what to do (exit status 3)."""


@dataclass(frozen=True, slots=True)
class Kernel:
    """Which kernel was asked: ``uname``'s words, and the revision of kern_fork.c if it has one.

    The revision is ``guessed`` where only the release could tell.  ``checksum``
    is the SHA-256 of the kernel's file, where we have it, cut to 16 digits.
    """

    system: str
    release: str
    machine: str
    kern_fork: str | None = None
    guessed: bool = False
    checksum: str | None = None

    def __str__(self) -> str:
        revision = f", kern_fork.c {self.kern_fork}" if self.kern_fork else ""
        guess = " (a guess from the release: the kernel's file does not tell)"
        name = f"{self.system} {self.release} {self.machine}{revision}"
        return name + guess if self.guessed else name


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
    ``lacks`` what it has not of what steps need (:mod:`conformance.targets.needs`).
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
