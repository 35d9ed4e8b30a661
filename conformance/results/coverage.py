"""How much of a kern_fork.c file a run reached."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Coverage:
    """The file's lines that can be run, and those of them that were not."""

    lines: int
    missed: tuple[int, ...]

    def __str__(self) -> str:
        reached = self.lines - len(self.missed)
        text = f"{reached} of the {self.lines} lines of the file that can be run were reached"
        return f"{text}; not {', '.join(map(str, self.missed))}" if self.missed else text
