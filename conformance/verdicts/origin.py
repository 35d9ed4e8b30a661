"""Says whether a difference belongs to kern_fork.c, or to a function of another file of NetBSD.

The idea.  A clause is assigned to each difference (:mod:`conformance.verdicts.assign`), but the
kernel may be wrong elsewhere: a signal that should be discarded and is not is a matter of
kern_sig.c.  The model has both files.  So one place of it is changed after the other
(:mod:`conformance.verdicts.changes`).  A change *explains* the difference if the first wrong
observation follows from it, and no earlier observation changes.  A scenario that agrees *refutes*
a change that would make it differ.

1. If a change of kern_fork.c, or of a function that only fork1 has called, explains the difference
   and is not refuted, the difference belongs to kern_fork.c.
2. Else, if a change of another function does, the difference belongs to that function.  There is
   an exception: fork1 may be wrong in a way that is not among the changes.  So if something of
   the assigned clause could be left out, this step would notice it, and no scenario refutes it,
   the difference stays with the clause.
3. Else, if no process was made before, the difference belongs to the call of the step.
4. Else it stays with the clause.

Rejected: to name the file by the verb of the step alone.  What sigpending observes may depend on
what fork did, on what exit did, and on what kill did.
"""

from __future__ import annotations

import inspect
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import islice

from conformance.results.result import Result, Verdict
from conformance.results.summary import Item
from conformance.verdicts.changes import Change, Question, changes_of
from reference_model import Log, Options, Scenario, kern_fork, proc
from reference_model.language.scenario import BIRTHS
from reference_model.machine import orders
from reference_model.sources import CFunction, c_function, call_of, modelled
from reference_model.verbs import CALLS

#: Maximum number of scenarios that may refute a change: those about the clause, and of all.
OF_THE_CLAUSE, OF_ALL = 60, 100
#: Maximum number of differences for which all changes are tried; each takes up to two seconds.
MAX_EXAMINED = 30
#: Maximum number of changes by which the function of another file is named.
MAX_CAUSES = 8
_CLAUSE = re.compile(r"# ([A-Z][A-Z0-9-]+)(?:$|:)")


class Origins:
    """Decides where the differences of a run belong.  Those of one kind are decided once."""

    def __init__(self, options: Options, results: Mapping[Item, Sequence[Result]]) -> None:
        """Makes it for a kernel with these *options*; *results* are those of the run so far."""
        self._options = options
        self._results = results
        self._known: dict[tuple[object, ...], CFunction | None] = {}
        self._refuted: dict[Change, bool] = {}
        #: The changes that have explained a difference, and where it belongs.
        self._causes: list[tuple[Change, CFunction | None]] = []
        self._samples: dict[str, list[Question]] = {}
        self._examined = 0
        #: The number of differences that were not examined, since there were too many kinds.
        self.left = 0

    def placed(self, result: Result) -> Result:
        """Returns *result*; a difference that is not kern_fork.c's with its function."""
        scenario, step, observed = result.scenario, result.step, result.observed
        if (
            result.verdict is not Verdict.DIFFERENCE
            or not isinstance(scenario, Scenario)
            or step is None
            or observed is None
        ):
            return result
        expected = sorted({log[step] for log in result.expected})
        kind = (scenario.family, result.clause, scenario.calls()[step], *expected, observed[step])
        if kind not in self._known:
            self._known[kind] = self._origin(
                _case(scenario, step, observed, self._options), result.clause
            )
        return replace(result, origin=self._known[kind])

    def _origin(self, case: _Case, clause: str) -> CFunction | None:
        # One mistake has many effects: what has explained another difference is tried first.
        for change, origin in self._causes:
            if case.explained_by(change):
                return origin
        if self._examined >= MAX_EXAMINED:
            self.left += 1
            return None
        self._examined += 1
        own, others = case.reached()
        # Most differences are explained by their own clause.
        own.sort(key=lambda c: clause not in clauses_of(c))
        explains = (c for c in own if case.explained_by(c) and self._stands(c, clause))
        if cause := next(explains, None):
            self._causes.append((cause, None))
            return None
        explains = (c for c in others if case.explained_by(c) and self._stands(c, clause))
        if causes := list(islice(explains, MAX_CAUSES)):
            ours = (c for c in own if c.plain and clause in clauses_of(c) and case.noticed(c))
            if any(self._stands(c, clause) for c in ours):
                return None
            origin = case.named(causes)
            self._causes += [(c, origin) for c in causes if case.named([c]) == origin]
            return origin
        steps = case.question.scenario.steps
        forked = any(step.verb in BIRTHS for step in steps[: case.step + 1])
        return None if forked else call_of(steps[case.step].verb)

    def _stands(self, change: Change, clause: str) -> bool:
        """Returns whether no scenario that agrees refutes the change."""
        if change not in self._refuted:
            near = self._agreeing(clause, OF_THE_CLAUSE)
            every = self._agreeing("", OF_ALL)
            self._refuted[change] = any(q.refutes(change) for q in (*near, *every))
        return not self._refuted[change]

    def _agreeing(self, clause: str, number: int) -> list[Question]:
        """Returns at most *number* scenarios on *clause* that agree; on any, if it is empty."""
        if clause not in self._samples:
            found = [
                r.scenario
                for item, results in self._results.items()
                for r in results
                if clause in ("", item[1])
                if r.verdict is Verdict.AGREES and isinstance(r.scenario, Scenario)
            ]
            some = found[:: max(1, len(found) // number)][:number]
            self._samples[clause] = [Question(s, self._options) for s in some]
        return self._samples[clause]


@dataclass(frozen=True)
class _Case:
    """A first wrong observation, the expected log, and how to ask the model for it again."""

    question: Question
    step: int
    observed: Log
    expected: Log

    def explained_by(self, change: Change) -> bool:
        """Returns whether the observation follows from the change, and no earlier one changes."""
        log = self.question.log_with(change)
        return (
            log is not None
            and log[: self.step] == self.expected[: self.step]
            and log[self.step] == self.observed[self.step]
        )

    def noticed(self, change: Change) -> bool:
        """Returns whether the change would first be noticed in this step."""
        log = self.question.log_with(change)
        return (
            log is not None
            and log[: self.step] == self.expected[: self.step]
            and log[self.step] != self.expected[self.step]
        )

    def reached(self) -> tuple[list[Change], list[Change]]:
        """Returns the changes of what was called by kern_fork.c, and of what was not."""
        trail = self.question.trail
        own, others = [], []
        for module in modelled():
            for change in changes_of(module):
                if change.reached(trail.outside):
                    others.append(change)
                elif change.reached(trail.inside):
                    own.append(change)
        return own, others

    def named(self, changes: Sequence[Change]) -> CFunction:
        """Returns the function that is changed most often; one that a verb's call leads to."""
        verb = self.question.scenario.steps[self.step].verb
        return Counter(_named(c, verb) for c in changes).most_common(1)[0][0]


def _named(change: Change, verb: str) -> CFunction:
    function = change.function
    if ".verbs." not in function.__module__:
        return c_function(function)
    return call_of(next((n for n, c in CALLS.items() if c.function is function), verb))


def _case(scenario: Scenario, step: int, observed: Log, options: Options) -> _Case:
    """Returns the case with the expected log that agrees with *observed* for longest."""

    def agrees(log: Log) -> int:
        pairs = zip(log, observed, strict=True)
        return next((i for i, (want, saw) in enumerate(pairs) if want != saw), len(log))

    choices, log = max(orders(scenario, options), key=lambda order: agrees(order[1]))
    return _Case(Question(scenario, options, choices), step, observed, log)


@cache
def _clause_of_line() -> Mapping[int, str]:
    """Returns the clause of each line of kern_fork.py; a condition has that of what follows."""
    found: dict[int, str] = {}
    clause = ""
    lines = inspect.getsource(kern_fork).splitlines()
    for number in range(len(lines), 0, -1):
        if match := _CLAUSE.search(lines[number - 1]):
            clause = match[1]
        found[number] = clause
    return found


def clauses_of(change: Change) -> frozenset[str]:
    """Returns the clauses of the statements that *change* changes."""
    if change.function.__module__ == proc.__name__:
        return frozenset({"ZERO-AND-COPY"})
    if change.function.__module__ != kern_fork.__name__:
        return frozenset()
    return frozenset(_clause_of_line()[line] for line in change.lines)
