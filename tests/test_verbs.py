"""The table of verbs: what verbs.py reads in verbs.def, and what it refuses."""

from __future__ import annotations

import pytest

from reference_model.language.verbs import (
    GROUPS,
    VERBS,
    Need,
    Property,
    Verb,
    VerbsError,
    having,
    parse,
)

_FORK = 'VERB(fork, (CHILD), "C", NOTHING, PLAIN, "a name", "forks")\n'
_SMALL = 'GROUP(births, "what is born")\n' + _FORK


def test_an_entry_is_read_whole() -> None:
    entry = VERBS["__clone"]
    assert entry == Verb(
        name="__clone",
        group="births",
        kinds=("flags", "child", "stack?"),
        arguments="FLAGS C [own]",
        needs=Need.NOTHING,
        properties=Property.DIRECTOR | Property.FORK | Property.SLEEPS,
        observation="as fork",
        text="__clone, system call 287; with `own`, on a stack that the caller gives",
    )
    assert entry.births
    assert entry.born_at == 1


def test_there_are_83_verbs_in_14_groups() -> None:
    assert (len(VERBS), len(GROUPS)) == (83, 14)
    assert sum(len(group.verbs) for group in GROUPS) == 83


def test_an_lwp_is_no_child() -> None:
    assert (VERBS["_lwp_create"].births, VERBS["_lwp_create"].born_at) == (False, 0)


def test_fork1_is_called_by_four_verbs() -> None:
    assert having(Property.FORK) == {"fork", "vfork", "__vfork14", "__clone"}


def test_the_tracers_verbs_need_ptrace() -> None:
    assert having(Property.TRACER) == {n for n, v in VERBS.items() if v.needs is Need.PTRACE}


def test_neighbouring_strings_are_one_text() -> None:
    [group] = parse(_SMALL.replace('"a name"', '"a "\n\t"name"'))
    assert group.verbs[0].observation == "a name"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (_FORK, "line 1: expected GROUP(...), then VERB(...)"),
        (_SMALL + "fork\n", "line 3: expected GROUP(...), then VERB(...)"),
        (_SMALL + _FORK, "line 3: a second verb fork"),
        (_SMALL + _SMALL, "line 3: a second group births"),
        (_SMALL.replace("CHILD", "BABY"), "line 2: 'BABY' is no kind of argument"),
        (
            _SMALL.replace("NOTHING", "LINUX"),
            "line 2: fork needs 'LINUX': "
            "expected NOTHING, NETBSD, PTRACE, KTRACE, AIO, CLOFORK, ALONE",
        ),
        (
            _SMALL.replace("PLAIN", "PLAIN | FAST"),
            "line 2: fork is 'FAST': "
            "expected PLAIN, DIRECTOR, FORK, SLEEPS, TRACER, MEASURED, STAYS",
        ),
        (
            _SMALL.replace('"C"', '"[C]"'),
            "line 2: fork: the names of its arguments are not those of its kinds",
        ),
        (
            _SMALL.replace("(CHILD)", "(OPTIONAL(CHILD), FLAGS)").replace('"C"', '"[C] F"'),
            "line 2: fork: expected at most 3 arguments, optional ones last",
        ),
        (
            _SMALL.replace('"forks"', '""'),
            "line 2: fork: expected what it does and what its observation looks like",
        ),
    ],
)
def test_what_is_no_entry_is_refused(text: str, message: str) -> None:
    with pytest.raises(VerbsError) as caught:
        parse(text)
    assert str(caught.value) == f"verbs.def, {message}"
