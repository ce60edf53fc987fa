"""A web server with a fault of one's choice, for learning what a swarm does about it."""

import asyncio

from aiohttp import web

from swarmlab.runtime.virtual.context import Context
from swarmlab.runtime.virtual.programs.whoami import serve

_MIB = 1 << 20
#: Swarm seconds between two looks at the clock of a leak.
_STEP = 0.25


async def faulty_web(context: Context) -> int:
    """Serve on port 80 until the fault comes; `/health` answers 200, or 503 when the server is not well.

    Faults are variables, times in seconds of swarm time: START_AFTER (listens late), CRASH_AFTER with EXIT_CODE,
    HEALTHY_FOR (then `/health` fails), STATUS for EVERY n-th request, MIB_PER_SECOND of memory (never given back).
    """
    try:
        server = _Faulty(context)
    except ValueError as error:
        await context.err(f"faulty-web: {error}\n")
        return 2
    return await server.run()


class _Faulty:
    def __init__(self, context: Context) -> None:
        """Raises ValueError for a variable that is no number."""
        self._context = context
        self._clock = context.machine.clock
        self._start_after = self._number("START_AFTER") or 0.0
        self._crash_after = self._number("CRASH_AFTER")
        self._exit_code = int(self._number("EXIT_CODE") or 1)
        self._healthy_for = self._number("HEALTHY_FOR")
        self._status = int(self._number("STATUS") or 200)
        self._every = max(1, int(self._number("EVERY") or 1))
        self._leak = self._number("MIB_PER_SECOND") or 0.0
        self._requests = 0
        self._began = self._clock.now()

    async def run(self) -> int:
        if self._start_after:
            await self._say(f"starting; that takes {self._start_after:g} seconds")
            await self._clock.sleep(self._start_after)
        await self._say("listening on port 80")
        loop = asyncio.get_running_loop()
        server = loop.create_task(serve(self._context, 80, self._answer))
        works = [server]
        if self._crash_after is not None:
            works.append(loop.create_task(self._crash(self._crash_after)))
        if self._leak:
            works.append(loop.create_task(self._grow()))
        try:
            done, _ = await asyncio.wait(works, return_when=asyncio.FIRST_COMPLETED)
            return done.pop().result()
        finally:
            for work in works:
                work.cancel()
            await asyncio.gather(*works, return_exceptions=True)

    async def _answer(self, request: web.BaseRequest) -> web.Response:
        host = self._context.machine.hostname
        if request.path == "/health":
            well = self._healthy_for is None or self._age() < self._healthy_for
            return web.Response(text="well\n" if well else "not well\n", status=200 if well else 503)
        self._requests += 1
        status = self._status if self._requests % self._every == 0 else 200
        await self._say(f'"{request.method} {request.path}" {status}')
        return web.Response(text=f"faulty-web on {host}: {status}\n", status=status)

    async def _crash(self, after: float) -> int:
        await self._clock.sleep(after)
        await self._context.err(f"faulty-web: crashed after {after:g} seconds, with exit code {self._exit_code}\n")
        return self._exit_code

    async def _grow(self) -> int:
        """Ask for memory until the container has none left; only its number grows."""
        used = 0.0
        told = 0
        while True:
            await self._clock.sleep(_STEP)
            used += self._leak * _STEP
            if used >= told + max(self._leak, 1):
                told = int(used)
                await self._say(f"uses {told} MiB")
            self._context.machine.use_memory(int(used * _MIB))

    async def _say(self, text: str) -> None:
        await self._context.out(f"faulty-web: {text}\n")

    def _age(self) -> float:
        return (self._clock.now() - self._began) / 1e9

    def _number(self, variable: str) -> float | None:
        text = self._context.env.get(variable, "")
        if not text:
            return None
        try:
            value = float(text)
        except ValueError:
            value = -1.0
        if not 0 <= value < 1e9:
            raise ValueError(f"{variable}={text} is no number that makes sense here")
        return value
