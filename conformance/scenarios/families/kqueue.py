"""kqueue: a watcher hears of the forks of a process, and of its children if it asked to."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from conformance.scenarios.families.calls import calls
from reference_model import Scenario, parse

_CALLS = calls("fork", "vfork", "__vfork14", "clone", "clone-all")

_WATCHED = """
scenario kqueue/{name}/{notes_name}
about KNOTES
Q: kqueue 20
Q: watch 20 P {notes}
Q: kevent 20
P: {C}
Q: kevent 20
Q: kevent 20
C: exit 5
P: wait4 C
Q: kevent 20
P: {D}
Q: kevent 20
D: fork E
Q: kevent 20
E: exit 0
D: wait4 E
D: exit 0
P: wait4 D
Q: kevent 20
"""

_NOTES = (
    "NOTE_FORK",
    "NOTE_TRACK",
    "NOTE_EXIT",
    "NOTE_TRACK|NOTE_FORK",
    "NOTE_TRACK|NOTE_EXIT",
    "NOTE_TRACK|NOTE_FORK|NOTE_EXIT",
    "NOTE_CHILD|NOTE_FORK",
    "NOTE_CHILD",
    "0",
)

_OTHERS = """
scenario kqueue/own/parent-watches-itself
about KNOTES
P: kqueue 20
P: watch 20 P NOTE_TRACK|NOTE_FORK
P: fork C
P: kevent 20
C: kevent 20                            [FILES]
C: exit 0
P: wait4 C
P: kevent 20

scenario kqueue/own/table-shared
about FILES KNOTES
P: kqueue 20
P: watch 20 P NOTE_TRACK|NOTE_FORK
P: __clone CLONE_FILES|SIGCHLD C
C: kevent 20
C: exit 0
P: wait4 C

scenario kqueue/two-watchers/both-hear
about KNOTES
Q: kqueue 20
Q: watch 20 P NOTE_FORK
R: kqueue 20
R: watch 20 P NOTE_TRACK
P: fork C
Q: kevent 20
R: kevent 20
C: fork D
Q: kevent 20
R: kevent 20

scenario kqueue/not-watched/refused-fork
about KNOTES NPROC-LIMIT
P: setrlimit 1 1
Q: kqueue 20
Q: watch 20 P NOTE_TRACK|NOTE_FORK
P: setreuid free1 free1
P: fork C
Q: kevent 20
P: __clone CLONE_PTRACE|SIGCHLD -
Q: kevent 20

scenario kqueue/not-watched/other
about KNOTES
Q: kqueue 20
Q: watch 20 R NOTE_TRACK|NOTE_FORK
P: fork C
Q: kevent 20
R: fork D
Q: kevent 20

scenario kqueue/grandchildren/tracked
about KNOTES
Q: kqueue 20
Q: watch 20 P NOTE_TRACK
P: fork C
C: fork D
D: fork E
Q: kevent 20

scenario kqueue/grandchildren/not-tracked
about KNOTES ZERO-AND-COPY
Q: kqueue 20
Q: watch 20 P NOTE_FORK
P: fork C
Q: kevent 20
C: fork D
Q: kevent 20

scenario kqueue/trackerr/another-user
about KNOTES
Q: kqueue 20
Q: watch 20 P NOTE_TRACK
P: setreuid free1 free1
P: fork C
Q: kevent 20
C: fork D
Q: kevent 20
P: fork E
Q: kevent 20

scenario kqueue/trackerr/with-fork
about KNOTES
Q: kqueue 20
Q: watch 20 P NOTE_TRACK|NOTE_FORK
P: setreuid free1 free1
P: __vfork14 C
C: exit 0
P: wait4 C
Q: kevent 20
"""


def generate(random: Random) -> Iterator[Scenario]:
    for name, call in _CALLS.items():
        children = {child: call.format(child=child) for child in "CD"}
        for notes in _NOTES:
            word = notes.lower().replace("note_", "").replace("|", "-")
            text = _WATCHED.format(name=name, notes=notes, notes_name=word, **children)
            yield from parse(text)
    yield from parse(_OTHERS)
