"""ktrace: whether a child is traced too, and what its first records are.

A traced process writes a record for each system call, and an actor that waits for its turn
makes many of them.  So scenarios trace returns from system calls only in steps of one actor
right after one another, with the child called ``-``.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from conformance.scenarios.families.calls import CALLS, calls
from reference_model import Scenario, parse

_CALLS = calls("fork", "vfork", "__vfork14", "clone", "clone-vm") | {
    "clone-vfork": CALLS["clone-vm-vfork"]
}

_INHERITED = """
scenario ktrace/{name}/no-emulation
about KTR-EMUL
P: pipe 20 21
P: ktrace 21 P KTRFAC_USER|KTRFAC_INHERIT
P: {C}
C: kinfo C p_traceflag
C: exit 0
P: wait4 C
P: ktrace_end 21

scenario ktrace/{name}/inherited
about KTRACE-INHERITED
P: pipe 20 21
P: ktrace 21 P KTRFAC_USER|KTRFAC_INHERIT
P: {C}
C: kinfo C p_traceflag
C: compare P C p_tracep
C: utrace
C: utrace
C: exit 0
P: wait4 C
P: ktrace_end 21
P: close 21
P: records 20 C

scenario ktrace/{name}/child-goes-on-alone
about KTRACE-INHERITED
Q: pipe 20 21
Q: ktrace 21 P KTRFAC_USER|KTRFAC_INHERIT
Q: close 21
P: {C}
C: utrace
C: exit 0
P: wait4 C
P: exit 0
Q: records 20 C

scenario ktrace/{name}/not-inherited
about KTRACE-INHERITED
P: pipe 20 21
P: ktrace 21 P KTRFAC_USER
P: {C}
C: kinfo C p_traceflag
C: compare P C p_tracep
C: utrace
C: exit 0
P: wait4 C
P: utrace
P: ktrace_end 21
P: close 21
P: records 20 C

scenario ktrace/{name}/emulation-inherited
about KTR-EMUL KTRACE-INHERITED
P: pipe 20 21
P: ktrace 21 P KTRFAC_EMUL|KTRFAC_USER|KTRFAC_INHERIT
P: utrace
P: kinfo P p_traceflag
P: {C}
C: kinfo C p_traceflag
C: utrace
C: utrace
C: kinfo C p_traceflag
C: exit 0
P: wait4 C
P: ktrace_end 21
P: close 21
P: records 20 C

scenario ktrace/{name}/emulation-not-inherited
about KTR-EMUL
P: pipe 20 21
P: ktrace 21 P KTRFAC_EMUL|KTRFAC_USER
P: utrace
P: {C}
C: kinfo C p_traceflag
C: exit 0
P: wait4 C
P: ktrace_end 21

scenario ktrace/{name}/no-trace
about KTRACE-INHERITED KTR-EMUL
P: {C}
C: kinfo C p_traceflag
C: compare P C p_tracep
C: exit 0
P: wait4 C

scenario ktrace/{name}/first-return
about CHILD-KTRACE
P: pipe 20 21
P: ktrace 21 P KTRFAC_SYSRET|KTRFAC_INHERIT
P: {unnamed}
P: wait4 -
P: ktrace_end 21
P: close 21
P: records 20 -

scenario ktrace/{name}/first-return-with-emulation
about CHILD-KTRACE KTR-EMUL
P: pipe 20 21
P: ktrace 21 P KTRFAC_SYSRET|KTRFAC_EMUL|KTRFAC_INHERIT
P: {unnamed}
P: wait4 -
P: ktrace_end 21
P: close 21
P: records 20 -
"""


def generate(random: Random) -> Iterator[Scenario]:
    for name, call in _CALLS.items():
        texts = {"C": call.format(child="C"), "unnamed": call.format(child="-")}
        yield from parse(_INHERITED.format(name=name, **texts))
