"""The options of the commands: each one's name, meaning and group, said once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final

from conformance.scenarios.families import DEFAULT_SEED
from vm.machine import MACHINES
from vm.release import MIRROR
from vm.system import BUSES

#: The targets of this version.
TARGETS: Final = ("local", "netbsd", "source", "ssh")
RELEASE: Final = "VERSION-OR-URL-OR-DIR"
#: The headings of the groups in which ``--help`` shows the options of a run.
KERNEL, SCENARIOS, TIME, OUTPUT = "which kernel", "which scenarios", "how long", "output"

#: What adds one option: argparse's ``add_argument`` or pytest's ``addoption``.
Add = Callable[..., object]


def _option(text: str, *, default: Any = None, group: str = KERNEL, **more: Any) -> Any:
    """Returns a field of :class:`Wanted` that is also an option of the command line."""
    if default is True or default is False:
        more["action"] = "store_true"
    else:
        more["default"] = default
    return field(default=default, metadata={"group": group, "option": {"help": text, **more}})


@dataclass(frozen=True, slots=True)
class Wanted:
    """The kernel that was asked for.  Each field is an option of the same name."""

    target: str = _option(
        "kind of kernel; auto, the default, takes the one that another option names, else a "
        "NetBSD guest if a kernel and QEMU are there, else this machine's kernel",
        default="auto",
        metavar="|".join(("auto", *TARGETS)),
    )
    kernel: Path | None = _option("boot this NetBSD kernel in QEMU", type=Path, metavar="FILE")
    release: str | None = _option("boot this NetBSD release's kernel in QEMU", metavar=RELEASE)
    mirror: str = _option(
        f"where releases are fetched from; default: {MIRROR}", default=MIRROR, metavar="URL"
    )
    full: bool = _option(
        "with --release: install its sets base and etc, and reach it by ssh", default=False
    )
    image: Path | None = _option(
        "boot this disk image in QEMU, and reach it by ssh", type=Path, metavar="FILE"
    )
    user: str = _option("account on the image; default: root", default="root")
    bus: str = _option(
        "disk bus of --image; default: virtio", default="virtio", choices=tuple(BUSES)
    )
    machine: str | None = _option(
        "QEMU's machine type; default: what the kernel needs", choices=tuple(MACHINES)
    )
    accel: str | None = _option(
        "QEMU's accelerator; default: kvm if it works, else tcg", choices=("kvm", "tcg")
    )
    cpus: int = _option("virtual CPUs of a guest; default: 1", default=1, type=int, metavar="N")
    guests: int = _option(
        "number of guests to run in parallel; default: 1", default=1, type=int, metavar="N"
    )
    host: str | None = _option("run on this machine, by ssh", metavar="USER@HOST[:PORT]")
    identity: Path | None = _option("private key for --host or --image", type=Path, metavar="FILE")
    known_hosts: Path | None = _option(
        "file that must have the key of --host", type=Path, metavar="FILE"
    )
    patience: float = _option(
        "seconds before a step counts as hung; default: 2",
        default=2.0,
        group=TIME,
        type=float,
        metavar="SECONDS",
    )

    @property
    def named(self) -> bool:
        """Whether any target was asked for."""
        return self.target != "auto" or any(getattr(self, name) for name in NAMES_A_SYSTEM)

    @classmethod
    def from_options(cls, option: Callable[[str], Any]) -> Wanted:
        """Returns what the options say; *option* gives the value of one by its name."""
        return cls(**{one.name: option(one.name) for one in fields(cls)})


#: The options that each name a system to run on, and the target that runs it.
NAMES_A_SYSTEM: Final = {"kernel": "netbsd", "release": "netbsd", "image": "netbsd", "host": "ssh"}


def add_target_options(add: Add, time: Add | None = None) -> None:
    """Adds the fields of :class:`Wanted`; those of the group TIME with *time*, if it is given."""
    for one in fields(Wanted):
        chosen = time if time is not None and one.metadata["group"] == TIME else add
        chosen(f"--{one.name.replace('_', '-')}", **one.metadata["option"])


def add_kern_fork(add: Add) -> None:
    """Adds ``--kern-fork``."""
    add("--kern-fork", type=Path, metavar="FILE", help="compile this kern_fork.c and call it")


def add_only(add: Add) -> None:
    """Adds what chooses among the scenarios of the families."""
    add(
        "--only",
        action="extend",
        type=_split,
        default=[],
        metavar="NAME,...",
        help="only these families, clauses or scenarios; '*' in a scenario's name stands for "
        "anything",
    )
    add(
        "--seed",
        type=int,
        default=DEFAULT_SEED,
        metavar="N",
        help=f"seed for random scenarios; default: {DEFAULT_SEED}",
    )


def _split(text: str) -> list[str]:
    """Returns the names of ``A,B``."""
    return [name for name in text.split(",") if name]


def add_scenario_files(add: Add) -> None:
    """Adds ``--scenarios``."""
    add(
        "--scenarios",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help="the scenarios of this text file instead of the families'; may be given again",
    )


def add_repeat(add: Add) -> None:
    """Adds ``--repeat``."""
    add(
        "--repeat",
        type=int,
        metavar="N",
        help="repeat each difference N times for the report; default: 20 times, or as often as "
        "20 seconds allow",
    )


def add_force(add: Add) -> None:
    """Adds ``--force``."""
    add("--force", action="store_true", help="replace a report that is already there")


def add_known(add: Add) -> None:
    """Adds ``--known``."""
    add("--known", type=Path, metavar="FILE", help="file of known issues, in TOML")
