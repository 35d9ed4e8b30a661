"""QEMU's monitor: QMP over an open connection."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from vm.errors import GuestError

if TYPE_CHECKING:
    from qemu.qmp.legacy import QEMUMonitorProtocol

#: Maximum number of seconds for a command; a stopped QEMU never answers.
ANSWER = 10.0


class Monitor:
    """Controls one QEMU."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._protocol: QEMUMonitorProtocol | None = None

    def connect(self) -> None:
        """Reads QEMU's greeting.  Raises :class:`GuestError` if none comes."""
        # The import is slow; a machine that was started before it boots meanwhile.
        from qemu.qmp import QMPError
        from qemu.qmp.legacy import QEMUMonitorProtocol

        self._protocol = QEMUMonitorProtocol(self._connection)
        self._protocol.settimeout(ANSWER)
        try:
            self._protocol.connect()
        except (TimeoutError, QMPError, OSError, EOFError) as error:
            raise GuestError(f"QEMU's monitor does not answer: {error}") from None

    def command(self, name: str, arguments: Mapping[str, object] | None = None) -> object:
        """Runs a command of QEMU; returns its answer.  Raises :class:`GuestError` if it fails."""
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
        """Closes the connection."""
        if self._protocol is not None:
            from qemu.qmp import QMPError

            # QEMU may have ended in the middle of a message.
            with suppress(QMPError, OSError, EOFError):
                self._protocol.close()
        self._connection.close()
