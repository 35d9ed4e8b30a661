"""Minimises a scenario: leaves out parts as long as it still differs.

The model says which of the shorter scenarios make sense.  The kernel runs these, many at a
time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from conformance.results.result import MINIMISED, Result, Verdict, original_name
from conformance.scenarios.decidable import undecidable
from conformance.scenarios.programs.draft import is_orderly
from conformance.scenarios.sense import makes_sense
from conformance.targets.base import Target
from conformance.verdicts.judge import judge
from reference_model import Options, Scenario, Step
from reference_model.language.netbsd import CLONE_CSIGNAL, CLONE_FLAGS, SIGCHLD
from reference_model.language.scenario import VERBS, flags_text, flags_value

#: Simpler arguments of the same kind, the simplest first.
_SIMPLER = {
    "path": ("/",),
    "octal": ("022",),
    "limit": ("1", "2"),
    "signal": ("SIGUSR1",),
    "events": ("PTRACE_FORK",),
    "integer": ("0", "1"),
    "status": ("0", "1"),
}

#: Runs scenarios and judges them.
Ask = Callable[[Sequence[Scenario]], Sequence[Result]]


def minimised(result: Result, target: Target, like_it: Callable[[Result], bool]) -> Result:
    """Returns the result of the shortest scenario with a difference *like_it* on *target*.

    Returns *result* itself if its scenario cannot be minimised.
    """
    scenario = result.scenario
    assert isinstance(scenario, Scenario)

    def ask(scenarios: Sequence[Scenario]) -> list[Result]:
        results = [judge(*a, target.options, target.known) for a in target.run(scenarios)]
        return [r if like_it(r) else replace(r, verdict=Verdict.AGREES) for r in results]

    def ask_each_alone(scenarios: Sequence[Scenario]) -> list[Result]:
        results = []
        for one in scenarios:
            target.restart()
            results += ask([one])
        return results

    short = shrink(result, scenario, ask, target.options)
    if short is not result and isinstance(short.scenario, Scenario):
        # A kernel that forks badly may have mixed up the scenarios before it with this one.
        [alone] = ask_each_alone([short.scenario])
        if alone.verdict is not Verdict.DIFFERENCE:
            short = shrink(result, scenario, ask_each_alone, target.options)
    if short is not result and isinstance(short.scenario, Scenario):
        named = replace(short.scenario, name=original_name(scenario.name) + MINIMISED)
        short = replace(short, scenario=named)
    return replace(short, times=result.times, number=result.number)


def shrink(result: Result, scenario: Scenario, ask: Ask, options: Options) -> Result:
    """Returns the result of the shortest scenario that still differs in the same clause.

    *result* is the difference of *scenario*.  It is returned if no part can be left out.
    """
    tried = {scenario.steps}
    before = makes_sense(scenario, options)
    orderly = is_orderly(scenario, options)
    race = not orderly and undecidable(scenario, options) is not None

    def decidable(candidate: Scenario) -> bool:
        return orderly or race or undecidable(candidate, options) is None

    while True:
        shorter = []
        for steps in _shorter(scenario.steps):
            if steps and steps not in tried:
                tried.add(steps)
                candidate = replace(scenario, steps=steps)
                # A scenario that made no sense, or was a race, at the start may stay so.
                if (not before or makes_sense(candidate, options)) and (
                    not orderly or is_orderly(candidate, options)
                ):
                    shorter.append(candidate)
        found = _first(shorter, ask, result.clause, decidable)
        if found is None:
            return result
        scenario, result = found


def _first(
    candidates: Sequence[Scenario], ask: Ask, clause: str, decidable: Callable[[Scenario], bool]
) -> tuple[Scenario, Result] | None:
    """Returns the first of *candidates* that differs in *clause* and is *decidable*.

    They are run in growing batches.  Whether one is decidable takes long to find out, so it is
    only asked of those that differ.
    """
    position, size = 0, 4
    while position < len(candidates):
        batch = candidates[position : position + size]
        for candidate, result in zip(batch, ask(batch), strict=True):
            differs = result.verdict is Verdict.DIFFERENCE and result.clause == clause
            if differs and decidable(candidate):
                return candidate, result
        position += size
        size *= 2
    return None


def _shorter(steps: tuple[Step, ...]) -> Iterator[tuple[Step, ...]]:
    """Yields shorter scenarios: without large parts, then without single steps, then simpler."""
    for actor in dict.fromkeys(step.actor for step in steps):
        yield tuple(step for step in steps if actor not in step.actors())
    size = len(steps) // 2
    while size:
        for start in range(0, len(steps), size):
            yield steps[:start] + steps[start + size :]
        size //= 2
    for index, step in enumerate(steps):
        for simpler in _simpler(step):
            yield (*steps[:index], simpler, *steps[index + 1 :])


def _simpler(step: Step) -> Iterator[Step]:
    kinds = VERBS[step.verb]
    if len(step.args) == len(kinds) and kinds and kinds[-1].endswith("?"):
        yield replace(step, args=step.args[:-1])
    for place, (kind, arg) in enumerate(zip(kinds, step.args, strict=False)):
        name = kind.rstrip("?")
        words = _simpler_flags(arg) if name == "flags" else _SIMPLER.get(name, ())
        for word in words:
            if word == arg:
                break  # the next words are no simpler
            yield replace(step, args=(*step.args[:place], word, *step.args[place + 1 :]))
    if step.verb == "__clone" and step.args[0] == "SIGCHLD" and len(step.args) == 2:
        yield replace(step, verb="fork", args=step.args[1:])


def _simpler_flags(text: str) -> Iterator[str]:
    flags = flags_value(text)
    if flags & CLONE_CSIGNAL != SIGCHLD:
        yield flags_text(flags & ~CLONE_CSIGNAL | SIGCHLD)
    unnamed = flags & ~CLONE_CSIGNAL & ~sum(CLONE_FLAGS.values())
    for bit in (unnamed, *CLONE_FLAGS.values()):
        if flags & bit:
            yield flags_text(flags & ~bit)
