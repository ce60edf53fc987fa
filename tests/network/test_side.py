import asyncio
import random
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarmlab.network.side import Side
from swarmlab.network.traffic import Meter, Traffic

#: More than the kernel keeps for one connection, both ends together.
LARGE = 24 << 20


class Counted(Side):
    """Counts how often it is told that it is over."""

    over = 0

    def closed(self) -> None:
        self.over += 1


class Relayed(NamedTuple):
    """A relayed connection: what the client has, what the program has, and the two sides between them."""

    client: socket.socket
    program: socket.socket
    near: Counted
    far: Counted


def pair() -> tuple[socket.socket, socket.socket]:
    """Two ends of one TCP connection; neither blocks."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        one = socket.create_connection(server.getsockname())
        other, _ = server.accept()
    one.setblocking(False)
    other.setblocking(False)
    return one, other


@asynccontextmanager
async def relayed(meter: Meter | None = None) -> AsyncIterator[Relayed]:
    client, inner = pair()
    outer, program = pair()
    near, far = Counted(inner), Counted(outer, meter)
    near.join(far)
    near.read()
    far.read()
    try:
        yield Relayed(client, program, near, far)
    finally:
        near.reset()
        client.close()
        program.close()
        assert (near.over, far.over, near.is_open, far.is_open) == (1, 1, False, False)


async def receive(connection: socket.socket) -> bytes:
    """All until the end. Raises ConnectionResetError."""
    loop = asyncio.get_running_loop()
    found = bytearray()
    while piece := await loop.sock_recv(connection, 1 << 18):
        found += piece
    return bytes(found)


async def send(connection: socket.socket, *pieces: bytes) -> None:
    """Send, and say that this was all."""
    for piece in pieces:
        await asyncio.get_running_loop().sock_sendall(connection, piece)
        await asyncio.sleep(0)
    connection.shutdown(socket.SHUT_WR)


async def until(condition: Callable[[], object]) -> None:
    """Let everything that is ready run until something has come about."""
    for _ in range(100_000):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError("it never came about")


async def until_over(relay: Relayed) -> None:
    await until(lambda: not relay.near.is_open and not relay.far.is_open)


def run(test: Coroutine[Any, Any, None]) -> None:
    """Run a test and fail it for any exception that a callback left behind."""
    stray: list[dict[str, Any]] = []

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: stray.append(context))
        await asyncio.wait_for(test, 60)

    asyncio.run(main())
    assert stray == []


chunks = st.lists(st.binary(min_size=1, max_size=300), max_size=20) | st.lists(
    st.integers(1, 400_000).map(lambda size: random.Random(size).randbytes(size)), max_size=4
)


@settings(deadline=None, max_examples=40)
@given(up=chunks, down=chunks)
def test_whatever_is_sent_in_whatever_pieces_arrives_and_is_counted(up: list[bytes], down: list[bytes]) -> None:
    async def test() -> None:
        comes, there = Traffic(), Traffic()
        async with relayed(Meter(there, comes)) as relay:
            at_program, at_client, *_ = await asyncio.gather(
                receive(relay.program), receive(relay.client), send(relay.client, *up), send(relay.program, *down)
            )
            assert at_program == b"".join(up)
            assert at_client == b"".join(down)
            await until_over(relay)
        assert (comes.sent, there.received) == (len(b"".join(up)),) * 2
        assert (there.sent, comes.received) == (len(b"".join(down)),) * 2

    run(test())


def test_large_transfers_in_both_directions_at_once_arrive_byte_by_byte() -> None:
    async def test() -> None:
        up, down = random.Random(1).randbytes(LARGE), random.Random(2).randbytes(LARGE)
        async with relayed() as relay:
            at_program, at_client, *_ = await asyncio.gather(
                receive(relay.program), receive(relay.client), send(relay.client, up), send(relay.program, down)
            )
            assert at_program == up
            assert at_client == down
            await until_over(relay)

    run(test())


@pytest.mark.parametrize("downwards", [True, False])
def test_what_is_not_read_is_not_taken_from_who_sends_it(*, downwards: bool) -> None:
    async def test() -> None:
        body = random.Random(3).randbytes(LARGE)
        async with relayed() as relay:
            sender, reader = (relay.program, relay.client) if downwards else (relay.client, relay.program)
            writes, reads = (relay.near, relay.far) if downwards else (relay.far, relay.near)
            sending = asyncio.create_task(send(sender, body))
            await until(lambda: writes.waiting)
            held = writes.waiting
            # Whatever else is done meanwhile, nothing is read that cannot be written.
            reads.read()
            for _ in range(50):
                await asyncio.sleep(0)
            assert writes.waiting == held
            assert 0 < len(held) <= 128 * 1024
            assert not sending.done()
            # The other direction is free.
            await asyncio.get_running_loop().sock_sendall(reader, b"meanwhile")
            assert await asyncio.get_running_loop().sock_recv(sender, 100) == b"meanwhile"
            assert await receive(reader) == body
            await sending

    run(test())


@pytest.mark.parametrize("client_first", [True, False])
def test_who_has_said_all_can_still_be_told_much(*, client_first: bool) -> None:
    async def test() -> None:
        body = random.Random(4).randbytes(1 << 20)
        async with relayed() as relay:
            one, other = (relay.client, relay.program) if client_first else (relay.program, relay.client)
            await send(one, b"question")
            assert await receive(other) == b"question"
            assert relay.near.is_open
            assert relay.far.is_open
            answer, _ = await asyncio.gather(receive(one), send(other, body))
            assert answer == body
            # Both are through: nobody has to close anything.
            await until_over(relay)

    run(test())


def test_what_waits_is_written_before_the_end_is_told() -> None:
    async def test() -> None:
        body = random.Random(5).randbytes(LARGE)
        async with relayed() as relay:
            relay.client.shutdown(socket.SHUT_WR)
            sending = asyncio.create_task(send(relay.program, body))
            await until(lambda: relay.near.waiting)
            assert await receive(relay.client) == body
            await sending
            await until_over(relay)

    run(test())


@pytest.mark.parametrize("by_client", [True, False])
def test_a_reset_arrives_as_one(*, by_client: bool) -> None:
    async def test() -> None:
        async with relayed() as relay:
            one, other = (relay.client, relay.program) if by_client else (relay.program, relay.client)
            await asyncio.get_running_loop().sock_sendall(one, b"hello")
            assert await asyncio.get_running_loop().sock_recv(other, 100) == b"hello"
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
            one.close()
            with pytest.raises(ConnectionResetError):
                await receive(other)
            await until_over(relay)

    run(test())


def test_a_client_that_vanishes_in_the_middle_of_an_answer_stops_the_program() -> None:
    async def test() -> None:
        async with relayed() as relay:
            sending = asyncio.create_task(send(relay.program, bytes(LARGE)))
            await asyncio.get_running_loop().sock_recv(relay.client, 100)
            # With something unread, which makes it a reset.
            relay.client.close()
            with pytest.raises(ConnectionError):
                await sending
            await until_over(relay)

    run(test())


def test_to_cut_a_connection_resets_both_ends_and_drops_what_waits() -> None:
    async def test() -> None:
        async with relayed() as relay:
            sending = asyncio.create_task(send(relay.program, bytes(LARGE)))
            await until(lambda: relay.near.waiting)
            relay.near.reset()
            relay.far.reset()
            assert relay.near.waiting == b""
            for end in (receive(relay.client), sending):
                with pytest.raises(ConnectionError):
                    await end

    run(test())


def test_hundreds_of_connections_at_once_leave_nothing_behind() -> None:
    async def one(number: int) -> None:
        body = random.Random(number).randbytes(random.Random(number).randrange(1, 200_000))
        async with relayed() as relay:
            answer, *_ = await asyncio.gather(
                receive(relay.program), receive(relay.client), send(relay.client, body), send(relay.program, body)
            )
            assert answer == body
            await until_over(relay)

    async def test() -> None:
        await asyncio.gather(*(one(number) for number in range(150)))
        # Whatever was registered with the loop was taken away before its number became another's.
        watched = asyncio.get_running_loop()._selector.get_map()  # type: ignore[attr-defined]
        assert len(watched) == 1

    run(test())
