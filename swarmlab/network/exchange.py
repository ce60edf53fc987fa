"""Ways out of containers for sockets that real processes have made themselves.

A shim in place of connect() connects a socket to the exchange of its lab on the loopback interface and sends one line,
`TOKEN ADDRESS PORT`; the token says which container it belongs to. The answer is a line, `OK` or `ERR NUMBER TEXT` with
an errno, at once or after some seconds of swarm time, as the kernel's would come. After `OK` the connection is the one
that was asked for.
"""

import asyncio
import errno
import os
import secrets
import socket
from collections.abc import Callable

from swarmlab.network.base import NodeAddress
from swarmlab.network.listener import Listener, bind
from swarmlab.network.sandbox import Sandbox, Sleeper
from swarmlab.network.side import Side

_LOOPBACK = NodeAddress("127.0.0.1")
_LONGEST_LINE = 1024


class Exchange:
    """Listens on the loopback interface from the first time that a token is asked for."""

    def __init__(self, clock: Sleeper, sandbox: Callable[[str], Sandbox]) -> None:
        """`sandbox` finds that of a container."""
        self._clock = clock
        self._sandbox = sandbox
        self._listener: Listener | None = None
        self._tokens: dict[str, str] = {}
        self._calls: set[_Call] = set()

    def admit(self, container_id: str) -> str:
        """What a process of a container is told, `HOST:PORT:TOKEN`; it holds until the container is dismissed."""
        if self._listener is None:
            self._listener = Listener(bind(_LOOPBACK, 0), self._call)
            self._listener.open()
        token = next((token for token, known in self._tokens.items() if known == container_id), "")
        if not token:
            token = secrets.token_hex(16)
            self._tokens[token] = container_id
        return f"{self._listener.address}:{self._listener.port}:{token}"

    def dismiss(self, container_id: str) -> None:
        """A container is gone: its token is nobody's any more."""
        self._tokens = {token: known for token, known in self._tokens.items() if known != container_id}

    async def close(self) -> None:
        """Take no more calls, and end those that go on."""
        if self._listener is not None:
            self._listener.close()
        for call in tuple(self._calls):
            call.reset()

    def _call(self, connection: socket.socket) -> None:
        call = _Call(connection, self._clock, self._find, self._calls.discard)
        self._calls.add(call)
        call.read()

    def _find(self, token: str) -> Sandbox | None:
        container_id = self._tokens.get(token)
        return None if container_id is None else self._sandbox(container_id)


class _Call(Side):
    """One connection to the exchange: a line, and then a relayed connection."""

    def __init__(
        self,
        connection: socket.socket,
        clock: Sleeper,
        find: Callable[[str], Sandbox | None],
        ended: Callable[["_Call"], None],
    ) -> None:
        super().__init__(connection)
        self._clock = clock
        self._find = find
        self._on_end = ended
        self._line: bytearray | None = bytearray()
        self._work: asyncio.Task[None] | None = None
        #: Undoes what lasts as long as the connection.
        self._undo: Callable[[], object] = lambda: None

    def received(self, data: memoryview) -> None:
        """Gather the line; then hand on what came."""
        if self._line is None:
            super().received(data)
            return
        self._line += data
        line, end, early = bytes(self._line).partition(b"\n")
        if end:
            self._line = None
            self.pause()
            self._work = asyncio.get_running_loop().create_task(self._answer(line.decode("utf-8", "replace"), early))
        elif len(self._line) > _LONGEST_LINE:
            self.reset()

    def no_more(self) -> None:
        """Who says no more has nothing to wait for, unless the connection is handed on."""
        if self.peer is None:
            self.close()
        else:
            super().no_more()

    def closed(self) -> None:
        """What was asked for ends with the connection."""
        if self._work is not None:
            self._work.cancel()
        self._undo()
        self._on_end(self)

    async def _answer(self, line: str, early: bytes) -> None:
        token, *words = line.strip().split(" ")
        sandbox = self._find(token)
        try:
            if sandbox is None:
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
            address, port = words
            await self._connect(sandbox, address, int(port))
            reply = "OK"
        except ValueError:
            reply = f"ERR {errno.EINVAL} {os.strerror(errno.EINVAL)}"
        except OSError as error:
            reply = f"ERR {error.errno} {error.strerror}"
        self.write(f"{reply}\n".encode())
        if self.peer is not None:
            self.peer.write(early)
            self.peer.read()
        self.read()

    async def _connect(self, sandbox: Sandbox, address: str, port: int) -> None:
        backend, self._undo = await (await sandbox.reach(address, port, self._clock)).door().enter()
        self.join(backend)
