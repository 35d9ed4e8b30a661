"""ptrace's fork events: which processes stop, in which order, and what they report.

Each way to make a child, under each set of PTRACE_FORK, PTRACE_VFORK and
PTRACE_VFORK_DONE, with a tracer that was there from birth or has attached.  In some
scenarios the tracer detaches or kills a process.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from random import Random

from conformance.scenarios.families.calls import CALLS
from reference_model import Scenario, parse

#: The events that fork1 reports.
EVENTS = ("PTRACE_FORK", "PTRACE_VFORK", "PTRACE_VFORK_DONE")
_TRACED_CALLS = ("fork", "vfork", "__vfork14", "clone", "clone-vfork")
_BLOCKING = {"vfork", "__vfork14", "clone-vfork"}
_START = {
    "birth": "T: spawn P\n",
    "attach": "T: PT_ATTACH P\n",
}


def masks() -> Iterator[tuple[str, ...]]:
    """Yields the eight subsets of the three events."""
    for size in range(4):
        yield from combinations(EVENTS, size)


class _Case:
    """One call under one event mask, with the stops that a debugger expects."""

    def __init__(self, call: str, mask: tuple[str, ...], start: str) -> None:
        self.call = CALLS[call].format(child="C")
        self.mask = "|".join(mask) or "0"
        self.blocks = call in _BLOCKING
        self.event = ("PTRACE_VFORK" if self.blocks else "PTRACE_FORK") in mask
        self.done = self.blocks and "PTRACE_VFORK_DONE" in mask
        self.name = f"{start}/{call}/{self.mask}"
        self.when = "TRACE-VFORK-WHEN" if self.blocks else "TRACE-FORK-WHEN"
        self.begin = (
            _START[start]
            + "T: wait4 P\n"
            + f"T: PT_SET_EVENT_MASK P {self.mask}\n"
            + "T: PT_CONTINUE P\n"
            + f"P: {self.call}\n"
        )

    def scenario(self, name: str, about: str, *parts: str) -> str:
        return f"scenario trace/{self.name}/{name}\nabout {about}\n{self.begin}{''.join(parts)}"

    @property
    def stops(self) -> str:
        """Returns the steps for both stops, in any order, and for what they report."""
        return (
            f"T: wait4 any [{self.when}]\n"
            f"T: wait4 any [{self.when}]\n"
            "T: PT_GET_PROCESS_STATE P [TRACE-PARENT-EVENT]\n"
            "T: PT_GET_SIGINFO P [TRACE-PARENT-EVENT]\n"
            "T: PT_GET_PROCESS_STATE C [CHILD-EVENT]\n"
            "T: PT_GET_SIGINFO C [CHILD-EVENT]\n"
        )

    @property
    def done_stop(self) -> str:
        if not self.done:
            return ""
        return (
            "T: wait4 P [TRACE-VFORK-DONE-WHEN]\n"
            "T: PT_GET_PROCESS_STATE P [VFORK-DONE-EVENT]\n"
            "T: PT_GET_SIGINFO P [VFORK-DONE-EVENT]\n"
            "T: PT_CONTINUE P\n"
        )

    def through(self) -> str:
        """Runs both processes from the first stop to the last exit."""
        if self.event:
            middle = (
                self.stops
                + "T: PT_CONTINUE C\n"
                + "T: PT_CONTINUE P\n"
                + "C: getppid [ORIGINAL-PARENT]\n"
                + "C: exit 5\n"
                + "T: wait4 C [TRACE-REPARENT]\n"
            )
        else:
            middle = (
                f"T: wait4 P WNOHANG [{self.when}]\n"
                # A caller that stopped all the same says for which event.
                f"T: PT_GET_PROCESS_STATE P [{self.when}]\n"
                "C: getppid [ORIGINAL-PARENT]\n"
                "T: PT_CONTINUE C [TRACE-STATE-NOT-INHERITED]\n"
                "C: exit 5\n"
            )
        end = "P: wait4 C [ORIGINAL-PARENT]\nP: exit 6\nT: wait4 P\nT: wait4 any [TRACE-REPARENT]\n"
        return self.scenario("through", self.when, middle, self.done_stop, end)

    def event_mask(self) -> str:
        """Tests that the parent keeps the mask, and that the child has none."""
        if self.event:
            middle = (
                self.stops
                + "T: PT_GET_EVENT_MASK C [TRACE-STATE-NOT-INHERITED]\n"
                + "T: PT_GET_EVENT_MASK P [TRACE-STATE-NOT-INHERITED]\n"
                + "T: PT_CONTINUE C\n"
                + "T: PT_CONTINUE P\n"
                + "C: exit 5\n"
                + "T: wait4 C [TRACE-REPARENT]\n"
                + self.done_stop
            )
        else:
            middle = "C: exit 5\n" + self.done_stop.replace(
                "T: PT_CONTINUE P\n", "T: PT_GET_EVENT_MASK P\nT: PT_CONTINUE P\n"
            )
        return self.scenario("event-mask", "TRACE-STATE-NOT-INHERITED", middle)

    def parent_first(self) -> str:
        """Continues the parent first; a vfork parent is blocked all the same."""
        middle = (
            self.stops
            + "T: PT_CONTINUE P\n"
            + "T: wait4 P WNOHANG [VFORK-WAIT]\n"
            + "T: PT_CONTINUE C\n"
            + "C: exit 5\n"
            + "T: wait4 C [TRACE-REPARENT]\n"
        )
        end = "P: wait4 C [ORIGINAL-PARENT]\nP: exit 6\nT: wait4 P\n"
        return self.scenario("parent-first", self.when, middle, self.done_stop, end)

    def detach_child(self) -> str:
        """Detaches the child, which then belongs to its parent again."""
        middle = (
            self.stops
            + "T: PT_DETACH C\n"
            + "C: getppid [ORIGINAL-PARENT]\n"
            + "T: PT_CONTINUE P\n"
            + "C: exit 5\n"
        )
        end = "P: wait4 C [ORIGINAL-PARENT]\nT: wait4 C [TRACE-REPARENT]\nP: exit 6\nT: wait4 P\n"
        return self.scenario("detach-child", "TRACE-REPARENT", middle, self.done_stop, end)

    def detach_parent(self) -> str:
        """Detaches the parent, which then reports nothing more; its child stays traced."""
        middle = (
            self.stops
            + "T: PT_DETACH P\n"
            + "T: PT_CONTINUE C\n"
            + "C: getppid [ORIGINAL-PARENT]\n"
            + "C: exit 5\n"
            + "T: wait4 C [TRACE-REPARENT]\n"
            + "P: wait4 C [ORIGINAL-PARENT]\n"
            + "P: exit 6\n"
        )
        return self.scenario("detach-parent", "TRACE-VFORK-DONE-WHEN TRACE-REPARENT", middle)

    def kill_child(self) -> str:
        """Kills the child at its first stop: it never runs, and a vfork parent is released."""
        middle = self.stops + "T: PT_CONTINUE P\nT: PT_KILL C\nT: wait4 C [TRACE-REPARENT]\n"
        end = "C: getppid\nP: wait4 C [ORIGINAL-PARENT]\nP: exit 6\nT: wait4 P\n"
        return self.scenario("kill-child", "CHILD-EVENT", middle, self.done_stop, end)

    def kill_parent(self) -> str:
        """Kills the parent at its stop: its child goes to init, and is still traced."""
        middle = self.stops
        if self.blocks:
            # A parent that waits for its child dies only after that.
            middle += "T: PT_KILL P\nT: PT_CONTINUE C\nC: exit 5\nT: wait4 C\nT: wait4 P\n"
        else:
            middle += "T: PT_KILL P\nT: wait4 P\nT: PT_CONTINUE C\nC: exit 5\nT: wait4 C\n"
        return self.scenario("kill-parent", "TRACE-REPARENT", middle, "T: wait4 any\n")


def generate(random: Random) -> Iterator[Scenario]:
    for start in _START:
        for call in _TRACED_CALLS:
            for mask in masks():
                case = _Case(call, mask, start)
                texts = [case.through()]
                if case.event or case.done:
                    texts.append(case.event_mask())
                if case.event:
                    texts += [
                        case.parent_first(),
                        case.detach_child(),
                        case.detach_parent(),
                        case.kill_child(),
                        case.kill_parent(),
                    ]
                for text in texts:
                    yield from parse(text)
