"""The ways to make a child, by the names that scenarios have for them."""

from __future__ import annotations

#: The calls as a scenario writes them; ``{child}`` is the name of the child.
CALLS = {
    "fork": "fork {child}",
    "vfork": "vfork {child}",
    "__vfork14": "__vfork14 {child}",
    "clone": "__clone SIGCHLD {child}",
    "clone-vm": "__clone CLONE_VM|SIGCHLD {child}",
    "clone-fs": "__clone CLONE_FS|SIGCHLD {child}",
    "clone-files": "__clone CLONE_FILES|SIGCHLD {child}",
    "clone-sighand": "__clone CLONE_VM|CLONE_SIGHAND|SIGCHLD {child}",
    "clone-vfork": "__clone CLONE_VFORK|SIGCHLD {child}",
    "clone-vm-vfork": "__clone CLONE_VM|CLONE_VFORK|SIGCHLD {child}",
    "clone-all": "__clone CLONE_VM|CLONE_FS|CLONE_FILES|CLONE_SIGHAND|SIGCHLD {child}",
}


def calls(*names: str) -> dict[str, str]:
    """Returns the calls of these names, in this order."""
    return {name: CALLS[name] for name in names}
