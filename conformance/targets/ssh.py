"""The kernel of another machine, by ssh: NetBSD, or Linux with its recorded differences."""

from __future__ import annotations

import platform
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, sleep
from typing import TypeVar

from conformance.errors import TargetError
from conformance.probe.build import HOST, build_probe
from conformance.reproducer.compile import build_static, compile_command, first_error
from conformance.reproducer.ended import TIME_LIMIT, Ended, NotRunError, exited
from conformance.targets.channel import ProbeError
from conformance.targets.facts import probe_folders, reader, real_uids
from conformance.targets.host import HostTarget
from conformance.targets.ssh_transport import Host, SshProbe, SshShell, UnreachableError

#: Maximum number of seconds to wait for a host that no longer answers.
RECONNECT = 60.0
NO_TRACER = "no tracer: the one for Linux is python-ptrace, and plays on this machine only"
ANOTHER_RUN = "another run on that host changes the count of processes"
NO_UIDS = "neither ps nor /proc tells whose processes run there"
_PROBES = {"x86_64": "x86_64-netbsd", "i386": "x86-netbsd", "aarch64": "aarch64-netbsd"}
#: The compiler on the host.
COMPILER = "cc"
S = TypeVar("S", bound=SshShell)


def probe_for(system: str, machine: str, processor: str) -> Path:
    """Returns the probe for a host, from ``uname -s``, ``-m`` and ``-p``.

    Raises :class:`TargetError`.
    """
    if (system, machine) == (platform.system(), platform.machine()):
        return build_probe(HOST)
    if system == "NetBSD" and processor in _PROBES:
        return build_probe(_PROBES[processor])
    raise TargetError(
        f"no probe for {system} {machine}: expected NetBSD on x86_64, i386 or aarch64, "
        f"or {platform.system()} {platform.machine()} as here"
    )


class SshTarget(HostTarget):
    """Copies the probe to a host, and runs scenarios there."""

    name = "ssh"
    become_root = "log in as root"

    def __init__(self, host: Host, patience: float = 2.0) -> None:
        """*patience* is as in :class:`Channel`.  Raises :class:`TargetError`."""
        super().__init__()
        self.host = host
        self._shell: SshShell | None = None
        self._reconnect = 0.0
        try:
            self._begin(patience)
        except (ProbeError, TargetError) as error:
            self.kill()
            raise TargetError(f"{host}: {error}") from None
        except BaseException:
            self.kill()
            raise
        self._reconnect = RECONNECT

    def _begin(self, patience: float) -> None:
        words = self._ask("uname -s; uname -m; uname -p 2>/dev/null || echo -")
        if len(words) != 3:
            raise ProbeError(f"uname said {' '.join(words)[:80]!r}: expected NetBSD or Linux")
        probe = probe_for(*words)
        self.plain = self.channel(
            lambda: self._patiently(lambda: self.start_probe(probe, patience)), patience
        )
        hello = self.plain.hello()
        self.traced = self.plain if hello.tracer else NO_TRACER
        self.meet(hello, self._ask, reader(self._ask))

    def start_probe(self, probe: Path, patience: float) -> SshProbe:
        """Logs in, and starts *probe* there."""
        return SshProbe(self.host, probe, patience)

    def _patiently(self, log_in: Callable[[], S]) -> S:
        """Logs in; waits for a host that answered before."""
        deadline = monotonic() + self._reconnect
        while True:
            try:
                return log_in()
            except UnreachableError:
                if monotonic() >= deadline:
                    self._reconnect = 0.0  # it was waited for, once
                    raise
                sleep(1)

    def _ask(self, script: str) -> list[str]:
        """Runs *script* there; returns its lines.  The shell stays: process counts are stable."""
        if self._shell is not None:
            try:
                return self._shell.ask(script)
            except ProbeError:
                self._hang_up()
        self._shell = self._patiently(lambda: SshShell(self.host))
        try:
            return self._shell.ask(script)
        except ProbeError:
            self._hang_up()
            raise

    def _hang_up(self) -> None:
        if self._shell is not None:
            self._shell.kill()
            self._shell = None

    def run_program(self, source: str) -> Ended:
        """Compiles a reproducer there, or here if the host has no compiler, and runs it there."""
        try:
            shell = SshShell(self.host)
        except ProbeError as error:
            raise NotRunError(str(error)) from None
        try:
            return self._run_program(shell, source)
        except ProbeError as error:
            raise NotRunError(str(error)) from None
        finally:
            shell.kill()

    def _run_program(self, shell: SshShell, source: str) -> Ended:
        if not shell.make_folder():
            raise ProbeError("no folder for the program")
        library = ""
        if shell.ask(f"command -v {COMPILER}"):
            shell.put(source.encode(), "repro.c")
            said = shell.ask(f"{compile_command('cc', '$f/repro', '$f/repro.c')} 2>&1; echo $?")
            if said[-1:] != ["0"]:
                raise NotRunError(f"it does not compile there: {first_error(said)}")
        else:
            with TemporaryDirectory() as folder:
                built = build_static(source, Path(folder), self.kernel.system, self.kernel.machine)
                shell.put(built.file.read_bytes(), "repro")
                library = built.library
        run = (
            'chmod 755 "$f/repro"; "$f/repro" >"$f/said" 2>&1; s=$?; head -c 4096 "$f/said"; echo;'
        )
        *said, word = shell.ask(f"{run} echo $s", TIME_LIMIT)
        # A shell reports a signal as 128 plus its number.
        status = int(word) if int(word) <= 128 else 128 - int(word)
        return exited(status, "\n".join(said), library)

    def _real_uids(self) -> list[int]:
        """Returns the real user ID of each process there."""
        uids = real_uids(self._ask, self.kernel.system)
        if not uids:
            raise ProbeError(NO_UIDS)
        return uids

    def taken_uids(self) -> set[int]:
        return set(self._real_uids())

    def user_count(self) -> int:
        # The processes of another run of the same user change too quickly to be counted.
        ours = {probe.folder for probe in self.transports() if isinstance(probe, SshProbe)}
        if self.options.uid != 0 and probe_folders(self._ask, self.kernel.system) - ours:
            raise ProbeError(ANOTHER_RUN)
        return self._real_uids().count(self.options.uid)

    def close(self) -> None:
        super().close()
        self._hang_up()

    def kill(self) -> None:
        super().kill()
        self._hang_up()
