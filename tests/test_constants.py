"""The model's numbers, which the probe's C has too, against NetBSD's headers."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

import pytest

from conformance.probe.build import NETBSD_TARGETS
from conformance.probe.constants import header
from reference_model.language import netbsd
from tests.netbsd_headers import wrong_constants

_RULE = "# Kernel-only"


def public_constants() -> dict[str, int]:
    """Every name above the rule in netbsd.py, those in its tables included."""
    source = inspect.getsource(netbsd)
    assert source.count(_RULE) == 1
    found: dict[str, int] = {}
    for node in ast.parse(source.partition(_RULE)[0]).body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            value = getattr(netbsd, node.target.id)
            named = value if isinstance(value, dict) else {node.target.id: value}
            for name, number in named.items():
                assert found.setdefault(name, number) == number, f"{name} has two values"
    return found


def numbers_of_the_probe() -> dict[str, int]:
    """Those that ``constants.h`` defines, by NetBSD's names."""
    defined = re.findall(r"^#define NETBSD_(\w+) (\w+)$", header(), re.MULTILINE)
    return {name: int(value, 0) for name, value in defined}


@pytest.mark.parametrize("target", NETBSD_TARGETS)
def test_every_constant_is_netbsds(target: str, tmp_path: Path) -> None:
    """The headers of NetBSD 10.1, for each machine, confirm each value."""
    assert wrong_constants(target, public_constants(), tmp_path) == set()


def test_a_wrong_value_is_noticed(tmp_path: Path) -> None:
    """With each value one too high, the compiler refuses each of them by name."""
    constants = public_constants()
    mutated = {name: value + 1 for name, value in constants.items()}
    assert wrong_constants(NETBSD_TARGETS[0], mutated, tmp_path) == set(constants)


def test_the_tables_have_all_constants_in_use() -> None:
    """Nothing has slipped below the rule: flags, signals, errors, options, requests, calls."""
    constants = public_constants()
    for name in ("CLONE_CSIGNAL", "_NSIG", "SIGPWR", "TRAP_CHLD", "EAGAIN", "SYS___clone"):
        assert name in constants
    assert sum(name.startswith("SIG") for name in constants) == 34


def test_the_probe_has_every_number_of_the_model() -> None:
    numbers = numbers_of_the_probe()
    assert public_constants().items() <= numbers.items()
    assert numbers["SSTOP"] == netbsd.SSTOP  # the kernel-only ones, too


def test_the_probe_knows_every_name_that_a_scenario_may_hold() -> None:
    """Each of its tables of names has the names of that table of netbsd.py, and no other."""
    tables = dict(re.findall(r"^#define WORDS_(\w+)\(X\) (.+)$", header(), re.MULTILINE))
    assert {name: re.findall(r"X\((\w+)\)", words) for name, words in tables.items()} == {
        "CLONE_FLAGS": list(netbsd.CLONE_FLAGS),
        "SIGNALS": list(netbsd.SIGNALS),
        "WAIT_OPTIONS": list(netbsd.WAIT_OPTIONS),
        "WAIT6_OPTIONS": list(netbsd.WAIT6_OPTIONS),
        "IDTYPES": list(netbsd.IDTYPES),
        "POLICIES": list(netbsd.POLICIES),
        "PTRACE_EVENTS": list(netbsd.PTRACE_EVENTS),
        "P_FLAGS": list(netbsd.P_FLAGS),
        "ACCOUNTING_FLAGS": list(netbsd.ACCOUNTING_FLAGS),
        "NOTES": list(netbsd.NOTES),
        "TRACE_FACILITIES": list(netbsd.TRACE_FACILITIES),
        "INHERITANCES": list(netbsd.INHERITANCES),
    }
