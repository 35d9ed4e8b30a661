"""The fields of a process that the kernel shows.

kern.proc2 follows fill_kproc2() of sys/kern/kern_proc.c of 10.99.12.  Addresses are only
compared: here, whether two fields are the same object.
"""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import Any

from reference_model.language.netbsd import (
    ACCOUNTING_FLAGS,
    ENOENT,
    NZERO,
    P_FLAGS,
    PK_CLDSIGIGN,
    PK_EXEC,
    PK_NOCLDWAIT,
    PK_SUGID,
    PL_CONTROLT,
    PL_PPWAIT,
    PS_NOCLDSTOP,
    PS_STOPEXEC,
    PS_STOPFORK,
    PSL_CHTRACED,
    PSL_SYSCALL,
    PSL_TRACED,
    PST_PROFIL,
    SACTIVE,
    SSTOP,
    SZOMB,
    TRACE_FACILITIES,
    names_of,
    signal_name,
    signal_number,
)
from reference_model.language.scenario import SHOWN_FIELDS, bits_value
from reference_model.proc import Lwp, Proc
from reference_model.verbs.call import CallError, verb
from reference_model.verbs.world import World

# sysctl_flagmap and similar tables, line 1984: the kernel's flag, and the one that is shown.
_PROC_FLAGS = {
    "p_flag": {
        PK_EXEC: "P_EXEC",
        PK_NOCLDWAIT: "P_NOCLDWAIT",
        PK_CLDSIGIGN: "P_CLDSIGIGN",
        PK_SUGID: "P_SUGID",
    },
    "p_sflag": {
        PS_NOCLDSTOP: "P_NOCLDSTOP",
        PS_STOPFORK: "P_STOPFORK",
        PS_STOPEXEC: "P_STOPEXEC",
    },
    "p_slflag": {
        PSL_TRACED: "P_TRACED",
        PSL_CHTRACED: "P_CHTRACED",
        PSL_SYSCALL: "P_SYSCALL",
    },
    "p_lflag": {PL_CONTROLT: "P_CONTROLT", PL_PPWAIT: "P_PPWAIT"},
    "p_stflag": {PST_PROFIL: "P_PROFIL"},
}
_STATES = {SACTIVE: "SACTIVE", SSTOP: "SSTOP", SZOMB: "SZOMB"}
#: The fields that are compared by value; all others are compared by identity.
_BY_VALUE = {*SHOWN_FIELDS, "pathname", "start"}


@verb("kinfo")
def kinfo(w: World, l: Lwp, name: str, field: str, signal: str | None = None) -> str:
    p = w.existing(name)
    match field:
        case "p_nice":
            return str(p.p_nice - NZERO)
        case "p_exitsig":
            return signal_name(p.p_exitsig) if p.p_exitsig else "0"
        case "p_acflag":
            return names_of(ACCOUNTING_FLAGS, p.p_acflag)
        case "p_ename" | "p_realstat":
            return str(_field(p, field))
        case "p_traceflag":
            return names_of(TRACE_FACILITIES, p.p_traceflag)
        case "p_comm":
            path = p.p_path or ""
            return "program" if p.p_comm == path.rpartition("/")[2] else "other"
        case "p_nlwps":
            return str(p.p_nlwps)
        case "p_ppid":
            return w.names[p.p_ppid]
        case _:
            assert signal is not None
            return "yes" if _field(p, field) & 1 << signal_number(signal) else "no"


@verb("compare")
def compare(w: World, l: Lwp, name: str, other: str, field: str) -> str:
    p, q = w.existing(name), w.existing(other)
    one, two = _field(p, field), _field(q, field)
    if field == "start" and one != two:
        return "later" if one < two else "earlier"
    same = one == two if field in _BY_VALUE else one is two
    return "same" if same else "other"


@verb("flags")
def flags(w: World, l: Lwp, name: str, mask: str) -> str:
    p = w.existing(name)
    shown = 0
    for field, table in _PROC_FLAGS.items():
        for bit, flag in table.items():
            if getattr(p, field) & bit:
                shown |= P_FLAGS[flag]
    return names_of(P_FLAGS, shown & bits_value(P_FLAGS, mask))


def _field(p: Proc, field: str) -> Any:
    match field:
        case "p__pgid":
            return p.p_pgrp
        case "p_sess":
            return p.p_session
        case "pathname":
            if p.p_path is None:
                raise CallError(ENOENT)
            return p.p_path
        case "p_textvp":  # procfs_vnops.c, line 1333: else there is no such file
            if p.p_textvp is None:
                raise CallError(ENOENT)
            return p.p_textvp
        case "start":
            return p.p_stats.p_start
        case "p_ename":
            return p.p_emul.e_name
        case "p_realstat":
            return _STATES.get(p.p_stat, "other")
        case "p_sigmask":
            return reduce(or_, (l.l_sigmask for l in p.p_lwps if p.p_stat != SZOMB), 0)
        case "p_sigignore":
            return p.p_sigctx.ps_sigignore
        case _:
            return getattr(p, field)
