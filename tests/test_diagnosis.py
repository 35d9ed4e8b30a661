"""Explanations: the change of fork1 that was made is the one that is told."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import pytest

from conformance.diagnosis.changed import ChangedModel
from conformance.diagnosis.cnotation import statement
from conformance.diagnosis.explain import Agreed, explain
from conformance.diagnosis.statements import source, statements, table
from conformance.results.explanation import Explanation
from conformance.results.result import Result, Verdict
from conformance.results.results import Results
from conformance.scenarios.families import FAMILIES
from conformance.verdicts.judge import judge
from conformance.verdicts.known import KnownDifferences
from conformance.verdicts.ranking import results_of
from reference_model import Log, Options, Scenario, predict
from tests.broken import break_fork
from tests.kern_fork_file import KERN_FORK, needs_kern_fork
from tests.results_files import summary

TREE = ast.parse(source())
OPTIONS = Options()


def test_each_statement_of_the_model_has_its_lines() -> None:
    """statements.txt has the statements of kern_fork.py, in order, and their lines rise."""
    rows = table()
    found = statements(TREE)
    assert [(s.function, ast.unparse(s.node).splitlines()[0]) for s in found] == [
        (function, text) for function, _, text in rows
    ]
    for before, after in pairwise([one for one in found if one.lines is not None]):
        assert before.lines is not None
        assert after.lines is not None
        assert before.lines.first <= after.lines.first or before.lines.end == after.lines.end


@needs_kern_fork
def test_the_c_lines_name_what_the_statement_names() -> None:
    """The lines in the C file have the names that the statement's C has."""
    text = KERN_FORK.read_text(encoding="latin-1").splitlines()
    named = 0
    for one in statements(TREE):
        if one.lines is None:
            continue
        words = set(re.findall(r"\w+", " ".join(text[one.lines.first - 1 : one.lines.end])))
        ours = set(re.findall(r"\b(?:p_\w+|l_\w+|[A-Z]+_[A-Z_]+)\b", statement(one.node)))
        ours -= {"p_pgrp", "pg_members"}
        ours -= {"p_pid"} if "retval" in words else set()  # it is the child's
        named += bool(ours)
        assert ours <= words | {"CPU_COUNT_FORKS"}, f"{one.lines}: {ours - words}"
    assert named > 100


def test_without_a_change_the_model_predicts_the_same() -> None:
    some = [s for family in FAMILIES.values() for s in list(family.scenarios())[:40]]
    right = [predict(scenario, OPTIONS) for scenario in some]
    model = ChangedModel()
    with model.used():
        assert [predict(scenario, OPTIONS) for scenario in some] == right
        model.choose(next(c for c in model.changes if c.first == 645))
        assert [predict(scenario, OPTIONS) for scenario in some] != right
    assert [predict(scenario, OPTIONS) for scenario in some] == right


def observed_on(old: str, new: str, families: Sequence[str]) -> list[tuple[Scenario, Log]]:
    """The logs of a kernel in which *old* is *new*."""
    with pytest.MonkeyPatch.context() as patch:
        break_fork(patch, old, new)
        return [(s, predict(s, OPTIONS)) for f in families for s in FAMILIES[f].scenarios()]


def explained(logs: Sequence[tuple[Scenario, Log]]) -> list[Explanation]:
    results = [judge(s, log, OPTIONS, KnownDifferences()) for s, log in logs]
    agreed: list[Agreed] = []
    differences: list[Result] = []
    for result, (scenario, log) in zip(results, logs, strict=True):
        if result.verdict is Verdict.AGREES:
            agreed.append((scenario, log))
        else:
            differences.append(result)
    assert differences
    return explain(differences, agreed, OPTIONS)


@pytest.mark.parametrize(
    ("old", "new", "families", "line", "sentence"),
    [
        (
            "    if uap_flags & CLONE_FS:\n        flags |= FORK_SHARECWD  # CLONE-FS\n",
            "",
            ["sharing"],
            177,
            "`if (SCARG(uap, flags) & CLONE_FS) flags |= FORK_SHARECWD;` were missing",
        ),
        (
            "tnprocs >= k.maxproc",
            "tnprocs > k.maxproc",
            ["wholesystem"],
            276,
            "the condition were `tnprocs > maxproc` instead of `tnprocs >= maxproc`",
        ),
        (
            "k.nprocs -= 1  # NPROC-ROLLBACK",
            "pass",
            ["wholesystem", "nproc"],
            301,
            "`nprocs--;` were missing",
        ),
        (
            "PK_NOCLDWAIT | PK_CLDSIGIGN | PK_32",
            "PK_CLDSIGIGN | PK_32",
            ["inherited"],
            361,
            "`p2->p_flag = p1->p_flag & (PK_SUGID | PK_CLDSIGIGN | PK_32);` stood in the place",
        ),
        (
            "p2.p_textvp = p1.p_textvp",
            "p2.p_textvp = None",
            ["inherited"],
            399,
            "`p2->p_textvp = p1->p_textvp;` were missing",
        ),
    ],
)
def test_the_change_that_was_made_is_told(
    old: str, new: str, families: list[str], line: int, sentence: str
) -> None:
    best = explained(observed_on(old, new, families))[0]
    assert best.first == line
    assert best.change.startswith(sentence)
    assert (best.explains, best.refuted_by) == (best.differences, 0)
    assert len(best.scenarios) == best.explains


def test_what_one_change_leaves_over_is_explained_next() -> None:
    logs = observed_on("p2.p_stflag = p1.p_stflag", "p2.p_stflag = 0", ["inherited"])
    logs += observed_on("k.ktradref(p2)", "pass", ["ktrace"])
    logs += observed_on("flags |= FORK_SHARESIGS", "pass", ["sharing"])
    found = explained(logs)
    assert {one.clause for one in found} >= {"PROFILING", "CLONE-SIGHAND"}
    assert sum(one.explains for one in found) == found[0].differences


def test_changes_that_explain_the_same_are_told_as_ties() -> None:
    """The flag is not set, or it is not looked at: no scenario can tell."""
    [best] = explained(observed_on("flags |= FORK_SHARECWD", "pass", ["sharing"]))
    assert any(tie.startswith("line 417, the condition `flags & FORK_SH") for tie in best.ties)


def test_a_scenario_that_agrees_refutes() -> None:
    """To leave out the whole `if` explains it as well, but not that the other half agrees."""
    logs = observed_on(
        "tracefork(p1, asked) or tracevfork(p1, asked):\n        p1.p_lock",
        "tracefork(p1, asked):\n        p1.p_lock",
        ["trace"],
    )
    best = explained(logs)[0]
    assert best.first == 621
    assert "instead of `tracefork(p1, flags) || tracevfork(p1, flags)`" in best.change


def test_what_no_change_explains_has_no_explanation() -> None:
    scenario = next(iter(FAMILIES["vfork"].scenarios()))
    right = predict(scenario, OPTIONS)
    odd = (*right[:-1], "EDOOFUS")
    result = judge(scenario, odd, OPTIONS, KnownDifferences())
    assert result.verdict is Verdict.DIFFERENCE
    assert explain([result], [], OPTIONS) == []
    assert explain([replace(result, observed=None)], [], OPTIONS) == []


def test_explanations_come_back_from_json() -> None:
    one = Explanation(177, 178, "`x;` were missing", "CLONE-FS", 2, 3, 0, 4, ("a/b",), ("line 1",))
    results = replace(results_of(summary([])), explanations=(one,))
    data = results.to_json()
    assert data["explanations"][0]["lines"] == [177, 178]
    assert Results.from_json(data).explanations == (one,)
    del data["explanations"]
    assert Results.from_json(data).explanations == ()
