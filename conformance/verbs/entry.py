"""What the project knows of a verb beside its line in verbs.def, its function and its handler.

Each verb has one :class:`Entry` in the module of its group, with two facets: how generated programs
draw it, and its C in the program of a report.  Where there is none, the facet is the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

from conformance.verbs.drawing import Draw
from conformance.verbs.scene import Args, Scene


class Topic(Enum):
    """What a generated program can be about: it has the verbs of a few topics."""

    BIRTHS = "births, ends and waits"
    MEMORY = "memory"
    FILES = "descriptors"
    DIRECTORY = "the directory and the mask"
    SIGNALS = "signals"
    LIMITS = "users and limits"
    INSPECTION = "what kern.proc2 tells"
    ATTRIBUTES = "what a process has of its own"
    STOPPED = "children that are born stopped"
    SESSIONS = "sessions and terminals"
    LWPS = "several LWPs"
    AIO = "asynchronous I/O"
    MQUEUES = "message queues"
    EXEC = "exec"
    KQUEUE = "kqueue"
    KTRACE = "ktrace"
    COUNTS = "counters, clock and limit of the system"
    TRACERS = "what a tracer does"


@dataclass(frozen=True, slots=True)
class Hazard:
    """A step that no program takes, since what it shows cannot be foreseen or is not in the model.

    ``where`` says in which state, ``why`` gives the reason, ``found`` decides.  ``unforeseen`` says
    that no scenario can be decided then, also if a person wrote it.
    """

    where: str
    why: str
    found: Callable[[Scene, Args], bool]
    unforeseen: bool = False


@dataclass(frozen=True, slots=True)
class Drawn:
    """How generated programs draw a verb.

    ``weight`` says how often, ``about`` for which clause the observation speaks (empty for none;
    it may depend on the arguments), ``draw`` gives the arguments.
    """

    topic: Topic
    weight: int
    about: str | Callable[[Args], str]
    draw: Draw
    hazards: tuple[Hazard, ...] = ()

    def clause(self, args: Args) -> str:
        """Returns the clause that the observation with *args* speaks for; empty for none."""
        return self.about if isinstance(self.about, str) else self.about(args)


@dataclass(frozen=True, slots=True)
class NotDrawn:
    """The reason why no generated program has a verb."""

    reason: str


@dataclass(frozen=True, slots=True)
class C:
    """A step in C: the parts of the reproducer that it needs, separated by spaces, and its text.

    In the text ``{i}`` is the step's number, ``{me}`` the actor, ``{0}`` to ``{2}`` the arguments.
    """

    parts: str
    text: str


@dataclass(frozen=True, slots=True)
class NoC:
    """The reason why no reproducer can show a verb."""

    reason: str


@dataclass(frozen=True, slots=True)
class Entry:
    """Both facets of a verb.  The C may depend on the arguments."""

    programs: Drawn | NotDrawn | None
    reproducer: C | Callable[[Args], C] | NoC | None


#: The entries of all verbs, by name.
ENTRIES: dict[str, Entry] = {}


def verb(
    name: str,
    programs: Drawn | NotDrawn | None = None,
    reproducer: C | Callable[[Args], C] | NoC | None = None,
) -> None:
    """Enters the verb *name*.  :func:`check` refuses an entry without one of its facets."""
    if name in ENTRIES:
        raise ImportError(f"the verb {name} has two entries in conformance/verbs")
    ENTRIES[name] = Entry(programs, reproducer)


def check(verbs: Iterable[str], entries: Mapping[str, Entry]) -> None:
    """Raises ``ImportError`` where a verb of the language has no entry, or not all facets."""
    known = set(verbs)
    for name in sorted(known | entries.keys()):
        if name not in known:
            raise ImportError(f"conformance/verbs has {name}, which is no verb of the language")
        if name not in entries:
            raise ImportError(f"the verb {name} has no entry in conformance/verbs")
        if entries[name].programs is None:
            raise ImportError(
                f"the verb {name} does not say how programs draw it: "
                "expected Drawn(...), or NotDrawn with the reason"
            )
        if entries[name].reproducer is None:
            raise ImportError(
                f"the verb {name} has no C for reproducers: expected C(...), or NoC with the reason"
            )
