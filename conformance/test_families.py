"""The cases that test a kernel, for pytest: each clause of each family (see conftest.py)."""

from __future__ import annotations

import pytest

from conformance.results.result import Verdict


def test_clause(outcome: tuple[Verdict, str]) -> None:
    """In every scenario of the family, the kernel does what the clause says, or is known not to."""
    verdict, text = outcome
    if verdict is Verdict.DIFFERENCE:
        pytest.fail(text, pytrace=False)
    if verdict is Verdict.NOT_DECIDED:
        pytest.skip(text)
