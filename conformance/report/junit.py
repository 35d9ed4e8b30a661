"""JUnit's XML for CI: a test case for each family and clause, not one for each scenario."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from conformance.output import write_output
from conformance.report.explain import explain
from conformance.results.result import Result, Verdict
from conformance.results.summary import Summary

#: The attribute of a suite that counts each kind of outcome.
_COUNTED_AS = {"failure": "failures", "skipped": "skipped", "error": "errors"}


def item_outcome(
    results: list[Result], lines: Mapping[str, str] | None = None
) -> tuple[Verdict, str]:
    """Returns the verdict on a family's scenarios about one clause, and a text that explains it."""
    differences = [r for r in results if r.verdict is Verdict.DIFFERENCE]
    if differences:
        return Verdict.DIFFERENCE, "\n\n".join(
            "\n".join(explain(r, lines)) for r in differences[:20]
        )
    undecided = [r for r in results if r.verdict is Verdict.NOT_DECIDED]
    if len(undecided) == len(results):
        return Verdict.NOT_DECIDED, "; ".join(dict.fromkeys(r.reason for r in undecided))
    known = any(r.verdict is Verdict.KNOWN for r in results)
    return Verdict.KNOWN if known else Verdict.AGREES, ""


def _files(results: list[Result]) -> str:
    """Returns the files of NetBSD to which the differences belong; kern_fork.c comes first."""
    differences = [r for r in results if r.verdict is Verdict.DIFFERENCE]
    others = dict.fromkeys(str(r.origin) for r in differences if r.origin)
    own = ["kern_fork.c"] if any(r.origin is None for r in differences) else []
    if own or not others:
        return " and ".join([*own, *others])
    return f"{' and '.join(others)}, not from kern_fork.c"


def _known_issues(results: list[Result]) -> str:
    """Returns the problem reports of the differences; empty if there are none."""
    prs = Counter(result.pr for result in results for _ in range(result.number) if result.pr)
    return "; ".join(f"known: {pr} ({number})" for pr, number in prs.items())


@dataclass
class _Suites:
    """The suites of a run, in the order of their first case, and their counts."""

    target: str
    root: Element = field(default_factory=lambda: Element("testsuites"))
    suites: dict[str, Element] = field(default_factory=dict)

    def case(self, family: str, name: str) -> Element:
        """Returns a new case in the suite *family*."""
        suite = self.suites.get(family)
        if suite is None:
            suite = self.suites[family] = SubElement(self.root, "testsuite", name=family)
        classname = f"forkoracle.{self.target}.{family}"
        return SubElement(suite, "testcase", classname=classname, name=name)

    def text(self) -> str:
        """Returns the suites as XML."""
        for suite in self.suites.values():
            suite.set("tests", str(len(suite)))
            for kind, attribute in _COUNTED_AS.items():
                suite.set(attribute, str(len(suite.findall(f"testcase/{kind}"))))
        indent(self.root)
        return '<?xml version="1.0" encoding="utf-8"?>\n' + tostring(self.root, "unicode") + "\n"


def _outcome(case: Element, summary: Summary, item: tuple[str, str]) -> None:
    """Adds the outcome of its scenarios to *case*.

    If the run was interrupted, a case that was not run is skipped, and a case that is not
    complete is an error, unless it has failed.
    """
    results = summary.by_item.get(item, [])
    early = summary.progress_of(item)
    if not results:
        SubElement(case, "skipped", message="interrupted: not run")
        return
    verdict, text = item_outcome(results, summary.clause_lines)
    if verdict is Verdict.DIFFERENCE:
        differing = sum(r.number for r in results if r.verdict is Verdict.DIFFERENCE)
        total = sum(r.number for r in results)
        message = f"{differing} of {total} scenarios differ from {_files(results)}"
        SubElement(case, "failure", message=message).text = text
    elif early:
        SubElement(case, "error", message=early)
    elif verdict is Verdict.NOT_DECIDED or (text := _known_issues(results)):
        SubElement(case, "skipped", message=text)


def write_junit(path: Path, summary: Summary) -> None:
    """Writes the summary as JUnit XML."""
    made = _Suites(summary.target)
    for item in sorted({*summary.by_item, *summary.not_run_of}):
        _outcome(made.case(*item), summary, item)
    for issue in summary.gone:
        case = made.case("gone", issue.pr)
        SubElement(case, "system-out").text = str(issue)
    if summary.interrupted:
        SubElement(made.case("interrupted", "run"), "error", message=summary.progress())
    write_output(path, made.text())
