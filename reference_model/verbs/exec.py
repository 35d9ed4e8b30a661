"""exit and exec."""

from __future__ import annotations

from reference_model import kern_exec, kern_exit
from reference_model.language.observation import OK
from reference_model.language.scenario import SELF
from reference_model.proc import Lwp, Pipe, Sleeping
from reference_model.verbs.call import CallError, verb
from reference_model.verbs.world import World


@verb("exit", returns=False)
def exit_(w: World, l: Lwp, status: str) -> Sleeping:
    yield from kern_exit.exit1(w.k, l, int(status) & 0xFF, 0)
    raise AssertionError("exit1 returned")


@verb("exec")
def exec_(w: World, l: Lwp, program: str) -> Sleeping:
    """Follows kern_exec.c; the call has returned when the new program begins.

    The program ``self`` takes the actor's further steps.  Another one reads the descriptor
    *program* until its end, then exits with status 7.
    """
    error = yield from kern_exec.execve1(w.k, l, program)
    if error:
        raise CallError(error)
    w.took.pop(l.l_proc, None)
    if program != SELF:
        w.replaced.add(w.names[l.l_lid])
        descriptor = l.l_fd.fd_dt.get(int(program))
        pipe = descriptor.ff_file.f_pipe if descriptor else None
        w.programs.append((l, lambda l: _read_to_the_end(w, l, pipe)))
    return OK


def _read_to_the_end(w: World, l: Lwp, pipe: Pipe | None) -> Sleeping:
    while pipe is not None and pipe.open_for_writing:
        if (yield from w.k.cv_wait_sig(l, pipe.readers)):
            yield from w.k.userret(l)
    yield from kern_exit.exit1(w.k, l, 7, 0)
