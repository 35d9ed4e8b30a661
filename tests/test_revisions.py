"""Each file of NetBSD has its own revision, and the model asks for the file that it depends on."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from conformance.results.kernel import FileRevision, Kernel
from conformance.results.results import Results
from conformance.results.summary import Summary
from conformance.targets.base import model_options
from conformance.targets.channel import Hello
from conformance.targets.facts import netbsd_revisions, other_files
from conformance.verdicts.ranking import results_of
from reference_model import Options, predict
from reference_model.kernel import Kernel as Model
from reference_model.revisions import CHANGES, FILES, OF_RELEASE, FileChange, revision
from tests.scenarios import steps
from tests.test_vm_kernelfile import BANNER, ID, elf
from vm.kernelfile import read_kernel

SIG = ID.replace(b"kern_fork.c,v 1.231", b"kern_sig.c,v 1.409")
EXEC = ID.replace(b"kern_fork.c,v 1.231", b"kern_exec.c,v 1.531.2.1")
OLD = Options(files=(("kern_sig.c", (1, 409)),))
KERNEL = os.environ.get("FORKORACLE_KERNEL", "")


@pytest.mark.parametrize(
    ("have", "included"),
    [
        ("1.409", False),
        ("1.410", True),
        ("1.411", True),
        ("1.1000", True),
        ("1.410.2.1", True),
        ("1.405.2.3", True),
        ("1.405.2.4", True),
        ("1.405.2.10", True),
        ("1.405.2.2", False),
        ("1.405.4.3", False),
        ("1.405", False),
        ("1.406.2.3", False),
    ],
)
def test_a_branch_has_what_was_pulled_up(have: str, included: bool) -> None:
    change = FileChange("kern_sig.c", (1, 410), ((1, 405, 2, 3),))
    assert change.included(revision(have)) is included


def test_each_change_is_of_a_file_with_a_guess() -> None:
    for files in OF_RELEASE.values():
        assert tuple(sorted(files)) == FILES
    assert {change.file for change in CHANGES.values()} == set(FILES)


def test_a_kernel_file_has_the_revision_of_each_file(tmp_path: Path) -> None:
    path = tmp_path / "netbsd"
    again = SIG.replace(b"1.409", b"1.1")  # a library may have a file of the same name
    path.write_bytes(elf(text=ID + SIG + EXEC + again + BANNER))
    kernel = read_kernel(path)
    assert kernel.revisions == {
        "kern_fork.c": "1.231",
        "kern_sig.c": "1.409",
        "kern_exec.c": "1.531.2.1",
    }
    assert other_files(kernel.revisions, "11.0") == (FileRevision("kern_sig.c", "1.409"),)
    assert other_files({}, "10.1") == (FileRevision("kern_sig.c", "1.409", guessed=True),)
    assert other_files({}, "11.0_RC6") == (FileRevision("kern_sig.c", "1.410", guessed=True),)


@pytest.mark.skipif(not KERNEL, reason="no NetBSD kernel: FORKORACLE_KERNEL names one")
def test_a_real_kernel_has_the_revision_of_each_file() -> None:
    kernel = read_kernel(Path(KERNEL))
    assert {"kern_fork.c", "kern_exec.c", "kern_event.c", *FILES} <= set(kernel.revisions)
    assert not any(one.guessed for one in other_files(kernel.revisions, kernel.version))


def test_a_running_system_tells_the_revisions_of_its_kernel() -> None:
    lines = ["kern_sig.c,v 1.409", "kern_fork.c,v 1.232", "kern_sig.c,v 1.1"]
    kern_fork, files = netbsd_revisions(lambda _: lines, "10.1")
    assert (kern_fork.text, kern_fork.guessed) == ("1.232", False)
    assert files == (FileRevision("kern_sig.c", "1.409"),)
    kern_fork, files = netbsd_revisions(lambda _: lines[1:2], "11.0")
    assert not kern_fork.guessed
    assert files == (FileRevision("kern_sig.c", "1.410", guessed=True),)


def test_a_signal_during_exec_is_lost_before_1_410() -> None:
    scenario = steps(
        "exec/killed",
        "VFORK-WAIT",
        "R: fork P",
        "P: pipe 20 21",
        "P: _lwp_create L",
        "P: __vfork14 C",
        "L: close 21",
        "L: exec 20",
        "R: kill P SIGKILL",
        "C: exit 0",
        "R: wait4 P",
    )
    # That kern_fork.c is the newest does not matter.
    assert predict(scenario, Options())[-1] == "P killed SIGKILL"
    assert predict(scenario, OLD)[-1] == "P exited 7"
    assert Model(Options()).has("exec-keeps-pending-signals")
    assert not Model(OLD).has("exec-keeps-pending-signals")


def test_the_results_list_the_revisions_that_count() -> None:
    files = (FileRevision("kern_sig.c", "1.409", guessed=True),)
    kernel = Kernel("NetBSD", "10.1", "amd64", "1.229", files=files)
    assert str(kernel) == "NetBSD 10.1 amd64, kern_fork.c 1.229, kern_sig.c 1.409 (guessed)"
    data = results_of(Summary("netbsd", kernel)).to_json()
    assert Results.from_json(data).kernel == kernel
    del data["kernel"]["files"]
    assert Results.from_json(data).kernel.files == ()


def test_the_model_gets_the_revisions_of_the_kernel() -> None:
    hello = Hello("NetBSD", "10.1", "amd64", 0, True, (160, 1044), 1044, frozenset())
    options = model_options(hello, (1, 232), (FileRevision("kern_sig.c", "1.405.2.1"),))
    assert options.files == (("kern_sig.c", (1, 405, 2, 1)),)
