"""Traces that the kernel writes into a pipe."""

from __future__ import annotations

from reference_model import kern_ktrace
from reference_model.language.netbsd import TRACE_FACILITIES
from reference_model.language.observation import NONE, OK
from reference_model.language.scenario import bits_value
from reference_model.proc import Lwp, Sleeping
from reference_model.verbs.call import ok, verb
from reference_model.verbs.world import World


@verb("ktrace")
def ktrace(w: World, l: Lwp, fd: str, name: str, facilities: str) -> str:
    file = w.descriptor(l, fd).ff_file
    mask = bits_value(TRACE_FACILITIES, facilities)
    return ok(kern_ktrace.ktrace_set(w.k, file, w.proc(name), mask))


@verb("ktrace_end")
def ktrace_end(w: World, l: Lwp, fd: str) -> str:
    trace = w.descriptor(l, fd).ff_file.f_trace
    if trace is not None:
        kern_ktrace.ktrderefall(w.k, trace)
    return OK


@verb("utrace")
def utrace(w: World, l: Lwp) -> str:
    kern_ktrace.ktruser(l.l_proc)
    return OK


@verb("records")
def records(w: World, l: Lwp, fd: str, whom: str) -> Sleeping:
    pipe = w.descriptor(l, fd).ff_file.f_pipe
    while pipe is not None and pipe.open_for_writing:
        if (yield from w.k.cv_wait_sig(l, pipe.readers)):
            yield from w.k.userret(l)
    written = pipe.trace.records if pipe is not None and pipe.trace is not None else []
    found = [word for pid, word in written if word and w.names[pid] == whom]
    return " ".join(found) or NONE
