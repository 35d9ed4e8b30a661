"""kern_fork.c 1.232, to be read beside the C file from top to bottom.

The statements have the order and the names of the C file.  The comment at the end of a statement
is its clause (``clauses.toml``).  C's globals (``nprocs``, ``allproc``, ``initproc``) and the callees
are attributes of the kernel ``k`` (:mod:`reference_model.callees`).  A function that can sleep is a
generator.  Code that differs in an older revision, from 1.213 on, tests ``k.revision``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from reference_model.callees import Callees
from reference_model.language.netbsd import (
    _NSIG,
    AFORK,
    CLONE_CSIGNAL,
    CLONE_FILES,
    CLONE_FS,
    CLONE_PID,
    CLONE_PTRACE,
    CLONE_SIGHAND,
    CLONE_VFORK,
    CLONE_VM,
    EAGAIN,
    EINVAL,
    ENOMEM,
    FORK_CLEANFILES,
    FORK_NOWAIT,
    FORK_PPWAIT,
    FORK_SHARECWD,
    FORK_SHAREFILES,
    FORK_SHARESIGS,
    FORK_SHAREVM,
    FORK_SYSTEM,
    IPL_HIGH,
    IPL_NONE,
    KTR_EMUL,
    KTRFAC_INHERIT,
    KTRFAC_TRC_EMUL,
    LSIDL,
    LSSTOP,
    LWP_VFORK,
    MUTEX_DEFAULT,
    NOTE_FORK,
    PK_32,
    PK_CLDSIGIGN,
    PK_NOCLDWAIT,
    PK_SUGID,
    PK_SYSTEM,
    PL_CONTROLT,
    PL_PPWAIT,
    PS_NOCLDSTOP,
    PS_STOPEXEC,
    PS_STOPFORK,
    PSL_TRACED,
    PSL_TRACEDCHILD,
    PSL_TRACEFORK,
    PSL_TRACEVFORK,
    PSL_TRACEVFORK_DONE,
    PST_PROFIL,
    PTRACE_FORK,
    PTRACE_VFORK,
    PTRACE_VFORK_DONE,
    RLIMIT_NPROC,
    SACTIVE,
    SIGCHLD,
    SSTOP,
    TRAP_CHLD,
    SYS_fork,
)
from reference_model.proc import Condvar, Lwp, Mutex, Proc, Rwlock, Sleeping, startcopy, startzero

nprocs = 1  # NPROCS-COUNTED-FIRST: process 0
forkfsleep = 0  # FORKFSLEEP


def sys_fork(k: Callees, l: Lwp, retval: list[int]) -> Sleeping:
    return (yield from fork1(k, l, 0, SIGCHLD, None, 0, None, None, retval))  # SYS-FORK


def sys_vfork(k: Callees, l: Lwp, retval: list[int]) -> Sleeping:
    return (yield from fork1(k, l, FORK_PPWAIT, SIGCHLD, None, 0, None, None, retval))  # SYS-VFORK-44BSD


def sys___vfork14(k: Callees, l: Lwp, retval: list[int]) -> Sleeping:
    return (yield from fork1(k, l, FORK_PPWAIT | FORK_SHAREVM, SIGCHLD, None, 0, None, None, retval))  # SYS-VFORK14


def sys___clone(k: Callees, l: Lwp, uap_flags: int, uap_stack: object, retval: list[int]) -> Sleeping:
    if uap_flags & CLONE_PTRACE:
        return EINVAL  # CLONE-PTRACE
    if uap_flags & CLONE_PID and k.revision < (1, 225):
        return EINVAL  # CLONE-PTRACE

    if uap_flags & CLONE_SIGHAND and uap_flags & CLONE_VM == 0:
        return EINVAL  # CLONE-SIGHAND-NEEDS-VM

    flags = 0  # CLONE-UNKNOWN-BITS

    if uap_flags & CLONE_VM:
        flags |= FORK_SHAREVM  # CLONE-VM
    if uap_flags & CLONE_FS:
        flags |= FORK_SHARECWD  # CLONE-FS
    if uap_flags & CLONE_FILES:
        flags |= FORK_SHAREFILES  # CLONE-FILES
    if uap_flags & CLONE_SIGHAND:
        flags |= FORK_SHARESIGS  # CLONE-SIGHAND
    if uap_flags & CLONE_VFORK:
        flags |= FORK_PPWAIT  # CLONE-VFORK

    sig = uap_flags & CLONE_CSIGNAL  # CLONE-CSIGNAL
    if sig < 0 or sig >= _NSIG:
        return EINVAL  # CLONE-CSIGNAL

    if flags & FORK_SHAREFILES != 0 and k.revision >= (1, 232):
        if l.l_fd is not None and l.l_fd.fd_foclose:
            return EINVAL  # CLONE-FILES-CLOSE-ON-FORK

    # Nothing has been counted up to here: CLONE-CHECK-ORDER
    return (yield from fork1(k, l, flags, sig, uap_stack, 0, None, None, retval))  # CLONE-STACK


fork_tfmrate = 10  # FORK-REFUSED-ROLLBACK: seconds between two 'table full' messages


def tracefork(p: Proc, flags: int) -> bool:
    return p.p_slflag & (PSL_TRACEFORK | PSL_TRACED) == (PSL_TRACEFORK | PSL_TRACED) and flags & FORK_PPWAIT == 0  # TRACE-FORK-WHEN


def tracevfork(p: Proc, flags: int) -> bool:
    return p.p_slflag & (PSL_TRACEVFORK | PSL_TRACED) == (PSL_TRACEVFORK | PSL_TRACED) and flags & FORK_PPWAIT != 0  # TRACE-VFORK-WHEN


def tracevforkdone(p: Proc, flags: int) -> bool:
    return p.p_slflag & (PSL_TRACEVFORK_DONE | PSL_TRACED) == (PSL_TRACEVFORK_DONE | PSL_TRACED) and flags & FORK_PPWAIT != 0  # TRACE-VFORK-DONE-WHEN


def fork1(
    k: Callees,
    l1: Lwp,
    flags: int,
    exitsig: int,
    stack: object,
    stacksize: int,
    func: Callable[[Callees, Lwp, Any], Sleeping] | None,
    arg: Any,
    retval: list[int] | None,
) -> Sleeping:
    """The general fork call: 0, or EAGAIN or ENOMEM with everything as it was."""
    p1 = l1.l_proc
    uid = l1.l_cred.cr_uid  # NPROC-COUNTS-REAL-UID
    k.nprocs += 1  # NPROCS-COUNTED-FIRST
    tnprocs = k.nprocs

    if tnprocs >= k.maxproc:
        error = -1  # MAXPROC
    else:
        error = k.kauth_authorize_process_fork(l1.l_cred, tnprocs)  # KAUTH-FORK

    if error:
        k.nprocs -= 1  # FORK-REFUSED-ROLLBACK
        if k.ratecheck("lasttfm", fork_tfmrate):  # FORK-REFUSED-ROLLBACK
            k.tablefull("proc", "increase kern.maxproc or NPROC")
        if k.forkfsleep:
            yield from k.kpause(l1, "forkmx", k.forkfsleep)  # FORKFSLEEP
        return EAGAIN  # MAXPROC

    # Enforce limits.
    count = k.chgproccnt(uid, 1)  # NPROC-COUNTS-REAL-UID
    if count > p1.p_rlimit[RLIMIT_NPROC][0]:  # NPROC-LIMIT
        if k.kauth_authorize_process_rlimit_bypass(l1.l_cred) != 0:  # NPROC-BYPASS
            k.chgproccnt(uid, -1)  # NPROC-ROLLBACK
            k.nprocs -= 1  # NPROC-ROLLBACK
            if k.forkfsleep:
                yield from k.kpause(l1, "forkulim", k.forkfsleep)  # FORKFSLEEP
            return EAGAIN  # NPROC-LIMIT

    uaddr = k.uvm_uarea_alloc()
    if uaddr == 0:
        k.chgproccnt(uid, -1)  # UAREA-FAILURE
        k.nprocs -= 1  # UAREA-FAILURE
        return ENOMEM  # UAREA-FAILURE

    # Allocate new proc.
    p2 = k.proc_alloc()
    if p2 is None:
        if k.revision >= (1, 228):
            k.uvm_uarea_free(uaddr)  # PROC-ALLOC-FAILURE
            p1.p_lock.enter()
            if k.revision >= (1, 229):
                uid = p1.p_cred.cr_uid  # PROC-ALLOC-FAILURE
            k.chgproccnt(uid, -1)  # PROC-ALLOC-FAILURE
            p1.p_lock.exit()
            k.nprocs -= 1  # PROC-ALLOC-FAILURE
        return EAGAIN  # PROC-ALLOC-FAILURE

    # We are now committed to the fork.

    startzero(p2)  # ZERO-AND-COPY
    startcopy(p2, p1)  # ZERO-AND-COPY

    p2.p_sigpend = 0  # NO-PENDING-SIGNALS

    p2.p_lwps = []  # FRESH-LISTS
    p2.p_sigwaiters = []  # FRESH-LISTS

    # Duplicate sub-structures as needed.
    p2.p_flag = p1.p_flag & (PK_SUGID | PK_NOCLDWAIT | PK_CLDSIGIGN | PK_32)  # FLAGS-INHERITED
    p2.p_emul = p1.p_emul  # EMULATION-INHERITED
    p2.p_execsw = p1.p_execsw  # EMULATION-INHERITED

    if flags & FORK_SYSTEM:
        p2.p_flag |= PK_SYSTEM | PK_NOCLDWAIT  # SYSTEM-PROCESS

    p2.p_stmutex = Mutex(MUTEX_DEFAULT, IPL_HIGH)  # LOCK-SHARED-WITH-SIGNALS
    p2.p_auxlock = Mutex(MUTEX_DEFAULT, IPL_NONE)  # LOCK-SHARED-WITH-SIGNALS
    p2.p_reflock = Rwlock()  # LOCK-SHARED-WITH-SIGNALS
    p2.p_waitcv = Condvar("wait")  # LOCK-SHARED-WITH-SIGNALS
    p2.p_lwpcv = Condvar("lwpwait")  # LOCK-SHARED-WITH-SIGNALS

    if flags & FORK_SHARESIGS:
        p2.p_lock = p1.p_lock  # LOCK-SHARED-WITH-SIGNALS
        k.mutex_obj_hold(p1.p_lock)  # LOCK-SHARED-WITH-SIGNALS
    else:
        p2.p_lock = k.mutex_obj_alloc(MUTEX_DEFAULT, IPL_NONE)  # LOCK-SHARED-WITH-SIGNALS

    k.kauth_proc_fork(p1, p2)  # CREDENTIALS

    p2.p_raslist = None  # RAS
    if k.options.have_ras:
        k.ras_fork(p1, p2)  # RAS

    # bump references to the text vnode (for procfs)
    p2.p_textvp = p1.p_textvp  # TEXT-AND-PATH
    if p2.p_textvp:
        k.vref(p2.p_textvp)  # TEXT-AND-PATH
    if p1.p_path:
        p2.p_path = k.kmem_strdupsize(p1.p_path)  # TEXT-AND-PATH
    else:
        p2.p_path = None  # TEXT-AND-PATH

    if flags & FORK_SHAREFILES:
        k.fd_share(p1, p2)  # FILES
    elif flags & FORK_CLEANFILES:
        p2.p_fd = k.fd_init()  # FILES
    else:
        p2.p_fd = k.fd_copy(p1)  # FILES

    p2.p_mqueue_cnt = p1.p_mqueue_cnt  # MQUEUE-COUNT

    if flags & FORK_SHARECWD:
        k.cwdshare(p1, p2)  # CWD
    else:
        p2.p_cwdi = k.cwdinit(p1)  # CWD

    # p_limit (rlimit stuff) is copy-on-write.
    p1_lim = p1.p_limit
    if not p1_lim.pl_writeable:
        k.lim_addref(p1_lim)  # LIMITS
        p2.p_limit = p1_lim  # LIMITS
    else:
        p2.p_limit = k.lim_copy(p1_lim)  # LIMITS

    if flags & FORK_PPWAIT:
        # Mark ourselves as waiting for a child.
        p2.p_lflag = PL_PPWAIT  # PPWAIT-MARK
        l1.l_vforkwaiting = True  # PPWAIT-MARK
        p2.p_vforklwp = l1  # PPWAIT-MARK
    else:
        p2.p_lflag = 0  # PPWAIT-MARK
        l1.l_vforkwaiting = False  # PPWAIT-MARK
    p2.p_sflag = 0  # STOP-FLAGS-INHERITED
    p2.p_slflag = 0  # TRACE-STATE-NOT-INHERITED
    parent = k.initproc if flags & FORK_NOWAIT else p1  # PARENT
    p2.p_pptr = parent  # PARENT
    p2.p_ppid = parent.p_pid  # PARENT
    p2.p_children = []  # FRESH-LISTS

    p2.p_aio = None  # NO-AIO

    if k.options.ktrace and p1.p_traceflag & KTRFAC_INHERIT:
        p2.p_traceflag = p1.p_traceflag  # KTRACE-INHERITED
        p2.p_tracep = p1.p_tracep  # KTRACE-INHERITED
        if p2.p_tracep is not None:
            k.ktradref(p2)  # KTRACE-INHERITED

    # Create signal actions for the child process.
    p2.p_sigacts = k.sigactsinit(p1, flags & FORK_SHARESIGS)  # SIGNAL-ACTIONS
    p1.p_lock.enter()
    p2.p_sflag |= p1.p_sflag & (PS_STOPFORK | PS_STOPEXEC | PS_NOCLDSTOP)  # STOP-FLAGS-INHERITED
    k.sched_proc_fork(p1, p2)  # SCHEDULER
    p1.p_lock.exit()

    p2.p_stflag = p1.p_stflag  # PROFILING

    # p_stats.
    p2.p_stats = k.pstatscopy(p1.p_stats)  # STATS

    # Set up the new process address space.
    k.uvm_proc_fork(p1, p2, bool(flags & FORK_SHAREVM))  # ADDRESS-SPACE

    # Finish creating the child process.
    l2 = k.lwp_create(  # LWP
        l1,
        p2,
        uaddr,
        LWP_VFORK if flags & FORK_PPWAIT else 0,
        stack,
        stacksize,
        func if func is not None else child_return,
        arg,
        l1.l_class,
        l1.l_sigmask,
        l1.l_sigstk,
    )

    l2.l_private = l1.l_private  # LWP-PRIVATE

    # If emulation has a process fork hook, call it now.
    if p2.p_emul.e_proc_fork:
        p2.p_emul.e_proc_fork(p2, l1, flags)  # EMULATION-INHERITED

    k.doforkhooks(p2, p1)  # HOOKS
    k.sdt_probe("proc:::create", p2, p1, flags)  # HOOKS

    # It's now safe for the scheduler and other processes to see the child.
    k.proc_lock.enter()

    if p1.p_session.s_ttyvp is not None and p1.p_lflag & PL_CONTROLT:
        p2.p_lflag |= PL_CONTROLT  # CONTROLLING-TTY

    parent.p_children.insert(0, p2)  # EXIT-SIGNAL
    p2.p_exitsig = exitsig  # EXIT-SIGNAL

    # `flags && FORK_PPWAIT` it was before 1.209: any flag at all counted as one that blocks.
    asked = flags if k.revision >= (1, 209) else FORK_PPWAIT if flags else 0

    # Trace fork(2) and vfork(2)-like events on demand in a debugger.
    if tracefork(p1, asked) or tracevfork(p1, asked):
        k.proc_changeparent(p2, p1.p_pptr)  # TRACE-REPARENT
        if k.revision >= (1, 224):
            p2.p_slflag |= PSL_TRACEDCHILD  # TRACE-REPARENT

    if k.revision >= (1, 222):
        p2.p_oppid = p1.p_pid  # ORIGINAL-PARENT

    members = p1.p_pgrp.pg_members
    members.insert(members.index(p1) + 1, p2)  # PROCESS-LISTS
    k.allproc.insert(0, p2)  # PROCESS-LISTS

    p2.p_trace_enabled = k.trace_is_enabled(p2)  # SYSCALL-TRACE-FLAG
    k.syscall_intern(p2)  # SYSCALL-TRACE-FLAG

    # Update stats now that we know the fork was successful.
    k.cpu_count["forks"] += 1  # FORK-COUNTERS
    if flags & FORK_PPWAIT:
        k.cpu_count["forks_ppwait"] += 1  # FORK-COUNTERS
    if flags & FORK_SHAREVM:
        k.cpu_count["forks_sharevm"] += 1  # FORK-COUNTERS

    if k.ktrpoint(p1, KTR_EMUL):
        p2.p_traceflag |= KTRFAC_TRC_EMUL  # KTR-EMUL

    # Notify any interested parties about the new process.
    if p1.p_klist:
        k.proc_lock.exit()
        if k.revision >= (1, 227):
            k.knote_proc_fork(p1, p2)  # KNOTES
        else:
            k.knote(p1, NOTE_FORK | p2.p_pid)  # KNOTES
        k.proc_lock.enter()

    # Make child runnable, set start time, and add to run queue except
    # if the parent requested the child to start in SSTOP state.
    p2.p_lock.enter()

    if p2.p_stflag & PST_PROFIL != 0:
        p2.p_stmutex.enter()
        k.startprofclock(p2)  # PROFILING
        p2.p_stmutex.exit()

    p2.p_stats.p_start = k.microtime  # START-TIME
    p2.p_acflag = AFORK  # ACCOUNTING-FLAG
    assert p2.p_nrlwps == 1
    assert l2.l_stat == LSIDL
    if p2.p_sflag & PS_STOPFORK:
        p2.p_nrlwps = 0  # STOPFORK
        p2.p_stat = SSTOP  # STOPFORK
        p2.p_waited = 0  # STOPFORK
        p1.p_nstopchild += 1  # STOPFORK
        l2.l_stat = LSSTOP  # STOPFORK
    else:
        p2.p_nrlwps = 1  # RUNNABLE
        p2.p_stat = SACTIVE  # RUNNABLE
        k.setrunnable(l2)  # RUNNABLE

    # Return child pid to parent process, marking us as parent via retval[1].
    if retval is not None:
        retval[0] = p2.p_pid  # RETURN-VALUES
        retval[1] = 0  # RETURN-VALUES

    p2.p_lock.exit()

    # Let the parent know that we are tracing its child.
    if tracefork(p1, asked) or tracevfork(p1, asked):
        p1.p_lock.enter()
        yield from k.eventswitch(  # TRACE-PARENT-EVENT
            l1, TRAP_CHLD, PTRACE_FORK if tracefork(p1, asked) else PTRACE_VFORK, p2.p_pid
        )
        k.proc_lock.enter()

    # Preserve synchronization semantics of vfork.
    while l1.l_vforkwaiting:
        yield from k.cv_wait(l1, l1.l_waitcv, k.proc_lock)  # VFORK-WAIT

    # Let the parent know that the child has gone its own way.
    if tracevforkdone(p1, asked):
        p1.p_lock.enter()
        yield from k.eventswitch(l1, TRAP_CHLD, PTRACE_VFORK_DONE, p2.p_pid)  # VFORK-DONE-EVENT
    else:
        k.proc_lock.exit()

    return 0  # SUCCESS


def child_return(k: Callees, l: Lwp, arg: Any) -> Sleeping:
    """What each newly spawned process runs before it returns to userland."""
    p = l.l_proc

    born_traced = PSL_TRACED | PSL_TRACEDCHILD if k.revision >= (1, 224) else PSL_TRACED
    if p.p_slflag & born_traced == born_traced:
        event = PTRACE_VFORK if p.p_lflag & PL_PPWAIT else PTRACE_FORK
        if k.revision >= (1, 220):
            yield from k.eventswitchchild(l, TRAP_CHLD, event)  # CHILD-EVENT
        else:
            k.proc_lock.enter()
            p.p_lock.enter()
            assert p.p_opptr is not None
            yield from k.eventswitch(l, TRAP_CHLD, event, p.p_opptr.p_pid)  # CHILD-EVENT

    k.md_child_return(l)  # RETURN-VALUES

    k.ktrsysret(l, SYS_fork, 0, 0)  # CHILD-KTRACE
