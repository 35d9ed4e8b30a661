"""A whole NetBSD in QEMU, from a release's sets or an image; ssh copies the probe there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from conformance.reproducer.ended import Ended, NotRunError, panicked
from conformance.targets.channel import ProbeError
from conformance.targets.guest_errors import probe_errors, program_errors, target_errors
from conformance.targets.ssh import SshTarget
from conformance.targets.ssh_transport import Host, SshProbe
from vm.booted import BootedSystem
from vm.errors import PanickedError
from vm.system import LOOPBACK, System


class WatchedProbe(SshProbe):
    """A probe in a guest; if it is silent, the guest's console is checked for a panic."""

    def __init__(self, booted: BootedSystem, host: Host, probe: Path, patience: float) -> None:
        self._booted = booted
        super().__init__(host, probe, patience)

    def line(self, timeout: float) -> str:
        try:
            return super().line(timeout)
        except ProbeError:
            with probe_errors(self._booted.console):
                self._booted.check()
            raise


class SystemTarget(SshTarget):
    """Boots a system, copies the probe there, and runs scenarios in it."""

    ours = True

    def __init__(
        self,
        prepare: Callable[[Path], System],
        user: str = "root",
        identity: Path | None = None,
        password: str | None = None,
        patience: float = 2.0,
    ) -> None:
        """*prepare* makes the system in a folder.

        Without *identity* and *password*, the key is the system's own, or one that the
        user's ssh finds.  Raises :class:`TargetError`.
        """
        self._booted: BootedSystem | None = None
        with target_errors():
            self._booted = BootedSystem(prepare)
        host = Host(
            user,
            LOOPBACK,
            self._booted.port,
            identity or self._booted.system.identity,
            self._booted.known_hosts,
            password,
        )
        super().__init__(host, patience)
        self.name = self.kernel.system.lower()

    def start_probe(self, probe: Path, patience: float) -> SshProbe:
        assert self._booted is not None
        with probe_errors(self._booted.console):
            self._booted.revive()
        self.host = replace(self.host, port=self._booted.port)
        return WatchedProbe(self._booted, self.host, probe, patience)

    def run_program(self, source: str) -> Ended:
        assert self._booted is not None
        with program_errors():
            self._booted.revive()
        self.host = replace(self.host, port=self._booted.port)
        try:
            return super().run_program(source)
        except NotRunError:
            with program_errors():
                try:
                    self._booted.check()
                except PanickedError as error:
                    return panicked(str(error))
            raise

    def close(self) -> None:
        super().close()
        self._end()

    def kill(self) -> None:
        super().kill()
        self._end()

    def _end(self) -> None:
        if self._booted is not None:
            self._booted.kill()
            self._booted = None
