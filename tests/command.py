"""Runs the command `forkoracle` as people do: in a process of its own, in a home of its own."""

from __future__ import annotations

import atexit
import json
import os
import re
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import pexpect
import platformdirs

from tests.processes import MARK

COMMAND = str(Path(sys.executable).with_name("forkoracle"))

#: A program that breaks one text of the model, then is the command.
BROKEN = """
import sys
import pytest
from tests.broken import break_fork
from conformance.cli import main
with pytest.MonkeyPatch.context() as patch:
    break_fork(patch, sys.argv[1], sys.argv[2])
    sys.exit(main(sys.argv[3:]))
"""


def environment(home: Path, **more: str) -> dict[str, str]:
    """An environment in which nothing of the user's is read or written but the built probe."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("XDG_", "FORKORACLE_"))}
    return {
        **kept,
        "HOME": str(home),
        "COLUMNS": "160",
        "XDG_CACHE_HOME": str(platformdirs.user_cache_path()),
        **more,
    }


@cache
def _zygote() -> socket.socket:
    """Starts the process that has loaded the command; returns the connection to it."""
    ours, theirs = socket.socketpair(type=socket.SOCK_SEQPACKET)
    kept = {name: value for name, value in os.environ.items() if name != MARK}
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.zygote", str(theirs.fileno())],
        cwd=Path(__file__).parents[1],
        env=kept,
        stdin=subprocess.DEVNULL,
        pass_fds=[theirs.fileno()],
    )
    theirs.close()
    atexit.register(process.wait)
    atexit.register(ours.close)
    return ours


def forkoracle(home: Path, *args: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    told = {"arguments": args, "environment": environment(home, **more), "folder": os.getcwd()}
    outputs, errors = os.pipe(), os.pipe()
    nothing = os.open(os.devnull, os.O_RDONLY)
    theirs = [nothing, outputs[1], errors[1]]
    with open(outputs[0]) as output, open(errors[0]) as error, ThreadPoolExecutor(1) as pool:
        socket.send_fds(_zygote(), [json.dumps(told).encode()], theirs)
        for descriptor in theirs:
            os.close(descriptor)
        said = pool.submit(error.read)
        printed = output.read()
        status = int(_zygote().recv(16))
        return subprocess.CompletedProcess([COMMAND, *args], status, printed, said.result())


def forkoracle_broken(
    home: Path, old: str, new: str, *args: str
) -> subprocess.CompletedProcess[str]:
    """Run it with a model in which *old* is *new*."""
    checkout = str(Path(__file__).parents[1])
    command = [sys.executable, "-c", BROKEN, old, new, *args]
    return _run(command, home, {"PYTHONPATH": checkout})


def _run(command: list[str], home: Path, more: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        env=environment(home, **more),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def assert_interrupted(child: pexpect.spawn) -> None:
    """The command ends by itself, after it was told to, and tells what it had decided."""
    child.expect(pexpect.EOF)
    child.close()
    assert (child.exitstatus, child.signalstatus) == (130, None)
    said = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", child.before)
    assert re.search(r"^interrupted: [1-9]\d* scenarios? in ", said, re.MULTILINE)
    assert "Traceback" not in said
