"""`forkoracle vm`: guests in the background, releases fetched, and nothing left of either."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic, sleep

import pexpect
import psutil
import pytest

from conformance.commands.choice import KERNEL_VARIABLE
from tests.command import COMMAND, environment, forkoracle
from tests.mirror import DROP, SILENT, Mirror, make_release, serve
from tests.sshd import needs_mounts
from tests.test_release import FILES, KERNEL, MICROVM
from vm.errors import GuestError
from vm.files import locked
from vm.qemu import QEMU
from vm.system import open_image

needs_qemu = pytest.mark.skipif(shutil.which(QEMU) is None, reason=f"needs {QEMU}")
BOOTS = os.environ.get(KERNEL_VARIABLE) or os.environ.get("FORKORACLE_LINUX", "")
needs_kernel = pytest.mark.skipif(
    not BOOTS or shutil.which(QEMU) is None,
    reason=f"needs {QEMU}, and {KERNEL_VARIABLE} or FORKORACLE_LINUX to name a kernel",
)
#: A boot sector that goes round and round.
LOOP = b"\xeb\xfe"
#: One that writes itself to the next sector, reads that back, and says W! on the BIOS's own port.
WRITES = bytes.fromhex(
    "31c0 8ed8 8ec0 b80103 bb007c b90200 b600 cd13 7220"
    "b80102 bb007e b90200 b600 cd13 7212 ba0204 a1007e 3b06007c 7506 b057 ee b021 ee ebfe"
)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A home of its own; when the test is over, no QEMU of its guests runs."""
    yield tmp_path
    left = qemus(tmp_path)
    for process in left:
        process.kill()
    assert left == []


def qemus(home: Path) -> list[psutil.Process]:
    """The QEMUs, zombies aside, whose files are below *home*."""
    return [
        process
        for process in psutil.process_iter(["name", "cmdline", "status"])
        if "qemu" in (process.info["name"] or "")
        and process.info["status"] != psutil.STATUS_ZOMBIE
        and str(home) in " ".join(process.info["cmdline"] or ())
    ]


def vm(home: Path, *args: str) -> subprocess.CompletedProcess[str]:
    return forkoracle(home, "vm", *args, **settings(home))


def settings(home: Path) -> dict[str, str]:
    """Where the command keeps things, and puts temporary ones."""
    (home / "tmp").mkdir(exist_ok=True)
    return {
        "XDG_STATE_HOME": str(home / "state"),
        "XDG_CACHE_HOME": str(home / "cache"),
        "TMPDIR": str(home / "tmp"),
    }


def guests(home: Path) -> Path:
    return home / "state/forkoracle/guests"


def releases(home: Path) -> Path:
    return home / "cache/forkoracle/releases"


def image(path: Path, program: bytes) -> Path:
    """A disk of a mebibyte whose boot sector is *program*."""
    path.write_bytes(program.ljust(510, b"\0") + b"\x55\xaa" + bytes((1 << 20) - 512))
    return path


def wait_until(there: Callable[[], object], what: str) -> None:
    """Wait, for a minute at most, until *there* gives something."""
    deadline = monotonic() + 60
    while not there():
        assert monotonic() < deadline, f"{what} did not come"
        sleep(0.05)


def spawn(home: Path, *args: str) -> subprocess.Popen[str]:
    """The command, running."""
    return subprocess.Popen(
        [COMMAND, *args],
        env=environment(home, **settings(home)),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@needs_kernel
def test_a_guest_in_the_background(home: Path) -> None:
    """Started, listed, its console read, no ssh to it, stopped: and nothing of it is left."""
    started = vm(home, "start", "--kernel", BOOTS, "--name", "mine")
    assert (started.returncode, started.stderr) == (0, "")
    assert "mine: " in started.stdout
    assert "vm console mine" in started.stdout
    folder = guests(home) / "mine"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    [process] = qemus(home)
    listed = vm(home, "list").stdout
    assert f" {process.pid} " in listed
    wait_until((folder / "console.txt").read_text, "the kernel's first word")
    assert vm(home, "console", "mine").stdout.startswith((folder / "console.txt").read_text()[:64])
    refused = vm(home, "ssh", "mine")
    assert refused.returncode == 3
    assert refused.stderr.startswith("forkoracle: guest mine has no ssh: its only program is the")
    again = vm(home, "start", "--kernel", BOOTS, "--name", "mine")
    assert (again.returncode, again.stderr.count("\n")) == (3, 1)
    assert "there is a guest 'mine'" in again.stderr
    stopped = vm(home, "stop", "mine")
    assert stopped.returncode == 0
    assert re.fullmatch(r"mine: ended, and its files are removed \(\d+ bytes\)\n", stopped.stdout)
    assert not process.is_running()
    assert list(guests(home).iterdir()) == []
    assert list((home / "tmp").iterdir()) == []


@needs_kernel
def test_guests_without_names_get_some_and_dead_ones_are_collected(home: Path) -> None:
    """Two starts give two names; one killed is listed as dead, and gc removes it and no other."""
    for _ in range(2):
        assert vm(home, "start", "--kernel", BOOTS).returncode == 0
    names = sorted(path.name for path in guests(home).iterdir())
    assert len(names) == 2
    dead = next(p for p in qemus(home) if names[0] in " ".join(p.cmdline()))
    dead.kill()
    psutil.wait_procs([dead])
    [line] = [line for line in vm(home, "list").stdout.splitlines() if names[0] in line]
    assert " dead " in line
    collected = vm(home, "gc")
    assert f"removed the dead guest {names[0]}: " in collected.stdout
    assert [path.name for path in guests(home).iterdir()] == [names[1]]
    assert len(qemus(home)) == 1
    assert vm(home, "stop", names[1]).returncode == 0


@needs_qemu
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_start_that_is_interrupted_leaves_nothing(home: Path, number: signal.Signals) -> None:
    """Ctrl-C while its sshd is waited for: status 130, no QEMU, no file; the port was local."""
    disk = image(home / "disk", LOOP)
    command = spawn(home, "vm", "start", "--image", str(disk), "--name", "loops")
    record = guests(home) / "loops/guest.json"
    wait_until(lambda: record.exists() and json.loads(record.read_text())["port"], "the port")
    port = json.loads(record.read_text())["port"]
    [process] = qemus(home)
    addresses = {c.laddr.ip for c in process.net_connections() if c.laddr.port == port}
    assert addresses == {"127.0.0.1"}
    command.send_signal(number)
    _, said = command.communicate(timeout=60)
    assert command.returncode == 130
    assert said.endswith("forkoracle: interrupted\n")
    assert list(guests(home).iterdir()) == []
    assert not process.is_running()


#: The command, in which Ctrl-C comes during an import, which then never succeeds.
_INTERRUPTED_IMPORT = """
import sys
from conformance.cli import main

class Finder:
    error = KeyboardInterrupt

    def find_spec(self, name, path=None, target=None):
        if name == "qemu.qmp":
            error, self.error = self.error, NameError
            raise error

sys.meta_path.insert(0, Finder())
sys.exit(main(sys.argv[1:]))
"""


@needs_qemu
def test_a_start_that_is_interrupted_in_an_import_leaves_nothing(home: Path) -> None:
    disk = image(home / "disk", LOOP)
    done = subprocess.run(
        [sys.executable, "-c", _INTERRUPTED_IMPORT, "vm", "start", "--image", str(disk)],
        env=environment(home, **settings(home)),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (130, "forkoracle: interrupted\n")
    assert list(guests(home).iterdir()) == []


@needs_qemu
def test_a_killed_start_leaves_a_guest_that_can_be_stopped(home: Path) -> None:
    """After kill -9 of the command the guest is in the list, and `vm stop` ends it."""
    disk = image(home / "disk", LOOP)
    command = spawn(home, "vm", "start", "--image", str(disk), "--name", "loops")
    wait_until(lambda: qemus(home) and (guests(home) / "loops/pid").exists(), "QEMU")
    command.kill()
    command.communicate(timeout=60)
    wait_until(lambda: "loops" in vm(home, "list").stdout, "the guest in the list")
    not_yet = vm(home, "ssh", "loops")
    assert (not_yet.returncode, not_yet.stderr.count("\n")) == (3, 1)
    assert vm(home, "stop", "loops").returncode == 0
    assert list(guests(home).iterdir()) == []


@needs_qemu
def test_a_run_on_an_image_that_is_killed_leaves_nothing(home: Path) -> None:
    """Kill -9 of `run --image` takes QEMU with it, and the guest's folder."""
    disk = image(home / "disk", LOOP)
    command = spawn(home, "run", "--image", str(disk), "--only", "vfork")
    wait_until(lambda: qemus(home), "QEMU")
    assert list((home / "tmp").iterdir()) != []
    command.kill()
    command.communicate(timeout=60)
    wait_until(lambda: not qemus(home), "QEMU's end")
    wait_until(lambda: not list((home / "tmp").iterdir()), "the folder's end")


_OWNER = """
import time
from vm.booted import OwnFolder
print(OwnFolder().path, flush=True)
time.sleep(600)
"""


@needs_mounts
def test_a_folder_that_is_busy_goes_soon_after(home: Path) -> None:
    """QEMU, which is killed at the same time, may make a file while the folder is removed."""
    owner = subprocess.Popen(
        [sys.executable, "-c", _OWNER],
        env={**os.environ, "TMPDIR": str(home)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert owner.stdout
    folder = Path(owner.stdout.readline().strip())
    busy = folder / "busy"
    busy.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "none", str(busy)], check=True)
    (folder / "file").touch()
    try:
        owner.kill()
        owner.communicate()
        wait_until(lambda: not (folder / "file").exists(), "the first attempt")
        sleep(0.2)
        assert busy.exists()
    finally:
        subprocess.run(["umount", str(busy)], check=True)
    wait_until(lambda: not folder.exists(), "the folder's end")


@needs_qemu
def test_an_image_is_never_written(home: Path) -> None:
    """A guest writes to its disk, and reads back what it wrote; the image is as it was."""
    disk = image(home / "disk", WRITES)
    before = hashlib.sha512(disk.read_bytes()).digest()
    command = spawn(home, "vm", "start", "--image", str(disk), "--name", "writes")
    bios = guests(home) / "writes/bios"
    wait_until(lambda: bios.exists() and b"W!" in bios.read_bytes(), "the guest's word")
    command.send_signal(signal.SIGINT)
    command.communicate(timeout=60)
    assert hashlib.sha512(disk.read_bytes()).digest() == before


BAD = {
    "not bootable": (bytes(1 << 20), "no bootable device: expected a disk with a boot loader"),
    "too small": (b"disk", "4 bytes: expected a disk image"),
    "a packed one cut short": (b"\x1f\x8b\x08\0\0\0\0\0\0\x03ab", "expected a disk image, or one"),
    "a zstd one cut short": (b"\x28\xb5\x2f\xfd\x04", "expected a disk image, or one"),
    "a damaged qcow2": (b"QFI\xfb" + b"\0\0\0\x09" * 200, "QEMU"),
}


@pytest.mark.parametrize("packer", ["gzip", "zstd"])
def test_an_image_that_unpacks_without_end_is_refused(
    tmp_path: Path, packer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if shutil.which(packer) is None:
        pytest.skip(f"needs {packer}")
    packed = subprocess.run([packer, "-c"], input=bytes(3 << 20), capture_output=True, check=True)
    (tmp_path / "packed").write_bytes(packed.stdout)
    assert open_image(tmp_path / "packed", tmp_path).disk.stat().st_size == 3 << 20
    monkeypatch.setattr("vm.system._LONGEST", 1 << 20)
    with pytest.raises(GuestError, match="packed: more than 1 MiB once unpacked: expected a disk"):
        open_image(tmp_path / "packed", tmp_path)


@needs_qemu
@pytest.mark.parametrize("start", [("run", "--only", "vfork"), ("vm", "start")])
@pytest.mark.parametrize("name", BAD)
def test_a_bad_image_is_told_in_one_line(home: Path, name: str, start: tuple[str, ...]) -> None:
    """What is wrong with it and what was expected; exit 3, and nothing left."""
    if "zstd" in name and shutil.which("zstd") is None:
        pytest.skip("needs zstd")
    data, expected = BAD[name]
    disk = home / "a disk, with a comma"
    disk.write_bytes(data)
    done = forkoracle(home, *start, "--image", str(disk), **settings(home))
    assert done.returncode == 3
    assert expected in done.stderr
    lines = [line for line in done.stderr.splitlines() if "waiting for" not in line]
    assert len(lines) == 1
    assert list((home / "tmp").iterdir()) == []
    assert not guests(home).exists() or list(guests(home).iterdir()) == []


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (["start"], "expected one of --kernel FILE, --release VERSION and --image FILE"),
        (["start", "--kernel", "a", "--image", "b"], "expected one of --kernel FILE"),
        (["start", "--kernel", "a", "--full"], "--full needs --release"),
        (["start", "--image", "a", "--identity", "/nothing"], "expected a key to log in with"),
        (["fetch", "eleven"], "unknown release 'eleven'"),
    ],
)
def test_bad_usage_is_one_line(home: Path, args: list[str], expected: str) -> None:
    """What does not go together or does not exist: exit 2."""
    done = vm(home, *args)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert expected in done.stderr


@pytest.mark.parametrize("action", ["ssh", "console", "stop"])
def test_an_unknown_guest_is_told(home: Path, action: str) -> None:
    """Which guests there are is said with it; exit 3."""
    done = vm(home, action, "nobody")
    assert (done.returncode, done.stderr.count("\n")) == (3, 1)
    assert "no guest 'nobody': expected one of 'forkoracle vm list' (there are none)" in done.stderr


@needs_qemu
def test_a_name_is_no_path(home: Path) -> None:
    """What would be a folder elsewhere is refused."""
    done = vm(home, "start", "--image", str(image(home / "disk", LOOP)), "--name", "../up")
    assert (done.returncode, done.stderr.count("\n")) == (3, 1)
    assert "'../up' is not a name for a guest" in done.stderr


@pytest.fixture
def mirror(home: Path) -> Iterator[Mirror]:
    """A release with a kernel of ten megabytes, whose bar can be watched."""
    files = {**FILES, MICROVM: KERNEL + os.urandom(10_000_000)}
    folder = make_release(home / "www", files)
    with serve(folder.parents[1]) as running:
        yield running


def test_fetch_says_where_the_files_are(home: Path, mirror: Mirror) -> None:
    """The kernel alone, or the sets with --full; what is there is not fetched again."""
    done = vm(home, "fetch", "11.0", "--mirror", mirror.url)
    kernel = releases(home) / "NetBSD-11.0/amd64/binary" / MICROVM
    assert (done.returncode, done.stdout) == (0, f"{kernel}\n")
    assert done.stderr == "fetching netbsd-MICROVM.gz\n"
    done = vm(home, "fetch", "11.0", "--mirror", mirror.url, "--full")
    assert [Path(line).name for line in done.stdout.splitlines()] == [
        "netbsd-MICROVM.gz",
        "base.tgz",
        "etc.tar.xz",
    ]
    assert [name for name, _ in mirror.asked].count("netbsd-MICROVM.gz") == 1


def test_an_interrupted_fetch_goes_on_the_next_time(home: Path, mirror: Mirror) -> None:
    """Ctrl-C under the bar: what has come is kept, and the rest alone is asked for afterwards."""
    mirror.faults = [("MICROVM.gz", DROP), ("MICROVM.gz", SILENT)]
    child = pexpect.spawn(
        COMMAND,
        ["vm", "fetch", "11.0", "--mirror", mirror.url],
        env={**environment(home, **settings(home)), "TERM": "xterm"},
        encoding="utf-8",
        dimensions=(24, 120),
        timeout=60,
    )
    child.expect("fetching netbsd-MICROVM.gz")
    child.expect(r"5\.\d/10\.\d MB")
    child.sendintr()
    child.expect("forkoracle: interrupted")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 130
    [part] = releases(home).rglob("*.part")
    size = part.stat().st_size
    assert size > 5_000_000
    assert vm(home, "fetch", "11.0", "--mirror", mirror.url).returncode == 0
    assert mirror.asked[-1] == ("netbsd-MICROVM.gz", f"bytes={size}-")


def test_gc_removes_downloads_but_kernels(home: Path, mirror: Mirror) -> None:
    """Sets, parts and bad files go, with their bytes; kernels with --all; what is in use stays."""
    vm(home, "fetch", "11.0", "--mirror", mirror.url, "--full")
    kernels = releases(home) / "NetBSD-11.0/amd64/binary/kernel"
    (kernels / "netbsd-GENERIC.gz.bad").write_bytes(b"bad")
    (kernels / "netbsd-GENERIC.gz.0123.part").write_bytes(b"part")
    with locked(kernels / "busy.part"):
        done = vm(home, "gc")
        left = sorted(path.name for path in releases(home).rglob("*") if path.is_file())
        assert left == ["SHA512", "busy.part", "netbsd-MICROVM.gz"]
    removed = [line for line in done.stdout.splitlines() if line.startswith("removed ")]
    assert [line.partition(": ")[0].rpartition("/")[2] for line in removed] == [
        "netbsd-GENERIC.gz.0123.part",
        "netbsd-GENERIC.gz.bad",
        "SHA512",
        "base.tgz",
        "etc.tar.xz",
    ]
    total = sum(int(line.rpartition(": ")[2].split()[0]) for line in removed)
    assert done.stdout.splitlines()[-1] == f"{total} bytes removed"
    vm(home, "gc", "--all")
    assert list(releases(home).iterdir()) == []


def test_gc_leaves_what_lies_beside_the_snapshots_alone(home: Path) -> None:
    """The variable may name a folder that has more in it, and the cache may have links in it."""
    mine, kept = home / "mine", home / "mine" / ("0" * 32)
    for folder, names in ((mine / "photos", ["cat"]), (kept, ["root", "mail", "said", "state"])):
        folder.mkdir(parents=True)
        for name in names:
            (folder / name).write_text("x")
    (home / "big").mkdir()
    releases(home).mkdir(parents=True)
    (releases(home) / "link").symlink_to(home / "big")
    done = forkoracle(home, "vm", "gc", **settings(home), FORKORACLE_SNAPSHOTS=str(mine))
    assert (done.returncode, done.stderr) == (0, "")
    assert [path.name for path in mine.iterdir()] == ["photos"]
    assert (mine / "photos/cat").read_text() == "x"
    assert (releases(home) / "link").is_symlink()


@pytest.mark.parametrize(
    ("make", "kind"), [("mkdir", "a folder"), ("mkfifo", "a pipe or a device")]
)
def test_image_that_is_no_file_is_refused(home: Path, make: str, kind: str) -> None:
    subprocess.run([make, str(home / "disk")], check=True)
    done = forkoracle(home, "run", "--image", str(home / "disk"), **settings(home))
    assert done.returncode == 3
    assert done.stderr == f"forkoracle: {home}/disk: {kind}: expected a disk image\n"


IMAGE, IMAGE_KEY = os.environ.get("FORKORACLE_IMAGE", ""), "FORKORACLE_IMAGE_IDENTITY"
RELEASE = os.environ.get("FORKORACLE_RELEASE", "")


@pytest.mark.skipif(not IMAGE, reason="needs FORKORACLE_IMAGE, of a NetBSD with sshd")
def test_a_netbsd_image_agrees(home: Path) -> None:
    """A NetBSD boots from its image, takes our key, and agrees; the image is as it was."""
    before = hashlib.sha512(Path(IMAGE).read_bytes()).digest()
    key = ["--identity", os.environ[IMAGE_KEY]] if IMAGE_KEY in os.environ else []
    done = forkoracle(
        home, "run", "--image", IMAGE, *key, "--only", "vfork", "--only", "trace", **settings(home)
    )
    assert done.returncode == 0, done.stderr
    assert " 0 differences" in done.stdout
    assert hashlib.sha512(Path(IMAGE).read_bytes()).digest() == before
    assert list((home / "tmp").iterdir()) == []


@pytest.mark.skipif(not RELEASE, reason="needs FORKORACLE_RELEASE, a NetBSD release's directory")
def test_a_system_of_a_releases_sets(home: Path) -> None:
    """--full: it runs scenarios; in the background one logs in with its key; then it is gone."""
    run = ["run", "--release", RELEASE, "--full", "--only", "vfork"]
    done = forkoracle(home, *run, **settings(home))
    assert done.returncode == 0, done.stderr
    assert " 0 differences" in done.stdout
    assert vm(home, "start", "--release", RELEASE, "--full", "--name", "full").returncode == 0
    said = vm(home, "ssh", "full", "uname -s; id -u")
    assert (said.stdout, said.returncode) == ("NetBSD\n0\n", 0)
    # Another key at the same port is noticed: the host's key was known before it was first asked.
    known = guests(home) / "full/known_hosts"
    known.write_text(known.read_text().replace("AAAA", "AAAB"))
    refused = vm(home, "ssh", "full", "true")
    assert refused.returncode == 255
    assert "verification failed" in refused.stderr
    assert vm(home, "stop", "full").returncode == 0
    assert list(guests(home).iterdir()) == []
    assert list((home / "tmp").iterdir()) == []
