"""NetBSD releases: their files, and the cache of downloaded ones.

A release is a tree as made by NetBSD's build.sh and found on its mirrors:
``amd64/binary/kernel`` and ``amd64/binary/sets``, each with a file ``SHA512``.
The checksum of each file is verified before the file is used.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlsplit

import platformdirs

from vm.errors import GuestError
from vm.files import file_digest, set_aside, write_text
from vm.kernelfile import read_kernel

if TYPE_CHECKING:
    from vm.download import Report

MIRROR = "https://cdn.NetBSD.org/pub/NetBSD"
#: Kernels of a release, the preferred one first.
KERNELS = ("netbsd-MICROVM.gz", "netbsd-GENERIC.gz")
SUMS = "SHA512"
_MACHINE = "amd64"
_VERSION = re.compile(r"\d+\.\d+(\.\d+)?(_[A-Z]+\d*)?\Z")
_SUM = re.compile(r"SHA512 \((?P<name>[^()/]+)\) = (?P<sum>[0-9a-f]{128})\Z")
_SUFFIXES = (".tar.xz", ".tgz")


class UnknownReleaseError(GuestError):
    """The given text does not name a release."""


def cache() -> Path:
    """Returns the folder of downloaded releases."""
    return platformdirs.user_cache_path("forkoracle") / "releases"


def parse_sums(text: str, where: str) -> dict[str, str]:
    """Returns the checksums of a SHA512 file in the BSD format, by file name.

    Raises :class:`GuestError`, which names *where*, if it has none.
    """
    matches = (_SUM.match(line.strip()) for line in text.splitlines())
    sums = {match["name"]: match["sum"] for match in matches if match}
    if not sums:
        raise GuestError(f"{where}: no checksum in it: expected lines 'SHA512 (NAME) = ...'")
    return sums


def _unreported(_name: str) -> nullcontext[Callable[[int, int | None], None]]:
    """Reports no progress."""
    return nullcontext(lambda size, total: None)


@dataclass(frozen=True, slots=True)
class Release:
    """A release: its folder here and, if its files are downloaded first, its URL.

    ``fresh`` downloads the lists of checksums again, in case the same URL has a newer build.
    """

    name: str
    folder: Path
    url: str | None = None
    report: Report = _unreported
    fresh: bool = False

    def kernel(self) -> Path:
        """Returns the kernel: MICROVM if the release has it, else GENERIC.

        Raises :class:`GuestError`, for example if QEMU cannot boot it.
        """
        sums = self._sums("kernel")
        name = next((name for name in KERNELS if name in sums), None)
        if name is None:
            raise GuestError(
                f"{self._where('kernel', SUMS)}: no kernel in it: expected {' or '.join(KERNELS)}"
            )
        path = self._member("kernel", name, sums)
        if name != KERNELS[0]:
            try:
                read_kernel(path)
            except GuestError as error:
                raise GuestError(
                    f"release {self.name} has no {KERNELS[0]}, which came with NetBSD 11, "
                    f"and its GENERIC cannot be used: {error}"
                ) from None
        return path

    def sets(self, names: Sequence[str]) -> list[Path]:
        """Returns these sets; ``base`` is base.tar.xz or base.tgz.  Raises :class:`GuestError`."""
        sums = self._sums("sets")
        paths = []
        for name in names:
            file = next((name + suffix for suffix in _SUFFIXES if name + suffix in sums), None)
            if file is None:
                expected = " or ".join(name + suffix for suffix in _SUFFIXES)
                where = self._where("sets", SUMS)
                raise GuestError(f"{where}: no set {name!r} in it: expected {expected}")
            paths.append(self._member("sets", file, sums))
        return paths

    def _where(self, folder: str, name: str) -> str:
        return f"{self.url or self.folder}/binary/{folder}/{name}"

    def _sums(self, folder: str) -> dict[str, str]:
        path = self.folder / "binary" / folder / SUMS
        where = self._where(folder, SUMS)
        if self.url and (self.fresh or not path.exists()):
            from vm.download import download_text  # slow to import

            text = download_text(where)
            sums = parse_sums(text, where)
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                write_text(path, text)
            except OSError as error:
                raise GuestError(f"cannot keep {path}: {error.strerror}") from None
            return sums
        try:
            return parse_sums(path.read_text(encoding="utf-8", errors="replace"), where)
        except OSError as error:
            raise GuestError(
                f"{where}: {error.strerror}: expected the release's checksums, "
                "without which nothing of it is used"
            ) from None

    def _member(self, folder: str, name: str, sums: dict[str, str]) -> Path:
        """Returns the file, after its checksum was verified."""
        path = self.folder / "binary" / folder / name
        where = self._where(folder, name)
        try:
            if path.exists():
                if file_digest(path) == sums[name]:
                    return path
                if self.url is None:
                    raise GuestError(
                        f"{where}: wrong checksum: expected that of {SUMS} beside it: get it again"
                    )
                set_aside(path, name)
        except OSError as error:
            raise GuestError(f"{path}: {error.strerror}") from None
        if self.url is None:
            raise GuestError(f"{where}: no such file, but {SUMS} beside it lists it")
        from vm.download import download

        download(where, path, sums[name], self.report)
        return path


def find_release(
    given: str, mirror: str = MIRROR, *, report: Report = _unreported, fresh: bool = False
) -> Release:
    """Returns the release that *given* names: a version, a URL or a directory.

    Nothing is downloaded yet.  Raises :class:`UnknownReleaseError`.
    """
    if _VERSION.match(given):
        # A version has the same files on every mirror.
        path = f"NetBSD-{given}/{_MACHINE}"
        return Release(given, cache() / path, f"{_web(mirror)}/{path}", report, fresh)
    scheme = urlsplit(given).scheme
    if scheme in ("http", "https"):
        url = _web(given)
        if not url.endswith(f"/{_MACHINE}"):
            url += f"/{_MACHINE}"
        # No user name or password in the name of the folder.
        kept = url.partition("://")[2].rpartition("@")[2]
        return Release(given, cache() / kept, url, report, fresh)
    folder = Path(unquote(urlsplit(given).path) if scheme == "file" else given)
    for root in (folder, folder / _MACHINE):
        if (root / "binary").is_dir():
            return Release(given, root.absolute())
    if scheme == "file" or folder.exists() or ("/" in given and "://" not in given):
        raise UnknownReleaseError(
            f"{given}: not a release directory: expected binary/kernel and binary/sets in it, "
            f"or in {_MACHINE}/ below it"
        )
    raise UnknownReleaseError(
        f"unknown release {given!r}: expected a version such as 11.0, a URL (http, https, file) "
        "or a directory"
    )


def _web(url: str) -> str:
    """Returns the URL of a folder in normal form, without ``..``, which would leave the cache."""
    parts = urlsplit(url)
    segments = [unquote(part) for part in parts.path.split("/") if part]
    if parts.scheme not in ("http", "https") or not parts.hostname or ".." in segments:
        raise UnknownReleaseError(f"{url}: expected a URL such as {MIRROR}")
    path = "/".join(quote(part, safe="") for part in segments)
    return f"{parts.scheme}://{parts.netloc}/{path}".rstrip("/")


def cached_release() -> Release | None:
    """Returns the release with the newest downloaded MICROVM kernel; ``auto`` uses it."""
    kernels = cache().glob(f"**/binary/kernel/{KERNELS[0]}")
    newest = max(kernels, key=lambda path: path.stat().st_mtime, default=None)
    if newest is None:
        return None
    folder = newest.parents[2]
    return Release(str(folder.relative_to(cache())), folder)
