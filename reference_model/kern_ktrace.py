"""The part of ktrace(2) that shows what fork did: which processes are traced, first records.

After sys/kern/kern_ktrace.c of 10.99.12, with its function names.
"""

from __future__ import annotations

from reference_model.kern_descrip import closef
from reference_model.language.netbsd import (
    EBADF,
    ESRCH,
    KTR_EMUL,
    KTR_SYSRET,
    KTR_USER,
    KTRFAC_TRC_EMUL,
    SACTIVE,
    SSTOP,
    SYS_fork,
)
from reference_model.proc import File, Proc, Trace
from reference_model.state import State


def ktrpoint(p: Proc, facility: int) -> bool:
    return bool(p.p_traceflag & 1 << facility)


def ktraddentry(p: Proc, word: str) -> None:
    """Writes a record, and before the first record of a process that of the emulation."""
    if p.p_traceflag & KTRFAC_TRC_EMUL:
        p.p_traceflag &= ~KTRFAC_TRC_EMUL
        ktremul(p)
    if p.p_tracep is not None:
        p.p_tracep.records.append((p.p_pid, word))


def ktremul(p: Proc) -> None:
    """Records the emulation of a new program (ktr_emul(), 1.186, line 619)."""
    if ktrpoint(p, KTR_EMUL):
        ktraddentry(p, "EMUL")


def ktrsysret(p: Proc, code: int) -> None:
    """Records a return from a system call; scenarios only ask for that of fork."""
    if ktrpoint(p, KTR_SYSRET):
        # Any return is a record, and so makes the kernel write that of the emulation.
        ktraddentry(p, "SYSRET" if code == SYS_fork else "")


def ktruser(p: Proc) -> None:
    """Records a call of utrace(2)."""
    if ktrpoint(p, KTR_USER):
        ktraddentry(p, "USER")


def ktrace_set(k: State, file: File, p: Proc | None, facilities: int) -> int:
    """Traces *p* into *file* (KTROP_SET); returns 0 or an error number."""
    if file.f_pipe is None or not file.f_writes:
        return EBADF
    if p is None or p.p_stat not in (SACTIVE, SSTOP):
        return ESRCH
    if file.f_trace is None:
        file.f_trace = file.f_pipe.trace = Trace()
        file.f_count += 1
    if p.p_tracep is not file.f_trace:
        ktrderef(k, p)
        p.p_tracep = file.f_trace
        ktradref(k, p)
        p.p_tracep.file = file
    p.p_traceflag |= facilities
    if ktrpoint(p, KTR_EMUL):
        p.p_traceflag |= KTRFAC_TRC_EMUL
    return 0


def ktradref(k: State, p: Proc) -> None:
    """Takes one more reference to the trace file of *p*."""
    p.p_tracep.ktd_ref += 1


def ktrderef(k: State, p: Proc) -> None:
    """Ends the trace of *p*; closes the file if no process is traced into it any more."""
    trace, p.p_tracep, p.p_traceflag = p.p_tracep, None, 0
    if trace is None:
        return
    trace.ktd_ref -= 1
    if trace.ktd_ref == 0 and trace.file is not None:
        file, trace.file = trace.file, None
        file.f_trace = None
        closef(k, file)


def ktrderefall(k: State, trace: Trace) -> None:
    """Ends all traces into this file (KTROP_CLEARFILE)."""
    for p in k.allproc:
        if p.p_tracep is trace:
            ktrderef(k, p)
