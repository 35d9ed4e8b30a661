"""User IDs, and the limit on a user's processes."""

from __future__ import annotations

from reference_model.language.netbsd import RLIMIT_NPROC
from reference_model.proc import RLIM_INFINITY, Lwp
from reference_model.verbs.call import ok, verb
from reference_model.verbs.world import World


@verb("setrlimit")
def setrlimit(w: World, l: Lwp, cur: str, maximum: str) -> str:
    return ok(w.k.setrlimit(l, _limit(w, cur), _limit(w, maximum)))


@verb("getrlimit")
def getrlimit(w: World, l: Lwp) -> str:
    cur, maximum = l.l_proc.p_rlimit[RLIMIT_NPROC]
    return f"{_shown(cur)} {_shown(maximum)}"


@verb("setreuid")
def setreuid(w: World, l: Lwp, ruid: str, euid: str) -> str:
    return ok(w.k.setreuid(l, _uid(ruid), _uid(euid)))


def _limit(w: World, text: str) -> int:
    """Returns the number that a limit stands for, such as ``inf`` or ``count+1``."""
    if text == "inf":
        return RLIM_INFINITY
    if text.startswith("count"):
        return w.k.options.user_count + int(text[5:])
    return int(text)


def _shown(value: int) -> str:
    return "inf" if value == RLIM_INFINITY else str(value)


def _uid(text: str) -> int:
    """Returns a user ID; for ``free1`` and ``free2`` any that no other process has will do."""
    return 61000 + int(text[4:]) if text.startswith("free") else int(text)
