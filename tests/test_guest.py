"""A guest in QEMU, from its start to what is left of it: with Debian's Linux kernel.

NetBSD is what guests are for, and a NetBSD kernel cannot be had everywhere; all
of this is the same code with either.  FORKORACLE_LINUX names a kernel of
Debian's linux-image-cloud-amd64.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from conformance.errors import TargetError
from conformance.results.result import Verdict
from conformance.runs.run import Run
from conformance.scenarios.selection import select
from conformance.targets.guest import GuestTarget, guest_machine, snapshots
from reference_model import Scenario
from reference_model.language.answer import Observed
from tests.processes import marked, wait_until
from tests.shared import shared_folder
from vm.accel import seconds
from vm.errors import GuestError
from vm.files import locked
from vm.guest import Guest
from vm.machine import Machine
from vm.qemu import QEMU
from vm.snapshot import KEPT, Snapshots

KERNEL = os.environ.get("FORKORACLE_LINUX", "")
pytestmark = pytest.mark.skipif(
    not KERNEL or shutil.which(QEMU) is None,
    reason=f"needs {QEMU}, and FORKORACLE_LINUX to name a kernel of linux-image-cloud-amd64",
)


@pytest.fixture(scope="module")
def machine() -> Machine:
    return guest_machine(Path(KERNEL), accelerator="tcg")


@pytest.fixture(scope="module", autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Snapshots of these tests lie in a folder of theirs, and a busy machine has time to boot.

    The guest is booted once for all workers of the session.
    """
    cache = shared_folder(tmp_path_factory, "guests")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("vm.guest.START_TIMEOUT", 300.0)
        patch.setattr("vm.guest._RESUME_TIMEOUT", 60.0)
        patch.setenv("XDG_CACHE_HOME", str(cache))
        with locked(cache / "lock"):
            if not snapshots().all():
                guest = Guest(guest_machine(Path(KERNEL), accelerator="tcg"), snapshots())
                guest.kill()
                assert not guest.resumed
                assert len(snapshots().all()) == 1
        yield


@pytest.fixture
def target(machine: Machine, mark: str) -> Iterator[GuestTarget]:
    guest = GuestTarget(machine, patience=0.5)
    yield guest
    guest.kill()


def qemu_of(target: GuestTarget) -> psutil.Process:
    assert target.guest is not None
    return psutil.Process(target.guest.qemu.process.pid)


SHARING = select(["sharing"])


def test_a_family_agrees_in_a_guest(target: GuestTarget) -> None:
    """Every scenario of the family agrees or is a known difference, decided by a real kernel."""
    results = list(Run(target, SHARING).results())
    assert {result.verdict for result in results} <= {Verdict.AGREES, Verdict.KNOWN}
    assert len(results) == len(SHARING)
    assert target.kernel.system == "Linux"
    assert target.kernel.release in KERNEL


def test_traced_scenarios_name_the_missing_tracer(target: GuestTarget) -> None:
    """A guest without a tracer leaves them undecided, by that name."""
    [result, *_] = Run(target, select(["trace"])[:1]).results()
    assert (result.verdict, result.reason) == (
        Verdict.NOT_DECIDED,
        "no tracer in a guest that is not NetBSD",
    )


def panic(target: GuestTarget) -> None:
    """Crash the guest's kernel with its magic SysRq key, over the console."""
    assert target.guest is not None
    target.guest.qemu.command("chardev-send-break", {"id": "console"})
    target.guest.qemu.console.write("c")
    guest = target.guest
    wait_until(lambda: "Trigger a crash" in guest.console())


def stop(target: GuestTarget) -> None:
    """Stop QEMU, as a host that is put to sleep would."""
    qemu_of(target).send_signal(signal.SIGSTOP)


def kill(target: GuestTarget) -> None:
    """Kill QEMU behind our back."""
    qemu_of(target).kill()


@pytest.mark.parametrize(
    ("fault", "verdict", "reason"),
    [
        (panic, Verdict.DIFFERENCE, "kernel panicked: Kernel panic - not syncing: sysrq"),
        (stop, Verdict.NOT_DECIDED, "guest hung: nothing heard for"),
        (kill, Verdict.NOT_DECIDED, "QEMU ended with status -9"),
    ],
    ids=["panic", "hang", "killed"],
)
def test_a_fault_costs_one_scenario(
    target: GuestTarget, fault: object, verdict: Verdict, reason: str
) -> None:
    """The guest is replaced, from its snapshot, and all scenarios but one are decided.

    Half of them come before the fault and half after it, so that no machine is too fast for it.
    """
    assert callable(fault)
    results = list(Run(target, SHARING[:30]).results())
    fault(target)
    results += Run(target, SHARING[30:60]).results()
    odd = [r for r in results if r.verdict not in (Verdict.AGREES, Verdict.KNOWN)]
    assert len(results) == 60
    assert [(result.verdict, result.reason[: len(reason)]) for result in odd] == [(verdict, reason)]
    if fault is panic:
        assert "sysrq: Trigger a crash" in odd[0].console
        assert odd[0].times == (1, 3), "it was nobody's fault, so it did not come again"
        list(target.run(SHARING[:1]))  # after a difference the next run has a fresh guest
    assert target.guest is not None
    assert target.guest.resumed


def test_two_runs_side_by_side_do_not_meet(machine: Machine, mark: str) -> None:
    """Each guest has its own mailbox, console and disk, though both come from one snapshot."""
    targets = [GuestTarget(machine), GuestTarget(machine)]
    batches: list[list[Scenario]] = [SHARING[:20], SHARING[20:40]]
    seen: list[list[tuple[Scenario, Observed]]] = [[], []]
    streams = [iter(t.run(batch)) for t, batch in zip(targets, batches, strict=True)]
    for _ in range(20):
        for index, stream in enumerate(streams):
            seen[index].append(next(stream))
    assert [[scenario for scenario, _ in pairs] for pairs in seen] == batches
    assert all(isinstance(log, tuple) for pairs in seen for _, log in pairs)
    for one in targets:
        one.kill()


_OWNER = """
import sys, time
from pathlib import Path
from conformance.targets.guest import GuestTarget, guest_machine
target = GuestTarget(guest_machine(Path(sys.argv[1]), accelerator="tcg"))
print("up", flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT], ids=["kill -9", "Ctrl-C"])
def test_no_guest_outlives_its_owner(
    machine: Machine, mark: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: int
) -> None:
    """However we end, QEMU is gone soon after, and so is every file of the guest's."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    owner = subprocess.Popen(
        [sys.executable, "-c", _OWNER, KERNEL],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert owner.stdout
    assert owner.stdout.readline() == "up\n"
    assert any(QEMU in " ".join(process.cmdline()) for process in marked(mark))
    owner.send_signal(end)
    owner.communicate()
    wait_until(lambda: not marked(mark))
    assert not list(tmp_path.glob("forkoracle-*"))


def test_a_snapshot_that_is_no_good_is_forgotten(
    machine: Machine, mark: str, tmp_path: Path
) -> None:
    """A state cut short is noticed at once; the guest is booted, and kept anew."""
    [good] = snapshots().all()
    snapshot = Path(shutil.copytree(good, tmp_path / "kept" / good.name))
    kept = Snapshots(tmp_path / "kept")
    state = snapshot / "state"
    state.write_bytes(state.read_bytes()[:100_000])
    second = Guest(machine, kept)
    assert not second.resumed
    assert second.line(5).startswith("forkoracle-probe ")
    second.kill()
    third = Guest(machine, kept)
    assert third.resumed
    assert third.line(5).startswith("forkoracle-probe ")
    third.kill()


def test_a_guest_does_without_a_snapshot_that_cannot_be_kept(
    machine: Machine, mark: str, tmp_path: Path
) -> None:
    """Where the folder cannot be made, or is full, the guest runs all the same."""
    (tmp_path / "kept").write_text("a file where the folder should be")
    guest = Guest(machine, Snapshots(tmp_path / "kept"))
    assert guest.line(5).startswith("forkoracle-probe ")
    guest.kill()


def _write_state(path: Path) -> None:
    path.write_bytes(b"state")


def test_only_the_newest_snapshots_are_kept(tmp_path: Path) -> None:
    """One more than there is room for takes the place of the one not used for longest."""
    (tmp_path / "guest").mkdir()
    for name in ("root", "mail"):
        (tmp_path / "guest" / name).write_bytes(b"x")
    kept = Snapshots(tmp_path / "kept")
    for number in range(KEPT + 1):
        kept.keep(str(number), tmp_path / "guest", b"", _write_state)
        os.utime(tmp_path / "kept" / str(number), (number, number))
    assert {path.name for path in kept.all()} == {str(number) for number in range(1, KEPT + 1)}


def test_qemu_that_refuses_is_one_line(machine: Machine, mark: str) -> None:
    """What QEMU complains about is told; nothing is left running."""
    with pytest.raises(
        GuestError, match=r"^QEMU ended with status 1: .*no such accelerator|invalid"
    ):
        Guest(Machine(machine.kernel, machine.init, accel="none"))


def test_a_kernel_that_does_not_boot_is_one_line(machine: Machine, mark: str) -> None:
    """A kernel whose init cannot run panics, and the target says so."""
    broken = Machine(machine.kernel, Path(os.devnull), accel="tcg")
    with pytest.raises(TargetError, match=r"^the guest does not come up: kernel panicked: Kernel"):
        GuestTarget(broken)


def test_whether_acceleration_works_is_found_out() -> None:
    """Plain emulation runs three instructions; an acceleration that is none does not."""
    assert seconds("tcg", 60) is not None
    assert seconds("no-such-thing", 60) is None
