"""One relayed connection: bytes both ways, with back-pressure, half-close and resets kept as they are."""

import asyncio
import contextlib
import os
import socket
import struct
from collections.abc import AsyncIterator, Callable
from typing import NamedTuple, cast

from swarmlab.network.ports import SocketName
from swarmlab.network.traffic import Meter, Traffic

#: Bytes that may wait in one direction before its sender is paused.
_BUFFER = 256 * 1024

_RESET = struct.pack("ii", 1, 0)


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

    async def enter(self) -> tuple["Side", Callable[[], object]]:
        """Connect. Our end, which does not read yet, and what to call when the connection is over. Raises OSError."""
        loop = asyncio.get_running_loop()
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
            await loop.sock_connect(connection, (self.host, self.port))
            meter = None if self.there is self.comes else Meter(self.there or Traffic(), self.comes or Traffic())
            transport, side = await loop.create_connection(lambda: Side(meter), sock=connection)
        except BaseException:
            over.close()
            connection.close()
            raise
        transport.pause_reading()
        if self.greeting:
            transport.write(self.greeting)
        return side, over.close


#: What has just been read, on whichever connection: it is handed on before anything else is read. Of this size it stays
#: in the processor's cache, and the event loop allocates nothing for a read.
_READ = memoryview(bytearray(128 * 1024))


class Side(asyncio.BufferedProtocol):
    """One of the two connections; what it reads the other one writes."""

    def __init__(self, meter: Meter | None = None) -> None:
        """`meter` counts what goes to the program behind this connection, and what comes from it."""
        self._meter = meter
        self.transport: asyncio.Transport | None = None
        self.peer: Side | None = None
        self.ended = False
        self._descriptor = -1

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection exists."""
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(_BUFFER)
        self._descriptor = transport.get_extra_info("socket").fileno()

    def join(self, peer: "Side") -> None:
        """Relay to and from `peer`, whose connection exists."""
        self.peer, peer.peer = peer, self

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where to read to."""
        return _READ

    def buffer_updated(self, nbytes: int) -> None:
        """Hand on what came."""
        self.received(_READ[:nbytes])

    def received(self, data: memoryview) -> None:
        """Hand on what came; it is overwritten afterwards."""
        if self._meter is not None:
            self._meter.back(len(data))
        if self.peer is not None:
            self.peer.send(data)

    def send(self, data: memoryview) -> None:
        """Write to this side. What the kernel takes at once is never copied here: half of what a relay costs."""
        if self.transport is None:
            return
        if self._meter is not None:
            self._meter.forth(len(data))
        taken = 0
        if not self.transport.get_write_buffer_size() and not self.transport.is_closing():
            # A transport says what is wrong with a connection, when it writes.
            with contextlib.suppress(OSError):
                taken = os.write(self._descriptor, data)
        if taken < len(data):
            self.transport.write(bytes(data[taken:]))

    def eof_received(self) -> bool:
        """Hand on that no more will come."""
        self.ended = True
        if self.peer is not None and self.peer.transport is not None:
            if self.peer.ended:
                # Both have said all they had to say: closing sends what is still in the buffers.
                self.peer.transport.close()
                return False
            if self.peer.transport.can_write_eof():
                self.peer.transport.write_eof()
        return True

    def pause_writing(self) -> None:
        """Let the peer wait."""
        if self.peer is not None and self.peer.transport is not None:
            self.peer.transport.pause_reading()

    def resume_writing(self) -> None:
        """Let the peer go on."""
        if self.peer is not None and self.peer.transport is not None:
            self.peer.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """The peer learns of it, too."""
        self.transport = None
        if self.peer is not None and self.peer.transport is not None:
            if exc is not None:
                self.peer.reset()
            else:
                self.peer.transport.close()

    def reset(self) -> None:
        """End the connection at once, as a reset, so that the other side learns that it was cut."""
        if self.transport is not None:
            raw = self.transport.get_extra_info("socket")
            if raw is not None and raw.fileno() >= 0:
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self.transport.abort()


class Relay(Side):
    """A client's connection, joined to the first backend that takes it.

    `backends` gives doors in the order in which to try them; `opened` and `closed` are called with the relay.
    """

    def __init__(
        self,
        backends: Callable[["Relay"], AsyncIterator[Door]],
        opened: Callable[["Relay"], None],
        closed: Callable[["Relay"], None],
    ) -> None:
        super().__init__()
        self._backends = backends
        self._undo: Callable[[], object] = lambda: None
        self._opened = opened
        self._closed = closed
        self._connecting: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Stop reading until there is somebody to read for."""
        super().connection_made(transport)
        cast(asyncio.Transport, transport).pause_reading()
        self._opened(self)
        self._connecting = asyncio.get_running_loop().create_task(self._connect())

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone: so is the backend's connection."""
        super().connection_lost(exc)
        if self._connecting is not None:
            self._connecting.cancel()
        self._undo()
        self._closed(self)

    def cut(self) -> None:
        """End both connections at once."""
        if self.peer is not None:
            self.peer.reset()
        self.reset()

    async def _connect(self) -> None:
        async for door in self._backends(self):
            try:
                backend, over = await door.enter()
            except OSError:
                continue
            if self.transport is None:
                over()
                backend.reset()
                return
            self._undo = over
            self.join(backend)
            for side in (self, backend):
                if side.transport is not None:
                    side.transport.resume_reading()
            return
        self.reset()
