"""What the kernel tells of a process: how programs draw it, and its C."""

from __future__ import annotations

from conformance.verbs.drawing import Dice, any_signal
from conformance.verbs.entry import C, Drawn, Hazard, Topic, verb
from conformance.verbs.scene import Args, Scene
from reference_model.language.netbsd import P_FLAGS
from reference_model.language.scenario import ADDRESSES, FIELDS, SHOWN_FIELDS, SIGNAL_SETS

_SHOWN_CLAUSES = {
    "p_nice": "ZERO-AND-COPY",
    "p_comm": "ZERO-AND-COPY",
    "p_exitsig": "EXIT-SIGNAL",
    "p_acflag": "ACCOUNTING-FLAG",
    "p_ename": "EMULATION-INHERITED",
    "p_traceflag": "KTRACE-INHERITED",
    "p_nlwps": "FRESH-LISTS",
    "p_realstat": "RUNNABLE",
    "p_ppid": "ORIGINAL-PARENT",
    "p_sigmask": "LWP",
    "p_sigignore": "ZERO-AND-COPY",
}
_FIELD_CLAUSES = _SHOWN_CLAUSES | {
    "p__pgid": "PROCESS-LISTS",
    "p_sess": "PROCESS-LISTS",
    "p_fd": "FILES",
    "p_cwdi": "CWD",
    "p_limit": "LIMITS",
    "p_vmspace": "ADDRESS-SPACE",
    "p_sigacts": "SIGNAL-ACTIONS",
    "p_stats": "STATS",
    "p_tracep": "KTRACE-INHERITED",
    "p_textvp": "TEXT-AND-PATH",
    "pathname": "TEXT-AND-PATH",
    "start": "START-TIME",
}
#: The fields that are compared: a set of signals is only ever asked for one of them.
_COMPARED = tuple(field for field in FIELDS if field not in SIGNAL_SETS)


def _cannot_be_foreseen(scene: Scene, args: Args) -> bool:
    *names, field = args
    one, other = map(scene.proc, names)
    return field == "start" and one is not other and one.p_stats.p_start == other.p_stats.p_start


def _are_root_and_orphan(scene: Scene, args: Args) -> bool:
    *names, field = args
    one, other = map(scene.proc, names)
    init = scene.machine.k.initproc.p_pid
    if field != "p_ppid" or not one.p_ppid == other.p_ppid == init:
        return False
    return (one.p_oppid == 0) != (other.p_oppid == 0)


_SAME_TICK = Hazard(
    "the field is `start`, and no tick lies between the births",
    "which is later depends on the clock",
    _cannot_be_foreseen,
    unforeseen=True,
)
_ROOT_AND_ORPHAN = Hazard(
    "the field is `p_ppid`, and one process is a root and the other an orphan",
    "where the probe is in init's place, the roots have another parent",
    _are_root_and_orphan,
    unforeseen=True,
)


def _kinfo(dice: Dice, scene: Scene) -> Args | None:
    field = dice.pick(SHOWN_FIELDS)
    signal = (any_signal(dice),) if field in SIGNAL_SETS else ()
    return (dice.pick(scene.living()), field, *signal)


def _compare(dice: Dice, scene: Scene) -> Args | None:
    living = scene.living()
    return (dice.pick(living), dice.pick(living), dice.pick(_COMPARED))


def _flags(dice: Dice, scene: Scene) -> Args | None:
    return (dice.pick(scene.living()), dice.some(tuple(P_FLAGS)))


_SAME = 'saw({{i}}, {} ? "same" : "other");'

#: The C that shows a field of the process behind kp.
FIELDS_IN_C: dict[str, C] = {
    "p_nice": C("", 'saw({i}, "%d", (int)kp.p_nice - NZERO);'),
    "p_exitsig": C(
        "signal_name", 'saw({i}, "%s", kp.p_exitsig ? signal_name(kp.p_exitsig) : "0");'
    ),
    "p_acflag": C(
        "accounting_flags",
        'saw({i}, "%s", NAMES_OF(accounting_flags, (unsigned)kp.p_acflag));',
    ),
    "p_ename": C("", 'saw({i}, "%s", kp.p_ename);'),
    "p_traceflag": C(
        "trace_facilities",
        'saw({i}, "%s", NAMES_OF(trace_facilities, (unsigned)kp.p_traceflag & KTRFAC_SHOWN));',
    ),
    "p_nlwps": C("", 'saw({i}, "%d", (int)kp.p_nlwps);'),
    "p_realstat": C("state_name", 'saw({i}, "%s", state_name(kp.p_realstat));'),
    "p_comm": C("look_at_command", "look_at_command({i}, {0});"),
    "p_ppid": C("", 'saw({i}, "@%d", (int)kp.p_ppid);'),
    "p_sigmask": C("is_member", 'saw({i}, "%s", is_member(&kp.p_sigmask, {2}));'),
    "p_sigignore": C("is_member", 'saw({i}, "%s", is_member(&kp.p_sigignore, {2}));'),
}

#: The C that compares a field of kp and other, where that is not simply ==.
_COMPARED_IN_C: dict[str, C] = {
    "p_ename": C("", _SAME.format("strcmp(kp.p_ename, other.p_ename) == 0")),
    "p_comm": C("", _SAME.format("strcmp(kp.p_comm, other.p_comm) == 0")),
    "p_traceflag": C(
        "KTRFAC_SHOWN",
        _SAME.format("((kp.p_traceflag ^ other.p_traceflag) & KTRFAC_SHOWN) == 0"),
    ),
    **{
        field: C("", _SAME.format(f"memcmp(&kp.{field}, &other.{field}, sizeof(kp.{field})) == 0"))
        for field in SIGNAL_SETS
    },
    "pathname": C("compare_paths", "compare_paths({i}, {0}, {1});"),
    "p_textvp": C("compare_texts", "compare_texts({i}, {0}, {1});"),
    "start": C("compare_starts", "compare_starts({i});"),
}


def _shown_in_c(args: Args) -> C:
    field = FIELDS_IN_C[args[1]]
    return C(f"look {field.parts}", f"if (look({{i}}, {{0}}))\n\t{field.text}")


def _compared_in_c(args: Args) -> C:
    """Returns the C for a field: most are numbers, or addresses in the kernel."""
    name = args[2]
    needs = "show_addresses" if name in ADDRESSES else ""
    field = _COMPARED_IN_C.get(name, C(needs, _SAME.format(f"kp.{name} == other.{name}")))
    return C(
        f"look_at_both {field.parts}", f"if (look_at_both({{i}}, {{0}}, {{1}}))\n\t{field.text}"
    )


verb("kinfo", Drawn(Topic.INSPECTION, 9, lambda args: _SHOWN_CLAUSES[args[1]], _kinfo), _shown_in_c)
verb(
    "compare",
    Drawn(
        Topic.INSPECTION,
        7,
        lambda args: _FIELD_CLAUSES[args[2]],
        _compare,
        (_SAME_TICK, _ROOT_AND_ORPHAN),
    ),
    _compared_in_c,
)
verb(
    "flags",
    Drawn(Topic.INSPECTION, 4, "FLAGS-INHERITED", _flags),
    C(
        "look process_flags",
        "if (look({i}, {0}))\n"
        '\tsaw({i}, "%s", NAMES_OF(process_flags, (unsigned)kp.p_realflag & ({1})));',
    ),
)
