"""How a program ended that was run on a kernel."""

from __future__ import annotations

import signal
from dataclasses import dataclass

#: Seconds that a program may take; its own limits end it long before.
TIME_LIMIT = 180.0
#: More of what it says is not kept.
_LONGEST = 1000


class NotRunError(Exception):
    """A program could not be run, or did not come to its end: one line that says why."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A program's exit status, or what ended it; and what it said, in one line.

    ``library`` is whose C library it was linked with, where that is not the system's own.
    """

    how: str
    status: int | None = None
    said: str = ""
    library: str = ""

    @property
    def panicked(self) -> bool:
        """Whether the kernel was what ended."""
        return self.how.startswith(_PANIC)


_PANIC = "made the kernel panic"


def exited(status: int, said: str, library: str = "") -> Ended:
    """It exited; a *status* below 0 is minus the signal that killed it, as for subprocess."""
    line = " ".join(said.split())[:_LONGEST]
    if status < 0:
        try:
            name = signal.Signals(-status).name
        except ValueError:
            name = f"signal {-status}"
        return Ended(f"was killed by {name}", None, line, library)
    return Ended(f"exited with {status}", status, line, library)


def panicked(reason: str, library: str = "") -> Ended:
    """The kernel panicked."""
    return Ended(f"{_PANIC}: {reason}", library=library)
