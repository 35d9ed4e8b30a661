"""Files that the user names to be read: bounded in size, time and memory, refused in one line."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from time import monotonic, process_time, sleep

import pytest

from conformance.input import InputError, read_text_bounded
from tests.command import COMMAND, environment

GOOD = "scenario mine/one\nabout SYS-FORK\nP: fork C\nC: exit 3\nP: wait4 C\n"
LIMIT = 1 << 20


def sparse(path: Path, size: int) -> Path:
    with path.open("wb") as file:
        file.truncate(size)
    return path


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def folder(path: Path) -> Path:
    path.mkdir()
    return path


def fifo(path: Path) -> Path:
    os.mkfifo(path)
    return path


def listening(path: Path) -> Path:
    socket.socket(socket.AF_UNIX).bind(str(path))
    return path


UNFIT: dict[str, tuple[Callable[[Path], Path], str]] = {
    "gigabyte": (lambda p: sparse(p, 1 << 30), "1 GiB: expected a text, of at most 1 MiB"),
    "folder": (folder, "a folder: expected a text"),
    "pipe": (fifo, "a pipe without a writer: expected a text"),
    "missing": (lambda p: p, "No such file or directory: expected a text"),
    "device": (lambda _: Path("/dev/zero"), "a device: expected a text"),
    "elf": (lambda p: written(p, b"\x7fELF\2\1\1"), "an ELF file (a program, an object or a kern"),
    "gzip": (lambda p: written(p, b"\x1f\x8b\x08\0"), "packed by gzip: expected a text"),
    "utf16": (lambda p: written(p, "é".encode("utf-16")), "text in UTF-16: expected a text"),
    "binary": (lambda p: written(p, b"a\0b"), "binary data: expected a text"),
    "latin1": (lambda p: written(p, b"a\nb\xe9\n"), "line 2 is not utf-8: expected a text"),
    "socket": (listening, "a socket: expected a text"),
}


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("name", UNFIT)
def test_a_binary_file_is_refused_at_once(tmp_path: Path, name: str) -> None:
    make, expected = UNFIT[name]
    path = make(tmp_path / "input")
    start, used = monotonic(), process_time()
    with pytest.raises(InputError) as error:
        read_text_bounded(path, LIMIT, "a text")
    assert str(error.value).startswith(f"{path}: {expected}")
    assert "\n" not in str(error.value)
    assert process_time() - used < 1
    assert monotonic() - start < 30  # on a busy machine


def test_text_of_the_limit_is_read_and_one_byte_more_is_not(tmp_path: Path) -> None:
    path = written(tmp_path / "input", b"a" * LIMIT)
    assert len(read_text_bounded(path, LIMIT, "a text")) == LIMIT
    path.write_bytes(b"a" * (LIMIT + 1))
    with pytest.raises(InputError, match="of at most 1 MiB"):
        read_text_bounded(path, LIMIT, "a text")


def test_dev_null_is_an_empty_text() -> None:
    assert read_text_bounded(Path("/dev/null"), LIMIT, "a text") == ""


def write_later(path: Path, pieces: list[bytes], pause: float) -> threading.Thread:
    def write() -> None:
        with path.open("wb", 0) as pipe:
            for piece in pieces:
                sleep(pause)
                pipe.write(piece)

    thread = threading.Thread(target=write)
    thread.start()
    return thread


def test_pipe_with_a_slow_writer_is_read_to_its_end(tmp_path: Path) -> None:
    """The writer takes longer for its first word than a pipe may be without one."""
    path = fifo(tmp_path / "pipe")
    writer = write_later(path, [b"one ", b"two"], 0.7)
    assert read_text_bounded(path, LIMIT, "a text") == "one two"
    writer.join()


def test_pipe_that_does_not_end_is_refused(tmp_path: Path) -> None:
    with subprocess.Popen(["yes"], stdout=subprocess.PIPE) as yes:
        assert yes.stdout is not None
        with pytest.raises(InputError, match="more than 1 MiB: expected a text, of at most 1 MiB"):
            read_text_bounded(Path(f"/dev/fd/{yes.stdout.fileno()}"), LIMIT, "a text")
        yes.kill()


def bash(home: Path, script: str) -> subprocess.CompletedProcess[str]:
    """Runs *script* with a gigabyte of memory at most; ``$0`` is the command."""
    return subprocess.run(
        ["bash", "-c", f"ulimit -v 1000000; {script}", COMMAND],
        cwd=home,
        env=environment(home),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_scenarios_come_through_a_pipe_of_the_shell(tmp_path: Path) -> None:
    written(tmp_path / "one", GOOD.encode())
    done = bash(tmp_path, '"$0" run --target local --scenarios <(sleep 1; cat one)')
    assert (done.returncode, done.stderr) == (0, "")
    assert "1 scenario in " in done.stdout


COMMANDS = [
    ("run --scenarios", "a text of scenarios"),
    ("run --only nproc --known", "known issues, as TOML"),
]


@pytest.mark.parametrize(("options", "what"), COMMANDS)
@pytest.mark.parametrize("name", ["gigabyte", "folder", "pipe", "device", "elf"])
def test_the_command_refuses_a_binary_file(
    tmp_path: Path, options: str, what: str, name: str
) -> None:
    make, expected = UNFIT[name]
    path = make(tmp_path / "input")
    done = bash(tmp_path, f'"$0" {options} {path}')
    assert (done.returncode, done.stdout) == (2, "")
    line = expected.partition(":")[0]
    assert done.stderr.startswith(f"forkoracle: {path}: {line}")
    assert f": expected {what}" in done.stderr
    assert done.stderr.count("\n") == 1


def test_known_issues_nested_deeply_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "known.toml", b"a = " + b"[" * 100_000)
    done = bash(tmp_path, f'"$0" run --only nproc --known {path}')
    assert done.returncode == 2
    assert done.stderr == f"forkoracle: {path}: nested too deeply: expected tables [[issue]]\n"


def test_endless_line_is_shown_in_part(tmp_path: Path) -> None:
    path = written(tmp_path / "input", GOOD.encode() + b"P: " + b"x" * (1 << 20) + b"\n")
    done = bash(tmp_path, f'"$0" run --scenarios {path}')
    assert done.returncode == 2
    assert "line 6: 'P: xxxx" in done.stderr
    assert len(done.stderr) < 1000
