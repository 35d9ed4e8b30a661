"""How generated programs draw each verb of the language, and its C in a report: one entry a verb.

A verb without an entry, or without one of its two facets, fails at import, by name.
"""

from importlib import import_module
from typing import Final

from conformance.verbs.drawing import Dice
from conformance.verbs.entry import ENTRIES, C, Drawn, NoC, NotDrawn, Topic, check
from reference_model.language.verbs import GROUPS, VERBS

for _group in GROUPS:
    import_module(f"{__name__}.{_group.name}")
check(VERBS, ENTRIES)

_TOPICS = list(Topic)
#: The verbs that a program may have: by topic, then in the order of the language.
DRAWN: Final[dict[str, Drawn]] = dict(
    sorted(
        (
            (name, programs)
            for name in VERBS
            if isinstance(programs := ENTRIES[name].programs, Drawn)
        ),
        key=lambda item: _TOPICS.index(item[1].topic),
    )
)
#: The verbs that no program has, each with the reason.
NOT_DRAWN: Final[dict[str, str]] = {
    name: entry.programs.reason
    for name, entry in ENTRIES.items()
    if isinstance(entry.programs, NotDrawn)
}
#: The verbs that no reproducer can show, each with the reason.
WITHOUT_C: Final[dict[str, str]] = {
    name: entry.reproducer.reason
    for name, entry in ENTRIES.items()
    if isinstance(entry.reproducer, NoC)
}


def in_c(name: str, args: tuple[str, ...]) -> C:
    """Returns the C of a step.  The verb is none of :data:`WITHOUT_C`."""
    found = ENTRIES[name].reproducer
    assert found is not None
    assert not isinstance(found, NoC)
    return found if isinstance(found, C) else found(args)


__all__ = ["DRAWN", "ENTRIES", "NOT_DRAWN", "WITHOUT_C", "Dice", "Topic", "in_c"]
