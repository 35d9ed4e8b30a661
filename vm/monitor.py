"""QEMU's monitor: what QMP says, over a connection that is there already."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from vm.errors import GuestError

if TYPE_CHECKING:
    from qemu.qmp.legacy import QEMUMonitorProtocol

#: Seconds that QEMU has for a command; a stopped or wedged one never answers.
ANSWER = 10.0


class Monitor:
    """Steers one QEMU."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._protocol: QEMUMonitorProtocol | None = None

    def connect(self) -> None:
        """Hear QEMU's greeting.  Raises :class:`GuestError` where there is none."""
        # Takes its time to import, in which a machine that was started before starts.
        from qemu.qmp import QMPError
        from qemu.qmp.legacy import QEMUMonitorProtocol

        self._protocol = QEMUMonitorProtocol(self._connection)
        self._protocol.settimeout(ANSWER)
        try:
            self._protocol.connect()
        except (TimeoutError, QMPError, OSError, EOFError) as error:
            raise GuestError(f"QEMU's monitor does not answer: {error}") from None

    def command(self, name: str, arguments: Mapping[str, object] | None = None) -> object:
        """Have QEMU do something.  Raises :class:`GuestError` where it does not."""
        from qemu.qmp import QMPError

        if self._protocol is None:
            self.connect()
        assert self._protocol is not None
        try:
            return self._protocol.cmd(name, **(arguments or {}))
        except (TimeoutError, QMPError, OSError, EOFError) as error:
            said = str(error) or "no answer"
            raise GuestError(f"QEMU did not do {name!r}: {said}") from None

    def close(self) -> None:
        """Hang up."""
        from qemu.qmp import QMPError

        if self._protocol is not None:
            # QEMU may have ended, in the middle of a word.
            with suppress(QMPError, OSError, EOFError):
                self._protocol.close()
        self._connection.close()
