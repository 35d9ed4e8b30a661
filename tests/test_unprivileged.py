"""Run by a user without privileges: what needs root is not decided, the rest is."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp

import pytest

from conformance.probe.build import build_probe
from conformance.scenarios.selection import select
from tests.command import environment

#: A user that nobody is.
UID = 60_999
# The interpreter may lie where that user may not look, so everything is imported before.
_AS_USER = """
import os, sys
import concurrent.futures, encodings.idna, multiprocessing, pkgutil, rich.live, rich.progress
import rich._unicode_data, rich.cells, stringprep
from conformance.cli import main
main(["run", "--target", "local", "--only", "RETURN-VALUES"])
os.environ["XDG_STATE_HOME"] += "-of-the-user"
if os.getuid() == 0:
    os.setgroups([])
    os.setresgid(int(sys.argv[1]), int(sys.argv[1]), int(sys.argv[1]))
    os.setresuid(int(sys.argv[1]), int(sys.argv[1]), int(sys.argv[1]))
sys.exit(main(sys.argv[2:]))
"""


@pytest.fixture
def home() -> Iterator[Path]:
    """A home that the user may use, with the built probe in its cache."""
    folder = Path(mkdtemp(prefix="forkoracle-home-"))
    cache = folder / "forkoracle" / "probe"
    cache.mkdir(parents=True)
    probe = build_probe()
    shutil.copy(probe, cache / probe.name)
    (folder / ".local").mkdir()
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o777)
    yield folder
    shutil.rmtree(folder)


def test_without_root_scenarios_that_need_it_are_undecided(home: Path) -> None:
    """Scenarios that become another user say so; `own` ones and vfork's are decided."""
    results = home / "out.json"
    done = subprocess.run(
        [
            *(sys.executable, "-c", _AS_USER, str(UID)),
            *("run", "--target", "local", "--only", "nproc", "--only", "vfork"),
            *("--json", str(results)),
        ],
        env=environment(home, XDG_CACHE_HOME=str(home), XDG_STATE_HOME=str(home / "state")),
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: os.umask(0),
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    data = json.loads(results.read_text(encoding="utf-8"))
    need = [s for s in select(["nproc"]) if any(step.verb == "setreuid" for step in s.steps)]
    reason = "needs root, to become a user who has no processes: run as root"
    assert data["not_decided"] == {reason: len(need)}
    assert data["summary"]["differences"] == 0
    assert "not decided" not in data["families"]["vfork"]
    decided = data["summary"]["scenarios"] - data["summary"]["not_decided"]
    assert decided == len(select(["nproc", "vfork"])) - len(need)
