"""RLIMIT_NPROC: how many processes a user may have, and which users may have more.

``free1`` and ``free2`` are user IDs that no process has (the target makes sure), so their
counts start at zero.  The ``own`` scenarios do not change the user.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from conformance.scenarios.families.calls import calls
from reference_model import Scenario, parse


def _fill(limit: int, call: str, become: str) -> Iterator[str]:
    """Forks until one is refused: P is the first process, C, D and E come after it."""
    yield f"P: setrlimit {limit} 100\n{become}"
    for child in "CDE":
        yield f"P: {call.format(child=child)} [NPROC-LIMIT]\n"


_CALLS = calls("fork", "clone", "clone-vm")
_BECOME = "P: setreuid free1 free1\n"
_STAY_ROOT = "P: setreuid 0 0\n"

_FREED = f"""
scenario nproc/freed/after-many-refusals
about NPROC-ROLLBACK
P: setrlimit 3 3
{_BECOME}P: fork C
P: fork D
P: fork -
P: fork -
P: fork -
P: fork -
P: fork -
P: fork -
P: fork -
P: fork -
D: exit 0
P: wait4 D
P: fork E
P: fork -
P: fork -

scenario nproc/freed/by-wait
about NPROC-ROLLBACK NPROC-LIMIT
P: setrlimit 2 2
{_BECOME}P: fork C
P: fork D
P: fork F
P: fork G
C: exit 0
P: fork H
P: wait4 C
P: fork E
P: fork -

scenario nproc/freed/by-limit-raised
about NPROC-LIMIT
P: setrlimit 1 3
{_BECOME}P: fork C
P: setrlimit 2 3
P: fork D
P: fork E
P: setrlimit 3 3
P: fork F
P: fork G

scenario nproc/freed/vfork-refused
about NPROC-ROLLBACK VFORK-WAIT
P: setrlimit 1 1
{_BECOME}P: __vfork14 C
P: vfork D
P: __clone CLONE_VM|CLONE_VFORK|SIGCHLD E
P: getppid

scenario nproc/whose-limit/callers-own
about NPROC-LIMIT
P: setrlimit 2 100
{_BECOME}Q: setrlimit 3 100
Q: setreuid free1 free1
P: fork C
Q: fork D
P: fork E
Q: fork F

scenario nproc/whose-limit/inherited-and-lowered
about NPROC-LIMIT LIMITS
P: setrlimit 3 100
{_BECOME}P: fork C
C: setrlimit 2 100
C: fork D
P: fork E
P: fork F

scenario nproc/soft-and-hard/hard-does-not-count
about NPROC-LIMIT
P: setrlimit 1 50
{_BECOME}P: getrlimit
P: fork C
P: setrlimit 50 51
P: setrlimit 2 50
P: fork D

scenario nproc/uid/real-counts
about NPROC-COUNTS-REAL-UID
P: setrlimit 2 100
Q: setreuid free2 free2
{_BECOME}P: fork C
P: fork D
Q: fork E

scenario nproc/uid/effective-does-not-count
about NPROC-COUNTS-REAL-UID NPROC-BYPASS
Q: setrlimit 1 100
Q: setreuid free1 free1
Q: fork -      [NPROC-LIMIT]
P: setrlimit 1 100
P: setreuid free1 free2
P: fork C

scenario nproc/uid/effective-root-bypasses
about NPROC-BYPASS
P: setrlimit 1 100
P: setreuid free1 0
P: fork C
P: fork D

scenario nproc/uid/real-root-does-not-bypass
about NPROC-BYPASS
P: setrlimit 0 100
P: setreuid 0 free1
P: fork C

scenario nproc/uid/root-bypasses
about NPROC-BYPASS
P: setrlimit 0 100
P: setreuid 0 0
P: fork C
C: exit 1
P: wait4 C

scenario nproc/uid/child-has-the-credentials
about CREDENTIALS NPROC-COUNTS-REAL-UID
P: setrlimit 2 100
{_BECOME}P: fork C
P: fork -      [NPROC-LIMIT]
C: fork D
C: exit 0
P: wait4 C
P: fork E
"""

_OWN = """
scenario nproc/own/{call}/at-the-limit
about NPROC-LIMIT
P: setrlimit count+1 count+9
P: {C}

scenario nproc/own/{call}/one-below
about NPROC-LIMIT
P: setrlimit count+2 count+9
P: {C}
P: {D}
C: exit 0
P: wait4 C
P: {E}
"""


def generate(random: Random) -> Iterator[Scenario]:
    # These come first: a count that is not restored spoils every scenario after it.
    yield from parse(_FREED)
    for name, call in _CALLS.items():
        for limit in range(5):
            about = "about NPROC-LIMIT NPROC-ROLLBACK\n"
            user = "".join(_fill(limit, call, _BECOME))
            root = "".join(_fill(limit, call, _STAY_ROOT))
            yield from parse(f"scenario nproc/user/{name}/{limit}\n{about}{user}")
            yield from parse(
                f"scenario nproc/root/{name}/{limit}\nabout NPROC-BYPASS\n"
                + root.replace("[NPROC-LIMIT]", "[NPROC-BYPASS]")
            )
    for name, call in _CALLS.items():
        children = {child: call.format(child=child) for child in "CDE"}
        yield from parse(_OWN.format(call=name, **children))
