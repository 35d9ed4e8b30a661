"""Downloads files, checks them, and resumes broken downloads.

requests does HTTP, with the user's certificates and proxies.  pooch has checksums and a cache, too,
but it cannot resume a download, and removes files with wrong checksums.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import HTTPError

from vm.errors import GuestError
from vm.files import file_digest, locked, set_aside

#: Takes a file's name; its context's function takes the bytes so far and, if known, in all.
Report = Callable[[str], AbstractContextManager[Callable[[int, int | None], None]]]
#: Maximum number of seconds between two bytes of a server's answer.
PATIENCE = 30.0
#: Maximum number of bytes in a list of checksums.
LONGEST_TEXT = 1 << 20
_PIECE = 1 << 16
PARTIAL = ".part"


def download_text(url: str) -> str:
    """Returns the text at *url*.  Raises :class:`GuestError`."""
    try:
        with _get(url, 0) as answer:
            data = b""
            for piece in answer.raw.stream(_PIECE, decode_content=False):
                data += piece
                if len(data) > LONGEST_TEXT:
                    raise GuestError(f"{url}: over {LONGEST_TEXT} bytes: expected a short text")
    except (requests.RequestException, HTTPError) as error:
        raise GuestError(f"{url}: {_reason(url, error)}") from None
    return data.decode("utf-8", "replace")


def download(url: str, path: Path, sha512: str, report: Report) -> None:
    """Downloads *url* to *path*.

    If that is interrupted, the part that has come is kept beside *path*, and the next call
    resumes.  A file with another checksum than *sha512* is kept as ``NAME.bad`` and never used.
    Raises :class:`GuestError`.
    """
    # The checksum is in the name, so that the part of another version is not resumed.
    partial = path.with_name(f"{path.name}.{sha512[:16]}{PARTIAL}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with locked(partial) as file, report(path.name) as tell:
            if path.exists():
                partial.unlink()  # another run has downloaded it while we waited for the lock
                return
            _fill(url, file, tell)
            file.flush()
            if (found := file_digest(partial)) != sha512:
                bad = set_aside(partial, path.name)
                raise GuestError(
                    f"{url}: wrong checksum: expected SHA512 {sha512[:16]}..., not {found[:16]}..."
                    f": kept aside as {bad}; try again, or another --mirror"
                )
            partial.replace(path)
    except OSError as error:
        raise GuestError(f"cannot keep {path}: {error.strerror}") from None


def _fill(url: str, file: BinaryIO, tell: Callable[[int, int | None], None]) -> None:
    """Appends the missing rest; retries while each answer brings more bytes."""
    furthest = file.seek(0, os.SEEK_END)
    while True:
        size = file.seek(0, os.SEEK_END)
        try:
            with _get(url, size) as answer:
                if size and answer.status_code == requests.codes.requested_range_not_satisfiable:
                    return  # the file is complete or wrong: the checksum decides
                if size and not _goes_on(answer, size):
                    file.truncate(0)
                    size = 0
                    if answer.status_code == requests.codes.partial_content:
                        continue
                length = answer.headers.get("Content-Length", "")
                total = size + int(length) if length.isdigit() else None
                for piece in answer.raw.stream(_PIECE, decode_content=False):
                    size += file.write(piece)
                    tell(size, total)
                return
        except (requests.RequestException, HTTPError) as error:
            if size <= furthest:
                so_far = f" ({size} bytes are kept for the next time)" if size else ""
                raise GuestError(f"{url}: {_reason(url, error)}{so_far}") from None
            furthest = size


def _goes_on(answer: requests.Response, size: int) -> bool:
    """Says whether the answer begins at byte *size*; a server may ignore the range."""
    begins = re.match(r"bytes (\d+)-", answer.headers.get("Content-Range", ""))
    return answer.status_code == requests.codes.partial_content and (
        begins is not None and int(begins[1]) == size
    )


def _get(url: str, start: int) -> requests.Response:
    # Without a content encoding, ranges are positions in the file.
    headers = {"Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
    answer = requests.get(url, headers=headers, stream=True, timeout=PATIENCE)
    unsatisfiable = requests.codes.requested_range_not_satisfiable
    if not answer.ok and not (start and answer.status_code == unsatisfiable):
        answer.close()
        raise GuestError(
            f"{url}: the server answers {answer.status_code} {answer.reason}: "
            "expected a file of a NetBSD release; check the version, or name another --mirror"
        )
    return answer


def _reason(url: str, error: Exception) -> str:
    """Returns a short reason for a failed download; the libraries' messages are long."""
    host = urlsplit(url).netloc
    text = str(error)
    if isinstance(error, requests.Timeout) or "timed out" in text.lower():
        return f"no answer from {host} within {PATIENCE:g} s: try again, or another --mirror"
    if isinstance(error, requests.exceptions.SSLError):
        return f"{host} cannot be trusted: {text[-120:]}"
    if isinstance(error, requests.ConnectionError) and "IncompleteRead" not in text:
        return f"no connection to {host}: expected a web server there; try another --mirror"
    if isinstance(error, requests.RequestException):
        return f"request failed: {text[:120]}"
    return f"{host} broke the connection off: try again, or another --mirror"
