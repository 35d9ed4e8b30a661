"""Targets: kernels that run scenarios and say what was seen.

Each target is a module that knows only the probe's channel; this one knows
which there are and picks the one to use.
"""

from __future__ import annotations

import platform
from collections.abc import Callable
from dataclasses import dataclass

from conformance.selection import SelectionError
from conformance.targets.base import Target
from conformance.targets.local import LocalTarget

#: The targets of this version.
TARGETS: dict[str, Callable[[float], Target]] = {"local": LocalTarget}


@dataclass(frozen=True, slots=True)
class Choice:
    """A target, and the line that says which, why, and how to get another."""

    line: str
    start: Callable[[float], Target]


def choose_target(name: str) -> Choice:
    """The target called *name*; ``auto`` is the kernel that we are on.

    Raises :class:`SelectionError` for one that this version does not have.
    """
    here = f"{platform.system()} {platform.release()}"
    if name == "auto":
        line = f"target local: the kernel that we are on, {here} (--target names another)"
        return Choice(line, LocalTarget)
    if name not in TARGETS:
        raise SelectionError(f"unknown target {name!r}: expected {', '.join(('auto', *TARGETS))}")
    return Choice(f"target {name}: {here}, as asked", TARGETS[name])
