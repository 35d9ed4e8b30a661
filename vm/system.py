"""A whole system on a disk, reached by ssh: made from sets, or the user's image."""

from __future__ import annotations

import gzip
import re
import socket
import subprocess
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE
from time import monotonic, sleep
from typing import IO

from vm.disk import File, make_disk
from vm.errors import GuestError
from vm.files import in_units
from vm.kernelfile import read_kernel
from vm.nodes import FOR_A_SYSTEM
from vm.programs import find_program, option_value, run_program

#: Address on which forwarded ports of guests listen.
LOOPBACK = "127.0.0.1"
#: Disk buses for the root of an image, with QEMU's device.
BUSES = {"virtio": "virtio-blk-pci", "ide": "ide-hd"}
#: File with the keys of the guest's sshd, in the guest's folder.
KNOWN_HOSTS = "known_hosts"
#: Maximum number of seconds until the sshd of a system answers.
BOOT = 600.0
#: Maximum number of seconds for the first line of a sshd.
_FIRST_WORD = 5.0
#: Sets of a system that has a login.
SETS = ("base", "etc")
_ADDRESS = "10.0.2.15"  # where QEMU's user network forwards to
_MEBIBYTES = 512
_HOST_KEYS = ("ecdsa", "ed25519", "rsa")  # rc.d/sshd would make those that are missing
_SECTOR = 512
_QCOW2 = b"QFI\xfb"
#: Maximum length of an unpacked image, in bytes.
_LONGEST = 32 << 30
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_FORWARD = re.compile(rf"TCP\[HOST_FORWARD\]\s+\d+\s+{re.escape(LOOPBACK)}\s+(\d+)\s")

# See rc.conf(5); other services are off, so that sshd starts sooner.
_RC_CONF = f"""\
if [ -r /etc/defaults/rc.conf ]; then
	. /etc/defaults/rc.conf
fi
rc_configured=YES
hostname=forkoracle
ifconfig_vioif0="inet {_ADDRESS} netmask 255.255.255.0"
dhcpcd=NO
sshd=YES
cron=NO
inetd=NO
makemandb=NO
ntpd=NO
postfix=NO
savecore=NO
wscons=NO
"""
_SSHD_CONFIG = "".join(
    [
        *(f"HostKey /etc/ssh/ssh_host_{kind}_key\n" for kind in _HOST_KEYS),
        "PermitRootLogin prohibit-password\n",
        "PasswordAuthentication no\n",
        "KbdInteractiveAuthentication no\n",
        "UseDNS no\n",
    ]
)
_FSTAB = """\
/dev/ld0a	/		ffs	rw,noatime	0 0
ptyfs		/dev/pts	ptyfs	rw		0 0
procfs		/proc		procfs	rw		0 0
"""


@dataclass(frozen=True, slots=True)
class Login:
    """How to log in to a guest: user, port, private key, and file of the host's keys.

    ``identity`` is None if the user logs in otherwise, for example with a password.
    """

    user: str
    port: int
    identity: Path | None
    known_hosts: Path

    def command(self, ssh: str) -> list[str]:
        """Returns the command that logs in; words after it are the command to run there."""
        options = [f'UserKnownHostsFile="{self.known_hosts}"', "GlobalKnownHostsFile=/dev/null"]
        options += ["StrictHostKeyChecking=yes", "UpdateHostKeys=no", "LogLevel=ERROR"]
        command = [ssh, *(word for option in options for word in ("-o", option))]
        if self.identity is not None:
            command += ["-o", "IdentitiesOnly=yes", "-i", str(self.identity)]
        return [*command, "-p", str(self.port), "-l", self.user, LOOPBACK]


@dataclass(frozen=True, slots=True)
class System:
    """A disk to boot, with *kernel* or, if that is None, with its own boot loader.

    ``host_keys`` are the lines of its sshd's public keys, ``identity`` is a private key that it
    accepts; both are None if they are unknown.
    """

    name: str
    disk: Path
    disk_format: str
    kernel: Path | None = None
    bus: str = "virtio"
    cpus: int = 1
    host_keys: tuple[str, ...] | None = None
    identity: Path | None = None

    def arguments(self, folder: Path) -> list[str]:
        """Returns QEMU's arguments; the output of its BIOS goes to ``bios`` in *folder*."""
        accel = "tcg,thread=multi" if self.cpus > 1 else "tcg"
        arguments = ["-M", "pc", "-accel", accel, "-m", str(_MEBIBYTES), "-no-reboot"]
        arguments += ["-smp", f"{self.cpus},sockets={self.cpus},cores=1"]
        if self.kernel is not None:
            arguments += ["-kernel", str(self.kernel), "-append", "console=com root=ld0a"]
        else:
            # Boot loaders and kernels of images need a screen.
            arguments += ["-device", "VGA"]
        # QEMU writes to a temporary overlay, so the disk does not change.
        disk = option_value(self.disk)
        drive = f"file={disk},if=none,format={self.disk_format},id=root,snapshot=on"
        arguments += ["-drive", drive, "-device", f"{BUSES[self.bus]},drive=root"]
        arguments += ["-netdev", f"user,id=net,restrict=on,hostfwd=tcp:{LOOPBACK}:0-{_ADDRESS}:22"]
        arguments += ["-device", "virtio-net-pci,netdev=net,romfile="]
        # Without randomness, NetBSD's sshd makes no keys and accepts no connections.
        arguments += ["-device", "virtio-rng-pci"]
        bios = ["-chardev", f"file,id=bios,path={option_value(folder / 'bios')}"]
        return [*arguments, *bios, "-device", "isa-debugcon,iobase=0x402,chardev=bios"]

    def failure(self, folder: Path) -> str | None:
        """Returns why the disk cannot be booted, from the output of its BIOS in *folder*."""
        try:
            said = (folder / "bios").read_bytes()
        except OSError:
            return None
        if b"No bootable device" in said:
            return "no bootable device: expected a disk with a boot loader"
        return None


def forwarded_port(usernet: str) -> int:
    """Returns the local port of the guest's sshd, from the output of ``info usernet``.

    Raises :class:`GuestError`.
    """
    match = _FORWARD.search(usernet)
    if match is None:
        raise GuestError(f"QEMU forwards no port to the guest: it says {usernet[-120:]!r}")
    return int(match[1])


def make_key(path: Path, kind: str = "ed25519") -> str:
    """Makes a key pair without a passphrase; returns its public line."""
    keygen = find_program("ssh-keygen", "openssh-client")
    run_program([keygen, "-q", "-t", kind, "-N", "", "-C", "forkoracle", "-f", str(path)])
    return path.with_name(f"{path.name}.pub").read_text(encoding="ascii").strip()


def make_system(sets: Sequence[Path], kernel: Path, folder: Path, *, cpus: int = 1) -> System:
    """Installs the sets on a disk in *folder*, with a sshd that accepts the key ``identity``.

    The host's keys are made here, so that they are known before the first login.
    Raises :class:`GuestError`.
    """
    (folder / "kernel").write_bytes(read_kernel(kernel).image)
    authorized = make_key(folder / "identity")
    files = [
        File("etc/fstab", _FSTAB),
        File("etc/rc.conf", _RC_CONF),
        File("etc/ssh/sshd_config", _SSHD_CONFIG),
        File("root/.ssh/authorized_keys", f"{authorized}\n", 0o600),
        # Saves the time to detect a duplicate address.
        File("etc/sysctl.conf", "net.inet.ip.dad_count=0\n"),
    ]
    public = []
    for kind in _HOST_KEYS:
        name = f"ssh_host_{kind}_key"
        public.append(make_key(folder / name, kind))
        secret = (folder / name).read_text(encoding="ascii")
        files.append(File(f"etc/ssh/{name}", secret, 0o600))
        files.append(File(f"etc/ssh/{name}.pub", f"{public[-1]}\n"))
        (folder / name).unlink()
        (folder / f"{name}.pub").unlink()
    make_disk(
        sets,
        folder / "disk",
        folders=[("root/.ssh", 0o700), *((name, 0o755) for name in ("dev/pts", "proc", "kern"))],
        files=files,
        nodes=FOR_A_SYSTEM,
        mebibytes=_MEBIBYTES,
    )
    return System(
        "the system of the sets",
        folder / "disk",
        "raw",
        folder / "kernel",
        cpus=cpus,
        host_keys=tuple(public),
        identity=folder / "identity",
    )


def open_image(image: Path, folder: Path, *, bus: str = "virtio", cpus: int = 1) -> System:
    """Returns the system of an image: qcow2 or raw, or one of these packed by gzip or zstd.

    The image is never written to.  A packed image is unpacked to *folder*.
    Raises :class:`GuestError`.
    """
    disk = _unpacked(image, folder)
    with disk.open("rb") as file:
        start = file.read(_SECTOR)
    if len(start) < _SECTOR:
        raise GuestError(f"{image}: {len(start)} bytes: expected a disk image")
    kind = "qcow2" if start.startswith(_QCOW2) else "raw"
    return System(str(image), disk.absolute(), kind, bus=bus, cpus=cpus)


def _unpacked(image: Path, folder: Path) -> Path:
    if image.exists() and not (image.is_file() or image.is_block_device()):
        kind = "a folder" if image.is_dir() else "a pipe or a device"
        raise GuestError(f"{image}: {kind}: expected a disk image")
    disk = folder / "image"
    try:
        with image.open("rb") as file:
            magic = file.read(4)
        if magic[:2] == _GZIP:
            with gzip.open(image) as source:
                _unpack(source, disk)
            return disk
        if magic == _ZSTD:
            command = [find_program("zstd", "zstd"), "-q", "-d", "-c", str(image)]
            with subprocess.Popen(command, stdout=PIPE, stderr=PIPE) as zstd:
                assert zstd.stdout is not None
                assert zstd.stderr is not None
                try:
                    _unpack(zstd.stdout, disk)
                except BaseException:
                    zstd.kill()
                    raise
                if words := zstd.stderr.read().decode(errors="replace").split():
                    raise EOFError(f"zstd failed: {' '.join(words)[-200:]}")
            return disk
    except (EOFError, OSError, zlib.error) as error:
        said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise GuestError(f"{image}: {said}: expected a disk image, or one packed whole") from None
    return image


def _unpack(source: IO[bytes] | gzip.GzipFile, disk: Path) -> None:
    """Copies up to :data:`_LONGEST` bytes.  Raises ``EOFError`` if there are more."""
    with disk.open("wb") as out:
        while piece := source.read(1 << 20):
            out.write(piece)
            if out.tell() > _LONGEST:
                raise EOFError(f"more than {in_units(_LONGEST)} once unpacked")


def scan_host_keys(port: int) -> tuple[str, ...]:
    """Returns the keys of the sshd on a local port, as lines of type and key; may be empty."""
    keyscan = find_program("ssh-keyscan", "openssh-client")
    done = subprocess.run(
        [keyscan, "-T", "5", "-p", str(port), LOOPBACK],
        capture_output=True,
        text=True,
        check=False,
    )
    lines = (line.split(maxsplit=1) for line in done.stdout.splitlines())
    return tuple(sorted(rest for name, rest in lines if not name.startswith("#")))


def sshd_answers(port: int) -> bool:
    """Says whether a sshd sends its first line; QEMU accepts the connection in any case.

    A scan with ssh-keyscan makes many connections, for which a sshd would penalise us
    (PerSourcePenalties in sshd_config(5)).
    """
    try:
        with socket.create_connection((LOOPBACK, port), _FIRST_WORD) as connection:
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False


def wait_for_sshd(system: System, folder: Path, port: int, ended: Callable[[], str | None]) -> None:
    """Waits until the guest's sshd answers, and writes its keys to known_hosts.

    *folder* is that of :meth:`System.arguments`; *ended* returns why the guest has ended, or None.
    Raises :class:`GuestError` with the reason if no sshd answers.
    """
    deadline = monotonic() + BOOT
    while not sshd_answers(port):
        reason = ended() or system.failure(folder)
        if reason is None and monotonic() > deadline:
            reason = f"no sshd has answered within {BOOT:.0f} s"
        if reason is not None:
            raise GuestError(f"{system.name} does not come up: {reason}")
        sleep(0.5)
    pin(folder / KNOWN_HOSTS, port, system.host_keys or scan_host_keys(port))


def pin(known_hosts: Path, port: int, keys: Sequence[str]) -> None:
    """Writes the host's keys in the format of known_hosts."""
    lines = (f"[{LOOPBACK}]:{port} {' '.join(key.split()[:2])}\n" for key in keys)
    known_hosts.write_text("".join(lines), encoding="ascii")
