"""`/containers/{id}/attach`: the main program's own streams (MB: daemon/attach.go)."""

from dataclasses import replace

from swarmlab.api.call import ApiVersion, Call, Connection, Hijack, Route
from swarmlab.api.errors import KNOWN, status_of
from swarmlab.api.logs import RAW, frame, media_type
from swarmlab.api.streams import Detached, KeyFilter, converse, detach_keys, pump_in
from swarmlab.engine.errors import conflict
from swarmlab.runtime.base import Attachment

_STREAMS = ("stdin", "stdout", "stderr")
#: The API with which a websocket has binary frames, and the one with which its streams may be chosen.
_BINARY, _CHOSEN = ApiVersion(1, 28), ApiVersion(1, 42)


def attach(call: Call) -> Hijack:
    """`POST /containers/{id}/attach`. As Docker does it, errors are plain text on a connection that HTTP has left."""
    try:
        session = _Session(call, {name for name in _STREAMS if call.flag(name)}, framed=True)
    except KNOWN as error:
        text = f"{error}\r\n".encode()
        return Hijack(lambda connection: connection.write(text), RAW, _nothing, refusal=status_of(error), told=False)
    return replace(session.hijack(), told=False)


def attach_websocket(call: Call) -> Hijack:
    """`GET /containers/{id}/attach/ws`; before API 1.42 all streams are attached, whatever the client says."""
    wanted = {name for name in _STREAMS if call.version < _CHOSEN or call.flag(name)}
    text = call.version < _BINARY
    return replace(_Session(call, wanted, framed=False).hijack(), frames="text" if text else "binary")


async def _nothing() -> None:
    return None


class _Session:
    """A client that is attached to a container, from the moment that it asks."""

    def __init__(self, call: Call, wanted: set[str], *, framed: bool) -> None:
        """`wanted` are the streams; `framed` says whether pieces are to be marked with theirs, without a terminal."""
        keys = detach_keys(call.param("detachKeys"))
        containers = call.engine.containers
        container = self._container = containers.find(call.name)
        if container.state.status == "restarting":
            raise conflict(f"Container {call.name} is restarting, wait until the container is running")
        if container.state.status == "paused":
            raise conflict(f"container {call.name} is paused, unpause the container before attach")
        self._runs = call.engine.by_hand.inside(container.id)
        self._wanted = wanted
        self._logs, self._stream = call.flag("logs"), call.flag("stream")
        self._stdin = "stdin" in wanted and container.open_stdin
        self._keys = KeyFilter(keys) if container.tty else None
        self._framed = framed and not container.tty
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


ROUTES = (
    Route("POST", "/containers/{name}/attach", attach),
    Route("GET", "/containers/{name}/attach/ws", attach_websocket),
)
