"""Downloads from a mirror that is not at its best: checked, gone on with, told in one line."""

from __future__ import annotations

import hashlib
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.mirror import (
    DROP,
    NO_RANGE,
    NO_RANGE_DROP,
    NOT_FOUND,
    SILENT,
    WRONG_RANGE,
    Mirror,
    serve,
)
from vm import download as downloading
from vm.download import download, download_text
from vm.errors import GuestError
from vm.files import locked

DATA = random.Random(1).randbytes(700_001)
SUM = hashlib.sha512(DATA).hexdigest()
FILE = "netbsd-MICROVM.gz"
#: What the server of a test sends before it drops a connection: half of what is missing.
HALF = len(DATA) // 2


class Told:
    """What a download tells of its progress."""

    def __init__(self) -> None:
        self.sizes: list[tuple[int, int | None]] = []

    @contextmanager
    def __call__(self, name: str) -> Iterator[Callable[[int, int | None], None]]:
        assert name == FILE
        yield lambda size, total: self.sizes.append((size, total))


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[Mirror]:
    (tmp_path / "www").mkdir()
    (tmp_path / "www" / FILE).write_bytes(DATA)
    with serve(tmp_path / "www") as running:
        yield running


def get(mirror: Mirror, folder: Path, sha512: str = SUM) -> Told:
    told = Told()
    download(f"{mirror.url}/{FILE}", folder / FILE, sha512, told)
    return told


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def part(folder: Path) -> Path:
    return folder / f"{FILE}.{SUM[:16]}.part"


def test_a_file_comes_whole_and_tells_how_far_it_is(mirror: Mirror, tmp_path: Path) -> None:
    """The bytes are the server's, though it calls them gzip-encoded; progress ends at the total."""
    told = get(mirror, tmp_path / "kept")
    assert (tmp_path / "kept" / FILE).read_bytes() == DATA
    assert names(tmp_path / "kept") == [FILE]
    assert told.sizes[-1] == (len(DATA), len(DATA))
    assert told.sizes == sorted(told.sizes)


def test_a_dropped_connection_is_gone_on_with(mirror: Mirror, tmp_path: Path) -> None:
    """Dropped twice in the middle: the rest alone is asked for, and the file is whole."""
    mirror.faults = [(FILE, DROP), (FILE, DROP)]
    get(mirror, tmp_path / "kept")
    assert (tmp_path / "kept" / FILE).read_bytes() == DATA
    ranges = [asked for _, asked in mirror.asked]
    assert ranges == [None, f"bytes={HALF}-", f"bytes={HALF + (len(DATA) - HALF) // 2}-"]


@pytest.mark.parametrize("fault", [NO_RANGE, WRONG_RANGE])
def test_a_server_that_sends_another_range_is_asked_from_the_start(
    mirror: Mirror, tmp_path: Path, fault: str
) -> None:
    """After a drop it sends everything, or says it sends another part: nothing is glued wrongly."""
    mirror.faults = [(FILE, DROP), (FILE, fault)]
    get(mirror, tmp_path / "kept")
    assert (tmp_path / "kept" / FILE).read_bytes() == DATA


def test_a_server_that_always_drops_is_given_up(mirror: Mirror, tmp_path: Path) -> None:
    """It ignores what we have and drops each time: one line, not an endless loop."""
    mirror.faults = [(FILE, NO_RANGE_DROP)] * 50
    with pytest.raises(GuestError, match="broke the connection off"):
        get(mirror, tmp_path / "kept")
    assert len(mirror.asked) == 2
    assert part(tmp_path / "kept").read_bytes() == DATA[:HALF]


def test_a_partial_download_is_kept_for_the_next_time(
    mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server falls silent after a drop: told with the bytes kept; the next time goes on."""
    mirror.faults = [(FILE, DROP), (FILE, SILENT)]
    monkeypatch.setattr(downloading, "PATIENCE", 0.3)
    with pytest.raises(GuestError, match=rf"no answer from 127.*\({HALF} bytes are kept"):
        get(mirror, tmp_path / "kept")
    assert part(tmp_path / "kept").read_bytes() == DATA[:HALF]
    get(mirror, tmp_path / "kept")
    assert mirror.asked[-1] == (FILE, f"bytes={HALF}-")
    assert names(tmp_path / "kept") == [FILE]


def test_a_whole_download_not_renamed_yet_is_used(mirror: Mirror, tmp_path: Path) -> None:
    """A partial file that lacks nothing: the server has no more, and its checksum decides."""
    (tmp_path / "kept").mkdir()
    part(tmp_path / "kept").write_bytes(DATA)
    get(mirror, tmp_path / "kept")
    assert (tmp_path / "kept" / FILE).read_bytes() == DATA


@pytest.mark.parametrize("wrong", [DATA[:-1], b"x" + DATA[1:], b"", DATA + b"x"])
def test_a_wrong_file_is_kept_aside(mirror: Mirror, tmp_path: Path, wrong: bytes) -> None:
    """Truncated, corrupted, empty or too long on the server: never under its name, one line."""
    (tmp_path / "www" / FILE).write_bytes(wrong)
    with pytest.raises(GuestError, match="wrong checksum: expected SHA512") as error:
        get(mirror, tmp_path / "kept")
    assert "\n" not in str(error.value)
    assert names(tmp_path / "kept") == [f"{FILE}.bad"]
    assert (tmp_path / "kept" / f"{FILE}.bad").read_bytes() == wrong


def test_a_damaged_part_does_not_spoil_the_next_try(mirror: Mirror, tmp_path: Path) -> None:
    """What was kept is damaged: the file is set aside, and the next time begins anew."""
    (tmp_path / "kept").mkdir()
    part(tmp_path / "kept").write_bytes(b"rubbish")
    with pytest.raises(GuestError, match="wrong checksum"):
        get(mirror, tmp_path / "kept")
    get(mirror, tmp_path / "kept")
    assert (tmp_path / "kept" / FILE).read_bytes() == DATA


@pytest.mark.parametrize(
    ("fault", "expected"),
    [(NOT_FOUND, "the server answers 404 Not Found"), (SILENT, "no answer from 127")],
)
def test_a_mirror_without_the_file_is_told(
    mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str, expected: str
) -> None:
    """404 or silence: one line with the URL and what to do, for files and for lists alike."""
    monkeypatch.setattr(downloading, "PATIENCE", 0.3)
    mirror.faults = [(FILE, fault)] * 2
    with pytest.raises(GuestError, match=expected) as error:
        get(mirror, tmp_path / "kept")
    with pytest.raises(GuestError, match=expected):
        download_text(f"{mirror.url}/{FILE}")
    assert f"{mirror.url}/{FILE}" in str(error.value)
    assert "--mirror" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_refused_connection_is_one_line(tmp_path: Path) -> None:
    """No server at all: one line."""
    with serve(tmp_path) as gone:
        pass
    with pytest.raises(GuestError, match=r"no connection to 127\.0\.0\.1:\d+: expected"):
        get(gone, tmp_path)


def test_a_long_text_is_refused(mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    """A list of checksums without an end does not fill the memory."""
    monkeypatch.setattr(downloading, "LONGEST_TEXT", 100_000)
    with pytest.raises(GuestError, match="expected a short text"):
        download_text(f"{mirror.url}/{FILE}")


def test_a_text_cut_short_is_not_taken(mirror: Mirror) -> None:
    """A list of checksums that breaks off is an error, not a shorter list."""
    mirror.faults = [(FILE, DROP)]
    with pytest.raises(GuestError, match="broke the connection off"):
        download_text(f"{mirror.url}/{FILE}")


def test_two_at_once_fetch_a_file_once(mirror: Mirror, tmp_path: Path) -> None:
    """Side by side: one downloads, the others wait for it, and all have the same whole file."""
    failed: list[BaseException] = []

    def work() -> None:
        try:
            get(mirror, tmp_path / "kept")
        except BaseException as error:
            failed.append(error)

    (tmp_path / "kept").mkdir()
    with locked(part(tmp_path / "kept")):
        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert len(mirror.asked) == 1
    assert names(tmp_path / "kept") == [FILE]
    assert (tmp_path / "kept" / FILE).read_bytes() == DATA


def test_where_nothing_can_be_written_is_told(mirror: Mirror, tmp_path: Path) -> None:
    """The cache's folder cannot be made: one line with the reason."""
    (tmp_path / "kept").write_text("a file in the way")
    with pytest.raises(GuestError, match=r"cannot keep .*: (File exists|Not a directory)"):
        get(mirror, tmp_path / "kept")
