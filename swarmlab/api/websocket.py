"""A connection that becomes a websocket: how pages, were they let in, would attach (golang.org/x/net/websocket)."""

import asyncio
import contextlib
from http import HTTPStatus

from aiohttp import WSMsgType, web

from swarmlab.api.call import Connection, Hijack
from swarmlab.runtime.streams import Pipe

_VERSION = "Sec-WebSocket-Version"


class _Frames(Connection):
    """See `Connection`. Each piece is sent as one message."""

    def __init__(self, socket: web.WebSocketResponse, *, text: bool) -> None:
        self._socket = socket
        self._text = text
        self._pieces: Pipe[bytes] = Pipe()

    async def read(self) -> bytes:
        """See `Connection.read`."""
        return await anext(self._pieces, b"")

    async def write(self, data: bytes) -> None:
        """See `Connection.write`."""
        if self._text:
            await self._socket.send_str(data.decode("utf-8", "replace"))
        else:
            await self._socket.send_bytes(data)

    async def listen(self) -> None:
        """Take what comes until the client has closed, also when nobody reads: it may ask whether we are there."""
        while (message := await self._socket.receive()).type in (WSMsgType.BINARY, WSMsgType.TEXT):
            await self._pieces.write(message.data if isinstance(message.data, bytes) else message.data.encode())
        self._pieces.close()


def refusal(request: web.BaseRequest) -> web.Response | None:
    """What a request gets that does not ask for a websocket as it should."""
    headers = request.headers
    if headers.get("Upgrade", "").lower() != "websocket" or "upgrade" not in headers.get("Connection", "").lower():
        return _refused("not websocket protocol")
    if headers.get(_VERSION) != "13":
        answer = _refused("missing or bad WebSocket Version")
        answer.headers[_VERSION] = "13"
        return answer
    return None if headers.get("Sec-WebSocket-Key") else _refused("mismatch challenge/response")


async def serve(request: web.BaseRequest, hijack: Hijack, *, text: bool) -> web.StreamResponse:
    """Hand a websocket over to its end; with `text` as text frames, else binary ones."""
    if (refused := refusal(request)) is not None:
        return refused
    socket = web.WebSocketResponse(compress=False)
    try:
        await socket.prepare(request)
    except web.HTTPException:
        return _refused("mismatch challenge/response")
    frames = _Frames(socket, text=text)
    listening = asyncio.ensure_future(frames.listen())
    try:
        with contextlib.suppress(ConnectionError):
            await hijack.run(frames)
    finally:
        listening.cancel()
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            await socket.close()
    return socket


def _refused(text: str) -> web.Response:
    answer = web.Response(status=HTTPStatus.BAD_REQUEST, body=text.encode())
    answer.force_close()
    return answer
