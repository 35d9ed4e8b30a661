"""A sample of the cases, predicted once and run on many files in turn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from conformance.source.caller import BATCH, Caller
from conformance.source.case import Case, possible
from conformance.source.comparison import Comparison, Prediction
from conformance.source.families import FAMILIES
from conformance.source.families import generated as generated_cases
from conformance.source.issues import known_rules
from conformance.source.model import Model


def _batches(seed: int, every: int, generated: int) -> Iterator[tuple[str, list[Case]]]:
    """Yields batches of the cases, with the name of their family."""
    for name, family in FAMILIES.items():
        stream = (
            iter(generated_cases(seed, generated))
            if name == "generated"
            else islice(family.cases(seed), 0, None, every)
        )
        while batch := list(islice(stream, BATCH)):
            yield name, batch


@dataclass
class Sample:
    """Predicted cases for one revision; a difference is one that is no known issue."""

    revision: tuple[int, int]
    predictions: list[Prediction]

    @classmethod
    def of(
        cls, revision: tuple[int, int], seed: int = 1, every: int = 1, generated: int = 20_000
    ) -> Sample:
        """Returns the model's answers to each *every*-th case, and to *generated* ones."""
        comparison = Comparison(Model(revision), say=lambda **_: None)
        return cls(
            revision,
            [
                comparison.predict(family, [v for v in batch if possible(v, revision)])
                for family, batch in _batches(seed, every, generated)
            ],
        )

    def notices(self, library: Path) -> bool:
        """Returns whether any case differs on a library."""
        return bool(self._compare(library, explain=False))

    def differences(self, library: Path) -> list[dict[str, Any]]:
        """Returns each kind of difference on a library, as a worker explains it."""
        said = self._compare(library, explain=True)
        return [what["difference"] for what in said if "difference" in what]

    def _compare(self, library: Path, *, explain: bool) -> list[dict[str, Any]]:
        said: list[dict[str, Any]] = []
        caller = Caller(library, patience=0.2)
        comparison = Comparison(
            Model(self.revision),
            lambda **what: said.append(what),
            known=known_rules(),
            caller=caller,
        )
        try:
            for prediction in self.predictions:
                comparison.compare(prediction)
                comparison.drop_known()
                if comparison.groups and not explain:
                    return said
            comparison.explain()
            return said if explain else []
        finally:
            caller.close()
