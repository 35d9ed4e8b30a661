"""The command line itself: help, version, suggestions, completion."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from conformance.cli import _COMMANDS
from tests.command import COMMAND, environment, forkoracle

#: Words of help texts that say nothing to a reader who does not know the project (STYLE).
RIDDLES = ("whoever", "nobody", "so many of", "as they go", "of our own", "what stands behind")


def test_bare_forkoracle_prints_a_short_usage(tmp_path: Path) -> None:
    done = forkoracle(tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    lines = done.stderr.splitlines()
    assert lines[0] == "usage: forkoracle COMMAND ..."
    assert [line.split()[0] for line in lines[1:-1]] == list(_COMMANDS)
    assert "forkoracle COMMAND --help" in lines[-1]


def test_bare_vm_prints_its_actions(tmp_path: Path) -> None:
    done = forkoracle(tmp_path, "vm")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("usage: forkoracle vm ACTION ...\n  fetch ")


def test_the_version_names_the_revision_of_the_model(tmp_path: Path) -> None:
    done = forkoracle(tmp_path, "--version")
    assert done.returncode == 0
    assert re.fullmatch(r"forkoracle \d+\.\d+\.\d+, model of kern_fork.c 1.232\n", done.stdout)


@pytest.mark.parametrize("command", ["", *_COMMANDS])
def test_help_is_plain_and_ends_with_examples(tmp_path: Path, command: str) -> None:
    done = forkoracle(tmp_path, *command.split(), "--help")
    assert (done.returncode, done.stderr) == (0, "")
    for riddle in RIDDLES:
        assert riddle not in done.stdout
    if command not in ("mutate", "bench"):  # these have two options each
        assert "examples:" in done.stdout


def test_the_options_of_a_run_are_in_groups(tmp_path: Path) -> None:
    text = forkoracle(tmp_path, "run", "--help").stdout
    headings = re.findall(r"^(\w[\w ]*):$", text, re.MULTILINE)
    assert headings == [
        *("options", "which kernel", "which scenarios", "how long", "output", "examples")
    ]


def test_the_examples_of_help_are_accepted(tmp_path: Path) -> None:
    """Each example parses: it ends with another error than one of usage, or is only parsed."""
    from conformance.cli import _arguments

    examples = []
    for command in ("", "run", "scenarios", "clauses", "report", "vm"):
        text = forkoracle(tmp_path, *command.split(), "--help").stdout.partition("examples:")[2]
        examples += re.findall(r"^  (forkoracle .*?)(?:   .*)?$", text, re.MULTILINE)
    assert len(examples) > 15
    for example in examples:
        words = shlex.split(example.partition(" > ")[0])[1:]
        _arguments(words).parse_args(words)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("rum", "unknown command 'rum' (did you mean run?): expected run, scenarios"),
        ("run --kernl x", "unknown option --kernl (did you mean --kernel"),
        ("run --bus virtoi", "unknown value 'virtoi' (did you mean virtio?): expected virtio"),
        ("run --target locl", "unknown target 'locl' (did you mean local?): expected auto"),
        ("run --only VFORKWAIT", "'VFORKWAIT' (did you mean VFORK-WAIT or vfork?): families"),
        ("run --only vfrok", "'vfrok' (did you mean vfork?): families are"),
        ("run spoon", "unexpected argument 'spoon'"),
        ("vm strat", "unknown action 'strat' (did you mean start?): expected fetch"),
        ("clauses VFORKWAIT", "unknown clause 'VFORKWAIT' (did you mean VFORK-WAIT?)"),
        ("scenarios vfork/fork/memroy", "(did you mean vfork/fork/memory"),
        ("--print-completion bahs", "unknown shell 'bahs' (did you mean bash?)"),
    ],
)
def test_a_spelling_mistake_gets_a_suggestion(tmp_path: Path, line: str, says: str) -> None:
    done = forkoracle(tmp_path, *line.split())
    assert (done.returncode, done.stdout) == (2, "")
    assert says in done.stderr
    assert done.stderr.count("\n") == 1


def test_completion_for_bash_knows_options_and_clauses(tmp_path: Path) -> None:
    """The printed code is loaded by bash, and completes an option, a clause and a command."""
    code = tmp_path / "completion"
    code.write_text(forkoracle(tmp_path, "--print-completion", "bash").stdout)
    script = f"""
. {code}
complete_words() {{
    COMP_WORDS=(forkoracle "$@"); COMP_CWORD=$#; COMPREPLY=()
    $(complete -p forkoracle | sed 's/.*-F \\([^ ]*\\) .*/\\1/') forkoracle
    echo "${{COMPREPLY[@]}}"
}}
complete_words sc
complete_words run --kern
complete_words run --only VFORK-W
"""
    done = subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.splitlines() == ["scenarios", "--kernel --kern-fork", "VFORK-WAIT"]


def test_an_option_may_be_shortened_as_before(tmp_path: Path) -> None:
    done = subprocess.run(
        [COMMAND, "run", "--targ", "local", "--onl", "VFORK-WAIT"],
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert os.linesep in done.stdout
