"""Exit statuses of the command, and the errors that lead to them.

The command prints each error in one line, which says what is wrong and what is allowed.
An error of a guest (:mod:`vm.errors`) becomes one of these in ``conformance/targets``.
"""

from __future__ import annotations

from typing import ClassVar

#: Everything agrees or is known; there are differences; wrong usage; the target could not run.
AGREES, DIFFERS, USAGE, CANNOT_RUN = 0, 1, 2, 3
#: The run was interrupted: 128 and the number of SIGINT.
INTERRUPTED = 130


class ForkoracleError(Exception):
    """Base of the errors that end the command."""

    status: ClassVar[int]


class UsageError(ForkoracleError):
    """Wrong usage; one line says what is allowed."""

    status = USAGE


class TargetError(ForkoracleError):
    """The target cannot run; one line says why and what to do."""

    status = CANNOT_RUN


class OutputError(ForkoracleError):
    """An output could not be written; one line says where and why."""

    status = CANNOT_RUN
