"""Cases predicted by the model, run on a library, and compared."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from conformance.source.assign import assign, place_of_rule
from conformance.source.caller import Caller, Died
from conformance.source.case import SYS_CLONE, Case, text_of
from conformance.source.compare import Row, key_of, rows_of, unknown_call
from conformance.source.minimise import asked, minimise, records
from conformance.source.model import Model
from conformance.source.tables import HEAD, LENGTH, RETURNED, RULES, STATE
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
    """Cases that differ in the same way, or break the same *rules*, and one of them to show."""

    family: str
    example: Case
    endless: bool = False
    rules: int = 0
    number: int = 0


@dataclass
class Prediction:
    """A batch of one family's cases, and the records that the model gives for them.

    ``asked`` has the rules of known issues, for the places of the cases that come to them.
    """

    family: str
    batch: list[Case]
    expected: list[list[int]]
    flat: array[int]
    kinds: list[Kind]
    asked: dict[int, int]


@dataclass
class Comparison:
    """Predicts, runs and compares cases; keeps what differs until :meth:`explain`.

    ``known`` are the rules that known issues break: a case that breaks others, too, is a
    difference of those.
    """

    model: Model
    say: Callable[..., None]
    only: frozenset[str] = frozenset()
    known: int = 0
    caller: Caller | None = None
    died: Counter[str] = field(default_factory=Counter)
    groups: dict[Any, Group] = field(default_factory=dict)
    #: The rules of known issues that a case came to and did not break.
    kept: int = 0
    _clauses: dict[Kind, frozenset[str]] = field(default_factory=dict)

    def predict(self, family: str, batch: Sequence[Case]) -> Prediction:
        """Returns the model's records of those cases of *batch* that were asked for."""
        record, flat = self.model.record, array("q")
        asked: dict[int, int] = {}
        chosen: list[Case] = []
        expected, kinds = [], []
        for values in batch:
            words = record(values)
            kind = kind_of(values, words)
            if kind not in self._clauses:
                self._clauses[kind] = clauses_reached(self.model.revision, values)
                self.say(kind=kind, clauses=sorted(self._clauses[kind]))
            if self.only and family not in self.only and not self._clauses[kind] & self.only:
                continue
            if rules := self.model.world.asked:
                asked[len(chosen)] = rules
            chosen.append(values)
            expected.append(words)
            kinds.append(kind)
            flat.extend(words)
        return Prediction(family, chosen, expected, flat, kinds, asked)

    def compare(self, prediction: Prediction) -> None:
        """Runs the predicted cases, and says how many agree."""
        assert self.caller is not None
        p = prediction
        agree: Counter[Kind] = Counter()
        unknown: Counter[str] = Counter()
        at = 0
        if self.died[p.family] < MAX_DIED:
            for piece in self.caller.run(p.batch):
                if isinstance(piece, Died):
                    self.died[p.family] += MAX_DIED if piece.endless else 1
                    self._differs(p, at, piece)
                    at += 1
                elif at == 0 and len(piece) == len(p.flat) and piece == memoryview(p.flat):
                    agree.update(p.kinds)
                    at = len(p.batch)
                    breakers = self.caller.breakers(at)
                    for case in p.asked.keys() - breakers:
                        self.kept |= p.asked[case]
                    for breaker in breakers:
                        agree[p.kinds[breaker]] -= 1
                        self._breaks(p, breaker)
                else:
                    words, start = piece.tolist(), 0
                    while start < len(words):
                        got = words[start : start + words[start + LENGTH]]
                        start += words[start + LENGTH]
                        if got == p.expected[at]:
                            if self.caller.broken(at):
                                self._breaks(p, at)
                            else:
                                agree[p.kinds[at]] += 1
                                self.kept |= p.asked.get(at, 0)
                        elif function := unknown_call(got):
                            unknown[function] += 1
                        else:
                            self._differs(p, at, got)
                        at += 1
                if self.died[p.family] >= MAX_DIED:
                    break
        undecided = len(p.batch) - at
        self.say(
            family=p.family,
            agree=[[*kind, number] for kind, number in agree.items()],
            undecided=undecided,
            unknown=unknown,
        )

    def _breaks(self, p: Prediction, at: int) -> None:
        """Keeps a case that agrees, but breaks a rule of locking."""
        assert self.caller is not None
        broken = self.caller.broken(at)
        rules = broken & ~self.known or broken
        key = (p.family, "rules", rules)
        self.groups.setdefault(key, Group(p.family, p.batch[at], rules=rules)).number += 1

    def drop_known(self) -> None:
        """Forgets the cases that only broke rules of known issues."""
        self.groups = {
            key: group
            for key, group in self.groups.items()
            if not group.rules or group.rules & ~self.known
        }

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
            for _ in range(runs - 1):
                again, got = next(asked(self.model, self.caller, [example], group.rules))
                times += again
            if times == runs and not group.endless:
                example = minimise(self.model, self.caller, example, group.rules)
                got = next(records(self.caller, [example]))
            expected = self.model.record(example)
            if group.rules and times == runs:
                broken = [rule for rule in RULES if group.rules >> rule.number & 1]
                rows = [asdict(Row("locks", "as the kernel needs them", r.text)) for r in broken]
                clause = broken[0].clause or place_of_rule(self.model, self.caller, example, got)
            elif got == expected or unknown_call(got):
                # It came only now and then: what it was cannot be shown any more.
                rows, clause = [], "SUCCESS"
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
