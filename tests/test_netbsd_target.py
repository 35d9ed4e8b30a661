"""The netbsd target on a real kernel, where FORKORACLE_KERNEL names one."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path

import psutil
import pytest

from conformance.commands.choice import KERNEL_VARIABLE, choose_target
from conformance.commands.options import Wanted
from conformance.errors import TargetError
from conformance.results.result import Verdict
from conformance.runs.run import Run
from conformance.scenarios.selection import SelectionError, select
from conformance.targets.guest import GuestProbe, GuestTarget, guest_machine
from reference_model import predict
from tests.command import forkoracle
from tests.scenarios import steps
from vm.qemu import QEMU

needs_kernel = pytest.mark.skipif(
    KERNEL_VARIABLE not in os.environ or shutil.which(QEMU) is None,
    reason=f"needs a NetBSD/amd64 kernel named by {KERNEL_VARIABLE}, and {QEMU}",
)


@pytest.fixture(scope="module")
def target() -> Iterator[GuestTarget]:
    guest = GuestTarget(guest_machine(Path(os.environ[KERNEL_VARIABLE])))
    yield guest
    guest.close()
    children = psutil.Process().children(recursive=True)
    assert not [child for child in children if "qemu" in child.name()]


@needs_kernel
@pytest.mark.parametrize(
    "family",
    [
        "sharing",
        "vfork",
        "trace",
        "lattice",
        "nproc",
        "exitsignal",
        "lwp",
        "kqueue",
        "ktrace",
        "wholesystem",
    ],
)
def test_a_netbsd_kernel_agrees(target: GuestTarget, family: str) -> None:
    """Every scenario of the family agrees with the model, and none is left undecided."""
    results = list(Run(target, select([family])).results())
    assert {result.verdict for result in results} == {Verdict.AGREES}


@needs_kernel
def test_a_process_killed_during_exec_is_gone() -> None:
    """On two CPUs execve can lose a SIGKILL: the probe kills the process again."""
    user = ("P: setrlimit 2 2", "P: setreuid free1 free1")
    replaced = steps("mine/exec", "SUCCESS", *user, "P: pipe 24 25", "P: exec 24")
    forks = steps("mine/fork", "NPROC-LIMIT", *user, "P: fork -")
    guest = GuestTarget(guest_machine(Path(os.environ[KERNEL_VARIABLE]), cpus=2))
    try:
        results = list(Run(guest, [replaced] * 50 + [forks]).results())
    finally:
        guest.close()
    assert {result.verdict for result in results} == {Verdict.AGREES}


@needs_kernel
def test_an_unnamed_child_is_not_taken_for_another_newborn() -> None:
    """On two CPUs E may not have run yet when D waits for its own child; E still takes its step."""
    births = ("P: __clone CLONE_VM|SIGCHLD C own", "P: fork D", "C: exit 4", "P: vfork E")
    waits = ("D: __vfork14 -", "D: wait4 - WALLSIG", "E: exit 0", "P: getppid")
    guest = GuestTarget(guest_machine(Path(os.environ[KERNEL_VARIABLE]), cpus=2))
    try:
        results = list(
            Run(guest, [steps("mine/e", "SYS-VFORK-44BSD", *births, *waits)] * 50).results()
        )
    finally:
        guest.close()
    assert {result.verdict for result in results} == {Verdict.AGREES}


@needs_kernel
@pytest.mark.parametrize("birth", ["fork C", "__clone CLONE_VM|SIGCHLD C"])
def test_a_newborns_first_signal_leaves_its_parent_alone(birth: str) -> None:
    """It is caught on the stack that both begin with, while the parent goes on, on another CPU."""
    catches = ("P: sigaction SIGUSR1 catch", "P: sigprocmask unblock SIGUSR1")
    born_stopped = ("P: stopfork P 1", f"P: {birth}", "P: stopped C")
    signals = ("P: kill C SIGUSR1", "P: kill C SIGCONT", *["P: kinfo P p_comm"] * 6)
    ends = ("C: getppid", "P: getppid")
    scenario = steps("mine/first", "STOPFORK", *catches, *born_stopped, *signals, *ends)
    guest = GuestTarget(guest_machine(Path(os.environ[KERNEL_VARIABLE]), cpus=2))
    try:
        results = list(Run(guest, [scenario] * 100).results())
    finally:
        guest.close()
    assert {result.verdict for result in results} == {Verdict.AGREES}


@needs_kernel
def test_a_death_that_only_the_end_brings_about_is_not_seen(target: GuestTarget) -> None:
    """All are killed when a scenario is over, tracees before their tracer, who still waits."""
    waits = ("T: PT_ATTACH P", "T: wait4 P", "T: PT_CONTINUE P", "T: wait4 P")
    scenario = steps("mine/end", "TRACE-REPARENT", "P: getppid", *waits)
    observed = [observed for _, observed in target.run([scenario] * 5)]
    assert observed == [("init", "ok", "P stopped SIGSTOP", "ok", "unfinished")] * 5
    assert observed[0] == predict(scenario, target.options)


@needs_kernel
def test_a_program_leaves_nothing_to_the_next_one(target: GuestTarget) -> None:
    """The first root shares the director's memory, unless a change of it would stay."""
    calls = ("store 5", "page_store 5", "minherit MAP_INHERIT_NONE", "rasctl install", "_lwp_ctl")
    looks = ("getppid", "load", "page_load", "lc_pctr", "aio_error", "fork C", "rasctl purge")
    after = ("getppid", "load")  # getppid: the director does not play it itself
    orders = [order for pair in product(calls, looks) for order in (pair, after)]
    programs = [
        steps(f"programs/0/{number}", "ADDRESS-SPACE", *(f"P: {call}" for call in order))
        for number, order in enumerate(orders)
    ]
    for program, observed in target.run(programs):
        assert observed == predict(program, target.options), program.text()


@needs_kernel
def test_only_programs_may_share_memory(
    target: GuestTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A written scenario's root has memory of its own."""
    sent: list[str] = []
    send = GuestProbe.send

    def overheard(probe: GuestProbe, texts: Sequence[str]) -> None:
        sent.extend(texts)
        send(probe, texts)

    monkeypatch.setattr(GuestProbe, "send", overheard)
    names = ("programs/0/0", "sharing/0")
    observed = target.run([steps(name, "SUCCESS", "P: getppid") for name in names])
    assert [seen for _, seen in observed] == [("init",), ("init",)]
    assert ["together 1\n" in text for text in sent] == [True, False]


@needs_kernel
def test_a_tick_is_waited_for() -> None:
    """Also where pipes are pairs of sockets, and have no date: who is born after it is younger."""
    guest = GuestTarget(guest_machine(Path(os.environ[KERNEL_VARIABLE])))
    apart = steps("mine/tick", "START-TIME", "P: tick", "P: fork C", "C: compare P C start")
    try:
        results = list(Run(guest, [apart] * 20).results())
    finally:
        guest.close()
    assert {result.verdict for result in results} == {Verdict.AGREES}


def test_a_file_that_is_no_kernel_is_refused(tmp_path: Path) -> None:
    """A file that is no kernel ends the target with one line, before any QEMU is started."""
    path = tmp_path / "netbsd"
    path.write_text("not a kernel")
    with pytest.raises(TargetError, match="expected a NetBSD/amd64 kernel"):
        guest_machine(path)


def test_the_target_needs_a_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a kernel the netbsd target says how to name one."""
    monkeypatch.delenv(KERNEL_VARIABLE, raising=False)
    with pytest.raises(SelectionError, match="--kernel FILE"):
        choose_target(Wanted("netbsd"))


def test_auto_is_the_guest_where_a_kernel_is_named(tmp_path: Path) -> None:
    """--kernel alone chooses the NetBSD guest, and the first line says so."""
    choice = choose_target(Wanted("auto", kernel=tmp_path / "netbsd"))
    assert choice.line.startswith(f"target netbsd: {tmp_path / 'netbsd'} in QEMU")


@needs_kernel
def test_generated_programs_agree(tmp_path: Path) -> None:
    """All generated programs that were asked for run on a NetBSD kernel, and agree."""
    results = tmp_path / "r.json"
    kernel = os.environ[KERNEL_VARIABLE]
    done = forkoracle(
        tmp_path, "run", "--kernel", kernel, "--programs", "300", "--json", str(results)
    )
    assert done.returncode == 0, done.stdout + done.stderr
    summary = json.loads(results.read_text())["summary"]
    assert (summary["scenarios"], summary["agrees"]) == (300, 300)
