"""Where a record differs from the model's, and which clause that speaks for."""

from __future__ import annotations

import ast
import re
import sys
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import FrameType
from typing import Any, Final, Self

from conformance.catalogue import tagged_lines
from conformance.targets.source.case import (
    AT,
    BIT_FIELDS,
    CALL_NAMES,
    FIELDS,
    FORK1,
    PLAIN,
    SYS_CLONE,
    Case,
)
from conformance.targets.source.layout import (
    CALLS,
    HEAD,
    MESSAGE,
    OBJECT_NAMES,
    RECORD,
    STATE,
    Field,
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
    PTRACE_FORK,
    PTRACE_VFORK,
    PTRACE_VFORK_DONE,
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
    [
        "lock",
        "cred",
        "p",
        "p1",
        "p2",
        "l1",
        "l2",
        "l",
        "vp",
        "fdp",
        "limit",
        "stats",
        "parent",
        "cv",
        "path",
        "uaddr",
        "p_tracep",
        "p_vforklwp",
    ]
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


def first_call(expected: list[tuple[int, ...]], seen: list[tuple[int, ...]]) -> int | None:
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
    state = expected[HEAD : HEAD + STATE]
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
        where = (want[index] if index < len(want) else 0, saw[index] if index < len(saw) else 0)
        return (call, panic_of(got), expected[3], got[3], labels[:4], index == 0, where[:1])
    return (call, panic_of(got), expected[3], got[3], labels[:8])


# -- whose fault it is -----------------------------------------------------------------


@cache
def _source() -> tuple[str, ...]:
    text = files("reference_model").joinpath("kern_fork.py").read_text(encoding="utf-8")
    return tuple(text.splitlines())


@cache
def _clause_of_line() -> dict[int, str]:
    return {line: name for name, lines in tagged_lines().items() for line in lines}


@cache
def _clauses_of_name() -> dict[str, str]:
    """For each word of the model's source, the first clause whose statement has it."""
    found: dict[str, str] = {}
    for line, clause in sorted(_clause_of_line().items()):
        for word in re.findall(r"\w+", _source()[line - 1].partition("  #")[0]):
            found.setdefault(word, clause)
    return found


class _Watched(list[int]):
    """A list of calls that takes note of the state before each of them."""

    def __init__(self) -> None:
        self.before_call: Callable[[], None] = lambda: None

    def __iadd__(self, words: Iterable[int]) -> Self:  # type: ignore[override, misc]
        self.before_call()
        self.extend(words)
        return self

    def append(self, word: int) -> None:
        self.before_call()
        super().append(word)


@dataclass
class Walk:
    """The model's way through a case.

    ``lines`` are those of kern_fork.py in the order in which they were run and ``states``
    the state after each; ``calls`` has for each call the index of its line, ``before`` the
    state before it.  ``fork1`` are the arguments of fork1, if it came to that.
    """

    lines: list[int]
    states: list[list[int]]
    calls: list[int]
    before: list[list[int]]
    fork1: dict[str, Any] | None = None


@cache
def _watched(revision: tuple[int, int]) -> World:
    return World(revision, _Watched())


def walk(revision: tuple[int, int], values: Case) -> Walk:
    """Run the case on the model, line by line."""
    world = _watched(revision)
    assert isinstance(world.calls, _Watched)
    way = Walk([], [], [], [])

    def before_call() -> None:
        way.calls.append(max(len(way.lines) - 1, 0))
        way.before.append(world.state())

    def local(_frame: FrameType, event: str, _arg: Any) -> Any:
        frame = _frame
        if way.lines and frame.f_code.co_name in _WALKED:
            way.states[-1] = world.state()
        if event == "line":
            way.lines.append(frame.f_lineno)
            way.states.append([])
        return local

    def enter(frame: FrameType, _event: str, _arg: Any) -> Any:
        if frame.f_globals.get("__name__") != kern_fork.__name__:
            return None
        if frame.f_code.co_name == "fork1" and way.fork1 is None:
            way.fork1 = dict(frame.f_locals)
        return local if frame.f_code.co_name in _WALKED else None

    world.calls.before_call = before_call
    before = sys.gettrace()
    sys.settrace(enter)
    try:
        world.run(values)
    finally:
        sys.settrace(before)
        world.calls.before_call = lambda: None
    if way.states and not way.states[-1]:
        way.states[-1] = world.state()
    return way


_WALKED = frozenset({"fork1", "sys___clone", "child_return"})


def _clause_after(way: Walk, index: int) -> str | None:
    """The clause of the line at *index*, or of the next one that has one, or the last before."""
    for at in (*range(index, len(way.lines)), *range(index - 1, -1, -1)):
        if 0 <= at < len(way.lines) and (clause := _clause_of_line().get(way.lines[at])):
            return clause
    return None


def blame(
    runner: Runner, revision: tuple[int, int], values: Case, expected: Record, got: Got
) -> str:
    """The clause that the difference speaks for: that of the model's line where it first shows.

    The state is compared before each call, so that it is known between which two calls the
    file first does otherwise than the model.
    """
    way = walk(revision, values)
    _, calls = split(expected)
    seen_calls = calls_of(got.calls) if isinstance(got, Died) else split(got)[1]
    snapshots = runner.snapshots(values)
    at = first_call(calls, seen_calls)
    agreed = len(calls) if at is None else at
    if at is not None and [call[0] for call in calls[at : at + 1]] == [
        call[0] for call in seen_calls[at : at + 1]
    ]:
        agreed += 1  # the same call, made otherwise: there, too, the states can be compared
    for index in range(min(agreed, len(way.before), len(seen_calls))):
        # Some locks are the harness's alone: while the call lasts they say nothing.
        differing = [n for n in _differing(way.before[index], snapshots[index]) if n != _HELD]
        if differing:
            return _blame_state(way, differing, index)
    if at is not None:
        if way.fork1 is None and values[AT["call"]] == SYS_CLONE:  # refused, by its last line
            return _clause_after(way, len(way.lines) - 1) or "CLONE-CHECK-ORDER"
        ended = isinstance(got, Died) or bool(got[1]) or got[3] != expected[3]
        return _blame_call(way, calls, seen_calls, at, came_back=not ended)
    if not isinstance(got, Died) and not got[1]:
        differing = _differing(split(expected)[0], split(got)[0])
        if differing:
            return _blame_state(way, differing, len(calls))
    return _clause_after(way, len(way.lines) - 1) or "SUCCESS"


_EXITSIG = next(n for n, (label, _) in enumerate(LABELS) if label == "p2.p_exitsig")
_HELD = next(number for number, (label, _) in enumerate(LABELS) if label == "held")


def _differing(state: Record, seen: Record) -> list[int]:
    return [n for n, (a, b) in enumerate(zip(state, seen, strict=True)) if a != b]


def _blame_state(way: Walk, differing: list[int], call: int) -> str:
    """Whose the fields are that first differ before the call numbered *call*."""
    start = way.calls[call - 1] if call else 0
    end = way.calls[call] if call < len(way.calls) else len(way.lines) - 1
    fields = [LABELS[number][1] for number in differing]
    # A line that has to do with many of them at once, ...
    changed = {
        at: _changes(way, at, differing)
        for at in range(max(start, 1), end + 1)
        if way.lines[at] in _clause_of_line()
    }
    most = max(changed, key=changed.__getitem__, default=0)
    if changed.get(most, 0) > 2:
        return _clause_of_line()[way.lines[most]]
    # ... or the model's own statement about the field, if it ran one, ...
    for at in range(end, start - 1, -1):
        clause = _clause_of_line().get(way.lines[at])
        if clause and any(_names(way.lines[at], field) for field in fields):
            return clause
    # ... or a line that changed it without naming it, ...
    for at, number in changed.items():
        if number:
            return _clause_of_line()[way.lines[at]]
    # ... or one that it did not run, between those that it did.
    first, last = way.lines[start], way.lines[end]
    for line in range(first, last + 1):
        clause = _clause_of_line().get(line)
        if clause and any(_names(line, field) for field in fields):
            return clause
    for field in fields:
        known = _KEPT.get(field.name) or _clauses_of_name().get(field.name)
        if known:
            return known
    return "ZERO-AND-COPY"


def _changes(way: Walk, at: int, numbers: list[int]) -> int:
    """How many of these words of the state the line at *at* changed."""
    before, after = way.states[at - 1], way.states[at]
    return sum(before[n] != after[n] for n in numbers) if before and after else 0


def _names(line: int, field: Field) -> bool:
    """Whether a line of the model names the field, of that object where it has one."""
    text = _source()[line - 1]
    if field.object == "k":
        return re.search(rf"\b{field.name}\b", text) is not None
    return re.search(rf"\b{field.object}\.{field.name}\b", text) is not None


_LOCKS = (1, 2)


def _blame_call(
    way: Walk,
    calls: list[tuple[int, ...]],
    seen: list[tuple[int, ...]],
    at: int,
    *,
    came_back: bool,
) -> str:
    """Whose the call is that was made otherwise, not made, or made beside the model's."""
    line = way.calls[at] if at < len(way.calls) else len(way.lines) - 1
    if at < len(calls) and at < len(seen) and calls[at][0] == seen[at][0] and calls[at][0] > 2:
        return _clause_after(way, line) or "SUCCESS"
    wanted = [call[0] for call in calls[at:] if call[0] not in _LOCKS]
    made = [call[0] for call in seen[at:] if call[0] not in _LOCKS]
    event = _blame_event(calls, seen)
    if event:
        return event
    if wanted and made and wanted[0] == made[0]:  # only a lock
        return _clause_after(way, line) or "SUCCESS"
    if wanted and (made[0] in wanted if made else came_back):  # left out
        position = next(n for n in range(at, len(calls)) if calls[n][0] not in _LOCKS)
        return _clause_after(way, way.calls[position]) or "SUCCESS"
    if wanted and made and wanted[0] in made:  # made beside
        name = CALLS[made[0]].name if made[0] in CALLS else ""
        if name in _clauses_of_name():
            return _clauses_of_name()[name]
    # It went another way: the first decision behind the last call that both made.
    start = way.calls[at - 1] + 1 if at else 0
    for index in range(start, line + 1):
        clause = _clause_of_line().get(way.lines[index])
        if clause and (way.lines[index] in _decisions() or not made):
            return clause
    return _clause_after(way, line) or "SUCCESS"


@cache
def _decisions() -> frozenset[int]:
    """The lines of the model's ``if``s, and those that stand in one."""
    found: set[int] = set()
    for node in ast.walk(ast.parse("\n".join(_source()))):
        if isinstance(node, ast.If):
            found.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return frozenset(found)


def _blame_event(calls: list[tuple[int, ...]], seen: list[tuple[int, ...]]) -> str | None:
    """Where an event of the tracer's is there or not, the clause that says when it is."""
    wanted = {call[2] for call in calls if call[0] == _EVENTSWITCH}
    made = {call[2] for call in seen if len(call) > 2 and call[0] == _EVENTSWITCH}
    odd = wanted ^ made
    moved = [call[0] for call in calls].count(_CHANGEPARENT) != [call[0] for call in seen].count(
        _CHANGEPARENT
    )
    if len(odd) != 1 and not moved:
        return None
    for event, clause in (
        (PTRACE_FORK, "TRACE-FORK-WHEN"),
        (PTRACE_VFORK, "TRACE-VFORK-WHEN"),
    ):
        if event in odd and moved:
            return clause
    return "TRACE-VFORK-DONE-WHEN" if odd == {PTRACE_VFORK_DONE} else None


_EVENTSWITCH = next(number for number, call in CALLS.items() if call.name == "eventswitch")
_CHANGEPARENT = next(n for n, call in CALLS.items() if call.name == "proc_changeparent")


#: What a call that succeeds never comes to.
_ONLY_REFUSED = frozenset(
    {"FORK-REFUSED-ROLLBACK", "FORKFSLEEP", "NPROC-ROLLBACK", "UAREA-FAILURE", "PROC-ALLOC-FAILURE"}
)


@cache
def _tags_of(function: str) -> frozenset[str]:
    code = getattr(kern_fork, function).__code__
    lines = {line for _, _, line in code.co_lines() if line}
    return frozenset(clause for line, clause in _clause_of_line().items() if line in lines)


def clauses_reached(revision: tuple[int, int], values: Case) -> frozenset[str]:
    """The clauses that a case comes to: those that a success decides either way, too."""
    way = walk(revision, values)
    name = CALL_NAMES[values[0]]
    if name == "child_return":
        return _tags_of(name)
    reached = {_clause_of_line()[line] for line in way.lines if line in _clause_of_line()}
    if way.fork1 is not None:
        reached |= _tags_of(name) - _tags_of("fork1") if name != "fork1" else frozenset()
    if way.fork1 is None and name == "sys___clone":
        reached.add("CLONE-CHECK-ORDER")
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
        if FIELDS[at] in BIT_FIELDS and value != plain:
            for bit in range(31, -1, -1):
                word = value & 0xFFFFFFFF & ~(1 << bit)
                if value >> bit & 1 and word:
                    yield (*values[:at], word - (word >> 31 << 32), *values[at + 1 :])


def accuse(world: World, runner: Runner, values: Case, expected: Record, got: Got) -> str:
    """The clause, the four calls' own ones included: theirs is what fork1 alone does right."""
    call = values[AT["call"]]
    if CALL_NAMES[call] not in _OF_CALL and call != SYS_CLONE:
        return blame(runner, world.revision, values, expected, got)
    asked = walk(world.revision, values).fork1
    if asked is None:
        return blame(runner, world.revision, values, expected, got)
    direct = list(values)
    direct[AT["call"]] = FORK1
    for name in ("flags", "exitsig", "stack", "stacksize"):
        direct[AT[name]] = asked[name] or 0
    direct[AT["func"]] = direct[AT["arg"]] = direct[AT["no_retval"]] = 0
    if differs(world, runner, tuple(direct)):
        return blame(runner, world.revision, values, expected, got)
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
    if values[AT["stack"]] and not flags:
        return "CLONE-STACK"
    if refused or isinstance(got, Died) or got[HEAD + _EXITSIG] != expected[HEAD + _EXITSIG]:
        return "CLONE-CSIGNAL"
    return "CLONE-UNKNOWN-BITS"  # flags that nobody asked for


assert set(_KEPT.values()) <= clauses().keys()
assert len(LABELS) == STATE
