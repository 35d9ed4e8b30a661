"""The tables that C and Python share: the ``.def`` files beside the C sources.

A row is a macro's call: ``FIELD(maxproc, 100)``.  C includes the file with the macro defined;
here a regular expression reads it.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from types import SimpleNamespace
from typing import Final

_FOLDER = files(__package__) / "c"


@dataclass(frozen=True, slots=True)
class Call:
    """A call that is recorded.  Its items are pairs: N, P or S (calls.def), and a name."""

    number: int
    name: str
    items: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Field:
    """A field of the record: its kind (record.def), its object, its name."""

    kind: str
    object: str
    name: str

    @property
    def label(self) -> str:
        """``p2.p_flag``, as in C; a field of the kernel around the call has its name alone."""
        return self.name if self.object == "k" else f"{self.object}.{self.name}"

    @property
    def width(self) -> int:
        """The number of its words in a record."""
        return PLACES if self.kind == "L" else 1


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of locking: its number, name, clause (or ""), and a text for a case that broke it."""

    number: int
    name: str
    clause: str
    text: str


def _rows(name: str, pattern: str) -> list[tuple[str, ...]]:
    text = (_FOLDER / name).read_text(encoding="ascii")
    return [match.groups() for match in re.finditer(pattern, text, re.MULTILINE)]


def _numbers(name: str, macro: str) -> dict[str, int]:
    """Returns the numbers of the rows ``MACRO(number, name, ...)``."""
    return {row[1]: int(row[0]) for row in _rows(name, rf"^{macro}\((\d+), (\w+)")}


def _places(macro: str) -> dict[str, int]:
    """Returns the place of each row ``MACRO(name)`` of frame.def."""
    return {row[0]: place for place, row in enumerate(_rows("frame.def", rf"^{macro}\((\w+)\)"))}


#: The fields of a case, each with its plain value.
CASE: Final = {name: int(plain) for name, plain in _rows("case.def", r"^FIELD\((\w+), (-?\d+)\)")}
#: The functions that a case can call.
FUNCTIONS: Final = _numbers("functions.def", "FUNCTION")
_SIZES = {name: int(value, 0) for name, value in _rows("sizes.def", r"^SIZE\((\w+), (\w+)\)")}
PLACES: Final = _SIZES["PLACES"]
MESSAGE_WORDS: Final = _SIZES["MESSAGE_WORDS"]
FORMAT_WORDS: Final = _SIZES["FORMAT_WORDS"]
MAX_SAID: Final = _SIZES["MAX_SAID"]
MAX_RECORD: Final = _SIZES["MAX_RECORD"]
MAX_CALL_WORDS: Final = _SIZES["MAX_CALL_WORDS"]
MAX_SNAPSHOTS: Final = _SIZES["MAX_SNAPSHOTS"]
#: What the memory of a new process holds before fork1, as a char, a short, an int, a long.
STALE8, STALE16, STALE32, STALE64 = (
    int.from_bytes([_SIZES["STALE"]] * width) for width in (1, 2, 4, 8)
)
STALE_NAME: Final = _SIZES["STALE_NAME"]

#: Where the parts of a record's head are, and those of the memory shared with the harness.
_HEAD, PROGRESS = _places("HEAD"), _places("PROGRESS")
LENGTH, PANICKED = _HEAD["length"], _HEAD["panicked"]
#: What the word "panicked" holds where the case ended at a call that has no stand-in.
UNKNOWN_CALL: Final = 2
LINE, RETURNED = _HEAD["line"], _HEAD["returned"]
#: The words of the head.
HEAD: Final = len(_HEAD)
RECORD: Final = tuple(
    Field(*row) for row in _rows("record.def", r"^([NPSRFQL])\((\w+), (\w+)(?:, \w+)?\)")
)
#: The words of a record's state.
STATE: Final = sum(field.width for field in RECORD)
CALLS: Final = {
    int(number): Call(int(number), name, tuple(re.findall(r"([NPS])\((\w+)\)", items)))
    for number, name, items in _rows("calls.def", r"^CALL\((\d+), (\w+),((?:[^()]|\(\w+\))*)\)")
}
#: The number of each call, by its name: ``NUMBER.lwp_create``.
NUMBER: Final = SimpleNamespace(**{call.name: number for number, call in CALLS.items()})
#: The rules of locking.
RULES: Final = tuple(
    Rule(int(number), name, clause, text)
    for number, name, clause, text in _rows(
        "rules.def", r'^RULE\((\d+), (\w+), "([^"]*)", "([^"]*)"\)'
    )
)
#: The number of each object.
OBJECTS: Final = _numbers("objects.def", "OBJECT")
OBJECT_NAMES: Final = {number: name for name, number in OBJECTS.items()} | {
    0: "NULL",
    _SIZES["UNKNOWN"]: "unknown",
    STALE_NAME: "stale",
}


def text_in(words: Sequence[int]) -> str:
    """Returns the text of words that have one, as C has it."""
    text = array("q", words).tobytes().split(b"\0")[0].decode("utf-8", "replace")
    return "".join(letter if letter.isprintable() else " " for letter in text).strip()


def hash_of(text: str) -> int:
    """Returns a string as the record has it: FNV-1a of its first 60 characters."""
    value = 2166136261
    for byte in text.encode("ascii")[:60]:
        value = (value ^ byte) * 16777619 & 0xFFFFFFFF
    return value
