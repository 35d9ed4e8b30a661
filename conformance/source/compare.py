"""Where a record differs from the model's, and the smallest case that differs so."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from conformance.source.case import AT, BIT_FIELDS, FIELDS, PLAIN, Case
from conformance.source.layout import (
    CALLS,
    HEAD,
    MESSAGE,
    OBJECT_NAMES,
    RECORD,
    STATE,
)
from conformance.source.model import World
from conformance.source.names import number_text
from conformance.source.runner import Died, Runner
from reference_model.language.netbsd import ERRNO_NAMES

Record = Sequence[int]
Got = list[int] | Died
#: What each word of the state is called, and how it is shown.
LABELS: Final = tuple(
    (f"{field.label}[{place}]" if field.width > 1 else field.label, field)
    for field in RECORD
    for place in range(field.width)
)


def panic_of(record: Record) -> str:
    """The text of a record's panic, or nothing."""
    if not record[1]:
        return ""
    text = array("q", record[-MESSAGE:]).tobytes().split(b"\0")[0].decode("ascii", "replace")
    return f"{text}, line {record[2]}" if record[2] else text


def calls_of(words: Sequence[int]) -> list[tuple[int, ...]]:
    """A list of calls, call by call."""
    calls, at = [], 0
    while at < len(words):
        call = CALLS.get(words[at])
        width = 1 + len(call.arguments) if call else len(words)
        calls.append(tuple(words[at : at + width]))
        at += width
    return calls


def split(record: Record) -> tuple[Record, list[tuple[int, ...]]]:
    """A record's state and its calls."""
    start = HEAD + STATE + 1
    return record[HEAD : HEAD + STATE], calls_of(record[start : start + record[start - 1]])


_POINTERS = frozenset(
    [
        "lock",
        "cred",
        "p",
        "p1",
        "p2",
        "l1",
        "l2",
        "l",
        "vp",
        "fdp",
        "limit",
        "stats",
        "parent",
        "cv",
        "path",
        "uaddr",
        "p_tracep",
        "p_vforklwp",
    ]
)


def show_call(call: tuple[int, ...] | None) -> str:
    if call is None:
        return "-"
    known = CALLS.get(call[0])
    if known is None:
        return f"call {call[0]}"
    shown = [
        f"{name} {show_word('P' if name in _POINTERS else 'N', name, value)}"
        for name, value in zip(known.arguments, call[1:], strict=False)
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
    """One thing that differs: what it is, as the model says, as it was seen."""

    what: str
    expected: str
    seen: str


def first_call(expected: list[tuple[int, ...]], seen: list[tuple[int, ...]]) -> int | None:
    """The index of the first call that is not the model's."""
    for index, (want, got) in enumerate(zip(expected, seen, strict=False)):
        if want != got:
            return index
    return None if len(expected) == len(seen) else min(len(expected), len(seen))


def rows_of(expected: Record, got: Got) -> list[Row]:
    """What differs, the outcome first, then the first call, then fields of objects."""
    state, calls = split(expected)
    rows = []
    if isinstance(got, Died):
        seen_calls = calls_of(got.calls)
        rows.append(Row("outcome", "returned " + show_returned(expected[3]), got.how))
        seen_state: Record = state
    else:
        seen_state, seen_calls = split(got)
        if panic := panic_of(got):
            rows.append(Row("outcome", "returned " + show_returned(expected[3]), panic))
            seen_state = state
        elif expected[3] != got[3]:
            rows.append(Row("returned", show_returned(expected[3]), show_returned(got[3])))
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
    """What differences of one cause have in common, quickly."""
    state = expected[HEAD : HEAD + STATE]
    if isinstance(got, Died):
        return (call, got.how, len(got.calls))
    labels = tuple(
        number
        for number, (a, b) in enumerate(zip(state, got[HEAD : HEAD + STATE], strict=True))
        if a != b
    )
    start = HEAD + STATE + 1
    want, saw = expected[start:], got[start : start + got[start - 1]]
    if want != saw:
        index = next(
            (n for n, (a, b) in enumerate(zip(want, saw, strict=False)) if a != b),
            min(len(want), len(saw)),
        )
        where = (want[index] if index < len(want) else 0, saw[index] if index < len(saw) else 0)
        return (call, panic_of(got), expected[3], got[3], labels[:4], index == 0, where[:1])
    return (call, panic_of(got), expected[3], got[3], labels[:8])


def records(runner: Runner, cases: Sequence[Case]) -> Iterator[Got]:
    """Each case's record, or how it ended."""
    for piece in runner.run(cases):
        if isinstance(piece, Died):
            yield piece
            continue
        words, at = piece.tolist(), 0
        while at < len(words):
            yield words[at : at + words[at]]
            at += words[at]


def differs(world: World, runner: Runner, values: Case) -> bool:
    return next(records(runner, [values])) != world.record(values)


def shrink(world: World, runner: Runner, values: Case) -> Case:
    """The smallest case near *values* that differs, too: as much as can be is plain."""
    changed = True
    while changed:
        changed = False
        smaller = list(_smaller(values))
        for candidate, got in zip(smaller, records(runner, smaller), strict=True):
            if got != world.record(candidate):
                values, changed = candidate, True
                break
    return values


def _smaller(values: Case) -> Iterator[Case]:
    for at, (value, plain) in enumerate(zip(values, PLAIN, strict=True)):
        if at == AT["call"] or value == plain:
            continue
        yield (*values[:at], plain, *values[at + 1 :])
        if FIELDS[at] in BIT_FIELDS and value != plain:
            for bit in range(31, -1, -1):
                word = value & 0xFFFFFFFF & ~(1 << bit)
                if value >> bit & 1 and word:
                    yield (*values[:at], word - (word >> 31 << 32), *values[at + 1 :])


assert len(LABELS) == STATE
