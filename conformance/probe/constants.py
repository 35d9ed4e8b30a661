"""Writes the probe's C header of numbers and names: NetBSD's, and those of the language.

``constants.h`` is made anew for each build, from ``netbsd.py`` and ``scenario.py``,
so no number of NetBSD's is written in C by hand.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from reference_model.language import netbsd
from reference_model.language.scenario import (
    FIELDS,
    MAX_ACTORS,
    MAX_STEPS,
    PROGRAMS,
    SHOWN_FIELDS,
    TIMERS,
)
from reference_model.language.verbs import MAX_ARGUMENTS

#: Tables of which the probe reads or writes the names; words.c has each as an array.
WORD_TABLES: Mapping[str, Mapping[str, int]] = {
    "CLONE_FLAGS": netbsd.CLONE_FLAGS,
    "SIGNALS": netbsd.SIGNALS,
    "WAIT_OPTIONS": netbsd.WAIT_OPTIONS,
    "WAIT6_OPTIONS": netbsd.WAIT6_OPTIONS,
    "IDTYPES": netbsd.IDTYPES,
    "POLICIES": netbsd.POLICIES,
    "PTRACE_EVENTS": netbsd.PTRACE_EVENTS,
    "P_FLAGS": netbsd.P_FLAGS,
    "ACCOUNTING_FLAGS": netbsd.ACCOUNTING_FLAGS,
    "NOTES": netbsd.NOTES,
    "TRACE_FACILITIES": netbsd.TRACE_FACILITIES,
    "INHERITANCES": netbsd.INHERITANCES,
}


def netbsd_numbers() -> dict[str, int]:
    """Returns every number of netbsd.py by its name, those of its tables included."""
    found: dict[str, int] = {}
    for name, value in vars(netbsd).items():
        if isinstance(value, int) and not isinstance(value, bool):
            found[name] = value
        elif isinstance(value, dict) and name.isupper() and not name.endswith("_NAMES"):
            found |= value
    return found


def header() -> str:
    """Returns the text of ``constants.h``."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "/* Made by constants.py: NetBSD's numbers as NETBSD_name, the names of the language. */"
    yield "#ifndef CONSTANTS_H"
    yield "#define CONSTANTS_H"
    for name, value in sorted(netbsd_numbers().items()):
        yield f"#define NETBSD_{name} {value if value <= 0x7FFFFFFF else hex(value)}"
    yield f"enum {{ MAX_STEPS = {MAX_STEPS}, MAX_ACTORS = {MAX_ACTORS} }};"
    yield f"enum {{ MAX_ARGUMENTS = {MAX_ARGUMENTS} }};"
    for table, words in WORD_TABLES.items():
        yield f"#define WORDS_{table}(X) " + " ".join(f"X({word})" for word in words)
    fields = [f"KP_{name.removeprefix('p_').upper()}" for name in FIELDS]
    yield f"enum field {{ {_listed(fields)}, FIELDS, SHOWN_FIELDS = {len(SHOWN_FIELDS)} }};"
    yield f"#define FIELD_NAMES {_quoted(FIELDS)}"
    timers = [f"TIMER_{name.upper()}" for name in TIMERS]
    yield f"enum timer {{ {_listed(timers)}, TIMERS }};"
    yield f"#define TIMER_NAMES {_quoted(TIMERS)}"
    programs = [f"PROGRAM_{name.upper()}" for name in PROGRAMS]
    yield f"enum program {{ {_listed(programs)}, PROGRAMS }};"
    yield f"#define PROGRAM_NAMES {_quoted(PROGRAMS)}"
    yield "#endif"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)


def _quoted(names: Iterable[str]) -> str:
    return _listed(f'"{name}"' for name in names)
