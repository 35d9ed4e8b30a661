"""The same cases for many files: predicted once, run on each file in turn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from conformance.targets.source import case as cases
from conformance.targets.source.case import SPACES, Case
from conformance.targets.source.model import World
from conformance.targets.source.runner import BATCH, Runner
from conformance.targets.source.worker import Prediction, Worker


def sample(seed: int, every: int, generated: int) -> Iterator[tuple[str, list[Case]]]:
    """Each *every*-th case of the spaces that are gone through whole, and generated ones."""
    for name, space in SPACES.items():
        stream = (
            iter(cases.generated(seed, generated))
            if name == "generated"
            else islice(space.cases(seed), 0, None, every)
        )
        while batch := list(islice(stream, BATCH)):
            yield name, batch


@dataclass
class Suite:
    """Predicted cases for one revision."""

    revision: tuple[int, int]
    predictions: list[Prediction] = field(default_factory=list)
    _worker: Worker | None = None

    @classmethod
    def of(
        cls, revision: tuple[int, int], seed: int = 1, every: int = 1, generated: int = 20_000
    ) -> Suite:
        said: list[dict[str, Any]] = []
        worker = Worker(World(revision), say=lambda **what: said.append(what))
        suite = cls(revision, _worker=worker)
        for family, batch in sample(seed, every, generated):
            possible = [values for values in batch if cases.possible(values, revision)]
            suite.predictions.append(worker.predict(family, possible))
        return suite

    def differences(self, library: Path, *, explain: bool = True) -> list[dict[str, Any]]:
        """What differs on a library: each kind of difference, explained, or at least one."""
        said: list[dict[str, Any]] = []
        runner = Runner(library, patience=1.0)
        worker = Worker(World(self.revision), say=lambda **what: said.append(what), runner=runner)
        try:
            for prediction in self.predictions:
                worker.compare(prediction)
                if worker.groups and not explain:
                    break
            if explain:
                worker.explain()
            return (
                [what["difference"] for what in said if "difference" in what]
                if explain
                else [{"number": group.number} for group in worker.groups.values()]
            )
        finally:
            runner.close()
