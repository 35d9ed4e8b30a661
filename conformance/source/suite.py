"""The same cases for many files: predicted once, run on each file in turn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from conformance.source import case as cases
from conformance.source.case import SPACES, Case
from conformance.source.model import World
from conformance.source.runner import BATCH, Runner
from conformance.source.worker import Prediction, Worker


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
    predictions: list[Prediction]

    @classmethod
    def of(
        cls, revision: tuple[int, int], seed: int = 1, every: int = 1, generated: int = 20_000
    ) -> Suite:
        """The model's answers to a :func:`sample` of cases."""
        worker = Worker(World(revision), say=lambda **_: None)
        return cls(
            revision,
            [
                worker.predict(family, [v for v in batch if cases.possible(v, revision)])
                for family, batch in sample(seed, every, generated)
            ],
        )

    def notices(self, library: Path) -> bool:
        """Whether any case differs on a library."""
        return bool(self._compare(library, explain=False))

    def differences(self, library: Path) -> list[dict[str, Any]]:
        """Each kind of difference on a library, explained as a worker does."""
        said = self._compare(library, explain=True)
        return [what["difference"] for what in said if "difference" in what]

    def _compare(self, library: Path, *, explain: bool) -> list[dict[str, Any]]:
        said: list[dict[str, Any]] = []
        runner = Runner(library, patience=1.0)
        worker = Worker(World(self.revision), lambda **what: said.append(what), runner=runner)
        try:
            for prediction in self.predictions:
                worker.compare(prediction)
                if worker.groups and not explain:
                    return said
            worker.explain()
            return said if explain else []
        finally:
            runner.close()
