"""How a reproducer ended on a kernel."""

from __future__ import annotations

import signal
from dataclasses import dataclass

#: Maximum number of seconds for a reproducer; its own limits are much lower.
TIME_LIMIT = 180.0
#: Maximum number of characters of its output.
_LONGEST = 1000


class NotRunError(Exception):
    """A reproducer could not be run, or did not end; one line says why."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The exit status of a reproducer, or how it was killed; and its output in one line.

    ``library`` names its C library, if that is not the system's.
    """

    how: str
    status: int | None = None
    said: str = ""
    library: str = ""

    @property
    def panicked(self) -> bool:
        """Says whether the kernel panicked."""
        return self.how.startswith(_PANIC)


_PANIC = "made the kernel panic"


def exited(status: int, said: str, library: str = "") -> Ended:
    """Returns the end of a process; a negative *status* is minus the signal that killed it."""
    line = " ".join(said.split())[:_LONGEST]
    if status < 0:
        try:
            name = signal.Signals(-status).name
        except ValueError:
            name = f"signal {-status}"
        return Ended(f"was killed by {name}", None, line, library)
    return Ended(f"exited with {status}", status, line, library)


def panicked(reason: str, library: str = "") -> Ended:
    """Returns the end by a panic of the kernel."""
    return Ended(f"{_PANIC}: {reason}", library=library)
