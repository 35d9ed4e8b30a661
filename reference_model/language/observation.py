"""The words of an observation: one line of text about one step.

An observation is a text in printable ASCII: what the call returned, the name of its error, or one
of the words below.  The words are the same in the model, on the wire and in what people read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

#: The observations of a scenario's steps, in their order.
Log = tuple[str, ...]

#: The call returned and has nothing more to say.
OK: Final = "ok"
#: The call looked for something and found nothing.
NONE: Final = "none"
#: The process of the step had ended before.
GONE: Final = "gone"
#: The step hung: it had to return and did not.  The scenario ends there.
HUNG: Final = "hung"
#: The step comes after one that hung.
NOT_REACHED: Final = "not reached"
#: The call had not returned when the scenario ended.
UNFINISHED: Final = "unfinished"
#: The probe does not know how to make the call on this kernel.
CANNOT: Final = "cannot"
#: The step names a process of which nobody has told the probe.
UNNAMED: Final = "unnamed"

#: The observations of a step that never returned, for any reason, and of the steps after it.
NEVER_RETURNED: Final = frozenset({HUNG, NOT_REACHED, UNFINISHED})

#: Stands between what a call returned and the step that had to come first: ``C blocked 2``.
BLOCKED: Final = "blocked"
_BLOCKED = re.compile(rf" {BLOCKED} (\d+)$")
_DURATION = re.compile(rf" {BLOCKED} \d+")

#: The words for a change of a child, as a wait reports it.
EXITED: Final = "exited"
KILLED: Final = "killed"
STOPPED: Final = "stopped"
CONTINUED: Final = "continued"
_CHANGE = re.compile(rf"(\S+) ({EXITED}|{KILLED}|{STOPPED}|{CONTINUED})(?: (\S+))?$")
_ERROR = re.compile(r"E[A-Z0-9]{3,}")


def blocked(returned: str, until: int) -> str:
    """Returns the observation of a call that was blocked until step *until* had been taken."""
    return f"{returned} {BLOCKED} {until}"


def blocked_until(seen: str) -> int | None:
    """Returns the step until which the call was blocked; None if it was not blocked."""
    found = _BLOCKED.search(seen)
    return int(found[1]) if found else None


def without_blocked(seen: str) -> str:
    """Returns what the call returned, without whether it was blocked."""
    return _BLOCKED.sub("", seen)


def without_duration(text: str) -> str:
    """Returns *text*, a text of observations, without the steps until which calls were blocked."""
    return _DURATION.sub(f" {BLOCKED}", text)


def is_error(seen: str) -> bool:
    """Returns whether the call failed: the observation is the name of an error."""
    return _ERROR.fullmatch(seen) is not None


def exited(process: str, status: int | str) -> str:
    """Returns the observation of a wait that found *process* ended by itself."""
    return f"{process} {EXITED} {status}"


def killed(process: str, signal: str) -> str:
    """Returns the observation of a wait that found *process* ended by *signal*."""
    return f"{process} {KILLED} {signal}"


def stopped(process: str, signal: str) -> str:
    """Returns the observation of a wait that found *process* stopped by *signal*."""
    return f"{process} {STOPPED} {signal}"


def continued(process: str) -> str:
    """Returns the observation of a wait that found *process* continued."""
    return f"{process} {CONTINUED}"


@dataclass(frozen=True, slots=True)
class Change:
    """The report of a wait: a process, how it changed, and the exit status or the signal."""

    process: str
    how: str
    by: str | None


def change(seen: str) -> Change | None:
    """Returns the report of a wait; None if the observation is none."""
    found = _CHANGE.match(seen)
    return Change(found[1], found[2], found[3]) if found else None
