"""References that a child holds: its parent gives up its own, and others use the memory again.

For each object of which fork1 takes one more reference, the parent or the child exits, so that one
reference fewer is left.  If fork1 has not taken its reference, the object is freed then.  Other
processes, born afterwards, get the same memory and write other values there: NetBSD's pools
give out first what was freed last.  The one that still uses the object must see its own values.

A kernel with DIAGNOSTIC asserts some of the counts.  These scenarios need no DIAGNOSTIC.

The vnode of the program is not among them (kern_fork.c 1.232, lines 398 to 401).  Each process that
runs the program has a reference of it, and so has its memory.  If the count is wrong, no call
shows it.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from reference_model import Scenario, parse

_SCENARIOS = """
scenario references/limits/parent-exits
about LIMITS
R: setrlimit 900 1000
R: fork P
P: fork C
P: exit 0
R: wait4 P
R: setrlimit 700 800
R: fork D
R: fork E
C: getrlimit
C: setrlimit 600 1000
C: getrlimit
D: getrlimit
C: exit 0
D: exit 0
R: wait4 D
R: getrlimit

scenario references/limits/child-exits
about LIMITS
R: setrlimit 900 1000
R: fork P
P: fork C
C: exit 0
P: wait4 C
R: setrlimit 700 800
R: fork D
R: fork E
P: getrlimit
P: fork F
F: getrlimit
D: getrlimit

scenario references/directory/parent-exits
about CLONE-FS
R: fork P
P: chdir /dev
P: __clone CLONE_FS|SIGCHLD C
P: exit 0
R: wait4 P
R: fork D
D: chdir /tmp
R: fork E
E: chdir /
C: getcwd
C: umask 077
C: chdir /dev
D: getcwd
E: getcwd
D: umask 022
C: exit 0
D: fork F
F: getcwd
R: fork G
G: getcwd
D: getcwd
D: exit 0
R: wait4 D

scenario references/directory/child-exits
about CLONE-FS
R: fork P
P: chdir /dev
P: umask 027
P: __clone CLONE_FS|SIGCHLD C
C: exit 0
P: wait4 C
R: fork D
D: chdir /tmp
R: fork E
E: chdir /
P: getcwd
P: umask 022
P: exit 0
R: wait4 P
D: getcwd

scenario references/descriptors/parent-exits
about CLONE-FILES
R: fork P
P: open 20
P: lseek 20 7
P: __clone CLONE_FILES|SIGCHLD C
P: exit 0
R: wait4 P
R: fork D
D: open 20
D: close 20
R: fork E
E: open 21
C: tell 20
C: open 22
C: tell 22
E: tell 21
E: tell 22
D: tell 22
C: exit 0
D: exit 0
R: wait4 D

scenario references/descriptors/child-exits
about CLONE-FILES
R: fork P
P: open 20
P: lseek 20 7
P: __clone CLONE_FILES|SIGCHLD C
C: exit 0
P: wait4 C
R: fork D
D: open 21
R: fork E
E: open 22
P: tell 20
P: tell 21
P: tell 22
P: close 20
D: tell 21

scenario references/actions/parent-exits
about CLONE-SIGHAND
R: fork P
P: sigaction SIGUSR1 ignore
P: __clone CLONE_VM|CLONE_SIGHAND|SIGCHLD C own
P: exit 0
R: wait4 P
R: fork D
D: sigaction SIGUSR1 catch
R: fork E
E: sigaction SIGUSR2 ignore
C: sigaction SIGUSR1
C: sigaction SIGUSR2
C: sigaction SIGTERM ignore
D: sigaction SIGTERM
E: sigaction SIGTERM
C: exit 0
D: sigaction SIGUSR1
R: fork F
F: sigaction SIGUSR1
D: sigaction SIGUSR1
D: exit 0
R: wait4 D
E: exit 0
R: wait4 E

scenario references/lock/parent-exits
about CLONE-SIGHAND
R: fork P
P: __clone CLONE_VM|CLONE_SIGHAND|SIGCHLD C own
P: exit 0
R: wait4 P
R: fork D
R: fork E
C: fork F
D: fork G
F: exit 0
C: wait4 F
G: exit 0
D: wait4 G
C: sigaction SIGUSR1 ignore
D: sigaction SIGUSR1
C: exit 0
D: fork H
H: sigaction SIGUSR1
D: exit 0
R: wait4 D
E: exit 0
R: wait4 E

scenario references/credentials/all-others-exit
about CREDENTIALS
R: fork P
P: setreuid free1 free1
P: fork C
C: fork D
P: exit 0
R: wait4 P
C: exit 0
R: fork E
E: setreuid free2 -1
R: fork F
F: setreuid free2 -1
D: setreuid 0 0
D: fork G
G: setreuid 0 0
D: exit 0
G: setreuid 0 0
E: setreuid 0 0
E: exit 0
R: wait4 E

scenario references/trace/child-exits
about KTRACE-INHERITED
P: pipe 20 21
P: ktrace 21 P KTRFAC_USER|KTRFAC_INHERIT
P: fork C
C: exit 0
P: wait4 C
P: utrace
P: ktrace_end 21
P: close 21
P: records 20 P

scenario references/trace/another-begins
about KTRACE-INHERITED
Q: pipe 20 21
R: pipe 22 23
Q: ktrace 21 P KTRFAC_USER|KTRFAC_INHERIT
P: fork C
C: exit 0
P: wait4 C
R: ktrace 23 R KTRFAC_USER
P: utrace
R: utrace
Q: ktrace_end 21
R: ktrace_end 23
Q: close 21
R: close 23
Q: records 20 P
R: records 22 R
"""


def generate(random: Random) -> Iterator[Scenario]:
    del random
    yield from parse(_SCENARIOS)
