"""The functions that a kern_fork.c calls and that have no stand-in.

A call of one is no error: an edit may call any function of the kernel, and often in a branch that
no case comes to.  Such a function gets a definition that ends the case, which is not decided then.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path
from typing import Final

from conformance.errors import TargetError
from conformance.source.compiler import ERROR, UNDECLARED, Ended, undefined
from conformance.source.tables import FUNCTIONS

#: What a kern_fork.c must define.
_ITS_OWN: Final = frozenset({*FUNCTIONS, "forkfsleep", "nprocs"})
#: The option that accepts what an unknown function returns, which C takes for an int.
AS_RETURNED: Final = "-Wno-error=int-conversion"


def undeclared(messages: str) -> set[str]:
    """Returns the functions that a compiler has found to be declared nowhere."""
    return {one or other for one, other in re.findall(UNDECLARED, messages)}


def only_returned(path: Path, ended: Ended, names: Collection[str]) -> bool:
    """Returns whether the errors are only about the values that the functions *names* return."""
    lines = path.read_text(encoding="latin-1").splitlines()
    errors = ERROR.findall(ended.messages)
    return bool(names and errors) and all(
        "int-conversion" in text
        and any(name in "".join(lines[max(int(line) - 3, 0) : int(line) + 1]) for name in names)
        for _, line, text in errors
    )


def undefined_functions(path: Path, messages: str) -> set[str]:
    """Returns the functions that a linker has not found, and that the file does not have to define.

    Raises :class:`TargetError` where the file is no kern_fork.c, or a variable is missing.
    """
    missing = undefined(messages)
    if lacks := sorted(missing & _ITS_OWN):
        raise TargetError(f"{path}: not a kern_fork.c: it does not define {', '.join(lacks)}")
    text = path.read_text(encoding="latin-1")
    for name in sorted(missing):
        if not re.search(rf"\b{name}\s*\(", text):
            raise TargetError(f"{path}: it uses {name}, which forkoracle does not know")
    return missing


def definitions(names: Collection[str]) -> str:
    """Returns C that defines the functions; where the file has one itself, that one counts."""
    return '#include "subr_prf.h"\n' + "".join(
        f"int {name}(void) __attribute__((__weak__));\n"
        f'int {name}(void) {{ forkoracle_unknown_call("%s", "{name}"); }}\n'
        for name in sorted(names)
    )
