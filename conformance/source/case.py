"""A case: how everything stands before one call, as a value and as a text."""

from __future__ import annotations

from collections import namedtuple
from typing import TYPE_CHECKING, Any, Final, Self

from conformance.source.tables import CASE, FUNCTIONS

if TYPE_CHECKING:

    class Case(tuple[int, ...]):
        """A value of each field of case.def; a field that is not given is plain."""

        count: int  # type: ignore[assignment]

        def __new__(cls, **fields: int) -> Self: ...

        _fields: tuple[str, ...]

        def __getattr__(self, field: str) -> int: ...
        @classmethod
        def _make(cls, values: Any) -> Self: ...
        def _replace(self, **fields: int) -> Self: ...
else:
    Case = namedtuple("Case", CASE, defaults=CASE.values())

FORK1, SYS_FORK, SYS_VFORK = FUNCTIONS["fork1"], FUNCTIONS["sys_fork"], FUNCTIONS["sys_vfork"]
SYS_VFORK14, SYS_CLONE = FUNCTIONS["sys___vfork14"], FUNCTIONS["sys___clone"]
CHILD_RETURN = FUNCTIONS["child_return"]
#: The name of each function that a case can call, by its number.
CALL_NAMES: Final = {number: name for name, number in FUNCTIONS.items()}
PLAIN: Final = Case()
#: Fields that are sets of bits.
BIT_FIELDS: Final = {
    "flags", "p_flag", "p_sflag", "p_stflag", "p_slflag", "p_lflag", "p_traceflag", "stack",
    "arg", "l_sigmask", "l_private", "stop_slflag", "wait_slflag",
}  # fmt: skip


class CaseError(ValueError):
    """A text that is no case; the message is one line that says where and why."""


def text_of(values: Case) -> str:
    """Returns the case as words, ``fork1 flags=0x1 no_pid=1``, without what is plain."""
    words = [CALL_NAMES[values.call]]
    for (name, plain), value in zip(CASE.items(), values, strict=True):
        if name == "flags" or (value != plain and name != "call"):
            shown = f"{value:#x}" if name in BIT_FIELDS and value >= 0 else str(value)
            words.append(f"{name}={shown}")
    return " ".join(words)


def parse_case(text: str) -> Case:
    """Returns the case of a text of :func:`text_of`.  Raises :class:`CaseError`."""
    words = text.split()
    if not words or words[0] not in FUNCTIONS:
        raise CaseError(f"{text!r}: expected one of {', '.join(FUNCTIONS)} first")
    fields = {"call": FUNCTIONS[words[0]]}
    for word in words[1:]:
        name, equals, value = word.partition("=")
        if name not in CASE or not equals or name in fields:
            raise CaseError(f"{word!r}: expected FIELD=NUMBER, each field once")
        try:
            fields[name] = int(value, 0)
        except ValueError:
            raise CaseError(f"{word!r}: expected a number") from None
        if not -(2**63) <= fields[name] < 2**63:
            raise CaseError(f"{word!r}: expected a number of 64 bits")
    return Case(**fields)


def possible(case: Case, revision: tuple[int, int]) -> bool:
    """Returns whether the case can occur: before 1.223 proc_alloc() could not fail."""
    return revision >= (1, 223) or not case.no_pid
