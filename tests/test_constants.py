"""The model's numbers and the probe's words against NetBSD's headers."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

import pytest

from conformance.probe.build import NETBSD_TARGETS, SOURCES
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


def words_of_the_probe() -> dict[str, int]:
    """The table `words` of conformance/probe/scenario.h."""
    source = (SOURCES / "scenario.h").read_text(encoding="ascii")
    table = source[source.index("} words[] = {") :].partition("};")[0]
    return {name: int(value, 0) for name, value in re.findall(r'\{"(\w+)", (\w+)\}', table)}


TABLES = {"model": public_constants, "probe": words_of_the_probe}


@pytest.mark.parametrize("target", NETBSD_TARGETS)
@pytest.mark.parametrize("table", TABLES)
def test_every_constant_is_netbsds(table: str, target: str, tmp_path: Path) -> None:
    """The headers of NetBSD 10.1, for each machine, confirm each value."""
    assert wrong_constants(target, TABLES[table](), tmp_path) == set()


@pytest.mark.parametrize("table", TABLES)
def test_a_wrong_value_is_noticed(table: str, tmp_path: Path) -> None:
    """With each value one too high, the compiler refuses each of them by name."""
    constants = TABLES[table]()
    mutated = {name: value + 1 for name, value in constants.items()}
    assert wrong_constants(NETBSD_TARGETS[0], mutated, tmp_path) == set(constants)


def test_the_tables_hold_what_the_model_and_the_probe_need() -> None:
    """Nothing has slipped below the rule: flags, signals, errors, options, requests, calls."""
    constants = public_constants()
    for name in ("CLONE_CSIGNAL", "_NSIG", "SIGPWR", "TRAP_CHLD", "EAGAIN", "SYS___clone"):
        assert name in constants
    assert sum(name.startswith("SIG") for name in constants) == 34
    words = words_of_the_probe()
    assert {name: constants[name] for name in words} == words


def test_the_probe_knows_every_name_that_a_scenario_may_hold() -> None:
    """Flags, options, events, notes and signals: the probe has each word of the language."""
    language = (
        netbsd.CLONE_FLAGS,
        netbsd.WAIT_OPTIONS,
        netbsd.PTRACE_EVENTS,
        netbsd.P_FLAGS,
        netbsd.ACCOUNTING_FLAGS,
        netbsd.NOTES,
        netbsd.TRACE_FACILITIES,
        netbsd.INHERITANCES,
        netbsd.SIGNALS,
    )
    assert words_of_the_probe().keys() == {name for table in language for name in table}
