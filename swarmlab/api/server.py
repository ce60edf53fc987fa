"""The Docker Engine HTTP API of one engine, on a unix socket."""

import asyncio
import logging
import socket
import ssl
from collections.abc import Awaitable
from contextlib import aclosing, suppress
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from typing import Any, cast

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from swarmlab.api import (
    archives,
    attach,
    blobs,
    builds,
    commits,
    containers,
    distribution,
    events,
    execs,
    imagechanges,
    images,
    imports,
    logs,
    networks,
    nodes,
    plugins,
    processes,
    prunes,
    pulls,
    registry,
    runs,
    services,
    stats,
    swarm,
    system,
    tasks,
    unavailable,
    volumes,
)
from swarmlab.api.call import DONE, Answer, ApiVersion, Call, Hijack, Origin, Response, Stream, answer
from swarmlab.api.errors import KNOWN, status_of
from swarmlab.api.forgery import is_forged
from swarmlab.api.hijack import take_over
from swarmlab.api.protocol import HttpServer, Protocol, wrong
from swarmlab.api.replies import complete, streamed, unread
from swarmlab.api.router import Match, Router, split_version
from swarmlab.api.target import Target, WrongTargetError, parse_query
from swarmlab.api.tls import BACKLOG, TlsListener
from swarmlab.api.uploads import invite, receive
from swarmlab.api.websocket import serve
from swarmlab.engine import API_VERSION, MIN_API_VERSION, DockerEngine
from swarmlab.journal import Journal, Request
from swarmlab.manager import LeaderAwaitedError

_LOG = logging.getLogger(__name__)
#: Everything that is answered, refusals included.
ROUTES = tuple(
    route
    for module in (
        system, events, swarm, nodes, services, tasks, networks, containers, runs, attach,
        archives, processes, stats, execs, logs, images, imagechanges, imports, commits, builds, pulls, registry,
        prunes, blobs, distribution, volumes, plugins,
        unavailable,
    )
    for route in module.ROUTES
)  # fmt: skip
_ROUTER = Router(ROUTES)
_NEWEST, _OLDEST = ApiVersion.parse(API_VERSION), ApiVersion.parse(MIN_API_VERSION)
#: Bodies that are no uploads are read as a whole; the largest legal one is a config of 1,000 KiB in base64.
_MAX_BODY = 64 << 20
#: The whole request line, which carries the filters, and each header, which may carry logins (Go: MaxHeaderBytes).
_MAX_LINE = 1 << 20
_PING = "/_ping"


class _Request(web.BaseRequest):
    """A request that remembers its target as it was sent."""

    def __init__(self, message: Any, payload: Any, protocol: Any, writer: Any, task: Any) -> None:
        loop = asyncio.get_running_loop()
        super().__init__(message, payload, protocol, writer, task, loop, client_max_size=_MAX_BODY)
        self.target: str = message.path


class Server:
    """Serves one engine. `start` and `close` may be called once each."""

    def __init__(self, engine: DockerEngine, journal: Journal) -> None:
        self._engine = engine
        self._journal = journal
        self._runner: web.ServerRunner | None = None
        self._http: HttpServer | None = None
        self._tls: TlsListener | None = None
        self._path: Path | None = None
        self._inode = 0
        #: Where it listens beside its socket.
        self._addresses: set[str] = set()

    async def start(self, path: Path, mode: int = 0o600) -> None:
        """Listen on `path`, taking the place of a socket that a dead process left there.

        The socket has its mode before it has its name, so nobody else can get in between. Raises OSError.
        """
        listener, self._inode = _listener(path, mode)
        self._path = path
        self._http = HttpServer(
            cast(Any, self._handle),
            request_factory=_Request,
            handler_cancellation=True,
            access_log=None,
            max_line_size=_MAX_LINE,
            max_field_size=_MAX_LINE,
            # As in Go: what a client has packed is the handler's business, and cannot grow here.
            auto_decompress=False,
        )
        self._runner = web.ServerRunner(self._http, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.SockSite(self._runner, listener, backlog=BACKLOG).start()

    async def listen(self, address: str, port: int, context: ssl.SSLContext) -> None:
        """Listen at a TCP port too, once started, for clients whose certificate `context` accepts. Raises OSError."""
        assert self._http is not None
        self._addresses.add(address)
        self._tls = TlsListener(context, self._http)
        await self._tls.start(address, port)

    async def close(self) -> None:
        """Stop listening, end the streams and remove the socket, unless another server has taken its place."""
        if self._tls is not None:
            self._tls.close()
        if self._runner is not None:
            await self._runner.cleanup()
        if self._path is not None:
            _unlink(self._path, self._inode)

    async def _handle(self, request: _Request) -> web.StreamResponse:
        if (refused := wrong(request)) is not None:
            return refused
        try:
            target = Target.parse(request.target)
        except WrongTargetError:
            return unread(HTTPStatus.BAD_REQUEST)
        if is_forged(request.headers, target.authority, self._addresses):
            return complete(_error(HTTPStatus.FORBIDDEN, "requests from web pages are refused"), request)
        if request.headers.get("Expect", "100-continue").lower() != "100-continue":
            refusal = web.Response(status=HTTPStatus.EXPECTATION_FAILED)
            refusal.force_close()
            return refusal
        version, path = split_version(target.path)
        result = await self._result(request, target, version, path)
        if isinstance(result, Answer):
            if path != _PING:
                self._note(request, target, path, result.status)
            return complete(result, request)
        try:
            status: int = HTTPStatus.OK
            if isinstance(result, Hijack):
                status = result.refusal or HTTPStatus.SWITCHING_PROTOCOLS
            self._note(request, target, path, status)
            if isinstance(result, Hijack) and result.frames:
                return await serve(request, result, text=result.frames == "text")
            if isinstance(result, Hijack):
                return await take_over(request, result)
            response = streamed(result, request)
            await response.prepare(request)
            await _pump(cast(Protocol, request.protocol), response, result)
            return response
        finally:
            await result.close()

    async def _result(self, request: _Request, target: Target, version: str, path: str) -> Response:
        if target.moved:
            return Answer(HTTPStatus.MOVED_PERMANENTLY, headers={"Location": target.moved}, origin=Origin.ROUTER)
        if request.method == "OPTIONS":
            return DONE
        match = _ROUTER.find(request.method, path)
        if match is None:
            return replace(_error(HTTPStatus.NOT_FOUND, "page not found"), origin=Origin.ROUTER)
        return _unsupported(version) or await self._call(request, match, target, version, path)

    async def _call(self, request: _Request, match: Match, target: Target, version: str, path: str) -> Response:
        try:
            call = Call(
                engine=self._engine,
                method=request.method,
                path=path,
                version=ApiVersion.parse(version) if version else _NEWEST,
                query=parse_query(target.query),
                names=match.names,
                body=b"" if match.route.upload else await self._body(request),
                content_type=request.headers.get("Content-Type", ""),
                client=request.headers.get("User-Agent", ""),
                upgrade=request.headers.get("Upgrade", ""),
                upload=lambda: receive(request, self._engine.scratch),
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

    @staticmethod
    async def _body(request: _Request) -> bytes:
        await invite(request)
        return await request.read()

    def _note(self, request: _Request, target: Target, path: str, status: int) -> None:
        noted = Request(
            engine=self._engine.name,
            method=request.method,
            path=path,
            query=target.query,
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
        body, guard = f"{text}\n".encode(), {"X-Content-Type-Options": "nosniff"}
        return Answer(HTTPStatus.BAD_REQUEST, body, "text/plain; charset=utf-8", guard, Origin.VERSIONS)
    if asked > _NEWEST:
        text = f"client version {version} is too new. Maximum supported API version is {API_VERSION}"
        return replace(_error(HTTPStatus.BAD_REQUEST, text), origin=Origin.VERSIONS)
    return None


def _error(status: int, message: str) -> Answer:
    return answer({"message": message}, status)


async def _pump(protocol: Protocol, response: web.StreamResponse, stream: Stream) -> None:
    """Send what comes until it ends; a client that has gone ends it too."""
    protocol.stream(asyncio.current_task())
    try:
        with suppress(ConnectionError):
            async with aclosing(cast(Any, stream.parts)) as parts:
                async for part in parts:
                    await response.write(part)
            await response.write_eof()
    finally:
        protocol.stream(None)
