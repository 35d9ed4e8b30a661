"""Messages to a guest and back, through a disk, or memory, that both sides read and write.

The other end is conformance/probe/mailbox.c, which says what lies where.  QEMU
reads and writes a raw image through the host's page cache, as we do here, and
maps memory from a file of the same cache, so each side sees what the other has
written.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path

HEAD = 1 << 12
MAIL_IN = 1 << 16
MAIL_OUT = 1 << 20
MAGIC = 0x6D61696C
SIZE = 2 << 20
#: Maximum number of bytes in a message; the reader has a buffer of twice the size.
LONGEST = 1 << 15
_HEAD = struct.Struct("<IIII")


class Mailbox:
    """The host's end.  An existing file continues its conversation."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        os.ftruncate(self._fd, SIZE)
        magic, self._sent, self._length, self._read = self._head(0)
        if magic != MAGIC:
            self._sent = self._length = self._read = 0

    def close(self) -> None:
        os.close(self._fd)

    def idle(self) -> bool:
        """Says whether the guest has taken the last message."""
        magic, _, _, read = self._head(HEAD)
        return self._sent == 0 or (magic == MAGIC and read == self._sent)

    def send(self, message: bytes) -> None:
        """Writes a message; the guest must have taken the previous one."""
        if len(message) > LONGEST:
            raise ValueError(f"a message of {len(message)} bytes: at most {LONGEST}")
        os.pwrite(self._fd, message, MAIL_IN)
        self._sent += 1
        self._length = len(message)
        self._write_head()

    def receive(self) -> bytes | None:
        """Returns the guest's next message, or None if none has come yet."""
        magic, number, length, _ = self._head(HEAD)
        if magic != MAGIC or number == self._read:
            return None
        message = os.pread(self._fd, length, MAIL_OUT)
        self._read = number
        self._write_head()
        return message

    def _head(self, offset: int) -> tuple[int, int, int, int]:
        magic, number, length, read = _HEAD.unpack(os.pread(self._fd, _HEAD.size, offset))
        return magic, number, length, read

    def _write_head(self) -> None:
        os.pwrite(self._fd, _HEAD.pack(MAGIC, self._sent, self._length, self._read), 0)
