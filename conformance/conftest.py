"""The pytest front: ``pytest conformance --target local`` runs families and judges clauses.

One item for each family and clause.  A family runs once, when its first item is
reached, and its items share what was seen.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from conformance.commands.choice import Choice, choose_target
from conformance.commands.options import Wanted, add_kern_fork, add_only, add_target_options
from conformance.errors import TargetError
from conformance.report.junit import item_outcome
from conformance.results.result import Result, Verdict
from conformance.results.summary import Summary
from conformance.runs.run import Run
from conformance.scenarios.selection import SelectionError, select
from conformance.targets.base import Target
from conformance.verdicts.known import KnownError
from reference_model import Scenario

#: What ``forkoracle run`` exits with where the target could not run.
CANNOT_RUN = 3
_ELSEWHERE = "each scenario about it counts for another clause, in which it is a known difference"


@dataclass
class Front:
    """The scenarios that were asked for, the target, and the summary of each family that ran."""

    choice: Choice
    families: dict[str, list[Scenario]]
    summaries: dict[str, Summary] = field(default_factory=dict)
    target: Target | None = None

    def items(self) -> list[tuple[str, str]]:
        """Each family with each clause that a scenario of it is about."""
        return [
            (family, clause)
            for family, scenarios in self.families.items()
            for clause in sorted({c for scenario in scenarios for c in scenario.clauses()})
        ]

    def results(self, family: str, clause: str) -> list[Result]:
        """What was seen of the clause in the family, which runs if it has not run yet."""
        if family not in self.summaries:
            self._run(family)
        return self.summaries[family].by_item.get((family, clause), [])

    def _run(self, family: str) -> None:
        if self.target is None:
            self.target = self.choice.start()
        run = Run(self.target, self.families[family])
        self.summaries[family] = run.summary
        try:
            for _ in run.results():
                pass
        except BaseException:
            # After Ctrl-C too: nothing stays behind, and what was decided is told.
            self.target.kill()
            run.close(interrupted=True)
            raise
        run.close()

    def count(self, verdict: Verdict) -> int:
        return sum(summary.by_verdict[verdict] for summary in self.summaries.values())


FRONT = pytest.StashKey[Front]()


def pytest_addoption(parser: pytest.Parser) -> None:
    add = parser.getgroup("forkoracle").addoption
    add_target_options(add)
    add_kern_fork(add)
    add_only(add)


def pytest_configure(config: pytest.Config) -> None:
    option = config.getoption
    wanted = Wanted.from_options(lambda name: option(f"--{name.replace('_', '-')}"))
    try:
        scenarios = select(option("--only"), option("--seed"))
        choice = choose_target(wanted)
    except SelectionError as error:
        raise pytest.UsageError(str(error)) from None
    families: dict[str, list[Scenario]] = {}
    for scenario in scenarios:
        families.setdefault(scenario.family, []).append(scenario)
    config.stash[FRONT] = Front(choice, families)


def pytest_report_header(config: pytest.Config) -> str:
    return config.stash[FRONT].choice.line


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if {"family", "clause"} <= set(metafunc.fixturenames):
        items = metafunc.config.stash[FRONT].items()
        ids = [f"{family}-{clause}" for family, clause in items]
        metafunc.parametrize(("family", "clause"), items, ids=ids)


@pytest.fixture(scope="session")
def front(pytestconfig: pytest.Config) -> Iterator[Front]:
    """The one target of the session, ended with it."""
    it = pytestconfig.stash[FRONT]
    yield it
    if it.target is not None:
        it.target.close()


@pytest.fixture
def outcome(front: Front, family: str, clause: str) -> tuple[Verdict, str]:
    """The verdict on the clause in the family, and what to read about it."""
    try:
        results = front.results(family, clause)
    except (TargetError, KnownError) as error:
        pytest.exit(f"forkoracle: {error}", CANNOT_RUN)
    if not results:
        return Verdict.NOT_DECIDED, _ELSEWHERE
    return item_outcome(results)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """As in ``forkoracle run``: where nothing at all was decided, the status is 3."""
    it = session.config.stash[FRONT]
    decided = sum(it.count(verdict) for verdict in Verdict if verdict is not Verdict.NOT_DECIDED)
    if exitstatus == 0 and it.summaries and not decided:
        session.exitstatus = CANNOT_RUN


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    it = config.stash[FRONT]
    if it.target is None:
        return
    total = sum(it.count(verdict) for verdict in Verdict)
    counts = ", ".join(f"{verdict} {it.count(verdict)}" for verdict in Verdict)
    early = any(summary.interrupted for summary in it.summaries.values())
    terminalreporter.write_sep("=", "forkoracle")
    terminalreporter.write_line(
        f"{'interrupted: ' if early else ''}{total} scenarios on {it.target.kernel}; {counts}"
    )
