"""The kernel that we are on: NetBSD in place, or Linux with its differences written down."""

from __future__ import annotations

import importlib.util
import os
import platform
import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import psutil

from conformance.known import KnownDifferences, load_known
from conformance.probe.build import BuildError, build_probe
from conformance.probe.channel import Channel, NotDecided, Observed, ProbeError
from conformance.probe.process import ProbeProcess
from conformance.targets.base import Kernel, TargetError
from reference_model import Options, Scenario
from reference_model.scenario import TRACER_VERBS

LINUX_DIFFERENCES = Path(__file__).parent / "linux.toml"
NO_TRACER = "no tracer: python-ptrace is not installed: pip install 'forkoracle[trace]'"
_CAP_SYS_ADMIN = 21


def user_count(uid: int) -> int:
    """How many processes count against the RLIMIT_NPROC of *uid*: on Linux each thread does."""
    each = "num_threads" if sys.platform == "linux" else "pid"
    infos = [info for info in _process_infos("uids", each) if info["uids"].real == uid]
    return sum(info["num_threads"] for info in infos) if each == "num_threads" else len(infos)


def _process_infos(*what: str) -> list[dict[str, Any]]:
    """Facts of psutil's about every process that is still there to be asked."""
    infos = (process.info for process in psutil.process_iter(what))
    return [info for info in infos if None not in info.values()]


def free_uids() -> int:
    """The first of two neighbouring user IDs that no process has, this run's and no other's."""
    taken = {info["uids"].real for info in _process_infos("uids")}
    first = 60_000 + 2 * (os.getpid() % 2_000)
    return next(uid for uid in range(first, first + 100_000, 4_000) if not {uid, uid + 1} & taken)


def linux_before_6_9(release: str) -> bool:
    """Whether a Linux of this release is older than 6.9, which changed what a pidfd is."""
    major, minor = (int(part) for part in release.split(".")[:2])
    return (major, minor) < (6, 9)


def linux_facts() -> dict[str, bool]:
    """What decides, on Linux, which of two written outcomes is the one to expect."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    capabilities = next(
        line.split()[1] for line in status.splitlines() if line.startswith("CapEff")
    )
    namespaces = Path("/proc/sys/user/max_user_namespaces")
    unprivileged = Path("/proc/sys/kernel/unprivileged_userns_clone")
    privileged = bool(int(capabilities, 16) >> _CAP_SYS_ADMIN & 1)
    allowed = namespaces.exists() and int(namespaces.read_text(encoding="ascii")) > 0
    if unprivileged.exists() and not privileged:
        allowed = allowed and unprivileged.read_text(encoding="ascii").strip() == "1"
    return {
        "cap_sys_admin": privileged,
        "user_namespaces": allowed,
        "before_6_9": linux_before_6_9(platform.release()),
    }


Observations = Iterator[tuple[Scenario, Observed]]


def _undecided(scenarios: list[Scenario], reason: str) -> Observations:
    return ((scenario, NotDecided(reason)) for scenario in scenarios)


class LocalTarget:
    """Runs scenarios with the probe, and on Linux the traced ones with python-ptrace."""

    name = "local"

    def __init__(self, patience: float = 2.0, command: Sequence[str] | None = None) -> None:
        """*patience* as for :class:`Channel`; *command* takes the place of the built probe."""
        self._channels: list[Channel] = []
        self._patience = patience
        try:
            probe = list(command) if command else [str(build_probe())]
            self._plain = self._channel(probe)
            hello = self._plain.hello()
        except (BuildError, ProbeError) as error:
            self.kill()
            raise TargetError(str(error)) from None
        self._probe = probe
        self._traced = self._plain if hello.tracer else self._linux_tracer()
        self.kernel = Kernel(hello.system, hello.release, hello.machine)
        self.known = (
            load_known(LINUX_DIFFERENCES, linux_facts())
            if hello.system == "Linux"
            else KnownDifferences()
        )
        self.options = Options(
            uid=hello.uid,
            nproc_limit=hello.nproc,
            maxproc=hello.maxproc or Options().maxproc,
        )

    def _linux_tracer(self) -> Channel | None:
        if importlib.util.find_spec("ptrace") is None:
            return None
        command = [sys.executable, "-m", "conformance.targets.linux_tracer", *self._probe]
        return self._channel(command)

    def _channel(self, command: list[str]) -> Channel:
        full = [*command, "--patience", str(int(self._patience * 1000))]
        channel = Channel(lambda: ProbeProcess(full), self._patience)
        self._channels.append(channel)
        return channel

    def processes(self) -> list[psutil.Process]:
        """Everything that this target has running now."""
        probes = [channel.transport for channel in self._channels]
        return [p for probe in probes if isinstance(probe, ProbeProcess) for p in probe.session()]

    def run(self, scenarios: Sequence[Scenario]) -> Observations:
        """Each scenario with what was seen, in order."""
        for handler, group in groupby(scenarios, key=self._handler):
            yield from handler(list(group))

    def close(self) -> None:
        for channel in self._channels:
            channel.finish()

    def kill(self) -> None:
        """End everything at once, as after Ctrl-C."""
        for channel in self._channels:
            channel.kill()

    def _handler(self, scenario: Scenario) -> Callable[[list[Scenario]], Observations]:
        if scenario.traced:
            return self._run_traced
        verbs = {step.verb for step in scenario.steps}
        if "setreuid" in verbs:
            return self._run_as_others
        if any(arg.startswith("count") for step in scenario.steps for arg in step.args):
            return self._run_counted
        return self._plain.run

    def _run_traced(self, scenarios: list[Scenario]) -> Observations:
        """Traced scenarios: on Linux another program plays T, and no other tracer."""
        if self._traced is None:
            yield from _undecided(scenarios, NO_TRACER)
            return
        for playable, group in groupby(scenarios, key=self._tracer_is_playable):
            if playable:
                yield from self._traced.run(list(group))
            else:
                yield from _undecided(list(group), "on Linux the only tracer is the root actor T")

    def _tracer_is_playable(self, scenario: Scenario) -> bool:
        tracers = {step.actor for step in scenario.steps if step.verb in TRACER_VERBS}
        return self._traced is self._plain or (tracers == {"T"} and "T" in scenario.roots())

    def _run_as_others(self, scenarios: list[Scenario]) -> Observations:
        """Scenarios that become another user: root's business, and the user must be nobody's."""
        if os.geteuid() != 0:
            reason = "needs root, to become a user who has no processes: run as root"
            yield from _undecided(scenarios, reason)
        else:
            yield from self._plain.run(scenarios, {"free": free_uids()})

    def _run_counted(self, scenarios: list[Scenario]) -> Observations:
        """Limits relative to the user's count of processes: it must stand still meanwhile."""
        for scenario in scenarios:
            seen: Observed = NotDecided("the count of this user's processes does not stand still")
            for _ in range(5):
                self._plain.hello()
                before = user_count(os.getuid())
                observed = next(self._plain.run([scenario], {"count": before}))[1]
                if user_count(os.getuid()) == before or isinstance(observed, NotDecided):
                    seen = observed
                    break
            yield scenario, seen
