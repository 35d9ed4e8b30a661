"""Results files to report on: what judged observations would have been written as."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from conformance.results.kernel import Kernel
from conformance.results.result import Result
from conformance.results.summary import Summary
from conformance.verdicts.judge import judge
from conformance.verdicts.known import KnownDifferences
from conformance.verdicts.ranking import results_of
from reference_model import Log, Options, Scenario, predict
from reference_model.language.answer import Observed, Panicked

NETBSD = Kernel("NetBSD", "10.1", "amd64", "1.231")


def seen(scenario: Scenario, observed: Observed) -> Result:
    """The verdict on *observed*, where nothing is known to differ."""
    return judge(scenario, observed, Options(), KnownDifferences())


def but(scenario: Scenario, **instead: str) -> Log:
    """What the model predicts, but for the steps named as ``s3="EAGAIN"``."""
    log = list(predict(scenario, Options()))
    for step, word in instead.items():
        log[int(step[1:])] = word
    return tuple(log)


def panicked(scenario: Scenario, console: str) -> Result:
    """A kernel panic in *scenario*."""
    return seen(scenario, Panicked("kernel panicked: panic: test", console))


def summary(results: Iterable[Result], kernel: Kernel = NETBSD) -> Summary:
    """A run that came to these results."""
    made = Summary("netbsd", kernel)
    for result in results:
        made.add(result)
    return made


def write(path: Path, results: Iterable[Result], kernel: Kernel = NETBSD) -> Path:
    """A results file."""
    path.write_text(json.dumps(results_of(summary(results, kernel)).to_json()), encoding="utf-8")
    return path
