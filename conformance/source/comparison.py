"""Cases predicted by the model, run on a library, and compared."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from conformance.source.assign import assign
from conformance.source.caller import Caller, Died
from conformance.source.case import SYS_CLONE, Case, text_of
from conformance.source.compare import key_of, rows_of
from conformance.source.minimise import differs, minimise, records
from conformance.source.model import Model
from conformance.source.tables import HEAD, LENGTH, RETURNED, STATE
from conformance.source.walk import clauses_reached
from reference_model.language.netbsd import EINVAL

#: Maximum number of cases of a family that end their process; the rest of it is not run: the
#: verdict is clear, and each costs a process.  One endless case is enough: it costs seconds.
MAX_DIED: Final = 40
#: Number of runs of a case that differs, to tell "always" from "sometimes".
RUNS: Final = 3
#: Maximum number of kinds of difference that are told apart; more would take minutes.
MAX_KINDS: Final = 300

#: What tells apart cases that reach other clauses.
Kind = tuple[int, ...]


def kind_of(values: Case, record: Sequence[int]) -> Kind:
    """Returns what was called and what came of it; of a refused flag word, its bits."""
    call, returned = values.call, record[RETURNED]
    if returned == EINVAL and call == SYS_CLONE:
        flags = values.flags
        return (call, returned, flags >> 8 & 0x2C | (flags & 0xFF >= 64), values.fd == 2)
    return (call, returned, record[HEAD + STATE] if returned else 0)


@dataclass
class Group:
    """Cases that differ in the same way, and one of them to show."""

    family: str
    example: Case
    endless: bool = False
    number: int = 0


@dataclass
class Prediction:
    """A batch of one family's cases, and the records that the model gives for them."""

    family: str
    batch: list[Case]
    expected: list[list[int]]
    flat: array[int]
    kinds: list[Kind]


@dataclass
class Comparison:
    """Predicts, runs and compares cases; keeps what differs until :meth:`explain`."""

    model: Model
    say: Callable[..., None]
    only: frozenset[str] = frozenset()
    caller: Caller | None = None
    died: Counter[str] = field(default_factory=Counter)
    groups: dict[Any, Group] = field(default_factory=dict)
    _clauses: dict[Kind, frozenset[str]] = field(default_factory=dict)

    def predict(self, family: str, batch: Sequence[Case]) -> Prediction:
        """Returns the model's records of those cases of *batch* that were asked for."""
        record, flat = self.model.record, array("q")
        chosen, expected, kinds = [], [], []
        for values in batch:
            words = record(values)
            kind = kind_of(values, words)
            if kind not in self._clauses:
                self._clauses[kind] = clauses_reached(self.model.revision, values)
                self.say(kind=kind, clauses=sorted(self._clauses[kind]))
            if self.only and family not in self.only and not self._clauses[kind] & self.only:
                continue
            chosen.append(values)
            expected.append(words)
            kinds.append(kind)
            flat.extend(words)
        return Prediction(family, chosen, expected, flat, kinds)

    def compare(self, prediction: Prediction) -> None:
        """Runs the predicted cases, and says how many agree."""
        assert self.caller is not None
        p = prediction
        agree: Counter[Kind] = Counter()
        undecided = at = 0
        if self.died[p.family] < MAX_DIED:
            for piece in self.caller.run(p.batch):
                if isinstance(piece, Died):
                    self.died[p.family] += MAX_DIED if piece.endless else 1
                    self._differs(p, at, piece)
                    at += 1
                elif at == 0 and len(piece) == len(p.flat) and piece == memoryview(p.flat):
                    agree.update(p.kinds)
                    at = len(p.batch)
                else:
                    words, start = piece.tolist(), 0
                    while start < len(words):
                        got = words[start : start + words[start + LENGTH]]
                        start += words[start + LENGTH]
                        if got == p.expected[at]:
                            agree[p.kinds[at]] += 1
                        else:
                            self._differs(p, at, got)
                        at += 1
                if self.died[p.family] >= MAX_DIED:
                    break
        undecided = len(p.batch) - at
        self.say(
            family=p.family,
            agree=[[*kind, number] for kind, number in agree.items()],
            differ=at - agree.total(),
            undecided=undecided,
        )

    def _differs(self, p: Prediction, at: int, got: list[int] | Died) -> None:
        key = (p.family, *key_of(p.expected[at], got, p.batch[at].call))
        if key not in self.groups and len(self.groups) >= MAX_KINDS:
            key = min(self.groups, key=lambda other: other[:2] != key[:2])
        endless = isinstance(got, Died) and got.endless
        self.groups.setdefault(key, Group(p.family, p.batch[at], endless)).number += 1

    def explain(self) -> None:
        """Says what each kind of difference is, with the smallest case that shows it."""
        assert self.caller is not None
        for group in self.groups.values():
            example, times, runs = group.example, 1, 2 if group.endless else RUNS
            got = next(records(self.caller, [example]))
            times += got != self.model.record(example)
            for _ in range(runs - 2):
                times += differs(self.model, self.caller, example)
            if times == runs and not group.endless:
                example = minimise(self.model, self.caller, example)
                got = next(records(self.caller, [example]))
            expected = self.model.record(example)
            if got == expected:  # it came only now and then: what it was cannot be shown any more
                rows = []
                clause = "SUCCESS"
            else:
                rows = [asdict(row) for row in rows_of(expected, got)]
                clause = assign(self.model, self.caller, example, expected, got)
            self.say(
                difference={
                    "family": group.family,
                    "clause": clause,
                    "case": text_of(example),
                    "rows": rows,
                    "number": group.number,
                    "times": times,
                    "of": runs,
                }
            )
