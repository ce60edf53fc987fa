"""The control socket of a lab's process: JSON over HTTP for the command line, on a Unix socket."""

import asyncio
import json
import logging
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import cast

from aiohttp import web

from swarmlab.lab.host import Host
from swarmlab.lab.parts import Action

_log = logging.getLogger(__name__)
#: How long an answer that is under way may hold up the end, in seconds.
_PATIENCE = 1.0


class Control:
    """Answers requests with what `host` does. A request that comes too early waits until the lab is ready."""

    def __init__(self, host: Host, stop: asyncio.Event) -> None:
        self._host = host
        self._stop = stop
        application = web.Application(middlewares=[self._guard])
        application.add_routes(
            [
                web.get("/status", self._status),
                web.post("/reset", self._reset),
                web.get("/clock", self._clock),
                web.post("/speed", self._speed),
                web.post("/partition", self._partition),
                web.post("/heal", self._heal),
                web.post("/node/{node}/{action:stop|kill|start}", self._power),
                web.post("/shutdown", self._shutdown),
            ]
        )
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=_PATIENCE)

    async def start(self, path: Path) -> None:
        """Listen on a Unix socket that only its owner may use."""
        await self._runner.setup()
        self._path = path
        await web.UnixSite(self._runner, str(path)).start()
        os.chmod(path, 0o600)

    async def close(self) -> None:
        """End all connections and remove the socket."""
        await self._runner.cleanup()
        self._path.unlink(missing_ok=True)

    @web.middleware
    async def _guard(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        try:
            return await handler(request)
        except web.HTTPException as error:
            return web.json_response({"message": f"{error.reason}: {request.path}"}, status=error.status)
        except Exception as error:
            _log.exception("%s %s failed", request.method, request.path)
            return web.json_response({"message": f"{type(error).__name__}: {error}; see: swarmlab logs"}, status=500)

    async def _status(self, _: web.Request) -> web.Response:
        await self._host.ready.wait()
        return web.json_response(await self._host.status())

    async def _reset(self, _: web.Request) -> web.Response:
        await self._host.ready.wait()
        try:
            await self._host.reset()
        except Exception:
            # Half of the old lab is gone by now. A new start makes a fresh one of what is there.
            self._stop.set()
            raise
        return web.json_response({})

    async def _clock(self, _: web.Request) -> web.Response:
        return web.json_response(self._host.clock())

    async def _partition(self, request: web.Request) -> web.Response:
        await self._host.ready.wait()
        await self._host.partition((await request.json())["nodes"])
        return web.json_response({})

    async def _heal(self, _: web.Request) -> web.Response:
        await self._host.ready.wait()
        await self._host.heal()
        return web.json_response({})

    async def _speed(self, request: web.Request) -> web.Response:
        try:
            self._host.set_speed(float((await request.json())["speed"]))
        except (json.JSONDecodeError, KeyError, TypeError, ValueError) as error:
            return web.json_response({"message": f"No such speed: {error}"}, status=400)
        return web.json_response({})

    async def _power(self, request: web.Request) -> web.Response:
        await self._host.ready.wait()
        await self._host.power(request.match_info["node"], cast("Action", request.match_info["action"]))
        return web.json_response({})

    async def _shutdown(self, _: web.Request) -> web.Response:
        self._stop.set()
        return web.json_response({}, status=202)
