"""A guest in QEMU from a kernel file, NetBSD or Linux.

The probe is init, and the only program there.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import cycle, groupby
from pathlib import Path
from tempfile import TemporaryDirectory

import platformdirs

from conformance.errors import TargetError
from conformance.probe.build import HOST, build_probe
from conformance.reproducer.compile import build_static
from conformance.reproducer.ended import TIME_LIMIT, Ended, NotRunError, exited, panicked
from conformance.results.kernel import FileRevision, Kernel
from conformance.scenarios import programs
from conformance.scenarios.needs import first_lack, reason
from conformance.targets.base import model_options, undecided
from conformance.targets.channel import Channel, PanicError, ProbeError, Transport
from conformance.targets.facts import linux_before_6_9, other_files
from conformance.targets.guest_errors import probe_errors, target_errors
from conformance.targets.host import LINUX_DIFFERENCES
from conformance.verdicts.known import KnownDifferences, load_known
from reference_model import NEWEST, Scenario
from reference_model.language.answer import NotDecided, Observed
from vm import accel
from vm.guest import Guest
from vm.kernelfile import KernelFile, read_kernel
from vm.machine import Machine
from vm.snapshot import Snapshots

#: The user IDs of scenarios, two for each one: in the guest only their actors are not root.  A
#: kernel that leaks a user's count harms no other scenario, until the numbers begin again.  NetBSD
#: never frees what it knows of a user (kern_uidinfo.c, uid_find()), so they do begin again.
_UIDS = range(61001, 69193, 2)
_PROBE_PATIENCE = 2.0
#: The probe's line about the end of a program.
_ENDED = re.compile(r"(exited|killed) (\d{1,3})")
#: Names the folder of the snapshots; default: in the user's cache.
SNAPSHOTS_VARIABLE = "FORKORACLE_SNAPSHOTS"


def snapshots() -> Snapshots:
    """Returns the snapshots of booted guests, shared by all runs of this user."""
    named = os.environ.get(SNAPSHOTS_VARIABLE)
    cache = platformdirs.user_cache_path("forkoracle") / "snapshots"
    return Snapshots(Path(named) if named else cache)


class GuestProbe:
    """The probe in a guest, as the transport of a channel."""

    def __init__(self, machine: Machine) -> None:
        # A machine for one program is booted once.
        kept = None if machine.program else snapshots()
        with probe_errors():
            self.guest = Guest(machine, kept)

    def send(self, texts: Sequence[str]) -> None:
        self.guest.send(list(texts))

    def line(self, timeout: float) -> str:
        with probe_errors(self.guest.console):
            return self.guest.line(timeout)

    def finish(self) -> None:
        self.kill()

    def kill(self) -> None:
        self.guest.kill()


def _hear_program(probe: Transport) -> tuple[int, str]:
    """Returns the exit status of a program, as in :mod:`subprocess`, and its output."""
    line = probe.line(TIME_LIMIT)
    match = _ENDED.fullmatch(line)
    if match is None:
        raise ProbeError(f"the probe said {line[:60]!r}: expected how the program ended")
    said = []
    while (line := probe.line(_PROBE_PATIENCE)).startswith("|"):
        said.append(line[1:])
    if line != ".":
        raise ProbeError(f"the probe said {line[:60]!r}: expected the end of the program's words")
    return int(match[2]) * (1 if match[1] == "exited" else -1), "\n".join(said)


def guest_machine(
    kernel: Path, machine: str | None = None, cpus: int = 1, accelerator: str | None = None
) -> Machine:
    """Returns the machine for a kernel file; replaces None by a default.

    The default machine type depends on the kernel's drivers and name.  The default accelerator is
    ``kvm`` if it works here.  Raises :class:`TargetError`.
    """
    with target_errors():
        file = read_kernel(kernel)
        init = build_probe(HOST if file.system == "Linux" else "x86_64-netbsd")
        accelerator = accelerator or accel.best(platformdirs.user_cache_path("forkoracle"))
    return Machine(file, init, machine or _machine_type(file), cpus, accelerator)


def _machine_type(file: KernelFile) -> str:
    return "microvm" if file.only_mmio or "MICROVM" in file.config else "pc"


class GuestTarget:
    """Boots a machine and runs scenarios in it."""

    ours = True

    def __init__(self, machine: Machine, patience: float = _PROBE_PATIENCE) -> None:
        """*patience* is :class:`Channel`'s; the probe in the guest has its own."""
        self._machine = machine
        self._uids = cycle(_UIDS)
        self._channel = Channel(lambda: GuestProbe(machine), patience, watched=False)
        try:
            hello = self._channel.hello()
        except ProbeError as error:
            raise TargetError(f"the guest does not come up: {error}") from None
        self._lacks = {option: reason(option) for option in hello.lacks}
        if not hello.tracer:
            self._lacks["PTRACE"] = "no tracer in a guest that is not NetBSD"
        self.name = hello.system.lower()
        revision = None
        files: tuple[FileRevision, ...] = ()
        self.known = KnownDifferences()
        if hello.system == "NetBSD":
            revision = machine.kernel.kern_fork or NEWEST
            files = other_files(machine.kernel.revisions, hello.release)
        else:
            facts = {"cap_sys_admin": True, "user_namespaces": True}
            facts["before_6_9"] = linux_before_6_9(hello.release)
            self.known = load_known(LINUX_DIFFERENCES, facts)
        self.kernel = Kernel(
            hello.system,
            hello.release,
            hello.machine,
            ".".join(map(str, revision)) if revision else None,
            checksum=machine.kernel.checksum[:16],
            files=files,
        )
        self.options = model_options(hello, revision, files)

    @property
    def lacks(self) -> frozenset[str]:
        return frozenset(self._lacks)

    @property
    def guest(self) -> Guest | None:
        """Returns the guest that runs now, or None."""
        transport = self._channel.transport
        return transport.guest if isinstance(transport, GuestProbe) else None

    def run(self, scenarios: Sequence[Scenario]) -> Iterator[tuple[Scenario, Observed]]:
        """Yields each scenario with its observations, in order."""
        lost = None
        for (lack, together), group in groupby(scenarios, key=self._how):
            words = {"together": 1} if together else {}
            if lack:
                yield from undecided(group, lack)
            elif lost is not None:
                yield from ((scenario, lost) for scenario in group)
            else:
                for scenario, observed in self._channel.run(list(group), words, self._uids):
                    if isinstance(observed, NotDecided) and observed.gave_up:
                        lost = observed
                    yield scenario, observed

    def _how(self, scenario: Scenario) -> tuple[str | None, bool]:
        """Returns why the scenario cannot run, or None; and whether its first root shares memory.

        The first root of a generated program shares the director's memory (probe/roots.h), which
        is faster.  That of a written scenario does not: a kernel with a bug there would break the
        director, and its logs would say only `gone`.
        """
        option = first_lack(scenario, self._lacks)
        together = self.name == "netbsd" and scenario.family == programs.FAMILY
        return self._lacks[option] if option else None, together

    def restart(self) -> None:
        """Starts a new guest for the next scenarios."""
        self._channel.kill()

    def history(self, scenario: Scenario) -> tuple[Scenario, ...]:
        """Returns the scenarios that the same guest has run before *scenario*, the last ones."""
        return self._channel.history(scenario)

    def run_program(self, source: str) -> Ended:
        """Runs a reproducer in a new guest; returns how it ended.  Raises :class:`NotRunError`."""
        with TemporaryDirectory() as folder:
            built = build_static(source, Path(folder), self.kernel.system, self.kernel.machine)
            machine = replace(self._machine, program=built.file)
            channel = Channel(lambda: GuestProbe(machine))
            try:
                channel.hello()
                assert channel.transport is not None
                channel.transport.send(["program\n"])
                status, said = _hear_program(channel.transport)
                return exited(status, said, built.library)
            except PanicError as error:
                return panicked(str(error), built.library)
            except ProbeError as error:
                raise NotRunError(str(error)) from None
            finally:
                channel.kill()

    def bare_rate(self, count: int) -> float:
        """Returns how many times a C loop of the probe does fork, _exit and wait4 in a second.

        Raises :class:`ProbeError`.
        """
        self._channel.hello()
        transport = self._channel.transport
        assert transport is not None
        transport.send([f"bench {count}\n"])
        words = transport.line(60).split()
        if len(words) != 3 or words[0] != "bench":
            raise ProbeError(f"the probe said {' '.join(words)[:60]!r}: expected its bench")
        return int(words[1]) / (int(words[2]) / 1e6)

    def close(self) -> None:
        self._channel.finish()

    def kill(self) -> None:
        self._channel.kill()
