"""An explanation of differences: the kernel behaves as if a line were missing, say."""

from __future__ import annotations

from dataclasses import dataclass


def lines_in_words(first: int, last: int) -> str:
    """Returns ``line 5`` or ``lines 5-6``."""
    return f"line {first}" if first == last else f"lines {first}-{last}"


@dataclass(frozen=True, slots=True)
class Explanation:
    """One change of kern_fork.c, and how many of the differences it explains.

    ``first`` and ``last`` are its lines in kern_fork.c 1.232.  ``change`` completes the sentence
    "the kernel behaves as if ...".  ``explains`` of the ``differences`` are explained: those of
    ``scenarios``.  Of the ``agree`` scenarios that agree with the unchanged model, ``refuted_by``
    would differ under the change.  ``ties`` are other changes that explain the same.
    """

    first: int
    last: int
    change: str
    clause: str
    explains: int
    differences: int
    refuted_by: int
    agree: int
    scenarios: tuple[str, ...] = ()
    ties: tuple[str, ...] = ()

    @property
    def where(self) -> str:
        """Returns the file and the lines in words."""
        return f"kern_fork.c 1.232, {lines_in_words(self.first, self.last)}"

    def sentences(self) -> tuple[str, ...]:
        """Returns the explanation in words: the change, how sure it is, and its ties."""
        against = (
            f"{self.refuted_by} of the {self.agree:,} scenarios that agree speak against it"
            if self.refuted_by
            else f"none of the {self.agree:,} scenarios that agree speaks against it"
        )
        return (
            f"{self.where}: the kernel behaves as if {self.change}.",
            f"This explains {self.explains} of {self.differences} differences; {against}.",
            *(f"The same is explained if, in {tie}." for tie in self.ties),
        )
