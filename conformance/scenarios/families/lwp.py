"""A process with two LWPs: what belongs to the calling LWP, and which LWP waits in vfork.

L is the second LWP of the process P: it has P's signal mask from its birth, and
neither signal stack nor private pointer.  If both could have given the child
something, each of them forks: a kernel that takes the wrong LWP then differs once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from random import Random

from conformance.scenarios.families.calls import calls
from reference_model import Scenario, parse

_CALLS = calls("fork", "vfork", "__vfork14", "clone", "clone-all", "clone-vfork")

# The clauses, what the two set up, and what a child of either looks at.
_OF_THE_CALLER: dict[str, tuple[str, str, str]] = {
    "signal-mask": (
        "LWP",
        "L: sigprocmask unblock SIGUSR1\nQ: kinfo P p_sigmask SIGUSR1",
        "{c}: kinfo {c} p_sigmask SIGUSR1\n{c}: kinfo {c} p_sigmask SIGUSR2",
    ),
    "signal-stack": ("LWP", "P: sigaltstack 16384\nL: sigaltstack 32768", "{c}: sigaltstack"),
    "no-signal-stack": ("LWP", "P: sigaltstack 16384\nL: sigaltstack", "{c}: sigaltstack"),
    "private": ("LWP-PRIVATE", "P: setprivate 4711\nL: setprivate 4712", "{c}: getprivate"),
    "no-private": ("LWP-PRIVATE", "P: setprivate 4711\nL: getprivate", "{c}: getprivate"),
    "one-lwp": ("LWP FRESH-LISTS", "Q: kinfo P p_nlwps", "{c}: kinfo {c} p_nlwps"),
    "parent": ("PARENT", "L: getppid", "{c}: getppid\n{c}: kinfo {c} p_ppid"),
}

# The other LWP goes on until C calls exec, or ends.
_BLOCKED = """
scenario lwp/{name}/{end}/other-goes-on
about VFORK-WAIT
P: _lwp_create L
P: {call}
C: getppid
L: umask 077
L: getppid
{end_of_c}
P: umask 022
L: wait4 C

scenario lwp/{name}/{end}/other-forks
about PPWAIT-MARK VFORK-WAIT
P: _lwp_create L
P: {call}     [PPWAIT-MARK]
C: getppid
L: fork D                [VFORK-WAIT]
D: exit 5
L: wait4 D               [EXIT-SIGNAL]
L: __clone CLONE_FS|SIGCHLD E    [VFORK-WAIT]
{end_of_c}
P: getppid
E: exit 6
P: wait4 E               [EXIT-SIGNAL]
L: wait4 C               [EXIT-SIGNAL]
"""

# Both are blocked, each by its own child; one or the other is released first.
_BOTH_BLOCKED = """
scenario lwp/{name}/both-blocked/in-order
about PPWAIT-MARK VFORK-WAIT
P: _lwp_create L
P: {call}     [PPWAIT-MARK]
L: {other}    [PPWAIT-MARK]
C: exit 3
P: getppid
D: flags D P_PPWAIT
D: exit 4
L: getppid
L: wait4 C
P: wait4 D

scenario lwp/{name}/both-blocked/in-reverse
about PPWAIT-MARK VFORK-WAIT
P: _lwp_create L
P: {call}     [PPWAIT-MARK]
L: {other}    [PPWAIT-MARK]
D: exit 4
L: getppid
C: flags C P_PPWAIT
C: exit 3
P: getppid
L: wait4 C
P: wait4 D

scenario lwp/{name}/process-ends-later/exit
about VFORK-WAIT
Q: fork P
P: _lwp_create L
P: {call}
L: exit 5
Q: kinfo P p_realstat
C: exit 3
Q: wait4 P
L: getppid

scenario lwp/{name}/process-ends-later/killed
about VFORK-WAIT
Q: fork P
P: _lwp_create L
P: {call}
Q: kill P SIGKILL
Q: wait4 P WNOHANG
C: getppid
C: exit 3
Q: wait4 P
L: getppid

scenario lwp/{name}/lwp-ends-meanwhile
about VFORK-WAIT
P: _lwp_create L
P: {call}
L: _lwp_exit
L: getppid
Q: kinfo P p_realstat
C: exit 3
P: getppid
P: wait4 C
"""

# C uses the control block of the LWP that waits for it, and so is counted there.
_CONTROL_BLOCK = """
scenario lwp/{name}/control-block
about LWP
P: lc_pctr
P: _lwp_ctl
P: lc_pctr
P: {call}
C: lc_pctr
C: _lwp_ctl
C: exit 3
P: lc_pctr
P: wait4 C               [EXIT-SIGNAL]

scenario lwp/{name}/no-control-block
about LWP
P: {call}
C: _lwp_ctl
C: lc_pctr
C: exit 3
P: _lwp_ctl
P: lc_pctr
P: wait4 C               [EXIT-SIGNAL]
"""

_OTHERS = """
scenario lwp/memory-of-three
about SYS-VFORK14 VFORK-WAIT
P: _lwp_create L
P: store 1
P: __vfork14 C           [VFORK-WAIT]
L: store 2
C: load
C: store 3
L: load
C: exit 0
P: load

scenario lwp/memory-of-two
about SYS-VFORK-44BSD VFORK-WAIT
P: _lwp_create L
P: store 1
P: vfork C               [VFORK-WAIT]
L: store 2
C: load
C: store 3
L: load
C: exit 0
P: load

scenario lwp/event/create
about LWP
T: spawn P
T: wait4 P
T: PT_SET_EVENT_MASK P PTRACE_LWP_CREATE
T: PT_CONTINUE P
P: _lwp_create L
T: wait4 P
T: PT_GET_PROCESS_STATE P
T: PT_CONTINUE P
L: _lwp_exit
P: exit 0
T: wait4 P

scenario lwp/event/exit
about LWP
T: spawn P
T: wait4 P
T: PT_SET_EVENT_MASK P PTRACE_LWP_EXIT
T: PT_CONTINUE P
P: _lwp_create L
L: _lwp_exit
T: wait4 P
T: PT_GET_PROCESS_STATE P
T: PT_CONTINUE P
P: exit 0
T: wait4 P

scenario lwp/child-of-one/ends-with-its-lwp
about LWP FRESH-LISTS
P: _lwp_create L
L: fork C
C: _lwp_exit
P: wait4 C

scenario lwp/child-of-one/has-a-second-of-its-own
about LWP FRESH-LISTS
P: _lwp_create L
L: fork C
C: _lwp_create M
C: kinfo C p_nlwps
C: _lwp_exit
M: fork D
D: kinfo D p_nlwps
D: exit 3
M: wait4 D               [EXIT-SIGNAL]
M: exit 4
P: wait4 C               [EXIT-SIGNAL]

scenario lwp/first-is-gone
about LWP FRESH-LISTS PARENT
P: _lwp_create L
P: _lwp_exit
P: getppid
L: fork C
C: getppid               [PARENT]
C: kinfo C p_nlwps
C: exit 3
L: wait4 C               [EXIT-SIGNAL]

scenario lwp/credentials
about CREDENTIALS FLAGS-INHERITED
P: _lwp_create L
L: setreuid free1 free1
P: fork C
C: setreuid 0 0
C: flags C P_SUGID       [FLAGS-INHERITED]
C: exit 3
P: wait4 C               [EXIT-SIGNAL]

scenario lwp/counted-per-real-uid
about NPROC-COUNTS-REAL-UID NPROC-LIMIT
P: _lwp_create L
L: setrlimit 2 2
L: setreuid free1 free1
P: fork C
L: fork D                [NPROC-LIMIT]
C: exit 3
P: wait4 C               [EXIT-SIGNAL]
P: getppid
L: fork E                [NPROC-LIMIT]
E: exit 4
P: wait4 E               [EXIT-SIGNAL]
"""

_TRACED = """
T: spawn P
T: wait4 P
T: PT_SET_EVENT_MASK P {events}
T: PT_CONTINUE P
P: _lwp_create L
"""

# The stop is the whole process's.
_STOPS = """
scenario lwp/stop/{name}/{caller}
about TRACE-PARENT-EVENT
{traced}
{caller}: {call}
T: wait4 P
T: kinfo P p_realstat
T: PT_GET_SIGINFO P
T: PT_GET_PROCESS_STATE P
T: wait4 C               [CHILD-EVENT]
T: kinfo C p_nlwps       [LWP]
T: PT_CONTINUE C
T: PT_CONTINUE P
{other}: getppid
C: exit 3
{after}
{caller}: getppid
T: wait4 C               [TRACE-REPARENT]
T: wait4 P WNOHANG
{other}: wait4 C         [EXIT-SIGNAL]
"""

# No signal ends the sleep in vfork, so the stop of the process is not complete.
_SLEEPS_ON = """
scenario lwp/stop/waits-for-{name}
about VFORK-WAIT TRACE-PARENT-EVENT
{traced}
P: {call}
C: getppid
L: fork D                [TRACE-PARENT-EVENT]
T: wait4 any             [CHILD-EVENT]
T: wait4 P WNOHANG
T: kinfo P p_realstat
C: exit 3
T: wait4 P               [TRACE-PARENT-EVENT]
T: PT_GET_SIGINFO P      [TRACE-PARENT-EVENT]
T: PT_CONTINUE D
T: PT_CONTINUE P
P: getppid
L: getppid
D: exit 4
T: wait4 D               [TRACE-REPARENT]
P: wait4 D               [EXIT-SIGNAL]
L: wait4 C               [EXIT-SIGNAL]
"""


def _parse(text: str) -> list[Scenario]:
    """Returns the scenarios of *text*, without the empty lines inside a scenario."""
    return parse(re.sub(r"\n\n+(?!scenario )", "\n", text))


def _of_the_caller(name: str, call: str) -> Iterator[Scenario]:
    for matter, (about, before, looks) in _OF_THE_CALLER.items():
        lines = [f"scenario lwp/{name}/{matter}", f"about {about}", "P: _lwp_create L", before]
        for caller, child in (("L", "C"), ("P", "D")):
            lines += [f"{caller}: {call.format(child=child)}", looks.format(c=child)]
            # The step after its end is the caller's, which may have been blocked.
            lines += [f"{child}: exit 3", f"{caller}: wait4 {child}     [EXIT-SIGNAL]"]
        yield from parse("\n".join(lines) + "\n")


def generate(random: Random) -> Iterator[Scenario]:
    ends = {
        "exit": "C: exit 3",
        "killed": "Q: kill C SIGKILL",
        "exec": "C: exec 20",
    }
    for name, text in _CALLS.items():
        yield from _of_the_caller(name, text)
        call = text.format(child="C")
        if "vfork" not in name:
            continue
        for end, end_of_c in ends.items():
            blocked = _BLOCKED.format(name=name, call=call, end=end, end_of_c=end_of_c)
            yield from parse(blocked)
        yield from parse(_CONTROL_BLOCK.format(name=name, call=call))
        yield from parse(_BOTH_BLOCKED.format(name=name, call=call, other=text.format(child="D")))
        traced = _TRACED.format(events="PTRACE_FORK").strip()
        yield from parse(_SLEEPS_ON.format(name=name, call=call, traced=traced))
    shared = "__clone CLONE_VM|CLONE_VFORK|SIGCHLD C"
    yield from parse(_CONTROL_BLOCK.format(name="clone-vm-vfork", call=shared))
    yield from parse(_OTHERS)
    for name, events, done in (
        ("fork", "PTRACE_FORK", ""),
        ("vfork", "PTRACE_VFORK", ""),
        ("__vfork14", "PTRACE_VFORK|PTRACE_VFORK_DONE", "T: wait4 P [VFORK-DONE-EVENT]"),
    ):
        for caller, other in (("P", "L"), ("L", "P")):
            after = done and f"{done}\nT: PT_GET_SIGINFO P [VFORK-DONE-EVENT]\nT: PT_CONTINUE P"
            fields = {"name": name, "caller": caller, "other": other, "call": f"{name} C"}
            fields |= {"traced": _TRACED.format(events=events).strip(), "after": after}
            yield from _parse(_STOPS.format(**fields))
