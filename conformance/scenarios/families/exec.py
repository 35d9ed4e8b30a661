"""What exec does to all that fork has copied or shared: only the child's changes.

exec itself is no promise of kern_fork.c.  Each scenario names the clause of what the two processes
had in common before: a difference that exec alone makes belongs to kern_exec.c and to the files
that reference_model/kern_exec.py names.

A parent that waits in vfork goes on at exec, so the step after an exec is the parent's.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from conformance.scenarios.families.calls import calls
from reference_model import Scenario, parse

_CALLS = calls(
    *("fork", "vfork", "__vfork14", "clone-fs", "clone-files", "clone-sighand", "clone-vfork"),
    *("clone-vm-vfork", "clone-all"),
)

# The clauses; what P does before the call, C before exec, and both after it.
_MATTERS: dict[str, tuple[str, str, str, str]] = {
    "memory": (
        "ADDRESS-SPACE",
        "P: store 1",
        "C: store 2",
        "P: load\nC: load\nC: store 5\nP: load\nC: load",
    ),
    "page": (
        "ADDRESS-SPACE",
        "P: page_store 1\nP: minherit MAP_INHERIT_SHARE",
        "C: page_store 2",
        "P: page_load\nC: page_load\nC: page_store 5\nP: page_load",
    ),
    "vmspace": ("ADDRESS-SPACE", "", "C: compare P C p_vmspace", "P: compare P C p_vmspace"),
    "descriptors": (
        "FILES",
        "P: open 20\nP: open 21\nP: cloexec 21",
        "",
        "P: tell 21\nC: tell 20\nC: tell 21\nC: lseek 20 3\nC: close 20\nP: tell 20\nP: tell 21",
    ),
    "table": (
        "FILES",
        "P: open 20",
        "C: compare P C p_fd",
        "P: compare P C p_fd\nP: close 20\nC: tell 20\nC: open 21\nP: tell 21",
    ),
    "close-on-exec-in-child": (
        "FILES",
        "P: open 20\nP: dup2 20 21",
        "C: cloexec 20\nC: dup2 20 22",
        "P: tell 20\nC: tell 20\nC: tell 21\nC: tell 22",
    ),
    "close-on-fork": (
        "FILES CLONE-FILES-CLOSE-ON-FORK",
        "P: open 20",
        "C: clofork 20",
        "P: tell 20\nC: tell 20\nC: fork D\nD: tell 20\nD: exit 0\nC: wait4 D [EXIT-SIGNAL]",
    ),
    "parents-kqueue": ("FILES", "P: kqueue 30", "", "P: kevent 30\nC: kevent 30"),
    "own-kqueue": ("FILES", "", "C: kqueue 30", "P: kevent 30\nC: kevent 30"),
    "directory": (
        "CWD",
        "P: chdir /dev\nP: umask 027",
        "C: compare P C p_cwdi",
        "P: compare P C p_cwdi\nC: getcwd\nC: umask 077\nC: chdir /\nP: getcwd\nP: umask 022",
    ),
    "actions": (
        "SIGNAL-ACTIONS",
        "P: sigaction SIGUSR1 catch\nP: sigaction SIGUSR2 ignore\nP: sigaction SIGURG catch",
        "",
        "P: sigaction SIGUSR1\nC: sigaction SIGUSR1\nC: sigaction SIGUSR2\nC: sigaction SIGURG\n"
        "C: sigaction SIGUSR2 catch\n"
        "P: sigaction SIGUSR1\nP: sigaction SIGUSR2\nP: sigaction SIGURG",
    ),
    "ignored-sets": (
        "SIGNAL-ACTIONS ZERO-AND-COPY",
        "P: sigaction SIGURG catch\nP: sigaction SIGCONT catch\nP: sigaction SIGUSR1 ignore",
        "C: kinfo C p_sigignore SIGURG",
        "P: kinfo P p_sigignore SIGURG\nC: kinfo C p_sigignore SIGUSR1\n"
        "C: kinfo C p_sigignore SIGCONT\nC: kinfo C p_sigignore SIGURG",
    ),
    "shared-actions": (
        "SIGNAL-ACTIONS",
        "",
        "C: compare P C p_sigacts",
        "P: compare P C p_sigacts",
    ),
    "pending": (
        "SIGNAL-ACTIONS LWP",
        "P: sigaction SIGURG catch\nP: sigaction SIGUSR1 catch",
        "C: kill C SIGURG\nC: kill C SIGUSR1\nC: sigpending",
        "P: getppid\nC: sigpending\nC: kinfo C p_sigmask SIGUSR1\nC: kill C SIGURG\nC: sigpending",
    ),
    "nocldwait": (
        "FLAGS-INHERITED",
        "P: nocldwait",
        "C: flags C P_NOCLDWAIT",
        "P: flags P P_NOCLDWAIT\nC: flags C P_NOCLDWAIT\nC: fork D\nD: exit 3\n"
        "C: kinfo D p_realstat\nC: wait4 D",
    ),
    "ignored-children": (
        "FLAGS-INHERITED",
        "P: sigaction SIGCHLD ignore",
        "C: flags C P_CLDSIGIGN",
        "P: sigaction SIGCHLD default\nC: flags C P_CLDSIGIGN\nC: sigaction SIGCHLD\n"
        "C: kinfo C p_sigignore SIGCHLD",
    ),
    "nocldstop": (
        "STOP-FLAGS-INHERITED",
        "P: nocldstop",
        "",
        "P: flags P P_NOCLDSTOP\nC: flags C P_NOCLDSTOP",
    ),
    "changed-user": (
        "FLAGS-INHERITED",
        "P: setreuid -1 free1\nP: setreuid -1 0",
        "C: flags C P_SUGID|P_EXEC",
        "P: flags P P_SUGID|P_EXEC\nC: flags C P_SUGID|P_EXEC",
    ),
    "other-user": (
        "FLAGS-INHERITED",
        "P: setreuid free1 0",
        "C: flags C P_SUGID",
        "P: flags P P_SUGID\nC: flags C P_SUGID",
    ),
    "accounting": (
        "ACCOUNTING-FLAG",
        "",
        "C: kinfo C p_acflag",
        "P: kinfo P p_acflag\nC: kinfo C p_acflag\nC: fork D\nD: kinfo D p_acflag\n"
        "D: flags D P_EXEC\nD: exit 0\nC: wait4 D [EXIT-SIGNAL]",
    ),
    "signal-stack": (
        "LWP",
        "P: sigaltstack 16384",
        "C: sigaltstack 32768",
        "P: sigaltstack\nC: sigaltstack\nC: fork D\nD: sigaltstack\nD: exit 0\n"
        "C: wait4 D [EXIT-SIGNAL]",
    ),
    "private": (
        "LWP-PRIVATE",
        "P: setprivate 4711",
        "C: getprivate",
        "P: getprivate\nC: getprivate",
    ),
    "control-block": (
        "LWP",
        "P: _lwp_ctl",
        "",
        "P: lc_pctr\nC: lc_pctr\nC: _lwp_ctl\nC: lc_pctr",
    ),
    "own-control-block": (
        "LWP",
        "",
        "C: _lwp_ctl",
        "P: getppid\nC: lc_pctr\nC: _lwp_ctl\nC: lc_pctr",
    ),
    "ras": ("RAS", "P: rasctl install", "", "P: rasctl purge\nC: rasctl purge"),
    "profiled": (
        "PROFILING",
        "P: profil",
        "C: flags C P_PROFIL",
        "P: flags P P_PROFIL\nC: flags C P_PROFIL",
    ),
    "timers": ("ZERO-AND-COPY", "", "C: setitimer real", "P: getitimer real\nC: getitimer real"),
    "limits": (
        "LIMITS",
        "P: setrlimit 900 1000",
        "C: compare P C p_limit",
        "P: compare P C p_limit\nC: getrlimit",
    ),
    "nice": ("ZERO-AND-COPY", "P: nice 3", "C: nice 7", "P: kinfo P p_nice\nC: kinfo C p_nice"),
    "ppwait": (
        "PPWAIT-MARK",
        "",
        "C: flags C P_PPWAIT",
        "P: flags C P_PPWAIT\nC: flags C P_PPWAIT\nC: vfork D\nD: exit 0\nC: wait4 D [EXIT-SIGNAL]",
    ),
    "failing": (
        "VFORK-WAIT ADDRESS-SPACE",
        "P: store 1\nP: open 20\nP: cloexec 20\nP: sigaction SIGUSR1 catch",
        "C: exec missing\nC: exec belowfile\nC: exec directory\nC: exec device\n"
        "C: exec badaddress\nC: store 2\n"
        "C: tell 20 [FILES]\nC: sigaction SIGUSR1 [SIGNAL-ACTIONS]\n"
        "C: kinfo C p_acflag [ACCOUNTING-FLAG]",
        "P: load\nC: load",
    ),
    "twice": (
        "VFORK-WAIT",
        "",
        "",
        "P: getppid\nC: getppid [PARENT]\nC: exec missing\nC: exec self\nC: getppid [PARENT]",
    ),
}

_TRACED = """
scenario exec/{name}/traced-by-parent
about {clause} TRACE-STATE-NOT-INHERITED
P: {call_C}
C: PT_TRACE_ME
C: exec self
P: wait4 C                      [EXIT-SIGNAL]
P: PT_GET_SIGINFO C
P: PT_GET_PROCESS_STATE C
P: PT_CONTINUE C
C: getppid                      [PARENT]
C: exit 3
P: wait4 C                      [EXIT-SIGNAL]

scenario exec/{name}/traced-child
about {clause} TRACE-REPARENT
T: spawn P
T: wait4 P
T: PT_SET_EVENT_MASK P PTRACE_FORK|PTRACE_VFORK|PTRACE_VFORK_DONE
T: PT_CONTINUE P
P: {call_C}
T: wait4 P
T: PT_GET_PROCESS_STATE P       [TRACE-PARENT-EVENT]
T: wait4 C                      [CHILD-EVENT]
T: PT_CONTINUE P
T: PT_CONTINUE C
C: exec self
T: wait4 C
T: PT_GET_SIGINFO C
{done}T: PT_CONTINUE C
C: exit 3
T: wait4 C
P: wait4 C                      [EXIT-SIGNAL]

scenario exec/{name}/watched
about KNOTES FRESH-LISTS
Q: kqueue 30
Q: watch 30 P NOTE_TRACK|NOTE_EXEC
P: {call_C}
C: exec missing
C: exec self
P: getppid
Q: kevent 30
C: exec self
Q: kevent 30
C: exit 3
P: wait4 C                      [EXIT-SIGNAL]

scenario exec/{name}/recorded
about KTRACE-INHERITED
P: pipe 24 25
P: ktrace 25 P KTRFAC_EMUL|KTRFAC_USER|KTRFAC_INHERIT
P: {call_C}
C: exec self
P: getppid
C: utrace
C: exit 3
P: wait4 C                      [EXIT-SIGNAL]
P: ktrace_end 25
P: close 25
P: records 24 C

scenario exec/{name}/stopexec
about STOP-FLAGS-INHERITED {clause}
Q: stopexec P 1
P: {call_C}
C: exec self
P: getppid
Q: kinfo C p_realstat
Q: kill C SIGCONT
C: getppid                      [PARENT]
C: exit 3
P: wait4 C                      [EXIT-SIGNAL]

scenario exec/{name}/refused-in-child
about NPROC-LIMIT {clause}
P: {call_C}
C: setrlimit 0 10
C: setreuid free1 free1
C: exec missing
C: exec self
C: setrlimit 1 10
C: exec missing
C: exec self
P: getppid
C: flags C P_SUGID              [FLAGS-INHERITED]
C: setrlimit 0 10
C: exec self
C: exit 3
P: wait4 C                      [EXIT-SIGNAL]

scenario exec/{name}/keeps-its-end
about FILES {clause}
P: pipe 20 21
P: {call_C}
C: cloexec 21
C: exec 20
P: wait4 C WNOHANG              [EXIT-SIGNAL]
P: close 21
P: wait4 C                      [EXIT-SIGNAL]

scenario exec/{name}/second-lwp
about LWP {clause}
P: {call_C}
C: _lwp_create L
L: store 1                      [ADDRESS-SPACE]
L: exec self
P: getppid
C: getppid
P: kinfo C p_nlwps
L: load                         [ADDRESS-SPACE]
L: getppid                      [PARENT]
L: exit 3
P: wait4 C                      [EXIT-SIGNAL]
"""

_OTHERS = """
scenario exec/traced-in-vforked-child
about VFORK-WAIT
P: pipe 20 21
P: __vfork14 C
C: PT_TRACE_ME
C: close 21
C: exec 20
P: wait4 C

scenario exec/refused-over-the-limit
about NPROC-LIMIT
R: fork P
P: pipe 20 21
P: setrlimit 0 10
P: setreuid free1 free1
P: close 21
P: exec 20
R: wait4 P

scenario exec/no-limit-for-root
about NPROC-LIMIT
P: setrlimit 0 10
P: setreuid free1 0
P: exec self
P: setreuid free1 free1
P: exec self

scenario exec/step-over-too-early
about VFORK-WAIT
R: fork P
P: pipe 20 21
P: _lwp_create L
P: __vfork14 C
L: close 21
L: exec 20
C: load
C: exit 0
R: wait4 P

scenario exec/forgets-nocldwait
about FLAGS-INHERITED
P: pipe 20 21
P: fork C
C: close 21
C: nocldwait
C: fork D
D: close 21
C: exec 20
D: exit 3
P: kinfo D p_realstat
P: close 21
P: wait4 C

scenario exec/second-lwp/while-the-first-waits
about LWP VFORK-WAIT
R: fork P
P: _lwp_create L
P: __vfork14 C
L: exec self
C: load
C: exit 0
L: getppid                      [PARENT]
P: getppid
L: kinfo P p_nlwps
L: exit 3
R: wait4 P                      [EXIT-SIGNAL]

scenario exec/stopped-by-what-vfork-held-back
about VFORK-WAIT PPWAIT-MARK
P: __vfork14 C
C: sigprocmask unblock SIGTSTP
C: kill C SIGTSTP
C: exec self
P: getppid
C: sigpending
C: exit 3
P: wait4 C                      [EXIT-SIGNAL]

scenario exec/killed-at-its-trap
about TRACE-STATE-NOT-INHERITED
P: fork C
C: PT_TRACE_ME
C: exec self
P: wait4 C
P: PT_KILL C
P: wait4 C

scenario exec/detached-at-its-trap
about TRACE-STATE-NOT-INHERITED
P: fork C
C: PT_TRACE_ME
C: exec self
P: wait4 C
P: PT_DETACH C
C: exec self
C: exit 3
P: wait4 C
"""


def generate(random: Random) -> Iterator[Scenario]:
    for name, text in _CALLS.items():
        call = text.format(child="C")
        for matter, (about, before, prepared, after) in _MATTERS.items():
            steps = [before, f"P: {call}", prepared, "C: exec self", after]
            ends = ["C: exit 3", "P: wait4 C [EXIT-SIGNAL]"]
            lines = "\n".join(line for line in (*steps, *ends) if line)
            yield from parse(f"scenario exec/{name}/{matter}\nabout {about}\n{lines}\n")
        blocks = "vfork" in name
        fields = {
            "name": name,
            "call_C": call,
            "clause": "VFORK-WAIT" if blocks else "SYS-FORK",
            "done": "T: wait4 P\nT: PT_GET_PROCESS_STATE P [VFORK-DONE-EVENT]\nT: PT_CONTINUE P\n"
            if blocks
            else "",
        }
        yield from parse(_TRACED.format(**fields))
    yield from parse(_OTHERS)
