"""Bodies that come as files: through real sockets, as clients send them."""

import asyncio
import gzip
import io
from collections.abc import AsyncIterator, Iterator
from typing import IO

import pytest

from swarmlab.api import server as server_module
from swarmlab.api.call import DONE, Answer, Call, Route, answer
from swarmlab.api.errors import not_found
from swarmlab.api.router import Router

from .conftest import Client

#: More than is kept in memory, and more than a body that is no upload may have.
LARGE = 70 << 20


class Receiver:
    """Handlers that remember what came."""

    def __init__(self) -> None:
        self.size = -1
        self.on_disk = False
        self.started = asyncio.Event()
        self.ended: asyncio.Event = asyncio.Event()
        self.error: BaseException | None = None

    async def take(self, call: Call) -> Answer:
        self.started.set()
        try:
            file = await call.upload()
        except BaseException as error:
            self.error = error
            raise
        finally:
            self.ended.set()
        with file:
            self._look(file)
        return DONE

    async def refuse(self, call: Call) -> Answer:
        raise not_found("no such place")

    async def echo(self, call: Call) -> Answer:
        with await call.upload() as file:
            return answer({"body": file.read().hex()})

    def _look(self, file: IO[bytes]) -> None:
        assert file.tell() == 0
        self.on_disk = bool(getattr(file, "_rolled", False))
        self.size = file.seek(0, io.SEEK_END)


@pytest.fixture
def receiver(client: Client, monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    made = Receiver()
    routes = [
        Route("PUT", "/take", made.take, upload=True),
        Route("PUT", "/refuse", made.refuse, upload=True),
        Route("PUT", "/echo", made.echo, upload=True),
    ]
    monkeypatch.setattr(server_module, "_ROUTER", Router(routes))
    return made


def test_a_large_upload_goes_to_disk_and_leaves_nothing_there(client: Client, receiver: Receiver) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(LARGE >> 20):
            yield b"x" * (1 << 20)

    async def send() -> int:
        session = await client.connect()
        # Without a length, in chunks, as the docker command sends archives.
        async with session.put("http://docker/take", data=pieces()) as response:
            return response.status

    assert client.run(send()) == 200
    assert (receiver.size, receiver.on_disk) == (LARGE, True)
    assert not [path for path in client.engine.scratch.rglob("*") if path.is_file()]


def test_a_small_one_stays_in_memory(client: Client, receiver: Receiver) -> None:
    assert client("PUT", "/take", b"x" * 1000).status == 200
    assert (receiver.size, receiver.on_disk) == (1000, False)
    assert client("PUT", "/take").status == 200
    assert receiver.size == 0


def test_a_refusal_does_not_wait_for_the_body(client: Client, receiver: Receiver) -> None:
    async def send() -> bytes:
        await client.connect()
        reader, writer = await asyncio.open_unix_connection(str(client.socket))
        writer.write(b"PUT /refuse HTTP/1.1\r\nHost: docker\r\nContent-Length: 1000000\r\n\r\nthe beginning")
        head = await reader.readuntil(b"\r\n\r\n")
        writer.close()
        await writer.wait_closed()
        return head

    assert client.run(send()).startswith(b"HTTP/1.1 404 ")


def test_what_breaks_off_is_no_upload(client: Client, receiver: Receiver) -> None:
    async def send() -> None:
        await client.connect()
        _, writer = await asyncio.open_unix_connection(str(client.socket))
        writer.write(b"PUT /take HTTP/1.1\r\nHost: docker\r\nContent-Length: 1000\r\n\r\nthe beginning")
        await receiver.started.wait()
        writer.close()
        await writer.wait_closed()
        await receiver.ended.wait()

    client.run(send())
    assert isinstance(receiver.error, ConnectionError)
    assert receiver.size == -1


def test_nothing_is_unpacked_on_the_way(client: Client, receiver: Receiver) -> None:
    packed = gzip.compress(b"x" * 1000)
    reply = client("PUT", "/echo", packed, headers={"Content-Encoding": "gzip"})
    assert bytes.fromhex(reply.json["body"]) == packed


def test_other_bodies_are_no_files() -> None:
    call = Call(engine=None, method="POST", path="/", version=None, query={}, names={})  # type: ignore[arg-type]
    with pytest.raises(RuntimeError):
        asyncio.run(call.upload())  # type: ignore[arg-type]
