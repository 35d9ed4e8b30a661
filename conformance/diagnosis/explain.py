"""Finds the changes of fork1 that explain the differences of a run.

A change explains a difference if the changed model allows the log that was observed.  It is refuted
by a scenario that agrees with the unchanged model and would differ under the change.  The best
change explains most and is refuted least.  What it leaves over is explained next, since a kernel
may be broken in two places.

Two thousand changes and forty differences are too many pairs to try all.  So each change is tried
on one difference first: the shortest of the largest kind.  Only those that explain it are tried on
the others, and only the best of these on the scenarios that agree.

What was tried, and rejected: to order the changes by their distance from the call of the step that
differs.  It saves a second, and a change far from that call (a flag that is not set) is found late.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from conformance.diagnosis.changed import ChangedModel
from conformance.diagnosis.changes import Change, Kind
from conformance.results.explanation import Explanation, lines_in_words
from conformance.results.result import Result
from reference_model import Log, Options, Scenario

#: Maximum number of causes that are told apart.
MAX_CAUSES = 5
#: Maximum number of kinds of differences that the changes are tried on, if none is explained.
_EXAMPLES = 6
#: Maximum number of differences of a run that are asked for.
_MAX_DIFFERENCES = 200
#: Maximum number of changes that are tried on all scenarios that agree.
_FINALISTS = 6
#: Maximum number of changes that are tried on some of them.
_CANDIDATES = 40
#: Number of scenarios that agree with which a candidate is tried first.
_SOME = 800
#: The number of explained differences that one scenario which refutes outweighs.
_REFUTED = 4
#: Maximum number of other changes that are told as ties.
_MAX_TIES = 3

_T = TypeVar("_T")
#: A scenario that agrees, and its log.
Agreed = tuple[Scenario, Log]
#: Is told the part of the work that is done, from 0 to 1.
Progress = Callable[[float], None]


@dataclass(frozen=True)
class _Asked:
    """A difference, as the changed models are asked about it."""

    scenario: Scenario
    observed: Log
    clause: str
    step: int | None

    @property
    def kind(self) -> object:
        """Returns a key that is equal for differences that look alike."""
        if self.step is None or self.step >= len(self.observed):
            return self.clause
        return self.clause, self.scenario.steps[self.step].verb, self.observed[self.step]

    @property
    def length(self) -> tuple[bool, int]:
        """Returns a key that is smaller for a scenario that the model plays sooner."""
        return self.scenario.traced, len(self.scenario.steps)


@dataclass
class _Candidate:
    """A change, the differences that it explains, and the number of scenarios that refute it."""

    change: Change
    explained: frozenset[int]
    refuted: int = 0

    @property
    def score(self) -> tuple[int, int, int, int]:
        return (
            len(self.explained) - _REFUTED * self.refuted,
            -self.refuted,
            -(Kind.EXCHANGED if self.change.is_large else self.change.kind),
            -self.change.statement.number,
        )


def explain(
    differences: Sequence[Result],
    agreed: Sequence[Agreed],
    options: Options,
    progress: Progress = lambda _: None,
) -> list[Explanation]:
    """Returns the explanations of *differences*, the one that explains most first.

    A difference without a log, such as a panic, is not explained.
    """
    asked = [
        _Asked(result.scenario, result.observed, result.clause, result.step)
        for result in _spread(differences, _MAX_DIFFERENCES)
        if isinstance(result.scenario, Scenario) and result.observed is not None
    ]
    found: list[Explanation] = []
    if not asked:
        return found
    model = ChangedModel()
    with model.used():
        left = frozenset(range(len(asked)))
        while left and len(found) < MAX_CAUSES:
            search = _Search(model, asked, agreed, options)
            best = search.best(left, lambda part: progress((len(found) + part) / MAX_CAUSES))
            if not best:
                break
            found.append(_told(best, asked, len(agreed)))
            left -= best[0].explained
    return sorted(found, key=lambda one: -one.explains)


def _told(best: list[_Candidate], asked: Sequence[_Asked], agree: int) -> Explanation:
    """Returns the first candidate as an explanation, and the others as its ties."""
    first = best[0]
    ties: list[str] = []
    told = [range(first.change.first, first.change.last + 1)]
    for other in best[1:]:
        lines = range(other.change.first, other.change.last + 1)
        if not any(line in seen for seen in told for line in lines):
            told.append(lines)
            ties.append(f"{lines_in_words(lines[0], lines[-1])}, {other.change.sentence}")
    return Explanation(
        first.change.first,
        first.change.last,
        first.change.sentence,
        first.change.clause,
        len(first.explained),
        len(asked),
        first.refuted,
        agree,
        tuple(asked[index].scenario.name for index in sorted(first.explained)),
        tuple(ties[:_MAX_TIES]),
    )


class _Search:
    """The search for the change that explains most of what is left."""

    def __init__(
        self,
        model: ChangedModel,
        asked: Sequence[_Asked],
        agreed: Sequence[Agreed],
        options: Options,
    ) -> None:
        self._model = model
        self._asked = asked
        self._agreed = agreed
        self._options = options

    def best(self, left: frozenset[int], progress: Progress) -> list[_Candidate]:
        """Returns the best candidate and those that are as good; none if nothing explains."""
        candidates: list[_Candidate] = []
        for example in self._examples(left):
            candidates = self._explaining(example, progress)
            if candidates:
                break
        for candidate in candidates:
            self._model.choose(candidate.change)
            candidate.explained |= {index for index in left if self._explains(index)}
        progress(0.8)
        candidates.sort(key=lambda one: one.score, reverse=True)
        return self._not_refuted(candidates[:_CANDIDATES], progress)

    def _examples(self, left: frozenset[int]) -> list[int]:
        """Returns the shortest difference of each kind, the largest kind first."""
        kinds: dict[object, list[int]] = {}
        for index in sorted(left):
            kinds.setdefault(self._asked[index].kind, []).append(index)
        groups = sorted(kinds.values(), key=len, reverse=True)[:_EXAMPLES]
        return [min(group, key=lambda i: self._asked[i].length) for group in groups]

    def _explaining(self, example: int, progress: Progress) -> list[_Candidate]:
        """Returns the changes that explain one difference."""
        reached = self._model.reached(self._asked[example].scenario, self._options)
        changes = self._model.changes
        found = []
        for number, change in enumerate(changes):
            if number % 64 == 0:
                progress(number / len(changes) * 0.7)
            if change.statement.number in reached:
                self._model.choose(change)
                if self._explains(example):
                    found.append(_Candidate(change, frozenset({example})))
        return found

    def _not_refuted(self, candidates: list[_Candidate], progress: Progress) -> list[_Candidate]:
        some = _spread(self._agreed, _SOME)
        for candidate in candidates:
            candidate.refuted = self._refuted(candidate, some)
        candidates.sort(key=lambda one: one.score, reverse=True)
        finalists = [one for one in candidates if one.score[0] > 0]
        for number, winner in enumerate(finalists[:_FINALISTS]):
            progress(0.85 + 0.15 * number / _FINALISTS)
            winner.refuted = self._refuted(winner, self._agreed)
            if winner.score[0] > 0:
                equal = [
                    one for one in finalists[number + 1 :] if one.explained == winner.explained
                ]
                return [winner, *equal]
        return []

    def _explains(self, index: int) -> bool:
        one = self._asked[index]
        return self._model.allows(one.scenario, one.observed, self._options)

    def _refuted(self, candidate: _Candidate, agreed: Iterable[Agreed]) -> int:
        """Returns how many of *agreed* would differ, at most as many as the change explains."""
        if candidate.change.kind is Kind.STALE:
            return 0  # the memory may have been clean in those
        self._model.choose(candidate.change)
        refuted = 0
        for scenario, log in agreed:
            refuted += not self._model.allows(scenario, log, self._options)
            if _REFUTED * refuted >= len(candidate.explained):
                break
        return refuted


def _spread(all_of: Sequence[_T], number: int) -> list[_T]:
    """Returns *number* of them, evenly spread."""
    if len(all_of) <= number:
        return list(all_of)
    return [all_of[place * len(all_of) // number] for place in range(number)]
