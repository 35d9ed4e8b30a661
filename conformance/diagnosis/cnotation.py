"""Writes statements of kern_fork.py in C, for people who know the C file."""

from __future__ import annotations

import ast

_OPERATORS = {
    ast.BitAnd: "&",
    ast.BitOr: "|",
    ast.Add: "+",
    ast.Sub: "-",
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Is: "==",
    ast.IsNot: "!=",
    ast.And: "&&",
    ast.Or: "||",
}
_NAMES = {
    "uap_flags": "SCARG(uap, flags)",
    "uap_stack": "SCARG(uap, stack)",
    "asked": "flags",
    "born_traced": "(PSL_TRACED|PSL_TRACEDCHILD)",
    "members": "p1->p_pglist",
    "ENOTHING": "0",
}
#: Calls that are macros, or have other names, in the C file.
_CALLS = {
    "kauth_authorize_process_fork": "kauth_authorize_process",
    "kauth_authorize_process_rlimit_bypass": "kauth_authorize_process",
    "syscall_intern": "(*p2->p_emul->e_syscall_intern)",
}
_INITS = {"Mutex": "mutex_init", "Condvar": "cv_init", "Rwlock": "rw_init"}
#: What a statement of the model stands for if its C has another form.
_WHOLE = {
    "startzero(p2)": "memset(&p2->p_startzero, 0, ...);",
    "startcopy(p2, p1)": "memcpy(&p2->p_startcopy, &p1->p_startcopy, ...);",
    "p2.p_sigpend = 0": "TAILQ_INIT(&p2->p_sigpend.sp_info);",
    "members.insert(members.index(p1) + 1, p2)": "LIST_INSERT_AFTER(p1, p2, p_pglist);",
    "k.allproc.insert(0, p2)": "LIST_INSERT_HEAD(&allproc, p2, p_list);",
    "parent.p_children.insert(0, p2)": "LIST_INSERT_HEAD(&parent->p_children, p2, p_sibling);",
    "p2.p_stats.p_start = k.microtime": "getmicrotime(&p2->p_stats->p_start);",
}


def _is_revision(node: ast.expr) -> bool:
    return isinstance(node, ast.Compare) and ast.unparse(node.left) == "k.revision"


def expression(node: ast.expr, inside: str = "") -> str:
    """Returns an expression in C; *inside* is the operator around it, if there is one."""
    text, operator = _expression(node)
    return f"({text})" if operator and inside and operator != inside else text


def _expression(node: ast.expr) -> tuple[str, str]:
    """Returns the text, and the operator that may need parentheses around it."""
    match node:
        case ast.Name(name):
            return _NAMES.get(name, name), ""
        case ast.Constant(None):
            return "NULL", ""
        case ast.Constant(bool() | int() as value):
            return str(value).lower(), ""
        case ast.Constant(value):
            return f'"{value!s}"', ""
        case ast.Attribute(ast.Name("k"), name):
            return name, ""
        case ast.Attribute(value, name):
            return f"{expression(value)}->{name}", ""
        case ast.Subscript(ast.Attribute(ast.Name("k"), "cpu_count"), ast.Constant(name)):
            return f"CPU_COUNT_{str(name).upper()}", ""
        case ast.Subscript(ast.Subscript(value, index), ast.Constant(0)):
            return f"{expression(value)}[{expression(index)}].rlim_cur", ""
        case ast.Subscript(value, index):
            return f"{expression(value)}[{expression(index)}]", ""
        case ast.YieldFrom(value):
            return _expression(value)
        case ast.UnaryOp(ast.Not(), value):
            return f"!{expression(value, '!')}", ""
        case ast.UnaryOp(ast.USub(), value):
            return f"-{expression(value, '-')}", ""
        case ast.BinOp(left, op, right):
            word = _OPERATORS[type(op)]
            return f"{expression(left, word)} {word} {expression(right, word)}", word
        case ast.Compare(left, [op], [right]):
            word = _OPERATORS[type(op)]
            return f"{expression(left, word)} {word} {expression(right, word)}", word
        case ast.BoolOp(op, values):
            operands = [value for value in values if not _is_revision(value)]
            if len(operands) == 1:
                return _expression(operands[0])
            word = _OPERATORS[type(op)]
            return f" {word} ".join(map(_operand, operands)), word
        case ast.IfExp(test, body, orelse):
            return (
                f"{expression(test, '?')} ? {expression(body, '?')} : {expression(orelse, '?')}",
                "?",
            )
        case ast.Call(ast.Attribute(lock, "enter" | "exit" as word), []):
            return f"mutex_{word}({_reference(lock)})", ""
        case ast.Call(ast.Name("bool"), [value]):
            return _expression(value)
        case ast.Call(ast.Attribute(ast.Name("k"), name), arguments):
            return f"{_CALLS.get(name, name)}({', '.join(map(expression, arguments))})", ""
        case ast.Call(function, arguments):
            return f"{expression(function)}({', '.join(map(expression, arguments))})", ""
    return ast.unparse(node), ""


def _operand(node: ast.expr) -> str:
    """Returns an operand of ``&&`` or ``||``; only these two need parentheses inside each other."""
    text = expression(node)
    return f"({text})" if isinstance(node, ast.BoolOp | ast.IfExp) else text


def _reference(node: ast.expr) -> str:
    """Returns a lock as an argument: those that are not pointers with ``&``."""
    text = expression(node)
    return text if text.endswith("p_lock") else f"&{text}"


def statement(node: ast.stmt) -> str:
    """Returns a statement in C on one line; of an ``if`` without ``else`` all of it."""
    whole = _WHOLE.get(ast.unparse(node))
    if whole:
        return whole
    match node:
        case ast.Assign([target], ast.List()):
            return f"LIST_INIT(&{expression(target)});"
        case ast.Assign([target], ast.Call(ast.Name(name), arguments)) if name in _INITS:
            words = [f"&{expression(target)}", *map(expression, arguments)]
            return f"{_INITS[name]}({', '.join(words)});"
        case ast.Assign([ast.Name("l2")], value):
            return f"{expression(value)};"
        case ast.Assign([target], value):
            return f"{expression(target)} = {expression(value)};"
        case ast.AugAssign(ast.Subscript(ast.Attribute(_, "cpu_count")) as target, _, _):
            return f"CPU_COUNT({expression(target)}, 1);"
        case ast.AugAssign(target, ast.Add(), ast.Constant(1)):
            return f"{expression(target)}++;"
        case ast.AugAssign(target, ast.Sub(), ast.Constant(1)):
            return f"{expression(target)}--;"
        case ast.AugAssign(target, op, value):
            return f"{expression(target)} {_OPERATORS[type(op)]}= {expression(value)};"
        case ast.Return(None):
            return "return;"
        case ast.Return(value):
            assert value is not None
            return f"return {expression(value)};"
        case ast.Assert(test):
            return f"KASSERT({expression(test)});"
        case ast.Expr(value):
            return f"{expression(value)};"
        case ast.If(test, [ast.If(inner, body, [])], []) if _is_revision(inner):
            return statement(ast.If(test, body, []))
        case ast.If(test, body, orelse) if _is_revision(test):
            return " ".join(map(statement, body))
        case ast.If(test, body, orelse):
            return f"if ({expression(test)}) {_block(body)}" + (
                f" else {_block(orelse)}" if orelse else ""
            )
        case ast.While(test, body):
            return f"while ({expression(test)}) {_block(body)}"
    return ast.unparse(node)


def _block(body: list[ast.stmt]) -> str:
    words = [statement(node) for node in body]
    return words[0] if len(words) == 1 else "{ " + " ".join(words) + " }"
