"""One of the processes that share a run's cases: predicts, runs, compares.

It is told by its first argument, a JSON object, what to do, and by the first line of its
standard input where the library is, once that is compiled; until then it predicts.  It
answers in lines of JSON on its standard output.
"""

from __future__ import annotations

import gc
import json
import select
import signal
import sys
from array import array
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Final

from conformance.source import case as cases
from conformance.source.blame import accuse, clauses_reached
from conformance.source.case import AT, SPACES, SYS_CLONE, Case
from conformance.source.compare import differs, key_of, records, rows_of, shrink
from conformance.source.layout import HEAD, STATE
from conformance.source.model import World
from conformance.source.runner import BATCH, Died, Runner
from reference_model.language.netbsd import EINVAL

#: After so many cases of a family that ended their process no more of it are run: the verdict
#: is clear, and each costs a process.  One that finds no end is enough: it costs seconds.
MAX_DIED: Final = 40
#: How often a case that differs is run in all.
RUNS: Final = 3
#: So many kinds of difference are told from one another.
MAX_KINDS: Final = 300

#: What tells apart cases that reach other clauses.
Kind = tuple[int, ...]


def kind_of(values: Case, record: Sequence[int]) -> Kind:
    """By what it called and what came of it; refused flag words by their bits."""
    call, returned = values[0], record[3]
    if returned == EINVAL and call == SYS_CLONE:
        flags = values[AT["flags"]]
        return (call, returned, flags >> 8 & 0x2C | (flags & 0xFF >= 64), values[AT["fd"]] == 2)
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
class Worker:
    """The state of one worker's share of a run."""

    world: World
    say: Callable[..., None]
    only: frozenset[str] = frozenset()
    runner: Runner | None = None
    died: Counter[str] = field(default_factory=Counter)
    groups: dict[Any, Group] = field(default_factory=dict)
    _clauses: dict[Kind, frozenset[str]] = field(default_factory=dict)

    def predict(self, family: str, batch: Sequence[Case]) -> Prediction:
        """The model's records of those of *batch* that were asked for."""
        record, flat = self.world.record, array("q")
        chosen, expected, kinds = [], [], []
        for values in batch:
            words = record(values)
            kind = kind_of(values, words)
            if kind not in self._clauses:
                self._clauses[kind] = clauses_reached(self.world.revision, values)
                self.say(kind=kind, clauses=sorted(self._clauses[kind]))
            if self.only and family not in self.only and not self._clauses[kind] & self.only:
                continue
            chosen.append(values)
            expected.append(words)
            kinds.append(kind)
            flat.extend(words)
        return Prediction(family, chosen, expected, flat, kinds)

    def compare(self, prediction: Prediction) -> None:
        """Run the predicted cases, and say how many agree."""
        assert self.runner is not None
        p = prediction
        agree: Counter[Kind] = Counter()
        undecided = at = 0
        if self.died[p.family] < MAX_DIED:
            for piece in self.runner.run(p.batch):
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
                        got = words[start : start + words[start]]
                        start += words[start]
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
        key = (p.family, *key_of(p.expected[at], got, p.batch[at][0]))
        if key not in self.groups and len(self.groups) >= MAX_KINDS:
            key = min(self.groups, key=lambda other: other[:2] != key[:2])
        endless = isinstance(got, Died) and got.endless
        self.groups.setdefault(key, Group(p.family, p.batch[at], endless)).number += 1

    def explain(self) -> None:
        """Say of each kind of difference what it is, with the smallest case that shows it."""
        assert self.runner is not None
        for group in self.groups.values():
            example, times, runs = group.example, 1, 2 if group.endless else RUNS
            got = next(records(self.runner, [example]))
            times += got != self.world.record(example)
            for _ in range(runs - 2):
                times += differs(self.world, self.runner, example)
            if times == runs and not group.endless:
                example = shrink(self.world, self.runner, example)
                got = next(records(self.runner, [example]))
            expected = self.world.record(example)
            if got == expected:  # it came only now and then: what it was cannot be shown any more
                rows = []
                clause = "SUCCESS"
            else:
                rows = [asdict(row) for row in rows_of(expected, got)]
                clause = accuse(self.world, self.runner, example, expected, got)
            self.say(
                difference={
                    "family": group.family,
                    "clause": clause,
                    "case": cases.text_of(example),
                    "rows": rows,
                    "number": group.number,
                    "times": times,
                    "of": runs,
                }
            )


def say(**what: Any) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def share(
    families: Sequence[str], seed: int, number: int, index: int, of: int
) -> Iterator[tuple[str, list[Case]]]:
    """One worker's batches of the run: every *of*-th, from the one numbered *index*."""
    turn = 0
    for name in families:
        if name == "generated":
            for part in range(0, number, BATCH):
                if turn % of == index:
                    size = min(BATCH, number - part)
                    yield name, cases.generated(seed * 1_000_003 + part, size)
                turn += 1
            continue
        stream = SPACES[name].cases(seed)
        while batch := list(islice(stream, BATCH)):
            if turn % of == index:
                yield name, batch
            turn += 1


def _library_is_there(wait: bool) -> Path | None:
    """The line that names the library, if it has come."""
    if not wait and not select.select([sys.stdin], [], [], 0)[0]:
        return None
    line = sys.stdin.readline().rstrip("\n")
    if not line:
        sys.exit(0)  # it was not compiled
    return Path(json.loads(line))


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who started us ends us
    told = json.loads(sys.argv[1])
    revision = tuple(told["revision"])
    worker = Worker(World(revision), say, frozenset(told["only"]))
    gc.disable()  # nothing here refers to itself
    waiting: deque[Prediction] = deque()
    batches = share(told["families"], told["seed"], told["number"], *told["share"])
    for family, batch in batches:
        possible = [values for values in batch if cases.possible(values, revision)]
        waiting.append(worker.predict(family, possible))
        if worker.runner is None and (path := _library_is_there(wait=False)):
            worker.runner = Runner(path)
        while worker.runner is not None and waiting:
            worker.compare(waiting.popleft())
    if worker.runner is None:
        path = _library_is_there(wait=True)
        assert path is not None
        worker.runner = Runner(path)
    while waiting:
        worker.compare(waiting.popleft())
    worker.runner.close()
    worker.explain()
    worker.runner.close()


if __name__ == "__main__":
    main()
