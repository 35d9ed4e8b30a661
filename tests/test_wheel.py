"""The distribution: what is installed from a wheel has every file that it needs."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

CHECKOUT = Path(__file__).parents[1]
PACKAGES = ("conformance/", "reference_model/", "vm/")


def test_the_wheel_has_every_tracked_file_of_its_packages(tmp_path: Path) -> None:
    pytest.importorskip("build", reason="needs build: pip install -e '.[test]'")
    if not (CHECKOUT / ".git").exists():
        pytest.skip("needs a git checkout")
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=CHECKOUT, capture_output=True, text=True, check=True
    )
    tracked = [name for name in listed.stdout.split("\0") if (CHECKOUT / name).is_file()]
    for name in tracked:
        copy = tmp_path / "checkout" / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(CHECKOUT / name, copy)
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(tmp_path)],
        cwd=tmp_path / "checkout",
        stdout=subprocess.DEVNULL,
        check=True,
        timeout=120,
    )
    [wheel] = tmp_path.glob("*.whl")
    installed = [name for name in ZipFile(wheel).namelist() if ".dist-info/" not in name]
    assert sorted(installed) == sorted(name for name in tracked if name.startswith(PACKAGES))
