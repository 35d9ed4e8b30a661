"""Runs a reproducer on this system."""

from __future__ import annotations

import subprocess
from tempfile import TemporaryFile

from conformance.reproducer.compile import Program
from conformance.reproducer.ended import TIME_LIMIT, Ended, NotRunError, exited
from conformance.targets.process import kill_session


def run_here(program: Program) -> Ended:
    """Runs a reproducer, and kills its remaining processes.  Raises :class:`NotRunError`."""
    # Not a pipe: a remaining process of the reproducer would keep it open.
    with TemporaryFile() as said:
        process = subprocess.Popen(
            [program.file],
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            status = process.wait(TIME_LIMIT)
        except subprocess.TimeoutExpired:
            raise NotRunError(f"it did not come to its end in {TIME_LIMIT:.0f} s") from None
        finally:
            kill_session(process, reaped=False)
        said.seek(0)
        return exited(status, said.read().decode("utf-8", "replace"), program.library)
