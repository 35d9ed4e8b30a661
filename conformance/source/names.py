"""Words for the numbers of a case and of a record: flags, states and signals by their names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from conformance.source.tables import STALE16, STALE32, STALE64
from reference_model.language import netbsd

#: What memory holds before anything is stored in it, by its width.
_NOT_SET: Final = frozenset({STALE16, STALE32, STALE64})
#: What retval[0] and retval[1] hold before a system call stores in them.
_NOT_RETURNED: Final = {"retval0": -7, "retval1": -8}


def _named(prefix: str) -> dict[str, int]:
    return {name: bit for name, bit in vars(netbsd).items() if name.startswith(prefix)}


_FLAGS: Final = {
    "p_flag": _named("PK_"),
    "p_sflag": _named("PS_"),
    "p_slflag": _named("PSL_"),
    "p_lflag": _named("PL_"),
    "p_acflag": netbsd.ACCOUNTING_FLAGS,
}
_STATES: Final = {
    "p_stat": ("SIDL", "SACTIVE", "SDYING", "SSTOP", "SZOMB"),
    "l_stat": ("LSIDL", "LSRUN", "LSSLEEP", "LSSTOP", "LSZOMB", "LSONPROC"),
}


def number_text(field: str, value: int) -> str:
    """Returns the value of a field in words: names where there are some, else a number."""
    if value in _NOT_SET:
        return f"not set ({value:#x})"
    if _NOT_RETURNED.get(field) == value:
        return "not set"
    if value < 0:
        return str(value)
    if field in _FLAGS:
        return _flags(_FLAGS[field], value)
    for state in _STATES.get(field, ()):
        if getattr(netbsd, state) == value:
            return state
    if field == "p_exitsig" and 0 < value < netbsd._NSIG:
        return netbsd.signal_name(value)
    return f"{value:#x}" if "flag" in field or "mask" in field else str(value)


def _flags(names: Mapping[str, int], value: int) -> str:
    words = []
    for name, bit in names.items():
        if value & bit:
            words.append(name)
            value &= ~bit
    return "|".join([*words, *([f"{value:#x}"] if value else [])]) or "0"


def case_text(case: str) -> str:
    """Returns a case for people: as it is written, but with the names of a process's flags."""
    words = []
    for word in case.split(" "):
        field, equals, value = word.partition("=")
        named = equals and field in _FLAGS
        words.append(f"{field}={number_text(field, int(value, 0))}" if named else word)
    return " ".join(words)
