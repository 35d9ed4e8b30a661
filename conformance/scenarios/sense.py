"""Whether a scenario makes sense: it comes to its end, and leaves few orders open."""

from __future__ import annotations

from reference_model import Options, Scenario, ScenarioError, allowed_logs, parse
from reference_model.language.observation import NEVER_RETURNED


def makes_sense(scenario: Scenario, options: Options, max_orders: int = 32) -> bool:
    """Returns whether it can be written down, comes to its end, and leaves few orders open."""
    try:
        parse(scenario.text())
        logs = allowed_logs(scenario, options)
    except (ScenarioError, OverflowError):
        return False
    return len(logs) <= max_orders and not {word for log in logs for word in log} & NEVER_RETURNED
