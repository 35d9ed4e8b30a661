"""Several equal targets, such as two guests of one kernel, that run in parallel."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import Any

from conformance.reproducer.ended import Ended
from conformance.targets.base import Target
from reference_model import Scenario
from reference_model.language.answer import Observed

#: Number of scenarios that a target takes at a time: a fair share, and enough to keep it busy.
SHARE = 128


class SeveralTargets:
    """Runs each share of the scenarios on the next idle target."""

    def __init__(self, start: Callable[[], Target], number: int) -> None:
        """Starts *number* targets in turn: the first makes a snapshot from which the others start.

        Raises :class:`~conformance.targets.base.TargetError`.
        """
        self._targets: list[Target] = []
        self._ended = False
        try:
            for _ in range(number):
                self._targets.append(start())
        except BaseException:
            self.kill()
            raise
        first = self._targets[0]
        self.name, self.kernel = first.name, first.kernel
        self.options, self.known, self.ours = first.options, first.known, first.ours
        self.lacks = first.lacks

    def run(self, scenarios: Sequence[Scenario]) -> Iterator[tuple[Scenario, Observed]]:
        """Yields each scenario with its observations, in order."""
        shares = [scenarios[i : i + SHARE] for i in range(0, len(scenarios), SHARE)]
        idle: SimpleQueue[Target] = SimpleQueue()
        for target in self._targets:
            idle.put(target)

        heard: list[SimpleQueue[tuple[Scenario, Observed] | None]] = [SimpleQueue() for _ in shares]

        def work(share: Sequence[Scenario], said: SimpleQueue[Any]) -> None:
            try:
                if self._ended:
                    return
                target = idle.get()
                for answer in target.run(share):
                    if self._ended:
                        break
                    said.put(answer)
                idle.put(target)
            finally:
                said.put(None)

        with ThreadPoolExecutor(len(self._targets)) as pool:
            try:
                works = [pool.submit(work, *pair) for pair in zip(shares, heard, strict=True)]
                for done, said in zip(works, heard, strict=True):
                    while (answer := said.get()) is not None:
                        yield answer
                    done.result()
            except BaseException:
                # Each worker ends at its next answer, which comes at once.
                self.kill()
                raise

    def restart(self) -> None:
        self._ended = False
        for target in self._targets:
            target.restart()

    def history(self, scenario: Scenario) -> tuple[Scenario, ...]:
        """Returns the scenarios that the same guest has run before *scenario*, the last ones."""
        return next(filter(None, (target.history(scenario) for target in self._targets)), ())

    def run_program(self, source: str) -> Ended:
        return self._targets[0].run_program(source)

    def close(self) -> None:
        """Ends in order, and leaves nothing behind."""
        for target in self._targets:
            target.close()

    def kill(self) -> None:
        """Ends everything at once, as after Ctrl-C, and leaves nothing behind."""
        self._ended = True
        for target in self._targets:
            target.kill()
