"""What is written goes to what the path is, and nothing of the user's is harmed."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
import threading
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from conformance.errors import OutputError, UsageError
from conformance.output import check_outputs, write_output
from tests.command import COMMAND, environment
from vm.files import write_text

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a device")
SCENARIO = "scenario mine/one\nabout SYS-FORK\nP: fork C\nC: exit 3\nP: wait4 C\n"


def sh(home: Path, script: str) -> subprocess.CompletedProcess[str]:
    """Runs *script* in *home*, where ``one`` has a scenario; ``$RUN`` runs it."""
    (home / "one").write_text(SCENARIO)
    return subprocess.run(
        ["bash", "-c", script],
        cwd=home,
        env=environment(home, RUN=f"{COMMAND} run --target local --scenarios one"),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@needs_root
@pytest.mark.parametrize("option", ["--json", "--junit"])
def test_device_stays_a_device(tmp_path: Path, option: str) -> None:
    node = tmp_path / "null"
    os.mknod(node, stat.S_IFCHR | 0o666, os.makedev(1, 3))
    before = node.stat()
    done = sh(tmp_path, f"$RUN {option} null")
    assert (done.returncode, done.stderr) == (0, "")
    after = node.lstat()
    assert stat.S_ISCHR(after.st_mode)
    assert (after.st_rdev, after.st_ino) == (before.st_rdev, before.st_ino)
    assert {path.name for path in tmp_path.iterdir()} <= {"null", "one", ".local"}


def test_new_file_has_the_mode_of_the_umask(tmp_path: Path) -> None:
    sh(tmp_path, "umask 027; $RUN --json out")
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o640


def test_file_keeps_its_mode(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("old")
    (tmp_path / "out").chmod(0o600)
    write_output(tmp_path / "out", "new")
    assert (tmp_path / "out").read_text() == "new"
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o600


def test_link_stays_and_its_target_is_written(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    for name in ("old", "new"):
        (tmp_path / name).symlink_to(Path("there") / name)
    (tmp_path / "there/old").write_text("old")
    for name in ("old", "new"):
        write_output(tmp_path / name, name * 2)
        assert (tmp_path / name).is_symlink()
        assert (tmp_path / "there" / name).read_text() == name * 2


def test_pipe_is_written_to(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    done = sh(tmp_path, "(sleep 0.3; cat pipe > got) & $RUN --json pipe; wait")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads((tmp_path / "got").read_text())["summary"]["agrees"] == 1
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


def test_dash_is_standard_output_and_all_else_is_not(tmp_path: Path) -> None:
    done = sh(tmp_path, "$RUN --json -")
    assert json.loads(done.stdout)["summary"]["agrees"] == 1
    assert "target local" in done.stderr
    assert "1 scenario in " in done.stderr
    assert not (tmp_path / "-").exists()


@pytest.mark.parametrize("name", ["stdout", "/dev/fd/1", "/proc/self/fd/1"])
def test_standard_output_has_a_name(tmp_path: Path, name: str) -> None:
    """Into a file, too: what was said stands before it, and is not written over."""
    (tmp_path / "stdout").symlink_to("/proc/self/fd/1")  # as /dev/stdout is, which is the machine's
    done = sh(tmp_path, f"$RUN --json {name} > out; $RUN --json {name} | cat")
    assert (done.returncode, done.stderr) == (0, "")
    for text in (done.stdout, (tmp_path / "out").read_text()):
        assert text.startswith("target local")
        assert json.loads(text[text.index("\n{") :])["summary"]["agrees"] == 1


def test_pipe_of_the_shell_is_written_to(tmp_path: Path) -> None:
    done = sh(tmp_path, "$RUN --json >(cat > got); wait $!")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads((tmp_path / "got").read_text())["summary"]["agrees"] == 1


@needs_root
def test_full_disk_loses_no_verdict(tmp_path: Path) -> None:
    # A node of our own: what writes wrongly would take the machine's away.
    os.mknod(tmp_path / "full", stat.S_IFCHR | 0o666, os.makedev(1, 7))
    done = sh(tmp_path, "$RUN --json full --junit junit.xml")
    assert done.returncode == 3
    assert done.stderr == "forkoracle: full: not written: No space left on device\n"
    assert "1 scenario in " in done.stdout
    assert "testsuite" in (tmp_path / "junit.xml").read_text()
    assert re.search("^Go on with: .*forkoracle run .*--resume ", done.stdout, re.MULTILINE)
    again = sh(tmp_path, "$RUN --resume --json out")
    assert (again.returncode, again.stderr) == (0, "")
    assert json.loads((tmp_path / "out").read_text())["summary"]["agrees"] == 1


def test_file_on_a_full_disk_stays_as_it_was(tmp_path: Path) -> None:
    """The limit of a file's size takes the part of the disk's."""
    (tmp_path / "out").write_text("old")
    # Python would keep the part of a compiled module that the limit allows, for all later runs.
    limited = "trap '' XFSZ; ulimit -f 1; export PYTHONDONTWRITEBYTECODE=1"
    done = sh(tmp_path, f"{limited}; {COMMAND} clauses --json out")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == "forkoracle: out: not written: File too large\n"
    assert (tmp_path / "out").read_text() == "old"
    assert {path.name for path in tmp_path.iterdir()} <= {"out", "one", ".local"}


@pytest.mark.parametrize("command", ["$RUN --json out", f"{COMMAND} clauses"])
def test_full_standard_output_is_one_line(tmp_path: Path, command: str) -> None:
    done = sh(tmp_path, f"{command} > /dev/full")
    assert done.returncode == 3
    assert done.stderr == "forkoracle: standard output: not written: No space left on device\n"


def test_reader_may_leave(tmp_path: Path) -> None:
    done = sh(tmp_path, "$RUN --json out | true; echo ${PIPESTATUS[0]}")
    assert (done.stdout, done.stderr) == ("0\n", "")
    assert json.loads((tmp_path / "out").read_text())["summary"]["agrees"] == 1


REFUSED = {
    "missing/out": "no folder ",
    "folder": "a folder: expected a file to write to",
    "one/out": "Not a directory: expected a file to write to",
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("option", ["--json", "--junit"])
def test_what_cannot_be_written_is_refused_at_once(tmp_path: Path, name: str, option: str) -> None:
    (tmp_path / "folder").mkdir()
    done = sh(tmp_path, f"$RUN {option} {name}")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"forkoracle: {name}: {REFUSED[name]}")
    assert done.stderr.count("\n") == 1


#: Checks, as another user, whether the files named may be written.
_AS_USER = """
import os, sys
from pathlib import Path
from conformance.errors import UsageError
from conformance.output import check_outputs
os.setresuid(60_999, 60_999, 60_999)
for name in sys.argv[1:]:
    try:
        check_outputs(Path(name))
    except UsageError as error:
        print(error)
"""


@needs_root
def test_what_a_user_may_not_write_is_refused() -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "old").write_text("")
        done = subprocess.run(
            [sys.executable, "-c", _AS_USER, str(folder / "old"), str(folder / "new")],
            cwd=Path(__file__).parents[1],
            capture_output=True,
            text=True,
            check=False,
        )
        old, new = done.stdout.splitlines()
        assert old == f"{folder}/old: may not be written: expected a file to write to"
        assert new.startswith(f"{folder}/new: the folder {folder} may not be written: expected")


def test_two_outputs_cannot_both_be_standard_output() -> None:
    with pytest.raises(UsageError, match="stands for the standard output once"):
        check_outputs(Path("-"), Path("-"))


def test_pipe_whose_reader_leaves_is_an_error(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    def leave() -> None:
        os.close(os.open(pipe, os.O_RDONLY))

    reader = threading.Thread(target=leave)
    reader.start()
    with pytest.raises(OutputError, match="pipe: not written: Broken pipe"):
        write_output(pipe, "x" * (1 << 20))
    reader.join()


def test_our_own_files_are_written_whole_too(tmp_path: Path) -> None:
    path = tmp_path / "record"
    write_text(path, "one")
    with pytest.raises(UnicodeEncodeError):
        write_text(path, "\udcff")
    assert path.read_text() == "one"
    assert list(tmp_path.iterdir()) == [path]


def report(home: Path) -> subprocess.CompletedProcess[str]:
    return sh(home, f"{COMMAND} report results.json --force -o report")


def test_report_removes_no_file_of_the_users(tmp_path: Path) -> None:
    sh(tmp_path, f"$RUN --json results.json; {COMMAND} report results.json -o report")
    mine = tmp_path / "report/notes.txt"
    mine.write_text("mine")
    page = (tmp_path / "report/index.html").stat()
    done = report(tmp_path)
    assert done.returncode == 2
    assert done.stderr == (
        "forkoracle: report: has notes.txt, which is no file of the report, so --force does not "
        "replace it: move it away\n"
    )
    assert mine.read_text() == "mine"
    mine.unlink()
    assert report(tmp_path).returncode == 0
    assert (tmp_path / "report/index.html").stat().st_ino != page.st_ino
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".forkoracle")]


def test_report_has_the_mode_of_the_umask(tmp_path: Path) -> None:
    sh(tmp_path, f"umask 077; $RUN --json results.json; {COMMAND} report results.json -o report")
    assert stat.S_IMODE((tmp_path / "report").stat().st_mode) == 0o700


@pytest.mark.parametrize(
    "text", ["my notes, in one line", '{"format": 1, "target": "local", "mine"', "x" * 9_000_000]
)
def test_resume_leaves_a_file_without_a_whole_line_alone(tmp_path: Path, text: str) -> None:
    path = tmp_path / "notes"
    path.write_text(text)
    done = sh(tmp_path, "$RUN --resume notes")
    assert done.returncode == 2
    assert done.stderr == "forkoracle: notes: expected the journal of a run\n"
    assert path.read_text() == text


@pytest.mark.parametrize("make", ["mkdir j", "mkfifo j", "ln -s /dev/zero j", "truncate -s 1G j"])
def test_resume_refuses_what_is_no_file_of_lines(tmp_path: Path, make: str) -> None:
    done = sh(tmp_path, f"{make}; ulimit -v 1000000; $RUN --resume j")
    assert done.returncode == 2
    assert done.stderr == "forkoracle: j: expected the journal of a run\n"


def test_show_prints_no_two_blank_lines(tmp_path: Path) -> None:
    done = sh(tmp_path, "$RUN --show")
    assert "mine/one: agrees\n" in done.stdout
    assert "\n\n\n" not in done.stdout
    assert done.stdout.count("\n\n") == 3
