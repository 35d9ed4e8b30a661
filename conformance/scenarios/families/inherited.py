"""What a child inherits from its parent, as kern.proc2 and its own calls show it.

Each matter is tested after each of the calls, since all of them lead to
the same fork1.  Addresses are only compared, never shown.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from conformance.scenarios.families.calls import calls
from reference_model import Scenario, parse

_CALLS = calls("fork", "vfork", "__vfork14", "clone", "clone-all", "clone-vfork")

# A child that does not run takes no step, and before its first step its process is not known.
_RUNS = "C: getppid [RUNNABLE]\nQ: kinfo C p_realstat [RUNNABLE]\n"

# The clauses, the steps of P before, and those of C after: Q only looks, and is a root.
_MATTERS: dict[str, tuple[str, str, str]] = {
    "nice": (
        "ZERO-AND-COPY",
        "P: nice 7",
        "C: kinfo C p_nice\nC: nice 9\nQ: kinfo P p_nice\nQ: kinfo Q p_nice",
    ),
    "command": ("ZERO-AND-COPY", "", "C: kinfo C p_comm\nC: compare P C p_comm"),
    "group": (
        "PROCESS-LISTS ZERO-AND-COPY",
        "",
        "C: compare P C p__pgid\nC: compare P C p_sess",
    ),
    "timers": (
        "ZERO-AND-COPY",
        "P: setitimer real\nP: setitimer virtual\nP: setitimer prof",
        "C: getitimer real\nC: getitimer virtual\nC: getitimer prof\nC: setitimer real",
    ),
    "posix-timer": (
        "ZERO-AND-COPY",
        "P: timer_create\nP: timer_gettime",
        "C: timer_gettime\nC: timer_create\nC: timer_gettime",
    ),
    "floating-point": ("LWP", "", "C: fp_register\nC: fork D\nD: fp_register"),
    "aio": (
        "NO-AIO",
        "P: open 20\nP: aio_read 20\nP: aio_error",
        "C: aio_error\nC: aio_read 20\nC: aio_error",
    ),
    "lwps": ("FRESH-LISTS", "P: open 20\nP: aio_read 20\nP: kinfo P p_nlwps", "C: kinfo C p_nlwps"),
    "emulation": ("EMULATION-INHERITED", "", "C: kinfo C p_ename"),
    "accounting": ("ACCOUNTING-FLAG", "", "C: kinfo C p_acflag\nQ: kinfo P p_acflag"),
    "start": (
        "START-TIME",
        "P: tick",
        "C: compare P C start\nC: compare Q C start\nC: compare C C start",
    ),
    # P has its path from a fork, too: D's is its own, since it has run exec.
    "path": (
        "TEXT-AND-PATH",
        "P: pipe 20 21\nP: vfork D\nD: close 21\nD: exec 20\nP: tick",
        "C: compare P C pathname\nQ: compare P C pathname\nC: compare D C pathname",
    ),
    "text": ("TEXT-AND-PATH", "", "C: compare P C p_textvp\nQ: compare Q C p_textvp"),
    "state": ("RUNNABLE", "", "C: kinfo C p_realstat\nQ: kinfo P p_realstat\nQ: stopped C"),
    "exit-signal": ("EXIT-SIGNAL", "", "C: kinfo C p_exitsig"),
    "ras": (
        "RAS",
        "P: rasctl install",
        "C: rasctl purge\nC: rasctl purge\nC: rasctl install",
    ),
    "no-ras": ("RAS", "P: rasctl install\nP: rasctl purge", "C: rasctl purge"),
    "private": ("LWP-PRIVATE", "P: setprivate 4711", "C: getprivate\nC: setprivate 4712"),
    "no-private": ("LWP-PRIVATE", "", "C: getprivate"),
    "signal-stack": ("LWP", "P: sigaltstack 16384", "C: sigaltstack\nC: sigaltstack 32768"),
    "no-signal-stack": ("LWP", "", "C: sigaltstack"),
    "profiled": ("PROFILING", "P: profil", "C: flags C P_PROFIL\nQ: flags Q P_PROFIL"),
    "not-profiled": ("PROFILING", "", "C: flags C P_PROFIL"),
    "childrens-usage": (
        "STATS",
        "P: fork D\nD: exit 3\nP: wait4 D\nP: childrens_usage",
        "C: childrens_usage\nC: compare P C p_stats",
    ),
    "ppwait": ("PPWAIT-MARK", "", "C: flags C P_PPWAIT\nQ: flags P P_PPWAIT"),
    "flags": (
        "FLAGS-INHERITED",
        "P: sigaction SIGCHLD ignore\nP: setreuid -1 free1\nP: setreuid -1 0",
        "C: flags C P_SUGID|P_CLDSIGIGN|P_NOCLDWAIT|P_EXEC\nC: flags Q P_SUGID|P_CLDSIGIGN",
    ),
    "no-flags": (
        "FLAGS-INHERITED",
        "",
        "C: flags C P_SUGID|P_CLDSIGIGN|P_NOCLDWAIT|P_EXEC\n"
        "C: flags C P_NOCLDSTOP|P_TRACED|P_CHTRACED|P_SYSCALL [TRACE-STATE-NOT-INHERITED]",
    ),
    "nocldwait": (
        "FLAGS-INHERITED",
        "P: nocldwait",
        "C: flags C P_NOCLDWAIT|P_CLDSIGIGN\nC: fork D\nD: exit 3\nC: wait4 any",
    ),
    "nocldstop": (
        "STOP-FLAGS-INHERITED",
        "P: nocldstop",
        _RUNS + "C: flags C P_NOCLDSTOP|P_STOPFORK|P_STOPEXEC",
    ),
    "stopexec": (
        "STOP-FLAGS-INHERITED",
        "Q: stopexec P 1",
        _RUNS + "C: flags C P_NOCLDSTOP|P_STOPFORK|P_STOPEXEC",
    ),
    "descriptors": ("FILES", "", "C: compare P C p_fd"),
    "directory": ("CWD", "", "C: compare P C p_cwdi"),
    "limits-shared": ("LIMITS", "", "C: compare P C p_limit\nC: compare Q C p_limit"),
    "limits-copied": (
        "LIMITS",
        "P: setrlimit 900 1000",
        "C: compare P C p_limit\nC: setrlimit 800 1000\nC: compare P C p_limit",
    ),
    "memory": ("ADDRESS-SPACE", "", "C: compare P C p_vmspace"),
    **{
        f"page-{how.lower()}": (
            "ADDRESS-SPACE",
            f"P: page_store 1\nP: minherit MAP_INHERIT_{how}",
            "C: page_load\nC: page_store 2\nC: fork D\nD: page_load\nD: page_store 3\n"
            "D: exit 0\nC: wait4 D [EXIT-SIGNAL]\nC: page_load",
        )
        for how in ("COPY", "SHARE", "NONE", "ZERO")
    },
    "actions": ("SIGNAL-ACTIONS", "", "C: compare P C p_sigacts"),
}

# After C's end P tests what C must not have changed.
_AFTERWARDS = {
    "nice": "P: kinfo P p_nice",
    "timers": "P: getitimer real",
    "posix-timer": "P: timer_gettime",
    "ras": "P: rasctl purge\nP: rasctl purge",
    "private": "P: getprivate",
    "signal-stack": "P: sigaltstack",
    "childrens-usage": "P: childrens_usage",
    "aio": "P: aio_error",
    **dict.fromkeys(("page-copy", "page-share", "page-none", "page-zero"), "P: page_load"),
}

_BORN_STOPPED = """
scenario inherited/{name}/born-stopped
about STOPFORK STOP-FLAGS-INHERITED
Q: stopfork P 1
{call}
Q: kinfo C p_realstat
Q: flags C P_STOPFORK|P_STOPEXEC     [STOP-FLAGS-INHERITED]
Q: kill C SIGCONT
C: getppid
C: exit 3
P: wait4 C

scenario inherited/{name}/not-born-stopped
about RUNNABLE STOPFORK
Q: stopfork P 1
Q: stopfork P 0
{call}
C: flags C P_STOPFORK|P_STOPEXEC
C: kinfo C p_realstat
C: exit 3
P: wait4 C
"""

_STOPPED = """
scenario inherited/stopfork/parent-finds-it
about STOPFORK
Q: stopfork P 1
P: fork C
P: stopped C
P: stopped C
Q: kill C SIGCONT
C: exit 3
P: wait4 C

scenario inherited/stopfork/counted
about STOPFORK
Q: stopfork P 1
P: fork C
Q: stopfork P 0
P: fork D
P: stopped any
P: stopped any
Q: kill C SIGCONT
C: exit 3
P: wait4 C
D: exit 4
P: wait4 D

scenario inherited/stopfork/two
about STOPFORK
Q: stopfork P 1
P: fork C
P: fork D
P: stopped C
P: stopped D
P: stopped any
Q: kill D SIGCONT
D: exit 4
P: wait4 D
Q: kill C SIGCONT
C: exit 3
P: wait4 C

scenario inherited/stopfork/grandchild
about STOP-FLAGS-INHERITED STOPFORK
Q: stopfork P 1
P: fork C
Q: stopfork P 0
Q: kill C SIGCONT
C: fork D
Q: kinfo D p_realstat
Q: flags P P_STOPFORK
Q: kill D SIGCONT
D: exit 4
C: wait4 D
C: exit 3
P: wait4 C

scenario inherited/stopfork/killed
about STOPFORK
Q: stopfork P 1
P: fork C
Q: kill C SIGKILL
P: wait4 C

scenario inherited/stopexec/cleared-again
about STOP-FLAGS-INHERITED
Q: stopexec P 1
Q: stopexec P 0
P: fork C
C: flags C P_STOPEXEC
C: exec 20
P: wait4 C

scenario inherited/nocldstop/works-in-the-child
about STOP-FLAGS-INHERITED
P: nocldstop
P: fork C
C: flags C P_NOCLDSTOP
C: sigaction SIGCHLD catch
C: flags C P_NOCLDSTOP
Q: flags P P_NOCLDSTOP

scenario inherited/tty/with
about CONTROLLING-TTY
P: fork C
C: setsid
C: flags C P_CONTROLT
C: controlling_tty
C: flags C P_CONTROLT
C: fork D
D: flags D P_CONTROLT
D: fork E
E: flags E P_CONTROLT
E: exit 0
D: wait4 E
D: exit 0
C: wait4 D

scenario inherited/tty/session-has-none
about CONTROLLING-TTY
P: fork C
C: setsid
C: fork D
D: flags D P_CONTROLT

scenario inherited/tty/process-has-none
about CONTROLLING-TTY
P: fork C
C: setsid
C: fork D
C: controlling_tty
D: flags D P_CONTROLT
D: fork E
E: flags E P_CONTROLT
C: fork F
F: flags F P_CONTROLT

scenario inherited/tty/leader-dead
about CONTROLLING-TTY
P: fork C
C: setsid
C: controlling_tty
C: fork D
C: exit 0
P: wait4 C
D: flags D P_CONTROLT
D: fork E
E: flags E P_CONTROLT
"""

# A kernel with close-on-fork: kern_fork.c 1.232.
_CLOSE_ON_FORK = """
scenario inherited/clofork/clone-files-refused
about CLONE-FILES-CLOSE-ON-FORK
P: open 20
P: clofork 20
P: __clone CLONE_FILES|SIGCHLD C
P: __clone CLONE_VM|CLONE_FS|CLONE_FILES|CLONE_SIGHAND|CLONE_VFORK|SIGCHLD -
P: __clone SIGCHLD D

scenario inherited/clofork/set-by-another-lwp
about CLONE-FILES-CLOSE-ON-FORK FILES
P: _lwp_create L
P: open 20
P: clofork 20
L: __clone CLONE_FILES|SIGCHLD C
L: fork D                [FILES]
D: tell 20               [FILES]

scenario inherited/clofork/stays-set-after-close
about CLONE-FILES-CLOSE-ON-FORK FILES
P: open 20
P: clofork 20
P: close 20
P: __clone CLONE_FILES|SIGCHLD C
P: fork D
D: __clone CLONE_FILES|SIGCHLD E
E: exit 0
D: wait4 E
D: exit 0
P: wait4 D

scenario inherited/clofork/none-set
about CLONE-FILES-CLOSE-ON-FORK
P: open 20
P: clofork 21
P: __clone CLONE_FILES|SIGCHLD C
C: exit 0
P: wait4 C

scenario inherited/clofork/not-in-the-copy
about FILES
P: open 20
P: open 21
P: clofork 20
P: fork C
C: tell 20
C: tell 21
C: exit 0
P: wait4 C
P: tell 20
"""


def generate(random: Random) -> Iterator[Scenario]:
    for name, text in _CALLS.items():
        call = "P: " + text.format(child="C")
        blocks = "vfork" in name
        for matter, (about, before, looks) in _MATTERS.items():
            after = _AFTERWARDS.get(matter, "")
            # While its child lives, a blocked parent can only be looked at.
            lines = [f"scenario inherited/{name}/{matter}", f"about {about}", before, call]
            lines += [looks, "C: exit 3"]
            if matter != "flags":  # a parent that ignores SIGCHLD has no child to wait for
                lines += ["P: wait4 C     [EXIT-SIGNAL]"]
            elif blocks:
                lines += ["P: getppid"]
            lines += [after]
            yield from parse("\n".join(line for line in lines if line) + "\n")
        if not blocks:
            yield from parse(_BORN_STOPPED.format(name=name, call=call))
    yield from parse(_STOPPED)
    yield from parse(_CLOSE_ON_FORK)
