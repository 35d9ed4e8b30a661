"""Releases: a version, a URL or a directory, checked before use and fetched once."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from conformance.commands.choice import choose_target
from conformance.commands.options import Wanted
from conformance.scenarios.selection import SelectionError
from tests.command import forkoracle
from tests.mirror import NOT_FOUND, Mirror, make_release, serve, write_sums
from tests.test_vm_kernelfile import BANNER, ID, elf
from vm.errors import GuestError
from vm.release import UnknownReleaseError, cached_release, find_release

KERNEL = elf(text=ID + BANNER)
MICROVM, GENERIC = "kernel/netbsd-MICROVM.gz", "kernel/netbsd-GENERIC.gz"
FILES = {MICROVM: KERNEL, GENERIC: elf(kind=1), "sets/base.tgz": b"base", "sets/etc.tar.xz": b"etc"}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("FORKORACLE_KERNEL", raising=False)
    return tmp_path / "cache"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return make_release(tmp_path / "www", FILES)


@pytest.fixture
def mirror(tree: Path) -> Iterator[Mirror]:
    with serve(tree.parents[1]) as running:
        yield running


def test_a_version_is_fetched_once(mirror: Mirror, cache: Path) -> None:
    """Fetches the MICROVM kernel only. The second time it asks no mirror."""
    path = find_release("11.0", mirror.url).kernel()
    assert path == cache / "forkoracle/releases/NetBSD-11.0/amd64/binary" / MICROVM
    assert path.read_bytes() == KERNEL
    assert [name for name, _ in mirror.asked] == ["SHA512", "netbsd-MICROVM.gz"]
    assert find_release("11.0", "http://other.invalid").kernel() == path
    assert len(mirror.asked) == 2


@pytest.mark.parametrize("end", ["/NetBSD-11.0/amd64/", "/NetBSD-11.0"])
def test_a_url_is_a_release_with_or_without_its_machine(mirror: Mirror, end: str) -> None:
    """The folder of the machine, or the one above; kept under its host, without a password."""
    release = find_release(mirror.url.replace("//", "//me:secret@") + end)
    path = release.kernel()
    assert path.read_bytes() == KERNEL
    assert "secret" not in str(path)


def test_sets_come_in_either_packing(mirror: Mirror) -> None:
    """base.tgz or etc.tar.xz, whichever the list of checksums has."""
    paths = find_release("11.0", mirror.url).sets(["base", "etc"])
    assert [path.name for path in paths] == ["base.tgz", "etc.tar.xz"]
    with pytest.raises(GuestError, match=r"no set 'comp' in it: expected comp\.tar\.xz or"):
        find_release("11.0", mirror.url).sets(["comp"])


@pytest.mark.parametrize("given", ["{}", "{}/..", "file://{}", "file://{}/.."])
def test_a_directory_is_used_in_place(tree: Path, cache: Path, given: str) -> None:
    """The folder of the machine or the one above, as a path or a file URL; nothing is copied."""
    path = find_release(given.format(tree)).kernel()
    assert path.samefile(tree / "binary" / MICROVM)
    assert not cache.exists()


def test_a_release_without_microvm_has_generic(tree: Path) -> None:
    """GENERIC is taken where it can be booted; where it has no PVH note, both facts are told."""
    (tree / "binary" / MICROVM).unlink()
    write_sums(tree / "binary/kernel")
    with pytest.raises(GuestError, match=r"has no netbsd-MICROVM\.gz, which.*no PVH note") as error:
        find_release(str(tree)).kernel()
    assert "\n" not in str(error.value)
    (tree / "binary" / GENERIC).write_bytes(KERNEL)
    write_sums(tree / "binary/kernel")
    assert find_release(str(tree)).kernel().name == "netbsd-GENERIC.gz"


def test_a_damaged_file_in_the_cache_is_fetched_again(mirror: Mirror) -> None:
    """A cached file with a wrong checksum is set aside and never used."""
    path = find_release("11.0", mirror.url).kernel()
    path.write_bytes(b"rot")
    assert find_release("11.0", mirror.url).kernel().read_bytes() == KERNEL
    assert path.with_name(path.name + ".bad").read_bytes() == b"rot"


def test_a_newer_build_behind_a_url_is_noticed_when_asked_for(mirror: Mirror, tree: Path) -> None:
    """Only with fresh, which `vm fetch` asks for, are the checksums of a URL fetched anew."""
    url = f"{mirror.url}/NetBSD-11.0"
    find_release(url).kernel()
    newer = elf(text=BANNER)
    (tree / "binary" / MICROVM).write_bytes(newer)
    write_sums(tree / "binary/kernel")
    assert find_release(url).kernel().read_bytes() == KERNEL
    assert find_release(url, fresh=True).kernel().read_bytes() == newer


def test_a_wrong_file_in_a_directory_is_not_used(tree: Path) -> None:
    """In a directory of the user's it is told, and left as it is."""
    (tree / "binary" / MICROVM).write_bytes(b"rot")
    with pytest.raises(GuestError, match="wrong checksum"):
        find_release(str(tree)).kernel()
    assert (tree / "binary" / MICROVM).read_bytes() == b"rot"


BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "no SHA512": (lambda kernel: (kernel / "SHA512").unlink(), "SHA512: No such file"),
    "no kernel listed": (
        lambda kernel: (kernel / "SHA512").write_text(f"SHA512 (netbsd-INSTALL.gz) = {'0' * 128}"),
        "no kernel in it: expected netbsd-MICROVM.gz or",
    ),
    "not a list": (lambda kernel: (kernel / "SHA512").write_text("<html>"), "no checksum in it"),
    "a path in it": (
        lambda kernel: (kernel / "SHA512").write_text(f"SHA512 (../x) = {'0' * 128}"),
        "no checksum in it",
    ),
    "file missing": (
        lambda kernel: (kernel / "netbsd-MICROVM.gz").unlink(),
        "MICROVM.gz: (no such file|the server answers 404)",
    ),
}


@pytest.mark.parametrize("where", ["directory", "mirror"])
@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_release_is_told_in_one_line(
    tree: Path, mirror: Mirror, name: str, where: str
) -> None:
    """The error names the wrong file, and says what was expected."""
    damage, expected = BROKEN[name]
    damage(tree / "binary/kernel")
    release = find_release(str(tree)) if where == "directory" else find_release("11.0", mirror.url)
    if (name, where) == ("no SHA512", "mirror"):
        expected = "SHA512: the server answers 404"
    with pytest.raises(GuestError, match=expected) as error:
        release.kernel()
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("eleven", "expected a version such as 11.0, a URL"),
        ("ftp://host/NetBSD", "expected a version such as 11.0, a URL"),
        ("http:///NetBSD", "expected a URL such as https://cdn"),
        ("http://host/a/%2e%2e/%2e%2e/b", "expected a URL such as https://cdn"),
        ("/nothing", "not a release directory: expected binary/kernel"),
        ("file:///nothing", "not a release directory: expected binary/kernel"),
    ],
)
def test_an_unknown_release_is_refused(given: str, expected: str) -> None:
    """Neither a version nor a URL nor a directory of a release: one line, exit status 2."""
    with pytest.raises(UnknownReleaseError, match=expected):
        find_release(given)
    with pytest.raises(SelectionError, match=expected):
        choose_target(Wanted(release=given))


def test_auto_takes_a_kernel_that_was_fetched(
    mirror: Mirror, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not before it was fetched, and then the one fetched last; nothing is fetched unasked."""
    monkeypatch.setattr("shutil.which", lambda name, **_: f"/bin/{name}")
    assert choose_target(Wanted()).line.startswith("target local: ")
    first = find_release("11.0", mirror.url).kernel()
    second = find_release(f"{mirror.url}/NetBSD-11.0").kernel()
    os.utime(second, (1, 1))
    newest = cached_release()
    assert newest is not None
    assert newest.kernel() == first
    before = len(mirror.asked)
    assert choose_target(Wanted()).line.startswith(
        "target netbsd: the kernel of release NetBSD-11.0/amd64 in QEMU"
    )
    assert len(mirror.asked) == before


def test_run_release_reports_a_broken_mirror(tmp_path: Path, mirror: Mirror) -> None:
    """`run --release` without the file on the mirror: the first line, one line of error, exit 3."""
    mirror.faults = [("SHA512", NOT_FOUND)]
    done = forkoracle(
        tmp_path,
        *("run", "--release", "11.0", "--mirror", mirror.url, "--only", "nproc"),
        XDG_CACHE_HOME=str(tmp_path / "other"),
    )
    assert done.returncode == 3
    assert done.stdout.startswith("target netbsd: the kernel of release 11.0 in QEMU")
    assert done.stderr == (
        f"forkoracle: {mirror.url}/NetBSD-11.0/amd64/binary/kernel/SHA512: the server answers 404 "
        "Not Found: expected a file of a NetBSD release; check the version, or name another "
        "--mirror\n"
    )


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (
            ["--target", "local", "--release", "11.0"],
            "--release cannot be combined with --target local: expected --target netbsd",
        ),
        (["--kernel", "netbsd", "--release", "11.0"], "--kernel and --release cannot be combined"),
    ],
)
def test_options_that_do_not_go_together(tmp_path: Path, options: list[str], expected: str) -> None:
    """--release with another kernel or with the kernel that we are on: usage, exit 2."""
    done = forkoracle(tmp_path, "run", *options)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert expected in done.stderr
