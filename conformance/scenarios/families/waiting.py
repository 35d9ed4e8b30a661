"""wait6: a wait that only looks, and one for some changes of a child only."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from conformance.scenarios.families.calls import calls
from reference_model import Scenario, parse

_CALLS = calls("fork", "vfork", "__vfork14", "clone", "clone-all")

_EACH_CALL = """
scenario waiting/{name}/only-looks
about EXIT-SIGNAL PROCESS-LISTS
P: {C}
C: exit 3
P: wait6 P_PID C WEXITED|WNOWAIT
P: wait6 P_PID C WEXITED|WNOWAIT
P: wait6 P_PGID P WEXITED|WNOWAIT
P: wait6 P_ALL any WEXITED
P: wait6 P_ALL any WEXITED
"""

_OTHERS = """
scenario waiting/wexited/needed-for-the-dead
about EXIT-SIGNAL
P: fork C
P: wait6 P_ALL any WNOHANG
P: wait6 P_ALL any WNOHANG|WEXITED
P: wait6 P_ALL any WNOHANG|WUNTRACED
C: exit 3
P: wait6 P_PID C WEXITED|WNOWAIT
P: wait6 P_ALL any WNOHANG|WUNTRACED
P: wait6 P_PID C WCONTINUED
P: wait6 P_PID C WEXITED

scenario waiting/wexited/sleeps-until-the-end
about EXIT-SIGNAL
P: fork C
P: wait6 P_PID C WEXITED
C: exit 3
P: wait6 P_PID C WEXITED

scenario waiting/wexited/killed
about EXIT-SIGNAL
P: fork C
P: kill C SIGKILL
P: wait6 P_PGID P WEXITED|WNOWAIT
P: wait6 P_PID C WEXITED

scenario waiting/wstopped/looks-and-takes
about EXIT-SIGNAL
P: fork C
P: kill C SIGSTOP
P: wait6 P_PID C WUNTRACED|WNOWAIT
P: wait6 P_PID C WEXITED|WNOHANG
P: wait6 P_PID C WUNTRACED
P: wait6 P_PID C WUNTRACED|WNOHANG
P: kill C SIGCONT
P: wait6 P_PID C WCONTINUED|WNOWAIT
P: wait6 P_ALL any WCONTINUED
P: wait6 P_ALL any WCONTINUED|WNOHANG

scenario waiting/groups/one-of-two
about PROCESS-LISTS
P: fork C
P: fork D
C: setpgid C C
D: exit 4
P: wait6 P_PGID C WEXITED|WNOHANG
P: wait6 P_PGID P WEXITED
P: wait6 P_PGID P WEXITED|WNOHANG
C: exit 3
P: wait6 P_PGID C WEXITED

scenario waiting/groups/not-a-child
about PROCESS-LISTS PARENT
P: fork C
C: fork D
P: wait6 P_PID D WEXITED
Q: wait6 P_PID C WEXITED
Q: wait6 P_PGID P WEXITED

scenario waiting/exit-signal/another
about EXIT-SIGNAL
P: __clone SIGUSR1 C
C: exit 3
P: wait6 P_PID C WEXITED|WNOHANG
P: wait6 P_PID C WEXITED|WALTSIG|WNOWAIT
P: wait6 P_ALL any WEXITED|WALLSIG

scenario waiting/wnozombie/dead-are-children
about EXIT-SIGNAL
P: fork C
C: exit 3
P: wait6 P_PID C WEXITED|WNOWAIT
P: wait6 P_PID C WEXITED|WNOZOMBIE|WNOHANG
P: wait6 P_ALL any WTRAPPED|WNOHANG
P: wait6 P_PID C WEXITED
"""


def generate(random: Random) -> Iterator[Scenario]:
    for name, call in _CALLS.items():
        yield from parse(_EACH_CALL.format(name=name, C=call.format(child="C")))
    yield from parse(_OTHERS)
