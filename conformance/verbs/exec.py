"""The end of a process, and another program in it: how programs draw it, and its C."""

from __future__ import annotations

from conformance.verbs.drawing import FILES, PIPES, number, one_of
from conformance.verbs.entry import C, Drawn, Hazard, Topic, verb
from reference_model.language.netbsd import PS_STOPEXEC, PSL_TRACED

_SHARED_TABLE = Hazard(
    "another process has the same descriptors",
    "when exec makes a copy of them is a race with two CPUs",
    lambda scene, args: scene.own.p_fd.fd_refcnt > 1,
)
_STOPS_BEHIND_EXEC = Hazard(
    "the actor is traced, or has stopexec set",
    "when a stop behind exec comes is a race with two CPUs",
    lambda scene, args: bool(scene.own.p_slflag & PSL_TRACED or scene.own.p_sflag & PS_STOPEXEC),
)


verb("exit", Drawn(Topic.BIRTHS, 5, "", number), C("saw", 'saw({i}, "ok");\n_exit({0});'))
verb(
    "exec",
    Drawn(
        Topic.EXEC,
        3,
        "",
        one_of(PIPES[0][0], PIPES[0][0], PIPES[1][0], FILES[0]),
        (_SHARED_TABLE, _STOPS_BEHIND_EXEC),
    ),
    C("exec saw", 'saw({i}, "ok");\nbecome_reader({0});'),
)
