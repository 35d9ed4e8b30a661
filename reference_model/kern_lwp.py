"""The way back to user mode (sys/kern/kern_lwp.c and kern_sig.c of 10.99.12)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reference_model.kern_exit import exit1
from reference_model.kern_sig import issignal
from reference_model.netbsd import PSL_TRACED, SSTOP
from reference_model.proc import Lwp, Sleeping

if TYPE_CHECKING:
    from reference_model.kernel import Kernel


def lwp_userret(k: Kernel, l: Lwp) -> Sleeping:
    """Act on stops and signals until nothing keeps the LWP from user mode."""
    p = l.l_proc
    while l.l_pendsig or p.p_stat == SSTOP or (p.p_xsig and p.p_slflag & PSL_TRACED):
        signo = yield from issignal(k, l)
        if signo:
            yield from postsig(k, l, signo)


def postsig(k: Kernel, l: Lwp, signo: int) -> Sleeping:
    """Take the signal: the default action kills, a handler returns at once."""
    if l.l_proc.p_sigacts.sa_sigdesc.get(signo, "default") == "default":
        yield from exit1(k, l, 0, signo)
