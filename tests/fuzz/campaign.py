"""A lab on virtual time under many requests, and what must hold whatever they are."""

import asyncio
import json
import logging
import time
import traceback
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

from swarmlab.api import Server
from swarmlab.clock import VirtualClock
from swarmlab.engine import Lab
from swarmlab.journal import Journal, Seal
from swarmlab.store import Kind, Store

from .generator import Asked, Generator

#: A stream is left after so many rounds of the event loop without anything new, or so many bytes.
_IDLE, _ENOUGH = 60, 1 << 16
#: No answer for so long, of virtual time and of real time in seconds, is a hang.
_VIRTUAL, _REAL = 600.0, 10.0
_NODES = 3


class Finding(NamedTuple):
    """What must not be: the number of the request, what is wrong, and the request."""

    number: int
    what: str
    raw: bytes


class _Errors(logging.Handler):
    """Whatever is logged as an error."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.seen: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.seen.append(self.format(record))


class Campaign:
    """Sends requests to three engines of a lab in `folder`. `run` may be called once."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.findings: list[Finding] = []
        self.statuses: Counter[int] = Counter()
        #: What was answered with 500: by Docker too, or it is a finding.
        self.faults: Counter[str] = Counter()
        self._folder = folder
        self._sockets = [folder / f"{number}.sock" for number in range(_NODES)]
        self._generator = Generator(seed, _NODES)
        self._errors = _Errors()
        self._number = 0

    def run(self, count: int) -> None:
        """Send `count` requests, then look at what is left."""
        logging.getLogger().addHandler(self._errors)
        try:
            asyncio.run(self._run(count))
        finally:
            logging.getLogger().removeHandler(self._errors)

    # --- inside ----------------------------------------------------------------------------------------------------

    async def _run(self, count: int) -> None:
        asyncio.get_running_loop().set_exception_handler(self._broken)
        await self._open(VirtualClock())
        await self._make_swarm()
        for number in range(count):
            self._number = number
            await self._one(self._generator.next())
            if number % 200 == 199:
                await self._make_swarm()
        self._number = count
        await self._look_after(self._lab)
        before = {scope: _contents(store) for scope, store in self._lab._stores.items()}
        for scope, contents in before.items():
            store = Store(self._clock, scope)
            self._journal.restore(store)
            self._check(_contents(store) == contents, f"the journal of {scope} is not what there is", b"")
        await self._close()
        await self._open(VirtualClock(self._clock.now()))
        await self._look_after(self._lab)
        await self._close()

    async def _open(self, clock: VirtualClock) -> None:
        self._clock = clock
        self._journal = Journal(self._folder / "journal.sqlite", Seal(self._folder / "key"))
        self._lab = Lab(
            name="fuzz",
            nodes=_NODES,
            clock=clock,
            journal=self._journal,
            state_dir=self._folder,
            addresses=[f"127.0.99.{number + 1}" for number in range(_NODES)],
        )
        await self._lab.start()
        self._servers = [Server(engine, self._journal) for engine in self._lab.engines.values()]
        for server, socket in zip(self._servers, self._sockets, strict=True):
            await server.start(socket)

    async def _close(self) -> None:
        for server in self._servers:
            await server.close()
        await self._lab.stop()
        self._journal.close()

    async def _make_swarm(self) -> None:
        """node-1 leads, the others join, unless they have a swarm; one that has lost its leader ends."""
        if (await self._ask(0, "GET", "/nodes", None))[0] != 200:
            for engine in range(_NODES):
                await self._ask(engine, "POST", "/swarm/leave?force=1", None)
        await self._ask(0, "POST", "/swarm/init", {"ListenAddr": "0.0.0.0:2377"})
        _, body = await self._ask(0, "GET", "/swarm", None)
        tokens = json.loads(body).get("JoinTokens")
        for engine, role in ((1, "Manager"), (2, "Worker")):
            if tokens:
                join = {"RemoteAddrs": ["127.0.99.1:2377"], "JoinToken": tokens[role], "ListenAddr": "0.0.0.0:2377"}
                await self._ask(engine, "POST", "/swarm/join", join)

    async def _ask(self, engine: int, method: str, path: str, value: Any) -> tuple[int, bytes]:
        body = b"" if value is None else json.dumps(value).encode()
        head = f"{method} {path} HTTP/1.1\r\nHost: docker\r\nConnection: close\r\nContent-Type: application/json\r\n"
        return await self._one(
            Asked(engine, f"{method} {path}", f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        )

    async def _one(self, asked: Asked) -> tuple[int, bytes]:
        answer = await self._exchange(asked)
        head, _, body = answer.partition(b"\r\n\r\n")
        status = int(head[9:12]) if head.startswith(b"HTTP/1.1 ") else 0
        self.statuses[status] += 1
        if status == 500:
            self.faults[body.decode(errors="replace")[:160]] += 1
        self._check(status != 0, f"no answer: {answer[:100]!r}", asked.raw)
        self._check(not (status == 500 and b"internal error: " in body), f"a fault: {body[:200]!r}", asked.raw)
        self._check(status in _USUAL, f"status {status}", asked.raw)
        if status >= 400 and body and b"application/json" in head:
            self._check(_is_error(body), f"no error of Docker's: {body[:200]!r}", asked.raw)
        for text in self._errors.seen:
            self._check(False, f"logged: {text}", asked.raw)
        self._errors.seen.clear()
        if status in {200, 201}:
            self._generator.learn(asked.operation, body)
        if status == 501:
            self._generator.is_absent(asked.operation)
        return status, body

    async def _exchange(self, asked: Asked) -> bytes:
        """The answer, or its beginning when it is a stream; time passes meanwhile."""
        reader, writer = await asyncio.open_unix_connection(str(self._sockets[asked.engine]))
        writer.write(asked.raw)
        answer, idle = b"", 0
        began, real = self._clock.now(), time.monotonic()
        reading = asyncio.ensure_future(reader.read(_ENOUGH))
        while len(answer) < _ENOUGH and not (answer and idle > _IDLE):
            await asyncio.sleep(0)
            idle += 1
            if reading.done():
                piece = reading.result() if reading.exception() is None else b""
                if not piece:
                    break
                answer, idle = answer + piece, 0
                reading = asyncio.ensure_future(reader.read(_ENOUGH))
            elif idle % 20 == 0:
                self._pass_time()
            if (self._clock.now() - began) / 1e9 > _VIRTUAL and time.monotonic() - real > _REAL:
                self._check(False, "no answer for too long", asked.raw)
                break
        reading.cancel()
        writer.close()
        await asyncio.gather(reading, return_exceptions=True)
        return answer

    def _pass_time(self) -> None:
        due = self._clock.next_due()
        self._clock.advance(min(due, 5.0) if due is not None else 0.1)

    async def _look_after(self, lab: Lab) -> None:
        """The lab lives."""
        for engine in range(_NODES):
            for path in ("/_ping", "/info", "/containers/json?all=1", "/images/json", "/networks"):
                status, _ = await self._ask(engine, "GET", path, None)
                self._check(status == 200, f"{path} of {list(lab.engines)[engine]} answers {status} at the end", b"")

    def _broken(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        where = "".join(traceback.format_exception(error)) if error is not None else context.get("task")
        self._check(False, f"in the event loop: {context['message']}: {where}", b"")

    def _check(self, right: bool, what: str, raw: bytes) -> None:
        if not right:
            self.findings.append(Finding(self._number, what, raw))


#: What Docker answers with, and 501 for what is not there.
_USUAL = frozenset({101, 200, 201, 204, 301, 304, 400, 401, 403, 404, 406, 409, 500, 501, 503})


def _is_error(body: bytes) -> bool:
    try:
        return isinstance(json.loads(body)["message"], str)
    except (ValueError, KeyError, TypeError):
        return False


def _contents(store: Store) -> dict[str, Any]:
    return {f"{kind.name} {obj.id}": obj for kind in Kind for obj in store.tables.of(kind)}
