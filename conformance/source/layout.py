"""What the ``.def`` files say: the fields of a case, of a record, and the calls."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

#: A record begins with its length, 1 after a panic, the panic's line, and what was returned.
HEAD: Final = 4
#: A panic's text, in 64-bit words, stands at the end of its record.
MESSAGE: Final = 25
#: A list is recorded in so many places.
PLACES: Final = 4


@dataclass(frozen=True, slots=True)
class Call:
    """A call that is recorded, with the names of its arguments."""

    number: int
    name: str
    arguments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Field:
    """A field of the record: of what kind, of which object."""

    kind: str
    object: str
    name: str

    @property
    def label(self) -> str:
        """``p2.p_flag``, as C has it; what is no object's own stands alone."""
        return self.name if self.object == "k" else f"{self.object}.{self.name}"

    @property
    def width(self) -> int:
        return PLACES if self.kind == "L" else 1


def _rows(name: str, pattern: str) -> list[tuple[str, ...]]:
    text = files(__package__).joinpath(name).read_text(encoding="ascii")
    return [match.groups() for match in re.finditer(pattern, text, re.MULTILINE)]


#: The fields of a case, each with its plain value.
CASE: Final = {name: int(plain) for name, plain in _rows("case.def", r"^FIELD\((\w+), (-?\d+)\)")}
RECORD: Final = tuple(
    Field(*row) for row in _rows("record.def", r"^([NPSRFQL])\((\w+), (\w+)(?:, \w+)?\)")
)
CALLS: Final = {
    int(number): Call(int(number), name, tuple(arguments.replace("|", " ").split()))
    for number, name, arguments in _rows("calls.def", r'^CALL\((\d+), (\w+), "([^"]*)"\)')
}
#: The number of each object's name.
OBJECTS: Final = {
    name: int(number) for number, name in _rows("objects.def", r"^OBJECT\((\d+), (\w+),")
}
OBJECT_NAMES: Final = {number: name for name, number in OBJECTS.items()} | {
    0: "NULL",
    98: "unknown",
    99: "stale",
}
#: The words of a record's state.
STATE: Final = sum(field.width for field in RECORD)


def hash_of(text: str) -> int:
    """A string as the record has it: FNV-1a of its first 60 characters."""
    value = 2166136261
    for byte in text.encode("ascii")[:60]:
        value = (value ^ byte) * 16777619 & 0xFFFFFFFF
    return value
