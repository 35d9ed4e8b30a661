"""The device nodes of NetBSD/amd64 that a guest needs.

Majors: sys/arch/amd64/conf/majors.amd64 and sys/conf/majors of 10.99.12; minors
and modes: etc/MAKEDEV.tmpl.  They do not change: old nodes must work on new kernels.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

#: Partitions of a disk in its minor numbers; d is the whole disk.
_PARTITIONS = 16


@dataclass(frozen=True, slots=True)
class Node:
    """A device node in /dev; ``kind`` is ``c`` or ``b``, as for mknod(8)."""

    name: str
    kind: str
    major: int
    minor: int
    mode: int


def _disk(name: str, unit: int, block: int, char: int) -> Iterator[Node]:
    for index in range(_PARTITIONS):
        partition = f"{name}{unit}{chr(ord('a') + index)}"
        yield Node(partition, "b", block, unit * _PARTITIONS + index, 0o640)
        yield Node(f"r{partition}", "c", char, unit * _PARTITIONS + index, 0o640)


#: Nodes for the probe as init: console, devices of scenarios, mailbox, and kernel log.
FOR_THE_PROBE = (
    Node("console", "c", 0, 0, 0o600),
    Node("null", "c", 2, 2, 0o666),
    Node("zero", "c", 2, 12, 0o666),
    Node("rld0d", "c", 69, 3, 0o640),
    Node("rld1d", "c", 69, 19, 0o640),
    Node("tty", "c", 1, 0, 0o666),
    Node("ptmx", "c", 165, 0, 0o666),
    Node("klog", "c", 7, 0, 0o600),
)
#: Nodes for a whole system with sshd.
FOR_A_SYSTEM = (
    *(node for node in FOR_THE_PROBE if "ld" not in node.name),
    *(node for unit in (0, 1, 2, 3) for node in _disk("ld", unit, 19, 69)),
    Node("constty", "c", 0, 1, 0o600),
    Node("mem", "c", 2, 0, 0o640),
    Node("kmem", "c", 2, 1, 0o640),
    Node("ksyms", "c", 85, 0, 0o444),
    Node("tty00", "c", 8, 0, 0o600),
    Node("tty01", "c", 8, 1, 0o600),
    Node("random", "c", 46, 0, 0o444),
    Node("urandom", "c", 46, 1, 0o644),
    Node("ptm", "c", 165, 1, 0o666),
    Node("drvctl", "c", 167, 0, 0o644),
    Node("cpuctl", "c", 188, 0, 0o666),
    Node("clockctl", "c", 79, 0, 0o660),
    Node("bpf", "c", 23, 0, 0o600),
    *(
        Node(name, "c", 22, number, 0o666)
        for number, name in enumerate(("stdin", "stdout", "stderr"))
    ),
    *(Node(f"fd/{number}", "c", 22, number, 0o666) for number in range(64)),
)
