"""The results of a run as JSON: written whole, read back strictly."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from conformance.errors import UsageError
from conformance.runs.run import Summary
from conformance.verdicts.judge import Result, Verdict
from reference_model import Scenario, ScenarioError, parse
from reference_model.clauses import clauses

#: The version of the format.  A file of another one is refused.
FORMAT = 1


class ResultsError(UsageError):
    """A results file that cannot be used: one line that says why (exit status 2)."""


class ReportError(UsageError):
    """A report that cannot be written: one line that says why (exit status 2)."""


def difference_entry(result: Result) -> dict[str, Any]:
    """A result as an entry of ``differences``."""
    seen, of = result.times
    return {
        "clause": result.clause,
        "family": result.scenario.family,
        "scenario": result.scenario.text(),
        "expected": [list(log) for log in result.expected],
        "observed": list(result.observed or ()),
        "step": result.step,
        "reason": result.reason,
        "console": result.console,
        "times": seen,
        "of": of,
        "number": result.number,
    }


def _calls(result: Result) -> dict[str, list[str]]:
    """What the observations are of, where the subject's text does not tell."""
    subject = result.scenario
    return {} if isinstance(subject, Scenario) else {"calls": list(subject.calls())}


def _lines(result: Result, summary: Summary) -> dict[str, str]:
    """Where the clause stands in the file that was asked, if it was one."""
    lines = (summary.clause_lines or {}).get(result.clause)
    return {"lines": lines} if lines else {}


def as_json(summary: Summary) -> dict[str, Any]:
    """The object that ``--json`` writes (DESIGN: format, target, kernel, summary, differences)."""
    count = summary.by_verdict
    kernel = summary.kernel
    return {
        "format": FORMAT,
        "target": summary.target,
        "kernel": {
            "system": kernel.system,
            "release": kernel.release,
            "machine": kernel.machine,
            "kern_fork": kernel.kern_fork,
            "kern_fork_guessed": kernel.guessed,
            "checksum": kernel.checksum,
        },
        "seconds": round(summary.seconds, 3),
        "interrupted": summary.interrupted,
        "summary": {
            "scenarios": summary.scenarios,
            "agrees": count[Verdict.AGREES],
            "known": count[Verdict.KNOWN],
            "differences": count[Verdict.DIFFERENCE],
            "not_decided": count[Verdict.NOT_DECIDED],
        },
        "families": _table(summary.by_family),
        "clauses": _table(summary.by_clause),
        "known": dict(summary.known.most_common()),
        "not_decided": dict(summary.reasons.most_common()),
        "differences": [
            difference_entry(result) | _calls(result) | _lines(result, summary)
            for result in summary.ranked()
        ],
        "issues": [
            difference_entry(result) | _calls(result) | _lines(result, summary) | {"pr": result.pr}
            for result in summary.of_issues
        ],
        "gone": [{"pr": issue.pr, "clause": issue.clause} for issue in summary.gone()],
        "notes": summary.notes,
        "coverage": asdict(summary.coverage) if summary.coverage else None,
    }


def _table(counts: Mapping[str, Mapping[Verdict, int]]) -> dict[str, dict[str, int]]:
    return {
        name: {verdict.value: number for verdict, number in row.items()}
        for name, row in sorted(counts.items())
    }


def write_whole(path: Path, text: str) -> None:
    """Write a file so that it is there whole or not at all."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def write_json(path: Path, results: Mapping[str, Any]) -> None:
    """Write what :func:`as_json` gave."""
    write_whole(path, json.dumps(results, indent=1) + "\n")


def _check(difference: Mapping[str, Any], *, source: bool) -> None:
    """Raise ``KeyError`` or ``ValueError`` where the parts of a difference do not go together."""
    if source:
        # Only who reads such results has to load what can read them.
        from conformance.source.case import parse_case

        parse_case(difference["scenario"])
        calls = len(difference["calls"])
    else:
        [scenario] = parse(difference["scenario"])
        calls = len(scenario.steps)
    if difference["clause"] not in clauses():
        raise ValueError(f"unknown clause {difference['clause']!r}")
    step, observed = difference["step"], difference["observed"]
    if step is not None and not 0 <= step < len(observed):
        raise ValueError(f"step {step} of {len(observed)}")
    if any(len(log) != calls for log in (*difference["expected"], observed) if log):
        raise ValueError(f"expected logs of {calls} observations")
    difference["family"], difference["reason"], difference["console"]
    difference["times"] / difference["of"]


def read_json(path: Path) -> dict[str, Any]:
    """Read a results file of this version.  Raises :class:`ResultsError`."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ResultsError(f"{path}: {error.strerror}") from None
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ResultsError(f"{path}: not a results file: {error}") from None
    if not isinstance(data, dict) or "format" not in data:
        raise ResultsError(f"{path}: not a results file: expected an object with 'format'")
    if data["format"] != FORMAT:
        raise ResultsError(
            f"{path}: results of format {data['format']!r}, this version reads {FORMAT}: "
            "run the scenarios again with this version"
        )
    try:
        for difference in (*data["differences"], *data.get("issues", ())):
            _check(difference, source=data["target"] == "source")
        data["kernel"]["system"], data["kernel"]["release"], data["kernel"]["machine"]
        data["summary"]["scenarios"], data["clauses"]
    except (KeyError, TypeError, ValueError, ScenarioError) as error:
        raise ResultsError(f"{path}: results cut short or unknown: {error}") from None
    return data
