"""The scheduler: a child has its parent's policy and CPU.

No scenario asks how much CPU time a parent is charged with after its children have ended: on a
busy machine a right kernel charges it with the most as well, so that was a false alarm.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from conformance.scenarios.families.calls import calls
from reference_model import Scenario, parse

_CALLS = calls("fork", "vfork", "__vfork14", "clone", "clone-all")

_INHERITED = """
scenario scheduling/{name}/policy
about LWP
P: sched_setparam SCHED_FIFO 5
P: {C}
C: sched_getparam
C: sched_setparam SCHED_RR 7
C: sched_getparam
C: exit 0
P: wait4 C                              [EXIT-SIGNAL]
P: sched_getparam
Q: sched_getparam

scenario scheduling/{name}/no-policy
about LWP
P: {C}
C: sched_getparam
C: sched_setparam SCHED_FIFO 1
C: sched_setparam SCHED_OTHER
C: sched_getparam

scenario scheduling/{name}/affinity
about LWP
P: sched_setaffinity
P: {C}
C: sched_getaffinity
C: {D}
D: sched_getaffinity
D: exit 0
C: wait4 D                              [EXIT-SIGNAL]
C: exit 0
P: wait4 C                              [EXIT-SIGNAL]
P: sched_getaffinity
Q: sched_getaffinity

scenario scheduling/{name}/no-affinity
about LWP
P: {C}
C: sched_getaffinity
C: sched_setaffinity
C: exit 0
P: wait4 C                              [EXIT-SIGNAL]
P: sched_getaffinity
"""

_OTHERS = """
scenario scheduling/another-user/may-only-lower
about LWP CREDENTIALS
P: sched_setparam SCHED_FIFO 5
P: setreuid free1 free1
P: fork C
C: sched_setparam SCHED_FIFO 6
C: sched_setparam SCHED_FIFO 4
C: sched_getparam
C: sched_setparam SCHED_RR 4
C: sched_setaffinity
C: sched_setparam SCHED_OTHER
C: sched_getparam
P: sched_getparam
"""


def generate(random: Random) -> Iterator[Scenario]:
    for name, call in _CALLS.items():
        children = {child: call.format(child=child) for child in "CD"}
        yield from parse(_INHERITED.format(name=name, **children))
    yield from parse(_OTHERS)
