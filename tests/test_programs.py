"""Generated programs: the same for the same seed, and good ones."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import islice
from pathlib import Path

import pytest

from conformance.programs import BATCH, batches, program
from conformance.shrink import makes_sense
from reference_model import Options, parse
from reference_model.clauses import clauses

OPTIONS = Options()


@pytest.fixture(scope="module")
def first() -> list[object]:
    return list(next(batches(OPTIONS, 1)))


def test_a_seed_gives_the_same_programs(first: list[object]) -> None:
    """Name for name and step for step; another seed gives others."""
    assert next(batches(OPTIONS, 1)) == first
    assert next(batches(OPTIONS, 2)) != first


def test_batches_differ() -> None:
    """The second batch goes on where the first one ended, and has its own programs."""
    one, two = islice(batches(OPTIONS, 1), 2)
    assert not {s.name for s in one} & {s.name for s in two}
    assert len({s.steps for s in one} & {s.steps for s in two}) < BATCH / 10


def test_programs_are_scenarios_with_known_clauses() -> None:
    """Each can be written and read back, makes sense, and names only clauses that there are."""
    batch = next(batches(OPTIONS, 3))
    assert len(batch) > BATCH / 2
    for scenario in batch:
        assert parse(scenario.text()) == [scenario]
        assert makes_sense(scenario, OPTIONS)
        assert scenario.clauses() <= clauses().keys()


def test_programs_are_of_many_kinds() -> None:
    """Within three batches every kind of fork succeeds, and is refused for its flags or a limit."""
    seen = {
        (step.verb, word.partition(" ")[2].partition(" ")[0] or (word[:1].isupper() and word))
        for batch in islice(batches(OPTIONS, 1), 3)
        for scenario in batch
        for step, word in zip(scenario.steps, _log(scenario), strict=True)
    }
    verbs = {verb for verb, _ in seen}
    assert {"fork", "vfork", "__vfork14", "__clone", "wait4", "exit", "sigaction"} <= verbs
    assert {("vfork", "held"), ("__vfork14", "held"), ("__clone", "held")} <= seen
    assert {("__clone", "EINVAL"), ("fork", "EAGAIN"), ("wait4", "exited")} <= seen


def _log(scenario: object) -> tuple[str, ...]:
    from reference_model import Scenario, predict

    assert isinstance(scenario, Scenario)
    return predict(scenario, OPTIONS)


@pytest.mark.parametrize("data", [b"", bytes(300), bytes(range(256)), b"\xff" * 300])
def test_any_bytes_are_a_program(data: bytes) -> None:
    """Too few bytes, or odd ones, still give steps."""
    assert program(data, OPTIONS)


def test_who_is_not_root_changes_no_user() -> None:
    """Only root can become a user of its own."""
    for batch in islice(batches(Options(uid=1000), 1), 2):
        assert not any(step.verb == "setreuid" for s in batch for step in s.steps)


_LIMITED = """
from conformance.programs import limited
from reference_model import Options
print(sum(len(batch) for batch in limited(Options(), 1, 250, None)))
"""


def test_so_many_are_drawn_and_nothing_is_left_where_one_is(tmp_path: Path) -> None:
    """As many as were asked for, over two batches; Hypothesis keeps no folder there."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, "-c", _LIMITED],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "250\n"
    assert list(tmp_path.iterdir()) == []
