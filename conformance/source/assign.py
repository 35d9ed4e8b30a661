"""Assigns a difference to a clause of kern_fork.c.

The idea: the model is run line by line (``walk.py``), so for each of its calls and each change of
the state the statement is known, and with it the clause.  The compiled file cannot be watched
like that, but the harness keeps the state before each of its calls.  The two are compared call by
call.  Where they first part is between two calls; the clause is that of a statement of the model
there:

1. The state differs before a call: the statement that changes most of the differing fields, else
   the one that names one of them, else one that was skipped.
2. The call differs: the statement that makes the call, or the decision that leads to it.
3. The system call around fork1 (sys_fork, __clone, ...): if fork1 alone agrees when it gets the
   arguments that the model's system call gives it, the fault lies in the system call.

Tried and rejected:

* The first field that differs in the end: a break early in fork1 changes much, and the first
  field in the order of the record is often one that only follows from it.
* The statement that names the field, without the calls: many fields are set in several places
  (``p_slflag``, ``p_sflag``, ``p_lflag``), and some are set as a whole (memset, memcpy).
* A mutation of the model for each clause: right more often, but it needs one mutant for every
  break that somebody may make, and minutes.

It is checked by tests/test_source_breaks.py, which breaks each clause of the C file: the clause
that was broken must come first.

These rules stay beside the source target, and not in conformance/verdicts: they need the records,
the snapshots and a process to ask again, all of which are above verdicts.
"""

from __future__ import annotations

import ast
import re
from functools import cache

from conformance.source.caller import Caller, Died
from conformance.source.case import CALL_NAMES, FORK1, SYS_CLONE, Case
from conformance.source.compare import LABELS, Got, Record, calls_of, first_call, panic_of, split
from conformance.source.minimise import differs
from conformance.source.model import Model
from conformance.source.tables import CALLS, HEAD, NUMBER, PANICKED, RETURNED, Field
from conformance.source.walk import Walk, clause_of_line, clauses_of_name, source_lines, walk
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

#: The clause of a field that no statement of the model names.
CLAUSE_OF_UNTOUCHED_FIELD = {
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
#: The clause of a call whose own arguments are wrong.
CLAUSE_OF_FUNCTION = {
    "sys_fork": "SYS-FORK",
    "sys_vfork": "SYS-VFORK-44BSD",
    "sys___vfork14": "SYS-VFORK14",
}
#: The clause of a flag that __clone does not hand on as it should.
CLAUSE_OF_FLAG = (
    (CLONE_PTRACE, "CLONE-PTRACE"),
    (CLONE_FS, "CLONE-FS"),
    (CLONE_FILES, "CLONE-FILES"),
    (CLONE_VFORK, "CLONE-VFORK"),
    (CLONE_SIGHAND, "CLONE-SIGHAND"),
    (CLONE_VM, "CLONE-VM"),
)


def _clause_after(way: Walk, index: int) -> str | None:
    """Returns the clause of the line at *index*, of the next that has one, or the last."""
    for at in (*range(index, len(way.lines)), *range(index - 1, -1, -1)):
        if 0 <= at < len(way.lines) and (clause := clause_of_line().get(way.lines[at])):
            return clause
    return None


def _assign_fork1(
    caller: Caller, revision: tuple[int, int], values: Case, expected: Record, got: Got
) -> str:
    """Returns the clause of the model's line where the two sides first part."""
    way = walk(revision, values)
    _, calls = split(expected)
    seen_calls = calls_of(got.calls) if isinstance(got, Died) else split(got)[1]
    snapshots = caller.snapshots(values)
    at = first_call(calls, seen_calls)
    agreed = len(calls) if at is None else at
    if at is not None and [call[0] for call in calls[at : at + 1]] == [
        call[0] for call in seen_calls[at : at + 1]
    ]:
        agreed += 1  # the same call with other items: the states before it can be compared, too
    for index in range(min(agreed, len(way.before), len(seen_calls))):
        # The locks that are held say nothing during the call: the file may hold more.
        differing = [n for n in _differing(way.before[index], snapshots[index]) if n != _HELD]
        if differing:
            return _of_state(way, differing, index)
    if at is not None:
        if way.fork1 is None and values.call == SYS_CLONE:  # refused, by its last line
            return _clause_after(way, len(way.lines) - 1) or "CLONE-CHECK-ORDER"
        if at and at == len(seen_calls) and _refuses(seen_calls[-1], got):
            return _clause_after(way, way.calls[at - 1]) or "SUCCESS"
        ended = isinstance(got, Died) or bool(got[PANICKED]) or got[RETURNED] != expected[RETURNED]
        return _of_call(way, calls, seen_calls, at, came_back=not ended)
    if not isinstance(got, Died) and not got[PANICKED]:
        differing = _differing(split(expected)[0], split(got)[0])
        if differing:
            return _of_state(way, differing, len(calls))
    return _clause_after(way, len(way.lines) - 1) or "SUCCESS"


def _refuses(call: tuple[int, ...], got: Got) -> bool:
    """Returns whether the call ended the case: its caller broke a rule of the callee."""
    return not isinstance(got, Died) and panic_of(got).startswith(f"{CALLS[call[0]].name}: ")


_EXITSIG = next(n for n, (label, _) in enumerate(LABELS) if label == "p2.p_exitsig")
_HELD = next(number for number, (label, _) in enumerate(LABELS) if label == "held")


def _differing(state: Record, seen: Record) -> list[int]:
    return [n for n, (a, b) in enumerate(zip(state, seen, strict=True)) if a != b]


def _of_state(way: Walk, differing: list[int], call: int) -> str:
    """Returns the clause of the fields that first differ before the call numbered *call*."""
    start = way.calls[call - 1] if call else 0
    end = way.calls[call] if call < len(way.calls) else len(way.lines) - 1
    fields = [LABELS[number][1] for number in differing]
    # A line that has to do with many of them at once, ...
    changed = {
        at: _changes(way, at, differing)
        for at in range(max(start, 1), end + 1)
        if way.lines[at] in clause_of_line()
    }
    most = max(changed, key=changed.__getitem__, default=0)
    if changed.get(most, 0) > 2:
        return clause_of_line()[way.lines[most]]
    # ... or the model's own statement about the field, if it ran one, ...
    for at in range(end, start - 1, -1):
        clause = clause_of_line().get(way.lines[at])
        if clause and any(_names(way.lines[at], field) for field in fields):
            return clause
    # ... or a line that changed it without naming it, ...
    for at, number in changed.items():
        if number:
            return clause_of_line()[way.lines[at]]
    # ... or one that it did not run, between those that it did.
    first, last = way.lines[start], way.lines[end]
    for line in range(first, last + 1):
        clause = clause_of_line().get(line)
        if clause and any(_names(line, field) for field in fields):
            return clause
    for field in fields:
        known = CLAUSE_OF_UNTOUCHED_FIELD.get(field.name) or clauses_of_name().get(field.name)
        if known:
            return known
    return "ZERO-AND-COPY"


def _changes(way: Walk, at: int, numbers: list[int]) -> int:
    """Returns how many of these words of the state the line at *at* changed."""
    before, after = way.states[at - 1], way.states[at]
    return sum(before[n] != after[n] for n in numbers) if before and after else 0


def _names(line: int, field: Field) -> bool:
    """Returns whether a line of the model names the field of that object."""
    text = source_lines()[line - 1]
    if field.object == "k":
        return re.search(rf"\b{field.name}\b", text) is not None
    return re.search(rf"\b{field.object}\.{field.name}\b", text) is not None


def _of_call(
    way: Walk,
    calls: list[tuple[int, ...]],
    seen: list[tuple[int, ...]],
    at: int,
    *,
    came_back: bool,
) -> str:
    """Returns the clause of a call with other items, a missing call, or one call too many."""
    line = way.calls[at] if at < len(way.calls) else len(way.lines) - 1
    same = at < len(calls) and at < len(seen) and calls[at][0] == seen[at][0]
    if same:
        return _clause_after(way, line) or "SUCCESS"
    wanted = [call[0] for call in calls[at:]]
    made = [call[0] for call in seen[at:]]
    event = _of_event(calls, seen)
    if event:
        return event
    if wanted and (made[0] in wanted if made else came_back):  # left out
        return _clause_after(way, line) or "SUCCESS"
    if wanted and made and wanted[0] in made:  # made beside
        name = CALLS[made[0]].name if made[0] in CALLS else ""
        if name in clauses_of_name():
            return clauses_of_name()[name]
    # It went another way: the first decision after the last call that both made.
    start = way.calls[at - 1] + 1 if at else 0
    for index in range(start, line + 1):
        clause = clause_of_line().get(way.lines[index])
        if clause and (way.lines[index] in _decisions() or not made):
            return clause
    return _clause_after(way, line) or "SUCCESS"


@cache
def _decisions() -> frozenset[int]:
    """Returns the lines of the model's ``if`` statements, with all that is in them."""
    found: set[int] = set()
    for node in ast.walk(ast.parse("\n".join(source_lines()))):
        if isinstance(node, ast.If):
            found.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return frozenset(found)


_EVENTSWITCH, _CHANGEPARENT = NUMBER.eventswitch, NUMBER.proc_changeparent
#: The place of the event among the words of a call of eventswitch().
_EVENT = 1 + CALLS[_EVENTSWITCH].items.index(("N", "event"))


def _of_event(calls: list[tuple[int, ...]], seen: list[tuple[int, ...]]) -> str | None:
    """Returns the clause that says when an event is reported, where one is missing or too much."""
    wanted = {call[_EVENT] for call in calls if call[0] == _EVENTSWITCH}
    made = {call[_EVENT] for call in seen if len(call) > _EVENT and call[0] == _EVENTSWITCH}
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


def place_of_rule(model: Model, caller: Caller, values: Case, got: Got) -> str:
    """Returns the clause of the place where the caller's last run, of *values*, broke a rule."""
    way = walk(model.revision, values)
    words = [word for call in split(got)[1] for word in call] if not isinstance(got, Died) else []
    call = len(calls_of(words[: caller.calls_before_broken(0)]))
    last = way.calls[min(call, len(way.calls)) - 1] + 1 if call and way.calls else 0
    return _clause_after(way, last) or "SUCCESS"


def assign(model: Model, caller: Caller, values: Case, expected: Record, got: Got) -> str:
    """Returns the clause of a difference.

    Where fork1 with the same arguments agrees, it is a clause of the system call around it.
    """
    call = values.call
    if CALL_NAMES[call] not in CLAUSE_OF_FUNCTION and call != SYS_CLONE:
        return _assign_fork1(caller, model.revision, values, expected, got)
    asked = walk(model.revision, values).fork1
    if asked is None:
        return _assign_fork1(caller, model.revision, values, expected, got)
    arguments = {name: asked[name] or 0 for name in ("flags", "exitsig", "stack", "stacksize")}
    direct = values._replace(call=FORK1, func=0, arg=0, no_retval=0, **arguments)
    if differs(model, caller, direct):
        return _assign_fork1(caller, model.revision, values, expected, got)
    if call != SYS_CLONE:
        return CLAUSE_OF_FUNCTION[CALL_NAMES[call]]
    flags = values.flags
    named = [clause for bit, clause in CLAUSE_OF_FLAG if flags & bit]
    refused = not isinstance(got, Died) and got[RETURNED] != expected[RETURNED]
    if refused and flags & CLONE_FILES and values.fd == 2:
        return "CLONE-FILES-CLOSE-ON-FORK"
    if refused and flags & CLONE_SIGHAND:
        return "CLONE-SIGHAND-NEEDS-VM"
    if named:
        return named[0]
    if flags & ~CLONE_CSIGNAL:
        return "CLONE-UNKNOWN-BITS"
    if values.stack and not flags:
        return "CLONE-STACK"
    if refused or isinstance(got, Died) or got[HEAD + _EXITSIG] != expected[HEAD + _EXITSIG]:
        return "CLONE-CSIGNAL"
    return "CLONE-UNKNOWN-BITS"  # fork1 got flags that the word does not have


assert set(CLAUSE_OF_UNTOUCHED_FIELD.values()) <= clauses().keys()
