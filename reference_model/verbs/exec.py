"""exit and exec."""

from __future__ import annotations

from reference_model import kern_exit, kern_sig
from reference_model.language.netbsd import (
    AFORK,
    LSSTOP,
    PK_EXEC,
    PL_PPWAIT,
    PS_STOPEXEC,
    PST_PROFIL,
    SSTOP,
)
from reference_model.language.observation import OK
from reference_model.proc import Lwp, Pipe, Sleeping, Vmspace
from reference_model.verbs.call import verb
from reference_model.verbs.world import World


@verb("exit", returns=False)
def exit_(w: World, l: Lwp, status: str) -> Sleeping:
    yield from kern_exit.exit1(w.k, l, int(status) & 0xFF, 0)
    raise AssertionError("exit1 returned")


@verb("exec", returns=False)
def exec_(w: World, l: Lwp, fd: str) -> Sleeping:
    """Follows kern_exec.c: with PS_STOPEXEC the process stops before the new program begins.

    The new program reads *fd* until its end, then exits with status 7.
    """
    p = l.l_proc
    w.replaced.add(w.names[l.l_lid])
    if p.p_nlwps > 1:
        yield from kern_exit.exit_lwps(w.k, l)
    if p.p_vmspace.vm_refcnt > 1:
        p.p_vmspace.vm_refcnt -= 1
        p.p_vmspace = Vmspace()
    if p.p_fd.fd_refcnt > 1:  # kern_descrip.c, fd_closeexec(), line 1774
        table = w.k.fd_copy(p)
        w.k.fd_free(p)
        p.p_fd = table
    p.p_flag |= PK_EXEC
    p.p_acflag &= ~AFORK
    p.p_raslist = None
    p.p_stflag &= ~PST_PROFIL
    if p.p_lflag & PL_PPWAIT:
        w.k.vfork_release(p)
    if not w.k.has("exec-keeps-pending-signals"):
        kern_sig.sigclear(p)
    descriptor = l.l_fd.fd_dt.get(int(fd))
    pipe = descriptor.ff_file.f_pipe if descriptor else None
    if p.p_sflag & PS_STOPEXEC:
        p.p_pptr.p_nstopchild += 1
        p.p_waited = 0
        p.p_stat = SSTOP
        p.p_nrlwps -= 1
        l.l_stat = LSSTOP
        yield
    w.programs.append((l, lambda l: _read_to_the_end(w, l, pipe)))
    return OK


def _read_to_the_end(w: World, l: Lwp, pipe: Pipe | None) -> Sleeping:
    while pipe is not None and pipe.open_for_writing:
        if (yield from w.k.cv_wait_sig(l, pipe.readers)):
            yield from w.k.userret(l)
    yield from kern_exit.exit1(w.k, l, 7, 0)
