"""The families of scenarios: what is tried on every kernel.

A family is a module with ``generate(random)``, which yields scenarios whose
names begin with the family's.  The same seed gives the same scenarios.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from random import Random

from conformance.scenarios.families import exec as exec_
from conformance.scenarios.families import (
    exitsignal,
    groups,
    inherited,
    kqueue,
    ktrace,
    lattice,
    lwp,
    nproc,
    queues,
    references,
    scheduling,
    sharing,
    trace,
    validation,
    vfork,
    waiting,
    wholesystem,
)
from reference_model import Scenario

DEFAULT_SEED = 1


@dataclass(frozen=True, slots=True)
class Family:
    """A name, one line about it, and the generator."""

    name: str
    summary: str
    generate: Callable[[Random], Iterator[Scenario]]

    def scenarios(self, seed: int = DEFAULT_SEED) -> list[Scenario]:
        """Returns all scenarios of this family for *seed*."""
        return list(_scenarios(self, seed))


@cache  # what asks for clauses, for names or for a selection asks again for the same
def _scenarios(family: Family, seed: int) -> tuple[Scenario, ...]:
    return tuple(family.generate(Random(f"{family.name} {seed}")))


def _family(module: object) -> Family:
    name = module.__name__.rpartition(".")[2]  # type: ignore[attr-defined]
    summary = (module.__doc__ or "").partition("\n")[0]
    return Family(name, summary, module.generate)  # type: ignore[attr-defined]


FAMILIES: dict[str, Family] = {
    family.name: family
    for family in map(
        _family,
        (
            validation,
            sharing,
            vfork,
            trace,
            lattice,
            nproc,
            exitsignal,
            groups,
            waiting,
            inherited,
            scheduling,
            queues,
            lwp,
            kqueue,
            ktrace,
            exec_,
            references,
            wholesystem,
        ),
    )
}
