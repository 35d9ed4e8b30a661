"""Memory: the model has two words of it, a private one and one in a page."""

from __future__ import annotations

from reference_model.language.netbsd import EFAULT, INHERITANCES
from reference_model.language.observation import OK
from reference_model.proc import Amap, Lwp
from reference_model.verbs.call import CallError, verb
from reference_model.verbs.world import World


@verb("store")
def store(w: World, l: Lwp, value: str) -> str:
    l.l_proc.p_vmspace.word = int(value)
    return OK


@verb("load")
def load(w: World, l: Lwp) -> str:
    return str(l.l_proc.p_vmspace.word)


@verb("minherit")
def minherit(w: World, l: Lwp, inheritance: str) -> str:
    """Follows uvm_map.c uvm_map_inherit(): an unmapped page is left alone."""
    page = l.l_proc.p_vmspace.page
    if page is not None:
        page.inheritance = INHERITANCES[inheritance]
    return OK


def _page(l: Lwp) -> Amap:
    """Returns the memory of the page.  Raises :class:`CallError` if it is not mapped."""
    page = l.l_proc.p_vmspace.page
    if page is None:
        raise CallError(EFAULT)
    return page.amap


@verb("page_store")
def page_store(w: World, l: Lwp, value: str) -> str:
    _page(l).word = int(value)
    return OK


@verb("page_load")
def page_load(w: World, l: Lwp) -> str:
    return str(_page(l).word)
