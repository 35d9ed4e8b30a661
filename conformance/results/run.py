"""The interface of a run: of scenarios on a kernel, or of cases on a kern_fork.c file."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import Protocol

from conformance.results.result import Result
from conformance.results.summary import Summary


class AnyRun(Protocol):
    """A run that gives results one by one.

    ``summary`` grows with them, and has what was decided so far when something ends the run early.
    """

    summary: Summary

    @property
    @abstractmethod
    def expected_total(self) -> int | None:
        """Returns the number of results, for a progress bar; None where it is unknown."""

    @abstractmethod
    def results(self) -> Iterator[Result]:
        """Yields each result as it is reached."""

    @abstractmethod
    def kill(self) -> None:
        """Ends everything at once, as after Ctrl-C, and leaves nothing behind."""

    @abstractmethod
    def close(self, *, interrupted: bool = False) -> Summary:
        """Returns the summary; no result is counted afterwards."""
