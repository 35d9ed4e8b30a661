"""The pytest front (conformance/conftest.py), run as people run it: in a process of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from time import monotonic, sleep

import psutil
import pytest

from conformance.probe.build import build_probe
from conformance.scenarios.families import FAMILIES

CHECKOUT = Path(__file__).parents[1]
_ITEM = re.compile(r"test_families\.py::test_clause\[(\S+)\] (PASSED|FAILED|SKIPPED)")


def _pytest(
    *args: str, cwd: Path = CHECKOUT, plugins: Path | None = None
) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "COLUMNS": "200"}
    environment.pop("PYTEST_ADDOPTS", None)
    if plugins:
        environment["PYTHONPATH"] = str(plugins)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *args]
    return subprocess.run(
        command,
        cwd=cwd,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def _items(output: str) -> dict[str, str]:
    return dict(_ITEM.findall(output))


def _clauses(family: str) -> set[str]:
    return {clause for s in FAMILIES[family].scenarios() for clause in s.clauses()}


def test_one_item_for_each_clause_of_a_family() -> None:
    """A family gives one item for each of its clauses, and all of them pass on this kernel."""
    done = _pytest("conformance", "--target", "local", "--only", "vfork", "-v")
    assert done.returncode == 0, done.stdout + done.stderr
    expected = {f"vfork-{clause}" for clause in _clauses("vfork")}
    assert _items(done.stdout) == dict.fromkeys(expected, "PASSED")
    count = len(FAMILIES["vfork"].scenarios())
    assert f"\n{count} scenarios on " in done.stdout
    assert "difference 0, not decided 0" in done.stdout


def test_from_anywhere_by_the_package_name(tmp_path: Path) -> None:
    """Where forkoracle is installed, --pyargs finds the package and its options."""
    done = _pytest(
        "--pyargs", "conformance", "--target", "local", "--only", "VFORK-WAIT", "-v", cwd=tmp_path
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert _items(done.stdout)["vfork-VFORK-WAIT"] == "PASSED"


def test_a_broken_model_fails_the_item_that_is_to_blame(tmp_path: Path) -> None:
    """A model whose __vfork14 does not share memory fails SYS-VFORK14 and no other item."""
    (tmp_path / "broken_vfork14.py").write_text(
        "from reference_model import kern_fork\nkern_fork.sys___vfork14 = kern_fork.sys_vfork\n"
    )
    done = _pytest(
        *("-p", "broken_vfork14", "conformance", "--target", "local", "--only", "vfork", "-v"),
        plugins=tmp_path,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    items = _items(done.stdout)
    assert [name for name, how in items.items() if how == "FAILED"] == ["vfork-SYS-VFORK14"]
    assert set(items.values()) == {"FAILED", "PASSED"}
    assert "scenario vfork/__vfork14/memory, reproduced 3/3" in done.stdout
    assert re.search(r"> P: load +1 +2", done.stdout)


def test_undecided_items_are_skipped_with_the_reason(tmp_path: Path) -> None:
    """Items of which nothing could be decided are skipped; with no other, the status is 3."""
    (tmp_path / "undecided.py").write_text(
        "from reference_model.language.answer import NotDecided\n"
        "from conformance.targets.local import LocalTarget\n"
        "LocalTarget.run = lambda self, all: ((s, NotDecided('no moon')) for s in all)\n"
    )
    done = _pytest(
        *("-p", "undecided", "conformance", "--target", "local", "--only", "vfork", "-v"),
        plugins=tmp_path,
    )
    assert done.returncode == 3, done.stdout + done.stderr
    assert set(_items(done.stdout).values()) == {"SKIPPED"}
    assert "no moon" in done.stdout


@pytest.mark.parametrize(
    ("option", "value", "allowed"),
    [("--target", "toaster", "expected auto"), ("--only", "NO-SUCH", "families are")],
)
def test_an_unknown_name_is_refused(option: str, value: str, allowed: str) -> None:
    """An unknown target, clause or family is one line that says what is allowed."""
    done = _pytest("conformance", option, value)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    (line,) = (done.stdout + done.stderr).strip().splitlines()
    assert value in line
    assert allowed in line


def _is_at_work(process: psutil.Process) -> bool:
    """Whether it is a probe that has played a good many scenarios: 0.2 s of the CPU."""
    try:
        times = process.cpu_times()
        return bool(process.name() == build_probe().name and times.user + times.system > 0.2)
    except psutil.NoSuchProcess:
        return False


def test_ctrl_c_leaves_no_process_and_prints_the_counts() -> None:
    """Interrupted in the middle of a family, it ends its probe and prints the counts so far."""
    with subprocess.Popen(
        [sys.executable, "-m", "pytest", "conformance", "--target=local", "--only=validation"],
        cwd=CHECKOUT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    ) as front:
        itself = psutil.Process(front.pid)
        deadline = monotonic() + 60
        while not any(map(_is_at_work, probes := itself.children(recursive=True))):
            assert monotonic() < deadline
            sleep(0.05)
        front.send_signal(signal.SIGINT)
        output = front.communicate(timeout=60)[0]
    assert front.returncode == pytest.ExitCode.INTERRUPTED
    assert re.search(r"^interrupted: [1-9]\d* scenarios on ", output, re.MULTILINE)
    assert not psutil.wait_procs(probes, timeout=5)[1]


def test_plain_pytest_tests_only_our_own_code() -> None:
    """Without arguments, pytest collects nothing of conformance/."""
    done = _pytest("--collect-only", "-q", "--continue-on-collection-errors")
    assert "tests/test_pytest_front.py" in done.stdout
    assert "conformance/test_families.py" not in done.stdout
