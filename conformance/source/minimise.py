"""The smallest case that still differs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from conformance.source.caller import Caller, Died
from conformance.source.case import BIT_FIELDS, Case
from conformance.source.compare import Got, unknown_call
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


def asked(
    model: Model, caller: Caller, cases: Sequence[Case], rules: int = 0
) -> Iterator[tuple[bool, Got]]:
    """Yields for each case whether the file does otherwise than the model, and what it did.

    With *rules*: whether it does the same, and breaks these rules.
    """
    for at, (got, values) in enumerate(zip(records(caller, cases), cases, strict=True)):
        differs = got != model.record(values)
        if rules:
            yield not differs and rules & ~caller.broken(at) == 0, got
        else:
            yield differs and not unknown_call(got), got


def differs(model: Model, caller: Caller, values: Case) -> bool:
    """Returns whether the file does otherwise than the model."""
    return next(asked(model, caller, [values]))[0]


def minimise(model: Model, caller: Caller, values: Case, rules: int = 0) -> Case:
    """Returns the smallest case near *values* that differs, too: as much as can be is plain.

    With *rules*: that breaks these rules, too.
    """
    odd = [name for name in CASE if name != "call" and getattr(values, name) != CASE[name]]
    size = len(odd)
    while size > 1:  # many fields at a time: most of a drawn case has no part in it
        for at in range(0, len(odd), size):
            candidate = values._replace(**{name: CASE[name] for name in odd[at : at + size]})
            if next(asked(model, caller, [candidate], rules))[0]:
                values = candidate
        odd = [name for name in odd if getattr(values, name) != CASE[name]]
        size = min(size, len(odd) + 1) // 2
    while True:
        smaller = list(_smaller(values))
        found = zip(smaller, asked(model, caller, smaller, rules), strict=True)
        less = next((candidate for candidate, (differs, _) in found if differs), None)
        if less is None:
            return values
        values = less


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
