"""Compares the observed log with the expected ones, and assigns a difference to a clause."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from conformance.results.result import Result, Verdict
from conformance.verdicts.assign import assigned_clause
from conformance.verdicts.known import KnownDifferences
from conformance.verdicts.panics import clause_of_panic
from reference_model import Log, Options, Scenario, allowed_logs, predict
from reference_model.language.answer import NotDecided, Observed, Panicked
from reference_model.language.observation import HUNG


def judge(
    scenario: Scenario, observed: Observed, options: Options, known: KnownDifferences
) -> Result:
    """Returns the verdict on what was observed of *scenario*."""
    about = scenario.about[0]
    if isinstance(observed, NotDecided):
        return Result(
            scenario,
            Verdict.NOT_DECIDED,
            about,
            reason=observed.reason,
            gave_up=observed.gave_up,
        )
    if isinstance(observed, Panicked):
        return Result(
            scenario,
            Verdict.DIFFERENCE,
            clause_of_panic(observed.reason, observed.console, scenario.steps) or about,
            allowed_logs(scenario, options),
            reason=observed.reason,
            console=observed.console,
        )
    # One prediction is cheap and nearly always right; the other orders are tried if it is not.
    if observed == predict(scenario, options):
        return Result(scenario, Verdict.AGREES, about, observed=observed)
    allowed = allowed_logs(scenario, options)
    if observed in allowed:
        return Result(scenario, Verdict.AGREES, about, observed=observed)
    outcomes = list(known.outcomes(scenario, allowed))
    for log, entries in outcomes:
        if observed == log:
            names = tuple(entry.name for entry in entries)
            return Result(
                scenario, Verdict.KNOWN, entries[0].clause, allowed, observed, known=names
            )
    right = [*allowed, *(log for log, _ in outcomes)]
    step, nearest = _first_wrong(observed, right)
    end = len(observed)
    if HUNG in observed[step + 1 :]:
        # The scenario ended there, so a call that a later step would have released is rightly
        # unfinished: the expected logs are those of a scenario that ends there.
        end = observed.index(HUNG, step)
        ended = replace(scenario, steps=scenario.steps[:end])
        allowed_so_far = allowed_logs(ended, options)
        known_so_far = [log for log, _ in known.outcomes(ended, allowed_so_far)]
        step, so_far = _first_wrong(observed[:end], [*allowed_so_far, *known_so_far])
        nearest = (*so_far, *nearest[end:])
        if step == end:  # the only difference is that it ended there
            end += 1
    clause = assigned_clause(scenario, step, observed[:end], nearest[:end], options)
    return Result(scenario, Verdict.DIFFERENCE, clause, allowed, observed, step=step)


def _first_wrong(observed: Log, right: Sequence[Log]) -> tuple[int, Log]:
    """Returns the first wrong step, and the log that agrees for longest.

    If no observation is wrong, the step is the number of observations.
    """
    return max(((_agree_until(observed, log), log) for log in right), key=lambda found: found[0])


def _agree_until(observed: Log, log: Log) -> int:
    pairs = enumerate(zip(observed, log, strict=True))
    return next((index for index, (seen, want) in pairs if seen != want), len(log))
