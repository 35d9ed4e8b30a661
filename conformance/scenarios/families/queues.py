"""Message queues: how many are open is inherited, and counts against the process's limit."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from conformance.scenarios.families.calls import calls
from reference_model import Scenario, parse

_CALLS = calls("fork", "vfork", "__vfork14", "clone", "clone-files", "clone-all")

# The limit is the system's, the count the process's own.
_COUNTED = """
scenario queues/{name}/counted
about MQUEUE-COUNT
P: mq_open_max 2
P: mq_open 20
P: {C}
C: mq_open 21
C: mq_open 22
C: exit 0
P: wait4 C                              [EXIT-SIGNAL]
P: mq_open 23
P: mq_open 24

scenario queues/{name}/none-open
about MQUEUE-COUNT
P: mq_open_max 1
P: {C}
C: mq_open 20
C: mq_open 21
"""

_OTHERS = """
scenario queues/closed/by-the-child
about MQUEUE-COUNT
Q: mq_open_max 1
P: mq_open 20
P: fork C
P: close 20
P: mq_open 21
C: mq_open 21
C: close 20
C: mq_open 21
C: mq_open 22

scenario queues/closed/before-the-fork
about MQUEUE-COUNT
Q: mq_open_max 1
P: mq_open 20
P: close 20
P: fork C
C: mq_open 21
C: mq_open 22

scenario queues/grandchild/counted
about MQUEUE-COUNT
Q: mq_open_max 2
P: mq_open 20
P: fork C
C: mq_open 21
C: fork D
D: mq_open 22
Q: mq_open_max 3
D: mq_open 22
D: mq_open 23
"""


def generate(random: Random) -> Iterator[Scenario]:
    for name, call in _CALLS.items():
        yield from parse(_COUNTED.format(name=name, C=call.format(child="C")))
    yield from parse(_OTHERS)
