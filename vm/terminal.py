"""Connects the user's terminal to a guest's console."""

from __future__ import annotations

import os
import select
import socket
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager

#: Key that leaves the console: Ctrl-], as in telnet.
LEAVE = b"\x1d"


@contextmanager
def _raw(descriptor: int) -> Iterator[None]:
    """Sets raw mode if this is a terminal, and restores the mode afterwards."""
    if not os.isatty(descriptor):
        yield
        return
    before = termios.tcgetattr(descriptor)
    try:
        tty.setraw(descriptor)
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSAFLUSH, before)


def attach(console: socket.socket) -> None:
    """Copies input and output to and from *console*, until Ctrl-] or the end of either."""
    keys, screen = sys.stdin.fileno(), sys.stdout.fileno()
    with _raw(keys):
        while True:
            ready, _, _ = select.select([keys, console], [], [])
            if console in ready:
                try:
                    data = console.recv(1 << 16)
                except ConnectionError:
                    data = b""
                if not data:
                    return
                os.write(screen, data)
            if keys in ready:
                data, leave, _ = os.read(keys, 1024).partition(LEAVE)
                if data:
                    console.sendall(data)
                if leave or not data:
                    return
