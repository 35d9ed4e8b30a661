"""Generated programs: Hypothesis draws them, and the model says whether they make sense.

A program is a scenario that is drawn at random, step by step:
:mod:`~conformance.verbs` says how each verb is drawn, and
:mod:`~conformance.scenarios.programs.rules` which steps may be taken next (docs/language.md,
"Two rules for writing scenarios").
"""

from __future__ import annotations

import gc
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from itertools import count
from random import Random
from time import monotonic
from typing import Final

import platformdirs
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.configuration import set_hypothesis_home_dir

from conformance.scenarios.decidable import undecidable
from conformance.scenarios.programs import FAMILY
from conformance.scenarios.programs.draft import WAIT_CLAUSE, Draft
from conformance.scenarios.sense import makes_sense
from conformance.verbs import DRAWN, Dice, Topic
from reference_model import Options, Scenario, Step
from reference_model.language.scenario import ANONYMOUS

#: Number of programs in a batch; the first batches are smaller, so that the kernel starts early.
BATCH, _FIRST_BATCH = 192, 24
#: Number of programs from one draw of Hypothesis; a draw takes as long as a small program.
_A_DRAW = 8
#: Number of batches drawn ahead, and the last seconds of a budget: then batches come singly.
_AHEAD, _ENDS_SOON = 3, 5.0
_LONGEST = 16
#: Weight of the verbs of a program's topics, compared with that of births.
_STRESS = 3
#: Number of bytes that Hypothesis draws for a program, and to which they are expanded: enough for
#: the longest steps.  It draws byte by byte, and all bytes would take longer than the model does.
_DATA, _SPREAD = 16, 20 * _LONGEST
#: Maximum number of draws without a step that can be taken; then the program ends.
_PATIENCE = 12

#: The topics of a program beside births, ends and waits: each line is for one program.
_PLAIN: Final = (
    (Topic.FILES, Topic.DIRECTORY, Topic.MEMORY),
    (Topic.FILES, Topic.MEMORY, Topic.EXEC),
    (Topic.DIRECTORY, Topic.INSPECTION),
    (Topic.SIGNALS,),
    (Topic.SIGNALS, Topic.INSPECTION),
    (Topic.SIGNALS, Topic.STOPPED),
    (Topic.LIMITS, Topic.INSPECTION),
    (Topic.LIMITS, Topic.ATTRIBUTES),
    (Topic.ATTRIBUTES, Topic.INSPECTION),
    (Topic.ATTRIBUTES, Topic.SIGNALS),
    (Topic.STOPPED, Topic.INSPECTION),
    (Topic.SESSIONS, Topic.INSPECTION),
    (Topic.KQUEUE,),
    (Topic.KQUEUE, Topic.LIMITS),
    (Topic.KTRACE, Topic.EXEC),
    (Topic.KTRACE, Topic.INSPECTION, Topic.EXEC),
    (Topic.FILES, Topic.AIO, Topic.INSPECTION),
    (Topic.EXEC, Topic.SIGNALS),
    (Topic.EXEC, Topic.ATTRIBUTES, Topic.MEMORY),
    (Topic.EXEC, Topic.DIRECTORY, Topic.INSPECTION),
    (Topic.EXEC, Topic.LIMITS),
    (Topic.EXEC, Topic.KQUEUE),
    (Topic.EXEC, Topic.LWPS),
    (Topic.MQUEUES, Topic.FILES),
    (Topic.LWPS,),
    (Topic.LWPS, Topic.SIGNALS),
    (Topic.LWPS, Topic.INSPECTION),
    (Topic.LWPS, Topic.LIMITS),
    (Topic.LWPS, Topic.ATTRIBUTES, Topic.FILES),
)
#: Topics that are drawn rarely: each read of the counters takes two ticks of the clock.
_SLOW: Final = (Topic.COUNTS, Topic.LIMITS)
_TRACED: Final = (
    (),
    (),
    (Topic.SIGNALS,),
    (Topic.SIGNALS, Topic.INSPECTION),
    (Topic.INSPECTION,),
    (Topic.KQUEUE,),
    (Topic.MEMORY, Topic.FILES),
    (Topic.ATTRIBUTES,),
    (Topic.EXEC,),
    (Topic.EXEC, Topic.SIGNALS),
)
#: The roots of a traced program, and the steps in which T becomes a tracer.
_STARTS: Final[tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]] = (
    (("T",), ("T: spawn P",)),
    (("T",), ("T: spawn P",)),
    (("T", "P"), ("T: PT_ATTACH P",)),
    (("G", "T"), ("G: fork P", "T: PT_ATTACH P")),
)


@lru_cache(maxsize=64)
def _verbs(topics: tuple[Topic, ...]) -> tuple[str, ...]:
    """Returns the verbs of the topics, each as often as its weight says."""
    return tuple(
        verb
        for verb, entry in DRAWN.items()
        if entry.topic in topics
        for _ in range(entry.weight * (1 if entry.topic is Topic.BIRTHS else _STRESS))
    )


def _step(text: str, about: str = "") -> Step:
    actor, verb, *args = text.split()
    return Step(actor.rstrip(":"), verb, tuple(args), about)


def _beginning(dice: Dice, options: Options, lacks: frozenset[str]) -> tuple[Draft, list[str]]:
    """Returns a new draft with its first steps, and the verbs to draw from."""
    if "PTRACE" not in lacks and dice.below(3) == 0:
        roots, start = dice.pick(_STARTS)
        draft = Draft(options, lacks, roots, traced=True)
        for text in start:
            draft.add(_step(text))
        draft.add(_step("T: wait4 P", WAIT_CLAUSE))
        topics = dice.pick(_TRACED)
        scene = draft.scene("T")
        if dice.below(8):
            args = DRAWN["PT_SET_EVENT_MASK"].draw(dice, scene)
            if args is not None:
                draft.add(Step("T", "PT_SET_EVENT_MASK", args))
        if dice.below(4) == 0:
            draft.add(_step("T: PT_SET_SIGPASS P SIGCHLD"))
        if dice.below(8):
            draft.add(_step("T: PT_CONTINUE P"))
            if dice.below(3) == 0:
                draft.add(_step("P: sigprocmask unblock SIGCHLD"))
        return draft, list(_verbs((Topic.BIRTHS, Topic.TRACERS, *topics)))
    topics = _SLOW if dice.below(100) == 0 else dice.pick(_PLAIN)
    draft = Draft(options, lacks, ("P", "Q") if dice.below(3) == 0 else ("P",), traced=False)
    if Topic.LIMITS in topics and options.uid == 0 and dice.below(2):
        # A user of its own, whose processes can be counted and limited.
        draft.add(_step(f"P: setrlimit {1 + dice.below(4)} 4"))
        draft.add(_step("P: setreuid free1 free1"))
    if Topic.KQUEUE in topics:
        draft.add(_step("P: kqueue 30"))
        draft.add(_step(f"P: watch 30 P {dice.pick(('NOTE_TRACK', 'NOTE_FORK'))}"))
    if Topic.KTRACE in topics:
        draft.add(_step("P: pipe 24 25"))
        draft.add(_step("P: ktrace 25 P KTRFAC_USER|KTRFAC_INHERIT"))
    return draft, list(_verbs((Topic.BIRTHS, *topics)))


def _drawn(dice: Dice, draft: Draft, verbs: Sequence[str]) -> Step | None:
    """Returns a step that the next actor may take; None if none was drawn."""
    step = draft.due() or (draft.expected() if dice.below(4) else None)
    first = draft.state.must_act_next or draft.state.acts_first
    if step is not None and first in (None, step.actor):
        return step
    actor = first or dice.pick(draft.state.ready)
    scene = draft.scene(actor)
    if scene.tracees(stopped=True) and dice.below(4):
        verbs = _verbs((Topic.TRACERS,))
    for _ in range(4):
        entry = DRAWN[verb := dice.pick(verbs)]
        args = entry.draw(dice, scene)
        if args is not None:
            return Step(actor, verb, args, entry.clause(args))
    return None


def _draft(data: bytes, options: Options, lacks: frozenset[str]) -> Draft | None:
    """Returns the program of *data*; None if it does not come to its end."""
    dice = Dice(Random(data).randbytes(_SPREAD))
    draft, verbs = _beginning(dice, options, lacks)
    patience = _PATIENCE
    length = len(draft.state.steps) + 3 + dice.below(_LONGEST - 2)
    while draft.state.ready and patience and len(draft.state.steps) < length:
        step = _drawn(dice, draft, verbs)
        if step is None or not draft.add(step):
            patience -= 1
        elif draft.has_nameless:
            # It is not known when the child ends, so no other actor acts before it is gone.
            wait = Step(step.actor, "wait4", (ANONYMOUS, "WALLSIG"), WAIT_CLAUSE)
            if step.actor not in draft.state.ready or not draft.add(wait):
                return None
    return draft if draft.finish() else None


def program(
    data: bytes, options: Options, lacks: frozenset[str] = frozenset()
) -> tuple[Step, ...] | None:
    """Returns the steps of the program of *data*; None if they make no sense.

    *lacks* names what the kernel lacks (:mod:`conformance.scenarios.needs`).
    """
    draft = _draft(data, options, lacks)
    if draft is None or len(draft.state.steps) < 2:
        return None
    steps, setting = draft.state.steps, draft.state.setting
    scenario = Scenario(FAMILY, ("SUCCESS",), steps)
    as_drawn = scenario.roots() == setting.roots and scenario.traced == setting.traced
    if not as_drawn and not makes_sense(scenario, options):
        return None
    if draft.has_open_order:
        # The rules know one of the orders that are open.
        good = makes_sense(scenario, options) and undecidable(scenario, options) is None
        return steps if good else None
    return steps


def _draw(
    options: Options, lacks: frozenset[str], chosen_seed: int, number: int
) -> list[tuple[Step, ...]]:
    """Returns up to *number* different programs; *number* is a multiple of :data:`_A_DRAW`."""
    drawn: dict[tuple[Step, ...], None] = {}

    @seed(chosen_seed)
    @settings(
        max_examples=number // _A_DRAW,
        phases=(Phase.generate,),
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.binary(min_size=_A_DRAW * _DATA, max_size=_A_DRAW * _DATA))
    def collect(data: bytes) -> None:
        for at in range(0, len(data), _DATA):
            # Hypothesis begins each time with zeros only.
            salt = f"{chosen_seed} {at}".encode("ascii")
            if steps := program(salt + data[at : at + _DATA], options, lacks):
                drawn.setdefault(steps)

    collect()
    return list(drawn)


def limited(
    options: Options,
    chosen_seed: int,
    number: int | None,
    seconds: float | None,
    lacks: frozenset[str] = frozenset(),
) -> Iterator[list[Scenario]]:
    """Yields batches of up to *number* programs, or for *seconds*.

    A thread draws the next batches while the caller works on this one.  Batches that are ready
    are joined, since a guest is idle between two batches.
    """
    # Otherwise Hypothesis would write a folder into the current directory.
    set_hypothesis_home_dir(platformdirs.user_cache_path("forkoracle") / "hypothesis")
    until = monotonic() + seconds if seconds is not None else None
    drawn = batches(options, chosen_seed, lacks)
    pool = ThreadPoolExecutor(1)
    # The objects made so far stay: the collector took a seventh of the time to look through them.
    gc.freeze()
    try:
        following = deque(pool.submit(next, drawn) for _ in range(_AHEAD))
        while number != 0 and (until is None or monotonic() < until):
            batch = following.popleft().result()
            ends_soon = until is not None and until - monotonic() < _ENDS_SOON
            while following and following[0].done() and not ends_soon:
                batch = batch + following.popleft().result()
            following.extend(pool.submit(next, drawn) for _ in range(_AHEAD - len(following)))
            if number is not None:
                batch = batch[:number]
                number -= len(batch)
            yield batch
    finally:
        gc.unfreeze()
        pool.shutdown(cancel_futures=True)


def batches(
    options: Options, chosen_seed: int, lacks: frozenset[str] = frozenset()
) -> Iterator[list[Scenario]]:
    """Yields batches of programs without end, the same ones for the same seed."""
    first = 0
    for batch in count():
        size = min(_FIRST_BATCH << batch, BATCH)
        drawn = _draw(options, lacks, chosen_seed << 32 | batch, size)
        yield [
            Scenario(f"{FAMILY}/{chosen_seed}/{number}", ("SUCCESS",), steps)
            for number, steps in enumerate(drawn, first)
        ]
        first += size
