"""What drawing the arguments of a step is made of: dice, and draws that several verbs use.

A step is drawn for one actor with a look at the model (:class:`~conformance.verbs.scene.Scene`).
A draw returns None where the verb would break one of the two rules of docs/language.md.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from conformance.verbs.scene import Args, Scene
from reference_model.language.netbsd import SIGKILL, SIGSTOP, signal_name

T = TypeVar("T")

#: Descriptors, by what is behind them: lseek is for files only.
FILES: Final = ("20", "21", "22")
PIPES: Final = (("24", "25"), ("26", "27"))
KQUEUES: Final = ("30", "31")
PIPE_ENDS: Final = tuple(end for pipe in PIPES for end in pipe)
DESCRIPTORS: Final = (*FILES, *FILES, *PIPE_ENDS, KQUEUES[0])

#: The signals that a process can catch.
CATCHABLE: Final = tuple(signal_name(n) for n in range(1, 64) if n not in (SIGKILL, SIGSTOP))
#: Signals that are sent; those that matter most stand here more than once.
SENT: Final = (
    *("SIGKILL", "SIGSTOP", "SIGCONT", "SIGCONT", "SIGCHLD", "SIGCHLD", "SIGTRAP", "SIGTERM"),
    *("SIGUSR1", "SIGUSR1", "SIGUSR2", "SIGTSTP", "SIGTTIN", "SIGURG", "SIGWINCH", "SIG33"),
)
_USUAL: Final = ("SIGCHLD", "SIGCHLD", "SIGUSR1", "SIGTRAP", "SIGTSTP", "SIGCONT")


class Dice:
    """Uses up, byte by byte, what Hypothesis drew; then it always gives the first choice."""

    def __init__(self, data: bytes) -> None:
        self._data = iter(data)

    def below(self, number: int) -> int:
        """Returns a number from 0 to *number* - 1, which is at most 255."""
        return next(self._data, 0) % number

    def pick(self, choices: Sequence[T]) -> T:
        """Returns one of *choices*."""
        return choices[self.below(len(choices))]

    def some(self, choices: Sequence[str]) -> str:
        """Returns some of *choices*, joined by ``|``; ``0`` for none."""
        return "|".join(word for word in choices if self.below(2)) or "0"


#: Gives the arguments of a step, or None where the step is not to be taken.
Draw = Callable[[Dice, Scene], Args | None]


def nothing(dice: Dice, scene: Scene) -> Args:
    """Draws no argument."""
    return ()


def number(dice: Dice, scene: Scene) -> Args:
    """Draws a number from 0 to 9."""
    return (str(dice.below(10)),)


def one_of(*choices: str) -> Draw:
    """Returns a draw of one of *choices*."""
    return lambda dice, scene: (dice.pick(choices),)


def only(allowed: Callable[[Scene], bool], draw: Draw) -> Draw:
    """Returns *draw*, restricted to scenes that are *allowed*."""
    return lambda dice, scene: draw(dice, scene) if allowed(scene) else None


def any_signal(dice: Dice) -> str:
    """Returns a signal that can be caught, mostly a usual one."""
    return dice.pick(_USUAL if dice.below(2) else CATCHABLE)
