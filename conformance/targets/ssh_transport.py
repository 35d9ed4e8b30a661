"""The way in for a kernel elsewhere: the system's ssh, with the user's own configuration.

At the other end runs ``sh``.  It is asked for facts, and it is what starts the
probe and removes it again: when the connection is gone, its input ends, and so
does everything that it started.
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

#: Holds the password for ``--host``; on a command line everybody could read it.
PASSWORD_VARIABLE = "FORKORACLE_SSH_PASSWORD"  # noqa: S105
#: Seconds in which ``sh`` must have answered, the connection included.
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
# Nothing is opened but the one channel.
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
#: ssh runs it to ask for the password.  It answers nothing else, and is gone once it has.
ASKPASS = f"""\
#!/bin/sh
case $1 in
*assword*) rm -rf "${{0%/*}}"; printf '%s\\n' "${PASSWORD_VARIABLE}" ;;
*) exit 1 ;;
esac
"""
# Where it may write and run programs: a folder of ours, which goes when the shell does.
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
    """The host takes no connection: an error that lasts; one line that says what to do."""


class UnreachableError(ProbeError):
    """The host does not answer, which may be otherwise in a moment."""


@dataclass(frozen=True, slots=True)
class Host:
    """Whom to log in as, and where; what is None is as in the user's ssh configuration.

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
        """The command with which a person logs in there."""
        port = f"-p {self.port} " if self.port else ""
        return f"ssh {port}{self.user}@{self.host}" if self.user else f"ssh {port}{self.host}"

    def known_name(self) -> str:
        """The host as known_hosts names it."""
        return f"[{self.host}]:{self.port}" if self.port not in (None, 22) else self.host


def parse_host(text: str) -> Host:
    """The host in ``USER@HOST:PORT``; ValueError with one line where it is none."""
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
        # A question about the host's key would be put to the helper that knows the password.
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
        """Log in.  Raises :class:`HostError`, :class:`UnreachableError`, :class:`ProbeError`."""
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
            self.ask(":")  # what the user's own start files say goes with it
            self._met = True
        except BaseException:
            self.kill()
            raise
        finally:
            if self._askpass:
                self._askpass.cleanup()

    def ask(self, script: str, timeout: float = ANSWER_TIMEOUT) -> list[str]:
        """What *script* prints, line by line.  Raises :class:`ProbeError`."""
        # The braces have sh read all of it before it runs any.
        self.send([f"{{\n{script}\n}} </dev/null\necho; echo {self._mark}\n"])
        lines = self._heard = []
        while True:
            line = self._raw_line(timeout).decode("utf-8", "replace")
            if line == self._mark:
                return lines[:-1] if lines and not lines[-1] else lines
            lines.append(line)

    def make_folder(self) -> str:
        """Make a folder that goes when the shell does, ``$f`` there; its name, if there is one."""
        return "".join(self.ask(_FOLDER))

    def put(self, data: bytes, name: str, then: str = "") -> None:
        """Write *data* to a file of that folder, and have sh do *then*, whose words come next.

        Without it, the file is there at the end.  Raises :class:`ProbeError`.
        """
        # Nothing may follow before sh has said so: it reads ahead, and so does head.
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
        """What ssh's own words mean: why there is no connection, or none any more."""
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
    """A probe on a host, in a folder that goes when it does."""

    def __init__(self, host: Host, probe: Path, patience: float) -> None:
        """Log in, copy *probe* over, and start it; *patience* as for the channel, in seconds."""
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
