"""Suggestions for a word that is unknown."""

from __future__ import annotations

from collections.abc import Iterable


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Returns `` (did you mean A or B?)`` with the known words nearest to *word*, or nothing.

    Upper and lower case count as the same.
    """
    from difflib import get_close_matches  # an error only

    by_folded = {name.casefold(): name for name in known}
    near = get_close_matches(word.casefold(), by_folded, n=3, cutoff=0.65)
    return f" (did you mean {' or '.join(by_folded[name] for name in near)}?)" if near else ""
