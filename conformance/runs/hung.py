"""The differences that take much time: steps that hang, and kernels that panic."""

from __future__ import annotations

from conformance.results.result import Result, Verdict
from reference_model.language.observation import HUNG, NEVER_RETURNED, UNFINISHED


def hung(result: Result) -> bool:
    """Returns whether the difference took the time of a hung step, or a new start of a guest."""
    if result.verdict is not Verdict.DIFFERENCE:
        return False
    waited = {HUNG, UNFINISHED}.intersection(result.observed or ())
    return result.observed is None or bool(waited.difference(*result.expected))


def ended_early(result: Result) -> bool:
    """Returns whether some step had not returned when the probe ended the scenario."""
    return not NEVER_RETURNED.isdisjoint(result.observed or ())
