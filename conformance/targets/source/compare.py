"""Where a record differs from the model's, and which clause that speaks for."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import FrameType
from typing import Any, Final

from conformance.catalogue import tagged_lines
from conformance.targets.source.case import AT, CALL_NAMES, FORK1, PLAIN, SYS_CLONE, Case
from conformance.targets.source.layout import (
    CALLS,
    HEAD,
    MESSAGE,
    OBJECT_NAMES,
    RECORD,
    STATE,
)
from conformance.targets.source.model import World
from conformance.targets.source.runner import Died, Runner
from reference_model import kern_fork
from reference_model.clauses import clauses
from reference_model.netbsd import (
    CLONE_CSIGNAL,
    CLONE_FILES,
    CLONE_FS,
    CLONE_PTRACE,
    CLONE_SIGHAND,
    CLONE_VFORK,
    CLONE_VM,
    ERRNO_NAMES,
)

Record = Sequence[int]
Got = list[int] | Died
#: What each word of the state is called, and how it is shown.
LABELS: Final = tuple(
    (f"{field.label}[{place}]" if field.width > 1 else field.label, field)
    for field in RECORD
    for place in range(field.width)
)
_SHOWN = 12
#: Where the model never touches a field, the clause whose it is.
_KEPT = {
    "lock1_refcnt": "LOCK-SHARED-WITH-SIGNALS",
    "fd1_refcnt": "FILES",
    "cwdi1_refcnt": "CWD",
    "limit1_refcnt": "LIMITS",
    "sigacts1_refcnt": "SIGNAL-ACTIONS",
    "vmspace1_refcnt": "ADDRESS-SPACE",
    "textvp1_usecount": "TEXT-AND-PATH",
    "tracefile_refcnt": "KTRACE-INHERITED",
    "count_l": "NPROC-ROLLBACK",
    "count_p": "NPROC-COUNTS-REAL-UID",
    "nprocs": "NPROCS-COUNTED-FIRST",
    "forkfsleep": "FORKFSLEEP",
    "init_children": "PARENT",
    "tracer_children": "TRACE-REPARENT",
    "members": "PROCESS-LISTS",
    "allproc": "PROCESS-LISTS",
}
_OF_CALL = {
    "sys_fork": "SYS-FORK",
    "sys_vfork": "SYS-VFORK-44BSD",
    "sys___vfork14": "SYS-VFORK14",
}
_OF_BIT = (
    (CLONE_PTRACE, "CLONE-PTRACE"),
    (CLONE_FS, "CLONE-FS"),
    (CLONE_FILES, "CLONE-FILES"),
    (CLONE_VFORK, "CLONE-VFORK"),
    (CLONE_SIGHAND, "CLONE-SIGHAND"),
    (CLONE_VM, "CLONE-VM"),
)


def panic_of(record: Record) -> str:
    """The text of a record's panic, or nothing."""
    if not record[1]:
        return ""
    text = array("q", record[-MESSAGE:]).tobytes().split(b"\0")[0].decode("ascii", "replace")
    return f"{text}, line {record[2]}" if record[2] else text


def calls_of(words: Sequence[int]) -> list[tuple[int, ...]]:
    """A list of calls, call by call."""
    calls, at = [], 0
    while at < len(words):
        call = CALLS.get(words[at])
        width = 1 + len(call.arguments) if call else len(words)
        calls.append(tuple(words[at : at + width]))
        at += width
    return calls


def split(record: Record) -> tuple[Record, list[tuple[int, ...]]]:
    """A record's state and its calls."""
    start = HEAD + STATE + 1
    return record[HEAD : HEAD + STATE], calls_of(record[start : start + record[start - 1]])


_POINTERS = frozenset(
    "lock cred p p1 p2 l1 l2 l vp fdp limit stats parent cv path uaddr p_tracep p_vforklwp".split()
)


def show_call(call: tuple[int, ...] | None) -> str:
    if call is None:
        return "-"
    known = CALLS.get(call[0])
    if known is None:
        return f"call {call[0]}"
    shown = [
        f"{name} {OBJECT_NAMES.get(value, value) if name in _POINTERS else value}"
        for name, value in zip(known.arguments, call[1:], strict=False)
    ]
    return f"{known.name}({', '.join(shown)})"


def show_word(kind: str, name: str, value: int) -> str:
    if kind in "PFL":
        return OBJECT_NAMES.get(value, str(value))
    if kind == "N" and ("flag" in name or "mask" in name) and value >= 0:
        return f"{value:#x}"
    return str(value)


def show_returned(value: int) -> str:
    return ERRNO_NAMES.get(value, str(value))


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that differs: what it is, as the model says, as it was seen."""

    what: str
    expected: str
    seen: str


def first_call(
    expected: list[tuple[int, ...]], seen: list[tuple[int, ...]]
) -> int | None:
    """The index of the first call that is not the model's."""
    for index, (want, got) in enumerate(zip(expected, seen, strict=False)):
        if want != got:
            return index
    return None if len(expected) == len(seen) else min(len(expected), len(seen))


def rows_of(expected: Record, got: Got) -> list[Row]:
    """What differs, the outcome first, then the first call, then fields of objects."""
    state, calls = split(expected)
    rows = []
    if isinstance(got, Died):
        seen_calls = calls_of(got.calls)
        rows.append(Row("outcome", "returned " + show_returned(expected[3]), got.how))
        seen_state: Record = state
    else:
        seen_state, seen_calls = split(got)
        if panic := panic_of(got):
            rows.append(Row("outcome", "returned " + show_returned(expected[3]), panic))
            seen_state = state
        elif expected[3] != got[3]:
            rows.append(Row("returned", show_returned(expected[3]), show_returned(got[3])))
    at = first_call(calls, seen_calls)
    if at is not None:
        want = calls[at] if at < len(calls) else None
        saw = seen_calls[at] if at < len(seen_calls) else None
        rows.append(Row(f"call {at + 1}", show_call(want), show_call(saw)))
    for (label, field), value, seen in zip(LABELS, state, seen_state, strict=True):
        if value != seen:
            rows.append(
                Row(label, show_word(field.kind, field.name, value),
                    show_word(field.kind, field.name, seen))
            )  # fmt: skip
    return rows


def key_of(expected: Record, got: Got, call: int) -> tuple[Any, ...]:
    """What differences of one cause have in common, quickly."""
    state, calls = expected[HEAD : HEAD + STATE], None
    if isinstance(got, Died):
        return (call, got.how, len(got.calls))
    labels = tuple(
        number
        for number, (a, b) in enumerate(zip(state, got[HEAD : HEAD + STATE], strict=True))
        if a != b
    )
    start = HEAD + STATE + 1
    want, saw = expected[start:], got[start : start + got[start - 1]]
    if want != saw:
        index = next(
            (n for n, (a, b) in enumerate(zip(want, saw, strict=False)) if a != b),
            min(len(want), len(saw)),
        )
        calls = (index, want[index : index + 1], saw[index : index + 1])
        calls = (calls[0],)
    return (call, panic_of(got), expected[3], got[3], labels[:8], calls is not None)


# -- whose fault it is -----------------------------------------------------------------


@cache
def _clause_of_line() -> dict[int, str]:
    return {line: name for name, lines in tagged_lines().items() for line in lines}


@cache
def _clauses_of_name() -> dict[str, str]:
    """For each word of the model's source, the first clause whose statement has it."""
    source = files("reference_model").joinpath("kern_fork.py").read_text(encoding="utf-8")
    found: dict[str, str] = {}
    for line, clause in sorted(_clause_of_line().items()):
        for word in source.splitlines()[line - 1].replace(".", " ").replace("[", " ").split():
            found.setdefault(word.strip("(),:"), clause)
    return found


@dataclass
class _Walk:
    """The model's way through a case: after each line, the line, the calls, the state."""

    lines: list[int]
    calls: list[int]
    states: list[list[int]]
    fork1: dict[str, Any] | None = None


def _walk(world: World, values: Case) -> _Walk:
    walk = _Walk([], [], [])
    module = kern_fork.__name__

    def local(frame: FrameType, event: str, _arg: Any) -> Any:
        if walk.lines:
            walk.calls[-1] = len(world.calls)
            walk.states[-1] = world.state(frame.f_locals.get("retval") or (-7, -8))
        if event == "line":
            walk.lines.append(frame.f_lineno)
            walk.calls.append(len(world.calls))
            walk.states.append([])
        return local

    def enter(frame: FrameType, event: str, _arg: Any) -> Any:
        if frame.f_globals.get("__name__") != module:
            return None
        if frame.f_code.co_name == "fork1" and walk.fork1 is None:
            walk.fork1 = dict(frame.f_locals)
        return local if frame.f_code.co_name in ("fork1", "sys___clone", "child_return") else None

    before = sys.gettrace()
    sys.settrace(enter)
    try:
        world.run(values)
    finally:
        sys.settrace(before)
    return walk


def _clause_at(walk: _Walk, index: int) -> str | None:
    """The clause of the line at *index*, or of the nearest one before it that has one."""
    for at in range(min(index, len(walk.lines) - 1), -1, -1):
        if clause := _clause_of_line().get(walk.lines[at]):
            return clause
    return None


def blame(world: World, values: Case, expected: Record, got: Got) -> str:
    """The clause that the difference speaks for: that of the model's line where it first shows.

    Things go wrong from top to bottom, so of all that differs the earliest counts.
    """
    walk = _walk(world, values)
    state, calls = split(expected)
    seen_calls = calls_of(got.calls) if isinstance(got, Died) else split(got)[1]
    found: list[tuple[int, str]] = []
    at = first_call(calls, seen_calls)
    ended = isinstance(got, Died) or bool(got[1])
    if at is None and ended:
        at = len(calls)
    if at is not None:
        index = _line_of_call(walk, calls, at)
        label = _label_of(calls, seen_calls, at)
        if label is not None:
            index = min(index, _changed(walk, label, index))
        if clause := _clause_at(walk, index):
            found.append((index, clause))
    elif expected[3] != got[3]:  # type: ignore[index]
        found.append((len(walk.lines), _clause_at(walk, len(walk.lines)) or "SUCCESS"))
    if not ended:
        assert not isinstance(got, Died)
        for number, (value, seen) in enumerate(
            zip(state, got[HEAD : HEAD + STATE], strict=True)
        ):
            if value == seen:
                continue
            index = _changed(walk, number, len(walk.lines))
            if index < len(walk.lines):
                found.append((index, _clause_at(walk, index) or "SUCCESS"))
            else:
                field = LABELS[number][1]
                kept = _KEPT.get(field.name) or _clauses_of_name().get(field.name)
                found.append((index, kept or "ZERO-AND-COPY"))
    return min(found, key=lambda pair: pair[0])[1] if found else "SUCCESS"


def _line_of_call(walk: _Walk, calls: list[tuple[int, ...]], at: int) -> int:
    """The index of the line that makes the call number *at*; the last where there is none."""
    words = sum(len(call) for call in calls[:at])
    if at >= len(calls):
        return len(walk.lines) - 1
    for index, after in enumerate(walk.calls):
        if after > words:
            return index
    return len(walk.lines) - 1


def _label_of(
    calls: list[tuple[int, ...]], seen: list[tuple[int, ...]], at: int
) -> int | None:
    """The word of the state that an argument shows, where it alone is what differs."""
    if at >= len(calls) or at >= len(seen) or calls[at][0] != seen[at][0]:
        return None
    names = CALLS[calls[at][0]].arguments
    for name, want, saw in zip(names, calls[at][1:], seen[at][1:], strict=False):
        if want != saw:
            wanted = {"nprocs": "nprocs", "count": "count_l", "l_private": "l2.l_private"}.get(
                name, f"p2.{name}"
            )
            return next((n for n, (label, _) in enumerate(LABELS) if label == wanted), None)
    return None


def _changed(walk: _Walk, number: int, before: int) -> int:
    """The index of the last line up to *before* that changed a word of the state."""
    last, value = len(walk.lines), None
    for index, state in enumerate(walk.states[: before + 1]):
        if state and value is not None and state[number] != value:
            last = index
        if state:
            value = state[number]
    return last


#: What a call that succeeds never comes to.
_ONLY_REFUSED = frozenset(
    {"FORK-REFUSED-ROLLBACK", "FORKFSLEEP", "NPROC-ROLLBACK", "UAREA-FAILURE", "PROC-ALLOC-FAILURE"}
)


@cache
def _tags_of(function: str) -> frozenset[str]:
    code = getattr(kern_fork, function).__code__
    lines = {line for _, _, line in code.co_lines() if line}
    return frozenset(clause for line, clause in _clause_of_line().items() if line in lines)


def clauses_reached(world: World, values: Case) -> frozenset[str]:
    """The clauses that a case comes to: those that a success decides either way, too."""
    walk = _walk(world, values)
    name = CALL_NAMES[values[0]]
    if name == "child_return":
        return _tags_of(name)
    reached = {_clause_of_line()[line] for line in walk.lines if line in _clause_of_line()}
    if walk.fork1 is not None:
        reached |= _tags_of(name) - _tags_of("fork1") if name != "fork1" else frozenset()
    if "SUCCESS" in reached:
        reached |= _tags_of("fork1") - _ONLY_REFUSED
        reached |= _tags_of("tracefork") | _tags_of("tracevfork") | _tags_of("tracevforkdone")
    return frozenset(reached)


# -- the smallest case ------------------------------------------------------------------


def records(runner: Runner, cases: Sequence[Case]) -> Iterator[Got]:
    """Each case's record, or how it ended."""
    for piece in runner.run(cases):
        if isinstance(piece, Died):
            yield piece
            continue
        words, at = piece.tolist(), 0
        while at < len(words):
            yield words[at : at + words[at]]
            at += words[at]


def differs(world: World, runner: Runner, values: Case) -> bool:
    return next(records(runner, [values])) != world.record(values)


def shrink(world: World, runner: Runner, values: Case) -> Case:
    """The smallest case near *values* that differs, too: as much as can be is plain."""
    changed = True
    while changed:
        changed = False
        smaller = list(_smaller(values))
        for candidate, got in zip(smaller, records(runner, smaller), strict=True):
            if got != world.record(candidate):
                values, changed = candidate, True
                break
    return values


def _smaller(values: Case) -> Iterator[Case]:
    for at, (value, plain) in enumerate(zip(values, PLAIN, strict=True)):
        if at == AT["call"] or value == plain:
            continue
        yield (*values[:at], plain, *values[at + 1 :])
        if value > 0 and value != plain and at not in (AT["nprocs"], AT["rlim_cur"]):
            for bit in range(value.bit_length()):
                if value >> bit & 1 and value != 1 << bit:
                    yield (*values[:at], value & ~(1 << bit), *values[at + 1 :])


def accuse(world: World, runner: Runner, values: Case, expected: Record, got: Got) -> str:
    """The clause, the four calls' own ones included: theirs is what fork1 alone does right."""
    call = values[AT["call"]]
    if CALL_NAMES[call] not in _OF_CALL and call != SYS_CLONE:
        return blame(world, values, expected, got)
    asked = _walk(world, values).fork1
    if asked is None:
        return blame(world, values, expected, got)
    direct = list(values)
    direct[AT["call"]] = FORK1
    for name in ("flags", "exitsig", "stack", "stacksize"):
        direct[AT[name]] = asked[name] or 0
    direct[AT["func"]] = direct[AT["arg"]] = direct[AT["no_retval"]] = 0
    if differs(world, runner, tuple(direct)):
        return blame(world, values, expected, got)
    if call != SYS_CLONE:
        return _OF_CALL[CALL_NAMES[call]]
    flags = values[AT["flags"]]
    named = [clause for bit, clause in _OF_BIT if flags & bit]
    refused = not isinstance(got, Died) and got[3] != expected[3]
    if refused and flags & CLONE_FILES and values[AT["fd"]] == 2:
        return "CLONE-FILES-CLOSE-ON-FORK"
    if refused and flags & CLONE_SIGHAND:
        return "CLONE-SIGHAND-NEEDS-VM"
    if named:
        return named[0]
    if flags & ~CLONE_CSIGNAL:
        return "CLONE-UNKNOWN-BITS"
    return "CLONE-STACK" if values[AT["stack"]] and not flags else "CLONE-CSIGNAL"


assert set(_KEPT.values()) <= clauses().keys()
assert STATE == len(LABELS)
