"""The texts of a report: grouped by cause, in send-pr's form, and as Markdown."""

from __future__ import annotations

import re
from pathlib import Path

from conformance.report.pr.problem import Problem, group, since
from conformance.report.pr.repeat import Repeat, repeat
from conformance.report.pr.texts import markdown, send_pr
from conformance.results.result import Cases, Result, Verdict
from conformance.results.results import read_results, write_results
from conformance.results.summary import Summary
from conformance.verdicts.ranking import results_of
from reference_model.clauses import clauses
from tests.results_files import NETBSD, but, panicked, seen, summary
from tests.scenarios import steps

FIELDS = [
    "Submitter-Id", "Originator", "Organization", "Confidential", "Synopsis", "Severity",
    "Priority", "Category", "Class", "Release", "Environment", "Description", "How-To-Repeat",
    "Fix",
]  # fmt: skip
VFORK = steps(
    "vfork/a",
    "VFORK-WAIT",
    "P: vfork C [VFORK-WAIT]",
    "C: exit 0",
    "P: wait4 C [EXIT-SIGNAL]",
)
LONGER = steps(
    "vfork/b",
    "VFORK-WAIT",
    "Q: store 1",
    "Q: vfork D [VFORK-WAIT]",
    "D: store 2",
    "D: exit 3",
    "Q: wait4 D",
)


def problems(*results: Result) -> list[Problem]:
    """The problems of a run with these results."""
    data = results_of(summary(results))
    return group(data.differences, data.kernel, data.target)


def test_the_same_cause_is_one_problem() -> None:
    """Other names, other steps and another time held are the same cause; the shortest tells it."""
    [problem] = problems(seen(LONGER, but(LONGER, s1="D")), seen(VFORK, but(VFORK, s0="C")))
    assert (problem.count, problem.difference.scenario.name) == (2, "vfork/a")
    assert problem.like_it == ("vfork/b",)


def test_another_observation_is_another_problem() -> None:
    """The same clause is not enough: what was seen first has to be the same."""
    found = problems(seen(VFORK, but(VFORK, s0="C")), seen(VFORK, but(VFORK, s0="EAGAIN")))
    assert [problem.synopsis for problem in found] == [
        "vfork C: C instead of C blocked 1 (VFORK-WAIT)",
        "vfork C: EAGAIN instead of C blocked 1 (VFORK-WAIT)",
    ]


def test_send_pr_has_its_fields_and_no_other() -> None:
    """The form has every field of send-pr, in order, each once."""
    [problem] = problems(seen(VFORK, but(VFORK, s0="C")))
    text = send_pr(problem, repeat(problem))
    assert re.findall(r"^>([A-Z][\w-]*):", text, re.MULTILINE) == FIELDS
    assert ">Category:\tkern\n" in text
    assert "System: NetBSD 10.1 amd64\nArchitecture: x86_64\nMachine: amd64\n" in text
    assert "lines 629-634" in " ".join(text.split())
    assert f"last changed in {since()['VFORK-WAIT']}" in " ".join(text.split())
    assert re.search(r"^> P: vfork C +C blocked 1 +C$", text, re.MULTILINE)
    assert "Observed in 1 of 1 runs" in text


def test_each_clause_has_a_revision() -> None:
    """The table says of every clause since when it stands, and of nothing else."""
    assert list(since()) == list(clauses())
    assert all(re.fullmatch(r"1\.\d+", revision) for revision in since().values())


def test_markdown_cannot_be_left() -> None:
    """What the console said stays in its block, even with Markdown's own marks in it."""
    [problem] = problems(panicked(VFORK, "```\n# <script>alert(1)</script>"))
    text = markdown(problem, Repeat("none"))
    fence = re.search(r"^(`{4,})text\n", text, re.MULTILINE)
    assert fence
    inside = text[fence.end() :].split(f"\n{fence[1]}\n")[0]
    assert "<script>" in inside
    assert text.count("<script>") == 1


def test_a_case_of_the_c_function(tmp_path: Path) -> None:
    """What the target source found has a report too, with that file's lines, and no program."""
    rows = ("call 11", "cwdi1_refcnt")
    subject = Cases("clone", ("CLONE-FS",), "sys___clone flags=0x200", rows)
    logs = ("cwdshare(p2 p2)", "2"), ("cwdinit()", "1")
    found = Summary("source", NETBSD, clause_lines={"CLONE-FS": "170-171"})
    found.add(Result(subject, Verdict.DIFFERENCE, "CLONE-FS", (logs[0],), logs[1], step=0))
    write_results(tmp_path / "r.json", results_of(found))
    data = read_results(tmp_path / "r.json")
    [problem] = group(data.differences, data.kernel, data.target)
    text = send_pr(problem, repeat(problem))
    assert ">Synopsis:\tcall 11: cwdinit() instead of cwdshare(p2 p2) (CLONE-FS)\n" in text
    assert "lines 170-171 of the file" in text
    assert "There is no reproducer in C" in text
    assert "\nsys___clone flags=0x200\n" in text


def test_a_panic_is_critical() -> None:
    """A panic has no observation: the report has the reason and what the console said."""
    [problem] = problems(panicked(VFORK, "uvm_fault at 0x0"))
    text = send_pr(problem, Repeat("none"))
    assert ">Severity:\tcritical" in text
    assert "uvm_fault at 0x0" in text


def test_no_program_says_why() -> None:
    """A scenario that no C is known for has a report all the same, with the reason."""
    scenario = steps("x/lwp", "VFORK-WAIT", "P: _lwp_create L", "L: vfork C", "C: exit 0")
    [problem] = problems(seen(scenario, but(scenario, s1="C")))
    made = repeat(problem)
    assert made.program is None
    assert "LWPs share theirs" in made.says
    assert "L: vfork C" in send_pr(problem, made)
