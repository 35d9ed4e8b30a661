"""Changes one place of the model, and asks it for a log again.

The idea.  The model is a program, so a difference can be explained: find the one change of it
with which its log is the observed one.  :mod:`conformance.verdicts.origin` asks in which file
that change is.

A change replaces a part of the syntax tree of one function: a statement is left out, a condition
is always true, always false, or negated, an operand is dropped.  In kern_fork.py, where a mistake
may be of any kind, a change may also take the parent for the child, or pass 0 as an argument.
The function gets the changed code in place, so that each module that has imported it runs
the change.  No other thread may run the model meanwhile.

Rejected: copies of the modules with one function changed.  The modules import each other's
functions by name, so a change in one module would need a copy of all.
"""

from __future__ import annotations
import __future__

import ast
import inspect
import sys
from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, cached_property
from types import CodeType, FrameType, FunctionType, ModuleType
from typing import Any

from reference_model import Log, Options, Scenario, kern_fork
from reference_model.kernel import Kernel
from reference_model.machine import Machine
from reference_model.sources import modelled

#: Maximum number of calls in a run of a changed model; the families need fewer than 3000.
MAX_CALLS = 30_000
#: In fork1: a name, and the one for which it may be taken.
_TAKEN_FOR = {"p1": "p2", "p2": "p1", "l1": "l2", "l2": "l1"}
_LEFT_OUT = (ast.Expr, ast.Assign, ast.AugAssign, ast.Return, ast.Continue, ast.Raise, ast.Delete)
_OTHER_BOUND: Mapping[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
}

#: A line of a file of the model.
Line = tuple[str, int]


class EndlessError(Exception):
    """A changed model that does not come to its end."""


@dataclass(frozen=True, eq=False)
class Change:
    """A function of the model, and a part of its syntax tree with another one for its place."""

    function: FunctionType
    tree: ast.FunctionDef
    parent: ast.AST
    name: str
    index: int | None
    other: ast.AST
    #: Whether something is left out, or a condition is another one; not taken for something else.
    plain: bool

    def _exchange(self, new: ast.AST) -> ast.AST:
        """Puts *new* into the place; returns what was there."""
        if self.index is None:
            old: ast.AST = getattr(self.parent, self.name)
            setattr(self.parent, self.name, new)
        else:
            parts = getattr(self.parent, self.name)
            old, parts[self.index] = parts[self.index], new
        return old

    @cached_property
    def lines(self) -> range:
        """Returns the lines of the part that is replaced."""
        part = getattr(self.parent, self.name)
        part = part if self.index is None else part[self.index]
        return range(part.lineno, part.end_lineno + 1)

    @cached_property
    def code(self) -> CodeType | None:
        """Returns the code of the changed function; None if the change makes no sense."""
        before = self.function.__code__
        old = self._exchange(self.other)
        try:
            module = ast.fix_missing_locations(ast.Module([self.tree], []))
            whole = compile(module, before.co_filename, "exec", _FUTURE, dont_inherit=True)
        finally:
            self._exchange(old)
        code = next(c for c in whole.co_consts if isinstance(c, CodeType))
        sleeps = inspect.CO_GENERATOR
        return code if code.co_flags & sleeps == before.co_flags & sleeps else None

    @contextmanager
    def made(self) -> Iterator[None]:
        """Makes the change for as long as the context lasts."""
        before = self.function.__code__
        self.function.__code__ = self.code or before
        try:
            yield
        finally:
            self.function.__code__ = before

    def reached(self, lines: Set[Line]) -> bool:
        """Returns whether the replaced part is on one of *lines*."""
        path = self.function.__code__.co_filename
        return any((path, line) in lines for line in self.lines)


@cache
def changes_of(module: ModuleType) -> Sequence[Change]:
    """Returns all changes of the functions of *module*."""
    made: list[Change] = []
    for node in ast.parse(inspect.getsource(module)).body:
        function = getattr(module, node.name, None) if isinstance(node, ast.FunctionDef) else None
        if isinstance(node, ast.FunctionDef) and isinstance(function, FunctionType):
            node.decorator_list = []
            made += _changes(function, node, any_mistake=module is kern_fork)
    return made


def _changes(function: FunctionType, tree: ast.FunctionDef, *, any_mistake: bool) -> list[Change]:
    made = []
    loops = [node for node in ast.walk(tree) if isinstance(node, ast.While)]
    for loop in loops:
        loop.body.insert(0, _counted())
    for parent in ast.walk(tree):
        for name, value in ast.iter_fields(parent):
            parts = enumerate(value) if isinstance(value, list) else ((None, value),)
            for index, part in parts:
                if isinstance(part, ast.AST) and hasattr(part, "lineno"):
                    place = (function, tree, parent, name, index)
                    made += [Change(*place, o, True) for o in _others(parent, name, part)]
                    if any_mistake:
                        made += [Change(*place, o, False) for o in _mistakes(parent, name, part)]
    for loop in loops:
        ast.fix_missing_locations(loop)
    return made


def _counted() -> ast.Expr:
    """Returns a call for the body of a loop: one that never ends makes too many of them.

    It has no line, and so is not changed itself.
    """
    return ast.Expr(ast.Call(ast.Name("len", ast.Load()), [ast.Constant("")], []))


def _others(parent: ast.AST, name: str, part: ast.AST) -> Iterator[ast.AST]:
    """Yields what may stand in the place of *part*, which is *name* of *parent*."""
    place = {"lineno": getattr(part, "lineno", 0), "col_offset": 0}
    docstring = isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant)
    if name in ("body", "orelse") and isinstance(part, _LEFT_OUT) and not docstring:
        yield ast.Pass(**place)
    if name in ("test", "ifs") and isinstance(part, ast.expr):
        yield ast.Constant(False)
        yield ast.UnaryOp(ast.Not(), part)
        if not isinstance(parent, ast.While):
            yield ast.Constant(True)
    if isinstance(parent, ast.BoolOp) and name == "values":
        yield ast.Constant(isinstance(parent.op, ast.And))
    if isinstance(part, ast.BinOp) and isinstance(part.op, ast.BitOr | ast.BitAnd):
        yield part.left
        yield part.right
    if isinstance(part, ast.Compare) and len(part.ops) == 1 and type(part.ops[0]) in _OTHER_BOUND:
        ops: list[ast.cmpop] = [_OTHER_BOUND[type(part.ops[0])]()]
        yield ast.Compare(part.left, ops, part.comparators)
    if isinstance(part, ast.Constant) and type(part.value) is int and part.value in (0, 1):
        yield ast.Constant(1 - part.value)


def _mistakes(parent: ast.AST, name: str, part: ast.AST) -> Iterator[ast.AST]:
    """Yields what else may stand there in fork1: another process, value or bound."""
    if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load) and part.id in _TAKEN_FOR:
        yield ast.Name(_TAKEN_FOR[part.id], ast.Load())
    if isinstance(parent, ast.Compare) and name == "comparators" and isinstance(part, ast.expr):
        yield ast.BinOp(part, ast.Add(), ast.Constant(1))
        yield ast.BinOp(part, ast.Sub(), ast.Constant(1))
    if isinstance(parent, ast.Call) and name == "args" and not isinstance(part, ast.Constant):
        yield ast.Constant(0)
        yield ast.Constant(None)
    if isinstance(parent, ast.Assign) and name == "value" and isinstance(part, ast.expr):
        target = parent.targets[0]
        yield ast.Constant(0)
        yield ast.Constant(None)
        if isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name):
            parents = ast.Name(_TAKEN_FOR.get(target.value.id, target.value.id), ast.Load())
            yield ast.Attribute(parents, target.attr, ast.Load())


#: The models' modules begin with this import.
_FUTURE = __future__.annotations.compiler_flag


@dataclass
class Trail:
    """The lines of the model that a run has reached, inside kern_fork.py's calls and outside."""

    inside: set[Line] = field(default_factory=set)
    outside: set[Line] = field(default_factory=set)

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Adds the lines that are reached in the context."""
        before = sys.gettrace()
        sys.settrace(self._called)
        try:
            yield
        finally:
            sys.settrace(before)

    def _called(self, frame: FrameType, event: str, arg: Any) -> Any:
        if frame.f_code.co_filename not in _files():
            return None
        caller: FrameType | None = frame
        while caller is not None:
            if caller.f_code.co_filename == kern_fork.__file__:
                return self._inside
            caller = caller.f_back
        return self._outside

    def _inside(self, frame: FrameType, event: str, arg: Any) -> Any:
        self.inside.add((frame.f_code.co_filename, frame.f_lineno))
        return self._inside

    def _outside(self, frame: FrameType, event: str, arg: Any) -> Any:
        self.outside.add((frame.f_code.co_filename, frame.f_lineno))
        return self._outside


@cache
def _files() -> frozenset[str]:
    return frozenset(str(module.__file__) for module in modelled())


@dataclass(frozen=True, eq=False)
class Question:
    """A scenario, and the answers to the orders that the source leaves open."""

    scenario: Scenario
    options: Options
    choices: Sequence[int] = ()

    def log(self) -> Log:
        """Returns the model's log."""
        kernel = Kernel(self.options, self.choices)
        machine = Machine(self.scenario.roots(), kernel, traced=self.scenario.traced)
        return machine.run(self.scenario.steps)

    def log_with(self, change: Change) -> Log | None:
        """Returns the log of the changed model; None if it fails or never ends."""
        calls = 0

        def count(frame: FrameType, event: str, arg: Any) -> None:
            nonlocal calls
            calls += 1
            if calls > MAX_CALLS:
                raise EndlessError

        if change.code is None:
            return None
        before = sys.getprofile()
        with change.made():
            sys.setprofile(count)
            try:
                return self.log()
            except Exception:
                return None
            finally:
                sys.setprofile(before)

    def refutes(self, change: Change) -> bool:
        """Returns whether the change would have changed the model's log."""
        reached = change.reached(self.trail.inside) or change.reached(self.trail.outside)
        return reached and self.log_with(change) != self._right

    @cached_property
    def _right(self) -> Log:
        return self.log()

    @cached_property
    def trail(self) -> Trail:
        """Returns the lines that the unchanged model reaches."""
        trail = Trail()
        with trail.kept():
            self.log()
        return trail
