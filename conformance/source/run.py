"""A run of cases on a kern_fork.c file: compiles it, shares the cases out, gathers results."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from time import monotonic
from typing import IO, Any

from conformance.errors import TargetError
from conformance.results.kernel import Kernel
from conformance.results.result import Cases, Result, Verdict
from conformance.results.results import SOURCE
from conformance.results.run import AnyRun
from conformance.results.summary import Summary
from conformance.scenarios.selection import SelectionError
from conformance.source import coverage
from conformance.source.families import FAMILIES, GENERATED
from conformance.source.issues import known_rules, own_issues, rules_of
from conformance.source.library import build
from conformance.source.lines import lines_in
from conformance.source.sourcefile import SourceFile, read_source
from conformance.verdicts.issues import Issue, gone, holding, marked
from reference_model.clauses import clauses
from reference_model.language.spelling import did_you_mean


def families_for(only: Sequence[str]) -> tuple[str, ...]:
    """Returns the families that may have what *only* names; all where it is empty or has a clause.

    Raises :class:`SelectionError` for an unknown name.
    """
    for name in only:
        if name not in FAMILIES and name not in clauses():
            raise SelectionError(
                f"unknown clause or family {name!r}{did_you_mean(name, (*FAMILIES, *clauses()))}: "
                "families of the target source are "
                f"{', '.join(FAMILIES)}; 'forkoracle clauses' lists the clauses"
            )
    if not only or any(name in clauses() for name in only):
        return tuple(FAMILIES)
    return tuple(name for name in FAMILIES if name in only)


class SourceRun(AnyRun):
    """One run of cases on a kern_fork.c file.

    ``number`` cases are generated, beside the spaces that are gone through whole.
    """

    name = SOURCE

    def __init__(
        self,
        path: Path,
        only: Sequence[str] = (),
        seed: int = 1,
        number: int = GENERATED,
        workers: int | None = None,
        *,
        issues: Sequence[Issue] = (),
    ) -> None:
        self._families = families_for(only)
        self._only = list(only)
        self._start = monotonic()
        self.source: SourceFile = read_source(path)
        self._seed, self._number = seed, number
        self._workers = workers or len(os.sched_getaffinity(0))
        stated = self.source.stated
        self.kernel = Kernel(
            "kern_fork.c", path.name, "source", ".".join(map(str, stated)) if stated else None
        )
        self._issues = holding((*own_issues(), *issues), self.kernel.kern_fork)
        self.summary = Summary(self.name, self.kernel)
        if self.source.note:
            self.summary.notes.append(f"{path}: {self.source.note}")
        self._kept = 0  # the rules of known issues that a case did not break
        self._folder = tempfile.TemporaryDirectory(prefix="forkoracle-")
        self._processes: list[subprocess.Popen[str]] = []

    @property
    def expected_total(self) -> int:
        """Returns about how many cases there will be, for a progress bar."""
        return 67_000 * (len(self._families) > 1) + self._number

    # -- running ------------------------------------------------------------------

    def results(self) -> Iterator[Result]:
        """Yields results as they come: one for many that agree, one for each kind of difference.

        Raises :class:`TargetError` where the file does not compile.
        """
        folder = Path(self._folder.name)
        for index in range(self._workers):
            told = {
                "revision": self.source.revision,
                "seed": self._seed,
                "number": self._number,
                "families": self._families,
                "only": self._only,
                "known": known_rules(),
                "share": [index, self._workers],
            }
            self._processes.append(
                subprocess.Popen(
                    [sys.executable, "-m", "conformance.source.worker", json.dumps(told)],
                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, process_group=0,
                )
            )  # fmt: skip
        library = build(self.source, folder)
        self.summary.clause_lines = lines_in(self.source.path)
        for process in self._processes:
            assert process.stdin is not None
            process.stdin.write(json.dumps(str(library.path)) + "\n")
            process.stdin.flush()
        yield from self._gather()
        self.summary.notes += [
            f"it calls {name}(), which forkoracle does not know; no case reached it"
            for name in library.unknown
            if _unknown(name) not in self.summary.reasons
        ]
        if library.coverage:
            self.summary.coverage = coverage.measure(library, self.source.path)
        if self.summary.coverage is None:
            self.summary.notes.append("coverage not measured: it needs gcov, and its library")
        if not self.summary.scenarios:
            raise SelectionError(f"no case is about {', '.join(self._only)}")

    def _gather(self) -> Iterator[Result]:
        reached: dict[tuple[int, ...], tuple[str, ...]] = {}
        merged: dict[tuple[str, str, tuple[str, ...]], dict[str, Any]] = {}
        printed: dict[str, tuple[str, int]] = {}
        for said in self._lines():
            if "kind" in said:
                reached[tuple(said["kind"])] = tuple(said["clauses"])
            elif "difference" in said:
                found = said["difference"]
                key = (found["family"], found["clause"], tuple(r["what"] for r in found["rows"]))
                if key in merged:
                    merged[key]["number"] += found["number"]
                    if len(found["case"]) < len(merged[key]["case"]):
                        merged[key]["case"], merged[key]["rows"] = found["case"], found["rows"]
                else:
                    merged[key] = found
            elif "printed" in said:
                self._kept |= said["kept"]
                for format_, text, number in said["printed"]:
                    first, before = printed.get(format_, (text, 0))
                    printed[format_] = (first, before + number)
            else:
                yield from self._counts(said, reached)
        self.summary.notes += [
            f"it printed, {number} time{'s' * (number > 1)}: {text}"
            for text, number in printed.values()
        ]
        order = list(clauses())
        for found in sorted(
            merged.values(), key=lambda f: (-f["number"], order.index(f["clause"]), len(f["case"]))
        ):
            yield self._count(_difference(found))

    def _counts(
        self, said: dict[str, Any], reached: dict[tuple[int, ...], tuple[str, ...]]
    ) -> Iterator[Result]:
        by_clauses: Counter[tuple[str, ...]] = Counter()
        for *kind, number in said["agree"]:
            by_clauses[reached[tuple(kind)]] += number
        for about, number in by_clauses.items():
            if not number:
                continue  # each of them broke a rule
            subject = Cases(said["family"], about)
            yield self._count(Result(subject, Verdict.AGREES, about[0], number=number))
        for function, number in said["unknown"].items():
            subject = Cases(said["family"], ())
            yield self._count(
                Result(subject, Verdict.NOT_DECIDED, "", reason=_unknown(function), number=number)
            )
        if said["undecided"]:
            subject = Cases(said["family"], ())
            reason = "not run: too many cases before them ended their process"
            yield self._count(
                Result(subject, Verdict.NOT_DECIDED, "", reason=reason, number=said["undecided"])
            )

    def _lines(self) -> Iterator[dict[str, Any]]:
        """Yields what the workers say, in the order in which they say it."""
        streams: dict[int, IO[str]] = {}
        rest: dict[int, bytes] = {}
        for process in self._processes:
            assert process.stdout is not None
            streams[process.stdout.fileno()] = process.stdout
            rest[process.stdout.fileno()] = b""
        while streams:
            for number in select.select(list(streams), [], [])[0]:
                piece = os.read(number, 1 << 16)
                *lines, rest[number] = (rest[number] + piece).split(b"\n")
                yield from map(json.loads, lines)
                if not piece:
                    del streams[number]
        for process in self._processes:
            if process.wait():
                raise TargetError(f"a worker ended with status {process.returncode}: see above")

    def _count(self, result: Result) -> Result:
        counted = self.summary.add(marked(result, self._issues))
        self.summary.seconds = monotonic() - self._start
        return counted

    # -- the end --------------------------------------------------------------------

    def close(self, *, interrupted: bool = False) -> Summary:
        if interrupted:
            self.summary.interrupt(None)
        else:
            found = self.summary.of_issues
            issues = [one for one in self._issues if not one.own or rules_of(one) & self._kept]
            self.summary.gone = gone(issues, self.summary.by_clause, found)
        self.kill()
        return self.summary

    def kill(self) -> None:
        """Ends the workers, and leaves no process and no file behind."""
        for process in self._processes:
            assert process.stdin is not None
            assert process.stdout is not None
            # A worker's cases run in a child of its, which writes what gcov counted into the
            # folder when it ends: it is of the worker's process group, and holds its output.
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.stdin.close()
            with process.stdout:
                process.stdout.read()
            process.wait()
        self._processes = []
        self._folder.cleanup()


def _unknown(function: str) -> str:
    """Returns why a case that calls a function without a stand-in is not decided."""
    return f"it called {function}(), which forkoracle does not know"


def _difference(found: dict[str, Any]) -> Result:
    rows = found["rows"]
    subject = Cases(
        found["family"], (found["clause"],), found["case"], tuple(row["what"] for row in rows)
    )
    return Result(
        subject,
        Verdict.DIFFERENCE,
        found["clause"],
        expected=(tuple(row["expected"] for row in rows),),
        observed=tuple(row["seen"] for row in rows),
        step=0 if rows else None,
        times=(found["times"], found["of"]),
        number=found["number"],
    )
