"""A scenario as one C program that anybody can compile and run: the How-To-Repeat.

The program needs nothing of ours.  It exits with 0 where the kernel behaves, 1
with one line of what was wrong, 2 where that cannot be told.  What each of its
processes sees is noted in shared memory; ``main`` lets one step be taken after
the other, and compares at the end.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files

from conformance.report.pr.problem import Problem
from reference_model import Log, Options, Scenario, Step
from reference_model.kernel import Kernel
from reference_model.machine import Machine
from reference_model.scenario import BIRTHS, FORKS, NOBODY

#: With more open orders than this, a list of them would tell nobody anything.
MAX_ORDERS = 64


class NoProgramError(Exception):
    """No program can be written for a scenario: why."""


#: For each verb: what of parts.c it needs, and the C of a step.  In the C, ``{i}`` is the step's
#: number, ``{me}`` who takes it, ``{0}`` and ``{1}`` its arguments in C.
PROGRAM_VERBS: dict[str, tuple[str, str]] = {
    "fork": ("birth", "give_birth({i}, {me}, FORK, NULL, {0});"),
    "vfork": ("birth", "give_birth({i}, {me}, VFORK, NULL, {0});"),
    "__vfork14": ("birth", "give_birth({i}, {me}, VFORK14, NULL, {0});"),
    "__clone": ("birth", "give_birth({i}, {me}, CLONE({0}), NULL, {1});"),
    "retval1": ("retval1", "look_at_second_value({i}, {me});"),
    "exit": ("saw", 'saw({i}, "ok");\n_exit({0});'),
    "exec": ("exec saw", 'saw({i}, "ok");\nbecome_reader({0});'),
    "getppid": ("saw", 'saw({i}, "@%d", (int)getppid());'),
    "kill": (
        "saw_result pid_of nap",
        'result = kill(pid_of({0}), {1});\nnap(SETTLE);\nsaw_result({i}, result, "ok");',
    ),
    "wait4": ("wait4", "wait_for({i}, {0}, {1});"),
    "store": ("saw word", 'word = {0};\nsaw({i}, "ok");'),
    "load": ("saw word", 'saw({i}, "%ld", word);'),
    "open": ("open", "open_as({i}, {0});"),
    "close": ("saw_result", 'saw_result({i}, close({0}), "ok");'),
    "dup2": ("saw_result", "saw_result({i}, dup2({0}, {1}), NULL);"),
    "lseek": ("saw_result", "saw_result({i}, (long)lseek({0}, {1}, SEEK_SET), NULL);"),
    "tell": ("saw_result", "saw_result({i}, (long)lseek({0}, 0, SEEK_CUR), NULL);"),
    "pipe": ("pipe", "pipe_as({i}, {0}, {1});"),
    "chdir": ("saw_result", 'saw_result({i}, chdir("{0}"), "ok");'),
    "getcwd": ("getcwd", "look_at_folder({i});"),
    "umask": ("umask", "set_umask({i}, {0});"),
    "sigaction": ("sigaction", "set_disposition({i}, {0}, 1, {1});"),
    "sigprocmask": ("sigprocmask", "set_mask({i}, {0}, {1});"),
    "sigpending": ("sigpending", "look_at_pending({i});"),
    "setrlimit": ("setrlimit", "set_limit({i}, {0}, {1});"),
    "getrlimit": ("getrlimit", "look_at_limit({i});"),
    "setreuid": ("saw_result", 'saw_result({i}, setreuid({0}, {1}), "ok");'),
    "spawn": ("spawn", "spawn({i}, {0});"),
    "PT_ATTACH": (
        "saw_result pid_of",
        'saw_result({i}, ptrace(PT_ATTACH, pid_of({0}), NULL, 0), "ok");',
    ),
    "PT_SET_EVENT_MASK": ("set_events pid_of", "set_events({i}, pid_of({0}), {1});"),
    "PT_GET_EVENT_MASK": ("get_events pid_of", "get_events({i}, pid_of({0}));"),
    "PT_GET_PROCESS_STATE": ("get_state pid_of", "get_state({i}, pid_of({0}));"),
    "PT_GET_SIGINFO": ("get_siginfo pid_of", "get_siginfo({i}, pid_of({0}));"),
    "PT_CONTINUE": (
        "saw_result pid_of",
        'saw_result({i}, ptrace(PT_CONTINUE, pid_of({0}), (void *)1, {1}), "ok");',
    ),
    "PT_DETACH": (
        "saw_result pid_of",
        'saw_result({i}, ptrace(PT_DETACH, pid_of({0}), (void *)1, 0), "ok");',
    ),
    "PT_KILL": (
        "saw_result pid_of",
        'saw_result({i}, ptrace(PT_KILL, pid_of({0}), NULL, 0), "ok");',
    ),
}

_WORDS = {
    "default": "SIG_DFL",
    "ignore": "SIG_IGN",
    "catch": "caught",
    "block": "SIG_BLOCK",
    "unblock": "SIG_UNBLOCK",
    "inf": "RLIM_INFINITY",
    "free1": "61001",
    "free2": "61002",
}

_HEADERS = """\
#include <sys/types.h>
#include <sys/mman.h>
#include <sys/param.h>
#ifdef __NetBSD__
#include <sys/ptrace.h>
#endif
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#ifdef __NetBSD__
#include <sys/sysctl.h>
#endif
#include <sys/time.h>
#include <sys/wait.h>

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
#ifndef __NetBSD__		/* NetBSD's words for what others have, too */
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
		printf("as it should be\\n");
	else
		printf("%s\\n", complaint);
	return status;
}
"""

_EXEC_MAIN = """\
	if (argc == 3 && strcmp(argv[1], until_eof) == 0) {
		char byte;

		while (read(atoi(argv[2]), &byte, 1) == 1)
			continue;
		return 7;
	}
	if (realpath(argv[0], self) == NULL) {
		perror(argv[0]);
		return 2;
	}
"""

_ONLY_NETBSD = """\
int
main(void)
{
	printf("only NetBSD has these requests of ptrace(2)\\n");
	return 2;
}
"""


@cache
def _parts() -> dict[str, tuple[tuple[str, ...], str]]:
    """The parts of parts.c in its order: what each needs, and its text."""
    text = files(__package__).joinpath("parts.c").read_text(encoding="utf-8")
    found = re.split(r"^//@ (.*)\n", text, flags=re.MULTILINE)[1:]
    parts = {}
    for head, body in zip(found[::2], found[1::2], strict=True):
        name, *needs = head.split()
        parts[name] = (tuple(needs), body.strip("\n") + "\n")
    return parts


def _needed(names: Iterator[str]) -> list[str]:
    """The texts of these parts and of all that they need, in the order of the file."""
    wanted: set[str] = set()
    todo = list(names)
    while todo:
        name = todo.pop()
        if name not in wanted:
            wanted.add(name)
            todo += _parts()[name][0]
    return [text for name, (_, text) in _parts().items() if name in wanted]


def held_steps(scenario: Scenario, options: Options) -> list[bool]:
    """Which steps have not returned when the next one begins, as the model sees it."""
    machine = Machine(scenario.roots(), Kernel(options), traced=scenario.traced)
    held = []
    for step in scenario.steps:
        going_on = machine.take(step)
        held.append(machine.log[-1] is None)
        if not going_on:
            break
    return held + [False] * (len(scenario.steps) - len(held))


def needs_root(scenario: Scenario) -> bool:
    """Whether only the superuser can play it."""
    changes = [step.args for step in scenario.steps if step.verb == "setreuid"]
    return any(arg != "-1" for args in changes for arg in args)


def _argument(text: str) -> str:
    """An argument of a step in C."""
    if text in _WORDS:
        return _WORDS[text]
    if text == "-":
        return "NAMELESS"
    if text.startswith("count"):
        return f"processes_of_user {text[5]} {text[6:]}"
    number = re.sub(r"\bSIG(\d+)\b", r"\1", text)
    return number.replace("|", " | ")


def _statement(index: int, step: Step) -> str:
    """The C of one step."""
    if step.verb == "__clone" and len(step.args) > 2:
        raise NoProgramError("a child on a stack of the caller's own needs assembly language")
    if step.verb not in PROGRAM_VERBS:
        raise NoProgramError(f"no C is known for {step.verb}")
    arguments = [_argument(arg) for arg in step.args]
    text = PROGRAM_VERBS[step.verb][1]
    if step.verb == "wait4":
        whom = "-1" if step.args[0] == "any" else f"pid_of({arguments[0]})"
        arguments = [whom, *arguments[1:], "0"]
    elif step.verb == "PT_CONTINUE":
        arguments.append("0")
    elif step.verb == "sigaction" and len(arguments) == 1:
        text = "look_at_disposition({i}, {0});"
    return text.format(*arguments, i=index, me=step.actor)


def _quoted(text: str) -> str:
    """*text* as a string of C.  What could end a comment or begin a trigraph does neither."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("??", "?\\?") + '"'


def _comment(lines: Iterator[str]) -> str:
    body = "\n".join(f" * {line}".rstrip().replace("*/", "* /") for line in lines)
    return f"/*\n{body}\n */\n"


def _table(kind: str, name: str, values: list[str]) -> str:
    width, lines, line = 84, [], "\t"
    for value in values:
        if len(line) + len(value) > width and line.strip():
            lines.append(line.rstrip())
            line = "\t"
        line += value + ", "
    lines.append(line.rstrip())
    return f"static {kind} {name} = {{\n" + "\n".join(lines) + "\n};\n"


def _process(scenario: Scenario, actor: str) -> str:
    own = [(i, step) for i, step in enumerate(scenario.steps) if step.actor == actor]
    lines = [f"static void\n{actor}_steps(void)\n{{"]
    if any(step.verb == "kill" for _, step in own):
        lines.append("\tint result;\n")
    for index, step in own:
        lines.append(f"\tmy_turn({index});\t\t/* {step.call()} */")
        lines += [f"\t{line}" for line in _statement(index, step).splitlines()]
    if not own or own[-1][1].verb not in ("exit", "exec"):
        lines.append("\trest();")
    return "\n".join(lines) + "\n}\n"


def _actors(scenario: Scenario) -> list[str]:
    named = [name for step in scenario.steps for name in step.actors()]
    return [name for name in dict.fromkeys(named) if name not in NOBODY]


def _body(scenario: Scenario, expected: tuple[Log, ...], options: Options) -> str:
    """Everything but the headers and main."""
    if len(expected) > MAX_ORDERS:
        raise NoProgramError(f"{len(expected)} logs may be seen, too many to be listed")
    steps, actors = scenario.steps, _actors(scenario)
    verbs = {step.verb for step in steps}
    counts = any(arg.startswith("count") for step in steps for arg in step.args)
    processes = "\n".join(_process(scenario, actor) for actor in actors)
    needed = [name for verb in verbs for name in PROGRAM_VERBS[verb][0].split()]
    needed += ["run", "my_turn"] + ["count"] * counts + ["rest"] * ("rest();" in processes)
    needed += ["pid_of"] * ("pid_of(" in processes)
    needed += ["caught"] * any("catch" in step.args for step in steps)
    defines = {
        "STEPS": len(steps),
        "ACTORS": len(actors),
        "ORDERS": len(expected),
        "NEEDS_ROOT": int(needs_root(scenario)),
        "PATIENCE": "3000000\t/* microseconds until a step counts as stuck */",
        "HELD": "300000\t/* and for which one that is to be held is waited for */",
        "LAST_LOOK": 300000,
    }
    if "kill" in verbs:
        defines["SETTLE"] = "50000\t/* until a signal has done its work */"
    if verbs & FORKS:
        defines["TRACED"] = int(scenario.traced)
    held = held_steps(scenario, options)
    names = ", ".join(actors)
    out = [
        "".join(f"#define {name:<16}{value}\n" for name, value in defines.items()),
        f"enum {{ {names}, NAMELESS = -1 }};\n",
        _table("const char *const", "steps[STEPS]", [_quoted(s.call()) for s in steps]),
        "/* What may be seen. */\n"
        + _table(
            "const char *const",
            "expected[ORDERS][STEPS]",
            ["{ " + ", ".join(map(_quoted, log)) + " }" for log in expected],
        ),
        _table("const int", "actors_of[STEPS]", [s.actor for s in steps]),
        "/* Which steps a process does not return from before the next one, and its last ones. */\n"
        + _table("const int", "may_block[STEPS]", [str(int(h)) for h in held]),
        _table("const int", "ends[STEPS]", [str(int(s.verb == "exit")) for s in steps]),
        _table("const char *const", "actor_names[ACTORS]", [_quoted(a) for a in actors]),
        _table("const int", "is_root[ACTORS]", [str(int(a in scenario.roots())) for a in actors]),
    ]
    if "wait4" in verbs:
        born = [_argument(s.child) if s.verb in BIRTHS and s.child else "-1" for s in steps]
        out.append("/* Who is born in a step. */\n" + _table("const int", "births[STEPS]", born))
    out.append("static char complaint[512];\n")
    if "exec" in verbs:
        out.append('static char self[PATH_MAX], until_eof[] = "--until-eof";\n')
    out.append("".join(f"static void {actor}_steps(void);\n" for actor in actors))
    out.append(_table("void (*const", "processes[ACTORS])(void)", [f"{a}_steps" for a in actors]))
    out += _needed(iter(needed))
    out.append(processes)
    return "\n".join(out)


def _head(problem: Problem, scenario: Scenario, what: str) -> str:
    def lines() -> Iterator[str]:
        yield what
        yield ""
        yield f"{problem.clause.name}: {problem.clause.says}"
        yield f"({problem.where})"
        yield ""
        yield "What is done, by several processes, one step after the other:"
        yield ""
        yield from (f"    {call}" for call in scenario.calls())

    return _comment(lines())


def _guard(scenario: Scenario, text: str) -> str:
    """Only NetBSD's ptrace has what a tracer's steps ask for."""
    if not scenario.traced:
        return text
    return f"#ifdef __NetBSD__\n\n{text}\n#else\n\n{_ONLY_NETBSD}\n#endif\n"


def _scenario_of(problem: Problem) -> Scenario:
    scenario = problem.difference.scenario
    if scenario is None:
        raise NoProgramError("the C function was called by itself, with its callees replaced")
    return scenario


def c_program(problem: Problem, options: Options) -> str:
    """The program of a problem.  Raises :class:`NoProgramError`."""
    scenario = _scenario_of(problem)
    body = _body(scenario, problem.difference.expected, options)
    begin = _EXEC_MAIN if "until_eof" in body else ""
    if "processes_of_user" in body:
        begin += "\tcount_processes();\n"
    what = (
        "Exits with 0 where the kernel behaves, 1 and a line of what was wrong where it does\n"
        " * not, 2 where that cannot be told.  cc -o repro repro.c && ./repro"
    )
    return "\n".join(
        (
            _head(problem, scenario, what),
            "#define _GNU_SOURCE",
            _HEADERS,
            _guard(scenario, "\n".join((_LINUX_WORDS, body, _MAIN.replace("BEGIN", begin, 1)))),
        )
    )


def atf_test(problem: Problem, options: Options) -> str:
    """The same as a test case for NetBSD's own suite.  Raises :class:`NoProgramError`."""
    scenario = _scenario_of(problem)
    body = _body(scenario, problem.difference.expected, options)
    if "until_eof" in body:
        raise NoProgramError("a test case cannot be executed anew, as exec asks for")
    name = problem.name.replace("-", "_")
    root = '\tatf_tc_set_md_var(tc, "require.user", "root");\n'
    test = f"""\
ATF_TC({name});
ATF_TC_HEAD({name}, tc)
{{

	atf_tc_set_md_var(tc, "descr", "PR kern/XXXXX: " {_quoted(problem.clause.says)});
{root if needs_root(scenario) else ""}}}

ATF_TC_BODY({name}, tc)
{{
	int status;

{"	count_processes();" + chr(10) if "processes_of_user" in body else ""}	status = run();
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
    return "\n".join((head, "#define _GNU_SOURCE", _HEADERS, "#include <atf-c.h>\n", body, test))
