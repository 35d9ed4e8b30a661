"""Returns the C of a step, from that of its verb (:mod:`conformance.verbs`)."""

from __future__ import annotations

import re
from itertools import zip_longest

from conformance.verbs import in_c
from reference_model import Step
from reference_model.language.scenario import ANONYMOUS, OWN_GROUP, VERBS

_WORDS = {
    "default": "SIG_DFL",
    "ignore": "SIG_IGN",
    "catch": "caught",
    "block": "SIG_BLOCK",
    "unblock": "SIG_UNBLOCK",
    "inf": "RLIM_INFINITY",
    "free1": "61001",
    "free2": "61002",
    "own": "own_stack",
    "real": "ITIMER_REAL",
    "virtual": "ITIMER_VIRTUAL",
    "prof": "ITIMER_PROF",
    "install": "RAS_INSTALL",
    "purge": "RAS_PURGE",
}
#: The C of an omitted argument.
_LEFT_OUT = {"stack": "NULL", "options": "0", "integer": "0", "signal": "0"}


def _argument(index: int, kind: str, text: str | None) -> str:
    """Returns an argument in C: the name of a new child, the ID of another process."""
    if text is None:
        return _LEFT_OUT.get(kind, "")
    if kind == "group" and text == OWN_GROUP:
        return "0"
    if kind in ("actor", "whom", "group"):
        if text == ANONYMOUS:
            return f"last_nameless({index})"
        return "-1" if text == "any" else f"pid_of({text})"
    if text == ANONYMOUS:
        return "NAMELESS"
    if text in _WORDS:
        return _WORDS[text]
    if text.startswith("count"):
        return f"processes_of_user {text[5]} {text[6:]}"
    number = re.sub(r"\bSIG(\d+)\b", r"\1", text)
    return number.replace("|", ", " if kind == "signals" else " | ")


def statement(index: int, step: Step) -> tuple[frozenset[str], str]:
    """Returns the names of the parts that the step's C needs, and that C."""
    code = in_c(step.verb, step.args)
    arguments = zip_longest(VERBS[step.verb], step.args)
    words = [_argument(index, kind.rstrip("?"), text) for kind, text in arguments]
    text = code.text.format(*words, i=index, me=step.actor)
    used = re.findall(r"\b(pid_of|last_nameless|caught|own_stack|processes_of_user)\b", text)
    return frozenset((*code.parts.split(), *used)), text
