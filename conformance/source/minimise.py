"""The smallest case that still differs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from conformance.source.caller import Caller, Died
from conformance.source.case import BIT_FIELDS, Case
from conformance.source.compare import Got
from conformance.source.model import Model
from conformance.source.tables import CASE


def records(caller: Caller, cases: Sequence[Case]) -> Iterator[Got]:
    """Yields each case's record, or how its process ended."""
    for piece in caller.run(cases):
        if isinstance(piece, Died):
            yield piece
            continue
        words, at = piece.tolist(), 0
        while at < len(words):
            yield words[at : at + words[at]]
            at += words[at]


def differs(model: Model, caller: Caller, values: Case) -> bool:
    """Returns whether the file does otherwise than the model."""
    return next(records(caller, [values])) != model.record(values)


def minimise(model: Model, caller: Caller, values: Case) -> Case:
    """Returns the smallest case near *values* that differs, too: as much as can be is plain."""
    odd = [name for name in CASE if name != "call" and getattr(values, name) != CASE[name]]
    size = len(odd)
    while size > 1:  # many fields at a time: most of a drawn case has no part in it
        for at in range(0, len(odd), size):
            candidate = values._replace(**{name: CASE[name] for name in odd[at : at + size]})
            if differs(model, caller, candidate):
                values = candidate
        odd = [name for name in odd if getattr(values, name) != CASE[name]]
        size = min(size, len(odd) + 1) // 2
    changed = True
    while changed:
        changed = False
        smaller = list(_smaller(values))
        for candidate, got in zip(smaller, records(caller, smaller), strict=True):
            if got != model.record(candidate):
                values, changed = candidate, True
                break
    return values


def _smaller(values: Case) -> Iterator[Case]:
    for (name, plain), value in zip(CASE.items(), values, strict=True):
        if name == "call" or value == plain:
            continue
        yield values._replace(**{name: plain})
        if name in BIT_FIELDS:
            for bit in range(31, -1, -1):
                word = value & 0xFFFFFFFF & ~(1 << bit)
                if value >> bit & 1 and word:
                    yield values._replace(**{name: word - (word >> 31 << 32)})
