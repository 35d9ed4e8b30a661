"""A real sshd on a free loopback port, with its own keys and configuration."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from getpass import getuser
from pathlib import Path
from time import monotonic, sleep

import psutil
import pytest

from conformance.targets.ssh_transport import Host

#: Where Debian has it; root's PATH alone goes there.
SSHD = shutil.which("sshd") or shutil.which("sshd", path="/usr/sbin:/usr/local/sbin")
needs_sshd = pytest.mark.skipif(
    SSHD is None or shutil.which("ssh") is None,
    reason="needs ssh and sshd: apt-get install openssh-client openssh-server",
)
_PRIVATE = ("unshare", "--mount", "--propagation", "private", "--")
#: With --kill-child the server ends with unshare, and every process of the namespace with it.
_PRIVATE_PIDS = (*_PRIVATE[:-1], "--pid", "--fork", "--kill-child", "--mount-proc", "--")
#: A user without privileges who has no processes but those that this process's tests start.
OWN_UID = 50_000 + os.getpid() % 9_000
OWN_USER = f"forkoracle{OWN_UID}"
_OWN_USER = f"""\
echo '{OWN_USER}:*:{OWN_UID}:{OWN_UID}::/nonexistent:/bin/sh' |
    cat /etc/passwd - >"{{folder}}/passwd"
mount --bind "{{folder}}/passwd" /etc/passwd
"""


def can_mount() -> bool:
    """Whether this user may mount in a namespace of its own."""
    if shutil.which(_PRIVATE[0]) is None:
        return False
    command = [*_PRIVATE, "mount", "-t", "tmpfs", "none", "/mnt"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


needs_mounts = pytest.mark.skipif(
    not can_mount(), reason="needs a mount namespace of its own: run as root"
)


def make_key(path: Path) -> Path:
    """A new key pair at *path*."""
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", str(path)]
    subprocess.run(command, check=True)
    return path


class Sshd:
    """A server whose every file is in *folder*; its users' TMPDIR is ``folder / "remote"``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.remote = folder / "remote"
        self.remote.mkdir()
        self.known_hosts = folder / "known_hosts"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        key = make_key(folder / "identity")
        shutil.copy(f"{key}.pub", folder / "authorized_keys")
        self.new_host_key()
        self.know_host()
        self.process: subprocess.Popen[bytes] | None = None
        self.host = Host(getuser(), "127.0.0.1", self.port, key, self.known_hosts)

    def new_host_key(self) -> None:
        """Another host key than before, from the next start on."""
        for path in self.folder.glob("host_key*"):
            path.unlink()
        make_key(self.folder / "host_key")

    def know_host(self) -> None:
        """Write the host's key into known_hosts."""
        public = (self.folder / "host_key.pub").read_text(encoding="ascii")
        self.known_hosts.write_text(f"[127.0.0.1]:{self.port} {public}", encoding="ascii")

    def start(
        self,
        environment: Mapping[str, str] | None = None,
        options: tuple[str, ...] = (),
        mounts: str = "",
        *,
        own_pids: bool = False,
    ) -> None:
        """Start it; *environment* is what its users have, *mounts* a script of mounts before.

        With *own_pids* its users see only the processes that descend from it.
        """
        assert SSHD
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)
        setting = {"TMPDIR": str(self.remote), **(environment or {})}
        config = self.folder / "sshd_config"
        lines = [
            f"Port {self.port}",
            "ListenAddress 127.0.0.1",
            f"HostKey {self.folder / 'host_key'}",
            f"AuthorizedKeysFile {self.folder / 'authorized_keys'}",
            "StrictModes no",
            "UsePAM yes",
            "PidFile none",
            "MaxStartups 100",
            "SetEnv " + " ".join(f'"{name}={value}"' for name, value in setting.items()),
            *options,
        ]
        config.write_text("\n".join(lines) + "\n", encoding="utf-8")
        command = [SSHD, "-D", "-e", "-f", str(config)]
        if mounts or own_pids:
            private = _PRIVATE_PIDS if own_pids else _PRIVATE
            command = [*private, "sh", "-ec", f'{mounts}\nexec "$@"', "sh", *command]
        with (self.folder / "sshd.log").open("ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=log)
        deadline = monotonic() + 20
        while monotonic() < deadline:
            with socket.socket() as trial:
                if trial.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            assert self.process.poll() is None, self.log()
            sleep(0.02)
        raise AssertionError(self.log())

    def start_for_own_user(self, common_folder: Path) -> Host:
        """Start it for :data:`OWN_USER`, whose TMPDIR is *common_folder*; its address for them."""
        keys = self.folder / "authorized_keys"
        self.start(
            {"TMPDIR": str(common_folder)},
            (f"AuthorizedKeysCommand /bin/cat {keys}", "AuthorizedKeysCommandUser root"),
            _OWN_USER.format(folder=self.folder),
        )
        return replace(self.host, user=OWN_USER)

    def log(self) -> str:
        return (self.folder / "sshd.log").read_text(encoding="utf-8", errors="replace")

    def signal_ends(self, number: signal.Signals) -> list[psutil.Process]:
        """Send a signal to the server's end of every connection; the processes that got it."""
        assert self.process
        ends = []
        for process in psutil.Process(self.process.pid).children(recursive=True):
            try:
                if "sshd" in process.name():
                    process.send_signal(number)
                    ends.append(process)
            except psutil.NoSuchProcess:
                continue
        return ends

    def cut(self) -> list[psutil.Process]:
        """Kill the server's end of every connection."""
        return self.signal_ends(signal.SIGKILL)

    def stop(self) -> None:
        """End the listening server; the connections stay."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def close(self) -> None:
        if self.process is not None:
            self.cut()
        self.stop()

    def left(self) -> list[str]:
        """What is there of forkoracle's on the server: folders, and processes that run in them."""
        folders = [str(path) for path in self.remote.iterdir()]
        processes = []
        for process in psutil.process_iter(["cmdline", "status"]):
            if process.info["cmdline"] and str(self.remote) in process.info["cmdline"][0]:
                processes.append(f"process {process.pid}")
        return folders + processes

    def soon_clean(self) -> bool:
        """Whether nothing of forkoracle's is left in a while."""
        deadline = monotonic() + 30
        while self.left():
            if monotonic() > deadline:
                return False
            sleep(0.05)
        return True

    def arguments(self) -> list[str]:
        """The options of ``forkoracle run`` that lead here."""
        return self.arguments_of(self.host)

    @staticmethod
    def arguments_of(host: Host) -> list[str]:
        options = ["--host", str(replace(host, identity=None))]
        if host.identity:
            options += ["--identity", str(host.identity)]
        if host.known_hosts:
            options += ["--known-hosts", str(host.known_hosts)]
        return options
