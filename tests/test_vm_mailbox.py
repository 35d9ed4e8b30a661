"""The mailbox: messages through a disk, each whole and once."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest

from vm.mailbox import HEAD, LONGEST, MAGIC, MAIL_IN, MAIL_OUT, Mailbox


def guest_writes(path: Path, number: int, message: bytes, read: int) -> None:
    """What the guest's end does (conformance/probe/mailbox.c): the message, then its head."""
    fd = os.open(path, os.O_RDWR)
    os.pwrite(fd, message, MAIL_OUT)
    os.pwrite(fd, struct.pack("<IIII", MAGIC, number, len(message), read), HEAD)
    os.close(fd)


def test_a_message_is_received_once(tmp_path: Path) -> None:
    """A message of the guest's is read whole, once, and acknowledged in sector 0."""
    path = tmp_path / "mail"
    box = Mailbox(path)
    assert box.receive() is None
    guest_writes(path, 1, b"= 0\nok\n.\n", 0)
    assert box.receive() == b"= 0\nok\n.\n"
    assert box.receive() is None
    assert struct.unpack("<IIII", path.read_bytes()[:16]) == (MAGIC, 0, 0, 1)
    box.close()


def test_the_next_message_waits_for_the_last(tmp_path: Path) -> None:
    """The box is idle again only once the guest has said that it has read our message."""
    path = tmp_path / "mail"
    box = Mailbox(path)
    assert box.idle()
    box.send(b"P: fork -\n\n")
    assert not box.idle()
    assert path.read_bytes()[MAIL_IN : MAIL_IN + 11] == b"P: fork -\n\n"
    guest_writes(path, 1, b"", 1)
    assert box.idle()
    box.close()


def test_a_conversation_goes_on_in_a_copy(tmp_path: Path) -> None:
    """A mailbox that a snapshot has kept goes on counting where the first one was."""
    path = tmp_path / "mail"
    box = Mailbox(path)
    guest_writes(path, 1, b"hello\n", 0)
    assert box.receive() == b"hello\n"
    box.close()
    (tmp_path / "copy").write_bytes(path.read_bytes())
    box = Mailbox(tmp_path / "copy")
    assert box.receive() is None, "it has been read already"
    box.send(b"P: fork -\n\n")
    guest_writes(tmp_path / "copy", 2, b"= 0\n", 1)
    assert (box.idle(), box.receive()) == (True, b"= 0\n")
    box.close()


def test_a_message_too_long_is_refused(tmp_path: Path) -> None:
    """What the guest's buffer may not hold is never written."""
    box = Mailbox(tmp_path / "mail")
    with pytest.raises(ValueError, match=str(LONGEST)):
        box.send(bytes(LONGEST + 1))
    box.close()
