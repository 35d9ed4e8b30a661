"""fork, vfork, __vfork14 and __clone: who waits for whom, and what comes back."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from reference_model import Scenario, parse

#: Every way to make a child, and the clause that tells it from the others.
CALLS = {
    "fork": ("fork {child}", "SYS-FORK"),
    "vfork": ("vfork {child}", "SYS-VFORK-44BSD"),
    "__vfork14": ("__vfork14 {child}", "SYS-VFORK14"),
    "clone": ("__clone SIGCHLD {child}", "PPWAIT-MARK"),
    "clone-vm": ("__clone CLONE_VM|SIGCHLD {child}", "CLONE-VM"),
    "clone-vfork": ("__clone CLONE_VFORK|SIGCHLD {child}", "CLONE-VFORK"),
    "clone-vm-vfork": ("__clone CLONE_VM|CLONE_VFORK|SIGCHLD {child}", "CLONE-VFORK"),
}

_BODIES = {
    "memory": """
        P: store 1
        P: {call_C}
        C: load                 [ADDRESS-SPACE]
        C: store 2
        C: exit 0
        P: load                 [{clause}]
        P: wait4 C
    """,
    "until-exit": """
        P: {call_C}             [VFORK-WAIT]
        C: getppid              [PARENT]
        C: exit 17
        P: wait4 C              [EXIT-SIGNAL]
        P: wait4 C              [EXIT-SIGNAL]
    """,
    "until-exec": """
        P: pipe 20 21
        P: {call_C}             [VFORK-WAIT]
        C: close 21
        C: exec 20
        P: wait4 C WNOHANG      [VFORK-WAIT]
        P: close 21
        P: wait4 C              [EXIT-SIGNAL]
    """,
    "until-killed": """
        P: {call_C}             [VFORK-WAIT]
        C: getppid              [PARENT]
        Q: kill C SIGKILL       [PROCESS-LISTS]
        P: wait4 C              [EXIT-SIGNAL]
    """,
    "stopped-and-continued": """
        P: {call_C}             [VFORK-WAIT]
        C: store 4
        Q: kill C SIGSTOP
        Q: kill C SIGCONT
        C: load                 [ADDRESS-SPACE]
        C: exit 1
        P: wait4 C              [EXIT-SIGNAL]
    """,
    "retval": """
        P: retval1
        P: {call_C}             [RETURN-VALUES]
        C: exit 0
        P: retval1              [RETURN-VALUES]
        P: wait4 C              [EXIT-SIGNAL]
    """,
    "twice": """
        P: {call_C}             [VFORK-WAIT]
        C: exit 1
        P: {call_D}             [PPWAIT-MARK]
        D: exit 2
        P: wait4 D              [EXIT-SIGNAL]
        P: wait4 C              [EXIT-SIGNAL]
        P: wait4 any            [EXIT-SIGNAL]
    """,
    "then-plain-fork": """
        P: {call_C}             [VFORK-WAIT]
        C: exit 1
        P: fork D               [PPWAIT-MARK]
        D: getppid              [PARENT]
        D: exit 2
        P: wait4 D              [EXIT-SIGNAL]
        P: wait4 C              [EXIT-SIGNAL]
    """,
    "child-forks": """
        P: {call_C}             [VFORK-WAIT]
        C: fork D               [PPWAIT-MARK]
        D: getppid              [PARENT]
        D: exit 2
        C: wait4 D              [EXIT-SIGNAL]
        C: wait4 D              [FRESH-LISTS]
        C: exit 1
        P: wait4 D              [FRESH-LISTS]
        P: wait4 C              [EXIT-SIGNAL]
    """,
    "siblings-unseen": """
        P: fork D
        P: {call_C}             [VFORK-WAIT]
        C: wait4 D WNOHANG      [FRESH-LISTS]
        C: wait4 any WNOHANG    [FRESH-LISTS]
        C: exit 1
        P: wait4 C              [EXIT-SIGNAL]
        D: exit 2
        P: wait4 D              [EXIT-SIGNAL]
    """,
    "orphan": """
        Q: fork P
        P: {call_C}             [VFORK-WAIT]
        C: fork D
        C: exit 0
        P: wait4 C              [EXIT-SIGNAL]
        D: getppid              [PARENT]
        P: exit 0
        Q: wait4 P              [EXIT-SIGNAL]
    """,
}


def generate(random: Random) -> Iterator[Scenario]:
    for call, (text, clause) in CALLS.items():
        for name, body in _BODIES.items():
            steps = body.format(
                call_C=text.format(child="C"), call_D=text.format(child="D"), clause=clause
            )
            yield from parse(
                f"scenario vfork/{call}/{name}\nabout {clause} VFORK-WAIT\n{steps.strip()}"
            )
