"""Reads a guest's serial console with pexpect: boot messages, panics, the kernel's debugger.

Scenarios and logs do not go through it.
"""

from __future__ import annotations

import io
import os
import re
import tty
from time import monotonic

import pexpect
from pexpect import fdpexpect

#: A panic, a trap in the kernel, or the prompt of its debugger, in NetBSD and Linux.
PANIC = re.compile(
    r"panic: [^\r\n]*|fatal [^\r\n]* trap[^\r\n]*|Stopped in [^\r\n]*|^db(?:\{\d+\})?> ?$"
    r"|Kernel panic - not syncing[^\r\n]*",
    re.MULTILINE,
)
#: NetBSD has not found its root disk, and asks for it.
NO_ROOT = re.compile(r"unknown device major|^root device[^\r\n]*: ", re.MULTILINE)
#: Seconds without output after which a panic message is complete; maximum to wait for that.
_SILENCE, _LAST_WORDS = 0.3, 5.0


class Console:
    """Our end of a console, a pseudo-terminal; :attr:`path` is the other end.

    It is not a socket: QEMU writes byte by byte, and a socket of Linux buffers only 275 such
    writes.  The guest would stop whenever we do not read.
    """

    def __init__(self) -> None:
        self._ours, self._theirs = os.openpty()
        tty.setraw(self._theirs)
        self.path = os.ttyname(self._theirs)
        self._text = io.StringIO()
        self._spawn = fdpexpect.fdspawn(
            self._ours,
            encoding="utf-8",
            codec_errors="replace",
            searchwindowsize=4096,
            maxread=65536,
        )
        self._spawn.logfile_read = self._text

    def fileno(self) -> int:
        """Returns a descriptor that is readable when the kernel has written something."""
        return self._ours

    def text(self) -> str:
        """Returns the output of the kernel so far."""
        self._expect([pexpect.TIMEOUT, pexpect.EOF], 0)
        return self._text.getvalue().replace("\r\n", "\n")

    def panic(self) -> str | None:
        """Returns the line of a panic after waiting for the rest of the message; else None."""
        if self._expect([PANIC, pexpect.TIMEOUT, pexpect.EOF], 0) != 0:
            return None
        until = monotonic() + _LAST_WORDS
        length = -1
        while length != len(self._text.getvalue()) and monotonic() < until:
            length = len(self._text.getvalue())
            if self._expect([pexpect.EOF, pexpect.TIMEOUT], _SILENCE) == 0:
                break
        found = PANIC.search(self.text())
        return found[0].strip() if found else None

    def asks_for_root(self) -> bool:
        """Says whether the kernel has asked for its root disk, since it found none.

        This reads nothing new from the console: :meth:`panic` searches new output only.
        """
        return NO_ROOT.search(self._text.getvalue()) is not None

    def write(self, text: str) -> None:
        """Types *text* at the console."""
        self._spawn.send(text)

    def close(self) -> None:
        os.close(self._theirs)
        os.close(self._ours)

    def _expect(self, patterns: list[object], timeout: float) -> int:
        """Returns the index of the pattern that came first; a read error counts as the end."""
        try:
            return int(self._spawn.expect(patterns, timeout=timeout))
        except (OSError, ValueError):
            return patterns.index(pexpect.EOF)
