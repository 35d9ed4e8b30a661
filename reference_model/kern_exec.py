"""execve(2): what it does to all that fork copies or shares.

After sys/kern/kern_exec.c 1.531.2.1 (11.0_RC6), with its function names; line numbers
below are that file's.  It is none of kern_fork.c's promises: the model has it so that no
difference in exec is taken for one of fork's.

Most of the work is done by functions of other files, which stand in the modules of those
names: uvmspace_exec() in uvm_glue.py, cwdexec() in vfs_cwd.py, fd_closeexec() in
kern_descrip.py, execsigs() in kern_sig.py, knote_proc_exec() in kern_event.py, ktremul() in
kern_ktrace.py, exit_lwps() in kern_exit.py and lwp_ctl_exit() in kern_lwp.py.
"""

from __future__ import annotations

from typing import Final

from reference_model.kern_auth import kauth_authorize_process_rlimit_bypass
from reference_model.kern_descrip import fd_closeexec
from reference_model.kern_event import knote_proc_exec
from reference_model.kern_exit import exit_lwps, vfork_release
from reference_model.kern_ktrace import ktremul
from reference_model.kern_lwp import lwp_ctl_exit
from reference_model.kern_proc import chgproccnt
from reference_model.kern_sig import contsigmask, eventswitch, execsigs, sigclear
from reference_model.language.netbsd import (
    AFORK,
    EACCES,
    EAGAIN,
    EFAULT,
    ENOENT,
    ENOTDIR,
    LSSTOP,
    PK_EXEC,
    PK_SUGID,
    PL_PPWAIT,
    PS_STOPEXEC,
    PSL_TRACED,
    PST_PROFIL,
    RLIMIT_NPROC,
    SSTOP,
    TRAP_EXEC,
)
from reference_model.proc import Lwp, Sleeping
from reference_model.state import State
from reference_model.uvm_glue import uvmspace_exec
from reference_model.vfs_cwd import cwdexec

#: The errors of check_exec() (line 364) and of the calls before it, for a path that is wrong in
#: one way.
_ERRORS: Final = {
    # exec_makepathbuf(), line 692: copyinstr() of the path fails.
    "badaddress": EFAULT,
    # check_exec(), line 388, namei().
    "missing": ENOENT,
    "belowfile": ENOTDIR,
    # Line 410: only a regular file is a program.
    "directory": EACCES,
    "device": EACCES,
}


def execve1(k: State, l: Lwp, program: str) -> Sleeping:
    """Replaces the program of the process (line 1477); returns 0 or an error number.

    *program* says what the path leads to: one of ``_ERRORS``, or a program of the scenario.  The
    call returns 0 where C's returns EJUSTRETURN: the new program is about to begin.
    """
    error = execve_loadvm(k, l, program)
    if not error:
        yield from execve_runproc(k, l)
    return error


def execve_loadvm(k: State, l: Lwp, program: str) -> int:
    """Finds the program, and checks whether it may run (line 748); returns 0 or an error."""
    p = l.l_proc
    # Lines 782-789: a process that has changed its user may be over that user's limit.
    if (
        p.p_flag & PK_SUGID
        and kauth_authorize_process_rlimit_bypass(k, l.l_cred)
        and chgproccnt(k, l.l_cred.cr_uid, 0) > p.p_rlimit[RLIMIT_NPROC][0]
    ):
        return EAGAIN
    return _ERRORS.get(program, 0)


def execve_runproc(k: State, l: Lwp) -> Sleeping:
    """Gives the process the new program (line 1196)."""
    p = l.l_proc
    if p.p_nlwps > 1:  # lines 1216-1220
        yield from exit_lwps(k, l)
    lwp_ctl_exit(l)  # lines 1239-1240
    p.p_timers.discard("posix")  # line 1243, ptimers_free()
    uvmspace_exec(p)  # line 1257
    cwdexec(k, p)  # line 1272
    fd_closeexec(k, p)  # line 1273
    execsigs(p)  # line 1278
    p.p_acflag &= ~AFORK  # line 1282
    p.p_flag |= PK_EXEC  # line 1283
    credexec(l)  # line 1286
    p.p_raslist = None  # line 1294, ras_purgeall()
    p.p_stflag &= ~PST_PROFIL  # lines 1300-1304
    # Lines 1314-1335: a parent that waits in vfork goes on.  From here on another CPU runs it.
    if p.p_lflag & PL_PPWAIT:
        l.l_lwpctl = None
        vfork_release(k, p)
    if not k.has("exec-keeps-pending-signals"):  # line 1350, ksiginfo_exechook()
        sigclear(p)
    l.l_private = None  # line 1366
    knote_proc_exec(p)  # line 1388
    ktremul(p)  # line 1192, emulexec()
    # Lines 1405-1409: the tracer sees the new program before its first instruction.
    if p.p_slflag & PSL_TRACED:
        k.proc_lock.enter()
        p.p_lock.enter()
        yield from eventswitch(k, l, TRAP_EXEC, 0, 0)
    # Lines 1411-1430: proc.PID.stopexec stops it, and tells no parent.
    if p.p_sflag & PS_STOPEXEC:
        p.p_pptr.p_nstopchild += 1
        p.p_waited = 0
        sigclear(p, contsigmask)
        l.l_stat = LSSTOP
        p.p_stat = SSTOP
        p.p_nrlwps -= 1
        yield


def credexec(l: Lwp) -> None:
    """Forgets that the user was changed, if both user IDs are the same (lines 1111-1115).

    No program of a scenario is setuid or setgid.
    """
    p = l.l_proc
    if l.l_cred.cr_euid == l.l_cred.cr_uid:
        p.p_flag &= ~PK_SUGID
