"""Base of the targets on a shared system, with other users and processes."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import cycle, groupby
from pathlib import Path

from conformance.results.kernel import FileRevision, Kernel
from conformance.scenarios.needs import ALONE, first_lack, reason
from conformance.targets.base import model_options, undecided
from conformance.targets.channel import Channel, Hello, ProbeError, Transport, changes_user
from conformance.targets.facts import (
    Ask,
    KernFork,
    Read,
    linux_facts,
    netbsd_revisions,
)
from conformance.verdicts.known import KnownDifferences, load_known
from reference_model import Options, Scenario
from reference_model.language.answer import NotDecided, Observed
from reference_model.language.scenario import TRACER_VERBS

LINUX_DIFFERENCES = Path(__file__).parent / "linux.toml"
Observations = Iterator[tuple[Scenario, Observed]]


def own_uids(pid: int) -> range:
    """Returns the user IDs of a run with this process ID, for two each; other runs have others.

    All are below 65536: a user namespace often has no more.
    """
    first = 60_000 + 10 * (pid % 500)
    return range(first, first + 10, 2)


class HostTarget(ABC):
    """Runs each scenario as it needs: traced, as another user, or plainly.

    A subclass sets the attributes of :class:`~conformance.targets.base.Target`, and ``plain`` and
    ``traced``.  ``traced`` is the channel for traced scenarios, or the reason why there is none.
    """

    kernel: Kernel
    options: Options
    known: KnownDifferences
    plain: Channel
    traced: Channel | str
    #: Advice for a user who is not root.
    become_root = "run as root"
    #: Other users share the system.
    ours = False

    def __init__(self) -> None:
        self._channels: list[Channel] = []
        self._uids = cycle(own_uids(os.getpid()))
        self.lacks = frozenset({ALONE})

    def meet(self, hello: Hello, ask: Ask, read: Read) -> None:
        """Sets the attributes of the system that sent *hello*."""
        kern_fork: KernFork | None = None
        files: tuple[FileRevision, ...] = ()
        self.lacks = hello.lacks | {ALONE}
        if "PTRACE" in hello.lacks:
            self.traced = reason("PTRACE")
        self.known = KnownDifferences()
        if hello.system == "Linux":
            self.known = load_known(LINUX_DIFFERENCES, linux_facts(read, hello.release))
        elif hello.system == "NetBSD":
            kern_fork, files = netbsd_revisions(ask, hello.release)
        self.kernel = Kernel(
            hello.system,
            hello.release,
            hello.machine,
            kern_fork.text if kern_fork else None,
            guessed=kern_fork is not None and kern_fork.guessed,
            files=files,
        )
        self.options = model_options(hello, kern_fork.revision if kern_fork else None, files)

    def channel(self, start: Callable[[], Transport], patience: float) -> Channel:
        """Returns a channel that ends with the target."""
        channel = Channel(start, patience)
        self._channels.append(channel)
        return channel

    def transports(self) -> list[Transport]:
        """Returns the probes that run now."""
        return [channel.transport for channel in self._channels if channel.transport]

    def restart(self) -> None:
        """Starts new probes for the next scenarios."""
        for channel in self._channels:
            channel.kill()

    def history(self, scenario: Scenario) -> tuple[Scenario, ...]:
        """Returns the scenarios that the same probe has run before *scenario*, the last ones."""
        found = (channel.history(scenario) for channel in self._channels)
        return next(filter(None, found), ())

    def close(self) -> None:
        """Ends in order, and leaves nothing behind."""
        for channel in self._channels:
            channel.finish()

    def kill(self) -> None:
        """Ends everything at once, as after Ctrl-C."""
        for channel in self._channels:
            channel.kill()

    @abstractmethod
    def taken_uids(self) -> set[int]:
        """Returns the real user IDs of all processes.  Raises :class:`ProbeError`."""

    @abstractmethod
    def user_count(self) -> int:
        """Returns how many processes count against RLIMIT_NPROC of the probe's user.

        Raises :class:`ProbeError`.
        """

    def run(self, scenarios: Sequence[Scenario]) -> Observations:
        """Yields each scenario with its observations, in order."""
        for handler, group in groupby(scenarios, key=self._handler):
            yield from handler(list(group))

    def _handler(self, scenario: Scenario) -> Callable[[list[Scenario]], Observations]:
        lack = first_lack(scenario, self.lacks)
        if lack:
            return partial(self._undecided, reason(lack))
        if scenario.traced:
            return self._run_traced
        if changes_user(scenario):
            return self._run_as_others
        if any(arg.startswith("count") for step in scenario.steps for arg in step.args):
            return self._run_counted
        return self.plain.run

    def _undecided(self, why: str, scenarios: list[Scenario]) -> Observations:
        return undecided(scenarios, why)

    def _run_traced(self, scenarios: list[Scenario]) -> Observations:
        """Runs traced scenarios; on Linux a separate program plays T, the only tracer."""
        if isinstance(self.traced, str):
            yield from undecided(scenarios, self.traced)
            return
        for hindrance, group in groupby(scenarios, key=self._hindrance):
            if hindrance:
                yield from undecided(list(group), hindrance)
            else:
                yield from self.traced.run(list(group))

    def _hindrance(self, scenario: Scenario) -> str:
        """Returns why the tracer cannot play the scenario; empty if it can."""
        if self.traced is self.plain:
            return ""
        tracers = {step.actor for step in scenario.steps if step.verb in TRACER_VERBS}
        if tracers != {"T"} or "T" not in scenario.roots():
            return "on Linux only the process named T may trace"
        if any(step.verb == "PT_SET_SIGPASS" for step in scenario.steps):
            return "Linux has no call like PT_SET_SIGPASS"
        return ""

    def _run_as_others(self, scenarios: list[Scenario]) -> Observations:
        """Runs scenarios that become another user: needs root and unused user IDs."""
        if self.options.uid != 0:
            reason = f"needs root, to become a user who has no processes: {self.become_root}"
            yield from undecided(scenarios, reason)
            return
        try:
            taken = self.taken_uids()
        except ProbeError as error:
            yield from undecided(scenarios, str(error))
            return
        if all({uid, uid + 1} & taken for uid in own_uids(os.getpid())):
            yield from undecided(scenarios, "no user ID from 60000 to 65000 is unused")
            return
        # The next scenario gets the next ones: a count that the kernel has leaked harms fewer.
        free = (uid for uid in self._uids if not {uid, uid + 1} & taken)
        yield from self.plain.run(scenarios, uids=free)

    def _run_counted(self, scenarios: list[Scenario]) -> Observations:
        """Runs scenarios with limits relative to the user's process count; it must not change."""
        for scenario in scenarios:
            try:
                yield scenario, self._counted(scenario)
            except ProbeError as error:
                yield scenario, NotDecided(str(error))

    def _counted(self, scenario: Scenario) -> Observed:
        for _ in range(5):
            self.plain.hello()
            before = self.user_count()
            observed = next(self.plain.run([scenario], {"count": before}))[1]
            if self.user_count() == before or isinstance(observed, NotDecided):
                return observed
        return NotDecided("the count of this user's processes does not stand still")
