"""Process groups: a child is born in its parent's, and is signalled and waited for with it."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from conformance.scenarios.families.calls import calls
from reference_model import Scenario, parse

_CALLS = calls("fork", "vfork", "__vfork14", "clone", "clone-all")

# Q is a root, in the group that P leads.
_INHERITED = """
scenario groups/{name}/inherited
about PROCESS-LISTS
Q: fork L
L: setpgid L L
L: getpgrp
L: {C}
C: getpgrp
C: setpgid C P
C: getpgrp
C: exit 0
L: wait4 C                              [EXIT-SIGNAL]
L: getpgrp

scenario groups/{name}/signalled
about PROCESS-LISTS
P: fork L
L: setpgid L L
L: sigprocmask block SIGUSR1
L: sigprocmask unblock SIGCHLD
L: {C}
C: sigprocmask block SIGUSR1
P: killpg L SIGUSR1
C: sigpending
P: sigpending
C: exit 0
L: sigpending

scenario groups/{name}/waited-for
about PROCESS-LISTS EXIT-SIGNAL
P: {C}
C: exit 3
P: waitpg own

scenario groups/{name}/waited-for-by-id
about PROCESS-LISTS EXIT-SIGNAL
P: {C}
C: setpgid C C
C: exit 3
P: waitpg own
P: waitpg P WNOHANG
P: waitpg C
P: waitpg C WNOHANG
"""

_OTHERS = """
scenario groups/setpgid/by-the-parent
about PROCESS-LISTS
P: fork C
P: setpgid C C
C: getpgrp
P: getpgrp
P: fork D
P: setpgid D C
D: getpgrp
D: fork E
E: getpgrp
E: setpgid P E
E: setpgid C E
E: setpgid E E
E: getpgrp

scenario groups/setpgid/refused
about PROCESS-LISTS
P: fork C
P: setpgid C Q
P: setpgid Q P
P: setpgid Q Q
C: setpgid P C
C: setpgid C P
C: setsid
C: setpgid C P
P: setpgid C P
Q: getpgrp

scenario groups/setpgid/grandchild
about PROCESS-LISTS
P: fork C
C: fork D
P: setpgid D D
D: getpgrp
C: setpgid D P
D: getpgrp

scenario groups/setpgid/of-a-session
about PROCESS-LISTS
P: fork C
C: setsid
C: setpgid C C
C: fork D
C: setpgid D D
D: getpgrp

scenario groups/setpgid/no-session-for-a-leader
about PROCESS-LISTS
P: fork C
C: setpgid C C
C: setsid
C: fork D
D: setsid
D: getpgrp

scenario groups/setpgid/no-session-while-the-group-lives
about PROCESS-LISTS
P: fork C
C: setpgid C C
C: fork D
C: setpgid C P
C: setsid
D: getpgrp
D: exit 0
C: wait4 D                              [EXIT-SIGNAL]
C: setsid
C: getpgrp

scenario groups/setpgid/dead-leader
about PROCESS-LISTS
P: fork C
C: setpgid C C
P: fork D
P: setpgid D C
D: compare C D p__pgid
C: exit 0
P: wait4 C                              [EXIT-SIGNAL]
D: fork E
E: compare D E p__pgid
Q: killpg C SIGUSR1
E: sigpending
D: sigpending

scenario groups/kill/roots-and-child
about PROCESS-LISTS
P: fork C
Q: killpg P SIGUSR1
C: sigpending
P: sigpending
Q: sigpending

scenario groups/kill/own-group
about PROCESS-LISTS
P: fork C
C: setpgid C C
C: fork D
C: sigprocmask block SIGUSR1
D: killpg own SIGUSR1
C: sigpending
D: sigpending
P: sigpending

scenario groups/kill/all-die
about PROCESS-LISTS
P: fork C
P: fork D
P: setpgid C C
P: setpgid D C
P: killpg C SIGKILL
P: wait4 C                              [EXIT-SIGNAL]
P: wait4 D                              [EXIT-SIGNAL]
P: killpg C SIGKILL

scenario groups/kill/stops-and-continues
about PROCESS-LISTS
P: fork C
P: fork D
P: setpgid C C
P: setpgid D C
P: killpg C SIGSTOP
P: wait4 C WUNTRACED
P: wait4 D WUNTRACED
P: getppid
Q: killpg C SIGCONT
P: wait4 C WCONTINUED
P: wait4 D WCONTINUED

scenario groups/kill/zombie-counts
about PROCESS-LISTS
P: fork C
C: setpgid C C
C: exit 0
P: wait6 P_PID C WEXITED|WNOWAIT
P: killpg C SIGKILL
P: wait4 C                              [EXIT-SIGNAL]
P: killpg C SIGKILL

scenario groups/kill/another-user
about PROCESS-LISTS CREDENTIALS
P: fork C
C: setpgid C C
C: fork D
Q: setreuid free1 free1
Q: killpg C SIGUSR1
D: setreuid free1 free1                 [CREDENTIALS]
Q: killpg C SIGUSR1
D: sigpending
C: sigpending

scenario groups/orphaned/stopped-member-goes-on
about PROCESS-LISTS
P: fork C
C: fork D
D: setpgid D D
D: sigaction SIGHUP ignore
D: kill D SIGSTOP
C: wait4 D WUNTRACED
C: exit 0
P: wait4 C                              [EXIT-SIGNAL]
D: getpgrp
"""


def generate(random: Random) -> Iterator[Scenario]:
    for name, call in _CALLS.items():
        yield from parse(_INHERITED.format(name=name, C=call.format(child="C")))
    yield from parse(_OTHERS)
