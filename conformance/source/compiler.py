"""The host's C compiler: which one, run with limits, and its messages as one line.

A file that somebody names may keep a compiler busy for ever (macros that expand, a file that
includes itself twice) or take all memory.  So each compiler has a limit of CPU time, of memory and
of the size of what it writes, and all of them end with us, however we end.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from time import monotonic
from typing import IO, Final, Self

from conformance.errors import TargetError
from reference_model import NEWEST
from vm.programs import when_we_are_gone

#: Maximum CPU time of a compiler in seconds; kern_fork.c takes a fraction of one.
CPU_SECONDS = 60
#: Maximum time of a compiler in seconds, for one that waits for something.
SECONDS = 120
#: Maximum address space of a compiler in MB; kern_fork.c takes a tenth of it.
MEGABYTES = 2048
#: Maximum size of a file that a compiler writes, in MB.
_WRITTEN_MEGABYTES: Final = 64
#: Maximum length of the messages that are read, in bytes.
_MAX_MESSAGES: Final = 1_000_000
#: Sets the limits, then becomes the command.  A shell does it, since the limits must hold before
#: the compiler starts its own processes, and Python code between fork and exec is no longer safe
#: once there are threads.
_LIMITED: Final = (
    'ulimit -c 0; ulimit -S -t {cpu}; ulimit -v {kilobytes}; ulimit -f {blocks}; exec "$@"'
)


def compiler() -> list[str]:
    """Returns the host's C compiler.  Raises :class:`TargetError` where there is none."""
    named = os.environ.get("CC")
    for words in [shlex.split(named)] if named else [["cc"], ["gcc"], ["clang"]]:
        if words and shutil.which(words[0]):
            return words
    raise TargetError(
        f"no C compiler: expected {named or 'cc, gcc or clang'}; install one, or name one in CC"
    )


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended: its exit status, its messages, and which limit it met, if any."""

    status: int
    messages: str
    limit: str = ""


class Compilers:
    """Compilers that run at the same time, each within the limits.

    To be used in a ``with``: none of them is left behind.
    """

    def __init__(self) -> None:
        self._running: list[subprocess.Popen[bytes]] = []
        self._messages: list[IO[bytes]] = []
        self._group = 0
        self._open = ExitStack()

    def __enter__(self) -> Self:
        return self

    def start(self, command: Sequence[str], folder: Path) -> None:
        """Starts a command in *folder*."""
        limited = _LIMITED.format(
            cpu=CPU_SECONDS, kilobytes=MEGABYTES << 10, blocks=_WRITTEN_MEGABYTES << 11
        )
        messages = self._open.enter_context(tempfile.TemporaryFile())  # noqa: SIM115
        process = subprocess.Popen(
            ["/bin/sh", "-c", limited, "sh", *command],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=messages,
            # English messages with plain quotes.
            env={**os.environ, "LC_ALL": "C"},
            process_group=self._group,
        )
        self._running.append(process)
        self._messages.append(messages)
        if not self._group:
            self._group = process.pid
            watchdog = when_we_are_gone('kill -9 "-$0"', str(self._group))
            self._open.callback(watchdog.communicate)
            self._open.callback(watchdog.kill)

    def wait(self) -> list[Ended]:
        """Waits for all of them; returns how they ended, in the order in which they started."""
        deadline = monotonic() + SECONDS
        late = False
        # The first one leads the group: until it is waited for, no other group has its number.
        for process in reversed(self._running):
            try:
                process.wait(max(deadline - monotonic(), 0))
            except subprocess.TimeoutExpired:
                late = True
                os.killpg(self._group, signal.SIGKILL)
                process.wait()
        ended = []
        for process, messages in zip(self._running, self._messages, strict=True):
            messages.seek(0)
            text = messages.read(_MAX_MESSAGES).decode(errors="replace")
            limit = _limit_met(process.returncode, text)
            if late and process.returncode == -signal.SIGKILL:
                limit = f"{SECONDS} s"
            ended.append(Ended(process.returncode, text, limit))
        return ended

    def __exit__(self, *_: object) -> None:
        if self._running and self._running[0].returncode is None:
            os.killpg(self._group, signal.SIGKILL)
        for process in self._running:
            process.wait()
        self._open.close()


def run_limited(command: Sequence[str], folder: Path) -> Ended:
    """Runs one command within the limits."""
    with Compilers() as compilers:
        compilers.start(command, folder)
        return compilers.wait()[0]


def _limit_met(status: int, messages: str) -> str:
    if not status:
        return ""
    if -status == signal.SIGXCPU or re.search(r"CPU time limit exceeded", messages):
        return f"{CPU_SECONDS} s of CPU time"
    if re.search(r"out of memory|memory exhausted|bad_alloc|Cannot allocate memory", messages):
        return f"{MEGABYTES} MB of memory"
    if -status == signal.SIGXFSZ or re.search(r"File size limit|File too large", messages):
        return f"{_WRITTEN_MEGABYTES} MB of output"
    return ""


@cache
def marks_unset_variables(compiler: tuple[str, ...]) -> tuple[str, ...]:
    """Returns the option that fills local variables that are not set, where there is one."""
    option = "-ftrivial-auto-var-init=pattern"
    command = [*compiler, option, "-x", "c", "-E", os.devnull]
    return () if run_limited(command, Path(os.sep)).status else (option,)


#: A compiler's error: file, line, text.
ERROR: Final = re.compile(r"^(.*?):(\d+):(?:\d+:)? (?:fatal )?error: (.*)$", re.MULTILINE)
#: How compilers say that a function is declared nowhere.
UNDECLARED: Final = r"implicit declaration of function '(\w+)'|call to undeclared function '(\w+)'"
_MISSING = (
    (r"'(\w+)' undeclared|undeclared identifier '(\w+)'", "uses"),
    (r"no member named '(\w+)'", "uses the field"),
    (r"([\w/.]+\.h): No such file|'([\w/.]+\.h)' file not found", "includes"),
)


def explain_compiler(path: Path, ended: Ended) -> str:
    """Returns the compiler's first error as one line, with the file's own line number."""
    if ended.limit:
        return f"{path}: the compiler needs more than {ended.limit}: expected a kern_fork.c"
    errors = ERROR.findall(ended.messages)
    if not errors:
        return f"{path}: the compiler failed: {_last_line(ended.messages)}"
    # What is missing says more than what follows from it.
    for known, words in _MISSING:
        for where, line, text in errors:
            if found := re.search(known, text):
                missing = next(filter(None, found.groups()))
                newest = ".".join(map(str, NEWEST))
                what = f"it {words} {missing}, which no revision up to {newest} does"
                return f"{where}:{line}: {text}: {what}{_more(errors)}"
    where, line, text = errors[0]
    return f"{where}:{line}: {text}: expected C that compiles{_more(errors)}"


def _more(errors: Sequence[object]) -> str:
    return f" ({len(errors) - 1} more errors)" if len(errors) > 1 else ""


def undefined(messages: str) -> set[str]:
    """Returns the names that a linker has not found."""
    return set(re.findall(r"undefined (?:reference to|symbol:?) [`']?(\w+)", messages))


def explain_linker(path: Path, messages: str) -> str:
    """Returns a linker's message as one line."""
    if twice := re.search(r"multiple definition of [`']?(\w+)|duplicate symbol:? (\w+)", messages):
        return f"{path}: it defines {twice[1] or twice[2]}, a name that forkoracle needs: rename it"
    return f"{path}: the linker failed: {_last_line(messages)}"


def _last_line(messages: str) -> str:
    return next(reversed(messages.strip().splitlines()), "no message")
