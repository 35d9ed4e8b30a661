"""NetBSD's headers, as ziglang ships them: asked by compiling."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

HEADERS = (
    "sys/types.h",
    "sys/sched.h",
    "sys/signal.h",
    "sys/siginfo.h",
    "sys/errno.h",
    "sys/wait.h",
    "sys/mman.h",
    "sys/resource.h",
    "sys/ptrace.h",
    "sys/syscall.h",
    "sys/sysctl.h",
    "sys/acct.h",
    "sys/event.h",
    "sys/ktrace.h",
)


def wrong_constants(target: str, constants: dict[str, int], folder: Path) -> set[str]:
    """The names whose values the headers of *target* do not confirm."""
    source = folder / "constants.c"
    lines = [f"#include <{header}>" for header in HEADERS]
    lines += [f'_Static_assert({n} == {v:#x}, "WRONG {n}.");' for n, v in constants.items()]
    source.write_text("\n".join(lines) + "\nint no_empty_file;\n", encoding="ascii")
    command = [sys.executable, "-m", "ziglang", "cc", "-target", target, "-c", "-ferror-limit=0"]
    done = subprocess.run(
        [*command, "-o", str(folder / "constants.o"), str(source)],
        capture_output=True,
        text=True,
        check=False,
    )
    wrong = set(re.findall(r"WRONG (\w+)\.$", done.stderr, re.MULTILINE))
    assert bool(done.returncode) == bool(wrong), done.stderr
    return wrong
