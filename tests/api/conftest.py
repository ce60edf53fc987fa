"""A server on a socket of its own, and a client that speaks to it as any other would."""

import asyncio
import io
import json
from collections.abc import Coroutine, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple, TypeVar, cast

import aiohttp
import pytest

from swarmlab.api import Server
from swarmlab.images import Catalogue

from .fakes import FakeEngine, FakeJournal
from .live import Live

T = TypeVar("T")


class Reply(NamedTuple):
    """A response read to its end."""

    status: int
    headers: Any
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def message(self) -> str:
        return cast(str, self.json["message"])


class Client:
    """Makes requests; starts the server before the first."""

    def __init__(self, socket: Path) -> None:
        self.socket = socket
        self.engine = FakeEngine(_CATALOGUE, socket.parent)
        self.journal = FakeJournal()
        self.loop = asyncio.new_event_loop()
        self.server = Server(cast(Any, self.engine), cast(Any, self.journal))
        self.session: aiohttp.ClientSession | None = None

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    async def connect(self) -> aiohttp.ClientSession:
        if self.session is None:
            await self.server.start(self.socket)
            connector = aiohttp.UnixConnector(str(self.socket))
            self.session = aiohttp.ClientSession(connector=connector, headers={"User-Agent": "test/1"})
        return self.session

    def __call__(self, method: str, path: str, body: Any = None, **options: Any) -> Reply:
        async def call() -> Reply:
            session = await self.connect()
            encoded = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
            data = None if encoded is None else io.BytesIO(encoded)
            options["headers"] = {"Content-Type": "application/json", **options.get("headers", {})}
            async with session.request(method, f"http://docker{path}", data=data, **options) as response:
                return Reply(response.status, response.headers, await response.read())

        return self.run(call())

    def filtered(self, path: str, **filters: list[str]) -> Reply:
        """A list with filters, whose keys spell `-` and `.` as `_`."""
        return self("GET", path, params={"filters": json.dumps(filters)})

    def init(self) -> None:
        """Make the engine the only manager of a swarm."""
        assert self("POST", "/swarm/init", {}).status == 200

    async def _close(self) -> None:
        if self.session is not None:
            await self.session.close()
        await self.server.close()

    def close(self) -> None:
        self.run(self._close())
        self.loop.close()


_CATALOGUE = Catalogue()


@pytest.fixture
def client() -> Iterator[Client]:
    # A socket's path is short; pytest's own folders are not.
    with TemporaryDirectory() as folder:
        client = Client(Path(folder) / "s")
        yield client
        client.close()


@pytest.fixture
def live(client: Client, tmp_path: Path) -> Iterator[Live]:
    """The API over containers that run, on virtual time."""
    made = Live(client, tmp_path)
    yield made
    made.close()
