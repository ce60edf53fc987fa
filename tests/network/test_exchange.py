import asyncio
import errno
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from swarmlab.clock import VirtualClock
from swarmlab.network import Exchange, Fabric, Member, Place
from swarmlab.network.egress import egress


def member(number: int) -> Member:
    at = Place("n", "net", (f"10.0.0.{number}/24",), names=(f"c{number}",))
    return Member(f"c{number}", "node", f"c{number}", (at,))


def error(number: int) -> str:
    return f"ERR {number} {os.strerror(number)}"


class Shim:
    """A process of a container."""

    def __init__(self, variable: str) -> None:
        host, port, self.token = variable.split(":")
        self._at = host, int(port)

    async def ask(self, line: str, token: str = "") -> tuple[str, asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection(*self._at)
        writer.write(f"{token or self.token} {line}\n".encode())
        return (await reader.readline()).decode().rstrip("\n"), reader, writer

    async def say(self, line: str, token: str = "") -> str:
        reply, _, writer = await self.ask(line, token)
        writer.close()
        return reply


async def until(condition: Callable[[], bool]) -> None:
    """Let everything that is ready run until something has come about."""
    for _ in range(10_000):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError("it never came about")


@asynccontextmanager
async def exchange() -> AsyncIterator[tuple[Fabric, Exchange, Shim, Shim]]:
    fabric = Fabric()
    for number in (2, 3):
        fabric.join(member(number))
    made = Exchange(VirtualClock(), fabric.sandbox)
    try:
        yield fabric, made, Shim(made.admit("c2")), Shim(made.admit("c3"))
    finally:
        await made.close()


def test_who_has_no_token_and_who_asks_for_nothing_gets_no_connection() -> None:
    async def test() -> None:
        async with exchange() as (_, made, shim, _other):
            assert await shim.say("10.0.0.3 80", "0" * 32) == error(errno.EACCES)
            for wrong in ("10.0.0.3", "10.0.0.3 80 81", "x y", "10.0.0.3 x", ""):
                assert await shim.say(wrong) == error(errno.EINVAL)
            assert await shim.say("10.0.0.3 80") == error(errno.ECONNREFUSED)
            made.dismiss("c2")
            assert await shim.say("10.0.0.3 80") == error(errno.EACCES)

    asyncio.run(test())


def test_a_connection_is_handed_on_and_its_source_known() -> None:
    async def test() -> None:
        async with exchange() as (fabric, _, client, _server):
            sandbox = fabric.sandbox("c3")
            origins: list[str] = []

            async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                origins.append(sandbox.origins[writer.get_extra_info("peername")])
                writer.write((await reader.readline() + await reader.readline()).upper())
                writer.close()

            real = await asyncio.start_server(answer, "127.0.0.1", 0)
            sandbox.ports[8000] = real.sockets[0].getsockname()
            reply, reader, writer = await client.ask("10.0.0.3 8000\nhello")
            assert reply == "OK"
            writer.write(b"there\n")
            assert await reader.read() == b"HELLO\nTHERE\n"
            writer.close()
            assert origins == ["10.0.0.2"]
            await until(lambda: not sandbox.origins)
            del sandbox.ports[8000]
            assert await client.say("10.0.0.3 8000") == error(errno.ECONNREFUSED)
            real.close()

    asyncio.run(test())


def test_a_way_out_follows_a_name_and_resets_what_it_cannot_reach() -> None:
    async def test() -> None:
        async with exchange() as (fabric, *_):

            async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                writer.write(b"here\n")
                writer.close()

            real = await asyncio.start_server(answer, "127.0.0.1", 0)
            way = egress(fabric.sandbox("c2"), VirtualClock(), "c3", 80)
            reader, writer = await asyncio.open_connection(*way.address)
            with pytest.raises(ConnectionResetError):
                await reader.read()
            writer.close()
            fabric.sandbox("c3").ports[80] = real.sockets[0].getsockname()
            reader, writer = await asyncio.open_connection(*way.address)
            assert await reader.read() == b"here\n"
            writer.close()
            await way.end()
            real.close()

    asyncio.run(test())
