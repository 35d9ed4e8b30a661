"""The scenario: a list of steps over named processes, as a value and as text.

Each step is one system call, or one inspection, of one actor.  Steps are taken in the order in
which they are written.  The next one starts when the one before is over: it has returned, or
its process sleeps in the kernel, is stopped, or is dead.

An actor that no step makes is a root: it exists from the start.  Its parent is init, it blocks
every signal that can be blocked, and every disposition is the default.  The other actors are
born by ``fork``, ``vfork``,
``__vfork14``, ``__clone`` or ``spawn``, or, as another LWP of the process that
calls it, by ``_lwp_create``.  The child called ``-`` takes no steps: it exits
with status 0 at once.

The text::

    scenario vfork/__vfork14/memory
    about SYS-VFORK14 VFORK-WAIT
    P: __vfork14 C          [VFORK-WAIT]
    C: store 7
    C: exit 0
    P: load                 [SYS-VFORK14]

This module knows nothing of any kernel but the names of NetBSD's constants.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from reference_model.language import verbs
from reference_model.language.netbsd import (
    _NSIG,
    CLONE_CSIGNAL,
    CLONE_FLAGS,
    IDTYPES,
    INHERITANCES,
    NOTES,
    P_FLAGS,
    POLICIES,
    PTRACE_EVENTS,
    TRACE_FACILITIES,
    WAIT6_OPTIONS,
    WAIT_OPTIONS,
    signal_name,
    signal_number,
)
from reference_model.language.spelling import did_you_mean
from reference_model.language.verbs import Property

MAX_STEPS: Final = 64
MAX_ACTORS: Final = 8
ANONYMOUS: Final = "-"
#: Words that may be in the place of an actor, and are no actor.
NOBODY: Final = frozenset({ANONYMOUS, "any", "own"})
#: The process group of the actor itself, in the place of an actor whose ID a group has.
OWN_GROUP: Final = "own"
#: The descriptors that scenarios may use.  The probe has its own below them.
DESCRIPTORS: Final = range(20, 64)
#: Maximum number of milliseconds of a ``sleep``; a step that takes two seconds counts as hung.
MAX_SLEEP: Final = 1500

_ACTOR: Final = re.compile(r"[A-Z][a-z0-9]{0,6}\Z")
_COMMENT: Final = re.compile(r"\s+#.*")
_CLAUSE: Final = re.compile(r"[A-Z][A-Z0-9-]*\Z")
_NAME: Final = re.compile(r"[!-~]+\Z")
_INTEGER: Final = re.compile(r"(0|[1-9][0-9]{0,9})\Z")
_LIMIT: Final = re.compile(r"(inf|(count[+-])?(0|[1-9][0-9]{0,9}))\Z")
_HEX: Final = re.compile(r"(0|0x[0-9a-f]{1,8})\Z")
_OCTAL: Final = re.compile(r"0[0-7]{0,3}\Z")
_PATH: Final = re.compile(r"/(dev|tmp)?\Z")
_UID: Final = re.compile(r"(-1|0|free[12])\Z")

#: The sets of signals in ``struct kinfo_proc2``: kinfo says whether a signal is in one.
SIGNAL_SETS: Final = ("p_sigmask", "p_sigignore")
#: The fields that can be shown, and those that can only be compared.
SHOWN_FIELDS: Final = (
    "p_nice",
    "p_exitsig",
    "p_acflag",
    "p_ename",
    "p_traceflag",
    "p_nlwps",
    "p_realstat",
    "p_comm",
    "p_ppid",
    *SIGNAL_SETS,
)
#: The fields of kern.proc2 that are addresses: they are only compared.
ADDRESSES: Final = (
    "p_sess",
    "p_fd",
    "p_cwdi",
    "p_limit",
    "p_vmspace",
    "p_sigacts",
    "p_stats",
    "p_tracep",
)
FIELDS: Final = (
    *SHOWN_FIELDS,
    "p__pgid",
    *ADDRESSES,
    "p_textvp",
    "pathname",
    "start",
)
TIMERS: Final = ("real", "virtual", "prof")
#: The program of ``exec`` in which the actor takes its further steps.
SELF: Final = "self"
#: What ``exec`` may be given in the place of a descriptor: the probe itself, and paths that fail.
PROGRAMS: Final = (SELF, "missing", "belowfile", "directory", "device", "badaddress")

#: The kinds of each verb's arguments.  A kind that ends in ``?`` may be left out.
VERBS: Final = {name: verb.kinds for name, verb in verbs.VERBS.items()}
FORKS: Final = verbs.having(Property.FORK)
#: The verbs whose steps are over when the process sleeps; every other call is waited for.
SLEEPING: Final = verbs.having(Property.SLEEPS)
BIRTHS: Final = frozenset(name for name, verb in verbs.VERBS.items() if verb.births)
#: The verbs whose observations tell which process an actor is.
TELLING: Final = BIRTHS | {"wait4", "waitpg", "wait6", "PT_GET_PROCESS_STATE"}
TRACER_VERBS: Final = verbs.having(Property.TRACER)
_BORN_AT: Final = {
    name: verb.born_at for name, verb in verbs.VERBS.items() if verb.born_at is not None
}
#: The kinds of arguments that name an actor.
NAMING: Final = frozenset({"child", "lwp", "actor", "whom", "group"})


#: An argument of each kind, for messages.
_EXAMPLES: Final = {
    "actor": "C",
    "child": "C",
    "descriptor": "20",
    "disposition": "ignore",
    "events": "PTRACE_FORK",
    "facilities": "KTRFAC_SYSRET",
    "field": "p_fd",
    "flags": "CLONE_FS|SIGCHLD",
    "group": "C",
    "how": "block",
    "idtype": "P_PGID",
    "inheritance": "MAP_INHERIT_NONE",
    "integer": "3",
    "limit": "count+1",
    "lwp": "L",
    "milliseconds": "100",
    "notes": "NOTE_FORK",
    "octal": "022",
    "options": "WNOHANG",
    "path": "/dev",
    "pflags": "P_PPWAIT",
    "program": "20",
    "policy": "SCHED_FIFO",
    "ras": "install",
    "shown": "p_nice",
    "signal": "SIGUSR1",
    "signals": "SIGCHLD|SIGUSR1",
    "stack": "own",
    "status": "3",
    "timer": "real",
    "uid": "free1",
    "waitoptions": "WEXITED|WNOWAIT",
    "whom": "any",
}


class ScenarioError(ValueError):
    """A text that is no scenario: one line says where, what is wrong and what is allowed."""


@dataclass(frozen=True, slots=True)
class Step:
    """One call of one actor.

    ``about`` is the clause that the step's observation tests.  If it is empty, the observation
    tests the first clause of its scenario.
    """

    actor: str
    verb: str
    args: tuple[str, ...] = ()
    about: str = ""

    def call(self) -> str:
        """Returns the step without its clause, as the probe reads it."""
        return " ".join((f"{self.actor}:", self.verb, *self.args))

    def actors(self) -> tuple[str, ...]:
        """Returns every actor that the step names, in the order in which the probe meets them."""
        named = zip(VERBS[self.verb], self.args, strict=False)
        others = [a for k, a in named if k in NAMING and a not in NOBODY]
        return self.actor, *others

    @property
    def child(self) -> str | None:
        """Returns the actor that this step makes, or None."""
        at = _BORN_AT.get(self.verb)
        return None if at is None else self.args[at]


@dataclass(frozen=True, slots=True)
class Scenario:
    """A name, the clauses that the scenario is about, and its steps.

    The first part of the name, up to the first ``/``, is the family.
    """

    name: str
    about: tuple[str, ...]
    steps: tuple[Step, ...]

    @property
    def family(self) -> str:
        return self.name.partition("/")[0]

    @property
    def traced(self) -> bool:
        """Returns whether any step is a tracer's."""
        return any(step.verb in TRACER_VERBS for step in self.steps)

    def clause_of(self, index: int) -> str:
        """Returns the clause that the observation of step *index* tests."""
        return self.steps[index].about or self.about[0]

    def clauses(self) -> frozenset[str]:
        """Returns every clause that a step or the scenario itself names."""
        return frozenset(self.about).union(s.about for s in self.steps if s.about)

    def calls(self) -> list[str]:
        """Returns the steps as the probe reads them, one line each."""
        return [step.call() for step in self.steps]

    def roots(self) -> tuple[str, ...]:
        """Returns the actors that exist from the start, in the order of their first steps."""
        born: set[str] = set()
        roots: dict[str, None] = {}
        for step in self.steps:
            if step.actor not in born:
                roots.setdefault(step.actor)
            if (child := step.child) is not None:
                born.add(child)
        return tuple(roots)

    def text(self) -> str:
        """Returns the scenario as text; :func:`parse` makes the same value of it."""
        lines = [f"scenario {self.name}", "about " + " ".join(self.about)]
        for step in self.steps:
            call = step.call()
            lines.append(f"{call:<39} [{step.about}]" if step.about else call)
        return "\n".join(lines) + "\n"


@lru_cache(maxsize=32768)
def flags_text(flags: int) -> str:
    """Returns the first argument of ``__clone`` as text: names, exit signal, other bits.

    >>> flags_text(0x00010f14)
    'CLONE_VM|CLONE_FS|CLONE_FILES|CLONE_SIGHAND|SIGCHLD|0x10000'
    """
    words = [name for name, bit in CLONE_FLAGS.items() if flags & bit]
    if signal := flags & CLONE_CSIGNAL:
        words.append(signal_name(signal))
    rest = flags & ~CLONE_CSIGNAL
    for bit in CLONE_FLAGS.values():
        rest &= ~bit
    if rest:
        words.append(f"{rest:#x}")
    return "|".join(words) or "0"


@lru_cache(maxsize=32768)
def flags_value(text: str) -> int:
    """Returns the flags that *text* names.  Raises ``ValueError`` if it names none."""
    value = 0
    for word in text.split("|"):
        if word in CLONE_FLAGS:
            value |= CLONE_FLAGS[word]
        elif word.startswith("SIG"):
            value |= signal_number(word)
        elif _HEX.match(word):
            value |= int(word, 16)
        else:
            raise ValueError(f"{word!r}: expected {', '.join(CLONE_FLAGS)}, a signal or 0x...")
    return value


def bits_value(table: dict[str, int], text: str) -> int:
    """Returns the value of ``A|B`` in *table*; ``0`` is none.  Raises ``ValueError``."""
    if text == "0":
        return 0
    value = 0
    for word in text.split("|"):
        if word not in table:
            raise ValueError(f"{word!r}: expected {', '.join(table)} or 0")
        value |= table[word]
    return value


def signals_value(text: str) -> int:
    """Returns the set of ``SIGCHLD|SIGUSR1``, bit n for signal n.  Raises ``ValueError``."""
    value = 0
    for word in [] if text == "0" else text.split("|"):
        signo = signal_number(word)
        if not 0 < signo < _NSIG:
            raise ValueError(f"{word!r}: expected signals below 64 such as SIGCHLD|SIGUSR1, or 0")
        value |= 1 << signo
    return value


def signals_text(signals: int) -> str:
    """Returns the text of a set of signals: the inverse of :func:`signals_value`."""
    return "|".join(signal_name(n) for n in range(1, _NSIG) if signals & 1 << n) or "0"


def _is_descriptor(text: str) -> bool:
    return _INTEGER.match(text) is not None and int(text) in DESCRIPTORS


#: The names of bits of each kind whose arguments are ``A|B``.
_BITS: Final = {
    "options": WAIT_OPTIONS,
    "waitoptions": WAIT6_OPTIONS,
    "events": PTRACE_EVENTS,
    "pflags": P_FLAGS,
    "notes": NOTES,
    "facilities": TRACE_FACILITIES,
}
#: The words of each kind whose arguments are one of them.
_ONE_OF: Final[dict[str, Collection[str]]] = {
    "idtype": IDTYPES,
    "policy": POLICIES,
    "shown": SHOWN_FIELDS,
    "field": FIELDS,
    "inheritance": INHERITANCES,
    "timer": TIMERS,
}
_DESCRIPTOR: Final = f"a descriptor from {DESCRIPTORS[0]} to {DESCRIPTORS[-1]}"
#: For each other kind whether a text is of it, and what is expected.
_KINDS: Final[dict[str, tuple[Callable[[str], object], str]]] = {
    "child": (lambda text: text == ANONYMOUS or _ACTOR.match(text), "an actor such as C, or -"),
    "actor": (_ACTOR.match, "an actor such as C"),
    "lwp": (_ACTOR.match, "an actor such as C"),
    "whom": (
        lambda text: text in ("any", ANONYMOUS) or _ACTOR.match(text),
        "an actor, any, or -",
    ),
    "group": (lambda text: text == OWN_GROUP or _ACTOR.match(text), "an actor such as C, or own"),
    "stack": (lambda text: text == "own", "own"),
    "integer": (_INTEGER.match, "a number from 0"),
    "descriptor": (_is_descriptor, f"{_DESCRIPTOR}; the probe uses the lower ones"),
    "program": (
        lambda text: text in PROGRAMS or _is_descriptor(text),
        f"{_DESCRIPTOR}, {', '.join(PROGRAMS[:-1])} or {PROGRAMS[-1]}",
    ),
    "status": (
        lambda text: _INTEGER.match(text) and int(text) < 256,
        "an exit status from 0 to 255",
    ),
    "milliseconds": (
        lambda text: _INTEGER.match(text) and int(text) <= MAX_SLEEP,
        f"milliseconds, at most {MAX_SLEEP}",
    ),
    "signal": (lambda text: 0 < signal_number(text) < _NSIG, "a signal, below 64"),
    "path": (_PATH.match, "/, /dev or /tmp, which every root has"),
    "octal": (_OCTAL.match, "an octal number such as 022"),
    "disposition": (
        lambda text: text in ("default", "ignore", "catch"),
        "default, ignore or catch",
    ),
    "how": (lambda text: text in ("block", "unblock"), "block or unblock"),
    "limit": (_LIMIT.match, "a number, inf, count+N or count-N"),
    "uid": (_UID.match, "0, -1, free1 or free2"),
    "ras": (lambda text: text in ("install", "purge"), "install or purge"),
    **{kind: (words.__contains__, ", ".join(words)) for kind, words in _ONE_OF.items()},
}


def _check(kind: str, text: str) -> None:
    """Raises ``ValueError``, which says what is expected, if *text* is not of *kind*."""
    if kind in _BITS:
        bits_value(_BITS[kind], text)
    elif kind == "signals":
        signals_value(text)
    elif kind == "flags":
        if (good := flags_text(flags_value(text))) != text:
            raise ValueError(f"{text!r} is not written as {good!r}")
    else:
        is_of_kind, expected = _KINDS[kind]
        if not is_of_kind(text):
            raise ValueError(f"{text!r}: expected {expected}")


def _parse_step(line: str) -> Step:
    about = ""
    if line.endswith("]"):
        line, bracket, clause = line[:-1].rpartition("[")
        if not bracket or not _CLAUSE.match(clause):
            raise ValueError("expected a clause in brackets at the end")
        about = clause
    words = line.split()
    if len(words) < 2 or not words[0].endswith(":"):
        raise ValueError("expected 'ACTOR: VERB ...'")
    actor, verb, args = words[0][:-1], words[1], tuple(words[2:])
    _check("actor", actor)
    if verb not in VERBS:
        near = did_you_mean(verb, VERBS)
        raise ValueError(
            f"unknown verb {verb!r}{near or f': expected one of {chr(32).join(VERBS)}'}"
        )
    kinds = VERBS[verb]
    least = sum(not kind.endswith("?") for kind in kinds)
    if not least <= len(args) <= len(kinds):
        raise ValueError(f"{verb} takes {_usage(verb)}")
    for kind, arg in zip(kinds, args, strict=False):
        _check(kind.rstrip("?"), arg)
    if verb == "kinfo" and (len(args) == 3) != (args[1] in SIGNAL_SETS):
        raise ValueError(f"kinfo takes a signal for {' and '.join(SIGNAL_SETS)}, and for no other")
    return Step(actor, verb, args, about)


def _usage(verb: str) -> str:
    """Returns the arguments of a verb in words, with an example."""
    if not VERBS[verb]:
        return "no arguments"
    example = " ".join((verb, *(_EXAMPLES[kind.rstrip("?")] for kind in VERBS[verb])))
    return f"{verbs.VERBS[verb].arguments}, as in '{example}'"


def _check_births(steps: Sequence[tuple[int, Step]]) -> None:
    """Raises :class:`ScenarioError` if an actor acts before its birth, or is born twice.

    *steps* are steps with their line numbers.
    """
    born: dict[str, int] = {}
    acted: dict[str, int] = {}
    named: dict[str, None] = {}
    for line, step in steps:
        acted.setdefault(step.actor, line)
        named.update(dict.fromkeys(step.actors()))
        if len(named) > MAX_ACTORS:
            raise ScenarioError(f"line {line}: more than {MAX_ACTORS} actors")
        child = step.child
        if child is None or child == ANONYMOUS:
            continue
        if child in born:
            why = f"it is in line {born[child]}, and a refused fork uses up the name as well"
            raise ScenarioError(f"line {line}: {child} cannot be born twice: {why}")
        if child in acted:
            why = f"it acts in line {acted[child]}, so it exists from the start"
            raise ScenarioError(f"line {line}: {child} cannot be born: {why}")
        born[child] = line


def parse(text: str, clauses: Collection[str] | None = None) -> list[Scenario]:
    """Returns the scenarios of *text*; blank lines separate them, ``#`` starts a comment.

    *clauses* are the names that a clause may have; without them every name may be one.  Raises
    :class:`ScenarioError`, one line with the number of the wrong one.
    """
    return list(_parse(text, clauses))


def _parse(text: str, known: Collection[str] | None) -> Iterator[Scenario]:
    name, about, steps, start = "", (), [], 0  # type: str, tuple[str, ...], list[tuple[int, Step]], int
    lines: dict[str, int] = {}

    def finish() -> Scenario:
        if not about:
            raise ScenarioError(f"line {start}: scenario {name}: expected 'about CLAUSE ...'")
        if not steps:
            raise ScenarioError(f"line {start}: scenario {name}: expected a step")
        _check_births(steps)
        return Scenario(name, about, tuple(step for _, step in steps))

    def check(clause: str) -> None:
        if known is not None and clause not in known:
            near = did_you_mean(clause, known)
            raise ValueError(f"unknown clause {clause!r}{near}: see 'forkoracle clauses'")

    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if line.startswith("#"):
            continue
        word, _, rest = line.partition(" ")
        try:
            if not line:
                if name:
                    yield finish()
                name, about, steps = "", (), []
            elif not name:
                if word != "scenario" or not _NAME.match(rest):
                    raise ValueError("expected 'scenario NAME'")
                name, start = rest, number
                if lines.setdefault(name, number) != number:
                    first = lines[name]
                    raise ValueError(
                        f"the scenario of line {first} has this name: expected another"
                    )
            elif word == "about" and not about:
                about = tuple(_COMMENT.sub("", rest).split())
                if not about or not all(map(_CLAUSE.match, about)):
                    raise ValueError("expected clauses, such as VFORK-WAIT")
                for clause in about:
                    check(clause)
            elif len(steps) == MAX_STEPS:
                raise ValueError(f"scenario {name} has more than {MAX_STEPS} steps")
            else:
                step = _parse_step(_COMMENT.sub("", line))
                if step.about:
                    check(step.about)
                steps.append((number, step))
        except ScenarioError:
            raise
        except ValueError as error:
            raise ScenarioError(f"line {number}: {line!r}: {error}") from None
    if name:
        yield finish()
