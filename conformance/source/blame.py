"""Which clause a difference speaks for, and which clauses a case comes to.

The model is run line by line, so that for each call and each change of the state it is
known which of its statements made it; the clause is that statement's.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import FrameType
from typing import Any, Self

from conformance.scenarios.catalogue import tagged_lines
from conformance.source.case import AT, CALL_NAMES, FORK1, SYS_CLONE, Case
from conformance.source.compare import (
    LABELS,
    Got,
    Record,
    calls_of,
    differs,
    first_call,
    split,
)
from conformance.source.layout import CALLS, HEAD, Field
from conformance.source.model import World
from conformance.source.runner import Died, Runner
from reference_model import kern_fork
from reference_model.clauses import clauses
from reference_model.language.netbsd import (
    CLONE_CSIGNAL,
    CLONE_FILES,
    CLONE_FS,
    CLONE_PTRACE,
    CLONE_SIGHAND,
    CLONE_VFORK,
    CLONE_VM,
    PTRACE_FORK,
    PTRACE_VFORK,
    PTRACE_VFORK_DONE,
)

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
