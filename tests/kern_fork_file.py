"""The person's own kern_fork.c, for tests that need one; no part of it is in this project."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

KERN_FORK = (
    Path(os.environ["FORKORACLE_KERN_FORK"])
    if "FORKORACLE_KERN_FORK" in os.environ
    else Path(__file__).parents[2] / "shared" / "netbsd" / "kern_fork.c"
)
needs_kern_fork = pytest.mark.skipif(
    not KERN_FORK.is_file(), reason="no kern_fork.c: FORKORACLE_KERN_FORK names one"
)


def broken(path: Path, *changes: tuple[str, str, int]) -> Path:
    """A copy of the file at *path* in which the n-th place of a text is another, counted from 0."""
    text = KERN_FORK.read_text(encoding="latin-1")
    for old, new, place in changes:
        parts = text.split(old)
        assert len(parts) > place + 1, f"{old!r} stands {len(parts) - 1} times in {KERN_FORK}"
        text = old.join(parts[: place + 1]) + new + old.join(parts[place + 1 :])
    path.write_text(text, encoding="latin-1")
    return path
