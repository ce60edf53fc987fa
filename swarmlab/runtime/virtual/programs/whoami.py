"""The small web servers that tell which container answered."""

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable

from aiohttp import web

from swarmlab.runtime.virtual.context import Context

_Answer = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


async def whoami_plain(context: Context) -> int:
    """`I'm <hostname>` on $PORT (8000), as the classic whoami images answer."""

    async def answer(request: web.BaseRequest) -> web.Response:
        return web.Response(text=f"I'm {context.machine.hostname}\n")

    return await serve(context, int(context.env.get("PORT") or 8000), answer)


async def whoami_echo(context: Context) -> int:
    """The request as it arrived, with the host name, on port 80 (`--port`, $WHOAMI_PORT_NUMBER); `/health` is empty."""
    port = context.env.get("WHOAMI_PORT_NUMBER") or "80"
    for before, word in zip(context.argv, context.argv[1:], strict=False):
        if before in ("--port", "-port"):
            port = word

    async def answer(request: web.BaseRequest) -> web.Response:
        if request.path == "/health":
            return web.Response()
        lines = [
            f"Hostname: {context.machine.hostname}",
            "IP: 127.0.0.1",
            *(f"IP: {host}" for place in context.machine.sandbox.places for host in place.hosts),
            f"RemoteAddr: {_source(context, request)}",
            f"{request.method} {request.raw_path} HTTP/1.1",
            f"Host: {request.host}",
            *(f"{name}: {value}" for name, value in sorted(request.headers.items()) if name.title() != "Host"),
        ]
        return web.Response(text="\n".join(lines) + "\n\n")

    return await serve(context, int(port), answer)


def _source(context: Context, request: web.BaseRequest) -> str:
    """Where a request comes from, as `address:port`."""
    host, port = request.transport.get_extra_info("peername")[:2] if request.transport is not None else ("", 0)
    return f"{context.machine.sandbox.origins.get((host, port), host)}:{port}"


async def serve(context: Context, port: int, answer: _Answer, busybox: str = "") -> int:
    """Serve until SIGTERM, SIGINT or SIGQUIT; requests in progress are finished.

    A port that is taken is complained of as Go does it, or as the command of BusyBox that is named.
    """
    loop = asyncio.get_running_loop()
    stop: asyncio.Future[None] = loop.create_future()
    listener = socket.create_server(("127.0.0.1", 0))
    try:
        context.machine.listen(port, listener.getsockname()[:2])
    except OSError as error:
        listener.close()
        reason = os.strerror(error.errno or 0)
        await context.err(
            f"{busybox}: bind: {reason}\n" if busybox else f"listen tcp :{port}: bind: {reason.lower()}\n"
        )
        return 1

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        await context.machine.thawed()
        return await answer(request)

    server = web.Server(handle, access_log=None)
    site = await loop.create_server(server, sock=listener)
    context.signals.handle(("SIGTERM", "SIGINT", "SIGQUIT"), lambda _: None if stop.done() else stop.set_result(None))
    context.ready()
    try:
        await stop
        return 0
    finally:
        context.machine.close_port(port)
        site.close()
        await server.shutdown(timeout=1)
