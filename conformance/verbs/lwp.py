"""A second LWP, and what each LWP has of its own: how programs draw it, and its C."""

from __future__ import annotations

from conformance.verbs.entry import C, NoC, NotDrawn, verb

_NO_C = NoC("a reproducer tells its actors apart by process ID, and LWPs share theirs")

verb(
    "_lwp_create",
    NotDrawn("which step may come next is worked out for processes with one LWP"),
    _NO_C,
)
verb("_lwp_exit", NotDrawn("it is about _lwp_create only"), _NO_C)
verb(
    "_lwp_ctl",
    NotDrawn("it is about lc_pctr only"),
    C("lwpctl saw_result", 'saw_result({i}, lwp_control(), "ok");'),
)
verb(
    "lc_pctr",
    NotDrawn("an actor that waits for its turn wakes up now and then, and each time is counted"),
    C("lc_pctr", "look_at_switches({i});"),
)
