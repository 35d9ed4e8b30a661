"""A guest's serial console: read with pexpect, for what a console is for.

Boot messages, panics, the kernel's debugger.  Nothing that a test depends on
goes through it.
"""

from __future__ import annotations

import io
import os
import re
import tty
from time import monotonic

import pexpect
from pexpect import fdpexpect

#: A panic, a trap in the kernel, or the prompt of its debugger: NetBSD's words, and Linux's.
PANIC = re.compile(
    r"panic: [^\r\n]*|fatal [^\r\n]* trap[^\r\n]*|Stopped in [^\r\n]*|^db(?:\{\d+\})?> ?$"
    r"|Kernel panic - not syncing[^\r\n]*",
    re.MULTILINE,
)
#: NetBSD has not found the disk that it should boot from, and asks which one it is.
NO_ROOT = re.compile(r"unknown device major|^root device[^\r\n]*: ", re.MULTILINE)
#: Seconds without a word after which a dying kernel has said everything, and the most we wait.
_SILENCE, _LAST_WORDS = 0.3, 5.0


class Console:
    """Our end of a console, a pseudo-terminal; :attr:`path` is the other end.

    Not a socket: QEMU writes byte by byte, and Linux lets 275 such writes wait
    in a socket, so that a guest would stand still whenever we look away.
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
        """Readable when the kernel has written something."""
        return self._ours

    def text(self) -> str:
        """What the kernel has written so far."""
        self._expect([pexpect.TIMEOUT, pexpect.EOF], 0)
        return self._text.getvalue().replace("\r\n", "\n")

    def panic(self) -> str | None:
        """The line of a panic, once there is one; the kernel has then said its last words."""
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
        """Whether the kernel has asked for its root disk, since it found none.

        Only what has been read is looked at: what is read for this would be old
        for :meth:`panic`, which looks at the end of that only.
        """
        return NO_ROOT.search(self._text.getvalue()) is not None

    def write(self, text: str) -> None:
        """Type at the console."""
        self._spawn.send(text)

    def close(self) -> None:
        os.close(self._theirs)
        os.close(self._ours)

    def _expect(self, patterns: list[object], timeout: float) -> int:
        """Which of *patterns* came first; what cannot be read any more has ended."""
        try:
            return int(self._spawn.expect(patterns, timeout=timeout))
        except (OSError, ValueError):
            return patterns.index(pexpect.EOF)
