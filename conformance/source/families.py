"""The families of cases: the spaces that are gone through whole, and the generated cases."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Final

from conformance.source.case import (
    CHILD_RETURN,
    FORK1,
    PLAIN,
    SYS_CLONE,
    SYS_FORK,
    SYS_VFORK,
    SYS_VFORK14,
    Case,
)
from conformance.source.tables import CASE
from reference_model.language.netbsd import (
    CLONE_CSIGNAL,
    CLONE_FILES,
    CLONE_SIGHAND,
    CLONE_VM,
    FORK_PPWAIT,
    FORK_SHAREVM,
    KTRFAC_INHERIT,
    PS_STOPFORK,
    PSL_TRACED,
    PSL_TRACEDCHILD,
    PSL_TRACEFORK,
    PSL_TRACEVFORK,
    PSL_TRACEVFORK_DONE,
    PST_PROFIL,
    SIGCHLD,
)
from reference_model.proc import RLIM_INFINITY

_ALL_EVENTS = PSL_TRACEFORK | PSL_TRACEVFORK | PSL_TRACEVFORK_DONE


def _product(**choices: Sequence[int]) -> Iterator[Case]:
    """Yields every combination of the given fields' values; the others are plain."""
    places = [PLAIN._fields.index(name) for name in choices]
    values, new = list(PLAIN), partial(tuple.__new__, Case)
    for combination in itertools.product(*choices.values()):
        for place, value in zip(places, combination, strict=True):
            values[place] = value
        yield new(values)


def _words(seed: int) -> Iterator[Case]:
    """Yields every combination of the seven low flag bits with every exit signal, and every bit."""
    yield from _product(call=(SYS_CLONE,), flags=range(0x8000))
    for bit, bits in itertools.product(range(15, 32), (0, CLONE_VM, CLONE_VM | CLONE_SIGHAND)):
        word = 1 << bit | bits | SIGCHLD
        yield Case(call=SYS_CLONE, flags=word - (word >> 31 << 32))
    random = Random(seed)
    for _ in range(1000):
        word = random.getrandbits(32) & ~(0x20C0 if random.random() < 0.9 else 0)
        yield Case(
            call=SYS_CLONE,
            flags=word - (word >> 31 << 32),
            stack=random.choice((0, 0x7000)),
            fd=random.choice((0, 1, 2)),
        )
    for fd, bits in itertools.product((0, 1, 2), range(16)):
        yield Case(call=SYS_CLONE, flags=bits << 8 | CLONE_FILES | CLONE_CSIGNAL >> 4, fd=fd)


def _limits(_seed: int) -> Iterator[Case]:
    """Yields the counts around every limit, each callee that may fail, each kind of user."""
    yield from _product(
        call=(FORK1, SYS_VFORK14),
        nprocs=(0, 30, 92, 93, 94, 95, 96, 97, 98, 99, 100, 101),
        l_euid=(0, 1000),
        forkfsleep=(0, 7),
        ratecheck=(0, 1),
        no_uarea=(0, 1),
        no_pid=(0, 1),
    )
    yield from _product(
        call=(SYS_FORK, SYS_CLONE),
        l_ruid=(0, 1000, 1001),
        l_euid=(0, 1000),
        p_ruid=(0, 1000),
        count=(0, 1, 10),
        rlim_cur=(0, 1, 2, 9, 10, 11, 12, RLIM_INFINITY),
        forkfsleep=(0, 7),
        no_pid=(0, 1),
        l_vforkwaiting=(0, 1),
    )


def _tracing(_seed: int) -> Iterator[Case]:
    """Yields every event mask, traced or not, and what the tracer may do meanwhile."""
    masks = [t | e for t in (0, PSL_TRACED) for e in range(8)]
    done = PSL_TRACED | PSL_TRACEVFORK_DONE
    yield from _product(
        call=(FORK1,),
        flags=(0, FORK_PPWAIT, FORK_SHAREVM, FORK_PPWAIT | FORK_SHAREVM, 0x20, 0x21),
        p_slflag=masks,
        traced_by=(0, 1),
        stop_slflag=(-1, 0, done, PSL_TRACED | _ALL_EVENTS),
        stop_release=(0, 1),
        wait_slflag=(-1, 0, done),
        wakeups=(0, 2),
    )
    for call in (SYS_FORK, SYS_VFORK, SYS_VFORK14, SYS_CLONE):
        yield from _product(
            call=(call,), flags=(0x4014, 0x14), p_slflag=masks, traced_by=(0, 1), children=(0, 1)
        )


def _newborn(_seed: int) -> Iterator[Case]:
    """Yields child_return with every PSL_ flag, the parent waiting or not."""
    yield from _product(
        call=(CHILD_RETURN,), p_slflag=range(1024), p_lflag=(0, 1, 2, 3), traced_by=(0, 1)
    )


def _flags(_seed: int) -> Iterator[Case]:
    """Yields fork1 with every combination of its flags, and each inherited flag alone."""
    yield from _product(
        flags=range(256),
        exitsig=(0, SIGCHLD),
        func=(0, 1),
        no_retval=(0, 1),
        pl_writeable=(0, 1),
        children=(0, 1),
    )
    calls = (SYS_FORK, SYS_VFORK14)
    for name, bits in (("p_flag", 31), ("p_sflag", 31), ("p_stflag", 31), ("p_slflag", 15),
                       ("p_lflag", 7), ("p_traceflag", 31)):  # fmt: skip
        yield from _product(
            call=calls,
            **{name: [1 << bit for bit in range(bits)]},
            p_tracep=(0, 1),
            s_ttyvp=(0, 1),
        )


#: How a generated case is drawn: for each field, values; one that stands twice comes twice as
#: often.  What is left out is plain.
_DRAWN: Final[dict[str, tuple[int, ...]]] = {
    "call": (FORK1, FORK1, FORK1, SYS_FORK, SYS_VFORK, SYS_VFORK14, SYS_CLONE, SYS_CLONE),
    "exitsig": (SIGCHLD, SIGCHLD, 0, 1, 33, 63),
    "stack": (0, 0, 0x7F000),
    "stacksize": (0, 0, 4096),
    "func": (0, 0, 0, 1),
    "arg": (0, 0, 0x1234),
    "maxproc": (100, 100, 100, 200),
    "nprocs": (30,) * 40 + (93, 94, 95, 96, 98, 99, 100, 101),
    "forkfsleep": (0, 7),
    "ratecheck": (0, 1),
    "count": (10,) * 6 + (1, 0),
    "count_p": (12, 1),
    "rlim_cur": (160,) * 24 + (RLIM_INFINITY, 0, 1, 2, 9, 10, 11, 12),
    "l_ruid": (0, 1000, 1001),
    "l_euid": (0, 1000),
    "p_ruid": (0, 1000),
    "no_uarea": (0,) * 31 + (1,),
    "no_pid": (0,) * 31 + (1,),
    "pid": (77, 2, 29999),
    "p_mqueue_cnt": (0, 3),
    "p_tracep": (0, 1),
    "p_textvp": (0, 1),
    "p_path": (0, 1),
    "p_aio": (0, 1),
    "p_raslist": (0, 1),
    "p_klist": (0, 1),
    "p_nstopchild": (0, 2),
    "p_nrlwps": (1, 3),
    "p_nice": (20, 0, 40),
    "fd": (0, 1, 1, 1, 2),
    "pl_writeable": (0, 1),
    "e_proc_fork": (0, 1),
    "s_ttyvp": (0, 1),
    "traced_by": (0, 1),
    "children": (0, 1),
    "members": (0, 1),
    "trace_enabled": (0, 1),
    "ktr_emul": (0, 1),
    "microtime": (1000, 5),
    "l_vforkwaiting": (0, 1),
    "l_class": (0, 2),
    "l_sigmask": (0, 0x7FF0FF),
    "l_sigstk": (0, 4),
    "l_private": (0, 0xBEEF),
    "wakeups": (0, 1, 2),
    "stop_slflag": (-1, -1, 0, 0x44, 0x47),
    "stop_release": (0, 1),
    "other_sflag": (-1, -1, 0, PS_STOPFORK),
    "other_stflag": (-1, -1, 0, PST_PROFIL),
    "wait_slflag": (-1, -1, 0, 0x44),
}
#: Fields drawn bit by bit, and the bits that are drawn.
_DRAWN_BITS: Final = {
    "p_flag": 0x7FFFFFFF,
    "p_sflag": 0x7FFFFFFF,
    "p_stflag": 0x7FFFFFFF,
    "p_slflag": _ALL_EVENTS | PSL_TRACED | PSL_TRACEDCHILD | 0x300,
    "p_lflag": 0x7F,
    "p_traceflag": 0x7FFFFFFF | KTRFAC_INHERIT,
}


def generated(seed: int, number: int) -> list[Case]:
    """Returns *number* cases drawn from everything at once, the same ones for the same seed."""
    random = Random(seed)
    columns: dict[str, Sequence[int]] = {}
    for name, values in _DRAWN.items():
        table = [values[byte * len(values) >> 8] for byte in range(256)]
        columns[name] = [table[byte] for byte in random.randbytes(number)]
    for name, mask in _DRAWN_BITS.items():
        columns[name] = [random.getrandbits(31) & mask for _ in range(number)]
    # fork1's eight flags; for __clone a word that is mostly accepted.
    kernel, user = random.randbytes(number), random.randbytes(number)
    columns["flags"] = [
        _clone_word(k, u) if call == SYS_CLONE else k | (u & 1) << 8 if call == FORK1 else k
        for call, k, u in zip(columns["call"], kernel, user, strict=True)
    ]
    ordered = [columns.get(name) or [plain] * number for name, plain in CASE.items()]
    return list(map(partial(tuple.__new__, Case), zip(*ordered, strict=True)))


def _clone_word(bits: int, signal: int) -> int:
    word = (bits & 0x5F) << 8 | signal & (0x3F if signal & 0xC0 else 0xFF)
    if word & CLONE_SIGHAND and bits & 0x80:
        word |= CLONE_VM
    return word


@dataclass(frozen=True, slots=True)
class Family:
    """A family of cases: what it is about, and a function that gives all of it for a seed."""

    name: str
    about: str
    cases: Callable[[int], Iterator[Case]]


def _generated(seed: int) -> Iterator[Case]:
    yield from generated(seed, GENERATED)


#: Number of cases that a run generates if it is not told otherwise.
GENERATED = 50_000
FAMILIES: Final = {
    family.name: family
    for family in (
        Family("clone-words", "flag words of __clone", _words),
        Family("limits", "counts, limits, and callees that fail", _limits),
        Family("tracing", "event masks, and what a tracer does meanwhile", _tracing),
        Family("newborn", "child_return", _newborn),
        Family("fork-flags", "fork1's flags, kernel-only ones too; inherited flags", _flags),
        Family("generated", "drawn from everything at once", _generated),
    )
}
