"""fork, vfork, __vfork14 and __clone: which process waits, and what the calls return."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from conformance.scenarios.families.calls import CALLS, calls
from reference_model import Scenario, parse

#: Ways to make a child, and the clause that tells each from the others.
_CLAUSES = {
    "fork": "SYS-FORK",
    "vfork": "SYS-VFORK-44BSD",
    "__vfork14": "SYS-VFORK14",
    "clone": "PPWAIT-MARK",
    "clone-vm": "CLONE-VM",
    "clone-vfork": "CLONE-VFORK",
    "clone-vm-vfork": "CLONE-VFORK",
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

#: What a child does to itself, with the signal let through.
_RAISED = ("SIGKILL", "SIGSTOP", "SIGTSTP", "SIGTTIN", "SIGTTOU", "SIGABRT", "SIGHUP", "SIGCONT")
_HELD_BACK = ("SIGTSTP", "SIGTTIN", "SIGTTOU")
_STOPPING = ("SIGSTOP", *_HELD_BACK)

#: What a child does itself, in its turn.
_INNER = calls(*_CLAUSES, "clone-fs", "clone-files")
_EVERYTHING = """
    scenario vfork/clone-everything/own-stack
    about CLONE-STACK ADDRESS-SPACE
    P: store 1
    P: __clone CLONE_VM|CLONE_FS|CLONE_FILES|CLONE_SIGHAND|SIGUSR1 C own
    C: stack                [CLONE-STACK]
    C: getppid              [PARENT]
    C: load                 [ADDRESS-SPACE]
    C: store 2
    C: exit 165
    P: wait4 C              [EXIT-SIGNAL]
    P: wait4 C WALTSIG      [EXIT-SIGNAL]
    P: load                 [ADDRESS-SPACE]
"""


def _raise(call: str, holds: bool, signal: str) -> str:
    """Returns steps: a child sends itself *signal*; if that stops it, another process kills it."""
    steps = f"P: {call} [VFORK-WAIT]\nC: sigprocmask unblock {signal}\nC: kill C {signal}\n"
    if signal in _STOPPING and not (holds and signal in _HELD_BACK):
        steps += "Q: kinfo C p_realstat [PPWAIT-MARK]\n"
        steps += "" if holds else "P: wait4 C WUNTRACED\n"
        steps += "Q: kill C SIGKILL\n"
    elif signal in _HELD_BACK:
        steps += "Q: kinfo C p_realstat [PPWAIT-MARK]\nQ: kill C SIGCONT\nC: exit 0\n"
    elif signal == "SIGCONT":
        steps += "C: exit 0\n"
    return steps + "P: wait4 C [EXIT-SIGNAL]\n"


def _nested(outer: str, inner: str) -> str:
    """Returns steps: a child makes a child, and each parent waits for its own."""
    return f"""P: {outer}          [VFORK-WAIT]
        C: {inner}              [PPWAIT-MARK]
        D: getppid              [PARENT]
        D: exit 2
        C: wait4 D              [EXIT-SIGNAL]
        C: exit 1
        P: wait4 C              [EXIT-SIGNAL]
        P: wait4 any            [FRESH-LISTS]
    """


def generate(random: Random) -> Iterator[Scenario]:
    for call, clause in _CLAUSES.items():
        text = CALLS[call]
        for name, body in _BODIES.items():
            steps = body.format(
                call_C=text.format(child="C"), call_D=text.format(child="D"), clause=clause
            )
            yield from parse(
                f"scenario vfork/{call}/{name}\nabout {clause} VFORK-WAIT\n{steps.strip()}"
            )
    for call, clause in _CLAUSES.items():
        text = CALLS[call]
        about = f"about {clause} VFORK-WAIT PPWAIT-MARK\n"
        outer = text.format(child="C")
        for signal in _RAISED:
            steps = _raise(outer, "vfork" in call, signal)
            yield from parse(f"scenario vfork/{call}/raise-{signal}\n{about}{steps}")
        for name, other in _INNER.items():
            steps = _nested(outer, other.format(child="D"))
            yield from parse(f"scenario vfork/{call}/nested-{name}\n{about}{steps}")
    yield from parse(_EVERYTHING)
