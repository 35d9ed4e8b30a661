"""Breaks the model: one text in one module's source is replaced, for one test."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from types import CodeType, FunctionType, ModuleType
from typing import Any

import pytest

from reference_model import kern_fork


def break_fork(monkeypatch: pytest.MonkeyPatch, old: str, new: str) -> None:
    """Let the model run a kern_fork.py in which *old*, which stands there once, is *new*."""
    break_module(monkeypatch, kern_fork, old, new)


def break_module(monkeypatch: pytest.MonkeyPatch, broken: ModuleType, old: str, new: str) -> None:
    """Let the model run *broken* with *new* in the place of *old*, which stands there once."""
    source = inspect.getsource(broken)
    assert source.count(old) == 1, f"{old!r} stands {source.count(old)} times in {broken.__name__}"
    module = ModuleType(f"{broken.__name__}_broken")
    code = compile(source.replace(old, new), f"{module.__name__}.py", "exec", dont_inherit=True)
    exec(code, module.__dict__)
    for name, value in vars(broken).items():
        if isinstance(value, FunctionType) and value.__module__ == broken.__name__:
            monkeypatch.setattr(broken, name, getattr(module, name))


def break_function(
    monkeypatch: pytest.MonkeyPatch, function: Callable[..., Any], old: str, new: str
) -> None:
    """Let the model run *function* with *new* for *old*, which stands there once."""
    source = inspect.getsource(function)
    assert source.count(old) == 1, f"{old!r} stands {source.count(old)} times in {function}"
    lines = source.replace(old, new).splitlines()
    text = "\n".join(line for line in lines if not line.startswith("@"))
    whole = compile(f"from __future__ import annotations\n{text}", "broken.py", "exec")
    code = next(c for c in whole.co_consts if isinstance(c, CodeType))
    monkeypatch.setattr(function, "__code__", code)
