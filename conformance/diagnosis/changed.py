"""A kern_fork.py in which any one change can be switched on, without compiling it again.

Each statement stands in the module with all its changes, and a number chooses::

    if _at == 12:
        if _change == 0:
            pass                        # the statement is missing
        elif _change == 1:
            ...
    elif _skipped == 12:
        pass
    else:
        flags |= FORK_SHARECWD

What was tried, and rejected: a module for each change.  To compile fork1 takes 4 ms, and there are
two thousand changes.

Source: Untch, Offutt, Harrold, "Mutation Analysis Using Mutant Schemata" (1993).
"""

from __future__ import annotations

import ast
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType, FunctionType, ModuleType
from typing import Any

from conformance.diagnosis.changes import Change, Changes
from conformance.diagnosis.statements import bodies, source, statements
from reference_model import Log, Options, Scenario, kern_fork, predict
from reference_model.machine import orders

#: Rewrites the statements of a body.
_Rewrite = Callable[[list[ast.stmt]], list[ast.stmt]]
#: Maximum number of seconds of CPU time for one scenario; a changed model may never end.
_SECONDS = 0.5


class EndlessError(Exception):
    """The changed model does not end."""


def _no_end(_number: int, _frame: FrameType | None) -> None:
    raise EndlessError


@contextmanager
def _functions_of(module: ModuleType) -> Iterator[None]:
    """Gives kern_fork the functions of *module*."""
    before = {
        name: value
        for name, value in vars(kern_fork).items()
        if isinstance(value, FunctionType) and hasattr(module, name)
    }
    try:
        for name in before:
            setattr(kern_fork, name, getattr(module, name))
        yield
    finally:
        for name, value in before.items():
            setattr(kern_fork, name, value)


class ChangedModel:
    """The model, with one change or none."""

    def __init__(self) -> None:
        tree = ast.parse(source())
        found = statements(tree)
        changes = Changes(tree, found)
        self.changes: list[Change] = []
        #: For each change the number of its statement, and its own among those of the statement.
        self._place: dict[int, tuple[int, int]] = {}
        self._by_statement: list[list[Change]] = []
        for one in found:
            of_it = list(changes.of(one))
            self._by_statement.append(of_it)
            self._place |= {id(change): (one.number, n) for n, change in enumerate(of_it)}
            self.changes += of_it
        self._numbers = {id(one.node): one.number for one in found}
        self._module = self._compiled(tree, self._slots)
        self._watched = self._compiled(tree, self._noted)
        self._reached: set[int] = set()
        vars(self._watched)["_reach"] = self._reached.add

    def _compiled(self, tree: ast.Module, change: _Rewrite) -> ModuleType:
        """Returns the module, with *change* for the statements of its functions."""
        body = [
            self._rewritten(node, change) if isinstance(node, ast.FunctionDef) else node
            for node in tree.body
        ]
        body += ast.parse("_at = _change = _skipped = -1").body
        whole = ast.fix_missing_locations(ast.Module(body, []))
        module = ModuleType("reference_model.kern_fork_changed")
        code = compile(whole, "kern_fork_changed.py", "exec", dont_inherit=True)
        exec(code, vars(module))  # noqa: S102 - it is made of the model's own statements
        return module

    @staticmethod
    def _rewritten(node: Any, change: _Rewrite) -> Any:
        """Returns a copy of a function or statement, with *change* for the statements in it."""
        new = ast.copy_location(type(node)(), node)
        for field, value in ast.iter_fields(node):
            inside = isinstance(value, list) and value and isinstance(value[0], ast.stmt)
            setattr(new, field, change(value) if inside else value)
        return new

    def _noted(self, body: list[ast.stmt]) -> list[ast.stmt]:
        """Returns statements that are noted when they are reached."""
        noted: list[ast.stmt] = []
        for node in body:
            if (number := self._numbers.get(id(node))) is not None:
                noted += ast.parse(f"_reach({number})").body
            noted.append(self._rewritten(node, self._noted) if any(bodies(node)) else node)
        return noted

    def _slots(self, body: list[ast.stmt]) -> list[ast.stmt]:
        slots: list[ast.stmt] = []
        for node in body:
            number = self._numbers.get(id(node))
            if number is None:  # a docstring
                slots.append(node)
                continue
            inner = self._rewritten(node, self._slots) if any(bodies(node)) else node
            skipped = ast.If(_is("_skipped", number), [ast.Pass()], [inner])
            changed = self._chain(self._by_statement[number])
            slots.append(ast.If(_is("_at", number), changed, [skipped]))
        return slots

    @staticmethod
    def _chain(changes: Sequence[Change]) -> list[ast.stmt]:
        chain: list[ast.stmt] = [ast.Pass()]
        for place in reversed(range(len(changes))):
            body = list(changes[place].body) or [ast.Pass()]
            chain = [ast.If(_is("_change", place), body, chain)]
        return chain

    @contextmanager
    def used(self) -> Iterator[None]:
        """Lets the model run this module; at first without a change."""
        before = signal.signal(signal.SIGVTALRM, _no_end)
        try:
            with _functions_of(self._module):
                self.choose(None)
                yield
        finally:
            signal.signal(signal.SIGVTALRM, before)

    def reached(self, scenario: Scenario, options: Options) -> frozenset[int]:
        """Returns the numbers of the statements that the unchanged model reaches in *scenario*."""
        self._reached.clear()
        with _functions_of(self._watched):
            predict(scenario, options)
        return frozenset(self._reached)

    def choose(self, change: Change | None) -> None:
        """Switches *change* on, and any other off."""
        at, place, skipped = -1, -1, -1
        if change is not None:
            at, place = self._place[id(change)]
            skipped = change.skipped
        vars(self._module).update(_at=at, _change=place, _skipped=skipped)

    def allows(self, scenario: Scenario, observed: Log, options: Options) -> bool:
        """Returns whether the changed model allows the log *observed*."""
        signal.setitimer(signal.ITIMER_VIRTUAL, _SECONDS)
        try:
            return any(log == observed for _, log in orders(scenario, options))
        except Exception:
            # A model that does not end, or that a change has broken, explains nothing.
            return False
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)


def _is(name: str, number: int) -> ast.expr:
    return ast.Compare(ast.Name(name, ast.Load()), [ast.Eq()], [ast.Constant(number)])
