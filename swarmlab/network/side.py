"""One end of a relayed connection: bytes on, with back-pressure, half-close and resets kept as they are.

Sockets are read and written here and not by asyncio's transports: what passes between two events costs as much as the
bytes themselves, and there is nothing to be gained from splice(2), which on the loopback interface takes as long for
the pages as a copy that stays in the processor's cache.
"""

import asyncio
import contextlib
import socket
import struct

from swarmlab.network.traffic import Meter

_RESET = struct.pack("ii", 1, 0)

#: What has just been read, on whichever connection: it is handed on before anything else is read. Of this size it stays
#: in the processor's cache.
_READ = memoryview(bytearray(128 * 1024))


class Side:
    """One of the two connections; what it reads its peer writes.

    It begins without reading. While what it has to write waits, its peer does not read, so that no more than one
    reading ever waits. When the other end resets the connection, so is the peer's. All is to be called on the event
    loop's thread.
    """

    def __init__(self, connection: socket.socket, meter: Meter | None = None) -> None:
        """`meter` counts what goes to the program behind this connection, and what comes from it."""
        connection.setblocking(False)
        with contextlib.suppress(OSError):
            # The other end may be gone already, which is found out by reading.
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.peer: Side | None = None
        self.is_open = True
        #: Whether the other end has said that it will send no more.
        self.ended = False
        #: What the kernel has not taken yet, and whether that is the last.
        self.waiting = b""
        self._last = False
        self._meter = meter
        self._reads = False
        self._loop = asyncio.get_running_loop()
        self._socket = connection

    def join(self, peer: "Side") -> None:
        """Relay to and from `peer`."""
        self.peer, peer.peer = peer, self

    def read(self) -> None:
        """Read from now on, unless nothing more will come or the peer still has something to write."""
        if self.peer is not None and self.peer.waiting:
            return
        if self.is_open and not self.ended and not self._reads:
            self._reads = True
            self._loop.add_reader(self._socket, self._readable)

    def pause(self) -> None:
        """Read no more for now."""
        if self._reads:
            self._reads = False
            self._loop.remove_reader(self._socket)

    def write(self, data: bytes | memoryview) -> None:
        """Send what the kernel takes at once, and the rest later; the peer waits for that."""
        if not self.is_open:
            return
        if self._meter is not None:
            self._meter.forth(len(data))
        if self.waiting:
            self.waiting += data
            return
        try:
            taken = self._socket.send(data)
        except (BlockingIOError, InterruptedError):
            taken = 0
        except OSError:
            self.reset()
            return
        if taken < len(data):
            self.waiting = bytes(data[taken:])
            self._loop.add_writer(self._socket, self._writable)
            if self.peer is not None:
                self.peer.pause()

    def finish(self) -> None:
        """Send no more than what waits."""
        self._last = True
        if self.is_open and not self.waiting:
            self._finished()

    def received(self, data: memoryview) -> None:
        """Hand on what came; it is overwritten afterwards."""
        if self._meter is not None:
            self._meter.back(len(data))
        if self.peer is not None:
            self.peer.write(data)

    def no_more(self) -> None:
        """Hand on that no more will come."""
        if self.peer is not None:
            self.peer.finish()

    def reset(self) -> None:
        """End both connections at once, as resets, so that their other ends learn that they were cut."""
        for side in (self, self.peer):
            if side is not None and side.is_open:
                with contextlib.suppress(OSError):
                    side._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.close()

    def close(self) -> None:
        """End both connections; what the kernel has taken is still sent."""
        if self.is_open:
            self.is_open = False
            self.pause()
            self._loop.remove_writer(self._socket)
            self._socket.close()
            self.waiting = b""
            self.closed()
            if self.peer is not None:
                self.peer.close()

    def closed(self) -> None:
        """Called once, when the connection is over."""

    def _readable(self) -> None:
        try:
            size = self._socket.recv_into(_READ)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self.reset()
            return
        if size:
            self.received(_READ[:size])
        else:
            self.pause()
            self.ended = True
            self.no_more()

    def _writable(self) -> None:
        try:
            taken = self._socket.send(self.waiting)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self.reset()
            return
        self.waiting = self.waiting[taken:]
        if self.waiting:
            return
        self._loop.remove_writer(self._socket)
        if self._last:
            self._finished()
        elif self.peer is not None:
            self.peer.read()

    def _finished(self) -> None:
        peer = self.peer
        if peer is not None and self.ended and peer.ended and not peer.waiting:
            # Both have said all they had to say.
            self.close()
            return
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)
