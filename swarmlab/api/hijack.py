"""Taking over a connection from HTTP: exec and attach speak raw bytes after their answer."""

import array
import asyncio
import sys
from collections import deque
from http import HTTPStatus
from typing import Any

from aiohttp import web

from swarmlab.api.call import Connection, Hijack
from swarmlab.api.replies import ENGINE_HEADERS

#: So many bytes wait for a program that does not read; then the client waits.
_BUFFER = 256 * 1024
#: How long a client may take to read the answer, in seconds, and how often to look.
_PATIENCE, _LOOK = 0.2, 0.001


class Wire(asyncio.Protocol, Connection):
    """See `Connection`. What the client sends after its side has closed, or is not read at the end, is thrown away."""

    def __init__(self, transport: asyncio.Transport, behind: asyncio.BaseProtocol, early: bytes) -> None:
        self._transport = transport
        self._behind = behind
        self._pieces: deque[bytes] = deque([early] if early else [])
        self._size = len(early)
        self._ended = False
        self._discarding = False
        self._full = False
        self._lost = False
        self._changed = asyncio.Event()
        transport.set_protocol(self)

    def data_received(self, data: bytes) -> None:
        """Called by the transport."""
        if self._discarding:
            return
        self._pieces.append(data)
        self._size += len(data)
        if self._size > _BUFFER:
            self._transport.pause_reading()
        self._changed.set()

    def eof_received(self) -> bool:
        """Called by the transport: the client has said all, but still listens."""
        self._ended = True
        self._changed.set()
        return True

    def pause_writing(self) -> None:
        """Called by the transport."""
        self._full = True

    def resume_writing(self) -> None:
        """Called by the transport."""
        self._full = False
        self._changed.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the transport; what was there before must know."""
        self._lost = self._ended = True
        self._changed.set()
        self._behind.connection_lost(exc)

    async def read(self) -> bytes:
        """See `Connection.read`."""
        while not self._pieces and not self._ended:
            await self._wait()
        if not self._pieces:
            return b""
        piece = self._pieces.popleft()
        self._size -= len(piece)
        if self._size <= _BUFFER and not self._lost:
            self._transport.resume_reading()
        return piece

    async def write(self, data: bytes) -> None:
        """See `Connection.write`."""
        if not self._lost:
            self._transport.write(data)
        while self._full and not self._lost:
            await self._wait()
        if self._lost:
            raise ConnectionResetError("the client has gone")

    async def answer(self, head: bytes) -> None:
        """Send the answer, and wait until the client has read it: some lose what comes in one piece with it."""
        await self.write(head)
        loop = asyncio.get_running_loop()
        end = loop.time() + _PATIENCE
        while not self._lost and self._unread() and loop.time() < end:
            look = loop.create_future()
            loop.call_later(_LOOK, look.set_result, None)
            await look

    def finish(self) -> None:
        """Close once everything is sent. Bytes that nobody has read would make it look like a failure."""
        self._discarding = True
        self._pieces.clear()
        if not self._lost:
            self._transport.resume_reading()
            self._transport.close()

    def _unread(self) -> int:
        """How many bytes the client has yet to read; 0 where the system does not say."""
        if not sys.platform.startswith("linux"):
            return 0
        import fcntl
        import termios

        count = array.array("i", [0])
        fcntl.ioctl(self._transport.get_extra_info("socket").fileno(), termios.TIOCOUTQ, count)
        return count[0]

    async def _wait(self) -> None:
        self._changed.clear()
        await self._changed.wait()


class _Answered(web.StreamResponse):
    """Stands for an answer that has been given by hand."""

    async def prepare(self, request: web.BaseRequest) -> None:
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        return None


async def take_over(request: web.BaseRequest, hijack: Hijack) -> web.StreamResponse:
    """Answer with 101 (200 to a client that asked for no upgrade), and hand the connection over to its end."""
    protocol: Any = request.protocol
    transport: Any = request.transport
    response = _Answered(status=101)
    response.force_close()
    if transport is None:
        # The client has gone meanwhile.
        return response
    wire = Wire(transport, protocol, bytes(protocol._message_tail))
    if hijack.refusal:
        status = HTTPStatus(hijack.refusal)
        head = f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: {hijack.content_type}\r\n"
    elif "Upgrade" in request.headers:
        head = (
            f"HTTP/1.1 101 UPGRADED\r\nContent-Type: {hijack.content_type}\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n"
        )
    else:
        head = "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n"
    if hijack.told:
        head += "".join(f"{name}: {value}\r\n" for name, value in ENGINE_HEADERS.items())
    try:
        await wire.answer(f"{head}\r\n".encode())
        await hijack.run(wire)
    except ConnectionError:
        pass
    finally:
        wire.finish()
    return response
