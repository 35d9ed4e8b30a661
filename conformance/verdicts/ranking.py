"""Puts the differences of a run in order: those that explain most come first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from conformance.results.result import Result, Verdict, original_name
from conformance.results.results import Results
from conformance.results.summary import Summary

#: Clauses that say which counts a refused fork restores.  A count that was not restored refuses
#: forks of later scenarios, so differences in other limits are likely to follow from these.
LEFT_BEHIND = frozenset({"FORK-REFUSED-ROLLBACK", "NPROC-ROLLBACK"})
#: Clauses that say for which user a process is counted.  If it is added for one user and
#: subtracted for another, both counts are wrong, with or without a refusal.
MISCOUNTED = frozenset({"NPROC-COUNTS-REAL-UID"})
#: Clauses that count how often others apply (kern_fork.c 1.232, lines 553 to 557): they are
#: wrong if those are, and matter only if no other clause differs.
COUNTING = frozenset({"FORK-COUNTERS"})
#: Clauses that depend on another one: if that one differs as well, it explains both.  Lines 195
#: to 199 test the flag that lines 179 and 180 set; lines 560, 561 and child_return() write to the
#: trace that lines 452 to 464 have given the child.
RESTS_ON = {
    "CLONE-FILES-CLOSE-ON-FORK": "CLONE-FILES",
    "KTR-EMUL": "KTRACE-INHERITED",
    "CHILD-KTRACE": "KTRACE-INHERITED",
}


def ranked(summary: Summary) -> list[Result]:
    """Returns the differences: one of each clause before the second of any, the surest first.

    * A broken clause differs in every scenario that tests it; one that only follows from it agrees
      in other scenarios.
    * A count that stays wrong is found by other scenarios, which then differ as surely: it
      comes before them.
    * Differences that appear only sometimes come after those that appear every time.
    * Clauses that only count, or that depend on another clause that differs, come later.
    * Differences that belong to another file than kern_fork.c come last.
    """
    share = {
        clause: count[Verdict.DIFFERENCE] / (count[Verdict.DIFFERENCE] + count[Verdict.AGREES])
        for clause, count in summary.by_clause.items()
        if count[Verdict.DIFFERENCE]
    }
    again = [result for result in summary.differences if result.times[1] > 1]
    every_time = {result.clause for result in again if result.times[0] == result.times[1]}
    turns: Counter[str] = Counter()
    keys = []
    for result in summary.differences:
        follows = result.clause in COUNTING or RESTS_ON.get(result.clause) in share
        sometimes = result.clause not in every_time
        rank = 0 if _left_behind(result) else 3 if follows else 2 if sometimes else 1
        other_file = result.origin is not None
        keys.append((other_file, turns[result.clause], rank, -share[result.clause]))
        turns[result.clause] += 1
    order = sorted(range(len(keys)), key=keys.__getitem__)
    return [summary.differences[i] for i in order]


def leading(differences: Sequence[Result]) -> list[Result]:
    """Returns the differences without their followers, which are counted.

    A follower differs only after the scenario of another difference.
    """
    places = {
        original_name(result.scenario.name): i
        for i, result in enumerate(differences)
        if not result.after
    }
    leads = list(differences)
    followers = []
    for result in differences:
        place = places.get(result.after[-1].name) if result.after else None
        if place is not None:
            lead = leads[place]
            leads[place] = replace(lead, followers=lead.followers + result.number)
            followers.append(result)
    gone = set(map(id, followers))
    return [result for result in leads if id(result) not in gone]


def results_of(summary: Summary) -> Results:
    """Returns the results that *summary* has counted, its differences ranked."""
    return Results.of(summary, ranked(summary))


def _left_behind(result: Result) -> bool:
    """Returns whether a count stays wrong: not restored, or counted for another user."""
    if result.step is None or result.observed is None:
        return False
    seen = result.observed[result.step : result.step + 1]
    if result.clause in MISCOUNTED:
        return any(("EAGAIN",) in (seen, log[result.step :][:1]) for log in result.expected)
    return result.clause in LEFT_BEHIND and seen == ("EAGAIN",)
