"""The interface of all targets: they take scenarios and return logs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from conformance.reproducer.ended import Ended
from conformance.results.kernel import FileRevision, Kernel
from conformance.targets.channel import Hello
from conformance.verdicts.known import KnownDifferences
from reference_model import NEWEST, Options, Scenario
from reference_model.language.answer import NotDecided, Observed
from reference_model.revisions import revision as parse_revision


def model_options(
    hello: Hello, revision: tuple[int, int] | None, files: Iterable[FileRevision] = ()
) -> Options:
    """Returns the model's options for the kernel of *hello*; without *revision*, the newest.

    *files* are the revisions of the other files on which the model's answers depend.
    """
    return Options(
        revision=min(revision or NEWEST, NEWEST),
        files=tuple((one.file, parse_revision(one.revision)) for one in files),
        uid=hello.uid,
        nproc_limit=hello.nproc,
        maxproc=hello.maxproc or Options().maxproc,
    )


def undecided(scenarios: Iterable[Scenario], reason: str) -> Iterator[tuple[Scenario, Observed]]:
    """Returns each scenario as not decided, with this reason."""
    return ((scenario, NotDecided(reason)) for scenario in scenarios)


class Target(Protocol):
    """A kernel that runs scenarios.

    ``options`` are the model's options for this kernel.  ``known`` are its recorded differences
    from NetBSD.  ``lacks`` are the needs of steps (:mod:`conformance.scenarios.needs`) that it
    does not meet.  ``ours`` says that a panic does no harm: only this run uses the kernel.
    """

    name: str
    kernel: Kernel
    options: Options
    known: KnownDifferences
    ours: bool

    @property
    def lacks(self) -> frozenset[str]: ...

    def run(self, scenarios: Sequence[Scenario]) -> Iterator[tuple[Scenario, Observed]]:
        """Yields each scenario with its observations, as they come."""
        ...

    def restart(self) -> None:
        """Starts a new probe for the next scenarios, without state of earlier ones.

        A probe in a guest gets a new guest.
        """
        ...

    def history(self, scenario: Scenario) -> tuple[Scenario, ...]:
        """Returns the scenarios that the same probe has run before *scenario*, the last ones.

        The targets remember them for a while, so it is asked soon after the answer came.
        """
        ...

    def run_program(self, source: str) -> Ended:
        """Runs a reproducer there; returns how it ended.  Raises NotRunError."""
        ...

    def close(self) -> None:
        """Ends in order, and leaves nothing behind."""
        ...

    def kill(self) -> None:
        """Ends everything at once, as after Ctrl-C, and leaves nothing behind."""
        ...
