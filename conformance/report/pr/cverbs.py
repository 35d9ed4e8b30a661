"""The C of each step of a scenario, and what of ``parts/`` that C needs."""

from __future__ import annotations

import re
from itertools import zip_longest

from reference_model import Step
from reference_model.language.scenario import ADDRESSES, ANONYMOUS, SIGNAL_SETS, VERBS

#: For each verb: the parts that its C needs, and that C.  ``{i}`` is the step's number, ``{me}``
#: who takes it, ``{0}`` to ``{2}`` are its arguments as :func:`_argument` writes them.
PROGRAM_VERBS: dict[str, tuple[str, str]] = {
    "fork": ("birth", "give_birth({i}, {me}, FORK, NULL, {0});"),
    "vfork": ("birth", "give_birth({i}, {me}, VFORK, NULL, {0});"),
    "__vfork14": ("birth", "give_birth({i}, {me}, VFORK14, NULL, {0});"),
    "__clone": ("birth", "give_birth({i}, {me}, CLONE({0}), {2}, {1});"),
    "retval1": ("retval1", "look_at_second_value({i}, {me});"),
    "stack": ("stack", 'saw({i}, "%s", first_stack[{me}]);'),
    "exit": ("saw", 'saw({i}, "ok");\n_exit({0});'),
    "exec": ("exec saw", 'saw({i}, "ok");\nbecome_reader({0});'),
    "getppid": ("saw", 'saw({i}, "@%d", (int)getppid());'),
    "kill": (
        "saw_result nap",
        'result = kill({0}, {1});\nnap(SETTLE);\nsaw_result({i}, result, "ok");',
    ),
    "wait4": ("wait4", "wait_for({i}, {0}, {1});"),
    "store": ("saw word", 'word = {0};\nsaw({i}, "ok");'),
    "load": ("saw word", 'saw({i}, "%ld", word);'),
    "minherit": ("page saw_result", 'saw_result({i}, minherit(page, sizeof(page), {0}), "ok");'),
    "page_store": ("page_word", "page_word({i}, 1, {0});"),
    "page_load": ("page_word", "page_word({i}, 0, 0);"),
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
    "clofork": ("clofork", "set_clofork({i}, {0});"),
    "kinfo": ("look", "if (look({i}, {0}))\n\t{field}"),
    "compare": ("look_at_both", "if (look_at_both({i}, {0}, {1}))\n\t{field}"),
    "flags": (
        "look process_flags",
        "if (look({i}, {0}))\n"
        '\tsaw({i}, "%s", NAMES_OF(process_flags, (unsigned)kp.p_realflag & ({1})));',
    ),
    "nice": ("saw_result", 'saw_result({i}, setpriority(PRIO_PROCESS, 0, {0}), "ok");'),
    "sleep": ("saw nap", 'nap({0} * 1000L);\nsaw({i}, "ok");'),
    "tick": ("saw wait_for_ticks", 'wait_for_ticks();\nsaw({i}, "ok");'),
    "setitimer": ("setitimer", "set_timer({i}, {0});"),
    "getitimer": ("getitimer", "look_at_timer({i}, {0});"),
    "childrens_usage": ("childrens_usage", "look_at_usage({i});"),
    "sigaltstack": ("sigaltstack", "set_signal_stack({i}, {0});"),
    "nocldstop": ("default_sigchld", "default_sigchld({i}, SA_NOCLDSTOP);"),
    "nocldwait": ("default_sigchld", "default_sigchld({i}, SA_NOCLDWAIT);"),
    "setsid": ("saw_result", 'saw_result({i}, setsid() == -1 ? -1 : 0, "ok");'),
    "controlling_tty": ("controlling_tty", "set_terminal({i});"),
    "setprivate": ("private saw", '_lwp_setprivate(private + {0});\nsaw({i}, "ok");'),
    "getprivate": ("private saw", 'saw({i}, "%ld", (long)((char *)_lwp_getprivate() - private));'),
    "_lwp_ctl": ("lwpctl saw_result", 'saw_result({i}, lwp_control(), "ok");'),
    "lc_pctr": ("lc_pctr", "look_at_switches({i});"),
    "rasctl": ("rasctl", 'saw_result({i}, rasctl(sequence, sizeof(sequence), {0}), "ok");'),
    "profil": (
        "profil",
        'saw_result({i}, profil(samples, sizeof(samples), 0, 1 << 16), "ok");',
    ),
    "aio_read": ("aio_read", "read_asynchronously({i}, {0});"),
    "aio_error": ("aio", "saw_result({i}, (long)syscall(SYS_aio_error, &request), NULL);"),
    "stopfork": ("stop_flag", "set_stop_flag({i}, {0}, PROC_PID_STOPFORK, {1});"),
    "stopexec": ("stop_flag", "set_stop_flag({i}, {0}, PROC_PID_STOPEXEC, {1});"),
    "stopped": ("stopped", "look_for_stopped({i}, {0});"),
    "fork_counts": ("fork_counts", "look_at_counts({i});"),
    "maxproc": ("maxproc", "set_maxproc({i}, {0});"),
    "forkfsleep": ("set_knob saw_result", 'saw_result({i}, set_knob(FORKFSLEEP, {0}), "ok");'),
    "took": ("took", "look_at_sleep({i}, {me}, {0});"),
    "tablefull": ("tablefull", "look_for_message({i});"),
    "kqueue": ("kqueue", "kqueue_as({i}, {0});"),
    "watch": ("watch", "watch({i}, {0}, {1}, {2});"),
    "kevent": ("kevent", "look_at_events({i}, {0});"),
    "ktrace": (
        "ktrace saw_result",
        'saw_result({i}, fktrace({0}, KTROP_SET | KTRFACv2, {2}, {1}), "ok");',
    ),
    "ktrace_end": (
        "ktrace saw_result",
        'saw_result({i}, fktrace({0}, KTROP_CLEARFILE | KTRFACv2, ~0, 0), "ok");',
    ),
    "utrace": ("ktrace saw_result", 'saw_result({i}, utrace("step", NULL, 0), "ok");'),
    "records": ("records", "look_at_records({i}, {0}, {1});"),
    "spawn": ("spawn", "spawn({i}, {0});"),
    "PT_ATTACH": (
        "ptrace saw_result",
        'saw_result({i}, ptrace(PT_ATTACH, {0}, NULL, 0), "ok");',
    ),
    "PT_SET_EVENT_MASK": ("set_events", "set_events({i}, {0}, {1});"),
    "PT_GET_EVENT_MASK": ("get_events", "get_events({i}, {0});"),
    "PT_GET_PROCESS_STATE": ("get_state", "get_state({i}, {0});"),
    "PT_GET_SIGINFO": ("get_siginfo", "get_siginfo({i}, {0});"),
    "PT_CONTINUE": (
        "ptrace saw_result",
        'saw_result({i}, ptrace(PT_CONTINUE, {0}, (void *)1, {1}), "ok");',
    ),
    "PT_DETACH": (
        "ptrace saw_result",
        'saw_result({i}, ptrace(PT_DETACH, {0}, (void *)1, 0), "ok");',
    ),
    "PT_KILL": ("ptrace saw_result", 'saw_result({i}, ptrace(PT_KILL, {0}, NULL, 0), "ok");'),
    "PT_TRACE_ME": (
        "ptrace saw_result",
        'saw_result({i}, ptrace(PT_TRACE_ME, 0, NULL, 0), "ok");',
    ),
    "PT_SET_SIGPASS": ("set_sigpass", "set_sigpass({i}, {0}, (const int[]){{ {1}, 0 }});"),
    "PT_GET_SIGPASS": ("get_sigpass", "get_sigpass({i}, {0});"),
}

#: And the verbs that have none, each with the reason.
WITHOUT_PROGRAM = dict.fromkeys(
    ("_lwp_create", "_lwp_exit"),
    "a program tells who takes steps by process ID, and LWPs share theirs",
)

_SAME = 'saw({{i}}, {} ? "same" : "other");'

#: The same for each field of ``kinfo``, where kp is the process's.
PROGRAM_FIELDS: dict[str, tuple[str, str]] = {
    "p_nice": ("", 'saw({i}, "%d", (int)kp.p_nice - NZERO);'),
    "p_exitsig": ("signal_name", 'saw({i}, "%s", kp.p_exitsig ? signal_name(kp.p_exitsig) : "0");'),
    "p_acflag": (
        "accounting_flags",
        'saw({i}, "%s", NAMES_OF(accounting_flags, (unsigned)kp.p_acflag));',
    ),
    "p_ename": ("", 'saw({i}, "%s", kp.p_ename);'),
    "p_traceflag": (
        "trace_facilities",
        'saw({i}, "%s", NAMES_OF(trace_facilities, (unsigned)kp.p_traceflag & KTRFAC_SHOWN));',
    ),
    "p_nlwps": ("", 'saw({i}, "%d", (int)kp.p_nlwps);'),
    "p_realstat": ("state_name", 'saw({i}, "%s", state_name(kp.p_realstat));'),
    "p_comm": ("look_at_command", "look_at_command({i}, {0});"),
    "p_ppid": ("", 'saw({i}, "@%d", (int)kp.p_ppid);'),
    "p_sigmask": ("is_member", 'saw({i}, "%s", is_member(&kp.p_sigmask, {2}));'),
    "p_sigignore": ("is_member", 'saw({i}, "%s", is_member(&kp.p_sigignore, {2}));'),
}

#: And for those of ``compare``, where other is the other process's.
_PROGRAM_COMPARED: dict[str, tuple[str, str]] = {
    "p_ename": ("", _SAME.format("strcmp(kp.p_ename, other.p_ename) == 0")),
    "p_comm": ("", _SAME.format("strcmp(kp.p_comm, other.p_comm) == 0")),
    "p_traceflag": (
        "KTRFAC_SHOWN",
        _SAME.format("((kp.p_traceflag ^ other.p_traceflag) & KTRFAC_SHOWN) == 0"),
    ),
    **{
        field: ("", _SAME.format(f"memcmp(&kp.{field}, &other.{field}, sizeof(kp.{field})) == 0"))
        for field in SIGNAL_SETS
    },
    "pathname": ("compare_paths", "compare_paths({i}, {0}, {1});"),
    "p_textvp": ("compare_texts", "compare_texts({i}, {0}, {1});"),
    "start": ("compare_starts", "compare_starts({i});"),
}


def _compared(field: str) -> tuple[str, str]:
    """The parts and the C for a field of ``compare``: most are numbers, or kernel addresses."""
    needs = "show_addresses" if field in ADDRESSES else ""
    return _PROGRAM_COMPARED.get(field, (needs, _SAME.format(f"kp.{field} == other.{field}")))


_WORDS = {
    "default": "SIG_DFL",
    "ignore": "SIG_IGN",
    "catch": "caught",
    "block": "SIG_BLOCK",
    "unblock": "SIG_UNBLOCK",
    "inf": "RLIM_INFINITY",
    "free1": "61001",
    "free2": "61002",
    "own": "own_stack",
    "real": "ITIMER_REAL",
    "virtual": "ITIMER_VIRTUAL",
    "prof": "ITIMER_PROF",
    "install": "RAS_INSTALL",
    "purge": "RAS_PURGE",
}
#: What an argument is that is left out.
_LEFT_OUT = {"stack": "NULL", "options": "0", "integer": "0", "signal": "0"}


def _argument(index: int, kind: str, text: str | None) -> str:
    """An argument of a step in C: a process where it is born is a name, elsewhere a pid."""
    if text is None:
        return _LEFT_OUT.get(kind, "")
    if kind in ("actor", "whom"):
        if text == ANONYMOUS:
            return f"last_nameless({index})"
        return "-1" if text == "any" else f"pid_of({text})"
    if text == ANONYMOUS:
        return "NAMELESS"
    if text in _WORDS:
        return _WORDS[text]
    if text.startswith("count"):
        return f"processes_of_user {text[5]} {text[6:]}"
    number = re.sub(r"\bSIG(\d+)\b", r"\1", text)
    return number.replace("|", ", " if kind == "signals" else " | ")


def statement(index: int, step: Step) -> tuple[frozenset[str], str]:
    """The names of the parts that a step's C needs, and that C."""
    needs, text = PROGRAM_VERBS[step.verb]
    arguments = list(zip_longest(VERBS[step.verb], step.args))
    words = [_argument(index, kind.rstrip("?"), text) for kind, text in arguments]
    if step.verb == "sigaction" and len(step.args) == 1:
        text = "look_at_disposition({i}, {0});"
    if step.verb in ("kinfo", "compare"):
        last = step.args[-1] if step.verb == "compare" else step.args[1]
        more, field = PROGRAM_FIELDS[last] if step.verb == "kinfo" else _compared(last)
        needs += f" {more}"
        text = text.replace("{field}", field)
    text = text.format(*words, i=index, me=step.actor)
    used = re.findall(r"\b(pid_of|last_nameless|caught|own_stack|processes_of_user)\b", text)
    return frozenset((*needs.split(), *used)), text
