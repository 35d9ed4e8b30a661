"""A NetBSD guest in QEMU, from nothing but a kernel file.

The probe is /sbin/init on a disk that we make, and the only program there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from conformance.known import KnownDifferences
from conformance.probe.build import BuildError, build_probe
from conformance.probe.channel import Channel, Observed, PanicError, ProbeError
from conformance.targets.base import Kernel, TargetError
from reference_model import NEWEST, Options, Scenario
from vm.errors import GuestError, PanickedError
from vm.guest import Guest
from vm.kernelfile import KernelFile, read_kernel

#: In a guest of our own nobody but the scenario's actors is anybody but root.
_FREE_UID = 61001
_PROBE_PATIENCE = 2.0


class GuestProbe:
    """The probe in a guest, as a channel's other end."""

    def __init__(self, kernel: KernelFile, init: Path, machine: str, cpus: int) -> None:
        try:
            self._guest = Guest(kernel, init, machine=machine, cpus=cpus)
        except GuestError as error:
            raise ProbeError(str(error)) from None

    def send(self, texts: Sequence[str]) -> None:
        self._guest.send(list(texts))

    def line(self, timeout: float) -> str:
        try:
            return self._guest.line(timeout)
        except PanickedError as error:
            raise PanicError(str(error), self._guest.console()) from None
        except GuestError as error:
            raise ProbeError(str(error)) from None

    def finish(self) -> None:
        self.kill()

    def kill(self) -> None:
        self._guest.kill()


class NetBSDTarget:
    """Boots a kernel file and runs scenarios in it."""

    name = "netbsd"

    def __init__(self, kernel: Path, machine: str | None = None, cpus: int = 1) -> None:
        """*machine* is ``pc`` or ``microvm``; None takes what the kernel's name suggests."""
        try:
            file = read_kernel(kernel)
            init = build_probe("x86_64-netbsd")
        except (GuestError, BuildError) as error:
            raise TargetError(str(error)) from None
        machine = machine or ("microvm" if "MICROVM" in file.config else "pc")
        self._channel = Channel(lambda: GuestProbe(file, init, machine, cpus), _PROBE_PATIENCE)
        try:
            hello = self._channel.hello()
        except ProbeError as error:
            raise TargetError(f"{kernel}: {error}") from None
        revision = file.kern_fork or NEWEST
        self.kernel = Kernel(
            hello.system, hello.release, hello.machine, ".".join(map(str, revision))
        )
        self.known = KnownDifferences()
        self.options = Options(revision=min(revision, NEWEST))

    def run(self, scenarios: Sequence[Scenario]) -> Iterator[tuple[Scenario, Observed]]:
        """Each scenario with what was seen, in order."""
        yield from self._channel.run(scenarios, {"free": _FREE_UID})

    def close(self) -> None:
        self._channel.finish()

    def kill(self) -> None:
        self._channel.kill()
