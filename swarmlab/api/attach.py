"""`/containers/{id}/attach`: the main program's own streams (MB: daemon/attach.go)."""

from swarmlab.api.call import Call, Connection, Hijack, Route
from swarmlab.api.logs import frame, media_type
from swarmlab.api.streams import Detached, KeyFilter, converse, detach_keys, pump_in
from swarmlab.engine.errors import conflict
from swarmlab.runtime.base import Attachment


def attach(call: Call) -> Hijack:
    """`POST /containers/{id}/attach`."""
    return _Session(call).hijack()


class _Session:
    """A client that is attached to a container, from the moment that it asks."""

    def __init__(self, call: Call) -> None:
        keys = detach_keys(call.param("detachKeys"))
        containers = call.engine.containers
        container = self._container = containers.find(call.name)
        if container.state.status == "restarting":
            raise conflict(f"Container {call.name} is restarting, wait until the container is running")
        if container.state.status == "paused":
            raise conflict(f"container {call.name} is paused, unpause the container before attach")
        self._runs = call.engine.by_hand.inside(container.id)
        self._wanted = {name for name in ("stdout", "stderr") if call.flag(name)}
        self._logs, self._stream = call.flag("logs"), call.flag("stream")
        self._stdin = call.flag("stdin") and container.open_stdin
        self._keys = KeyFilter(keys) if container.tty else None
        self._framed = not container.tty
        self._media_type = media_type(call, framed=self._framed)
        self._output: Attachment | None = self._runs.attach() if self._stream else None
        self._containers = containers
        containers.publish("attach", container.id)

    def hijack(self) -> Hijack:
        """The answer."""
        return Hijack(self._run, self._media_type, self._gone)

    async def _run(self, connection: Connection) -> None:
        if self._logs:
            async for line in self._runs.logs():
                await self._send(connection, line.stream, line.data)
        if self._output is None:
            return
        inward = self._read(connection) if self._stdin else None
        try:
            await converse(self._write(connection, self._output), inward)
        except Detached:
            self._containers.publish("detach", self._container.id)

    async def _write(self, connection: Connection, output: Attachment) -> None:
        async for stream, data in output:
            await self._send(connection, stream, data)

    async def _send(self, connection: Connection, stream: str, data: bytes) -> None:
        if stream in self._wanted:
            await connection.write(frame(stream, data) if self._framed else data)

    async def _read(self, connection: Connection) -> None:
        await pump_in(connection, self._runs.feed, self._keys)
        # A person who leaves a terminal may come back.
        if self._container.stdin_once and not self._container.tty:
            self._runs.close_stdin()

    async def _gone(self) -> None:
        if self._output is not None:
            self._output.close()


ROUTES = (Route("POST", "/containers/{name}/attach", attach),)
