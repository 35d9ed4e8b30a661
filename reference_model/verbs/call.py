"""How a verb of the language is written: a function that makes the call of one step.

The function gets the :class:`~reference_model.verbs.world.World`, the LWP that takes the step and
the step's arguments, and returns the observation.  It raises :class:`CallError` where the call
fails.  The function of a call that may sleep is a generator.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from reference_model.language.netbsd import ERRNO_NAMES
from reference_model.language.observation import OK
from reference_model.proc import Sleeping

#: The function of a verb.
Function = Callable[..., str | Sleeping]
_F = TypeVar("_F", bound=Callable[..., Any])


class CallError(Exception):
    """A system call that fails, with the number of its error."""

    def __init__(self, error: int) -> None:
        super().__init__(error)
        self.error = error


@dataclass(frozen=True, slots=True)
class Call:
    """A verb in the model: its function, and whether the caller goes on after the call.

    A call that does not return has the observation ``ok`` as soon as it begins.
    """

    function: Function
    returns: bool = True


#: The calls of all verbs, by name.
CALLS: dict[str, Call] = {}


def verb(name: str, *, returns: bool = True) -> Callable[[_F], _F]:
    """Registers a function as the call of the verb *name*."""

    def register(function: _F) -> _F:
        if name in CALLS:
            raise ImportError(f"the verb {name} has two functions in reference_model/verbs")
        CALLS[name] = Call(function, returns)
        return function

    return register


def check(verbs: Iterable[str], calls: Iterable[str]) -> None:
    """Raises ``ImportError`` if a verb has no call here, or a call has no verb."""
    known = set(verbs)
    for name in sorted(known.difference(calls)):
        raise ImportError(f"the verb {name} has no function in reference_model/verbs")
    for name in sorted(set(calls) - known):
        raise ImportError(f"reference_model/verbs has {name}, which is no verb of the language")


def errno_name(error: int) -> str:
    """Returns the name of an error, such as ``EINVAL``."""
    return ERRNO_NAMES[error]


def ok(error: int) -> str:
    """Returns ``ok`` for 0.  Raises :class:`CallError` for an error."""
    if error:
        raise CallError(error)
    return OK
