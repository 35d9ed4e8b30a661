"""The exit status of a run."""

from __future__ import annotations

from conformance.errors import AGREES, CANNOT_RUN, DIFFERS, INTERRUPTED
from conformance.results.result import Verdict
from conformance.results.summary import Summary


def exit_status(summary: Summary) -> int:
    """Returns the exit status: of differences, of a target that was lost, or that all is well."""
    if summary.interrupted:
        return INTERRUPTED
    if summary.differences:
        return DIFFERS
    decided = summary.scenarios - summary.by_verdict[Verdict.NOT_DECIDED]
    return AGREES if decided and not summary.gave_up else CANNOT_RUN
