"""What real processes of a container ask the lab: names, ports that listen, ways out for a driver's C library.

Each question is a connection to a Unix socket of the container: one line of JSON, one line as answer. The answer holds
as long as the connection stays open; a port listens until then.
"""

import asyncio
import contextlib
import errno
import json
from pathlib import Path
from typing import Any

from swarmlab.runtime.virtual.files.sockets import SOCKET_GROUP
from swarmlab.runtime.virtual.machine import LONGEST_SOCKET, Machine

_NAME = "bridge"


class Bridge:
    """Answers for one container, from its first real process to its end."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._server: asyncio.AbstractServer | None = None
        self._open: set[asyncio.StreamWriter] = set()

    @property
    def path(self) -> Path:
        """The socket."""
        return self._machine.short_directory / _NAME

    async def start(self) -> None:
        """Listen. Raises OSError when the lab's folder has too long a name for a socket in it."""
        if len(bytes(self.path)) > LONGEST_SOCKET:
            raise OSError(errno.ENAMETOOLONG, f"the lab's folder has too long a name for a Unix socket: {self.path}")
        self._machine.short_directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._serve, self.path)

    def close(self) -> None:
        """The container has ended."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in self._open:
            writer.close()
        self.path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            async with contextlib.AsyncExitStack() as stack:
                try:
                    answer = await self._answer(json.loads(await reader.readline()), stack)
                except OSError as error:
                    answer = {"errno": error.errno or errno.EIO}
                except (ValueError, KeyError, TypeError):
                    answer = {"errno": errno.EINVAL}
                writer.write(json.dumps(answer).encode() + b"\n")
                with contextlib.suppress(OSError):
                    await writer.drain()
                    await reader.read()
        finally:
            self._open.discard(writer)
            writer.close()

    async def _answer(self, question: dict[str, Any], stack: contextlib.AsyncExitStack) -> dict[str, Any]:
        machine = self._machine
        match question["op"]:
            case "resolve":
                return {"addresses": await machine.resolve(str(question["host"]))}
            case "bind":
                machine.claim(int(question["port"]))
            case "listen":
                port = int(question["port"])
                machine.listen(port, (str(question["host"]), int(question["real"])))
                stack.callback(machine.close_port, port)
            case "egress":
                way = machine.egress(str(question["host"]), int(question["port"]))
                stack.callback(way.close)
                host, port = way.address
                return {"host": host, "port": port}
            case "fork":
                if not machine.processes.watch.admits(machine):
                    raise OSError(errno.EAGAIN, "Resource temporarily unavailable")
            case "origin":
                peer = str(question["host"]), int(question["port"])
                return {"host": machine.sandbox.origins.get(peer, peer[0])}
            case "socket":
                path = str(question["path"])
                real = machine.socket(path)
                guarded = machine.root.is_socket(machine.root.followed(path))
                return {"path": str(real or ""), "group": SOCKET_GROUP if guarded else None}
            case _:
                raise OSError(errno.EINVAL, "Invalid argument")
        return {}
