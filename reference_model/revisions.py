"""The revisions of NetBSD's files on which the model's answers depend, apart from kern_fork.c.

Each file has its own revision, so a kernel may have the newest kern_fork.c and an older kern_sig.c.
A place in the model that depends on another file asks :meth:`State.has` for a change of that file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

#: A revision: 1.410 is (1, 410), and 1.531.2.1 is the first revision of a branch that left 1.531.
Revision = tuple[int, ...]


def revision(text: str) -> Revision:
    """Returns the revision that *text* writes, such as ``1.531.2.1``."""
    return tuple(int(part) for part in text.split("."))


@dataclass(frozen=True, slots=True)
class FileChange:
    """A change of a file: its revision on the trunk, and the revisions that pulled it up."""

    file: str
    since: Revision
    pulled_up: tuple[Revision, ...] = ()

    def included(self, have: Revision) -> bool:
        """Returns whether a file of revision *have* has the change.

        A branch has what the trunk had when the branch left it, and what was pulled up since.
        """
        return have[:2] >= self.since or any(
            have[: len(up) - 1] == up[:-1] and have[len(up) - 1 :] >= up[-1:]
            for up in self.pulled_up
        )


#: The changes on which an answer of the model depends, by name.
CHANGES: Final[Mapping[str, FileChange]] = {
    # ksiginfo_exechook() cleared all pending signals at the end of execve(): kern_sig.c 1.409,
    # lines 444-464.
    "exec-keeps-pending-signals": FileChange("kern_sig.c", (1, 410)),
}
#: The files on which an answer depends.
FILES: Final = tuple(sorted({change.file for change in CHANGES.values()}))
#: The revisions of these files in each branch of NetBSD, or later ones with the same behaviour.
OF_RELEASE: Final[Mapping[int, Mapping[str, Revision]]] = {
    8: {"kern_sig.c": (1, 409)},
    9: {"kern_sig.c": (1, 409)},
    10: {"kern_sig.c": (1, 409)},
    11: {"kern_sig.c": (1, 410)},
}
#: The newest revisions that the model knows.
NEWEST_FILES: Final = OF_RELEASE[11]
