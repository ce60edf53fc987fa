"""The Docker Engine HTTP API of one engine, on a unix socket."""

import asyncio
import logging
import re
import socket
from collections.abc import Awaitable
from contextlib import aclosing, suppress
from http import HTTPStatus
from pathlib import Path
from typing import Any, cast

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from swarmlab.api import (
    archives,
    attach,
    blobs,
    containers,
    distribution,
    events,
    execs,
    images,
    logs,
    networks,
    nodes,
    processes,
    prunes,
    pulls,
    runs,
    services,
    swarm,
    system,
    tasks,
    unavailable,
)
from swarmlab.api.call import Answer, ApiVersion, Call, Hijack, Response, Stream, answer
from swarmlab.api.errors import KNOWN, status_of
from swarmlab.api.hijack import take_over
from swarmlab.api.router import Match, Router, split_version
from swarmlab.api.uploads import receive
from swarmlab.engine import API_VERSION, MIN_API_VERSION, VERSION, DockerEngine
from swarmlab.journal import Journal, Request
from swarmlab.manager import LeaderAwaitedError

_LOG = logging.getLogger(__name__)
#: Everything that is answered, refusals included.
ROUTES = tuple(
    route
    for module in (
        system, events, swarm, nodes, services, tasks, networks, containers, runs, attach,
        archives, processes, execs, logs, images, pulls, prunes,
        blobs, distribution,
        unavailable,
    )
    for route in module.ROUTES
)  # fmt: skip
_ROUTER = Router(ROUTES)
_NEWEST, _OLDEST = ApiVersion.parse(API_VERSION), ApiVersion.parse(MIN_API_VERSION)
_HEADERS = {
    "Api-Version": API_VERSION,
    "Docker-Experimental": "false",
    "Ostype": "linux",
    "Server": f"Docker/{VERSION} (linux)",
}
#: Bodies that are no uploads are read as a whole; the largest legal one is a config of 1,000 KiB in base64.
_MAX_BODY = 64 << 20
#: The whole request line, which carries the filters, and each header, which may carry logins (Go: MaxHeaderBytes).
_MAX_LINE = 1 << 20
_PING = "/_ping"
#: A name that only a page on the web would use to reach a local server. Clients send `docker`, `localhost`, a path.
_WEB_HOST = re.compile(r"(?!127\.)(?:[\w-]+\.)+(?!localhost\b)[\w-]+(?::\d+)?", re.ASCII)


class Server:
    """Serves one engine. `start` and `close` may be called once each."""

    def __init__(self, engine: DockerEngine, journal: Journal) -> None:
        self._engine = engine
        self._journal = journal
        self._runner: web.ServerRunner | None = None
        self._path: Path | None = None
        self._inode = 0

    async def start(self, path: Path, mode: int = 0o600) -> None:
        """Listen on `path`, taking the place of a socket that a dead process left there.

        The socket has its mode before it has its name, so nobody else can get in between. Raises OSError.
        """
        listener, self._inode = _listener(path, mode)
        self._path = path
        server = web.Server(
            cast(Any, self._handle),
            request_factory=self._request,
            handler_cancellation=True,
            access_log=None,
            max_line_size=_MAX_LINE,
            max_field_size=_MAX_LINE,
            # As in Go: what a client has packed is the handler's business, and cannot grow here.
            auto_decompress=False,
        )
        self._runner = web.ServerRunner(server, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.SockSite(self._runner, listener, backlog=4096).start()

    async def close(self) -> None:
        """Stop listening, end the streams and remove the socket, unless another server has taken its place."""
        if self._runner is not None:
            await self._runner.cleanup()
        if self._path is not None:
            _unlink(self._path, self._inode)

    @staticmethod
    def _request(message: Any, payload: Any, protocol: Any, writer: Any, task: Any) -> web.BaseRequest:
        return web.BaseRequest(
            message, payload, protocol, writer, task, asyncio.get_running_loop(), client_max_size=_MAX_BODY
        )

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        version, path = split_version(request.rel_url.raw_path)
        if _is_forged(request):
            return _response(_error(HTTPStatus.FORBIDDEN, "requests from web pages are refused"))
        match = _ROUTER.find(request.method, path)
        if match is None:
            result: Response = _error(HTTPStatus.NOT_FOUND, "page not found")
        else:
            result = _unsupported(version) or await self._call(request, match, version, path)
        if isinstance(result, Hijack):
            self._note(request, path, HTTPStatus.SWITCHING_PROTOCOLS)
            return await take_over(request, result, _HEADERS)
        response = _response(result) if isinstance(result, Answer) else _stream_response(result)
        await response.prepare(request)
        if path != _PING:
            self._note(request, path, response.status)
        if isinstance(result, Stream):
            await _pump(response, result)
        return response

    async def _call(self, request: web.BaseRequest, match: Match, version: str, path: str) -> Response:
        try:
            call = Call(
                engine=self._engine,
                method=request.method,
                path=path,
                version=ApiVersion.parse(version) if version else _NEWEST,
                query=request.query,
                names=match.names,
                body=b"" if match.route.upload else await request.read(),
                client=request.headers.get("User-Agent", ""),
                upload=lambda: receive(request.content, self._engine.scratch),
            )
            return await _carry_out(match, call)
        except KNOWN as error:
            return _error(status_of(error), str(error))
        except HttpProcessingError as error:
            return _error(error.code, error.message)
        except web.HTTPException as error:
            return _error(error.status, error.reason)
        except Exception as error:
            _LOG.exception("%s %s failed", request.method, path)
            return _error(HTTPStatus.INTERNAL_SERVER_ERROR, f"internal error: {type(error).__name__}: {error}")

    def _note(self, request: web.BaseRequest, path: str, status: int) -> None:
        noted = Request(
            engine=self._engine.name,
            method=request.method,
            path=path,
            query=request.rel_url.raw_query_string,
            status=status,
            client=request.headers.get("User-Agent", ""),
        )
        self._journal.request(self._engine.clock.now(), noted)


def _unlink(path: Path, inode: int) -> None:
    """Remove the socket at `path` if it is still that one."""
    with suppress(FileNotFoundError):
        if path.stat().st_ino == inode:
            path.unlink()


def _listener(path: Path, mode: int) -> tuple[socket.socket, int]:
    """A bound socket at `path` and its inode."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    aside = path.with_name(path.name + ".new")
    try:
        with suppress(FileNotFoundError):
            aside.unlink()
        listener.bind(str(aside))
        aside.chmod(mode)
        aside.rename(path)
        listener.setblocking(False)
        return listener, path.stat().st_ino
    except OSError:
        listener.close()
        raise


async def _carry_out(match: Match, call: Call) -> Response:
    """What the handler answers, once the swarm has a leader if it needs one."""
    try:
        result = match.route.handler(call)
        if isinstance(result, Response):
            return result
        attempts = _finish(match, call, result)
    except LeaderAwaitedError:
        attempts = call.engine.cluster.patiently(lambda: match.route.handler(call))
    # A client that goes away does not undo what it asked for.
    return await asyncio.shield(asyncio.ensure_future(attempts))


async def _finish(match: Match, call: Call, result: Awaitable[Response]) -> Response:
    try:
        return await result
    except LeaderAwaitedError:
        return await call.engine.cluster.patiently(lambda: match.route.handler(call))


def _is_forged(request: web.BaseRequest) -> bool:
    """Whether a browser made the request on behalf of a page: no client of the Engine API sends these."""
    headers = request.headers
    if "Origin" in headers or "Sec-Fetch-Site" in headers:
        return True
    return _WEB_HOST.fullmatch(headers.get("Host", "")) is not None


def _unsupported(version: str) -> Answer | None:
    """Docker's refusal of a version that is too old or too new."""
    if not version:
        return None
    asked = ApiVersion.parse(version)
    if asked < _OLDEST:
        text = (
            f"client version {version} is too old. Minimum supported API version is {MIN_API_VERSION}, "
            "please upgrade your client to a newer version"
        )
        # Clients that old print what they get, so they get plain text.
        return Answer(HTTPStatus.BAD_REQUEST, text.encode() + b"\n", "text/plain; charset=utf-8")
    if asked > _NEWEST:
        return _error(
            HTTPStatus.BAD_REQUEST,
            f"client version {version} is too new. Maximum supported API version is {API_VERSION}",
        )
    return None


def _error(status: int, message: str) -> Answer:
    return answer({"message": message}, status)


def _response(result: Answer) -> web.Response:
    headers = {**_HEADERS, **result.headers}
    if result.content_type:
        headers["Content-Type"] = result.content_type
    return web.Response(status=result.status, body=result.body, headers=headers)


def _stream_response(result: Stream) -> web.StreamResponse:
    response = web.StreamResponse(headers={**_HEADERS, "Content-Type": result.content_type})
    response.enable_chunked_encoding()
    return response


async def _pump(response: web.StreamResponse, stream: Stream) -> None:
    """Send what comes until it ends; a client that has gone ends it too."""
    with suppress(ConnectionError):
        async with aclosing(cast(Any, stream.parts)) as parts:
            async for part in parts:
                await response.write(part)
        await response.write_eof()
