"""One listening socket of the mesh: on the promised port where possible, else on a stated substitute."""

import asyncio
import errno
import os
import socket
from collections.abc import Callable
from typing import NamedTuple

from swarmlab.network.base import NodeAddress

_BACKLOG = 1024
_UNPRIVILEGED = 1024
#: Seconds until connections are accepted again when there were no descriptors for them.
_BREATH = 1.0

#: 80 becomes 8080, 443 becomes 8443.
_SUBSTITUTE_OFFSET = 8000


class Bound(NamedTuple):
    """A socket that has a port, and why that is not the one it was meant to be. It refuses connections as yet."""

    socket: socket.socket
    reason: str


def bind(address: NodeAddress, port: int, last_time: int = 0) -> Bound:
    """Take a node's port, else the one at `last_time` (where it was before), 8000 above, or any port.

    Raises OSError when the address itself does not work.
    """
    wanted = port + address.offset
    substitutes = [last_time] if last_time else []
    if port < _UNPRIVILEGED:
        substitutes.append(_SUBSTITUTE_OFFSET + port + address.offset)
    try:
        if wanted > 65535:
            raise OSError(errno.EADDRNOTAVAIL, f"port {wanted} does not exist")
        return Bound(_bound(address.host, wanted), f"offset by {address.offset}" if address.offset else "")
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EPERM, errno.EADDRINUSE, errno.EADDRNOTAVAIL):
            raise
        reason = _reason(error, wanted)
    for substitute in substitutes:
        try:
            return Bound(_bound(address.host, substitute), reason)
        except (OSError, OverflowError):
            continue
    return Bound(_bound(address.host, 0), reason)


def _bound(host: str, port: int) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        if os.name == "posix":
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((host, port))
        made.setblocking(False)
    except BaseException:
        made.close()
        raise
    return made


def _reason(error: OSError, port: int) -> str:
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"port {port} needs privileges"
    if error.errno == errno.EADDRINUSE:
        return f"port {port} is in use by another program"
    return f"port {port} cannot be used: {error.strerror}"


class Listener:
    """A port that connections are accepted at while it is open; otherwise it is kept, and refuses them."""

    def __init__(self, bound: Bound, take: Callable[[socket.socket], object]) -> None:
        """`take` is given each connection, as a socket that does not block."""
        self.address: str = bound.socket.getsockname()[0]
        self.port: int = bound.socket.getsockname()[1]
        self.reason = bound.reason
        self._socket = bound.socket
        self._take = take
        self._loop = asyncio.get_running_loop()
        self.is_open = False

    def open(self) -> None:
        """Accept connections. Raises OSError when another program has taken the port meanwhile."""
        if not self.is_open:
            self._socket.listen(_BACKLOG)
            self._loop.add_reader(self._socket, self._accept)
            self.is_open = True

    def pause(self) -> None:
        """Refuse connections until it is opened again; open ones go on."""
        if self.is_open:
            self.close()
            self._socket = _bound(self.address, self.port)

    def close(self) -> None:
        """Refuse connections, and give the port up; open ones go on."""
        if self.is_open:
            self._loop.remove_reader(self._socket)
        self._socket.close()
        self.is_open = False

    def _accept(self) -> None:
        for _ in range(_BACKLOG):
            try:
                connection, _peer = self._socket.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError:
                # No descriptors are left: connections wait in the kernel until some are.
                self._loop.remove_reader(self._socket)
                self._loop.call_later(_BREATH, self._go_on, self._socket)
                return
            connection.setblocking(False)
            self._take(connection)

    def _go_on(self, paused: socket.socket) -> None:
        if self.is_open and paused is self._socket:
            self._loop.add_reader(self._socket, self._accept)
