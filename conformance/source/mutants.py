"""Breaks a kern_fork.c in every way that universalmutator knows, and finds those not noticed."""

from __future__ import annotations

import contextlib
import io
import multiprocessing
import os
import signal
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from difflib import unified_diff
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from conformance.errors import TargetError
from conformance.scenarios.selection import SelectionError
from conformance.source.compiler import run_limited
from conformance.source.library import (
    build,
    compile_command,
    harness,
    link_command,
    make_headers,
)
from conformance.source.sample import Sample
from conformance.source.sourcefile import SourceFile, read_source

#: Those of universalmutator's rules that are for C.
_RULES: Final = ["universal.rules", "c_like.rules", "c.rules"]
_PLAIN: Final = ("-O2", "-g0", "-DFORKORACLE_PLAIN")


class Fate(StrEnum):
    """The fate of a mutant."""

    BROKEN = "does not compile"
    SAME = "same object code"
    NOTICED = "noticed"
    SURVIVED = "survived"


@dataclass(frozen=True, slots=True)
class Mutant:
    """One line of the file replaced by another text."""

    line: int
    text: str

    def apply(self, lines: list[str]) -> str:
        return "".join([*lines[: self.line - 1], self.text, *lines[self.line :]])

    def diff(self, lines: list[str]) -> str:
        new = self.apply(lines).splitlines(keepends=True)
        return "".join(unified_diff(lines, new, n=0)).partition("\n")[2].partition("\n")[2]


def mutants_of(lines: list[str]) -> list[Mutant]:
    """Every mutant of a file.  Raises :class:`SelectionError` without universalmutator."""
    try:
        from universalmutator.mutator import mutants_regexp
    except ImportError:
        raise SelectionError(
            "forkoracle mutate needs universalmutator: pip install 'forkoracle[mutate]'"
        ) from None
    with contextlib.redirect_stdout(io.StringIO()):  # it tells which rules it reads
        found = mutants_regexp(lines, ruleFiles=_RULES, ignorePatterns=[])
    return [Mutant(line, text) for line, text, *_ in found]


@dataclass
class _Bench:
    """Objects that a worker keeps from one mutant to the next."""

    source: SourceFile
    lines: list[str]
    folder: Path
    harness: Path
    original: bytes
    sample: Sample
    fates: dict[bytes, Fate]

    def object_of(self, text: str) -> bytes | None:
        """Returns the object code of a text, without texts and line numbers; None without one."""
        (self.folder / "kern_fork.c").write_text(text, encoding="latin-1")
        command = compile_command(
            Path("kern_fork.c"),
            self.folder / "kern_fork.o",
            self.folder,
            self.source.revision,
            _PLAIN,
        )
        return (
            None
            if run_limited(command, self.folder).status
            else (self.folder / "kern_fork.o").read_bytes()
        )

    def fate(self, mutant: Mutant) -> Fate:
        code = self.object_of(mutant.apply(self.lines))
        if code is None:
            return Fate.BROKEN
        if code == self.original:
            return Fate.SAME
        key = sha256(code).digest()
        if key not in self.fates:
            library = self.folder / f"{key.hex()}.so"
            link = link_command([self.folder / "kern_fork.o", self.harness], library)
            if run_limited(link, self.folder).status:
                return Fate.BROKEN
            noticed = self.sample.notices(library)
            library.unlink()
            self.fates[key] = Fate.NOTICED if noticed else Fate.SURVIVED
        return self.fates[key]


_bench: _Bench | None = None


def _prepare(path: Path, folder: Path) -> None:
    """Predicts the cases in a worker, and compiles what is the same for every mutant."""
    global _bench
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the run ends its workers
    source = read_source(path)
    mine = Path(tempfile.mkdtemp(dir=folder))
    make_headers(mine)
    ours = harness(mine, source.revision)
    if not ours.is_kept() and run_limited(ours.command, mine).status:
        raise TargetError(f"{path}: the harness does not compile")
    lines = _lines_of(path)
    sample = Sample.of(source.revision, every=3, generated=20_000)
    sample.predictions.sort(key=lambda p: p.family != "generated")  # the quickest to notice
    _bench = _Bench(source, lines, mine, ours.object, b"", sample, {})
    _bench.original = _bench.object_of("".join(lines)) or b""


def _fate(mutant: Mutant) -> Fate:
    assert _bench is not None
    return _bench.fate(mutant)


def _lines_of(path: Path) -> list[str]:
    return path.read_text(encoding="latin-1").splitlines(keepends=True)


class Mutation:
    """All mutants of a file, on all cores; ``fates`` has those that are known."""

    def __init__(self, path: Path, workers: int | None = None) -> None:
        """Raises :class:`TargetError` where the file itself does not compile, or differs."""
        self.path = path
        self.source = read_source(path)
        self.lines = _lines_of(path)
        self.mutants = mutants_of(self.lines)
        self.fates: dict[Mutant, Fate] = {}
        self._workers = workers or len(os.sched_getaffinity(0))

    def run(self) -> Iterator[tuple[Mutant, Fate]]:
        """Yields each mutant with its fate, as it becomes known."""
        with tempfile.TemporaryDirectory(prefix="forkoracle-") as name:
            folder = Path(name)
            (folder / "given").mkdir()
            library = build(self.source, folder / "given", coverage=False)
            if Sample.of(self.source.revision, every=20, generated=2000).notices(library.path):
                raise TargetError(
                    f"{self.path}: differs from the model already: expected a file without "
                    "differences, see forkoracle run --kern-fork"
                )
            pool = ProcessPoolExecutor(
                self._workers,
                multiprocessing.get_context("spawn"),
                _prepare,
                (self.path.resolve(), folder),
            )
            try:
                asked = {pool.submit(_fate, mutant): mutant for mutant in self.mutants}
                for done in as_completed(asked):
                    self.fates[asked[done]] = done.result()
                    yield asked[done], done.result()
            finally:
                pool.shutdown(cancel_futures=True)

    def count(self, fate: Fate) -> int:
        return sum(one is fate for one in self.fates.values())

    def survivors(self) -> list[Mutant]:
        found = [mutant for mutant, fate in self.fates.items() if fate is Fate.SURVIVED]
        return sorted(found, key=lambda mutant: (mutant.line, mutant.text))

    def as_json(self) -> dict[str, Any]:
        return {
            "file": self.path.name,
            "mutants": len(self.mutants),
            "tried": len(self.fates),
            **{fate.name.lower(): self.count(fate) for fate in Fate},
            "survivors": [
                {"line": mutant.line, "diff": mutant.diff(self.lines)}
                for mutant in self.survivors()
            ],
        }
