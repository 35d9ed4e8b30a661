"""Address spaces.

After sys/uvm/uvm_glue.c and uvm_map.c, with their names.
"""

from __future__ import annotations

from reference_model.language.netbsd import MAP_INHERIT_NONE, MAP_INHERIT_SHARE, MAP_INHERIT_ZERO
from reference_model.proc import Amap, MapEntry, Proc, Vmspace
from reference_model.state import State


def uvm_proc_fork(k: State, p1: Proc, p2: Proc, shared: bool) -> None:
    """Gives the child its parent's address space, or a copy of it."""
    if shared:
        p2.p_vmspace = p1.p_vmspace
        p1.p_vmspace.vm_refcnt += 1
    else:
        p2.p_vmspace = uvmspace_fork(p1.p_vmspace)


def uvmspace_fork(vm1: Vmspace) -> Vmspace:
    """Returns a copy in which each mapping is as its inheritance says (uvm_map.c, line 4650)."""
    old = vm1.page
    if old is None or old.inheritance == MAP_INHERIT_NONE:
        return Vmspace(vm1.word, page=None, lwpctl=vm1.lwpctl)
    if old.inheritance == MAP_INHERIT_SHARE:
        amap = old.amap
    else:
        amap = Amap(0 if old.inheritance == MAP_INHERIT_ZERO else old.amap.word)
    return Vmspace(vm1.word, page=MapEntry(amap, old.inheritance), lwpctl=vm1.lwpctl)


def uvmspace_exec(p: Proc) -> None:
    """Gives *p* an empty address space (uvm_map.c, line 4265).

    C empties the old one if no other process shares it, and so does this function.
    """
    if p.p_vmspace.vm_refcnt > 1:
        p.p_vmspace.vm_refcnt -= 1
        p.p_vmspace = Vmspace()
        return
    p.p_vmspace.word, p.p_vmspace.page, p.p_vmspace.lwpctl = 0, MapEntry(), None


def uvm_proc_exit(k: State, p: Proc) -> None:
    """Drops the reference that *p* has to its address space."""
    p.p_vmspace.vm_refcnt -= 1
