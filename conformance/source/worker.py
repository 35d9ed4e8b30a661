"""The process that does one share of a run's cases: ``python -m conformance.source.worker``.

Its first argument, a JSON object, says what to do.  The first line of its standard input says
where the library is, once that is compiled; until then it predicts.  It answers in lines of JSON
on its standard output.
"""

from __future__ import annotations

import gc
import json
import select
import signal
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from conformance.source.caller import BATCH, Caller
from conformance.source.case import Case, possible
from conformance.source.comparison import Comparison, Prediction
from conformance.source.families import FAMILIES, generated
from conformance.source.model import Model


def say(**what: Any) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def share(
    families: Sequence[str], seed: int, number: int, index: int, of: int
) -> Iterator[tuple[str, list[Case]]]:
    """One worker's batches of the run: every *of*-th, from the one numbered *index*."""
    turn = 0
    for name in families:
        if name == "generated":
            for part in range(0, number, BATCH):
                if turn % of == index:
                    size = min(BATCH, number - part)
                    yield name, generated(seed * 1_000_003 + part, size)
                turn += 1
            continue
        stream = FAMILIES[name].cases(seed)
        while batch := list(islice(stream, BATCH)):
            if turn % of == index:
                yield name, batch
            turn += 1


def _library_is_there(wait: bool) -> Path | None:
    """The line that names the library, if it has come."""
    if not wait and not select.select([sys.stdin], [], [], 0)[0]:
        return None
    line = sys.stdin.readline().rstrip("\n")
    if not line:
        sys.exit(0)  # the file did not compile
    return Path(json.loads(line))


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the run ends its workers
    told = json.loads(sys.argv[1])
    revision = tuple(told["revision"])
    comparison = Comparison(Model(revision), say, frozenset(told["only"]), told["known"])
    gc.disable()  # nothing here refers to itself
    waiting: deque[Prediction] = deque()
    batches = share(told["families"], told["seed"], told["number"], *told["share"])
    for family, batch in batches:
        chosen = [values for values in batch if possible(values, revision)]
        waiting.append(comparison.predict(family, chosen))
        if comparison.caller is None and (path := _library_is_there(wait=False)):
            comparison.caller = Caller(path)
        while comparison.caller is not None and waiting:
            comparison.compare(waiting.popleft())
    if comparison.caller is None:
        path = _library_is_there(wait=True)
        assert path is not None
        comparison.caller = Caller(path)
    while waiting:
        comparison.compare(waiting.popleft())
    say(printed=comparison.caller.printed(), kept=comparison.kept)
    comparison.caller.close()
    comparison.explain()
    comparison.caller.close()


if __name__ == "__main__":
    main()
