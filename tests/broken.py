"""Breaks the model: one text in one module's source replaced, for one test."""

from __future__ import annotations

import inspect
from types import CodeType, FunctionType, ModuleType

import pytest

from reference_model import kern_fork


def break_fork(monkeypatch: pytest.MonkeyPatch, old: str, new: str) -> None:
    """Let the model run a kern_fork.py in which *old*, which stands there once, is *new*."""
    source = inspect.getsource(kern_fork)
    assert source.count(old) == 1, f"{old!r} stands {source.count(old)} times in kern_fork.py"
    module = ModuleType("reference_model.kern_fork_broken")
    code = compile(source.replace(old, new), "kern_fork_broken.py", "exec", dont_inherit=True)
    exec(code, module.__dict__)
    for name, value in vars(kern_fork).items():
        if isinstance(value, FunctionType) and value.__module__ == kern_fork.__name__:
            monkeypatch.setattr(kern_fork, name, getattr(module, name))


def break_function(
    monkeypatch: pytest.MonkeyPatch, function: FunctionType, old: str, new: str
) -> None:
    """Let the model run *function* with *new* for *old*, which stands there once."""
    source = inspect.getsource(function)
    assert source.count(old) == 1, f"{old!r} stands {source.count(old)} times in {function}"
    lines = source.replace(old, new).splitlines()
    text = "\n".join(line for line in lines if not line.startswith("@"))
    whole = compile(f"from __future__ import annotations\n{text}", "broken.py", "exec")
    code = next(c for c in whole.co_consts if isinstance(c, CodeType))
    monkeypatch.setattr(function, "__code__", code)
