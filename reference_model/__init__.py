"""An executable reading of NetBSD's sys/kern/kern_fork.c.

Pure Python, no input or output, no dependency.  Read :mod:`reference_model.kern_fork`
beside the C file; around it stands as much of exit, wait, signals and ptrace as is
needed to see what fork did.
"""

from reference_model.kernel import Kernel
from reference_model.language.observation import Log
from reference_model.language.scenario import Scenario, ScenarioError, Step, parse
from reference_model.machine import allowed_logs, predict
from reference_model.state import NEWEST, Options

__all__ = [
    "NEWEST",
    "Kernel",
    "Log",
    "Options",
    "Scenario",
    "ScenarioError",
    "Step",
    "allowed_logs",
    "parse",
    "predict",
]
