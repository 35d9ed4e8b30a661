"""Reads facts about a running system with a shell there."""

from __future__ import annotations

import platform
import re
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from conformance.results.kernel import FileRevision
from reference_model import NEWEST
from reference_model.revisions import FILES, NEWEST_FILES, OF_RELEASE

#: Runs a script with ``sh`` on the system, and returns the lines that it prints.
Ask = Callable[[str], list[str]]
#: Returns the text of a file of the system, or None if it cannot be read.
Read = Callable[[str], str | None]

_CAP_SYS_ADMIN = 21
_STATUS = "/proc/self/status"
_NAMESPACES = "/proc/sys/user/max_user_namespaces"
_UNPRIVILEGED = "/proc/sys/kernel/unprivileged_userns_clone"
_READ = (_STATUS, _NAMESPACES, _UNPRIVILEGED)
_PATH = "PATH=$PATH:/bin:/usr/bin:/sbin:/usr/sbin\n"

# The RCS ids of the kernel's file, if that file is the running kernel's.
_RCS_IDS = (
    _PATH
    + """\
k=$(sysctl -n machdep.booted_kernel 2>/dev/null)
case $k in
/*) ;;
?*) k=/$k ;;
*) k=/netbsd ;;
esac
image() { gzip -dc "$k" 2>/dev/null || cat "$k" 2>/dev/null; }
image | grep -a -F -e "$(sysctl -n kern.version | head -n 1)" >/dev/null &&
    image | grep -a -o -E '(kern_fork|kern_sig)\\.c,v [0-9.]*'
"""
)
_RCS_ID = re.compile(r"([\w.]+\.c),v (\d+\.\d+(?:\.\d+\.\d+)*)\Z")
#: The first kern_fork.c of each branch of NetBSD, or a later one with the same behaviour; for a
#: kernel without a readable RCS id.
_OF_RELEASE = {8: (1, 202), 9: (1, 213), 10: (1, 229), 11: (1, 232)}


@dataclass(frozen=True, slots=True)
class KernFork:
    """A revision of kern_fork.c as its RCS id writes it, and whether it was only guessed."""

    text: str
    guessed: bool = False

    @property
    def revision(self) -> tuple[int, int]:
        """Returns its revision on the trunk, or the one where its branch left the trunk."""
        major, minor = self.text.split(".")[:2]
        return int(major), int(minor)


def ask_here(script: str) -> list[str]:
    """Runs *script* with ``sh`` on this machine; returns its lines."""
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=False)
    return done.stdout.splitlines()


def read_here(path: str) -> str | None:
    """Returns the text of a file of this machine, or None."""
    try:
        return Path(path).read_text(encoding="ascii")
    except OSError:
        return None


def reader(ask: Ask) -> Read:
    """Reads the files that this module needs on another machine; returns how to get them."""
    script = "".join(f"echo '= {path}'; cat {path} 2>/dev/null\n" for path in _READ)
    texts: dict[str, list[str]] = {}
    for line in ask(_PATH + script):
        if line.startswith("= "):
            texts[line[2:]] = lines = []
        else:
            lines.append(line)
    return lambda path: "\n".join(texts[path]) if texts.get(path) else None


def netbsd_revisions(ask: Ask, release: str) -> tuple[KernFork, tuple[FileRevision, ...]]:
    """Returns the revisions of a running NetBSD: of kern_fork.c, and of the other files.

    They come from its kernel file.  A file whose revision is not there is guessed.
    """
    found: dict[str, str] = {}
    for line in ask(_RCS_IDS):
        if match := _RCS_ID.match(line):
            found.setdefault(match[1], match[2])
    text = found.get("kern_fork.c")
    kern_fork = KernFork(text) if text else _guessed_kern_fork(release)
    return kern_fork, other_files(found, release)


def other_files(found: Mapping[str, str], release: str) -> tuple[FileRevision, ...]:
    """Returns the revisions of the files beside kern_fork.c on which answers depend.

    *found* are those that the kernel file tells; the others are guessed from the release.
    """
    guess = OF_RELEASE.get(_branch(release), NEWEST_FILES)
    return tuple(
        FileRevision(file, found[file])
        if file in found
        else FileRevision(file, ".".join(map(str, guess[file])), guessed=True)
        for file in FILES
    )


def _branch(release: str) -> int:
    """Returns the branch of a release; N.99 is the trunk on the way to N + 1."""
    match = re.match(r"(\d+)(\.99\.)?", release)
    return int(match[1]) + bool(match[2]) if match else 0


def _guessed_kern_fork(release: str) -> KernFork:
    guess = _OF_RELEASE.get(_branch(release), NEWEST)
    return KernFork(".".join(map(str, guess)), guessed=True)


def linux_before_6_9(release: str) -> bool:
    """Says whether a Linux is older than 6.9, which changed pidfds."""
    major, minor = re.findall(r"\d+", release)[:2]
    return (int(major), int(minor)) < (6, 9)


def linux_facts(read: Read = read_here, release: str = "") -> dict[str, bool]:
    """Returns the facts that select between two recorded outcomes on Linux."""
    status = (read(_STATUS) or "").splitlines()
    capabilities = next((line.split()[1] for line in status if line.startswith("CapEff")), "0")
    unprivileged = read(_UNPRIVILEGED)
    privileged = bool(int(capabilities, 16) >> _CAP_SYS_ADMIN & 1)
    allowed = int(read(_NAMESPACES) or 0) > 0
    if unprivileged is not None and not privileged:
        allowed = allowed and unprivileged.strip() == "1"
    return {
        "cap_sys_admin": privileged,
        "user_namespaces": allowed,
        "before_6_9": linux_before_6_9(release or platform.release()),
    }


def probe_folders(ask: Ask, system: str) -> set[str]:
    """Returns the folders of this user's probes that run now."""
    path = "'/[^ ]*/forkoracle-[A-Za-z0-9]{8}/probe'"
    if system == "Linux":
        names = 'set --\nfor p in /proc/[0-9]*/cmdline; do [ -O "$p" ] && set -- "$@" "$p"; done\n'
        lines = ask(_PATH + names + f'grep -hsaoE {path} "$@"')
    else:
        own = 'grep "^ *$(id -u -r) "'
        lines = ask(_PATH + f"ps -A -ww -o ruid= -o args= | {own} | grep -oE {path}")
    return {line.rpartition("/")[0] for line in lines}


def real_uids(ask: Ask, system: str) -> list[int]:
    """Returns the real user ID of each process (Linux: thread), without the asking shell."""
    found: list[int] = []
    if system != "Linux":
        shell, *lines = ask(_PATH + "echo $$; ps -A -o ppid= -o ruid=")
        pairs = (line.split() for line in lines)
        return [int(pair[1]) for pair in pairs if len(pair) == 2 and pair[0] != shell]
    # The shell expands the names before it starts grep, so grep is not counted.
    names = "set -- /proc/[0-9]*/status\n"
    for line in ask(_PATH + names + "grep -hsE '^(Uid|Threads):' \"$@\""):
        word, value = line.split()[:2]
        if word == "Uid:":
            found.append(int(value))
        else:
            found += [found[-1]] * (int(value) - 1)
    return found
