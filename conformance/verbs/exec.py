"""The end of a process, and another program in it: how programs draw it, and its C."""

from __future__ import annotations

from typing import Final

from conformance.verbs.drawing import FILES, PIPES, number, one_of
from conformance.verbs.entry import C, Drawn, Hazard, Topic, verb
from conformance.verbs.scene import Args
from reference_model.language.scenario import PROGRAMS, SELF

_ASYNCHRONOUS = Hazard(
    "the actor has used asynchronous I/O",
    "what exec leaves of that is not in the model",
    lambda scene, args: scene.own.p_aio is not None,
    unforeseen=True,
)
#: Paths that fail, as C; the errors are the kernel's own.
_PATHS: Final = {
    "missing": '"/forkoracle-has-no-such-program"',
    "belowfile": '"/dev/null/program"',
    "directory": '"/"',
    "device": '"/dev/null"',
    "badaddress": "(const char *)-1",
}


def _exec_in_c(args: Args) -> C:
    if args[0] in _PATHS:
        path = _PATHS[args[0]]
        return C("no_words saw_result", f"saw_result({{i}}, execv({path}, no_words), NULL);")
    if args[0] == SELF:
        return C("exec_self", "become_again({i});")
    return C("exec", "become_reader({i}, {0});")


verb("exit", Drawn(Topic.BIRTHS, 5, "", number), C("saw", 'saw({i}, "ok");\n_exit({0});'))
verb(
    "exec",
    Drawn(
        Topic.EXEC,
        4,
        "",
        one_of(
            *(PIPES[0][0], PIPES[0][0], PIPES[1][0], FILES[0]),
            *(SELF, SELF, SELF, SELF, *PROGRAMS[1:]),
        ),
        (_ASYNCHRONOUS,),
    ),
    _exec_in_c,
)
