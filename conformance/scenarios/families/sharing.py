"""What parent and child share, seen from both sides, for each legal set of flags.

Each scenario sets something up in P, clones, changes it on one side and looks
on the other.  With CLONE_VFORK the parent is blocked, so it looks afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from conformance.scenarios.families.validation import legal_subsets
from reference_model import Scenario, Step
from reference_model.language.netbsd import CLONE_FLAGS, CLONE_VFORK, SIGCHLD
from reference_model.language.scenario import flags_text

# What to set up in P, what to do in turns, and which clauses the looks speak for.
_MATTERS: dict[str, tuple[tuple[str, ...], str, tuple[str, ...], tuple[str, ...]]] = {
    # name: (clauses, set-up in P, the child's lines, the lines in turns after that)
    "memory": (
        ("ADDRESS-SPACE", "CLONE-VM"),
        "store 1",
        ("load", "store 2"),
        ("P load", "P store 3", "C load"),
    ),
    "descriptor-closed": (
        ("FILES", "CLONE-FILES"),
        "open 20",
        ("tell 20", "close 20"),
        ("P tell 20", "P open 21", "C tell 21", "P close 21", "C tell 21"),
    ),
    "descriptor-opened": (
        ("FILES", "CLONE-FILES"),
        "open 20",
        ("open 22",),
        ("P tell 22", "P open 23", "C tell 23"),
    ),
    "descriptor-duplicated": (
        ("FILES", "CLONE-FILES"),
        "open 20",
        ("dup2 20 24", "lseek 24 7"),
        ("P tell 24", "P tell 20"),
    ),
    "offset": (
        ("FILES",),
        "open 20",
        ("tell 20", "lseek 20 11"),
        ("P tell 20", "P lseek 20 13", "C tell 20"),
    ),
    "directory": (
        ("CWD", "CLONE-FS"),
        "chdir /dev",
        ("getcwd", "chdir /"),
        ("P getcwd", "P chdir /dev", "C getcwd"),
    ),
    "umask": (
        ("CWD", "CLONE-FS"),
        "umask 027",
        ("umask 077",),
        ("P umask 07", "C umask 022", "P umask 022"),
    ),
    "dispositions": (
        ("SIGNAL-ACTIONS", "CLONE-SIGHAND"),
        "sigaction SIGUSR1 ignore",
        ("sigaction SIGUSR1", "sigaction SIGUSR1 catch", "sigaction SIGUSR2 ignore"),
        (
            "P sigaction SIGUSR1",
            "P sigaction SIGUSR2",
            "P sigaction SIGTERM ignore",
            "C sigaction SIGTERM",
        ),
    ),
    "limits": (
        ("LIMITS",),
        "setrlimit 900 1000",
        ("getrlimit", "setrlimit 800 1000"),
        ("P getrlimit", "P setrlimit 700 1000", "C getrlimit"),
    ),
    "limits-untouched": (
        # The parent has not changed its limits yet: fork1 takes the other branch.
        ("LIMITS",),
        "umask 022",
        ("setrlimit 800 1000", "getrlimit"),
        ("P setrlimit 700 900", "C getrlimit", "P getrlimit"),
    ),
}


def _steps(actor: str, text: str, about: str = "") -> Step:
    verb, *args = text.split()
    return Step(actor, verb, tuple(args), about)


def matter(flags: int, name: str) -> Scenario:
    """Returns the scenario of one matter (memory, directory, ...) under one set of flags."""
    about, setup, child, turns = _MATTERS[name]
    if len(about) > 1 and flags & CLONE_FLAGS[about[1].replace("-", "_")]:
        about = about[::-1]  # where the flag is given, it is the flag that is in question
    clone = flags_text(flags | SIGCHLD)
    blocked = bool(flags & CLONE_VFORK)
    steps = [_steps("P", setup), Step("P", "__clone", (clone, "C"))]
    steps += [_steps("C", text) for text in child]
    if blocked:
        steps.append(Step("C", "exit", ("0",)))
    for line in turns:
        actor, _, text = line.partition(" ")
        if not (blocked and actor == "C"):
            steps.append(_steps(actor, text))
    if not blocked:
        steps.append(Step("C", "exit", ("0",)))
    steps.append(Step("P", "wait4", ("C",), "EXIT-SIGNAL"))
    return Scenario(f"sharing/{flags:#07x}/{name}", about, tuple(steps))


def _signals(flags: int, unblocked: bool) -> Scenario:
    """Tests that pending signals are not inherited, and that the signal mask is."""
    clone = flags_text(flags | SIGCHLD)
    steps = [
        _steps("P", "sigaction SIGCHLD catch"),
        _steps("P", "sigaction SIGUSR1 catch"),
        _steps("P", "kill P SIGUSR1"),
    ]
    if unblocked:
        steps.append(_steps("P", "sigprocmask unblock SIGUSR2"))
    steps += [
        _steps("P", "sigaction SIGUSR2 catch"),
        Step("P", "__clone", (clone, "C")),
        _steps("C", "sigpending", "NO-PENDING-SIGNALS"),
        _steps("C", "kill C SIGUSR2"),
        _steps("C", "sigpending", "LWP"),
        _steps("C", "exit 0"),
        _steps("P", "wait4 C", "EXIT-SIGNAL"),
        _steps("P", "sigpending", "NO-PENDING-SIGNALS"),
    ]
    name = "mask" if unblocked else "pending"
    return Scenario(f"sharing/{flags:#07x}/{name}", ("NO-PENDING-SIGNALS", "LWP"), tuple(steps))


def _stack(flags: int, own: bool) -> Scenario:
    """Tests that the child starts on the given stack, or else on its parent's."""
    args = (flags_text(flags | SIGCHLD), "C", *(("own",) if own else ()))
    steps = (
        Step("P", "__clone", args),
        _steps("C", "stack"),
        _steps("C", "exit 3"),
        _steps("P", "wait4 C", "EXIT-SIGNAL"),
    )
    name = "stack-given" if own else "stack-kept"
    return Scenario(f"sharing/{flags:#07x}/{name}", ("CLONE-STACK",), steps)


def generate(random: Random) -> Iterator[Scenario]:
    for flags in legal_subsets():
        for name in _MATTERS:
            yield matter(flags, name)
        for choice in (False, True):
            yield _signals(flags, choice)
            yield _stack(flags, choice)
