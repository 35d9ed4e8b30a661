"""What the tests share: a target that runs on the kernel we are on, and ends clean."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator

import platformdirs
import pytest
from hypothesis import HealthCheck, settings

from conformance.targets.local import LocalTarget
from tests.processes import MARK, in_session, marked, new_mark

if os.environ.pop("PYTHONDONTWRITEBYTECODE", None):
    # Hundreds of commands that the tests run would each compile all modules again.  The files
    # go to the user's cache, so that the checkout stays as it is.
    sys.dont_write_bytecode = False
    sys.pycache_prefix = str(platformdirs.user_cache_path("forkoracle") / "bytecode")
    os.environ["PYTHONPYCACHEPREFIX"] = sys.pycache_prefix


# On a busy machine everything is slow, which is no fault of what is tested.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")


def pytest_configure() -> None:
    """Restores Ctrl-C for the processes that tests start.

    A shell's background job ignores SIGINT, and so would all its children; a signal that is
    caught has its default in a program that is executed.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, lambda *_: None)


@pytest.fixture(scope="session")
def local() -> Iterator[LocalTarget]:
    """The local target; when all tests are over it leaves nothing behind."""
    mark = os.environ[MARK] = new_mark()
    target = LocalTarget()
    assert marked(mark), "the target's own processes are not to be seen: the check is blind"
    yield target
    sessions = {os.getsid(process.pid) for process in target.processes()}
    target.close()
    del os.environ[MARK]
    # Python's own tracker of what processes share, started by another test, stays as long as we do.
    commands = [" ".join(process.cmdline()) for process in marked(mark)]
    assert [command for command in commands if "resource_tracker" not in command] == []
    assert [pid for leader in sessions for pid in in_session(leader)] == []


@pytest.fixture
def mark(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The mark of the processes that a test starts: none of them outlives it."""
    mark = new_mark()
    monkeypatch.setenv(MARK, mark)
    yield mark
    assert marked(mark) == []


@pytest.fixture
def as_root() -> None:
    """For scenarios that become another user."""
    if os.geteuid() != 0:
        pytest.skip("needs root, to become a user who has no processes")
