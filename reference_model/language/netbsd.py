"""NetBSD's numbers, under NetBSD's names.

NetBSD's headers define every name here, except the kernel-only names in the second table
below.  ``tests/test_constants.py`` compiles
the public ones against the headers of NetBSD 10.1 and compares; nothing in this
file comes from memory alone.
"""

from __future__ import annotations

from typing import Final

# <sys/sched.h>: the flags of __clone(2).
CLONE_CSIGNAL: Final = 0x000000FF
CLONE_VM: Final = 0x00000100
CLONE_FS: Final = 0x00000200
CLONE_FILES: Final = 0x00000400
CLONE_SIGHAND: Final = 0x00000800
CLONE_PTRACE: Final = 0x00002000
CLONE_VFORK: Final = 0x00004000

CLONE_FLAGS: Final = {
    "CLONE_VM": CLONE_VM,
    "CLONE_FS": CLONE_FS,
    "CLONE_FILES": CLONE_FILES,
    "CLONE_SIGHAND": CLONE_SIGHAND,
    "CLONE_PTRACE": CLONE_PTRACE,
    "CLONE_VFORK": CLONE_VFORK,
}

SCHED_OTHER: Final = 0
SCHED_FIFO: Final = 1
SCHED_RR: Final = 2
POLICIES: Final = {
    "SCHED_OTHER": SCHED_OTHER,
    "SCHED_FIFO": SCHED_FIFO,
    "SCHED_RR": SCHED_RR,
}

# <sys/signal.h>
_NSIG: Final = 64
SIGRTMIN: Final = 33
SIGRTMAX: Final = 63
SIGNALS: Final = {
    "SIGHUP": 1,
    "SIGINT": 2,
    "SIGQUIT": 3,
    "SIGILL": 4,
    "SIGTRAP": 5,
    "SIGABRT": 6,
    "SIGEMT": 7,
    "SIGFPE": 8,
    "SIGKILL": 9,
    "SIGBUS": 10,
    "SIGSEGV": 11,
    "SIGSYS": 12,
    "SIGPIPE": 13,
    "SIGALRM": 14,
    "SIGTERM": 15,
    "SIGURG": 16,
    "SIGSTOP": 17,
    "SIGTSTP": 18,
    "SIGCONT": 19,
    "SIGCHLD": 20,
    "SIGTTIN": 21,
    "SIGTTOU": 22,
    "SIGIO": 23,
    "SIGXCPU": 24,
    "SIGXFSZ": 25,
    "SIGVTALRM": 26,
    "SIGPROF": 27,
    "SIGWINCH": 28,
    "SIGINFO": 29,
    "SIGUSR1": 30,
    "SIGUSR2": 31,
    "SIGPWR": 32,
}
SIGHUP: Final = SIGNALS["SIGHUP"]
SIGTRAP: Final = SIGNALS["SIGTRAP"]
SIGKILL: Final = SIGNALS["SIGKILL"]
SIGSTOP: Final = SIGNALS["SIGSTOP"]
SIGCONT: Final = SIGNALS["SIGCONT"]
SIGCHLD: Final = SIGNALS["SIGCHLD"]
TRAP_EXEC: Final = 3
TRAP_CHLD: Final = 4
TRAP_LWP: Final = 5

# <errno.h>
ERRNO: Final = {
    "EPERM": 1,
    "ESRCH": 3,
    "EINTR": 4,
    "EBADF": 9,
    "ECHILD": 10,
    "EAGAIN": 35,
    "ENOMEM": 12,
    "EBUSY": 16,
    "EEXIST": 17,
    "EMFILE": 24,
    "EINVAL": 22,
    "ENOENT": 2,
    "EACCES": 13,
    "EFAULT": 14,
    "ENOTDIR": 20,
}
EPERM: Final = ERRNO["EPERM"]
ESRCH: Final = ERRNO["ESRCH"]
EINTR: Final = ERRNO["EINTR"]
EBADF: Final = ERRNO["EBADF"]
ECHILD: Final = ERRNO["ECHILD"]
EAGAIN: Final = ERRNO["EAGAIN"]
ENOMEM: Final = ERRNO["ENOMEM"]
EBUSY: Final = ERRNO["EBUSY"]
EEXIST: Final = ERRNO["EEXIST"]
EMFILE: Final = ERRNO["EMFILE"]
EINVAL: Final = ERRNO["EINVAL"]
ENOENT: Final = ERRNO["ENOENT"]
EACCES: Final = ERRNO["EACCES"]
EFAULT: Final = ERRNO["EFAULT"]
ENOTDIR: Final = ERRNO["ENOTDIR"]

# <sys/wait.h>
WNOHANG: Final = 0x00000001
WUNTRACED: Final = 0x00000002
WALTSIG: Final = 0x00000004
WALLSIG: Final = 0x00000008
WCONTINUED: Final = 0x00000010
WEXITED: Final = 0x00000020
WTRAPPED: Final = 0x00000040
WNOWAIT: Final = 0x00010000
WNOZOMBIE: Final = 0x00020000
WAIT_OPTIONS: Final = {
    "WNOHANG": WNOHANG,
    "WUNTRACED": WUNTRACED,
    "WALTSIG": WALTSIG,
    "WALLSIG": WALLSIG,
    "WCONTINUED": WCONTINUED,
}
WAIT6_OPTIONS: Final = {
    **WAIT_OPTIONS,
    "WEXITED": WEXITED,
    "WTRAPPED": WTRAPPED,
    "WNOWAIT": WNOWAIT,
    "WNOZOMBIE": WNOZOMBIE,
}

# <sys/idtype.h>
P_ALL: Final = 0
P_PID: Final = 1
P_PGID: Final = 4
IDTYPES: Final = {"P_ALL": P_ALL, "P_PID": P_PID, "P_PGID": P_PGID}

# <sys/mman.h>
MAP_INHERIT_SHARE: Final = 0
MAP_INHERIT_COPY: Final = 1
MAP_INHERIT_NONE: Final = 2
MAP_INHERIT_ZERO: Final = 4
INHERITANCES: Final = {
    "MAP_INHERIT_SHARE": MAP_INHERIT_SHARE,
    "MAP_INHERIT_COPY": MAP_INHERIT_COPY,
    "MAP_INHERIT_NONE": MAP_INHERIT_NONE,
    "MAP_INHERIT_ZERO": MAP_INHERIT_ZERO,
}

# <sys/resource.h>
RLIMIT_NPROC: Final = 7

# <sys/ptrace.h>
PTRACE_FORK: Final = 0x0001
PTRACE_VFORK: Final = 0x0002
PTRACE_VFORK_DONE: Final = 0x0004
PTRACE_LWP_CREATE: Final = 0x0008
PTRACE_LWP_EXIT: Final = 0x0010
PTRACE_POSIX_SPAWN: Final = 0x0020
PTRACE_EVENTS: Final = {
    "PTRACE_FORK": PTRACE_FORK,
    "PTRACE_VFORK": PTRACE_VFORK,
    "PTRACE_VFORK_DONE": PTRACE_VFORK_DONE,
    "PTRACE_LWP_CREATE": PTRACE_LWP_CREATE,
    "PTRACE_LWP_EXIT": PTRACE_LWP_EXIT,
    "PTRACE_POSIX_SPAWN": PTRACE_POSIX_SPAWN,
}
PT_CONTINUE: Final = 7
PT_KILL: Final = 8
PT_ATTACH: Final = 9
PT_DETACH: Final = 10

# <sys/sysctl.h>: what kern.proc2 shows of a process.
P_FLAGS: Final = {
    "P_CONTROLT": 0x00000002,
    "P_NOCLDSTOP": 0x00000008,
    "P_PPWAIT": 0x00000010,
    "P_PROFIL": 0x00000020,
    "P_SUGID": 0x00000100,
    "P_TRACED": 0x00000800,
    "P_EXEC": 0x00004000,
    "P_NOCLDWAIT": 0x00020000,
    "P_CLDSIGIGN": 0x00080000,
    "P_CHTRACED": 0x00400000,
    "P_STOPFORK": 0x00800000,
    "P_STOPEXEC": 0x01000000,
    "P_SYSCALL": 0x04000000,
}

# <sys/acct.h>
ACCOUNTING_FLAGS: Final = {
    "AFORK": 0x01,
    "ASU": 0x02,
    "ACOMPAT": 0x04,
    "ACORE": 0x08,
    "AXSIG": 0x10,
}
AFORK: Final = ACCOUNTING_FLAGS["AFORK"]

# <sys/event.h>: of EVFILT_PROC.
NOTE_TRACK: Final = 0x00000001
NOTE_TRACKERR: Final = 0x00000002
NOTE_CHILD: Final = 0x00000004
NOTE_EXEC: Final = 0x20000000
NOTE_FORK: Final = 0x40000000
NOTE_EXIT: Final = 0x80000000
NOTES: Final = {
    "NOTE_TRACK": NOTE_TRACK,
    "NOTE_TRACKERR": NOTE_TRACKERR,
    "NOTE_CHILD": NOTE_CHILD,
    "NOTE_FORK": NOTE_FORK,
    "NOTE_EXEC": NOTE_EXEC,
    "NOTE_EXIT": NOTE_EXIT,
}

# <sys/ktrace.h>
KTR_SYSRET: Final = 2
KTR_EMUL: Final = 7
KTR_USER: Final = 8
KTRFAC_TRC_EMUL: Final = 0x10000000
KTRFAC_INHERIT: Final = 0x40000000
TRACE_FACILITIES: Final = {
    "KTRFAC_SYSRET": 0x00000004,
    "KTRFAC_PSIG": 0x00000020,
    "KTRFAC_EMUL": 0x00000080,
    "KTRFAC_USER": 0x00000100,
    "KTRFAC_TRC_EMUL": KTRFAC_TRC_EMUL,
    "KTRFAC_INHERIT": KTRFAC_INHERIT,
}

# <sys/syscall.h>
SYS_fork: Final = 2
SYS_vfork: Final = 66
SYS___vfork14: Final = 282
SYS___clone: Final = 287

# ---------------------------------------------------------------------------
# Kernel-only: no user header has them.  sys/sys/proc.h 1.373, 10.99.12.

#: <sys/sched.h> until kern_fork.c 1.225: refused before, a bit like any other since.
CLONE_PID: Final = 0x00001000

FORK_PPWAIT: Final = 0x0001
FORK_SHAREVM: Final = 0x0002
FORK_SHARECWD: Final = 0x0004
FORK_SHAREFILES: Final = 0x0008
FORK_SHARESIGS: Final = 0x0010
FORK_NOWAIT: Final = 0x0020
FORK_CLEANFILES: Final = 0x0040
FORK_SYSTEM: Final = 0x0080

SIDL: Final = 1
SACTIVE: Final = 2
SDYING: Final = 3
SSTOP: Final = 4
SZOMB: Final = 5
SDEAD: Final = 6

PK_SYSTEM: Final = 0x00000002
PK_SUGID: Final = 0x00000100
PK_EXEC: Final = 0x00004000
PK_NOCLDWAIT: Final = 0x00020000
PK_32: Final = 0x00040000
PK_CLDSIGIGN: Final = 0x00080000

PS_NOCLDSTOP: Final = 0x00000008
PS_WEXIT: Final = 0x00002000
PS_STOPFORK: Final = 0x00800000
PS_STOPEXEC: Final = 0x01000000
PS_CONTINUED: Final = 0x40000000
PS_STOPPING: Final = 0x80000000

PSL_TRACEFORK: Final = 0x00000001
PSL_TRACEVFORK: Final = 0x00000002
PSL_TRACEVFORK_DONE: Final = 0x00000004
PSL_TRACELWP_CREATE: Final = 0x00000008
PSL_TRACELWP_EXIT: Final = 0x00000010
PSL_TRACEPOSIX_SPAWN: Final = 0x00000020
PSL_TRACED: Final = 0x00000040
PSL_TRACEDCHILD: Final = 0x00000080
PSL_CHTRACED: Final = 0x00000100
PSL_SYSCALL: Final = 0x00000200

PST_PROFIL: Final = 0x00000020

PL_CONTROLT: Final = 0x00000001
PL_PPWAIT: Final = 0x00000002

# sys/sys/lwp.h
LSIDL: Final = 1
LSRUN: Final = 2
LSSLEEP: Final = 3
LSSTOP: Final = 4
LSZOMB: Final = 5
LSONPROC: Final = 7
LWP_VFORK: Final = 0x80000000

# sys/sys/mutex.h, sys/arch/x86/include/intrdefs.h
MUTEX_DEFAULT: Final = 2
IPL_NONE: Final = 0
IPL_HIGH: Final = 8

# sys/sys/param.h: what p_nice is for a nice value of 0.
NZERO: Final = 20

# sys/sys/signalvar.h: what an untouched signal does (sigprop[]).
SA_KILL: Final = 0x01
SA_CORE: Final = 0x02
SA_STOP: Final = 0x04
SA_TTYSTOP: Final = 0x08
SA_IGNORE: Final = 0x10
SA_CONT: Final = 0x20
SA_CANTMASK: Final = 0x40
SA_TOALL: Final = 0x200


def _sigprop() -> tuple[int, ...]:
    prop = [0] + [SA_KILL] * (_NSIG - 1)
    for name in [
        "SIGQUIT",
        "SIGILL",
        "SIGTRAP",
        "SIGABRT",
        "SIGEMT",
        "SIGFPE",
        "SIGBUS",
        "SIGSEGV",
        "SIGSYS",
    ]:
        prop[SIGNALS[name]] = SA_KILL | SA_CORE
    for name in ["SIGURG", "SIGCHLD", "SIGIO", "SIGWINCH", "SIGINFO", "SIGPWR"]:
        prop[SIGNALS[name]] = SA_IGNORE
    for name in ["SIGTSTP", "SIGTTIN", "SIGTTOU"]:
        prop[SIGNALS[name]] = SA_STOP | SA_TTYSTOP | SA_TOALL
    prop[SIGKILL] = SA_KILL | SA_CANTMASK | SA_TOALL
    prop[SIGSTOP] = SA_STOP | SA_CANTMASK | SA_TOALL
    prop[SIGCONT] = SA_IGNORE | SA_CONT | SA_TOALL
    return tuple(prop)


sigprop: Final = _sigprop()

SIGNAL_NAMES: Final = {number: name for name, number in SIGNALS.items()}
ERRNO_NAMES: Final = {number: name for name, number in ERRNO.items()}


def signal_name(number: int) -> str:
    """Returns the name of the signal *number*, or ``SIG<number>`` if NetBSD has none."""
    return SIGNAL_NAMES.get(number) or f"SIG{number}"


def signal_number(name: str) -> int:
    """Returns the number of the signal *name*: the inverse of :func:`signal_name`.

    Raises ``ValueError`` if *name* is no signal.
    """
    if name in SIGNALS:
        return SIGNALS[name]
    if name.startswith("SIG") and name.isascii() and name[3:].isdecimal():
        return int(name[3:])
    raise ValueError(f"{name!r} is no signal: expected SIGTERM, SIG40 or the like")


def names_of(table: dict[str, int], value: int) -> str:
    """Returns the names of the bits in *value*, joined by ``|``, or ``0``."""
    return "|".join(name for name, bit in table.items() if value & bit) or "0"
