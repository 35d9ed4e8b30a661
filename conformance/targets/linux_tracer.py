"""The tracer on Linux: plays the actor T with python-ptrace, the probe plays the rest.

    python -m conformance.targets.linux_tracer PROBE [--patience MS]

Its input and output are those of a probe: scenarios in, logs out.  Linux's events are reported as
NetBSD's: PTRACE_O_TRACEFORK and PTRACE_O_TRACECLONE as PTRACE_FORK.  The first SIGSTOP of a process
that is traced because of such an option is reported as its PTRACE_FORK or PTRACE_VFORK event.
"""

from __future__ import annotations

import errno
import os
import signal
import struct
import sys
from collections.abc import Callable, Iterable, Iterator
from mmap import mmap
from time import monotonic, sleep

from ptrace import PtraceError
from ptrace.binding import (
    ptrace_attach,
    ptrace_cont,
    ptrace_detach,
    ptrace_geteventmsg,
    ptrace_getsiginfo,
    ptrace_kill,
    ptrace_setoptions,
)
from ptrace.debugger.child import createChild

from reference_model import Scenario, Step, parse
from reference_model.language.netbsd import (
    PTRACE_EVENTS,
    PTRACE_FORK,
    PTRACE_VFORK,
    PTRACE_VFORK_DONE,
    WAIT_OPTIONS,
    WALLSIG,
    WALTSIG,
    WNOHANG,
    WUNTRACED,
    names_of,
)
from reference_model.language.observation import (
    CANNOT,
    NONE,
    OK,
    UNNAMED,
    continued,
    exited,
    killed,
    stopped,
)
from reference_model.language.scenario import bits_value

#: Seconds until a newborn that has not said its own process ID counts as stopped.
_NEWBORN_PATIENCE = 0.3

# <linux/ptrace.h>
PTRACE_O_TRACEFORK = 0x2
PTRACE_O_TRACEVFORK = 0x4
PTRACE_O_TRACECLONE = 0x8
PTRACE_O_TRACEVFORKDONE = 0x20
PTRACE_O_TRACEEXEC = 0x10
_EVENT_EXEC = 4
#: The options of every tracee: it dies with its tracer, and stops at exec, as on NetBSD.
_ALWAYS = PTRACE_O_TRACEEXEC | 0x100000  # PTRACE_O_EXITKILL
_EVENT_OF = {1: PTRACE_FORK, 2: PTRACE_VFORK, 3: PTRACE_FORK, 5: PTRACE_VFORK_DONE}
_OPTIONS_OF = {
    PTRACE_FORK: PTRACE_O_TRACEFORK | PTRACE_O_TRACECLONE,
    PTRACE_VFORK: PTRACE_O_TRACEVFORK,
    PTRACE_VFORK_DONE: PTRACE_O_TRACEVFORKDONE,
}
#: Signal sets of kern.proc2, with their fields in a process's status file.
_SETS = {"p_sigmask": "SigBlk", "p_sigignore": "SigIgn"}
# <linux/wait.h>
_WCLONE, _WALL = 0x80000000, 0x40000000

# conformance/probe/stage.c: the page in front of the stage
_PLACES = 4096
# conformance/probe/stage.h
_MAGIC = 0x666F726B
_ACTOR = struct.Struct("iiiiiiq")
_SEEN = 392
_RESULT = struct.Struct(f"Ii{_SEEN}s")
_ACTORS = 8
_HEAD = struct.Struct(f"7IiiI{_ACTORS}I")
BEGUN, DONE = 1, 2


class Stage:
    """The memory that the actors share."""

    def __init__(self) -> None:
        self._fd = os.memfd_create("forkoracle-stage", 0)
        os.ftruncate(self._fd, _PLACES + (1 << 17))
        self.path = f"/proc/{os.getpid()}/fd/{self._fd}"
        self._memory = mmap(self._fd, 1 << 17, offset=_PLACES)

    def check(self) -> None:
        """Raises ``RuntimeError`` if the probe's stage has another layout."""
        magic, result, actor, *_ = _HEAD.unpack_from(self._memory)
        if (magic, result, actor) != (_MAGIC, _RESULT.size, _ACTOR.size):
            raise RuntimeError("the probe's stage has another layout: build the probe again")

    def _head(self, index: int) -> int:
        value: int = _HEAD.unpack_from(self._memory)[index]
        return value

    @property
    def epoch(self) -> int:
        return self._head(3)

    @property
    def turn(self) -> int:
        return self._head(4)

    @property
    def over(self) -> bool:
        return bool(self._head(5))

    def pid(self, actor: int) -> int:
        """Returns the actor's process ID, from itself or from its parent, or 0."""
        own, expected, *_ = _ACTOR.unpack_from(self._memory, self._actor(actor))
        return int(own or expected)

    def set_pid(self, actor: int, pid: int, *, own: bool) -> None:
        offset = self._actor(actor) + (0 if own else 4)
        struct.pack_into("i", self._memory, offset, pid)

    @staticmethod
    def _actor(actor: int) -> int:
        return _HEAD.size + actor * _ACTOR.size

    def _result(self, step: int) -> int:
        return self._head(9) + step * _RESULT.size

    def state(self, step: int) -> int:
        value: int = struct.unpack_from("I", self._memory, self._result(step))[0]
        return value

    def set_state(self, step: int, state: int) -> None:
        struct.pack_into("I", self._memory, self._result(step), state)

    def set_seen(self, step: int, seen: str) -> None:
        raw = seen.encode("ascii")[: _SEEN - 1]
        struct.pack_into(f"{_SEEN}s", self._memory, self._result(step) + 8, raw)


class Tracee:
    """State of a traced process."""

    def __init__(self) -> None:
        self.event = 0  # of the last stop, in NetBSD's numbers
        self.other = 0
        self.signal = 0
        self.newborn = False
        self.in_exec = False
        self.has_options = False


class Tracer:
    """Plays T in one scenario."""

    def __init__(self, stage: Stage, probe: str, scenario: Scenario) -> None:
        self.stage = stage
        self.probe = probe
        self.scenario = scenario
        self.actors = _actor_order(scenario)
        self.tracees: dict[int, Tracee] = {}
        self.births: dict[int, tuple[int, int]] = {}  # child to its parent's event, and the parent

    def play(self) -> None:
        """Takes T's steps, each in its turn, until the director ends the scenario."""
        stage, steps = self.stage, self.scenario.steps
        if "T" in self.actors:
            stage.set_pid(self.actors.index("T"), os.getpid(), own=True)
        while not stage.over:
            turn = stage.turn
            if turn < len(steps) and steps[turn].actor == "T" and stage.state(turn) == 0:
                stage.set_state(turn, BEGUN)
                seen = self._perform(steps[turn])
                if stage.over:  # the end of the scenario caused this observation
                    return
                stage.set_seen(turn, seen)
                stage.set_state(turn, DONE)
            else:
                sleep(0.00003)

    def clean_up(self) -> None:
        """Kills and reaps the processes that are still traced."""
        for pid in self.tracees:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        while True:
            try:
                pid, status = os.waitpid(-1, _WALL)
            except ChildProcessError:
                return
            if os.WIFSTOPPED(status):  # a tracee's child that was not waited for
                os.kill(pid, signal.SIGKILL)

    def _perform(self, step: Step) -> str:
        method: Callable[..., str] | None = getattr(self, "_" + step.verb, None)
        if method is None:
            return CANNOT
        if not self._can_name_all(step):
            return UNNAMED
        try:
            return method(*step.args)
        except PtraceError as error:
            return _errno_name(error.errno)
        except OSError as error:
            return _errno_name(error.errno)

    def _can_name_all(self, step: Step) -> bool:
        """Waits for the own word of each newborn that *step* names; returns whether it came."""
        until = monotonic() + _NEWBORN_PATIENCE
        for name in step.actors()[1:]:
            while name != step.child and self._is_unnamed(name):
                if monotonic() > until:
                    return False
                sleep(0.001)
        return True

    def _is_unnamed(self, name: str) -> bool:
        if self.stage.pid(self.actors.index(name)):
            return False
        births = [i for i, step in enumerate(self.scenario.steps) if step.child == name]
        return any(self.stage.state(index) == BEGUN for index in births)

    def _pid(self, name: str) -> int:
        return self.stage.pid(self.actors.index(name)) or 0x7FFFFFF0

    def _spawn(self, name: str) -> str:
        command = [self.probe, "--stage", self.stage.path, "--actor", name, "--stop"]
        parent = os.getpid()
        try:
            pid: int = createChild(command, no_stdout=False)
        except BaseException:
            if os.getpid() != parent:
                os._exit(126)  # python-ptrace raises in the child, which must not play T
            raise
        self.stage.set_pid(self.actors.index(name), pid, own=False)
        os.waitpid(pid, 0)  # the SIGTRAP of its exec; the probe then stops itself
        ptrace_setoptions(pid, _ALWAYS)
        ptrace_cont(pid, 0)
        self.tracees[pid] = Tracee()
        self.tracees[pid].has_options = True
        return f"@{pid}"

    def _PT_ATTACH(self, name: str) -> str:
        pid = self._pid(name)
        ptrace_attach(pid)
        self.tracees[pid] = Tracee()
        return OK

    def _PT_SET_EVENT_MASK(self, name: str, events: str) -> str:
        mask = bits_value(PTRACE_EVENTS, events)
        options = _ALWAYS
        for event, bits in _OPTIONS_OF.items():
            if mask & event:
                options |= bits
        ptrace_setoptions(self._pid(name), options)
        return OK

    def _PT_GET_EVENT_MASK(self, name: str) -> str:
        return CANNOT  # Linux has no such call

    def _PT_GET_PROCESS_STATE(self, name: str) -> str:
        pid = self._pid(name)
        ptrace_geteventmsg(pid)  # is it stopped at all?
        event, other = self._last_event(pid)
        return f"{names_of(PTRACE_EVENTS, event)} @{other}" if event else "0"

    def _PT_GET_SIGINFO(self, name: str) -> str:
        pid = self._pid(name)
        info = ptrace_getsiginfo(pid)
        event, other = self._last_event(pid)
        if event:
            return f"SIGTRAP TRAP_CHLD {names_of(PTRACE_EVENTS, event)} @{other}"
        return "SIGTRAP TRAP_EXEC" if self.tracees[pid].in_exec else _name_of(info.si_signo)

    def _last_event(self, pid: int) -> tuple[int, int]:
        tracee = self.tracees.get(pid)
        if tracee is None:
            raise OSError(3, "not traced")
        if tracee.newborn:
            return self.births.get(pid) or (0, 0)
        return tracee.event, tracee.other

    def _PT_CONTINUE(self, name: str, signo: str | None = None) -> str:
        ptrace_cont(self._pid(name), _number_of(signo) if signo else 0)
        return OK

    def _PT_DETACH(self, name: str) -> str:
        pid = self._pid(name)
        ptrace_detach(pid, 0)
        self.tracees.pop(pid, None)
        return OK

    def _PT_KILL(self, name: str) -> str:
        ptrace_kill(self._pid(name))
        return OK

    def _getppid(self) -> str:
        return f"@{os.getppid()}"

    def _kinfo(self, name: str, field: str, signo: str = "") -> str:
        pid = self._pid(name)
        if field == "p_ppid":
            return f"@{int(_status_of(pid, 'PPid'))}"
        if field not in _SETS:
            return CANNOT
        signals = int(_status_of(pid, _SETS[field]), 16)
        return "yes" if signals & 1 << _number_of(signo) - 1 else "no"

    def _wait4(self, whom: str, options: str = "0") -> str:
        pid, status = os.waitpid(-1 if whom == "any" else self._pid(whom), _wait_options(options))
        return self._status(pid, status) if pid else NONE

    def _status(self, pid: int, status: int) -> str:
        if os.WIFEXITED(status):
            self.tracees.pop(pid, None)
            return exited(f"@{pid}", os.WEXITSTATUS(status))
        if os.WIFSIGNALED(status):
            self.tracees.pop(pid, None)
            return killed(f"@{pid}", _name_of(os.WTERMSIG(status)))
        if os.WIFCONTINUED(status):
            return continued(f"@{pid}")
        event = status >> 16
        if pid not in self.tracees and os.WSTOPSIG(status) == signal.SIGSTOP:
            tracee = self.tracees[pid] = Tracee()
            tracee.newborn = tracee.has_options = True
            ptrace_setoptions(pid, _ALWAYS)  # Linux's newborns inherit their parent's
            self._name_newborn(pid)
            return stopped(f"@{pid}", "SIGTRAP")
        tracee = self.tracees[pid]
        tracee.newborn = False
        tracee.event = _EVENT_OF.get(event, 0)
        tracee.in_exec = event == _EVENT_EXEC
        if not tracee.has_options:
            ptrace_setoptions(pid, _ALWAYS)
            tracee.has_options = True
        if tracee.event:
            tracee.other = ptrace_geteventmsg(pid)
            if tracee.event != PTRACE_VFORK_DONE:
                self.births[tracee.other] = tracee.event, pid
                self._name_newborn(tracee.other)
        tracee.signal = os.WSTOPSIG(status)
        return stopped(f"@{pid}", _name_of(tracee.signal))

    def _name_newborn(self, pid: int) -> None:
        """Records on the stage which actor this is: the child of the current fork."""
        if any(self.stage.pid(actor) == pid for actor in range(len(self.actors))):
            return
        for index, step in enumerate(self.scenario.steps):
            child = step.child
            if child in self.actors and self.stage.state(index) == BEGUN:
                actor = self.actors.index(child)
                if not self.stage.pid(actor):
                    self.stage.set_pid(actor, pid, own=False)
                    return


def _actor_order(scenario: Scenario) -> list[str]:
    """Returns the actors in the order of the scenario's text, like the probe."""
    order: dict[str, None] = {}
    for step in scenario.steps:
        order.update(dict.fromkeys(step.actors()))
    return list(order)


def _errno_name(number: int | None) -> str:
    return errno.errorcode.get(number or 0, f"errno {number}")


def _name_of(number: int) -> str:
    """Returns the name of a signal, with NetBSD's name for SIGPOLL and SIGSTKFLT."""
    try:
        name = signal.Signals(number).name
    except ValueError:
        return f"SIG{number}"
    return {"SIGPOLL": "SIGIO", "SIGSTKFLT": "SIGEMT"}.get(name, name)


def _number_of(name: str) -> int:
    """Returns the number of a signal; the inverse of :func:`_name_of`."""
    if name[3:].isdecimal():
        return int(name[3:])
    return signal.Signals[{"SIGEMT": "SIGSTKFLT"}.get(name, name)].value


def _wait_options(text: str) -> int:
    options = bits_value(WAIT_OPTIONS, text)
    host = _WALL if not options & WALTSIG or options & WALLSIG else _WCLONE
    if options & WNOHANG:
        host |= os.WNOHANG
    if options & WUNTRACED:
        host |= os.WUNTRACED
    return host - (1 << 32) if host >= 1 << 31 else host


def _status_of(pid: int, field: str) -> str:
    """Returns a field of the process's status file.  Raises ``OSError`` without a process."""
    try:
        with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as status:
            for line in status:
                if line.startswith(f"{field}:"):
                    return line.split()[1]
    except FileNotFoundError:
        pass
    raise ProcessLookupError(3, "no such process")


def _start_conductor(command: list[str]) -> tuple[int, int]:
    """Starts the probe as a grandchild, so that T has no child that it does not trace.

    Returns the descriptors to write to it and to read from it.
    """
    to_read, to_write = os.pipe()
    from_read, from_write = os.pipe()
    if os.fork() == 0:
        if os.fork() == 0:
            os.dup2(to_read, 0)
            os.dup2(from_write, 1)
            os.closerange(3, 256)
            os.execv(command[0], command)
        os._exit(0)
    os.wait()
    os.close(to_read)
    os.close(from_write)
    return to_write, from_read


def _scenarios(lines: Iterable[str]) -> Iterator[str]:
    """Yields the steps of each scenario, without other lines."""
    wire: list[str] = []
    for line in lines:
        if line[0].isupper():
            wire.append(line)
        elif line == "\n" and wire:
            yield "".join(wire)
            wire = []
    if wire:
        yield "".join(wire)


def main(arguments: list[str]) -> int:
    probe, *options = arguments
    stage = Stage()
    os.set_inheritable(stage._fd, False)
    writer, reader = _start_conductor([probe, "--stage", stage.path, "--external", "T", *options])
    answers = os.fdopen(reader, "r", encoding="ascii", newline="\n")
    hello = answers.readline().replace("tracer=no", "tracer=yes")
    if not hello:
        return 3
    stage.check()
    sys.stdout.write(hello)
    sys.stdout.flush()
    for wire in _scenarios(sys.stdin):
        scenario = parse("scenario wire\nabout SUCCESS\n" + wire)[0]
        before = stage.epoch
        os.write(writer, (wire + "\n").encode("ascii"))
        while stage.epoch == before:
            sleep(0.00003)
        tracer = Tracer(stage, probe, scenario)
        tracer.play()
        tracer.clean_up()
        for answer in answers:
            sys.stdout.write(answer)
            if answer == ".\n":
                break
        else:
            return 3
        sys.stdout.flush()
    os.close(writer)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
