"""Writes a scenario as one C program, the reproducer of a report.

The program needs no other file of forkoracle.  It exits with 0 if the kernel behaves as
expected, with 1 and a line that says what was wrong if not, and with 2 if the test could not
run.  Its processes write their observations to shared memory; ``main`` starts one step after
the other, and compares the observations at the end.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from textwrap import wrap

from conformance.report.pr.cverbs import statement
from conformance.report.pr.problem import Problem, scenario_of
from conformance.verbs import WITHOUT_C
from reference_model import Log, Options, Scenario, Step
from reference_model.kernel import Kernel
from reference_model.language.scenario import (
    ADDRESSES,
    ANONYMOUS,
    BIRTHS,
    FORKS,
    NOBODY,
    SELF,
    TELLING,
)
from reference_model.machine import Machine

#: Maximum number of expected logs in a reproducer: a longer list cannot be read.
MAX_ORDERS = 64
#: Columns of a line of a comment, so that the whole line has 80 at most.
_WIDTH = 77


class NoProgramError(Exception):
    """A scenario has no reproducer in C; one line says why."""


#: Headers of every program; parts for NetBSD name further ones.
_HEADERS = """\
#include <sys/types.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/param.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#ifdef __NetBSD__
{netbsd}
#endif

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
"""

_LINUX_WORDS = """\
#ifndef __NetBSD__		/* NetBSD's names of Linux's constants */
#define WALTSIG		__WCLONE
#define WALLSIG		__WALL
#define SIGEMT		16
#define SIGINFO		32
#endif
"""

_MAIN = """\
int
main(int argc, char **argv)
{
	int status;

	(void)argc, (void)argv;
BEGIN	status = run();
	if (status == 0)
		printf("as expected\\n");
	else
		printf("%s\\n", complaint);
	return status;
}
"""

_EXEC_MAIN = """\
	if (argc == 4 && strcmp(argv[1], again) == 0)
		go_on(atoi(argv[2]), atoi(argv[3]));
	if (realpath(argv[0], self) == NULL) {
		perror(argv[0]);
		return 2;
	}
"""

_ONLY_NETBSD = """\
int
main(void)
{
	printf("the calls of this test need NetBSD\\n");
	return 2;
}
"""


@dataclass(frozen=True)
class _Part:
    """A piece of C: the parts and headers that it needs, its lines for other parts, its text.

    A line ``//PLACE text`` of a part goes where another part has the line ``//PLACE``.  A part
    that needs a header, or the word NetBSD, is for NetBSD only.
    """

    needs: tuple[str, ...]
    headers: tuple[str, ...]
    only_netbsd: bool
    elsewhere: tuple[tuple[str, str], ...]
    text: str


@cache
def _parts() -> dict[str, _Part]:
    """Returns all parts, in the order that they have in a program."""
    parts = {}
    for name in (
        "board",
        "forks",
        "calls",
        "process",
        "system",
        "kqueue",
        "ktrace",
        "ptrace",
        "run",
    ):
        text = files(__package__).joinpath(f"parts/{name}.c").read_text(encoding="utf-8")
        found = re.split(r"^//@ (.*)\n", text, flags=re.MULTILINE)[1:]
        for head, body in zip(found[::2], found[1::2], strict=True):
            part, *needs = head.split()
            headers = tuple(need for need in needs if need.startswith("<"))
            elsewhere = tuple(re.findall(r"^//([A-Z_]+) (.+)$", body, flags=re.MULTILINE))
            own = re.sub(r"^//[A-Z_]+ .+\n", "", body, flags=re.MULTILINE).strip("\n")
            parts[part] = _Part(
                tuple(need for need in needs if need not in (*headers, "NetBSD")),
                headers,
                bool(headers) or "NetBSD" in needs,
                elsewhere,
                f"{own}\n" if own else "",
            )
    return parts


def _needed(names: Iterable[str]) -> list[_Part]:
    """Returns these parts and all that they need, in their order."""
    wanted: set[str] = set()
    todo = list(names)
    while todo:
        name = todo.pop()
        if name not in wanted:
            wanted.add(name)
            todo += _parts()[name].needs
    return [part for name, part in _parts().items() if name in wanted]


def _placed(parts: list[_Part]) -> list[str]:
    """Returns the texts of the parts; lines for a place in another part are moved there."""
    lines: dict[str, list[str]] = {}
    for part in parts:
        for place, line in part.elsewhere:
            lines.setdefault(place, []).append(f"{line}\n")
    return [
        re.sub(r"^//([A-Z_]+)\n", lambda m: "".join(lines.get(m[1], [])), part.text, flags=re.M)
        for part in parts
        if part.text
    ]


def _for_netbsd(text: str) -> str:
    """Returns *text* without the code for systems other than NetBSD."""
    lines: list[str] = []
    open_ifs: list[bool | None] = []  # whether its lines stay; None for another condition
    for line in text.splitlines(keepends=True):
        if line.startswith("#if"):
            open_ifs.append(True if line == "#ifdef __NetBSD__\n" else None)
            ours = open_ifs[-1] is not None
        elif line.startswith("#else") and open_ifs[-1] is not None:
            open_ifs[-1], ours = False, True
        elif line.startswith("#endif"):
            ours = open_ifs.pop() is not None
        else:
            ours = False
        if not ours and False not in open_ifs:
            lines.append(line)
    return "".join(lines)


def blocked_steps(scenario: Scenario, options: Options) -> list[bool]:
    """Says for each step whether it is blocked when the next one begins, by the model."""
    machine = Machine(scenario.roots(), Kernel(options), traced=scenario.traced)
    blocked = []
    for step in scenario.steps:
        going_on = machine.take(step)
        blocked.append(machine.log[-1] is None)
        if not going_on:
            break
    return blocked + [False] * (len(scenario.steps) - len(blocked))


def needs_root(scenario: Scenario) -> bool:
    """Says whether only the superuser can run the scenario."""
    return any(
        (step.verb == "setreuid" and step.args != ("-1", "-1"))
        or (step.verb == "compare" and step.args[2] in ADDRESSES)
        or step.verb
        in (
            "maxproc",
            "forkfsleep",
            "stopfork",
            "stopexec",
            "mq_open_max",
            "sched_setparam",
            "sched_setaffinity",
        )
        for step in scenario.steps
    )


def _quoted(text: str) -> str:
    """Returns *text* as a string of C that has no trigraph."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("??", "?\\?") + '"'


def _comment(lines: Iterator[str]) -> str:
    body = "\n".join(f" * {line}".rstrip().replace("*/", "* /") for line in lines)
    return f"/*\n{body}\n */\n"


def _packed(values: list[str], indent: str) -> str:
    """Returns the values on as few lines as possible; no value is broken."""
    lines, line = [], ""
    for value in values:
        if line and len(line) + len(value) + 2 > _WIDTH - len(indent.expandtabs()):
            lines.append(f"{indent}{line}")
            line = ""
        line += f" {value}," if line else f"{value},"
    return "\n".join((*lines, f"{indent}{line}"))


def _row(log: Log) -> str:
    """Returns the expected observation of each step, as C."""
    words = [_quoted(word) for word in log]
    row = "{ " + ", ".join(words) + " }"
    if len(row) < _WIDTH - 8:
        return row
    return "{\n" + _packed(words, "\t    ") + "\n\t}"


def _table(kind: str, name: str, values: list[str]) -> str:
    """Returns an array in C; each value that is a row has its own line."""
    if any(value.startswith("{") for value in values):
        rows = "\n".join(f"\t{value}," for value in values)
    else:
        rows = _packed(values, "\t")
    return f"static {kind} {name} = {{\n{rows}\n}};\n"


def _broken(line: str) -> list[str]:
    """Breaks a line of C that is too long; its strings have no spaces."""
    text = line.lstrip("\t")
    tabs = line[: len(line) - len(text)] + "\t"
    parts = wrap(
        text, _WIDTH + 3 - len(tabs.expandtabs()), break_long_words=False, break_on_hyphens=False
    )
    return [tabs + part if i == 0 else f"{tabs}    {part}" for i, part in enumerate(parts)]


def _is_self(step: Step) -> bool:
    """Returns whether the actor goes on in a new program after the step."""
    return step.verb == "exec" and step.args == (SELF,)


def _after(index: int, actor: str) -> str:
    """Returns the name of the function with the steps of *actor* behind the exec *index*."""
    return f"{actor}_after_{index}"


def _process(scenario: Scenario, actor: str) -> str:
    """Returns the functions with the steps of *actor*: a new one begins behind each exec."""
    own = [(i, step) for i, step in enumerate(scenario.steps) if step.actor == actor]
    name, steps, functions = f"{actor}_steps", list[tuple[int, Step]](), list[str]()
    for index, step in own:
        steps.append((index, step))
        if _is_self(step):
            functions.append(_function(name, steps))
            name, steps = _after(index, actor), []
    functions.append(_function(name, steps, rests=not own or own[-1][1].verb != "exit"))
    return "\n".join(functions)


def _function(name: str, steps: list[tuple[int, Step]], *, rests: bool = False) -> str:
    lines = [f"static void\n{name}(void)\n{{"]
    if any(step.verb in ("kill", "killpg") for _, step in steps):
        lines.append("\tint result;\n")
    for index, step in steps:
        turn = f"\tmy_turn({index});"
        comment = f"/* {step.call()} */"
        short = len(comment) < _WIDTH - 28
        lines += [f"{turn}\t\t{comment}"] if short else [f"\t{comment}", turn]
        for line in statement(index, step)[1].splitlines():
            lines += _broken(line)
    if rests:
        lines.append("\trest();")
    return "\n".join(lines) + "\n}\n"


def _actors(scenario: Scenario) -> list[str]:
    named = [name for step in scenario.steps for name in step.actors()]
    return [name for name in dict.fromkeys(named) if name not in NOBODY]


@dataclass(frozen=True)
class _Body:
    """The program without headers and main; the headers it needs."""

    text: str
    headers: str
    only_netbsd: bool


def _body(scenario: Scenario, expected: tuple[Log, ...], options: Options) -> _Body:
    if len(expected) > MAX_ORDERS:
        raise NoProgramError(f"{len(expected)} expected logs are too many to be listed")
    for step in scenario.steps:
        if step.verb in WITHOUT_C:
            raise NoProgramError(f"no C is known for {step.verb}: {WITHOUT_C[step.verb]}")
    steps, actors = scenario.steps, _actors(scenario)
    verbs = {step.verb for step in steps}
    processes = "\n".join(_process(scenario, actor) for actor in actors)
    wanted = {name for i, step in enumerate(steps) for name in statement(i, step)[0]}
    wanted |= {"run", "my_turn"} | ({"rest"} if "rest();" in processes else set())
    runs_again = not wanted.isdisjoint({"exec", "exec_self"})
    parts = _needed(wanted | {"board_in_file" if runs_again else "board_in_memory"})
    defines = {
        "STEPS": len(steps),
        "ACTORS": len(actors),
        "ORDERS": len(expected),
        "NEEDS_ROOT": int(needs_root(scenario)),
        "PATIENCE": "3000000\t/* microseconds until a step counts as hung */",
        "BLOCKED": "300000\t/* and until one counts as blocked */",
        "LAST_LOOK": 300000,
    }
    if verbs & {"kill", "killpg"}:
        defines["SETTLE"] = "50000\t/* until a signal has done its work */"
    if verbs & FORKS:
        defines["TRACED"] = int(scenario.traced)
    blocked = blocked_steps(scenario, options)
    names = ", ".join(actors)
    out = [
        "".join(f"#define {name:<16}{value}\n" for name, value in defines.items()),
        f"enum {{ {names}, NAMELESS = -1 }};\n",
        _table("const char *const", "steps[STEPS]", [_quoted(s.call()) for s in steps]),
        "/* Expected observations; a row for each order of events. */\n"
        + _table(
            "const char *const",
            "expected[ORDERS][STEPS]",
            [_row(log) for log in expected],
        ),
        _table("const int", "actors_of[STEPS]", [s.actor for s in steps]),
        "/* Steps that may be blocked when the next begins; steps that end a process. */\n"
        + _table("const int", "may_block[STEPS]", [str(int(h)) for h in blocked]),
        _table("const int", "ends[STEPS]", [str(int(s.verb == "exit")) for s in steps]),
        _table("const char *const", "actor_names[ACTORS]", [_quoted(a) for a in actors]),
        _table("const int", "is_root[ACTORS]", [str(int(a in scenario.roots())) for a in actors]),
    ]
    if verbs & (TELLING - BIRTHS):
        born = ["-1" if s.child in (None, ANONYMOUS) else str(s.child) for s in steps]
        out.append(
            "/* The child that each step creates. */\n" + _table("const int", "births[STEPS]", born)
        )
    out.append("static char complaint[512];\n")
    out.append("".join(f"static void {actor}_steps(void);\n" for actor in actors))
    if runs_again:
        out.append('static char self[PATH_MAX], again[] = "--again";\n')
        selves = {i: _after(i, s.actor) for i, s in enumerate(steps) if _is_self(s)}
        out += [f"static void {name}(void);\n" for name in selves.values()]
        out.append(
            "/* The steps behind an exec of this program. */\n"
            + _table(
                "void (*const",
                "after[STEPS])(void)",
                [selves.get(i, "NULL") for i in range(len(steps))],
            )
        )
    out.append(_table("void (*const", "processes[ACTORS])(void)", [f"{a}_steps" for a in actors]))
    out += _placed(parts)
    out.append(processes)
    headers = {"<sys/sysctl.h>"}.union(*(part.headers for part in parts))
    system = sorted(headers, key=lambda header: (not header.startswith("<sys/"), header))
    return _Body(
        "\n".join(out),
        _HEADERS.format(netbsd="\n".join(f"#include {header}" for header in system)),
        any(part.only_netbsd for part in parts),
    )


def _head(problem: Problem, scenario: Scenario, what: str) -> str:
    def lines() -> Iterator[str]:
        yield from wrap(what, _WIDTH)
        yield ""
        yield from wrap(problem.promise, _WIDTH)
        yield ""
        yield "Steps, each taken by the process before the colon:"
        yield ""
        yield from (f"    {call}" for call in scenario.calls())

    return _comment(lines())


def _scenario_of(problem: Problem) -> Scenario:
    scenario = scenario_of(problem.difference)
    if scenario is None:
        raise NoProgramError("the C function was called alone, with its callees replaced")
    return scenario


def c_program(problem: Problem, options: Options) -> str:
    """Returns the reproducer of a problem.  Raises :class:`NoProgramError`."""
    scenario = _scenario_of(problem)
    body = _body(scenario, problem.difference.expected, options)
    main = _MAIN.replace("BEGIN", _EXEC_MAIN if "static char self[" in body.text else "", 1)
    text = "\n".join((_LINUX_WORDS, body.text, main))
    if body.only_netbsd:
        ours = "\n".join((_for_netbsd(body.text), main))
        text = f"#ifdef __NetBSD__\n\n{ours}\n#else\n\n{_ONLY_NETBSD}\n#endif\n"
    what = (
        "Exits with 0 if the kernel behaves as expected, with 1 and a line that says what was "
        "wrong if not, and with 2 if the test could not run. "
        "To run it: cc -o repro repro.c && ./repro"
    )
    return "\n".join(
        (
            _head(problem, scenario, what),
            "#define _GNU_SOURCE",
            body.headers,
            text,
        )
    )


def atf_test(problem: Problem, options: Options) -> str:
    """Returns it as a test case for NetBSD's own suite.  Raises :class:`NoProgramError`."""
    scenario = _scenario_of(problem)
    body = _body(scenario, problem.difference.expected, options)
    if "static char self[" in body.text:
        raise NoProgramError("a test case cannot run itself again, as exec requires")
    name = problem.name.replace("-", "_")
    root = '\tatf_tc_set_md_var(tc, "require.user", "root");\n'
    test = f"""\
ATF_TC({name});
ATF_TC_HEAD({name}, tc)
{{

	atf_tc_set_md_var(tc, "descr", "PR kern/XXXXX: " {_quoted(problem.says)});
{root if needs_root(scenario) else ""}}}

ATF_TC_BODY({name}, tc)
{{
	int status;

	status = run();
	if (status == 2)
		atf_tc_skip("%s", complaint);
	if (status != 0)
		atf_tc_fail("%s", complaint);
}}

ATF_TP_ADD_TCS(tp)
{{

	ATF_TP_ADD_TC(tp, {name});

	return atf_no_error();
}}
"""
    head = _head(problem, scenario, "A test case for sys/kern/kern_fork.c.")
    text = "\n".join((body.headers, "#include <atf-c.h>\n", _LINUX_WORDS, body.text))
    if body.only_netbsd:
        text = _for_netbsd("\n".join((body.headers, "#include <atf-c.h>\n", body.text)))
    return "\n".join((head, "#define _GNU_SOURCE", text, test))
