"""Which arguments __clone accepts: every exit signal, every flag, every bit.

Exhaustive: each subset of the six named flags with each of the 256 exit
signals, and each other bit alone with each legal subset.  Beside these, random
combinations of the other bits.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from random import Random

from reference_model import Scenario, Step
from reference_model.language.netbsd import (
    _NSIG,
    CLONE_CSIGNAL,
    CLONE_FLAGS,
    CLONE_PTRACE,
    CLONE_SIGHAND,
    CLONE_VM,
    SIGCHLD,
    SIGKILL,
    SIGSTOP,
)
from reference_model.language.scenario import flags_text

#: The bits of the 32 that have no name.
OTHER_BITS = tuple(
    1 << n for n in range(32) if 1 << n not in CLONE_FLAGS.values() and 1 << n > CLONE_CSIGNAL
)
_RANDOM_COMBINATIONS = 256


def subsets(flags: tuple[int, ...]) -> Iterator[int]:
    """Yields the sum of each subset of *flags*."""
    for size in range(len(flags) + 1):
        for chosen in combinations(flags, size):
            yield sum(chosen)


def legal_subsets() -> Iterator[int]:
    """Yields the 24 subsets of the named flags that __clone accepts."""
    for flags in subsets(tuple(CLONE_FLAGS.values())):
        if not flags & CLONE_PTRACE and not (flags & CLONE_SIGHAND and not flags & CLONE_VM):
            yield flags


def _about(flags: int) -> tuple[str, ...]:
    """Returns the clauses of the flag word, in the order in which __clone checks them."""
    about = []
    if flags & CLONE_PTRACE:
        about.append("CLONE-PTRACE")
    if flags & CLONE_SIGHAND and not flags & CLONE_VM:
        about.append("CLONE-SIGHAND-NEEDS-VM")
    if flags & CLONE_CSIGNAL >= _NSIG:
        about.append("CLONE-CSIGNAL")
    if flags & sum(OTHER_BITS):
        about.append("CLONE-UNKNOWN-BITS")
    return tuple(about) or ("SUCCESS",)


def validation(flags: int) -> Scenario:
    """Returns the scenario for one flag word: is it accepted, and is there a child afterwards?"""
    name, text, about = f"validation/{flags:#010x}", flags_text(flags), _about(flags)
    if flags & CLONE_CSIGNAL in (SIGKILL, SIGSTOP):
        # This exit signal would end P, so its child stays until after the last step.
        return Scenario(name, about, (Step("P", "__clone", (text, "C")),))
    after = "CLONE-CHECK-ORDER" if about[0].startswith("CLONE-") else "EXIT-SIGNAL"
    return Scenario(
        name,
        about,
        (Step("P", "__clone", (text, "-")), Step("P", "wait4", ("-", "WALLSIG"), after)),
    )


def generate(random: Random) -> Iterator[Scenario]:
    for flags in subsets(tuple(CLONE_FLAGS.values())):
        for signal in range(256):
            yield validation(flags | signal)
    legal = list(legal_subsets())
    for bit in OTHER_BITS:
        for flags in legal:
            yield validation(bit | flags | SIGCHLD)
    seen: set[int] = set()
    while len(seen) < _RANDOM_COMBINATIONS:
        bits = sum(random.sample(OTHER_BITS, random.randint(2, len(OTHER_BITS))))
        flags = bits | random.choice(legal) | SIGCHLD
        if flags not in seen:
            seen.add(flags)
            yield validation(flags)
