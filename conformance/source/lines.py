"""The lines of each clause in a given kern_fork.c, edited or of another revision.

``lines-1.232.txt`` has a 16-bit checksum for each line of revision 1.232, and nothing
else of the file; by them the lines of another one are lined up with those of 1.232.
"""

from __future__ import annotations

from collections.abc import Sequence
from difflib import SequenceMatcher
from functools import cache
from importlib.resources import files
from pathlib import Path
from zlib import crc32

from reference_model.clauses import clauses, numbers


def checksums(text: bytes) -> list[str]:
    """Returns a checksum for each line, without its blanks and tabs."""
    return [f"{crc32(b''.join(line.split())) & 0xFFFF:04x}" for line in text.splitlines()]


_BLANK = checksums(b"\n")[0]


@cache
def _of_1_232() -> tuple[str, ...]:
    text = files(__package__).joinpath("lines-1.232.txt").read_text(encoding="ascii")
    return tuple(text.split())


def _shown(lines: Sequence[int]) -> str:
    """Returns line numbers as :func:`numbers` reads them."""
    runs: list[list[int]] = []
    for line in sorted(set(lines)):
        if runs and line == runs[-1][1] + 1:
            runs[-1][1] = line
        else:
            runs.append([line, line])
    return ", ".join(f"{a}-{b}" if b > a else f"{a}" for a, b in runs)


def lines_in(path: Path) -> dict[str, str]:
    """Returns for each clause its lines in the file at *path*.

    A line that is not in 1.232 belongs to the clause around it.  A clause whose lines are
    elsewhere is said to be moved.  A clause that the file does not have at all is left out.
    """
    old, new = _of_1_232(), checksums(path.read_bytes())
    # Blank lines are equal to one another everywhere: no match begins with one.
    matcher = SequenceMatcher(_BLANK.__eq__, old, new, autojunk=False)
    where: dict[int, list[int]] = {}
    unmatched: dict[str, list[int]] = {}
    for kind, i1, i2, j1, j2 in matcher.get_opcodes():
        for i in range(i1, i2):
            at = [j1 + i - i1] if kind == "equal" else range(j1, j2)
            where[i + 1] = [j + 1 for j in at]
        if kind == "insert" and i1 in where:
            where[i1] = where[i1] + [j + 1 for j in range(j1, j2)]
        if kind != "equal":
            for j in range(j1, j2):
                unmatched.setdefault(new[j], []).append(j + 1)
    found = {}
    for name, clause in clauses().items():
        before = numbers(clause.lines)
        if stands := _shown([line for number in before for line in where[number]]):
            found[name] = stands
        elif moved := _shown([n for line in before for n in unmatched.get(old[line - 1], ())]):
            found[name] = f"{moved} (moved from {_shown(before)})"
    return found
