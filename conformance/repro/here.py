"""Runs a program on the system that we are on."""

from __future__ import annotations

import subprocess

from conformance.probe.process import kill_session
from conformance.repro.build import Program
from conformance.repro.ended import TIME_LIMIT, Ended, NotRunError, exited


def run_here(program: Program) -> Ended:
    """Run a program, of which nothing is left afterwards.  Raises :class:`NotRunError`."""
    process = subprocess.Popen(
        [program.file],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        said, _ = process.communicate(timeout=TIME_LIMIT)
    except subprocess.TimeoutExpired:
        raise NotRunError(f"it did not come to its end in {TIME_LIMIT:.0f} s") from None
    finally:
        kill_session(process)
    return exited(process.returncode, said.decode("utf-8", "replace"), program.library)
