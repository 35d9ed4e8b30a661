"""Counters and limits of the whole system: kern.maxproc, kern.forkfsleep, vm.uvmexp2.

They run only in a QEMU guest: elsewhere other processes fork as well, and meet the limit.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from conformance.scenarios.families.calls import calls
from reference_model import Scenario, parse

_CALLS = calls(
    *("fork", "vfork", "__vfork14", "clone", "clone-vm"),
    *("clone-vfork", "clone-vm-vfork", "clone-all"),
)

_COUNTED = """
scenario wholesystem/counts/{name}
about FORK-COUNTERS
P: fork_counts
P: {C}
C: exit 0
P: wait4 C
P: fork_counts
P: {D}
D: exit 0
P: wait4 D
P: fork_counts
"""

_NOT_COUNTED = """
scenario wholesystem/counts/refused-clone
about CLONE-CHECK-ORDER FORK-COUNTERS
P: fork_counts
P: __clone CLONE_PTRACE|SIGCHLD -
P: __clone CLONE_SIGHAND|SIGCHLD -
P: __clone SIG200 -
P: __clone CLONE_VM|CLONE_VFORK|SIG64 -
P: fork_counts

scenario wholesystem/counts/refused-by-rlimit
about FORK-COUNTERS NPROC-ROLLBACK
Q: fork_counts
P: setrlimit 1 1
P: setreuid free1 free1
P: fork -     [NPROC-LIMIT]
P: __vfork14 -     [NPROC-LIMIT]
P: __clone CLONE_VM|SIGCHLD -     [NPROC-LIMIT]
Q: fork_counts

scenario wholesystem/counts/refused-by-maxproc
about FORK-COUNTERS FORK-REFUSED-ROLLBACK
Q: fork_counts
Q: maxproc 1
P: fork -     [MAXPROC]
P: __vfork14 -     [MAXPROC]
P: __clone CLONE_VM|CLONE_VFORK|SIGCHLD -     [MAXPROC]
Q: fork_counts
"""


def _room(count: int, call: str) -> Iterator[str]:
    """Yields steps: root forks until it is refused; kern.maxproc is *count* above the present."""
    yield f"scenario wholesystem/maxproc/root/{call}/{count}\nabout MAXPROC\nP: maxproc {count}\n"
    for child in "CDEF"[: count + 1]:
        yield f"P: {_CALLS[call].format(child=child)}\n"
        if call not in ("fork", "clone", "clone-vm", "clone-all"):
            yield f"{child}: getppid\n{child}: exit 0\nP: getppid\n"


def _last_slots(room: int) -> Iterator[str]:
    """Yields steps: a user gets as far as root, since the last five slots are not reserved.

    fork1 passes the count to the security model in the wrong argument.
    """
    yield f"scenario wholesystem/maxproc/last-slots/{room}\nabout KAUTH-FORK MAXPROC\n"
    yield f"P: setreuid free1 free1\nQ: maxproc {room}\n"
    yield "P: fork C\nP: fork D\nP: fork E\nQ: fork F     [MAXPROC]\nP: fork -\n"


_ROLLBACK = """
scenario wholesystem/rollback/by-rlimit
about NPROC-ROLLBACK
P: setrlimit 1 1
P: setreuid free1 free1
Q: maxproc 7
P: fork -
P: fork -
P: fork -
P: fork -
P: fork -
P: fork -
P: fork -
P: fork -
P: setreuid -1 -1
Q: fork C
Q: fork D
Q: fork E
Q: fork F
Q: fork G
Q: fork -

scenario wholesystem/rollback/after-many-refusals
about FORK-REFUSED-ROLLBACK MAXPROC
P: maxproc 3
P: fork C                                [MAXPROC]
P: fork D                                [MAXPROC]
P: fork -                                [MAXPROC]
P: fork -                                [MAXPROC]
P: fork -                                [MAXPROC]
P: vfork -                               [MAXPROC]
P: __vfork14 -                           [MAXPROC]
P: __clone SIGCHLD -                     [MAXPROC]
P: __clone CLONE_VM|SIGCHLD -            [MAXPROC]
P: fork -                                [MAXPROC]
D: exit 0
P: wait4 D
P: fork E
P: fork -                                [MAXPROC]
E: exit 0
P: wait4 E
P: fork F
P: fork -                                [MAXPROC]

scenario wholesystem/rollback/another-user
about FORK-REFUSED-ROLLBACK MAXPROC
P: setreuid free1 free1
Q: maxproc 2
P: fork C                                [MAXPROC]
P: fork -                                [MAXPROC]
P: fork -                                [MAXPROC]
P: fork -                                [MAXPROC]
P: fork -                                [MAXPROC]
C: exit 0
P: wait4 C
P: fork D
P: fork -                                [MAXPROC]

scenario wholesystem/rollback/uid-not-counted
about FORK-REFUSED-ROLLBACK NPROC-COUNTS-REAL-UID
P: setrlimit 2 2
P: setreuid free1 free1
Q: maxproc 6
P: fork -
P: fork -
P: fork -
Q: maxproc 20
P: fork C
P: fork D

scenario wholesystem/message/once
about FORK-REFUSED-ROLLBACK
P: maxproc 1
P: fork -     [MAXPROC]
P: tablefull
P: fork -     [MAXPROC]
P: fork -     [MAXPROC]
P: fork -     [MAXPROC]
P: fork -     [MAXPROC]
P: tablefull

scenario wholesystem/message/ten-seconds
about FORK-REFUSED-ROLLBACK
P: maxproc 1
P: fork -     [MAXPROC]
P: tablefull
P: sleep 1500
P: fork -     [MAXPROC]
P: sleep 1500
P: fork -     [MAXPROC]
P: tablefull

scenario wholesystem/message/another-user
about FORK-REFUSED-ROLLBACK
P: setreuid free1 free1
Q: maxproc 1
P: fork -
Q: tablefull
P: fork -
P: fork -
P: fork -
Q: tablefull

scenario wholesystem/sleep/maxproc
about FORKFSLEEP
P: forkfsleep 100
P: maxproc 1
P: fork -
P: took 50
P: __vfork14 -
P: took 50

scenario wholesystem/sleep/another-user
about FORKFSLEEP
P: setreuid free1 free1
Q: forkfsleep 100
Q: maxproc 1
P: fork -
P: took 50
P: __clone CLONE_VM|SIGCHLD -
P: took 50

scenario wholesystem/sleep/rlimit
about FORKFSLEEP
P: setrlimit 1 1
P: setreuid free1 free1
Q: forkfsleep 100
P: fork -
P: took 50
P: vfork -
P: took 50
"""


def generate(random: Random) -> Iterator[Scenario]:
    # These come first: a count that is not restored spoils every scenario after it.  The refusals
    # by RLIMIT_NPROC come before those by kern.maxproc, since other families have had them already.
    yield from parse(_ROLLBACK)
    for name, call in _CALLS.items():
        children = {child: call.format(child=child) for child in "CD"}
        yield from parse(_COUNTED.format(name=name, **children))
    yield from parse(_NOT_COUNTED)
    for call in _CALLS:
        for count in range(4) if call == "fork" else (2,):
            yield from parse("".join(_room(count, call)))
    for room in range(9):
        yield from parse("".join(_last_slots(room)))
