"""Lets ``pytest --pyargs conformance`` know conftest.py's options where forkoracle is installed.

pytest reads a conftest.py in time for its options only where its path is named.  In a session
that is not about this package, this plugin leaves nothing behind.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config, args: list[str]) -> None:
    names = [arg.partition("::")[0] for arg in args]
    named = any(n.split(".")[0] == "conformance" and not Path(n).exists() for n in names)
    if named and early_config.known_args_namespace.pyargs:
        conftest = import_module("conformance.conftest")
        # Under the name that pytest itself would give it: so it is not loaded a second time.
        early_config.pluginmanager.register(conftest, name=conftest.__file__)
    elif {n for n in sys.modules if n.split(".")[0] == "conformance"} == {"conformance", __name__}:
        # `pytest conformance` in a checkout means the checkout's package, not the installed one.
        del sys.modules["conformance"], sys.modules[__name__]
