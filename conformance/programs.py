"""Generated programs: Hypothesis draws them, the model says whether they are any good.

A program is a scenario that nobody has written.  It is drawn step by step, with
a look at the model after each: who can act, and who was let go and so has to
act next (docs/language.md, "Two rules for writing scenarios").
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from time import monotonic
from typing import TypeVar

import platformdirs
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.configuration import set_hypothesis_home_dir

from conformance.shrink import makes_sense
from reference_model import Options, Scenario, Step
from reference_model.kernel import Kernel
from reference_model.machine import Machine
from reference_model.netbsd import (
    CLONE_FLAGS,
    SIGCHLD,
    SIGKILL,
    SIGSTOP,
    WAIT_OPTIONS,
    signal_name,
)
from reference_model.scenario import ANONYMOUS, BIRTHS, MAX_ACTORS, flags_text

T = TypeVar("T")
FAMILY = "programs"
#: Programs are drawn so many at a time.
BATCH = 200
_LONGEST = 14
#: What a program is drawn from, in bytes: enough for its longest step each time.
_DATA = 16 * _LONGEST
_NAMES = "CDEFGHI"[: MAX_ACTORS - 1]
_DESCRIPTORS = ("20", "21", "22")
_SIGNALS = [signal_name(n) for n in range(1, 64) if n not in (SIGKILL, SIGSTOP)]
_WAIT_OPTIONS = ((), *((name,) for name in WAIT_OPTIONS), ("WNOHANG|WALLSIG",))
_VERBS = (
    *("fork", "fork", "vfork", "__vfork14", "__clone", "__clone", "__clone", "exit", "exit"),
    *("wait4", "wait4", "store", "load", "open", "close", "dup2", "lseek", "tell", "chdir"),
    *("getcwd", "umask", "sigaction", "sigaction", "sigpending", "getppid", "retval1", "stack"),
    *("setrlimit", "getrlimit"),
)
#: What the observation of each verb speaks for; forks speak for what they are.
_ABOUT = {
    "load": "ADDRESS-SPACE",
    "tell": "FILES",
    "lseek": "FILES",
    "close": "FILES",
    "dup2": "FILES",
    "getcwd": "CWD",
    "umask": "CWD",
    "sigaction": "SIGNAL-ACTIONS",
    "sigpending": "NO-PENDING-SIGNALS",
    "getppid": "PARENT",
    "wait4": "EXIT-SIGNAL",
    "retval1": "RETURN-VALUES",
    "stack": "CLONE-STACK",
    "getrlimit": "LIMITS",
    "fork": "SYS-FORK",
    "vfork": "SYS-VFORK-44BSD",
    "__vfork14": "SYS-VFORK14",
    "__clone": "SUCCESS",
}


class _Dice:
    """What Hypothesis drew, used up byte by byte; once it is, always the first of what there is."""

    def __init__(self, data: bytes) -> None:
        self._data = iter(data)

    def below(self, number: int) -> int:
        return next(self._data, 0) % number

    def pick(self, choices: Sequence[T]) -> T:
        return choices[self.below(len(choices))]


def _flag_word(dice: _Dice) -> str:
    """Mostly with SIGCHLD; an exit signal that nobody can block is left out."""
    word = sum(bit for bit in CLONE_FLAGS.values() if dice.below(3) == 0)
    signal = dice.pick((SIGCHLD, SIGCHLD, SIGCHLD, 0, dice.below(256)))
    return flags_text(word | (0 if signal in (SIGKILL, SIGSTOP) else signal))


def _arguments(dice: _Dice, verb: str, child: str, children: Sequence[str]) -> tuple[str, ...]:
    """The arguments of a step, as :data:`reference_model.scenario.VERBS` has them."""
    match verb:
        case "fork" | "vfork" | "__vfork14":
            return (child,)
        case "__clone":
            return (_flag_word(dice), child, *dice.pick(((), (), ("own",))))
        case "wait4":
            return (dice.pick([*children, "any"]), *dice.pick(_WAIT_OPTIONS))
        case "store" | "exit":
            return (str(dice.below(10)),)
        case "open" | "close" | "tell":
            return (dice.pick(_DESCRIPTORS),)
        case "dup2":
            return (dice.pick(_DESCRIPTORS), dice.pick(_DESCRIPTORS))
        case "lseek":
            return (dice.pick(_DESCRIPTORS), str(dice.below(10)))
        case "chdir":
            return (dice.pick(("/", "/dev")),)
        case "umask":
            return (dice.pick(("022", "077", "0")),)
        case "sigaction":
            what = dice.pick(((), ("default",), ("ignore",), ("catch",)))
            return (dice.pick(_SIGNALS), *what)
        case "setrlimit":
            return (str(1 + dice.below(4)), "4")
        case _:
            return ()


class _Draft:
    """A program under way, and the model that plays it."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self.steps: list[Step] = []
        self._machine = Machine(("P",), Kernel(options))
        self.ready, self._held = ["P"], set[str]()
        #: Whoever was held and has been let go: nobody else may act before.
        self.next: str | None = None

    def add(self, step: Step) -> bool:
        """Take the step, unless it lets two go at once, who would race."""
        self._machine.take(step)
        alive = self._machine.alive()
        ready = [name for name in alive if self._machine.can_act(name)]
        free = [name for name in ready if name in self._held]
        if len(free) > 1:
            self._machine = Machine(("P",), Kernel(self._options))
            self._machine.run(self.steps)
            return False
        self.steps.append(step)
        self.ready, self._held = ready, set(alive) - set(ready)
        self.next = free[0] if free else None
        return True

    def finish(self) -> None:
        """Let everybody go who is still held."""
        for _ in range(2 * MAX_ACTORS):
            if self.next is not None:
                self.add(Step(self.next, "getppid", (), _ABOUT["getppid"]))
                continue
            if not self._held or not self.ready:
                return
            if not self.add(Step(self.ready[-1], "exit", ("0",))):
                return


def program(data: bytes, options: Options) -> tuple[Step, ...]:
    """The steps of the program that *data* stands for."""
    dice, draft = _Dice(data), _Draft(options)
    children: dict[str, list[str]] = {}
    limited = options.uid == 0 and dice.below(4) == 0
    if limited:
        # A user of its own, whose processes can be counted and limited.
        draft.add(Step("P", "setrlimit", (str(1 + dice.below(4)), "4")))
        draft.add(Step("P", "setreuid", ("free1", "free1")))
    names = iter(_NAMES)
    child = next(names)
    for _ in range(3 + dice.below(_LONGEST - 2)):
        if not draft.ready:
            break
        actor = draft.next or dice.pick(draft.ready)
        verb = dice.pick(_VERBS)
        if verb == "stack" and actor == "P":
            verb = "retval1"  # nobody saw on which stack a root was born
        born = child if dice.below(4) else ANONYMOUS
        if verb == "exit" and limited and actor in children:
            verb = "getppid"  # its children would be init's, and counted until init has reaped them
        arguments = _arguments(dice, verb, born, children.get(actor, ()))
        added = draft.add(Step(actor, verb, arguments, _ABOUT.get(verb, "")))
        if added and verb in BIRTHS:
            children.setdefault(actor, [])
            if born != ANONYMOUS:
                children[actor].append(born)
                child = next(names, ANONYMOUS)
            elif actor in draft.ready:
                # When it ends is its own affair, so nobody else acts before it is gone.
                draft.add(Step(actor, "wait4", (ANONYMOUS, "WALLSIG"), _ABOUT["wait4"]))
    draft.finish()
    return tuple(draft.steps)


def _draw(options: Options, chosen_seed: int) -> list[tuple[Step, ...]]:
    """Up to :data:`BATCH` programs, no two of them the same."""
    drawn: dict[tuple[Step, ...], None] = {}

    @seed(chosen_seed)
    @settings(
        max_examples=BATCH,
        phases=(Phase.generate,),
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.binary(min_size=_DATA, max_size=_DATA))
    def collect(data: bytes) -> None:
        drawn.setdefault(program(data, options))

    collect()
    return list(drawn)


def limited(
    options: Options, chosen_seed: int, number: int | None, seconds: float | None
) -> Iterator[list[Scenario]]:
    """Batches up to so many programs, or for so many seconds.

    The next batch is drawn while whoever has this one is at work on it.
    """
    # Else it would keep notes of ours in a folder where the user happens to be.
    set_hypothesis_home_dir(platformdirs.user_cache_path("forkoracle") / "hypothesis")
    until = monotonic() + seconds if seconds is not None else None
    drawn = batches(options, chosen_seed)
    with ThreadPoolExecutor(1) as pool:
        following = pool.submit(next, drawn)
        while number != 0 and (until is None or monotonic() < until):
            batch = following.result()
            following = pool.submit(next, drawn)
            if number is not None:
                batch = batch[:number]
                number -= len(batch)
            yield batch


def batches(options: Options, chosen_seed: int) -> Iterator[list[Scenario]]:
    """Programs without end, in batches; the same for the same seed."""
    for batch in count():
        drawn = enumerate(_draw(options, chosen_seed << 32 | batch))
        named = (
            Scenario(f"{FAMILY}/{chosen_seed}/{batch * BATCH + number}", ("SUCCESS",), steps)
            for number, steps in drawn
            if len(steps) > 1
        )
        yield [scenario for scenario in named if makes_sense(scenario, options)]
