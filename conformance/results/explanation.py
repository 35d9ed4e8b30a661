"""An explanation of differences: one change of fork1 under which the model sees what was observed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Explanation:
    """One change of kern_fork.c, and how many of the differences it explains.

    ``first`` and ``last`` are its lines in kern_fork.c 1.232.  ``change`` completes the sentence
    "the kernel behaves as if ...".  ``explains`` of the ``differences`` are explained: those of
    ``scenarios``.  Of the ``agree`` scenarios that agree with the unchanged model, ``refuted_by``
    would differ under the change.  ``ties`` are other changes that explain the same.
    """

    first: int
    last: int
    change: str
    clause: str
    explains: int
    differences: int
    refuted_by: int
    agree: int
    scenarios: tuple[str, ...] = ()
    ties: tuple[str, ...] = ()
