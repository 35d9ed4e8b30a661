"""The model's way through a case, line by line, and the clauses that it comes to."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import FrameType
from typing import Any, Self

from conformance.scenarios.catalogue import tagged_lines
from conformance.source.case import CALL_NAMES, Case
from conformance.source.model import Model
from reference_model import kern_fork


@cache
def source_lines() -> tuple[str, ...]:
    """Returns the lines of reference_model/kern_fork.py."""
    text = files("reference_model").joinpath("kern_fork.py").read_text(encoding="utf-8")
    return tuple(text.splitlines())


@cache
def clause_of_line() -> dict[int, str]:
    """Returns the clause of each line of the model that has one."""
    return {line: name for name, lines in tagged_lines().items() for line in lines}


@cache
def clauses_of_name() -> dict[str, str]:
    """Returns for each word of the model's source the first clause whose statement has it."""
    found: dict[str, str] = {}
    for line, clause in sorted(clause_of_line().items()):
        for word in re.findall(r"\w+", source_lines()[line - 1].partition("  #")[0]):
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
def _watched(revision: tuple[int, int]) -> Model:
    return Model(revision, _Watched())


def walk(revision: tuple[int, int], values: Case) -> Walk:
    """Runs the case on the model, line by line."""
    model = _watched(revision)
    assert isinstance(model.calls, _Watched)
    way = Walk([], [], [], [])

    def before_call() -> None:
        way.calls.append(max(len(way.lines) - 1, 0))
        way.before.append(model.state())

    def local(_frame: FrameType, event: str, _arg: Any) -> Any:
        frame = _frame
        if way.lines and frame.f_code.co_name in _WALKED:
            way.states[-1] = model.state()
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

    model.calls.before_call = before_call
    before = sys.gettrace()
    sys.settrace(enter)
    try:
        model.run(values)
    finally:
        sys.settrace(before)
        model.calls.before_call = lambda: None
    if way.states and not way.states[-1]:
        way.states[-1] = model.state()
    return way


_WALKED = frozenset({"fork1", "sys___clone", "child_return"})


#: What a call that succeeds never comes to.
_ONLY_REFUSED = frozenset(
    {"FORK-REFUSED-ROLLBACK", "FORKFSLEEP", "NPROC-ROLLBACK", "UAREA-FAILURE", "PROC-ALLOC-FAILURE"}
)


@cache
def _tags_of(function: str) -> frozenset[str]:
    code = getattr(kern_fork, function).__code__
    lines = {line for _, _, line in code.co_lines() if line}
    return frozenset(clause for line, clause in clause_of_line().items() if line in lines)


def clauses_reached(revision: tuple[int, int], values: Case) -> frozenset[str]:
    """Returns the clauses that a case comes to, with those that any success decides."""
    way = walk(revision, values)
    name = CALL_NAMES[values.call]
    if name == "child_return":
        return _tags_of(name)
    reached = {clause_of_line()[line] for line in way.lines if line in clause_of_line()}
    if way.fork1 is not None:
        reached |= _tags_of(name) - _tags_of("fork1") if name != "fork1" else frozenset()
    if way.fork1 is None and name == "sys___clone":
        reached.add("CLONE-CHECK-ORDER")
    if "SUCCESS" in reached:
        reached |= _tags_of("fork1") - _ONLY_REFUSED
        reached |= _tags_of("tracefork") | _tags_of("tracevfork") | _tags_of("tracevforkdone")
    return frozenset(reached)
