"""The table of verbs, read from ``verbs.def``.

The probe's C includes the same file.  This parser is strict, so that both read each entry in
the same way.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, Flag, auto
from importlib.resources import files
from typing import Final

#: The kinds of arguments that name a process, or an LWP, that the step makes.
BORN: Final = frozenset({"child", "lwp"})
#: The kinds of arguments; scenario.py checks the texts of each kind.
KINDS: Final = (
    *("child", "lwp", "actor", "whom", "flags", "stack", "integer", "signal", "signals"),
    *("options", "path", "octal", "disposition", "how", "limit", "uid", "events", "shown"),
    *("field", "pflags", "notes", "facilities", "inheritance", "timer", "ras"),
    *("descriptor", "status", "milliseconds", "group", "idtype", "waitoptions", "program"),
    "policy",
)
#: Maximum number of a verb's arguments: the probe has room for no more.
MAX_ARGUMENTS: Final = 3


class Need(Enum):
    """A kind of kernel that a verb needs; verbs.def explains each."""

    NOTHING = auto()
    NETBSD = auto()
    PTRACE = auto()
    KTRACE = auto()
    AIO = auto()
    CLOFORK = auto()
    MQUEUE = auto()
    ALONE = auto()


class Property(Flag):
    """A property of a verb; verbs.def explains each."""

    PLAIN = 0
    DIRECTOR = auto()
    FORK = auto()
    SLEEPS = auto()
    TRACER = auto()
    MEASURED = auto()
    STAYS = auto()


@dataclass(frozen=True, slots=True)
class Verb:
    """A verb: its entry in verbs.def.

    A kind that ends in ``?`` belongs to an argument that may be left out.
    """

    name: str
    group: str
    kinds: tuple[str, ...]
    arguments: str
    needs: Need
    properties: Property
    observation: str
    text: str

    @property
    def births(self) -> bool:
        """Returns whether the verb makes a process."""
        return "child" in self.kinds

    @property
    def born_at(self) -> int | None:
        """Returns the place of the argument that names the newborn, or None."""
        return next((n for n, kind in enumerate(self.kinds) if kind in BORN), None)


@dataclass(frozen=True, slots=True)
class Group:
    """Verbs of one subject, which stand together in every part of the project."""

    name: str
    text: str
    verbs: tuple[Verb, ...]


class VerbsError(ValueError):
    """A wrong entry of verbs.def: one line says where and what is wrong."""


_STRING = r'"((?:[^"\\\n]|"\s*")*)"'
_SPACE = re.compile(r"(?:\s|/\*.*?\*/)+", re.DOTALL)
_GROUP = re.compile(rf"GROUP\((\w+), {_STRING}\)\n")
_VERB = re.compile(
    rf"VERB\((\w+), \(([\w(), ]*)\), {_STRING}, (\w+), (\w+(?: \| \w+)*),\s*"
    rf"{_STRING},\s*{_STRING}\)\n"
)
_KIND = re.compile(r"(OPTIONAL\()?([A-Z]+)(?(1)\))")


def _text(literal: str) -> str:
    """Returns the text of string literals that are side by side."""
    return re.sub(r'"\s*"', "", literal)


def _kind(word: str) -> str:
    match = _KIND.fullmatch(word)
    if match is None or match[2].lower() not in KINDS:
        raise ValueError(f"{word!r} is no kind of argument")
    return match[2].lower() + ("?" if match[1] else "")


def _verb(group: str, match: re.Match[str]) -> Verb:
    name, kinds, arguments, need, properties, observation, text = match.groups()
    if need not in Need.__members__:
        raise ValueError(f"{name} needs {need!r}: expected {', '.join(Need.__members__)}")
    value = Property.PLAIN
    for word in properties.split(" | "):
        if word not in Property.__members__:
            raise ValueError(f"{name} is {word!r}: expected {', '.join(Property.__members__)}")
        value |= Property[word]
    verb = Verb(
        name,
        group,
        tuple(map(_kind, kinds.split(", "))) if kinds else (),
        arguments,
        Need[need],
        value,
        _text(observation),
        _text(text),
    )
    optional = [kind.endswith("?") for kind in verb.kinds]
    if optional != [word.startswith("[") for word in arguments.split()]:
        raise ValueError(f"{name}: the names of its arguments are not those of its kinds")
    if len(optional) > MAX_ARGUMENTS or optional != sorted(optional):
        raise ValueError(f"{name}: expected at most {MAX_ARGUMENTS} arguments, optional ones last")
    if not (verb.observation and verb.text):
        raise ValueError(f"{name}: expected what it does and what its observation looks like")
    return verb


def parse(text: str) -> tuple[Group, ...]:
    """Returns the groups of *text*.  Raises :class:`VerbsError`."""
    groups: dict[str, tuple[str, dict[str, Verb]]] = {}
    names: set[str] = set()
    group, at = "", 0
    while at < len(text):
        if match := _SPACE.match(text, at):
            pass
        elif match := _GROUP.match(text, at):
            group = match[1]
            if group in groups:
                raise VerbsError(f"{_place(text, at)}: a second group {group}")
            groups[group] = _text(match[2]), {}
        elif (match := _VERB.match(text, at)) and group:
            try:
                verb = _verb(group, match)
            except ValueError as error:
                raise VerbsError(f"{_place(text, at)}: {error}") from None
            if verb.name in names:
                raise VerbsError(f"{_place(text, at)}: a second verb {verb.name}")
            names.add(verb.name)
            groups[group][1][verb.name] = verb
        else:
            raise VerbsError(f"{_place(text, at)}: expected GROUP(...), then VERB(...)")
        at = match.end()
    return tuple(
        Group(name, about, tuple(verbs.values())) for name, (about, verbs) in groups.items()
    )


def _place(text: str, at: int) -> str:
    return f"verbs.def, line {text.count(chr(10), 0, at) + 1}"


GROUPS: Final = parse(files(__package__).joinpath("verbs.def").read_text(encoding="ascii"))
#: Every verb by its name, in the order of verbs.def.
VERBS: Final = {verb.name: verb for group in GROUPS for verb in group.verbs}


def having(properties: Property) -> frozenset[str]:
    """Returns the names of the verbs that have all of *properties*."""
    return frozenset(name for name, verb in VERBS.items() if properties in verb.properties)
