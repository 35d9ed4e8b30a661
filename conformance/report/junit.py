"""JUnit's XML for CI: a test case for each family and clause, not one for each scenario."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from conformance.report.explain import explain
from conformance.report.results import write_whole
from conformance.runs.run import Summary
from conformance.verdicts.judge import Result, Verdict


def item_outcome(
    results: list[Result], lines: Mapping[str, str] | None = None
) -> tuple[Verdict, str]:
    """The verdict on a family's scenarios about one clause, and what to read about it."""
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


def _known_issues(results: list[Result]) -> str:
    """Which problem reports know of the differences; empty where there are none."""
    prs = Counter(result.pr for result in results for _ in range(result.number) if result.pr)
    return "; ".join(f"known: {pr} ({number})" for pr, number in prs.items())


def write_junit(path: Path, summary: Summary) -> None:
    """Write the summary as JUnit XML."""
    suites = Element("testsuites")
    families: dict[str, Element] = {}
    totals: dict[str, dict[str, int]] = {}
    for (family, clause), results in sorted(summary.by_item.items()):
        suite = families.get(family)
        if suite is None:
            suite = families[family] = SubElement(suites, "testsuite", name=family)
            totals[family] = {"tests": 0, "failures": 0, "skipped": 0, "errors": 0}
        verdict, text = item_outcome(results, summary.clause_lines)
        case = SubElement(
            suite, "testcase", classname=f"forkoracle.{summary.target}.{family}", name=clause
        )
        totals[family]["tests"] += 1
        if verdict is Verdict.DIFFERENCE:
            totals[family]["failures"] += 1
            differing = sum(r.number for r in results if r.verdict is Verdict.DIFFERENCE)
            total = sum(r.number for r in results)
            message = f"{differing} of {total} scenarios differ from kern_fork.c"
            SubElement(case, "failure", message=message).text = text
        elif verdict is Verdict.NOT_DECIDED or (text := _known_issues(results)):
            totals[family]["skipped"] += 1
            SubElement(case, "skipped", message=text)
    for issue in summary.gone():
        family = "gone"
        suite = families.setdefault(family, SubElement(suites, "testsuite", name=family))
        totals.setdefault(family, {"tests": 0, "failures": 0, "skipped": 0, "errors": 0})
        totals[family]["tests"] += 1
        case = SubElement(
            suite, "testcase", classname=f"forkoracle.{summary.target}.{family}", name=issue.pr
        )
        SubElement(case, "system-out").text = f"{issue.clause} is as it should be"
    for family, suite in families.items():
        for key, value in totals[family].items():
            suite.set(key, str(value))
    indent(suites)
    write_whole(
        path, '<?xml version="1.0" encoding="utf-8"?>\n' + tostring(suites, "unicode") + "\n"
    )
