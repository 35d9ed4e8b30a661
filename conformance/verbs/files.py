"""Descriptors, the directory, the umask: how programs draw it, and its C."""

from __future__ import annotations

from conformance.verbs.drawing import (
    DESCRIPTORS,
    FILES,
    PIPE_ENDS,
    PIPES,
    Dice,
    nothing,
    one_of,
    only,
)
from conformance.verbs.entry import C, Drawn, Hazard, Topic, verb
from conformance.verbs.scene import Args, Scene

_NOT_OPEN = Hazard(
    "the descriptor is not open",
    "what a request that failed leaves is not in the model",
    lambda scene, args: int(args[0]) not in scene.own.p_fd.fd_dt,
    unforeseen=True,
)


def _dup2(dice: Dice, scene: Scene) -> Args:
    """Draws two descriptors of one kind, so that what is behind each stays known."""
    kind = dice.pick((FILES, FILES, PIPE_ENDS))
    return (dice.pick(kind), dice.pick(kind))


def _lseek(dice: Dice, scene: Scene) -> Args:
    return (dice.pick(FILES), str(dice.below(10)))


verb("open", Drawn(Topic.FILES, 3, "", one_of(*FILES)), C("open", "open_as({i}, {0});"))
verb(
    "close",
    Drawn(Topic.FILES, 3, "FILES", one_of(*DESCRIPTORS)),
    C("saw_result", 'saw_result({i}, close({0}), "ok");'),
)
verb(
    "dup2",
    Drawn(Topic.FILES, 3, "FILES", _dup2),
    C("saw_result", "saw_result({i}, dup2({0}, {1}), NULL);"),
)
verb(
    "lseek",
    Drawn(Topic.FILES, 3, "FILES", _lseek),
    C("saw_result", "saw_result({i}, (long)lseek({0}, {1}, SEEK_SET), NULL);"),
)
verb(
    "tell",
    Drawn(Topic.FILES, 4, "FILES", one_of(*FILES)),
    C("saw_result", "saw_result({i}, (long)lseek({0}, 0, SEEK_CUR), NULL);"),
)
verb(
    "pipe",
    Drawn(Topic.EXEC, 3, "", lambda dice, scene: dice.pick(PIPES)),
    C("pipe", "pipe_as({i}, {0}, {1});"),
)
verb(
    "clofork",
    Drawn(Topic.FILES, 2, "FILES", one_of(*DESCRIPTORS)),
    C("clofork", "set_clofork({i}, {0});"),
)
verb(
    "cloexec",
    Drawn(Topic.EXEC, 2, "", one_of(*DESCRIPTORS)),
    C("saw_result", 'saw_result({i}, ioctl({0}, FIOCLEX), "ok");'),
)
verb(
    "chdir",
    Drawn(Topic.DIRECTORY, 3, "", one_of("/", "/dev")),
    C("saw_result", 'saw_result({i}, chdir("{0}"), "ok");'),
)
verb("getcwd", Drawn(Topic.DIRECTORY, 4, "CWD", nothing), C("getcwd", "look_at_folder({i});"))
verb(
    "umask",
    Drawn(Topic.DIRECTORY, 3, "CWD", one_of("022", "077", "0")),
    C("umask", "set_umask({i}, {0});"),
)
verb(
    "aio_read",
    Drawn(Topic.AIO, 3, "NO-AIO", one_of(*FILES), (_NOT_OPEN,)),
    C("aio_read", "read_asynchronously({i}, {0});"),
)
verb(
    "aio_error",
    Drawn(Topic.AIO, 3, "NO-AIO", nothing),
    C("aio", "saw_result({i}, (long)syscall(SYS_aio_error, &request), NULL);"),
)
verb(
    "mq_open",
    Drawn(Topic.MQUEUES, 5, "MQUEUE-COUNT", one_of("28", "29", "28", "29", "30")),
    C("mq_open", "open_queue({i}, {0});"),
)
verb(
    "mq_open_max",
    Drawn(Topic.MQUEUES, 3, "", only(lambda scene: scene.is_root_user, one_of("1", "2", "3"))),
    C("set_knob saw_result", 'saw_result({i}, set_knob(MQ_OPEN_MAXIMUM, {0}), "ok");'),
)
