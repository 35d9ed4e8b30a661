"""Who is still there: what a test has started must be gone when it is over."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable
from time import monotonic, sleep

import psutil

MARK = "FORKORACLE_TEST_MARK"


def new_mark() -> str:
    """A word for the environment, by which a test's processes are known."""
    return uuid.uuid4().hex


def marked(mark: str) -> list[psutil.Process]:
    """The processes, zombies aside, that have *mark* in their environment."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == mark:
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied, OSError):
            continue
    return found


def wait_until(done: Callable[[], bool], timeout: float = 60.0) -> None:
    """Until *done* says so; fails after *timeout* seconds."""
    deadline = monotonic() + timeout
    while not done():
        assert monotonic() < deadline, "it did not come about in time"
        sleep(0.02)


def in_session(leader: int) -> list[int]:
    """The processes, dead ones too, of the session that *leader* began."""
    found = []
    for pid in psutil.pids():
        try:
            if os.getsid(pid) == leader:
                found.append(pid)
        except (ProcessLookupError, PermissionError):
            continue
    return found
