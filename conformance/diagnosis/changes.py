"""The changes of fork1 that a hand slips into: a statement missing, a condition negated, and so on.

Each kind is a function that takes a statement, or an expression in it, and yields what may stand
in its place.  The trees are shared: a change copies only the nodes on the way to what it changes.

What was tried, and rejected: universalmutator's rules, which mutate the *text* of a C file.  They
know no process, no flag's group and no rollback, and two thirds of their mutants do not compile.

Sources: DeMillo, Lipton, Sayward, "Hints on Test Data Selection" (1978), for the idea that slips
are small; King and Offutt's operators of Mothra (1991) for the list of kinds.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass
from enum import IntEnum
from functools import cache, reduce
from itertools import combinations, pairwise
from typing import TypeVar

from conformance.diagnosis.cnotation import expression, statement
from conformance.diagnosis.statements import Statement, bodies, functions
from reference_model import proc


class Kind(IntEnum):
    """A kind of change; of two changes that explain the same, the one of the lower kind is told."""

    MISSING = 0
    CONDITION = 1
    PART_MISSING = 2
    EXCHANGED = 3
    NUMBER = 4
    TWICE = 5
    MOVED = 6
    STALE = 7


@dataclass(frozen=True)
class Change:
    """A change: the statement, what stands in its place, and the sentence that says so.

    ``sentence`` completes "the kernel behaves as if ...".  ``first`` and ``last`` are the lines of
    kern_fork.c 1.232 that it is about.  ``body`` stands in the statement's place; the statement
    with the number ``skipped`` is left out.
    """

    statement: Statement
    kind: Kind
    first: int
    last: int
    sentence: str
    body: tuple[ast.stmt, ...]
    skipped: int = -1

    @property
    def clause(self) -> str:
        return self.statement.clause

    @property
    def is_large(self) -> bool:
        """Returns whether it removes more than a condition and a statement or two."""
        return self.kind is Kind.MISSING and self.last - self.first > 3


_Altered = Iterator[tuple[Kind, ast.expr]]
_Node = TypeVar("_Node", bound=ast.AST)

#: Names that a hand exchanges, with each other and with no other name.
_GROUPS = (
    ("p1", "p2"),
    ("l1", "l2"),
    ("parent", "p1"),
    ("exitsig", "SIGCHLD"),
    ("SACTIVE", "SSTOP"),
    ("LSIDL", "LSSTOP"),
    ("EAGAIN", "EINVAL", "ENOMEM"),
    ("uap_flags", "flags"),
)
#: The newest LWP of the caller's process, which a hand takes for the caller.
_NEWEST = ast.parse("p1.p_lwps[0]", mode="eval").body
#: Attributes that a hand exchanges.
_ATTRIBUTES = (
    ("cr_uid", "cr_euid"),
    ("p_pptr", "p_pid"),
    ("fd_share", "fd_copy"),
)
#: Prefixes of constants of one kind.
_PREFIXES = ("FORK_", "CLONE_", "PK_", "PS_", "PSL_", "PTRACE_", "KTRFAC_", "PL_")
_COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.Gt: (ast.GtE, ast.Lt),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Lt: (ast.LtE, ast.Gt),
    ast.LtE: (ast.Lt, ast.Gt),
}


def _constants(tree: ast.AST) -> dict[str, list[str]]:
    """Returns the constants of each prefix that the module uses."""
    names = sorted({node.id for node in ast.walk(tree) if isinstance(node, ast.Name)})
    return {prefix: [n for n in names if n.startswith(prefix)] for prefix in _PREFIXES}


@cache
def _section(name: str) -> list[str]:
    """Returns the fields that startzero() or startcopy() sets."""
    function = ast.parse(inspect.getsource(getattr(proc, name))).body[0]
    targets = [node.targets[0] for node in ast.walk(function) if isinstance(node, ast.Assign)]
    return [one.attr for one in targets if isinstance(one, ast.Attribute)]


class Changes:
    """All changes of a module's statements."""

    def __init__(self, tree: ast.Module, statements: Sequence[Statement]) -> None:
        self._constants = _constants(tree)
        self._statements = {id(one.node): one for one in statements}
        self._values = self._assigned()
        self._next: dict[int, ast.stmt] = {}
        for node in (*functions(tree), *(one.node for one in statements)):
            for body in bodies(node):
                self._next.update({id(a): b for a, b in pairwise(body)})

    def _assigned(self) -> dict[str, list[ast.expr]]:
        """Returns for each field the values that statements give it."""
        found: dict[str, list[ast.expr]] = {}
        for one in self._statements.values():
            match one.node:
                case ast.Assign([ast.Attribute(_, field)], value):
                    found.setdefault(field, []).append(value)
        return found

    def of(self, one: Statement) -> Iterator[Change]:
        """Yields the changes of a statement; none if 1.232 has no line for it."""
        if one.lines is None:
            return
        if not isinstance(one.node, ast.Return):
            sentence = f"{_quoted(one.node)} were missing"
            yield Change(one, Kind.MISSING, one.lines.first, one.lines.end, sentence, ())
        if isinstance(one.node, ast.If | ast.While):
            yield from self._of_condition(one, one.node)
        else:
            yield from self._of_simple(one)
            yield from self._of_section(one)
        yield from self._moved(one)

    def _moved(self, one: Statement) -> Iterator[Change]:
        """Yields the change that moves a statement past its neighbour."""
        neighbour = self._next.get(id(one.node))
        ends = ast.Return | ast.While
        if neighbour is None or isinstance(one.node, ends) or isinstance(neighbour, ends):
            return
        other = self._statements[id(neighbour)]
        if one.lines is not None and other.lines is not None:
            sentence = f"{_quoted(one.node)} came after {_quoted(neighbour)}"
            yield Change(
                one,
                Kind.MOVED,
                one.lines.first,
                other.lines.end,
                sentence,
                (neighbour, one.node),
                skipped=other.number,
            )

    def _of_condition(self, one: Statement, node: ast.If | ast.While) -> Iterator[Change]:
        assert one.lines is not None
        before = expression(node.test)
        found: list[tuple[Kind, ast.expr, str]] = [
            (Kind.CONDITION, ast.Constant(False), f"the condition `{before}` were never true")
        ]
        if isinstance(node, ast.If):
            negated = ast.UnaryOp(ast.Not(), node.test)
            found += [
                (Kind.CONDITION, negated, f"the condition `{before}` were negated"),
                (Kind.CONDITION, ast.Constant(True), f"the condition `{before}` were always true"),
            ]
        for kind, altered in self._altered(node.test):
            sentence = f"the condition were `{expression(altered)}` instead of `{before}`"
            found.append((kind, altered, sentence))
        for kind, test, sentence in found:
            body = (_with(node, test=test),)
            yield Change(one, kind, one.lines.first, one.lines.last, sentence, body)

    def _of_simple(self, one: Statement) -> Iterator[Change]:
        assert one.lines is not None
        first, last, node = one.lines.first, one.lines.last, one.node
        before = statement(node)
        seen = {ast.dump(node)}
        for kind, new in self._instead(one):
            if ast.dump(new) not in seen:
                seen.add(ast.dump(new))
                sentence = f"`{statement(new)}` stood in the place of `{before}`"
                yield Change(one, kind, first, last, sentence, (new,))
        match node:
            case ast.Expr() | ast.AugAssign():
                sentence = f"`{before}` were there twice"
                yield Change(one, Kind.TWICE, first, last, sentence, (node, node))
            case ast.Assign([ast.Attribute(ast.Name("p2"), field)]):
                for value in self._values[field]:
                    new = _with(node, value=value)
                    if ast.dump(new) not in seen:
                        seen.add(ast.dump(new))
                        sentence = f"`{before}` were missing, and its field kept an older value"
                        yield Change(one, Kind.STALE, first, last, sentence, (new,))

    def _of_section(self, one: Statement) -> Iterator[Change]:
        """Yields the changes of memset() and memcpy(): a field that is outside the section."""
        assert one.lines is not None
        for name, word in (("startzero", "zeroes"), ("startcopy", "copies")):
            if ast.unparse(one.node).startswith(f"{name}("):
                for field in _section(name):
                    clean = "20" if field == "p_nice" else "0"
                    value = f"p1.{field}" if name == "startzero" else clean
                    late = ast.parse(f"p2.{field} = {value}").body[0]
                    sentence = f"`{field}` were outside the section that fork1 {word}"
                    body = (one.node, late)
                    first, last = one.lines.first, one.lines.last
                    yield Change(one, Kind.EXCHANGED, first, last, sentence, body)

    def _instead(self, one: Statement) -> Iterator[tuple[Kind, ast.stmt]]:
        """Yields the statements that may stand in the place of a simple one."""
        node = one.node
        if isinstance(node, ast.Expr | ast.AugAssign | ast.Assign | ast.Return) and node.value:
            for kind, altered in self._altered(node.value):
                yield kind, _with(node, value=altered)
        if isinstance(node, ast.Assign):
            for kind, altered in self._altered(node.targets[0]):
                if isinstance(altered, ast.Attribute) and isinstance(altered.ctx, ast.Store):
                    yield kind, _with(node, targets=[altered])
        constants: tuple[int | None, ...] = ()
        match node:
            case ast.AugAssign(target, ast.BitOr(), value):
                yield Kind.EXCHANGED, ast.Assign([target], value, lineno=0)
            case ast.AugAssign(_, op, _):
                other = ast.Sub() if isinstance(op, ast.Add) else ast.Add()
                yield Kind.EXCHANGED, _with(node, op=other)
            case ast.Assign([ast.Attribute(ast.Name("p2"), field)], _):
                inherited = ast.Attribute(ast.Name("p1", ast.Load()), field, ast.Load())
                yield Kind.EXCHANGED, _with(node, value=inherited)
                constants = (0, None, True, False)
            case ast.Assign(_, ast.Constant()):
                constants = (0, 1, True, False)
            case ast.Assign([ast.Name()], ast.Call()):
                constants = (0, 1)
            case ast.Return(ast.Name()):
                constants = (0,)
            case ast.Return(ast.Compare() | ast.BoolOp()):
                constants = (True, False)
            case ast.Return(ast.Constant()):
                yield Kind.EXCHANGED, _with(node, value=ast.Name("EAGAIN", ast.Load()))
        for constant in constants:
            yield Kind.EXCHANGED, _with(node, value=ast.Constant(constant))

    # -- expressions ----------------------------------------------------------------

    def _altered(self, node: ast.expr) -> _Altered:
        """Yields *node* with one slip in it, anywhere."""
        yield from self._here(node)
        for field, value in ast.iter_fields(node):
            if _is_or(node) and _is_or(value):
                continue  # part of the same chain
            if isinstance(value, ast.expr):
                for kind, altered in self._altered(value):
                    yield kind, _with(node, **{field: altered})
            elif isinstance(value, list):
                for place, item in enumerate(value):
                    if isinstance(item, ast.expr):
                        for kind, altered in self._altered(item):
                            items = [*value[:place], altered, *value[place + 1 :]]
                            yield kind, _with(node, **{field: items})

    def _here(self, node: ast.expr) -> _Altered:
        match node:
            case ast.Compare(ast.Attribute(ast.Name("k"), "revision")):
                return
            case ast.Compare(_, [op], _):
                for other in _COMPARISONS.get(type(op), ()):
                    yield Kind.CONDITION, _with(node, ops=[other()])
            case ast.BoolOp(op, values):
                for place in range(len(values)):
                    rest = [*values[:place], *values[place + 1 :]]
                    whole = rest[0] if len(rest) == 1 else _with(node, values=rest)
                    yield Kind.PART_MISSING, whole
                other_op = ast.Or() if isinstance(op, ast.And) else ast.And()
                yield Kind.EXCHANGED, _with(node, op=other_op)
            case ast.BinOp(_, ast.BitOr(), _):
                for part in _parts(node):
                    yield Kind.PART_MISSING, part
                for name in self._others(node):
                    added = ast.BinOp(node, ast.BitOr(), ast.Name(name, ast.Load()))
                    yield Kind.EXCHANGED, added
            case ast.BinOp(left, ast.BitAnd(), right):
                yield Kind.PART_MISSING, left
                yield Kind.PART_MISSING, right
                inverted = ast.UnaryOp(ast.Invert(), right)
                yield Kind.EXCHANGED, ast.BinOp(left, ast.BitAnd(), inverted)
            case ast.IfExp(_, body, orelse):
                yield Kind.CONDITION, _with(node, body=orelse, orelse=body)
                yield Kind.CONDITION, body
                yield Kind.CONDITION, orelse
            case ast.UnaryOp(ast.Not(), operand):
                yield Kind.CONDITION, operand
            case ast.UnaryOp(ast.USub(), operand):
                yield Kind.EXCHANGED, operand
            case ast.Name(name):
                for other_name in self._exchanged(name):
                    yield Kind.EXCHANGED, ast.Name(other_name, ast.Load())
                if name.startswith("FORK_"):
                    yield Kind.PART_MISSING, ast.Constant(0)
                if name == "l1":
                    yield Kind.EXCHANGED, _NEWEST
            case ast.Attribute(value, field):
                for group in _ATTRIBUTES:
                    for other_field in group if field in group else ():
                        if other_field != field:
                            yield Kind.EXCHANGED, ast.Attribute(value, other_field, ast.Load())
            case ast.Constant(bool() as value):
                yield Kind.EXCHANGED, ast.Constant(not value)
            case ast.Constant(int() as value):
                for number in (value + 1, value - 1, 0):
                    if number != value:
                        yield Kind.NUMBER, ast.Constant(number)
            case ast.Call(ast.Name("fork1"), arguments) if ast.unparse(arguments[2]) == "0":
                for name in self._constants["FORK_"]:
                    changed = [*arguments[:2], ast.Name(name, ast.Load()), *arguments[3:]]
                    yield Kind.EXCHANGED, _with(node, args=changed)
            case ast.Call(function, arguments):
                match arguments:
                    case [ast.Name() as a, ast.Name() as b, *rest]:
                        yield Kind.EXCHANGED, _with(node, args=[b, a, *rest])
                    case [ast.Attribute() as only]:
                        yield Kind.PART_MISSING, only
                    case [_, _, _, *_]:
                        for place, argument in enumerate(arguments):
                            if isinstance(argument, ast.Attribute | ast.Name):
                                changed = list(arguments)
                                changed[place] = ast.Constant(None)
                                yield Kind.EXCHANGED, ast.Call(function, changed, [])

    def _exchanged(self, name: str) -> Iterator[str]:
        for prefix, names in self._constants.items():
            if name.startswith(prefix):
                yield from (other for other in names if other != name)
        for group in _GROUPS:
            if name in group:
                yield from (other for other in group if other != name)

    def _others(self, node: ast.expr) -> Iterator[str]:
        """Yields the constants of the same group that an ``a | b`` does not name."""
        named = {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}
        for prefix, names in self._constants.items():
            if any(name.startswith(prefix) for name in named):
                yield from (name for name in names if name not in named)


def _is_or(node: object) -> bool:
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr)


def _operands(node: ast.expr) -> list[ast.expr]:
    """Returns the operands of a chain ``a | b | c``."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return [*_operands(node.left), *_operands(node.right)]
    return [node]


def _parts(node: ast.expr) -> Iterator[ast.expr]:
    """Yields the chain without one of its operands, then without two, and so on."""
    operands = _operands(node)
    for number in reversed(range(1, len(operands))):
        for kept in combinations(operands, number):
            yield reduce(lambda left, right: ast.BinOp(left, ast.BitOr(), right), kept)


def _with(node: _Node, **fields: object) -> _Node:
    """Returns a copy of *node* with other fields; the rest of the tree is shared."""
    new = copy(node)
    for name, value in fields.items():
        setattr(new, name, value)
    return new


def _quoted(node: ast.stmt) -> str:
    """Returns the C of a statement in quotes; a long one is shortened."""
    text = statement(node)
    text = re.sub(r"\{.*\}", "{ ... }", text)
    return f"`{text}`"
