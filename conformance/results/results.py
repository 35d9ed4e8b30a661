"""The results of a run as a value, and its JSON: written whole, read back strictly."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from conformance.errors import UsageError
from conformance.input import read_text_bounded
from conformance.output import write_output
from conformance.results.coverage import Coverage
from conformance.results.explanation import Explanation
from conformance.results.kernel import FileRevision, Kernel
from conformance.results.result import Cases, Gone, Result, Subject, Verdict
from conformance.results.summary import Summary
from reference_model import Scenario, ScenarioError, parse
from reference_model.clauses import clauses
from reference_model.language.observation import Log
from reference_model.sources import CFunction

#: The version of the format.  A file of another one is refused.
FORMAT = 1
#: Maximum length of a results file, in bytes: ten thousand differences have 20 MB.
LONGEST = 64 << 20
#: The name of the target whose subjects are cases, not scenarios.
SOURCE = "source"

#: How often each verdict was reached.
Verdicts = Mapping[Verdict, int]
#: The same by family or clause.
Table = Mapping[str, Verdicts]
_T = TypeVar("_T")


class ResultsError(UsageError):
    """A results file that cannot be used: one line says why."""


@dataclass(frozen=True, slots=True)
class Counts:
    """The number of scenarios, in all and by verdict."""

    scenarios: int
    agrees: int
    known: int
    differences: int
    not_decided: int


@dataclass(frozen=True)
class Results:
    """The results of a run.

    ``differences`` and ``issues`` come in the order in which they are shown; ``issues`` are the
    differences that are known issues.  ``items`` has the verdicts by family and clause.
    ``not_run`` is the number of scenarios that an interrupted run did not reach.
    """

    target: str
    kernel: Kernel
    summary: Counts
    seconds: float = 0.0
    interrupted: bool = False
    not_run: int | None = 0
    families: Table = field(default_factory=dict)
    clauses: Table = field(default_factory=dict)
    items: Mapping[str, Table] = field(default_factory=dict)
    known: Mapping[str, int] = field(default_factory=dict)
    not_decided: Mapping[str, int] = field(default_factory=dict)
    differences: tuple[Result, ...] = ()
    issues: tuple[Result, ...] = ()
    gone: tuple[Gone, ...] = ()
    notes: tuple[str, ...] = ()
    coverage: Coverage | None = None
    explanations: tuple[Explanation, ...] = ()

    @classmethod
    def of(cls, summary: Summary, ranked: Iterable[Result]) -> Results:
        """Returns the results that *summary* counted, its differences in the order *ranked*."""
        count, lines = summary.by_verdict, summary.clause_lines or {}
        items: dict[str, dict[str, Verdicts]] = {}
        for (family, clause), results in sorted(summary.by_item.items()):
            numbers: dict[Verdict, int] = {}
            for result in results:
                numbers[result.verdict] = numbers.get(result.verdict, 0) + result.number
            items.setdefault(family, {})[clause] = numbers

        def placed(results: Iterable[Result]) -> tuple[Result, ...]:
            return tuple(replace(r, lines=lines.get(r.clause)) for r in results)

        return cls(
            summary.target,
            summary.kernel,
            Counts(summary.scenarios, *(count[verdict] for verdict in Verdict)),
            round(summary.seconds, 3),
            summary.interrupted,
            summary.not_run,
            dict(sorted(summary.by_family.items())),
            dict(sorted(summary.by_clause.items())),
            items,
            dict(summary.known.most_common()),
            dict(summary.reasons.most_common()),
            placed(ranked),
            placed(summary.of_issues),
            tuple(summary.gone),
            tuple(summary.notes),
            summary.coverage,
            tuple(summary.explanations),
        )

    # -- JSON ---------------------------------------------------------------------

    def to_json(self) -> dict[str, Any]:
        """Returns the object that ``--json`` writes."""
        kernel = asdict(self.kernel)
        kernel["kern_fork_guessed"] = kernel.pop("guessed")
        return {
            "format": FORMAT,
            "target": self.target,
            "kernel": kernel,
            "seconds": self.seconds,
            "interrupted": self.interrupted,
            "not_run": self.not_run,
            "summary": asdict(self.summary),
            "families": _table_to_json(self.families),
            "clauses": _table_to_json(self.clauses),
            "items": {family: _table_to_json(table) for family, table in self.items.items()},
            "known": dict(self.known),
            "not_decided": dict(self.not_decided),
            "differences": [_result_to_json(result) for result in self.differences],
            "explanations": [_explanation_to_json(one) for one in self.explanations],
            "issues": [_result_to_json(result) | {"pr": result.pr} for result in self.issues],
            "gone": [
                {"pr": g.pr, "clause": g.clause} | ({"own": True} if g.own else {})
                for g in self.gone
            ],
            "notes": list(self.notes),
            "coverage": (
                {"lines": self.coverage.lines, "missed": list(self.coverage.missed)}
                if self.coverage
                else None
            ),
        }

    @classmethod
    def from_json(cls, data: Any) -> Results:
        """Returns what :meth:`to_json` gave.  Raises :class:`ResultsError`."""
        if not isinstance(data, dict) or "format" not in data:
            raise ResultsError("not a results file: expected an object with 'format'")
        if data["format"] != FORMAT:
            raise ResultsError(
                f"results of format {str(data['format'])[:40]}, this version reads {FORMAT}: "
                "run the scenarios again with this version"
            )
        try:
            return _read(data)
        except (KeyError, TypeError, ValueError, ScenarioError) as error:
            raise ResultsError(f"results cut short or unknown: {str(error)[:400]}") from None


def _table_to_json(table: Table) -> dict[str, dict[str, int]]:
    return {
        name: {verdict.value: number for verdict, number in row.items()}
        for name, row in table.items()
    }


def _result_to_json(result: Result) -> dict[str, Any]:
    """Returns a result as an entry of ``differences``."""
    subject, (seen, of) = result.scenario, result.times
    calls = {} if isinstance(subject, Scenario) else {"calls": list(subject.calls())}
    return {
        "clause": result.clause,
        "family": subject.family,
        "scenario": subject.text(),
        "expected": [list(log) for log in result.expected],
        "observed": list(result.observed or ()),
        "step": result.step,
        "reason": result.reason,
        "console": result.console,
        "times": seen,
        "of": of,
        "number": result.number,
        **calls,
        **({"after": [one.text() for one in result.after]} if result.after else {}),
        **({"lines": result.lines} if result.lines else {}),
        **({"origin": asdict(result.origin)} if result.origin else {}),
    }


def _explanation_to_json(one: Explanation) -> dict[str, Any]:
    entry = asdict(one)
    lines = [entry.pop("first"), entry.pop("last")]
    return {**entry, "lines": lines, "scenarios": list(one.scenarios), "ties": list(one.ties)}


def _explanation(entry: Mapping[str, Any]) -> Explanation:
    first, last = (_is(int, line) for line in _is(list, entry["lines"]))
    return Explanation(
        first,
        last,
        _is(str, entry["change"]),
        _is(str, entry["clause"]),
        _is(int, entry["explains"]),
        _is(int, entry["differences"]),
        _is(int, entry["refuted_by"]),
        _is(int, entry["agree"]),
        _texts(entry["scenarios"]),
        _texts(entry["ties"]),
    )


# -- reading: whatever is wrong raises KeyError, TypeError or ValueError ---------------


def _is(kind: type[_T], value: Any) -> _T:
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is int):
        raise ValueError(f"{str(value)[:40]!r}: expected {kind.__name__}")
    return value


def _or_none(kind: type[_T], value: Any) -> _T | None:
    return None if value is None else _is(kind, value)


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(_is(str, one) for one in _is(list, value))


def _numbers(value: Any) -> dict[str, int]:
    return {name: _is(int, number) for name, number in _is(dict, value).items()}


def _table(value: Any) -> dict[str, Verdicts]:
    return {
        name: {Verdict(verdict): number for verdict, number in _numbers(row).items()}
        for name, row in _is(dict, value).items()
    }


def _read(data: Mapping[str, Any]) -> Results:
    target, kernel, count = data["target"], data["kernel"], data["summary"]
    coverage = data.get("coverage")

    def results(name: str, verdict: Verdict) -> tuple[Result, ...]:
        return tuple(
            _result(entry, verdict, source=target == SOURCE)
            for entry in _is(list, data.get(name, []) if name == "issues" else data[name])
        )

    return Results(
        _is(str, target),
        Kernel(
            _is(str, kernel["system"]),
            _is(str, kernel["release"]),
            _is(str, kernel["machine"]),
            _or_none(str, kernel.get("kern_fork")),
            bool(kernel.get("kern_fork_guessed")),
            _or_none(str, kernel.get("checksum")),
            tuple(
                FileRevision(_is(str, one["file"]), _is(str, one["revision"]), bool(one["guessed"]))
                for one in kernel.get("files", ())
            ),
        ),
        Counts(*(_is(int, count[name]) for name in Counts.__slots__)),
        float(data.get("seconds", 0)),
        bool(data.get("interrupted")),
        _or_none(int, data.get("not_run", 0)),
        _table(data.get("families", {})),
        _table(data["clauses"]),
        {family: _table(table) for family, table in _is(dict, data.get("items", {})).items()},
        _numbers(data.get("known", {})),
        _numbers(data.get("not_decided", {})),
        results("differences", Verdict.DIFFERENCE),
        results("issues", Verdict.KNOWN),
        tuple(
            Gone(_is(str, g["pr"]), _is(str, g["clause"]), _is(bool, g.get("own", False)))
            for g in data.get("gone", ())
        ),
        _texts(data.get("notes", [])),
        Coverage(_is(int, coverage["lines"]), tuple(coverage["missed"])) if coverage else None,
        tuple(map(_explanation, _is(list, data.get("explanations", [])))),
    )


def _result(entry: Mapping[str, Any], verdict: Verdict, *, source: bool) -> Result:
    clause, text = _is(str, entry["clause"]), _is(str, entry["scenario"])
    if clause not in clauses():
        raise ValueError(f"unknown clause {clause!r}")
    subject: Subject
    if source:
        subject = Cases(_is(str, entry["family"]), (clause,), text, _texts(entry["calls"]))
    else:
        [subject] = parse(text)
    expected: tuple[Log, ...] = tuple(map(_texts, _is(list, entry["expected"])))
    observed, step = _texts(entry["observed"]), _or_none(int, entry["step"])
    if step is not None and not 0 <= step < len(observed):
        raise ValueError(f"step {step} of {len(observed)}")
    calls = len(subject.calls())
    if any(len(log) != calls for log in (*expected, observed) if log):
        raise ValueError(f"expected logs of {calls} observations")
    times, of = _is(int, entry["times"]), _is(int, entry["of"])
    if of < 1:
        raise ValueError(f"seen {times} of {of} times")
    return Result(
        subject,
        verdict,
        clause,
        expected,
        observed or None,
        _is(str, entry["reason"]),
        _is(str, entry["console"]),
        step,
        times=(times, of),
        number=_is(int, entry.get("number", 1)),
        pr=_is(str, entry.get("pr", "")),
        lines=_or_none(str, entry.get("lines")),
        origin=_origin(entry.get("origin")),
        after=tuple(one for text in _texts(entry.get("after", [])) for one in parse(text)),
    )


def _origin(value: Any) -> CFunction | None:
    """Returns the function of another file; results of older versions have none."""
    return CFunction(_is(str, value["file"]), _is(str, value["name"])) if value else None


def write_results(path: Path, results: Results) -> None:
    """Writes a results file, whole or not at all."""
    write_output(path, json.dumps(results.to_json(), indent=1) + "\n")


def read_results(path: Path) -> Results:
    """Returns the results of a file of this version.  Raises :class:`ResultsError`."""
    try:
        return Results.from_json(json.loads(read_text_bounded(path, LONGEST, "a results file")))
    except (json.JSONDecodeError, RecursionError) as error:
        raise ResultsError(f"{path}: not a results file: {str(error)[:200]}") from None
    except ResultsError as error:
        raise ResultsError(f"{path}: {error}") from None
