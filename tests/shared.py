"""What the workers of one session share: work that is done once for all of them."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

from vm.files import locked

T = TypeVar("T")


def shared_folder(factory: pytest.TempPathFactory, name: str) -> Path:
    """Returns a folder of the session's; each of its workers gets the same one."""
    base = factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / f"shared-{name}"
    folder.mkdir(exist_ok=True)
    return folder


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[], T]) -> T:
    """Returns what *make* returns in the first worker that asks; the others wait for it."""
    path = shared_folder(factory, name) / "pickled"
    with locked(path) as file:
        file.seek(0)
        if data := file.read():
            made: T = pickle.loads(data)
            return made
        made = make()
        pickle.dump(made, file)
        return made
