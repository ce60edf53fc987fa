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

#: 80 becomes 8080, 443 becomes 8443.
_SUBSTITUTE_OFFSET = 8000


class Bound(NamedTuple):
    """A socket that listens, and why it is not where it was meant to be."""

    socket: socket.socket
    reason: str


def bind(address: NodeAddress, port: int, last_time: int = 0) -> Bound:
    """Listen at a node's port, else at `last_time` (where it was before), 8000 above, or any port.

    Raises OSError when the address itself does not work.
    """
    wanted = port + address.offset
    substitutes = [last_time] if last_time else []
    if port < _UNPRIVILEGED:
        substitutes.append(_SUBSTITUTE_OFFSET + port + address.offset)
    try:
        if wanted > 65535:
            raise OSError(errno.EADDRNOTAVAIL, f"port {wanted} does not exist")
        return Bound(_listen(address.host, wanted), f"offset by {address.offset}" if address.offset else "")
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EPERM, errno.EADDRINUSE, errno.EADDRNOTAVAIL):
            raise
        reason = _reason(error, wanted)
    for substitute in substitutes:
        try:
            return Bound(_listen(address.host, substitute), reason)
        except (OSError, OverflowError):
            continue
    return Bound(_listen(address.host, 0), reason)


def _listen(host: str, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        if os.name == "posix":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
        listener.setblocking(False)
    except BaseException:
        listener.close()
        raise
    return listener


def _reason(error: OSError, port: int) -> str:
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"port {port} needs privileges"
    if error.errno == errno.EADDRINUSE:
        return f"port {port} is in use by another program"
    return f"port {port} cannot be used: {error.strerror}"


class Listener:
    """A bound socket and the server that accepts its connections.

    The socket listens from the first moment; the server follows when the event loop gets to it, so that control code,
    which is not async, can open and close ports.
    """

    def __init__(self, bound: Bound, factory: Callable[[], asyncio.BaseProtocol]) -> None:
        self.address: str = bound.socket.getsockname()[0]
        self.port: int = bound.socket.getsockname()[1]
        self.reason = bound.reason
        self._socket = bound.socket
        self._closed = self._attaching = False
        self._server: asyncio.Server | None = None
        self.attached = asyncio.get_running_loop().create_task(self._attach(factory))

    def close(self) -> None:
        """Refuse new connections from now on; from the next moment on if the server is just taking over the socket."""
        self._closed = True
        if self._server is not None:
            self._server.close()
        elif not self._attaching:
            self._socket.close()

    async def _attach(self, factory: Callable[[], asyncio.BaseProtocol]) -> None:
        if not self._closed:
            self._attaching = True
            self._server = await asyncio.get_running_loop().create_server(factory, sock=self._socket)
            if self._closed:
                self._server.close()
