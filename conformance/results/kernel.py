"""The kernel on which scenarios were run."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FileRevision:
    """The revision of a file on which the model's answers depend, and whether it was guessed."""

    file: str
    revision: str
    guessed: bool = False

    def __str__(self) -> str:
        return f"{self.file} {self.revision}{' (guessed)' if self.guessed else ''}"


@dataclass(frozen=True, slots=True)
class Kernel:
    """The words of ``uname``, and the revision of kern_fork.c if it has one.

    The revision is ``guessed`` where only the release could tell.  ``checksum``
    is the SHA-256 of the kernel's file, where we have it, cut to 16 digits.  ``files``
    are the other files on which the model's answers depend.
    """

    system: str
    release: str
    machine: str
    kern_fork: str | None = None
    guessed: bool = False
    checksum: str | None = None
    files: tuple[FileRevision, ...] = ()

    def __str__(self) -> str:
        revision = f", kern_fork.c {self.kern_fork}" if self.kern_fork else ""
        guess = " (a guess from the release: the kernel's file does not tell)"
        files = "".join(f", {one}" for one in self.files if not (self.guessed and one.guessed))
        name = f"{self.system} {self.release} {self.machine}{revision}{files}"
        return name + guess if self.guessed else name
