"""TLS beneath HTTP, with certificates on both sides.

asyncio's own TLS ends a connection as soon as the client has said all it has to say; the docker command says so while
it still listens (`docker exec -i` at the end of its input). Hence this transport, made of the same SSL objects.
"""

import asyncio
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import Any

#: So many connections may come at once, where the system lets them, as with Go's server: a Unix socket refuses more.
BACKLOG = 4096
#: So long a client may take for the handshake, in seconds, and so many bytes are decrypted at a time.
_PATIENCE, _PIECE = 10.0, 64 * 1024
#: How plain HTTP begins, and what Go's server says to it (net/http: tlsRecordHeaderLooksLikeHTTP).
_PLAIN_HTTP = (b"GET /", b"HEAD ", b"POST ", b"PUT /", b"OPTIO")
_PLAIN_ANSWER = b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"


class TlsListener:
    """Listens at one address. `start` and `close` may be called once each."""

    def __init__(self, context: ssl.SSLContext, make: Callable[[], asyncio.Protocol]) -> None:
        """`make` makes what speaks over a connection once the client has shown its certificate."""
        self._context = context
        self._make = make
        self._server: asyncio.Server | None = None
        self._open: set[_Front] = set()

    async def start(self, address: str, port: int) -> None:
        """Listen. Raises OSError."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._accept, address, port, backlog=BACKLOG)

    def close(self) -> None:
        """Stop listening, and drop who has not shown a certificate yet."""
        if self._server is not None:
            self._server.close()
        for front in tuple(self._open):
            front.abandon()

    def _accept(self) -> "_Front":
        front = _Front(self._context, self._make, self._open.discard)
        self._open.add(front)
        return front


class _Front(asyncio.Protocol):
    """The encrypted side of a connection."""

    def __init__(
        self, context: ssl.SSLContext, make: Callable[[], asyncio.Protocol], settled: "Callable[[_Front], None]"
    ) -> None:
        self._make = make
        self._settled = settled
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._first = b""
        self._transport: TlsTransport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._reading, self._advancing, self._ended = True, False, False

    def connection_made(self, transport: Any) -> None:
        """Called by the raw transport."""
        self.raw: asyncio.Transport = transport
        self._timer = asyncio.get_running_loop().call_later(_PATIENCE, self.abandon)

    def data_received(self, data: bytes) -> None:
        """Called by the raw transport."""
        if self._ended:
            return
        if self._first is not None and len(self._first) < 5:
            self._first += data
            if self._first.startswith(_PLAIN_HTTP):
                self._ended = True
                self.raw.write(_PLAIN_ANSWER)
                self.raw.close()
                return
            if len(self._first) < 5:
                return
            data = self._first
        self._incoming.write(data)
        self.advance()

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the raw transport."""
        self._ended = True
        self._settle()
        if self._transport is not None:
            self._transport.protocol.connection_lost(exc)

    def pause_writing(self) -> None:
        """Called by the raw transport."""
        if self._transport is not None:
            self._transport.protocol.pause_writing()

    def resume_writing(self) -> None:
        """Called by the raw transport."""
        if self._transport is not None:
            self._transport.protocol.resume_writing()

    def abandon(self) -> None:
        """Drop a client that has not shown its certificate."""
        self._settle()
        self.raw.abort()

    def read_on(self, wanted: bool) -> None:
        """Whether whoever speaks over the connection takes more at present."""
        self._reading = wanted
        if wanted:
            self.raw.resume_reading()
            # What has been received already; not now, as whoever resumes is in the middle of something.
            asyncio.get_running_loop().call_soon(self.advance)
        else:
            self.raw.pause_reading()

    def advance(self) -> None:
        """Go on as far as what has been received allows."""
        if self._advancing:
            return
        self._advancing = True
        try:
            if self._transport is None and not self._ended:
                self._shake_hands()
            if self._transport is not None:
                self._hand_on(self._transport)
        finally:
            self._advancing = False
            self.flush()

    def flush(self) -> None:
        """Send what has been encrypted."""
        if self._outgoing.pending and not self.raw.is_closing():
            self.raw.write(self._outgoing.read())

    def _shake_hands(self) -> None:
        try:
            self.tls.do_handshake()
        except ssl.SSLWantReadError:
            return
        except ssl.SSLError:
            # The reason goes to the client as an alert.
            self._ended = True
            self.flush()
            self.raw.close()
            return
        self._settle()
        self._transport = TlsTransport(self, self._make())
        self._transport.protocol.connection_made(self._transport)

    def _hand_on(self, transport: "TlsTransport") -> None:
        while self._reading and not self._ended:
            try:
                data = self.tls.read(_PIECE)
            except ssl.SSLWantReadError:
                return
            except ssl.SSLZeroReturnError:
                data = b""
            except ssl.SSLError:
                self._ended = True
                self.raw.abort()
                return
            if data:
                transport.protocol.data_received(data)
                continue
            self._ended = True
            if not transport.protocol.eof_received():
                transport.close()

    def _settle(self) -> None:
        self._settled(self)
        if self._timer is not None:
            self._timer.cancel()


class TlsTransport(asyncio.Transport):
    """The decrypted side of a connection."""

    def __init__(self, front: _Front, protocol: Any) -> None:
        super().__init__()
        self._front = front
        self.protocol: Any = protocol
        self._closing = False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """See `asyncio.BaseTransport`."""
        if name == "sslcontext":
            return self._front.tls.context
        return self._front.raw.get_extra_info(name, default)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """See `asyncio.BaseTransport`."""
        self.protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        """See `asyncio.BaseTransport`."""
        protocol: asyncio.BaseProtocol = self.protocol
        return protocol

    def is_closing(self) -> bool:
        """See `asyncio.BaseTransport`."""
        return self._closing or self._front.raw.is_closing()

    def pause_reading(self) -> None:
        """See `asyncio.ReadTransport`."""
        self._front.read_on(False)

    def resume_reading(self) -> None:
        """See `asyncio.ReadTransport`."""
        if not self.is_closing():
            self._front.read_on(True)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """See `asyncio.WriteTransport`."""
        if data and not self.is_closing():
            left = memoryview(data)
            while left:
                left = left[self._front.tls.write(left) :]
            self._front.flush()

    def get_write_buffer_size(self) -> int:
        """See `asyncio.WriteTransport`."""
        return self._front.raw.get_write_buffer_size()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """See `asyncio.WriteTransport`."""
        self._front.raw.set_write_buffer_limits(high, low)

    def can_write_eof(self) -> bool:
        """See `asyncio.WriteTransport`."""
        return False

    def close(self) -> None:
        """Say that nothing more comes, and close once everything is sent."""
        if self._closing:
            return
        self._closing = True
        with suppress(ssl.SSLError):
            # It complains that the client, which may never do it, has not said the same.
            self._front.tls.unwrap()
        self._front.flush()
        self._front.raw.close()

    def abort(self) -> None:
        """See `asyncio.WriteTransport`."""
        self._closing = True
        self._front.raw.abort()
