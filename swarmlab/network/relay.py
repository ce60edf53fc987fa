"""Connections that are relayed to where a program listens on this machine."""

import asyncio
import contextlib
import errno
import socket
from collections.abc import AsyncIterator, Callable
from typing import NamedTuple

from swarmlab.network.ports import SocketName
from swarmlab.network.side import Side
from swarmlab.network.traffic import Meter, Traffic


class Door(NamedTuple):
    """Where a connection goes on this machine, and how the program there learns where it comes from.

    `greeting` is what it is sent first. `origins` is told the `source` by our end of the connection while that lasts.
    What goes through is counted as received there and as sent by the one who comes, and the other way about.
    """

    host: str
    port: int
    source: str = ""
    greeting: bytes = b""
    origins: dict[SocketName, str] | None = None
    there: Traffic | None = None
    comes: Traffic | None = None

    async def enter(self) -> tuple[Side, Callable[[], object]]:
        """Connect. Our end, which does not read yet, and what to call when the connection is over. Raises OSError."""
        connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        connection.setblocking(False)
        over = contextlib.ExitStack()
        try:
            if self.origins is not None and self.source:
                # Before it connects: the program may ask as soon as it has accepted.
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                connection.bind(("127.0.0.1", 0))
                over.callback(self.origins.pop, connection.getsockname(), None)
                self.origins[connection.getsockname()] = self.source
            await _connect(connection, (self.host, self.port))
            # A line, which a new connection has room for.
            connection.send(self.greeting)
        except BaseException:
            over.close()
            connection.close()
            raise
        meter = None if self.there is self.comes else Meter(self.there or Traffic(), self.comes or Traffic())
        return Side(connection, meter), over.close


async def _connect(connection: socket.socket, address: tuple[str, int]) -> None:
    """Connect a socket that does not block. Raises OSError."""
    for _ in range(2):
        # On the loopback interface a connection is there when the call returns, but only the second call says so.
        if connection.connect_ex(address) in (0, errno.EISCONN):
            return
    await asyncio.get_running_loop().sock_connect(connection, address)


class Relay(Side):
    """A client's connection, joined to the first backend that takes it.

    `backends` gives doors in the order in which to try them; `opened` and `ended` are called with the relay.
    """

    def __init__(
        self,
        connection: socket.socket,
        backends: Callable[["Relay"], AsyncIterator[Door]],
        opened: Callable[["Relay"], None],
        ended: Callable[["Relay"], None],
    ) -> None:
        super().__init__(connection)
        self._backends = backends
        self._undo: Callable[[], object] = lambda: None
        self._on_end = ended
        opened(self)
        # Nothing is read until there is somebody to read for.
        self._connecting = self._loop.create_task(self._connect())

    def closed(self) -> None:
        """The client is gone, or the backend was."""
        self._connecting.cancel()
        self._undo()
        self._on_end(self)

    async def _connect(self) -> None:
        async for door in self._backends(self):
            try:
                backend, self._undo = await door.enter()
            except OSError:
                continue
            self.join(backend)
            self.read()
            backend.read()
            return
        self.reset()
