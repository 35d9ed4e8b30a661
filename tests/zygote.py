"""A process that has loaded the command; each run of it is a fork of this process.

Loading its modules takes longer than most of the hundreds of runs that the tests make.  A run has
its own process, environment, folder and standard files, as if it had been started by itself.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from pathlib import Path

from conformance.cli import main
from conformance.commands import clauses, report, run, scenarios, verbs, vm  # noqa: F401
from conformance.scenarios.families import FAMILIES

#: Maximum size of a request: arguments and environment.
LONGEST = 1 << 17


def _request(connection: socket.socket, command: str) -> bool:
    """Serves one request; returns whether this is the process that shall run the command."""
    message, descriptors, _, _ = socket.recv_fds(connection, LONGEST, 3)
    if not message:
        sys.exit(0)
    pid = os.fork()
    if pid:
        for descriptor in descriptors:
            os.close(descriptor)
        signal.signal(signal.SIGALRM, lambda *_: os.kill(pid, signal.SIGKILL))
        signal.alarm(120)
        _, status = os.waitpid(pid, 0)
        signal.alarm(0)
        connection.send(str(os.waitstatus_to_exitcode(status)).encode())
        return False
    connection.close()
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
        os.close(descriptor)
    told = json.loads(message)
    os.environ.clear()
    os.environ.update(told["environment"])
    os.chdir(told["folder"])
    sys.argv[:] = [command, *told["arguments"]]
    return True


if __name__ == "__main__":
    for family in FAMILIES.values():
        family.scenarios()
    with socket.socket(fileno=int(sys.argv[1])) as ours:
        while not _request(ours, str(Path(sys.executable).with_name("forkoracle"))):
            pass
    sys.exit(main())
