"""The answers of a target to a scenario: its log, or why there is none."""

from __future__ import annotations

from dataclasses import dataclass

from reference_model.language.observation import Log


@dataclass(frozen=True, slots=True)
class NotDecided:
    """The reason why a scenario could not be decided.

    ``gave_up`` says that the probe, or its kernel, was there and will not come back.
    """

    reason: str
    gave_up: bool = False


@dataclass(frozen=True, slots=True)
class Panicked:
    """The scenario made the kernel panic: the panic message, and the console."""

    reason: str
    console: str


Fault = NotDecided | Panicked
Observed = Log | Fault
