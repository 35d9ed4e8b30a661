"""The verbs of a tracer."""

from __future__ import annotations

from reference_model import kern_fork, kern_sig, sys_ptrace
from reference_model.language.netbsd import (
    PT_ATTACH,
    PT_CONTINUE,
    PT_DETACH,
    PT_KILL,
    PTRACE_EVENTS,
    SIGSTOP,
    SIGTRAP,
    TRAP_CHLD,
    TRAP_EXEC,
    names_of,
    signal_name,
    signal_number,
)
from reference_model.language.observation import OK
from reference_model.language.scenario import bits_value, signals_text, signals_value
from reference_model.proc import Lwp, Proc, Sleeping
from reference_model.verbs.call import CallError, ok, verb
from reference_model.verbs.world import World


def _tracee(w: World, l: Lwp, name: str, request: int = PT_CONTINUE) -> Proc:
    """Returns the process *name*, if *request* is allowed now.  Raises :class:`CallError`."""
    t = w.proc(name)
    error = sys_ptrace.ptrace_allowed(w.k, l.l_proc, request, t)
    if error or t is None:
        raise CallError(error)
    return t


@verb("spawn")
def spawn(w: World, l: Lwp, child: str) -> Sleeping:
    w.newborn[l.l_proc] = child
    w.count_dead(l)
    error = yield from kern_fork.sys_fork(w.k, l, [0, 0])
    if error:
        raise CallError(error)
    w.programs.append((w.lwps[child], lambda l: _trace_me_and_stop(w, l)))
    return child


def _trace_me_and_stop(w: World, l: Lwp) -> Sleeping:
    sys_ptrace.ptrace_traceme(w.k, l.l_proc)
    kern_sig.kpsignal(w.k, l.l_proc, SIGSTOP)
    yield from w.k.userret(l)


@verb("PT_ATTACH")
def attach(w: World, l: Lwp, name: str) -> str:
    sys_ptrace.ptrace_attach(w.k, l.l_proc, _tracee(w, l, name, PT_ATTACH))
    return OK


@verb("PT_TRACE_ME")
def trace_me(w: World, l: Lwp) -> str:
    return ok(sys_ptrace.ptrace_traceme(w.k, l.l_proc))


@verb("PT_SET_EVENT_MASK")
def set_event_mask(w: World, l: Lwp, name: str, events: str) -> str:
    sys_ptrace.ptrace_set_event_mask(_tracee(w, l, name), bits_value(PTRACE_EVENTS, events))
    return OK


@verb("PT_GET_EVENT_MASK")
def get_event_mask(w: World, l: Lwp, name: str) -> str:
    return names_of(PTRACE_EVENTS, sys_ptrace.ptrace_get_event_mask(_tracee(w, l, name)))


@verb("PT_GET_PROCESS_STATE")
def get_process_state(w: World, l: Lwp, name: str) -> str:
    event, other = sys_ptrace.ptrace_get_process_state(_tracee(w, l, name))
    return f"{names_of(PTRACE_EVENTS, event)} {w.names[other]}" if event else "0"


@verb("PT_GET_SIGINFO")
def get_siginfo(w: World, l: Lwp, name: str) -> str:
    signo, code, event, other = _tracee(w, l, name).p_sigctx.ps_info
    if signo == SIGTRAP and code == TRAP_EXEC:
        return "SIGTRAP TRAP_EXEC"
    if signo == SIGTRAP and code == TRAP_CHLD:
        return f"SIGTRAP TRAP_CHLD {names_of(PTRACE_EVENTS, event)} {w.names[other]}"
    return signal_name(signo)


@verb("PT_CONTINUE")
def continue_(w: World, l: Lwp, name: str, signal: str | None = None) -> str:
    return _resume(w, l, name, PT_CONTINUE, signal_number(signal) if signal else 0)


@verb("PT_DETACH")
def detach(w: World, l: Lwp, name: str) -> str:
    return _resume(w, l, name, PT_DETACH)


@verb("PT_KILL")
def kill(w: World, l: Lwp, name: str) -> str:
    return _resume(w, l, name, PT_KILL)


def _resume(w: World, l: Lwp, name: str, request: int, signo: int = 0) -> str:
    sys_ptrace.ptrace_continue(w.k, request, _tracee(w, l, name, request), signo)
    return OK


@verb("PT_SET_SIGPASS")
def set_sigpass(w: World, l: Lwp, name: str, signals: str) -> str:
    sys_ptrace.ptrace_set_sigpass(_tracee(w, l, name), signals_value(signals))
    return OK


@verb("PT_GET_SIGPASS")
def get_sigpass(w: World, l: Lwp, name: str) -> str:
    return signals_text(_tracee(w, l, name).p_sigctx.ps_sigpass)
