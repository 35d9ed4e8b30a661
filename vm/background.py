"""Guests in the background, each with a private folder for all its files.

QEMU runs as a daemon.  It listens on two sockets in the folder: its monitor (QMP), and the guest's
console, which it also writes to a file.  If QEMU has ended, the guest of the folder is dead.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from time import time

import platformdirs
import psutil

from vm.errors import GuestError
from vm.files import locked, write_text
from vm.monitor import Monitor
from vm.qemu import bare_qemu, environment
from vm.system import KNOWN_HOSTS, Login, System, forwarded_port, wait_for_sshd

#: Names of guests; the name is also that of a folder.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}\Z")
CONSOLE, LOG = "console", "console.txt"
_MONITOR, _RECORD, _PID, _LOCK = "monitor", "guest.json", "pid", "lock"
#: Maximum number of seconds for QEMU to end when it is told to.
_END = 10.0


@dataclass(frozen=True, slots=True)
class BackgroundGuest:
    """A guest in the background: the system that it runs, and how to log in.

    ``created`` is in seconds since the Epoch.  ``port`` is None if the guest has no ssh;
    ``identity`` is None if no key was given.
    """

    folder: Path
    system: str
    created: float
    port: int | None = None
    user: str = "root"
    identity: Path | None = None

    @property
    def name(self) -> str:
        return self.folder.name

    def process(self) -> psutil.Process | None:
        """Returns its QEMU if it runs, and not a later process with the same process ID."""
        path = self.folder / _PID
        try:
            process = psutil.Process(int(path.read_text(encoding="ascii")))
            return process if str(path) in process.cmdline() else None
        except (OSError, ValueError, psutil.Error):
            return None

    def login(self) -> Login:
        """Returns how to log in.  Raises :class:`GuestError` if that is impossible."""
        if self.port is None:
            raise GuestError(
                f"guest {self.name} has no ssh: its only program is the probe "
                "(--full or --image starts one with more)"
            )
        known_hosts = self.folder / KNOWN_HOSTS
        if not known_hosts.exists():
            raise GuestError(f"guest {self.name} has not come up yet: wait, and see its console")
        return Login(self.user, self.port, self.identity, known_hosts)

    def _write(self) -> None:
        fields = {key: value for key, value in asdict(self).items() if key != "folder"}
        fields["identity"] = self.identity and str(self.identity)
        write_text(self.folder / _RECORD, json.dumps(fields) + "\n")

    @contextmanager
    def monitor(self) -> Iterator[Monitor]:
        """Connects to QEMU's monitor.  Raises :class:`GuestError`."""
        with contextlib.closing(Monitor(connect(self.folder, _MONITOR))) as monitor:
            yield monitor

    def stop(self) -> None:
        """Has QEMU end, and removes the guest's files."""
        if process := self.process():
            with contextlib.suppress(GuestError, psutil.Error):
                with self.monitor() as monitor:
                    monitor.command("quit")
                process.wait(_END)
        self.kill()

    def kill(self) -> None:
        """Ends QEMU at once, and removes the guest's files."""
        if process := self.process():
            with contextlib.suppress(psutil.Error):
                process.kill()
                process.wait(_END)
        shutil.rmtree(self.folder, ignore_errors=True)

    def wait_for_ssh(self, system: System) -> None:
        """Waits until its sshd answers.  Raises :class:`GuestError` if it does not come up."""
        assert self.port is not None
        try:
            wait_for_sshd(system, self.folder, self.port, self._ended)
        except GuestError as error:
            raise GuestError(f"{error}; on its console: {self.last_words()!r}") from None

    def _ended(self) -> str | None:
        return None if self.process() else "the guest has powered off"

    def last_words(self) -> str:
        """Returns the last line on its console."""
        try:
            lines = (self.folder / LOG).read_text(encoding="utf-8", errors="replace").split("\n")
        except OSError:
            return ""
        return next((line.strip()[-120:] for line in reversed(lines) if line.strip()), "")


def home() -> Path:
    """Returns the folder of the guests' folders."""
    return platformdirs.user_state_path("forkoracle") / "guests"


def connect(folder: Path, name: str) -> socket.socket:
    """Connects to the socket *name* in *folder*.  Raises :class:`GuestError`."""
    ours = socket.socket(socket.AF_UNIX)
    try:
        # A relative path, since the whole path may be too long for a socket's address.
        with contextlib.chdir(folder):
            ours.connect(name)
    except OSError as error:
        ours.close()
        raise GuestError(f"guest {folder.name} does not answer: {error.strerror}") from None
    return ours


def guests() -> list[BackgroundGuest]:
    """Returns all guests, also dead ones, the oldest first; not those that are being started."""
    found = []
    for folder in home().iterdir() if home().is_dir() else ():
        try:
            fields = json.loads((folder / _RECORD).read_text(encoding="utf-8"))
            identity = fields.pop("identity")
            guest = BackgroundGuest(folder, identity=identity and Path(identity), **fields)
        except (OSError, ValueError, TypeError, KeyError):
            guest = BackgroundGuest(folder, "?", folder.stat().st_mtime)
        if guest.process() or not _being_started(folder):
            found.append(guest)
    return sorted(found, key=lambda guest: guest.created)


def _being_started(folder: Path) -> bool:
    try:
        with locked(folder / _LOCK, wait=False):
            return False
    except BlockingIOError:
        return True
    except OSError:
        return False


def find(name: str) -> BackgroundGuest:
    """Returns the guest of that name.  Raises :class:`GuestError`."""
    all_of_them = guests()
    for guest in all_of_them:
        if guest.name == name:
            return guest
    names = ", ".join(guest.name for guest in all_of_them) or "there are none"
    raise GuestError(f"no guest {name!r}: expected one of 'forkoracle vm list' ({names})")


@contextmanager
def new_folder(name: str | None, kind: str) -> Iterator[Path]:
    """Makes a private folder for a new guest; without a name, *kind* and a number are its name.

    The folder is locked while the guest is being started, and removed if that fails.
    Raises :class:`GuestError`.
    """
    if name is not None and not NAME.match(name):
        raise GuestError(
            f"{name!r} is not a name for a guest: expected letters, digits, '.', '_', '-'"
        )
    folder = _make_folder(name, kind)
    try:
        with locked(folder / _LOCK):
            yield folder
    except BaseException:
        # Not by its monitor: an import of QMP that was interrupted cannot be repeated.
        BackgroundGuest(folder, "", 0.0).kill()
        raise


def _make_folder(name: str | None, kind: str) -> Path:
    home().mkdir(parents=True, exist_ok=True, mode=0o700)
    number = 1
    while True:
        folder = home() / (name or f"{kind}-{number}")
        try:
            folder.mkdir(mode=0o700)
            return folder
        except FileExistsError:
            if name:
                raise GuestError(
                    f"there is a guest {name!r}: stop it ('forkoracle vm stop {name}'), "
                    "or give another --name"
                ) from None
            number += 1


def launch(
    folder: Path,
    system: str,
    arguments: Sequence[str],
    *,
    user: str = "root",
    identity: Path | None = None,
) -> BackgroundGuest:
    """Starts QEMU in the background, with *arguments* and *folder* as its current folder.

    Raises :class:`GuestError`.
    """
    guest = BackgroundGuest(folder, system, time(), user=user, identity=identity)
    guest._write()
    command = [*bare_qemu(), *arguments]
    command += ["-daemonize", "-pidfile", str(folder / _PID)]
    command += [
        "-chardev",
        _listening(CONSOLE) + f",logfile={LOG}",
        "-serial",
        f"chardev:{CONSOLE}",
    ]
    command += ["-chardev", _listening(_MONITOR), "-mon", f"chardev={_MONITOR},mode=control"]
    starter = subprocess.Popen(
        command,
        cwd=folder,  # so that the sockets' names are short
        env=environment(folder),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        _, said = starter.communicate()
    except BaseException:
        starter.wait(_END)  # until then the daemon's process ID may not be in its file
        raise
    if starter.returncode:
        last = (said.strip() or "no message").splitlines()[-1]
        raise GuestError(f"QEMU does not start: {last}")
    if "-netdev" in arguments:
        with guest.monitor() as monitor:
            answer = monitor.command("human-monitor-command", {"command-line": "info usernet"})
        guest = replace(guest, port=forwarded_port(str(answer)))
        guest._write()
    return guest


def _listening(name: str) -> str:
    return f"socket,id={name},path={name},server=on,wait=off"
