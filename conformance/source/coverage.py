"""Which lines of the given file no case reached, by gcov."""

from __future__ import annotations

import gzip
import json
import os
import shutil
from pathlib import Path

from conformance.results.coverage import Coverage
from conformance.source.compiler import compiler, run_limited
from conformance.source.library import Library


def _gcov() -> list[str] | None:
    """Returns the gcov of the compiler's kind and version; None without one."""
    words = compiler()
    if "clang version" in run_limited([*words, "-v"], Path(os.sep)).messages:
        return ["llvm-cov", "gcov"] if shutil.which("llvm-cov") else None
    beside = shutil.which(words[0].replace("gcc", "gcov").replace("cc", "gcov"))
    found = beside or shutil.which("gcov")
    return [found] if found else None


def measure(library: Library, source: Path) -> Coverage | None:
    """Returns the lines that the ended run reached; None where gcov is missing or fails."""
    gcov = _gcov()
    if gcov is None or not (library.folder / "kern_fork.gcda").exists():
        return None
    done = run_limited([*gcov, "--json-format", "kern_fork.o"], library.folder)
    reports = sorted(library.folder.glob("*.gcov.json.gz"))
    if done.status or not reports:
        return None
    data = json.loads(gzip.decompress(reports[0].read_bytes()))
    counts: dict[int, int] = {}
    for file in data["files"]:
        if Path(file["file"]).name != source.name:
            continue
        for line in file["lines"]:
            number = line["line_number"]
            counts[number] = counts.get(number, 0) + line["count"]
    missed = tuple(sorted(number for number, count in counts.items() if not count))
    return Coverage(len(counts), missed)
