"""A small NetBSD release, and a web server on loopback that has it, whole or with its faults."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

#: What a server does in the place of a whole answer.
DROP, SILENT, NOT_FOUND = "drop", "silent", "404"
#: After a request for a range: everything instead, that with a drop, or what is said to be other.
NO_RANGE, NO_RANGE_DROP, WRONG_RANGE = "no range", "no range, drop", "wrong range"


def write_sums(folder: Path) -> None:
    """Write SHA512 for the files of a folder, as a release has it."""
    files = sorted(path for path in folder.iterdir() if path.name != "SHA512")
    lines = (f"SHA512 ({p.name}) = {hashlib.sha512(p.read_bytes()).hexdigest()}\n" for p in files)
    (folder / "SHA512").write_text("".join(lines), encoding="ascii")


def make_release(root: Path, files: dict[str, bytes]) -> Path:
    """A release tree in *root* with *files* by their paths under binary/; its amd64 folder."""
    folder = root / "NetBSD-11.0" / "amd64"
    for name, data in files.items():
        path = folder / "binary" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    for part in (folder / "binary").iterdir():
        write_sums(part)
    return folder


@dataclass
class Mirror:
    """A running server: its URL, what it was asked, and its faults, the next one first.

    A fault is ``(suffix of the path, what to do)`` and is used up by one request.
    """

    url: str = ""
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    faults: list[tuple[str, str]] = field(default_factory=list)
    gone: threading.Event = field(default_factory=threading.Event)

    def fault(self, path: str) -> str | None:
        for fault in self.faults:
            if path.endswith(fault[0]):
                self.faults.remove(fault)
                return fault[1]
        return None


@contextmanager
def serve(root: Path) -> Iterator[Mirror]:
    """Serve *root* on a port of 127.0.0.1 until the block ends."""
    mirror = Mirror()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(root, mirror))
    server.daemon_threads = True
    mirror.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield mirror
    finally:
        mirror.gone.set()
        server.shutdown()
        thread.join()
        server.server_close()


def _handler(root: Path, mirror: Mirror) -> Callable[..., BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = self.headers.get("Range")
            mirror.asked.append((self.path.rpartition("/")[2], asked))
            fault = mirror.fault(self.path)
            path = root / unquote(self.path).lstrip("/")
            if fault == SILENT:
                mirror.gone.wait()
                return
            if fault == NOT_FOUND or not path.is_file():
                self.send_error(404)
                return
            data = path.read_bytes()
            match = re.fullmatch(r"bytes=(\d+)-", asked or "")
            start = int(match[1]) if match and fault not in (NO_RANGE, NO_RANGE_DROP) else 0
            if start >= len(data) > 0:
                self.send_error(416)
                return
            self.send_response(206 if start else 200)
            if start:
                start += fault == WRONG_RANGE
                self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
            # What servers say of such files, and what must not unpack them.
            self.send_header("Content-Encoding", "gzip")
            self.send_header("Content-Length", str(len(data) - start))
            self.end_headers()
            rest = data[start:]
            self.wfile.write(rest[: len(rest) // 2] if fault in (DROP, NO_RANGE_DROP) else rest)

        def log_message(self, *_: object) -> None:
            pass

    return Handler
