"""Scenarios to test with: drawn ones, written ones, and chosen ones."""

from __future__ import annotations

from fnmatch import fnmatchcase
from functools import cache

from hypothesis import strategies as st

from conformance.scenarios.families import FAMILIES
from reference_model import Scenario, Step, parse
from reference_model.clauses import clauses
from reference_model.language.netbsd import (
    IDTYPES,
    INHERITANCES,
    NOTES,
    P_FLAGS,
    POLICIES,
    PTRACE_EVENTS,
    TRACE_FACILITIES,
    WAIT6_OPTIONS,
    WAIT_OPTIONS,
    signal_name,
)
from reference_model.language.scenario import (
    ANONYMOUS,
    DESCRIPTORS,
    FIELDS,
    MAX_ACTORS,
    MAX_SLEEP,
    OWN_GROUP,
    PROGRAMS,
    SHOWN_FIELDS,
    SIGNAL_SETS,
    TIMERS,
    VERBS,
    flags_text,
)

_NAMES = [f"{chr(65 + n)}{n or ''}" for n in range(MAX_ACTORS)]


def one(text: str) -> Scenario:
    """The only scenario of a text."""
    [scenario] = parse(text)
    return scenario


def steps(name: str, about: str, *lines: str) -> Scenario:
    """A scenario from its name, its clauses and its lines."""
    return one("\n".join((f"scenario {name}", f"about {about}", *lines)))


@cache
def _family(name: str) -> tuple[Scenario, ...]:
    return tuple(FAMILIES[name].scenarios())


def named(*patterns: str) -> list[Scenario]:
    """Returns the scenarios whose names match. Each pattern must match at least one."""
    chosen = []
    for pattern in patterns:
        family = _family(pattern.partition("/")[0])
        found = [s for s in family if fnmatchcase(s.name, pattern)]
        assert found, f"no scenario is called {pattern}"
        chosen += found
    return chosen


def _bits(table: dict[str, int]) -> st.SearchStrategy[str]:
    return st.lists(st.sampled_from(list(table)), unique=True).map(lambda ws: "|".join(ws) or "0")


_WORDS: dict[str, st.SearchStrategy[str]] = {
    "flags": st.integers(0, 2**32 - 1).map(flags_text),
    "stack": st.just("own"),
    "integer": st.integers(0, 999_999_999).map(str),
    "descriptor": st.sampled_from(DESCRIPTORS).map(str),
    "status": st.integers(0, 255).map(str),
    "milliseconds": st.integers(0, MAX_SLEEP).map(str),
    "signal": st.integers(1, 63).map(signal_name),
    "options": _bits(WAIT_OPTIONS),
    "policy": st.sampled_from(list(POLICIES)),
    "idtype": st.sampled_from(list(IDTYPES)),
    "waitoptions": _bits(WAIT6_OPTIONS),
    "path": st.sampled_from(["/", "/dev", "/tmp"]),
    "octal": st.integers(0, 0o777).map(lambda mask: f"0{mask:o}" if mask else "0"),
    "disposition": st.sampled_from(["default", "ignore", "catch"]),
    "how": st.sampled_from(["block", "unblock"]),
    "limit": st.one_of(
        st.just("inf"),
        st.integers(0, 9_999).map(str),
        st.tuples(st.sampled_from("+-"), st.integers(0, 99)).map(lambda t: f"count{t[0]}{t[1]}"),
    ),
    "uid": st.sampled_from(["0", "-1", "free1", "free2"]),
    "events": _bits(PTRACE_EVENTS),
    "field": st.sampled_from(FIELDS),
    "shown": st.sampled_from(SHOWN_FIELDS),
    "pflags": _bits(P_FLAGS),
    "notes": _bits(NOTES),
    "facilities": _bits(TRACE_FACILITIES),
    "inheritance": st.sampled_from(list(INHERITANCES)),
    "program": st.sampled_from([*PROGRAMS, *map(str, DESCRIPTORS)]),
    "ras": st.sampled_from(["install", "purge"]),
    "timer": st.sampled_from(TIMERS),
    "signals": st.lists(st.integers(1, 63).map(signal_name), unique=True).map(
        lambda names: "|".join(names) or "0"
    ),
}


_OTHERS_THAN_ACTORS = {"actor": [], "whom": ["any", ANONYMOUS], "group": [OWN_GROUP]}


@st.composite
def drawn(draw: st.DrawFn) -> Scenario:
    """Draws a scenario of the language. Each actor is a root or was born in an earlier step."""
    about = draw(st.lists(st.sampled_from(list(clauses())), min_size=1, max_size=3, unique=True))
    actors = _NAMES[: draw(st.integers(1, 2))]
    unborn = _NAMES[2:]
    made = []
    for _ in range(draw(st.integers(1, 12))):
        actor = draw(st.sampled_from(actors))
        verb = draw(st.sampled_from(list(VERBS)))
        args = []
        for kind in VERBS[verb]:
            if kind.endswith("?") and not draw(st.booleans()):
                break
            if kind == "lwp":
                # Without a name that is left, the actor looks at its own process instead.
                verb, new = ("_lwp_create", [unborn.pop(0)]) if unborn else ("getppid", [])
                actors += new
                args += new
            elif kind == "child":
                child = ANONYMOUS if not unborn or draw(st.booleans()) else unborn.pop(0)
                if child != ANONYMOUS:
                    actors.append(child)
                args.append(child)
            elif kind in _OTHERS_THAN_ACTORS:
                args.append(draw(st.sampled_from(actors + _OTHERS_THAN_ACTORS[kind])))
            else:
                args.append(draw(_WORDS[kind.rstrip("?")]))
        if verb == "kinfo":  # a signal for those fields that are sets of them
            args = [*args[:2], *([draw(_WORDS["signal"])] if args[1] in SIGNAL_SETS else [])]
        clause = draw(st.sampled_from(["", *about]))
        made.append(Step(actor, verb, tuple(args), clause))
    name = draw(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1))
    return Scenario(name, tuple(about), tuple(made))
