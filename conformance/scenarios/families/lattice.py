"""The ptrace lattice: every call under every event mask, seen by every kind of tracer.

What ``trace`` leaves out: the other kinds of ``__clone``, events that fork1 does not
report beside those that it does, tracers that are no relatives, SIGCHLD taken
or passed on, SIGTRAP blocked or ignored, detaching or killing a process at each of
its stops, a traced child's own children, a third process that attaches, and
processes that ask to be traced.  docs/ptrace-cases.md says which of them cover which case
of NetBSD's own tests.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from random import Random

from conformance.scenarios.families.calls import calls
from conformance.scenarios.families.trace import EVENTS, masks
from reference_model import Scenario, parse
from reference_model.language.netbsd import PTRACE_EVENTS

_CALLS = calls(
    *("fork", "vfork", "__vfork14", "clone", "clone-vm", "clone-fs", "clone-files"),
    *("clone-sighand", "clone-vfork", "clone-vm-vfork"),
)
_CLONES = tuple(call for call in _CALLS if call.startswith("clone"))
_ALL = "|".join(EVENTS)
#: The tracer is the parent from birth, has attached to a root, or to another process's child.
_START = {
    "related": "T: spawn P\n",
    "attached": "T: PT_ATTACH P\n",
    "unrelated": "G: fork P\nT: PT_ATTACH P\nG: wait4 P WNOHANG\n",
}
_END = {"related": "", "attached": "", "unrelated": "G: wait4 P\n"}


@dataclass(frozen=True)
class Case:
    """One call of P, traced by T from *start* with *mask*; T treats SIGCHLD as *sigchld* says."""

    start: str
    call: str
    mask: str = _ALL
    sigchld: str = "blocked"

    @property
    def blocks(self) -> bool:
        return "vfork" in self.call

    @property
    def born(self) -> bool:
        """Returns whether the birth of the child is reported."""
        return ("PTRACE_VFORK" if self.blocks else "PTRACE_FORK") in self.mask.split("|")

    @property
    def done(self) -> bool:
        return self.blocks and "PTRACE_VFORK_DONE" in self.mask.split("|")

    @property
    def when(self) -> str:
        return "TRACE-VFORK-WHEN" if self.blocks else "TRACE-FORK-WHEN"

    def begin(self, *own: str) -> str:
        """Returns the steps up to P's call; before the call, P does what *own* says."""
        text = _START[self.start] + "T: wait4 P\nT: PT_GET_SIGINFO P\n"
        if self.start != "related":
            # A stop of its own making, before its tracer asks for events.
            text += "T: PT_CONTINUE P\nP: kill P SIGSTOP\nT: wait4 P\nT: PT_GET_SIGINFO P\n"
        text += f"T: PT_SET_EVENT_MASK P {self.mask}\n"
        if self.sigchld == "passed":
            text += "T: PT_SET_SIGPASS P SIGCHLD\n"
        text += "T: PT_CONTINUE P\n"
        if self.sigchld != "blocked":
            text += "P: sigprocmask unblock SIGCHLD\n"
        return text + "".join(f"P: {line}\n" for line in own) + f"P: {self.step('C')}\n"

    def step(self, child: str) -> str:
        return _CALLS[self.call].format(child=child)

    def parent_stop(self, parent: str = "P") -> str:
        """Returns the steps for the forker's event; from it T knows the child."""
        return (
            f"T: wait4 {parent} [{self.when}]\n"
            f"T: PT_GET_PROCESS_STATE {parent} [TRACE-PARENT-EVENT]\n"
            f"T: PT_GET_SIGINFO {parent} [TRACE-PARENT-EVENT]\n"
        )

    def child_stop(self, child: str = "C") -> str:
        return (
            f"T: wait4 {child} [TRACE-REPARENT]\n"
            f"T: PT_GET_PROCESS_STATE {child} [CHILD-EVENT]\n"
            f"T: PT_GET_SIGINFO {child} [CHILD-EVENT]\n"
        )

    def done_stop(self, parent: str = "P") -> str:
        return (
            f"T: wait4 {parent} [TRACE-VFORK-DONE-WHEN]\n"
            f"T: PT_GET_PROCESS_STATE {parent} [VFORK-DONE-EVENT]\n"
            f"T: PT_GET_SIGINFO {parent} [VFORK-DONE-EVENT]\n"
            if self.done
            else ""
        )

    def done_and_go_on(self, parent: str = "P") -> str:
        return f"{self.done_stop(parent)}T: PT_CONTINUE {parent}\n" if self.done else ""

    @property
    def sigchld_stop(self) -> str:
        """Returns the steps for P's stop at the death of its child, if T wants to see it.

        A signal that is sent to a traced process while that is stopped waits
        until something else makes it look (kern_sig.c, kpsignal2()): so P goes
        on from its last stop first, and only then does T give its child back.
        """
        if self.sigchld != "taken":
            return ""
        return "T: wait4 P [EXIT-SIGNAL]\nT: PT_CONTINUE P\n"

    def text(self, name: str, about: str, *parts: str) -> str:
        path = f"lattice/{self.start}/{self.call}/{self.mask}/{name}"
        return f"scenario {path}\nabout {about}\n{''.join(parts)}"

    @property
    def end(self) -> str:
        """Returns the steps in which P waits for C and exits; the tracer hears of it first."""
        early = "G: wait4 P WNOHANG\n" if self.start == "unrelated" else ""
        return (
            "P: wait4 C [ORIGINAL-PARENT]\nP: exit 6\n"
            f"{early}T: wait4 P\nT: wait4 any [TRACE-REPARENT]\n{_END[self.start]}"
        )

    def through(self) -> str:
        """Runs both to their exits; SIGCHLD of the child is blocked, passed on or taken by T."""
        body = self.begin()
        if self.born:
            body += self.parent_stop() + self.child_stop()
            if self.sigchld == "passed":
                body += "T: PT_GET_SIGPASS C [ZERO-AND-COPY]\n"
            body += "T: PT_CONTINUE C\nT: PT_CONTINUE P\n"
        body += "C: getppid [ORIGINAL-PARENT]\n"
        if self.done:
            body += "T: wait4 P WNOHANG [VFORK-WAIT]\n"
        body += "C: exit 15\n" + self.done_and_go_on()
        if self.born:
            body += "T: wait4 C [TRACE-REPARENT]\nT: wait4 C [TRACE-REPARENT]\n"
        return self.text(f"sigchld-{self.sigchld}", self.when, body, self.sigchld_stop, self.end)

    def sigtrap(self, how: str) -> str:
        """Tests that the stops come, and both sets of signals stay, with SIGTRAP *how*."""
        own: tuple[str, ...] = ("sigprocmask block SIGTRAP",)
        look = "p_sigmask"
        if how == "ignored":
            own = ("sigprocmask unblock SIGTRAP", "sigaction SIGTRAP ignore")
            look = "p_sigignore"
        body = self.begin(*own)
        if self.born:
            body += self.parent_stop() + f"T: kinfo P {look} SIGTRAP [TRACE-PARENT-EVENT]\n"
            body += self.child_stop() + f"T: kinfo C {look} SIGTRAP [CHILD-EVENT]\n"
            body += "T: PT_CONTINUE C\nT: PT_CONTINUE P\n"
        body += "C: sigaction SIGTRAP [SIGNAL-ACTIONS]\nC: exit 15\n"
        if self.done:
            body += self.done_stop()
            body += f"T: kinfo P {look} SIGTRAP [VFORK-DONE-EVENT]\nT: PT_CONTINUE P\n"
        if self.born:
            body += "T: wait4 C [TRACE-REPARENT]\n"
        body += self.sigchld_stop + "P: sigaction SIGTRAP\n"
        return self.text(f"sigtrap-{how}", self.when, body, self.end)

    def forker(self, request: str) -> str:
        """Detaches or kills P at its first stop, before T waits for its child's stop."""
        body = self.begin() + self.parent_stop() + f"T: {request} P\n"
        body += self.child_stop() + "T: PT_CONTINUE C\nC: exit 15\n"
        body += "T: wait4 C [TRACE-REPARENT]\nT: wait4 C [TRACE-REPARENT]\n"
        return self._without_forker(f"forker-{request}", request, body)

    def forker_done(self, request: str) -> str:
        """Detaches or kills P once it has reported that its child is gone."""
        body = self.begin() + self.parent_stop() + "T: PT_CONTINUE P\n"
        body += self.child_stop() + "T: PT_CONTINUE C\nC: exit 15\n" + self.done_stop()
        body += f"T: {request} P\nT: wait4 C [TRACE-REPARENT]\nT: wait4 C [TRACE-REPARENT]\n"
        return self._without_forker(f"forker-done-{request}", request, body)

    def _without_forker(self, name: str, request: str, body: str) -> str:
        if request == "PT_KILL":
            body += f"T: wait4 P\nT: wait4 P\n{_END[self.start]}"
        else:
            body += "P: wait4 C [ORIGINAL-PARENT]\nP: exit 6\n"
            body += _END[self.start] or "T: wait4 P\n"
        return self.text(name, "TRACE-REPARENT TRACE-VFORK-DONE-WHEN", body)

    def forkee(self, request: str, first: str) -> str:
        """Detaches or kills C at its stop, before or after its parent goes on."""
        body = self.begin() + self.parent_stop() + self.child_stop()
        gone = f"T: {request} C\n"
        if request == "PT_KILL":
            gone += "T: wait4 C [TRACE-REPARENT]\n"
        body += gone + "T: PT_CONTINUE P\n" if first == "child" else "T: PT_CONTINUE P\n" + gone
        if request == "PT_DETACH":
            body += "C: getppid [ORIGINAL-PARENT]\nC: exit 15\nT: wait4 C [TRACE-REPARENT]\n"
        body += self.done_and_go_on()
        return self.text(f"forkee-{request}-{first}-first", "TRACE-REPARENT", body, self.end)

    def both(self, request: str) -> str:
        """Detaches or kills P and C at their stops."""
        body = self.begin() + self.parent_stop() + self.child_stop()
        body += f"T: {request} P\nT: {request} C\n"
        if request == "PT_KILL":
            body += "T: wait4 C\nT: wait4 P\nT: wait4 any\n" + _END[self.start]
        else:
            body += "C: getppid [ORIGINAL-PARENT]\nC: exit 15\n"
            body += "P: wait4 C [ORIGINAL-PARENT]\nP: exit 6\n" + (
                _END[self.start] or "T: wait4 P\n"
            )
        return self.text(f"both-{request}", "TRACE-REPARENT", body)

    def stranger(self) -> str:
        """Tests that no other process can attach to the newborn until T detaches it."""
        body = self.begin() + self.parent_stop()
        body += "U: PT_ATTACH C [TRACE-REPARENT]\n" + self.child_stop()
        body += "U: PT_CONTINUE C [TRACE-REPARENT]\nT: PT_DETACH C\n"
        body += "U: PT_ATTACH C [TRACE-STATE-NOT-INHERITED]\nU: wait4 C\nU: PT_GET_SIGINFO C\n"
        body += "U: PT_GET_EVENT_MASK C [TRACE-STATE-NOT-INHERITED]\nU: PT_CONTINUE C\n"
        body += "T: PT_CONTINUE P\nC: getppid [ORIGINAL-PARENT]\nC: exit 15\n"
        body += "T: wait4 C [TRACE-REPARENT]\nU: wait4 C\n"
        body += self.done_and_go_on()
        return self.text("stranger", "TRACE-REPARENT", body, self.end)

    def child_last(self) -> str:
        """Continues P before T waits for C; C is traced by T and stops all the same."""
        body = self.begin() + self.parent_stop() + "T: PT_CONTINUE P\n"
        body += "U: PT_ATTACH C [TRACE-REPARENT]\nT: wait4 C [CHILD-EVENT]\n"
        body += "T: PT_GET_PROCESS_STATE C [CHILD-EVENT]\nT: PT_CONTINUE C\n"
        body += "C: exit 15\nT: wait4 C [TRACE-REPARENT]\n" + self.done_and_go_on()
        return self.text("child-last", self.when, body, self.end)

    def untraced_newborn(self) -> str:
        """Tests that a child whose birth is not reported is not traced: any process may attach."""
        body = self.begin() + "C: kinfo C p_ppid [PARENT]\n"
        body += "U: PT_ATTACH C [TRACE-STATE-NOT-INHERITED]\nU: wait4 C\n"
        body += "U: PT_GET_PROCESS_STATE C [TRACE-STATE-NOT-INHERITED]\nU: PT_DETACH C\n"
        body += "C: exit 15\nT: wait4 C [TRACE-STATE-NOT-INHERITED]\n"
        body += self.done_and_go_on()
        return self.text("untraced-newborn", "TRACE-STATE-NOT-INHERITED", body, self.end)

    def masked_forkee_forks(self, call: str) -> str:
        """Gives C, which has no mask of its own, a mask: then T traces C's child, too."""
        inner = Case(self.start, call)
        body = self.begin() + self.parent_stop() + self.child_stop()
        body += f"T: PT_SET_EVENT_MASK C {_ALL}\nT: PT_CONTINUE P\nT: PT_CONTINUE C\n"
        body += f"C: {inner.step('D')}\n"
        body += inner.parent_stop("C") + inner.child_stop("D")
        body += "T: kinfo D p_ppid [ORIGINAL-PARENT]\nT: PT_CONTINUE D\nT: PT_CONTINUE C\n"
        body += "D: getppid [ORIGINAL-PARENT]\nD: exit 16\nT: wait4 D [TRACE-REPARENT]\n"
        body += inner.done_and_go_on("C")
        body += "C: wait4 D [ORIGINAL-PARENT]\nC: exit 15\nT: wait4 C [TRACE-REPARENT]\n"
        body += self.done_and_go_on()
        return self.text(f"forkee-{call}-traced", self.when, body, self.end)

    def forkee_forks(self, call: str) -> str:
        """Tests that C has no mask of its own, so that its child is not traced."""
        inner = Case(self.start, call)
        body = self.begin() + self.parent_stop() + self.child_stop()
        body += "T: PT_CONTINUE P\nT: PT_CONTINUE C\n"
        body += f"C: {inner.step('D')}\nD: getppid [ORIGINAL-PARENT]\n"
        body += "T: wait4 D [TRACE-STATE-NOT-INHERITED]\nD: exit 16\n"
        body += "C: wait4 D [TRACE-STATE-NOT-INHERITED]\nC: exit 15\n"
        body += "T: wait4 C [TRACE-REPARENT]\n"
        body += self.done_and_go_on()
        return self.text(f"forkee-{call}-untraced", "TRACE-STATE-NOT-INHERITED", body, self.end)


def _with_spawn(mask: tuple[str, ...]) -> Iterator[str]:
    """Yields the mask, and the mask with an event that no fork reports."""
    yield "|".join(mask) or "0"
    yield "|".join((*mask, "PTRACE_POSIX_SPAWN"))


def _let_go(case: Case) -> Iterator[str]:
    for request in ("PT_DETACH", "PT_KILL"):
        yield case.forker(request)
        if case.done:
            yield case.forker_done(request)
        yield case.both(request)
        for first in ("child", "parent"):
            yield case.forkee(request, first)


def _cases() -> Iterator[str]:
    for mask in masks():
        for text in _with_spawn(mask):
            for start, call in product(("related", "unrelated"), ("fork", "__vfork14")):
                yield Case(start, call, text, "passed").through()
        for call in _CLONES:
            case = Case("related", call, "|".join(mask) or "0", "taken")
            # Whether P has stopped for the end of vfork when an untraced child's SIGCHLD
            # comes is a race.
            yield (replace(case, sigchld="passed") if case.done > case.born else case).through()
    for call in _CALLS:
        case = Case("related", call)
        yield Case("related", call, sigchld="taken").sigtrap("blocked")
        yield Case("related", call, sigchld="taken").sigtrap("ignored")
        yield case.stranger()
        yield case.child_last()
        yield Case("related", call, "PTRACE_VFORK_DONE").untraced_newborn()
    for call in ("fork", "vfork", "__vfork14"):
        for how in ("blocked", "ignored"):
            yield Case("related", call, "PTRACE_VFORK_DONE", "passed").sigtrap(how)
    for start, tried in (
        ("related", ("fork", "__vfork14", "clone", "clone-vm", "clone-vm-vfork")),
        ("unrelated", ("fork", "__vfork14")),
        ("attached", ("fork", "vfork")),
    ):
        for call in tried:
            yield from _let_go(Case(start, call))
    for outer, inner in product(("fork", "__vfork14", "clone-vm"), repeat=2):
        yield Case("related", outer).masked_forkee_forks(inner)
        yield Case("related", outer).forkee_forks(inner)


def _asked(call: str, parent: str) -> str:
    """Returns a scenario: a vforked child asks to be traced by its parent, and forks."""
    return f"""
        scenario lattice/asked/{parent}/{call}
        about TRACE-FORK-WHEN VFORK-WAIT
        P: {_CALLS[parent].format(child="C")}
        C: PT_TRACE_ME
        C: PT_TRACE_ME
        C: sigprocmask unblock SIGCHLD
        C: {_CALLS[call].format(child="D")}      [TRACE-FORK-WHEN]
        D: getppid                              [PARENT]
        D: exit 15
        C: wait4 D WALLSIG
        C: exit 5
        P: wait4 C
        P: wait4 C
    """


def _mask_kept(mask: str) -> str:
    """Returns a scenario: a mask reads back as set, and does nothing to a process without forks."""
    return f"""
        scenario lattice/mask/{mask}
        about TRACE-STATE-NOT-INHERITED
        T: spawn P
        T: wait4 P
        T: PT_GET_EVENT_MASK P
        T: PT_SET_EVENT_MASK P {mask}
        T: PT_GET_EVENT_MASK P
        T: PT_CONTINUE P
        P: exit 5
        T: wait4 P
        T: wait4 P
    """


_TOPOLOGY = """
scenario lattice/topology/init-does-not-trace
about PARENT
P: fork C
C: fork D
C: exit 1
P: wait4 C
D: getppid
D: kinfo D p_ppid
D: PT_TRACE_ME
D: exit 2

scenario lattice/topology/tracer-hears-first
about ORIGINAL-PARENT
G: fork P
T: PT_ATTACH P
T: wait4 P
T: PT_CONTINUE P
P: exit 5
T: kinfo P p_ppid
G: wait4 P WNOHANG
T: wait4 P
G: wait4 P
G: wait4 P

scenario lattice/topology/tracer-of-a-stopped-process-hears-first
about ORIGINAL-PARENT
G: fork P
P: kill P SIGSTOP
T: PT_ATTACH P
T: wait4 P
T: PT_CONTINUE P
P: exit 5
G: wait4 P WNOHANG
T: wait4 P
G: wait4 P

scenario lattice/topology/siblings
about ORIGINAL-PARENT
G: fork T
G: fork P
T: PT_ATTACH P
T: wait4 P
T: PT_CONTINUE P
P: exit 5
G: wait4 P WNOHANG
T: wait4 P
T: exit 10
G: wait4 T
G: wait4 P

scenario lattice/topology/parent-attaches
about ORIGINAL-PARENT
T: fork P
T: PT_ATTACH P
T: wait4 P
T: PT_CONTINUE P
P: getppid
P: exit 5
T: wait4 P
T: wait4 P

scenario lattice/topology/parent-attaches-to-a-stopped-child
about ORIGINAL-PARENT
T: fork P
P: kill P SIGSTOP
T: PT_ATTACH P
T: wait4 P
T: PT_CONTINUE P
P: exit 5
T: wait4 P
T: wait4 P

scenario lattice/topology/child-attaches
about ORIGINAL-PARENT
P: fork T
T: PT_ATTACH P
T: wait4 P
T: getppid
T: PT_DETACH P
T: exit 5
P: wait4 T
P: wait4 T

scenario lattice/topology/child-attaches-to-a-stopped-parent
about ORIGINAL-PARENT
P: fork T
P: kill P SIGSTOP
T: PT_ATTACH P
T: wait4 P
T: PT_DETACH P
T: exit 5
P: wait4 T
P: wait4 T

scenario lattice/topology/vforked-child-may-not-attach
about PPWAIT-MARK
P: __vfork14 T
T: PT_ATTACH P
T: exit 5
P: wait4 T

scenario lattice/topology/getppid
about ORIGINAL-PARENT
G: fork P
T: PT_ATTACH P
T: wait4 P
T: PT_CONTINUE P
P: getppid
P: exit 5
G: wait4 P WNOHANG
T: wait4 P
G: wait4 P WNOHANG

scenario lattice/topology/p_ppid
about ORIGINAL-PARENT
G: fork P
T: PT_ATTACH P
T: wait4 P
T: kinfo P p_ppid
T: PT_CONTINUE P
P: kinfo P p_ppid
P: exit 5
T: kinfo P p_ppid
G: wait4 P WNOHANG
T: wait4 P
G: wait4 P WNOHANG
"""


def generate(random: Random) -> Iterator[Scenario]:
    for text in _cases():
        yield from parse(text)
    for parent, call in product(("vfork", "__vfork14"), _CALLS):
        yield from parse(_asked(call, parent))
    for mask in ("0", *PTRACE_EVENTS, "|".join(PTRACE_EVENTS)):
        yield from parse(_mask_kept(mask))
    yield from parse(_TOPOLOGY)
