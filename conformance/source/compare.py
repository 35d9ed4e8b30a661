"""Compares a record of the harness with the model's, word by word.

The idea: both sides write the same words in the same order (record.def, calls.def), so agreement
is equality of two arrays, and only what differs is taken apart and given names.  That makes a
hundred thousand cases a matter of seconds.  What is shown of a difference is the outcome, the
first call that is another, and each field of the state.

Differences with the same *key* are one kind: the outcome, the first fields that differ and the
first call that does.  Only one case of each kind is minimised and shown.

Tried and rejected: to compare in C, with the model's records handed over (it saves little, and the
words have no names there); to compare only the state, or only the calls (a
missing call shows only in the calls, a wrong field only in the state); to compare the order in
which locks are taken (a right fix may take one more: rules.def has the rules).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import compress, count
from operator import ne
from typing import Any, Final

from conformance.source.caller import Died
from conformance.source.names import number_text
from conformance.source.tables import (
    CALLS,
    HEAD,
    LINE,
    MESSAGE_WORDS,
    OBJECT_NAMES,
    PANICKED,
    RECORD,
    RETURNED,
    STATE,
    UNKNOWN_CALL,
    text_in,
)
from reference_model.language.netbsd import ERRNO_NAMES

#: Numbers in the text of a panic: they do not make it another kind.
_NUMBER: Final = re.compile(r"0x[0-9a-fA-F]+|-?\d+")

Record = Sequence[int]
Got = list[int] | Died
#: What each word of the state is called, and how it is shown.
LABELS: Final = tuple(
    (f"{field.label}[{place}]" if field.width > 1 else field.label, field)
    for field in RECORD
    for place in range(field.width)
)


def panic_of(record: Record) -> str:
    """Returns the text of a record's panic; nothing without one."""
    if not record[PANICKED]:
        return ""
    text = text_in(record[-MESSAGE_WORDS:])
    return f"{text}, line {record[LINE]}" if record[LINE] else text


def unknown_call(got: Got) -> str:
    """Returns the function that has no stand-in, where its call ended the case; else nothing."""
    if isinstance(got, Died) or got[PANICKED] != UNKNOWN_CALL:
        return ""
    return text_in(got[-MESSAGE_WORDS:])


def calls_of(words: Sequence[int]) -> list[tuple[int, ...]]:
    """Returns the words of calls, call by call."""
    calls, at = [], 0
    while at < len(words):
        call = CALLS.get(words[at])
        width = 1 + len(call.items) if call else len(words)
        calls.append(tuple(words[at : at + width]))
        at += width
    return calls


def split(record: Record) -> tuple[Record, list[tuple[int, ...]]]:
    """Returns a record's state and its calls."""
    start = HEAD + STATE + 1
    return record[HEAD : HEAD + STATE], calls_of(record[start : start + record[start - 1]])


def show_call(call: tuple[int, ...] | None) -> str:
    if call is None:
        return "-"
    known = CALLS.get(call[0])
    if known is None:
        return f"call {call[0]}"
    shown = [
        f"{name} {show_word(kind, name, value)}"
        for (kind, name), value in zip(known.items, call[1:], strict=False)
    ]
    return f"{known.name}({', '.join(shown)})"


def show_word(kind: str, name: str, value: int) -> str:
    if kind in "PFL":
        return OBJECT_NAMES.get(value, str(value))
    return number_text(name, value) if kind == "N" else str(value)


def show_returned(value: int) -> str:
    return ERRNO_NAMES.get(value, str(value))


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that differs: its name, what the model says, what was seen."""

    what: str
    expected: str
    seen: str


def first_call(expected: list[tuple[int, ...]], seen: list[tuple[int, ...]]) -> int | None:
    """Returns the index of the first call that is not the model's; None without one."""
    for index, (want, got) in enumerate(zip(expected, seen, strict=False)):
        if want != got:
            return index
    return None if len(expected) == len(seen) else min(len(expected), len(seen))


def rows_of(expected: Record, got: Got) -> list[Row]:
    """Returns what differs: the outcome, then the first call, then fields of objects."""
    state, calls = split(expected)
    rows = []
    if isinstance(got, Died):
        seen_calls = calls_of(got.calls)
        rows.append(Row("outcome", "returned " + show_returned(expected[RETURNED]), got.how))
        seen_state: Record = state
    else:
        seen_state, seen_calls = split(got)
        if panic := panic_of(got):
            rows.append(Row("outcome", "returned " + show_returned(expected[RETURNED]), panic))
            seen_state = state
        elif expected[RETURNED] != got[RETURNED]:
            rows.append(
                Row("returned", show_returned(expected[RETURNED]), show_returned(got[RETURNED]))
            )
    at = first_call(calls, seen_calls)
    if at is not None:
        want = calls[at] if at < len(calls) else None
        saw = seen_calls[at] if at < len(seen_calls) else None
        rows.append(Row(f"call {at + 1}", show_call(want), show_call(saw)))
    for (label, field), value, seen in zip(LABELS, state, seen_state, strict=True):
        if value != seen:
            rows.append(
                Row(label, show_word(field.kind, field.name, value),
                    show_word(field.kind, field.name, seen))
            )  # fmt: skip
    return rows


def key_of(expected: Record, got: Got, call: int) -> tuple[Any, ...]:
    """Returns what differences of one kind have in common."""
    state = expected[HEAD : HEAD + STATE]
    if isinstance(got, Died):
        return (call, got.how, len(got.calls))
    panic = _NUMBER.sub("N", panic_of(got))
    labels = tuple(compress(count(), map(ne, state, got[HEAD : HEAD + STATE])))
    start = HEAD + STATE + 1
    want, saw = expected[start:], got[start : start + got[start - 1]]
    if want != saw:
        index = next(
            (n for n, (a, b) in enumerate(zip(want, saw, strict=False)) if a != b),
            min(len(want), len(saw)),
        )
        where = (want[index] if index < len(want) else 0, saw[index] if index < len(saw) else 0)
        return (
            call,
            panic,
            expected[RETURNED],
            got[RETURNED],
            labels[:4],
            index == 0,
            where[:1],
        )
    return (call, panic, expected[RETURNED], got[RETURNED], labels[:8])


assert len(LABELS) == STATE
