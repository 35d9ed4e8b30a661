"""The kernel of this machine: NetBSD, or Linux with its recorded differences."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil

from conformance.errors import TargetError
from conformance.probe.build import BuildError, build_probe
from conformance.reproducer.compile import build_here
from conformance.reproducer.ended import Ended
from conformance.targets.channel import Channel, ProbeError
from conformance.targets.facts import ask_here, read_here
from conformance.targets.here import run_here
from conformance.targets.host import HostTarget
from conformance.targets.process import ProbeProcess

NO_TRACER = "no tracer: python-ptrace is not installed: pip install 'forkoracle[trace]'"


def user_count(uid: int) -> int:
    """Returns how many processes (Linux: threads) count against RLIMIT_NPROC of *uid*."""
    each = "num_threads" if sys.platform == "linux" else "pid"
    infos = [info for info in _process_infos("uids", each) if info["uids"].real == uid]
    return sum(info["num_threads"] for info in infos) if each == "num_threads" else len(infos)


def _process_infos(*what: str) -> list[dict[str, Any]]:
    """Returns facts of psutil about each process that still exists."""
    infos = (process.info for process in psutil.process_iter(what))
    return [info for info in infos if None not in info.values()]


class LocalTarget(HostTarget):
    """Runs scenarios with the probe, and on Linux the traced ones with python-ptrace."""

    name = "local"

    def __init__(self, patience: float = 2.0, command: Sequence[str] | None = None) -> None:
        """*patience* is as in :class:`Channel`; *command* replaces the built probe."""
        super().__init__()
        self._patience = patience
        try:
            probe = list(command) if command else [str(build_probe())]
            self.plain = self._run_probe(probe)
            hello = self.plain.hello()
        except (BuildError, ProbeError) as error:
            self.kill()
            raise TargetError(str(error)) from None
        self._probe = probe
        self.traced = self.plain if hello.tracer else self._linux_tracer()
        self.meet(hello, ask_here, read_here)

    def _linux_tracer(self) -> Channel | str:
        if importlib.util.find_spec("ptrace") is None:
            return NO_TRACER
        command = [sys.executable, "-m", "conformance.targets.linux_tracer", *self._probe]
        return self._run_probe(command)

    def _run_probe(self, command: list[str]) -> Channel:
        full = [*command, "--patience", str(int(self._patience * 1000))]
        return self.channel(lambda: ProbeProcess(full), self._patience)

    def run_program(self, source: str) -> Ended:
        """Runs a reproducer here; returns how it ended.  Raises :class:`NotRunError`."""
        with TemporaryDirectory() as folder:
            return run_here(build_here(source, Path(folder)))

    def processes(self) -> list[psutil.Process]:
        """Returns all processes that this target runs now."""
        probes = [probe for probe in self.transports() if isinstance(probe, ProbeProcess)]
        return [process for probe in probes for process in probe.session()]

    def taken_uids(self) -> set[int]:
        return {info["uids"].real for info in _process_infos("uids")}

    def user_count(self) -> int:
        return user_count(os.getuid())
