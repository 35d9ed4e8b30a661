"""The journal of a run: each observation is written at once, so that ``--resume`` can go on.

It has a line of JSON for each scenario.  The line has the observation and not the verdict, so a
resumed run judges again.  A scenario that was not decided is not written: it is run again.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from conformance.errors import UsageError
from conformance.results.kernel import Kernel
from conformance.results.result import Result, Subject
from reference_model import Scenario, parse
from reference_model.language.answer import Observed, Panicked

#: The version of the format.  A journal of another one is refused.
FORMAT = 1
#: Maximum length of a line, in bytes: a console is what is longest in one.
_LONGEST_LINE = 4 << 20


class JournalError(UsageError):
    """A journal that cannot be resumed: one line says why (exit status 2)."""


def _key(scenario: Subject) -> str:
    return hashlib.sha256(scenario.text().encode()).hexdigest()[:24]


class Journal:
    """A file of observations of one kernel, to which a run adds its own."""

    def __init__(self, path: Path, target: str, kernel: Kernel) -> None:
        """Opens or makes *path*.  Raises :class:`JournalError` if it is of another kernel."""
        self.path = path
        self.broken: str | None = None
        self._seen: dict[str, _Entry] = {}
        words = json.dumps({"format": FORMAT, "target": target, "kernel": asdict(kernel)})
        head = json.loads(words)  # as it is read: with lists for tuples
        try:
            whole = self._read(head) if path.exists() else 0
            self._file: TextIO = path.open("a", encoding="utf-8", buffering=1)
            self._file.truncate(whole)
            if not whole:
                self._file.write(json.dumps(head) + "\n")
        except OSError as error:
            raise JournalError(f"{path}: {error.strerror}: expected a file to write to") from None

    def _read(self, head: dict[str, Any]) -> int:
        """Reads the entries; returns the length of the complete lines, in bytes."""
        no_journal = JournalError(f"{self.path}: expected the journal of a run")
        if not self.path.is_file():
            raise no_journal
        with self.path.open("rb") as file:
            first = file.readline(_LONGEST_LINE)
            if not first.endswith(b"\n"):
                # A journal may have been cut off in its first line.  Another file stays as it is.
                if not (json.dumps(head) + "\n").encode().startswith(first):
                    raise no_journal
                return 0
            try:
                return self._read_lines(file, first, head)
            except (ValueError, KeyError, TypeError, RecursionError):
                raise no_journal from None

    def _read_lines(self, file: BinaryIO, first: bytes, head: dict[str, Any]) -> int:
        """Reads the lines after *first*; returns the length of all complete lines, in bytes."""
        found = json.loads(first)
        if found != head:
            kernel = found["kernel"]
            raise JournalError(
                f"{self.path}: observations of {found['target']}, {kernel['system']} "
                f"{kernel['release']} {kernel['checksum'] or ''}, not of this kernel or this "
                "version: expected another file"
            )
        whole = len(first)
        while (line := file.readline(_LONGEST_LINE)).endswith(b"\n"):
            whole += len(line)
            entry = json.loads(line)
            self._seen[entry["scenario"]] = _entry(entry)
        if len(line) == _LONGEST_LINE:
            raise ValueError("an endless line")
        return whole

    def __contains__(self, scenario: Scenario) -> bool:
        return _key(scenario) in self._seen

    def recall(self, scenario: Scenario) -> Observed:
        """Returns the observation of a scenario."""
        return self._seen[_key(scenario)].observed

    def completed(self, result: Result) -> Result:
        """Returns the verdict on a recalled observation, with what else was written of it."""
        entry = self._seen[_key(result.scenario)]
        return replace(
            result, times=entry.times, after=entry.after, clause=entry.clause or result.clause
        )

    def write(self, result: Result) -> None:
        """Writes an observation.  If that fails, ``broken`` says why, and it writes no more."""
        if self.broken or (result.observed is None and not result.console):
            return
        entry: dict[str, Any] = {"scenario": _key(result.scenario), "times": list(result.times)}
        if result.after:
            entry |= {"after": [s.text() for s in result.after], "clause": result.clause}
        if result.observed is not None:
            entry["seen"] = list(result.observed)
        else:
            entry |= {"reason": result.reason, "console": result.console}
        try:
            self._file.write(json.dumps(entry) + "\n")
        except OSError as error:
            self.broken = f"{self.path}: {error.strerror}: no more is written down"

    def close(self, *, keep: bool) -> None:
        """Closes the file, and removes it unless *keep*."""
        with suppress(OSError):  # it has been reported already
            self._file.close()
        if not keep:
            self.path.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class _Entry:
    """An observation, how often it was made, and after which scenarios."""

    observed: Observed
    times: tuple[int, int]
    after: tuple[Scenario, ...]
    clause: str


def _entry(entry: dict[str, Any]) -> _Entry:
    seen, of = entry["times"]
    after = tuple(scenario for text in entry.get("after", ()) for scenario in parse(str(text)))
    clause = str(entry.get("clause", ""))
    return _Entry(_observed(entry), (int(seen), int(of)), after, clause)


def _observed(entry: dict[str, Any]) -> Observed:
    if "seen" in entry:
        return tuple(str(word) for word in entry["seen"])
    return Panicked(str(entry["reason"]), str(entry["console"]))
