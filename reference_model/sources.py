"""The function of NetBSD that each function of the model stands for.

A module has the name of its file in NetBSD, and a function that of the C function, apart from
the exceptions in the tables below.  A verb stands for the call that it makes.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from types import FunctionType, ModuleType

from reference_model.language.verbs import VERBS

#: The modules that are part of the model of another file, or of no file.
_OTHER_MODULES = ("kernel", "machine", "state", "callees", "clauses", "sources", "revisions")
#: The file of each module whose file has another name, or is in another folder.
_FILES = {
    "sys_ptrace": "sys/kern/sys_ptrace_common.c",
    "uvm_glue": "sys/uvm/uvm_glue.c",
    "proc": "sys/kern/kern_fork.c",
}
#: The function and the file of functions that have another name in C, or are in another file.
_FUNCTIONS = {
    "kern_auth.setreuid": "kern_prot.c:do_setresuid",
    "kern_descrip.fd_pipe": "sys_pipe.c:pipe1",
    "kern_descrip.fd_put": "kern_descrip.c:fd_dup2",
    "kern_event.kevent_collect": "kern_event.c:kqueue_scan",
    "kern_event.may_watch": "kern_event.c:filt_procattach",
    "kern_exit.P_EXITSIG": "kern_exit.c:exit_psignal",
    "kern_exit._collect": "kern_exit.c:do_sys_waitid",
    "kern_exit._reportable": "kern_exit.c:find_stopped_child",
    "kern_exit._selected": "kern_exit.c:match_process",
    "kern_exit.find_stopped": "kern_exit.c:find_stopped_child",
    "kern_exit.has_child": "kern_exit.c:match_process",
    "kern_exit.sys___wait450": "kern_exit.c:find_stopped_child",
    "kern_exit.vfork_release": "kern_exit.c:exit1",
    "kern_ktrace.ktremul": "kern_ktrace.c:ktr_emul",
    "kern_ktrace.ktrace_set": "kern_ktrace.c:ktrops",
    "kern_lwp._first_return": "kern_lwp.c:lwp_userret",
    "kern_lwp._traces": "kern_lwp.c:lwp_exit",
    "kern_lwp.mi_startlwp": "sys_lwp.c:mi_startlwp",
    "kern_lwp.postsig": "kern_sig.c:postsig",
    "kern_lwp.sys__lwp_create": "sys_lwp.c:sys__lwp_create",
    "kern_proc.chgproccnt": "kern_uidinfo.c:chgproccnt",
    "kern_resource.setrlimit": "kern_resource.c:dosetrlimit",
    "kern_sig._deliver": "kern_sig.c:kpsignal2",
    "kern_sig.kpsignal": "kern_sig.c:kpsignal2",
    "kern_sig.sigaction1": "sys_sig.c:sigaction1",
    "kern_synch._sleep": "kern_sleepq.c:sleepq_block",
    "kern_synch.cv_broadcast": "kern_condvar.c:cv_broadcast",
    "kern_synch.cv_wait": "kern_condvar.c:cv_wait",
    "kern_synch.cv_wait_sig": "kern_condvar.c:cv_wait_sig",
    "kern_synch.run": "kern_synch.c:mi_switch",
    "kern_synch.signotify": "kern_synch.c:mi_userret",
    "kern_synch.sleepq_abort": "kern_sleepq.c:sleepq_abort",
    "kern_synch.start": "kern_synch.c:mi_switch",
    "sys_ptrace.ptrace_attach": "sys_ptrace_common.c:do_ptrace",
    "sys_ptrace.ptrace_continue": "sys_ptrace_common.c:do_ptrace",
    "sys_ptrace.ptrace_traceme": "sys_ptrace_common.c:do_ptrace",
    "uvm_glue.uvmspace_exec": "sys/uvm/uvm_map.c:uvmspace_exec",
    "uvm_glue.uvmspace_fork": "sys/uvm/uvm_map.c:uvmspace_fork",
}
#: The file of the calls of each group of verbs; the call of a verb is ``sys_VERB``.
_GROUPS = {
    "births": "kern_fork.c",
    "exec": "kern_exec.c",
    "waits": "kern_exit.c",
    "signals": "sys_sig.c",
    "ptrace": "sys_ptrace_common.c",
    "files": "kern_descrip.c",
    "limits": "kern_resource.c",
    "kqueue": "kern_event.c",
    "ktrace": "kern_ktrace.c",
    "lwp": "sys_lwp.c",
    "memory": "sys/uvm/uvm_mmap.c",
    "process": "kern_proc.c",
    "attributes": "kern_resource.c",
    "system": "init_sysctl.c",
    "scheduling": "sys_sched.c",
}
#: The call of each verb that is in another file, or has another name.
_VERBS = {
    "__vfork14": "kern_fork.c:sys___vfork14",
    "exec": "kern_exec.c:execve1",
    "exit": "kern_exit.c:exit1",
    "wait4": "kern_exit.c:do_sys_wait",
    "stopped": "kern_exit.c:do_sys_waitid",
    "waitpg": "kern_exit.c:do_sys_waitid",
    "wait6": "kern_exit.c:do_sys_waitid",
    "setpgid": "kern_prot.c:sys_setpgid",
    "killpg": "kern_sig.c:killpg1",
    "burn": "sched_4bsd.c:sched_schedclock",
    "charged": "kern_proc.c:fill_kproc2",
    "mq_open": "sys_mqueue.c:mq_handle_open",
    "mq_open_max": "sys_mqueue.c:mq_handle_open",
    "timer_create": "kern_time.c:timer_create1",
    "timer_gettime": "kern_time.c:sys___timer_gettime50",
    "fp_register": "sys/arch/x86/x86/fpu.c:fpu_lwp_fork",
    "getppid": "kern_prot.c:sys_getppid",
    "getpgrp": "kern_prot.c:sys_getpgrp",
    "setsid": "kern_prot.c:sys_setsid",
    "setreuid": "kern_prot.c:do_setresuid",
    "kill": "sys_sig.c:kill1",
    "sigaction": "sys_sig.c:sigaction1",
    "nocldstop": "sys_sig.c:sigaction1",
    "nocldwait": "sys_sig.c:sigaction1",
    "sigprocmask": "sys_sig.c:sigprocmask1",
    "sigpending": "sys_sig.c:sigpending1",
    "sigaltstack": "sys_sig.c:sigaltstack1",
    "setrlimit": "kern_resource.c:dosetrlimit",
    "nice": "kern_resource.c:donice",
    "childrens_usage": "kern_resource.c:getrusage1",
    "stopfork": "kern_resource.c:sysctl_proc_stop",
    "stopexec": "kern_resource.c:sysctl_proc_stop",
    "setitimer": "kern_time.c:dosetitimer",
    "getitimer": "kern_time.c:dogetitimer",
    "rasctl": "kern_ras.c:sys_rasctl",
    "profil": "subr_prof.c:sys_profil",
    "controlling_tty": "tty.c:ttioctl",
    "setprivate": "sys_lwp.c:sys__lwp_setprivate",
    "getprivate": "sys_lwp.c:sys__lwp_getprivate",
    "lc_pctr": "kern_synch.c:mi_switch",
    "_lwp_ctl": "kern_lwp.c:lwp_ctl_alloc",
    "_lwp_exit": "kern_lwp.c:lwp_exit",
    "open": "vfs_syscalls.c:do_open",
    "pipe": "sys_pipe.c:pipe1",
    "cloexec": "sys_generic.c:sys_ioctl",
    "lseek": "vfs_vnops.c:vn_seek",
    "tell": "vfs_vnops.c:vn_seek",
    "chdir": "vfs_syscalls.c:sys_chdir",
    "getcwd": "vfs_getcwd.c:sys___getcwd",
    "umask": "vfs_syscalls.c:sys_umask",
    "aio_read": "sys_aio.c:sys_aio_read",
    "aio_error": "sys_aio.c:sys_aio_error",
    "watch": "kern_event.c:kqueue_register",
    "kevent": "kern_event.c:kqueue_scan",
    "ktrace": "kern_ktrace.c:ktrops",
    "ktrace_end": "kern_ktrace.c:ktrderefall",
    "records": "kern_ktrace.c:ktraddentry",
    "kinfo": "kern_proc.c:fill_kproc2",
    "compare": "kern_proc.c:fill_kproc2",
    "flags": "kern_proc.c:fill_kproc2",
    "maxproc": "init_sysctl.c:sysctl_kern_maxproc",
    "forkfsleep": "init_sysctl.c:sysctl_kern_forkfsleep",
    "tablefull": "subr_prf.c:tablefull",
}


@dataclass(frozen=True, slots=True)
class CFunction:
    """A function of NetBSD: the path of its file, and its name."""

    file: str
    name: str

    @property
    def base(self) -> str:
        """Returns the file's name without its folder."""
        return self.file.rpartition("/")[2]

    def __str__(self) -> str:
        return f"{self.base}, {self.name}()"


def _parse(text: str) -> CFunction:
    file, _, name = text.partition(":")
    return CFunction(file if "/" in file else f"sys/kern/{file}", name)


def modelled() -> Iterator[ModuleType]:
    """Yields the modules with functions of NetBSD, those of the verbs last."""
    package = f"{__package__}."
    names = sorted(name for name in sys.modules if name.startswith(package))
    helpers = {f"{package}verbs.call", f"{package}verbs.world"}
    for verbs in (False, True):
        for name in names:
            if name in helpers:
                continue
            parts = name.removeprefix(package).split(".")
            if parts[0] == "verbs" if verbs else len(parts) == 1 and parts[0] not in _OTHER_MODULES:
                yield sys.modules[name]


def c_function(function: FunctionType) -> CFunction:
    """Returns the function of NetBSD for which a function of :func:`modelled` stands."""
    *_, folder, module = function.__module__.split(".")
    if folder == "verbs":
        return CFunction(f"sys/kern/{_GROUPS.get(module, module)}", function.__name__)
    if text := _FUNCTIONS.get(f"{module}.{function.__name__}"):
        return _parse(text)
    return CFunction(_FILES.get(module, f"sys/kern/{module}.c"), function.__name__)


def call_of(verb: str) -> CFunction:
    """Returns the function of NetBSD that a verb calls."""
    if text := _VERBS.get(verb):
        return _parse(text)
    file = _GROUPS.get(VERBS[verb].group, "the system call's")
    return _parse(f"{file}:sys_{verb}")
