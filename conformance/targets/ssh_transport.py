"""Reaches another machine with the system's ssh and the user's ssh configuration.

The other end runs ``sh``.  It answers questions, starts the probe, and removes it: when the
connection ends, the shell's input ends, and the shell and its probe end, too.
"""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex
from tempfile import TemporaryDirectory, TemporaryFile

from conformance.targets.channel import ProbeError
from conformance.targets.process import ProbeProcess

#: Holds the password for ``--host``; other users could read it on a command line.
PASSWORD_VARIABLE = "FORKORACLE_SSH_PASSWORD"  # noqa: S105
#: Maximum number of seconds for an answer of ``sh``, with the login.
ANSWER_TIMEOUT = 60.0
_INSTALL = "ssh is missing: install it with: apt-get install openssh-client"
_HOST = re.compile(
    r"(?:(?P<user>[^\s@:/-][^\s@:/]*)@)?"
    r"(?:\[(?P<bracketed>[0-9A-Fa-f:.%\w]+)\]|(?P<plain>[^\s@:/\[\]-][^\s@:/\[\]]*))"
    r"(?::(?P<port>[1-9]\d{0,4}))?\Z"
)
#: Seconds between questions whether the host is still there; after three without an answer
#: the connection counts as lost.
ALIVE_INTERVAL = 5
# Only one channel is opened: no forwarding, no further commands.
_OPTIONS = (
    "ConnectTimeout=10",
    "ServerAliveCountMax=3",
    "ClearAllForwardings=yes",
    "ForwardAgent=no",
    "ForwardX11=no",
    "PermitLocalCommand=no",
    "RemoteCommand=none",
    "ControlMaster=no",
    "LogLevel=INFO",  # less does not say that the host no longer answers
)
#: ssh runs it to ask for the password.  It answers no other question, and removes itself.
ASKPASS = f"""\
#!/bin/sh
case $1 in
*assword*) rm -rf "${{0%/*}}"; printf '%s\\n' "${PASSWORD_VARIABLE}" ;;
*) exit 1 ;;
esac
"""
# Makes a folder where programs can run; the shell removes it when it ends.
_FOLDER = """\
f=
trap 'rm -rf "$f"' EXIT
trap 'exit 1' HUP INT TERM PIPE
umask 022
for b in "${TMPDIR:-/tmp}" "$HOME"; do
    f=$(mktemp -d "$b/forkoracle-XXXXXXXX" 2>/dev/null) || { f=; continue; }
    echo '#!/bin/sh' >"$f/probe" && chmod 755 "$f" "$f/probe" && "$f/probe" && break
    rm -rf "$f"
    f=
done
echo "$f"
"""


class HostError(ProbeError):
    """The host refuses the connection permanently; one line says what to do."""


class UnreachableError(ProbeError):
    """The host does not answer; it may answer later."""


@dataclass(frozen=True, slots=True)
class Host:
    """User and host of a login; None: as in the user's ssh configuration.

    With ``known_hosts``, the host's key must be in that file.
    """

    user: str | None
    host: str
    port: int | None = None
    identity: Path | None = None
    known_hosts: Path | None = None
    password: str | None = field(default=None, repr=False)

    def __str__(self) -> str:
        user = f"{self.user}@" if self.user else ""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{user}{host}" + (f":{self.port}" if self.port else "")

    def login(self) -> str:
        """Returns the command with which the user logs in there."""
        port = f"-p {self.port} " if self.port else ""
        return f"ssh {port}{self.user}@{self.host}" if self.user else f"ssh {port}{self.host}"

    def known_name(self) -> str:
        """Returns the host's name in known_hosts."""
        return f"[{self.host}]:{self.port}" if self.port not in (None, 22) else self.host


def parse_host(text: str) -> Host:
    """Returns the host in ``USER@HOST:PORT``.  Raises ValueError with one line."""
    match = _HOST.match(text)
    if match is None or int(match["port"] or 1) > 65535:
        raise ValueError(f"{text!r} is no host: expected USER@HOST[:PORT]")
    port = match["port"]
    return Host(match["user"], match["bracketed"] or match["plain"], int(port) if port else None)


def _command(host: Host) -> list[str]:
    ssh = shutil.which("ssh")
    if ssh is None:
        raise HostError(_INSTALL)
    options = [*_OPTIONS, f"ServerAliveInterval={ALIVE_INTERVAL}"]
    if host.password is None:
        options.append("BatchMode=yes")
    else:
        # With a password helper, ssh would ask the helper about an unknown host key, too.
        options += ["BatchMode=no", "NumberOfPasswordPrompts=1", "StrictHostKeyChecking=yes"]
    if host.known_hosts is not None:
        options += ["GlobalKnownHostsFile=/dev/null", "UpdateHostKeys=no"]
        options += [f'UserKnownHostsFile="{host.known_hosts}"', "StrictHostKeyChecking=yes"]
    command = [ssh, "-T", *(word for option in options for word in ("-o", option))]
    if host.identity is not None:
        command += ["-o", "IdentitiesOnly=yes", "-i", str(host.identity)]
    if host.user is not None:
        command += ["-l", host.user]
    if host.port is not None:
        command += ["-p", str(host.port)]
    return [*command, "--", host.host, "exec sh"]


class SshShell(ProbeProcess):
    """A ``sh`` on a host."""

    def __init__(self, host: Host) -> None:
        """Logs in.  Raises :class:`HostError`, :class:`UnreachableError`, :class:`ProbeError`."""
        command = _command(host)
        self._host = host
        self._mark = f"forkoracle-{token_hex(8)}"
        self._met = False
        self._heard: list[str] = []
        self._errors = TemporaryFile()  # noqa: SIM115
        self._askpass: TemporaryDirectory[str] | None = None
        environment = None
        if host.password is not None:
            self._askpass = TemporaryDirectory(
                prefix="forkoracle-askpass-", ignore_cleanup_errors=True
            )
            helper = Path(self._askpass.name) / "askpass"
            helper.write_text(ASKPASS, encoding="ascii")
            helper.chmod(0o700)
            asking = {"SSH_ASKPASS": str(helper), "SSH_ASKPASS_REQUIRE": "force"}
            environment = {**os.environ, **asking, PASSWORD_VARIABLE: host.password}
        try:
            super().__init__(command, environment, self._errors)
        except ProbeError:
            self._errors.close()
            raise
        try:
            self.ask(":")  # skips the output of the user's start files
            self._met = True
        except BaseException:
            self.kill()
            raise
        finally:
            if self._askpass:
                self._askpass.cleanup()

    def ask(self, script: str, timeout: float = ANSWER_TIMEOUT) -> list[str]:
        """Runs *script*; returns its lines.  Raises :class:`ProbeError`."""
        # Because of the braces, sh reads the whole script before it runs it.
        self.send([f"{{\n{script}\n}} </dev/null\necho; echo {self._mark}\n"])
        lines = self._heard = []
        while True:
            line = self._raw_line(timeout).decode("utf-8", "replace")
            if line == self._mark:
                return lines[:-1] if lines and not lines[-1] else lines
            lines.append(line)

    def make_folder(self) -> str:
        """Makes a folder, ``$f`` there, that the shell removes; returns its name, may be empty."""
        return "".join(self.ask(_FOLDER))

    def put(self, data: bytes, name: str, then: str = "") -> None:
        """Writes *data* to a file of that folder; then sh runs *then*, whose output comes next.

        Without *then*, this waits until the file is written.  Raises :class:`ProbeError`.
        """
        # Wait for the mark before sending data: sh and head both read ahead.
        mark = f"echo {self._mark}"
        self.send([f'{{ {mark}; head -c {len(data)} >"$f/{name}" || exit; {then or mark}\n}}\n'])
        self._wait_for_mark()
        self._write(data)
        if not then:
            self._wait_for_mark()

    def _wait_for_mark(self) -> None:
        while self.line(ANSWER_TIMEOUT) != self._mark:
            pass

    def kill(self) -> None:
        super().kill()
        self._errors.close()

    def _how_it_ended(self) -> ProbeError:
        ended = super()._how_it_ended()
        if self._process.returncode == 255:
            self._errors.seek(0)
            return self._refusal(self._errors.read().decode("utf-8", "replace"))
        if not self._met:
            self._errors.seek(0)
            errors = self._errors.read().decode("utf-8", "replace").splitlines()
            said = next(
                (line.strip() for line in [*self._heard, *errors[::-1]] if line.strip()), ""
            )
            return HostError(
                f"no sh at the other end, it said {said[:80]!r}: expected NetBSD or Linux"
            )
        return ended

    def _refusal(self, said: str) -> ProbeError:
        """Returns the error for ssh's messages: no connection, or a lost one."""
        lines = [line.strip() for line in said.splitlines() if line.strip(" @\t")]
        last = lines[-1] if lines else "ssh ended with status 255"
        host, file = self._host, self._host.known_hosts
        if "HOST IDENTIFICATION HAS CHANGED" in said:
            where = f" -f {file}" if file else ""
            return HostError(
                "its host key has changed: expected the one in known_hosts; "
                f"where that is right, forget it: ssh-keygen{where} -R '{host.known_name()}'"
            )
        if "Host key verification failed" in said:
            port = f"-p {host.port} " if host.port else ""
            accept = f"ssh-keyscan {port}{host.host} >>{file}" if file else host.login()
            return HostError(
                f"its host key is unknown: expected it in known_hosts; accept it with: {accept}"
            )
        if "Permission denied" in said and not self._met:
            hints = ("bad permissions", "Load key", "Permission denied")
            why = next(line for hint in hints for line in lines if hint in line)
            return HostError(
                f"{why}: expected a key that it takes (--identity FILE) or a password in "
                f"{PASSWORD_VARIABLE}"
            )
        if self._met:
            return ProbeError(f"connection lost: {last}")
        return UnreachableError(f"cannot be reached: {last.removeprefix('ssh: ')}")


class SshProbe(SshShell):
    """A probe on a host, in a folder that is removed when it ends."""

    def __init__(self, host: Host, probe: Path, patience: float) -> None:
        """Logs in, copies *probe*, and starts it; *patience* is as in the channel, in seconds."""
        super().__init__(host)
        try:
            self.folder = self.make_folder()
            if not self.folder:
                raise HostError(
                    "no folder for the probe: expected TMPDIR, /tmp or HOME to be writable and "
                    "not mounted noexec"
                )
            run = f'"$f/probe" --patience {int(patience * 1000)}; exit'
            self.put(probe.read_bytes(), "probe", run)
        except BaseException:
            self.kill()
            raise
