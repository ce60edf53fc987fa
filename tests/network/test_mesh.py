import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from swarmlab.network import Answers, Endpoint, Mesh, NodeAddress, PortBinding, Ports, Published
from swarmlab.network.addresses import can_bind

HERE = NodeAddress("127.0.0.1")
THERE = NodeAddress("127.0.0.1", 1)

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def run(test: Coroutine[Any, Any, None]) -> None:
    """Run a test and fail it for any exception that a task or callback left behind."""
    stray: list[dict[str, Any]] = []

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: stray.append(context))
        await asyncio.wait_for(test, 30)

    asyncio.run(main())
    assert stray == []


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@asynccontextmanager
async def backend(handler: Handler) -> AsyncIterator[Callable[[int], tuple[str, int]]]:
    """A server on an ephemeral port; gives what an endpoint's `connect` is."""
    server = await asyncio.start_server(handler, "127.0.0.1", 0)
    address: tuple[str, int] = server.sockets[0].getsockname()
    try:
        yield lambda target: address
    finally:
        server.close()
        await server.wait_closed()


def says(name: bytes) -> Handler:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(name)
        writer.close()

    return handler


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send back everything after it has all arrived: works only when a half-close arrives as one."""
    writer.write(await reader.read())
    writer.close()


@asynccontextmanager
async def mesh(*nodes: str) -> AsyncIterator[Mesh]:
    made = Mesh()
    for number, node in enumerate(nodes):
        await made.join(node, NodeAddress("127.0.0.1", number))
    try:
        yield made
    finally:
        await made.close()
        assert made.published() == []


def endpoint(task: str, connect: Callable[[int], tuple[str, int]], port: int, **changes: Any) -> Endpoint:
    binding = PortBinding("tcp", port, 80, changes.pop("mode", "ingress"))
    return Endpoint(task, changes.pop("node", "n1"), changes.pop("service", "web"), (binding,), connect, **changes)


def where(made: Mesh, node: str = "n1") -> tuple[str, int]:
    [row] = [row for row in made.published() if row.node_id == node]
    return row.bound_address, row.bound_port


async def ask(address: tuple[str, int]) -> bytes:
    reader, writer = await asyncio.open_connection(*address)
    try:
        return await reader.read()
    finally:
        writer.close()


async def attempt(address: tuple[str, int]) -> bytes:
    """What comes of asking; `refused` and `reset` are two different things."""
    try:
        return await ask(address)
    except ConnectionRefusedError:
        return b"refused"
    except ConnectionResetError:
        return b"reset"


def test_every_node_answers_and_connections_take_turns() -> None:
    async def test() -> None:
        port = free_port()
        async with mesh("n1", "n2") as made, backend(says(b"a")) as a, backend(says(b"b")) as b:
            made.activate(endpoint("t1", a, port))
            made.activate(endpoint("t2", b, port))
            one, two = where(made, "n1"), where(made, "n2")
            answers = [await ask(address) for address in (one, two, one, two)]
            assert answers == [b"a", b"b", b"a", b"b"]

    run(test())


def test_a_node_that_joins_later_answers_too_and_one_that_leaves_does_not() -> None:
    async def test() -> None:
        port = free_port()
        async with mesh("n1") as made, backend(says(b"a")) as a:
            made.activate(endpoint("t1", a, port))
            await made.join("n2", NodeAddress("127.0.0.1", 1))
            address = where(made, "n2")
            assert await ask(address) == b"a"
            await made.leave("n2")
            with pytest.raises(ConnectionRefusedError):
                await ask(address)
            assert await ask(where(made)) == b"a"

    run(test())


def test_the_port_closes_with_its_last_endpoint() -> None:
    async def test() -> None:
        port = free_port()
        async with mesh("n1") as made, backend(says(b"a")) as a, backend(says(b"b")) as b:
            made.activate(endpoint("t1", a, port))
            made.activate(endpoint("t2", b, port))
            address = where(made)
            made.deactivate("t1")
            assert [await ask(address) for _ in range(3)] == [b"b"] * 3
            made.deactivate("t2")
            made.deactivate("t2")
            with pytest.raises(ConnectionRefusedError):
                await ask(address)

    run(test())


def test_opening_and_closing_at_once_leaves_nothing_open() -> None:
    async def test() -> None:
        port = free_port()
        async with mesh("n1") as made, backend(says(b"a")) as a:
            for _ in range(3):
                made.activate(endpoint("t1", a, port))
                address = where(made)
                made.deactivate("t1")
            with pytest.raises(ConnectionRefusedError):
                await ask(address)
            made.activate(endpoint("t1", a, port))
            assert await ask(where(made)) == b"a"

    run(test())


def test_open_connections_outlive_deactivation_but_not_the_node() -> None:
    async def test() -> None:
        async def line_echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with suppress(ConnectionResetError):
                while line := await reader.readline():
                    writer.write(line)
            writer.close()

        async with mesh("n1") as made, backend(line_echo) as a:
            made.activate(endpoint("t1", a, free_port()))
            reader, writer = await asyncio.open_connection(*where(made))
            writer.write(b"before\n")
            assert await reader.readline() == b"before\n"
            made.deactivate("t1")
            writer.write(b"after\n")
            assert await reader.readline() == b"after\n"
            await made.leave("n1")
            with pytest.raises(ConnectionResetError):
                await reader.readline()
            writer.close()

    run(test())


def test_the_turn_of_a_task_that_does_not_listen_is_a_connection_that_fails() -> None:
    async def test() -> None:
        def gone(target: int) -> tuple[str, int]:
            raise KeyError(target)

        closed = ("127.0.0.1", free_port())
        port = free_port()
        async with mesh("n1") as made, backend(says(b"c")) as c:
            made.activate(endpoint("t1", lambda target: closed, port))
            made.activate(endpoint("t2", gone, port))
            made.activate(endpoint("t3", c, port))
            answers = [await attempt(where(made)) for _ in range(6)]
            assert answers == [b"reset", b"reset", b"c"] * 2
            made.deactivate("t1")
            made.deactivate("t3")
            assert await attempt(where(made)) == b"refused"

    run(test())


def test_a_port_refuses_connections_until_somebody_listens_and_again_when_nobody_does() -> None:
    async def test() -> None:
        port = free_port()
        listening = Ports()
        async with mesh("n1", "n2") as made, backend(says(b"a")) as a:
            made.activate(endpoint("t1", lambda target: listening[target], port, watch=listening.watch))
            assert [await attempt(where(made, node)) for node in ("n1", "n2")] == [b"refused"] * 2
            assert made.where("n1", port) is None
            listening[80] = a(80)
            assert [await attempt(where(made, node)) for node in ("n1", "n2")] == [b"a"] * 2
            assert made.where("n1", port) == where(made)
            listening.clear()
            assert [await attempt(where(made, node)) for node in ("n1", "n2")] == [b"refused"] * 2
            listening[80] = a(80)
            assert await attempt(where(made)) == b"a"
            made.deactivate("t1")
            # Nobody is told any more: the port is not the mesh's.
            listening.clear()
            listening[80] = a(80)
            assert made.published() == []

    run(test())


def test_a_port_that_another_program_has_taken_meanwhile_is_substituted() -> None:
    async def test() -> None:
        port = free_port()
        listening = Ports()
        async with mesh("n1") as made, backend(says(b"a")) as a:
            made.activate(endpoint("t1", lambda target: listening[target], port, watch=listening.watch))
            assert where(made) == ("127.0.0.1", port)
            with socket.create_server(("127.0.0.1", port)):
                listening[80] = a(80)
                assert where(made) != ("127.0.0.1", port)
                assert [row.reason for row in made.published()] == [f"port {port} is in use by another program"]
                assert await attempt(where(made)) == b"a"

    run(test())


def test_half_close_and_large_bodies_pass_in_both_directions() -> None:
    async def test() -> None:
        body = bytes(range(256)) * 20_000
        async with mesh("n1") as made, backend(echo) as a:
            made.activate(endpoint("t1", a, free_port()))
            reader, writer = await asyncio.open_connection(*where(made))
            writer.write(body)
            writer.write_eof()
            assert await reader.read() == body
            writer.close()

    run(test())


def test_a_slow_reader_slows_its_sender_down() -> None:
    async def test() -> None:
        sent = 0

        async def flood(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal sent
            with suppress(ConnectionError):
                while sent < 1 << 28:
                    writer.write(bytes(1 << 16))
                    sent += 1 << 16
                    await writer.drain()

        async with mesh("n1") as made, backend(flood) as a:
            made.activate(endpoint("t1", a, free_port()))
            # A client that never reads: what the mesh holds for it is bounded.
            _, writer = await asyncio.open_connection(*where(made), limit=1)
            [relay] = made._relays
            for _ in range(100_000):
                if relay.waiting:
                    break
                await asyncio.sleep(0)
            assert relay.waiting
            assert len(relay.waiting) < 1 << 20
            assert sent < 1 << 28
            writer.transport.abort()

    run(test())


def test_a_reset_by_the_client_reaches_the_backend() -> None:
    async def test() -> None:
        ended: asyncio.Future[type[BaseException] | None] = asyncio.get_running_loop().create_future()

        async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"hello")
            try:
                await reader.read()
                ended.set_result(None)
            except ConnectionResetError as error:
                ended.set_result(type(error))
            writer.close()

        async with mesh("n1") as made, backend(handler) as a:
            made.activate(endpoint("t1", a, free_port()))
            reader, writer = await asyncio.open_connection(*where(made))
            assert await reader.readexactly(5) == b"hello"
            writer.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00"
            )
            writer.transport.abort()
            assert await asyncio.wait_for(ended, 10) is ConnectionResetError

    run(test())


def test_host_mode_is_only_on_the_node_of_the_task() -> None:
    async def test() -> None:
        port = free_port()
        async with mesh("n1", "n2") as made, backend(says(b"a")) as a, backend(says(b"b")) as b:
            made.activate(endpoint("t1", a, port, mode="host", node="n1"))
            assert [row.node_id for row in made.published()] == ["n1"]
            made.activate(endpoint("t2", b, port, mode="host", node="n2"))
            assert [await ask(where(made, "n1")) for _ in range(2)] == [b"a", b"a"]
            assert await ask(where(made, "n2")) == b"b"

    run(test())


def test_a_port_in_use_is_substituted_and_keeps_its_substitute() -> None:
    async def test() -> None:
        with socket.create_server(("127.0.0.1", 0)) as other:
            port = other.getsockname()[1]
            async with mesh("n1") as made, backend(says(b"a")) as a:
                made.activate(endpoint("t1", a, port))
                [row] = made.published()
                assert row == Published(
                    "n1", "127.0.0.1", port, "tcp", "web", "127.0.0.1", row.bound_port,
                    f"port {port} is in use by another program",
                )  # fmt: skip
                assert await ask(where(made)) == b"a"
                made.deactivate("t1")
                made.activate(endpoint("t2", a, port))
                assert made.published() == [row]

    run(test())


def test_what_connections_find_is_told_at_every_change() -> None:
    told: list[tuple[str, Answers | None]] = []
    listens = {"t1": True, "t2": False}
    heard: dict[str, Callable[[], None]] = {}

    def task(name: str, node: str) -> Endpoint:
        def connect(target: int) -> tuple[str, int]:
            if not listens[name]:
                raise LookupError(target)
            return "127.0.0.1", 1

        def watch(changed: Callable[[], None]) -> Callable[[], object]:
            heard[name] = changed
            return lambda: None

        return endpoint(name, connect, port, node=node, watch=watch)

    def news() -> list[tuple[str, Answers | None]]:
        found = told.copy()
        told.clear()
        return found

    port = free_port()

    async def test() -> None:
        made = Mesh(on_answers=lambda node, _, answers: told.append((node, answers)))
        await made.join("n1", NodeAddress("127.0.0.1"))
        made.activate(task("t1", "n1"))
        assert news() == [("n1", Answers(1, 1))]
        await made.join("n2", NodeAddress("127.0.0.1", 1))
        assert news() == [("n2", Answers(1, 1))]
        made.activate(task("t2", "n2"))
        assert news() == [("n1", Answers(2, 1)), ("n2", Answers(2, 1))]
        listens["t2"] = True
        heard["t2"]()
        heard["t2"]()
        assert news() == [("n1", Answers(2, 2)), ("n2", Answers(2, 2))]
        made.separate({"n1": 1})
        assert news() == [("n1", Answers(1, 1)), ("n2", Answers(1, 1))]
        made.separate({})
        news()
        await made.lose("n2")
        assert news() == [("n2", None), ("n1", Answers(2, 1))]
        made.give_up("n2")
        assert news() == [("n1", Answers(1, 1))]
        made.deactivate("t1")
        assert news() == [("n1", None)]
        await made.close()

    run(test())


def test_udp_is_recorded_as_not_served() -> None:
    async def test() -> None:
        async with mesh("n1") as made:
            ports = (PortBinding("udp", 53, 53),)
            made.activate(Endpoint("t1", "n1", "dns", ports, lambda target: ("127.0.0.1", 1)))
            [row] = made.published()
            assert (row.bound_port, row.reason) == (0, "udp is not carried by virtual networks")

    run(test())


def test_hundreds_of_connections_at_once() -> None:
    async def test() -> None:
        async with mesh("n1") as made, backend(echo) as a, backend(echo) as b:
            port = free_port()
            made.activate(endpoint("t1", a, port))
            made.activate(endpoint("t2", b, port))

            async def one(number: int) -> None:
                reader, writer = await asyncio.open_connection(*where(made))
                writer.write(b"%d" % number * 100)
                writer.write_eof()
                assert await reader.read() == b"%d" % number * 100
                writer.close()

            await asyncio.gather(*(one(number) for number in range(300)))

    run(test())


@pytest.mark.skipif(not can_bind("127.0.0.2"), reason="this system has one loopback address")
def test_nodes_with_hosts_of_their_own_share_a_port_number() -> None:
    async def test() -> None:
        made = Mesh()
        await made.join("n1", NodeAddress("127.0.0.1"))
        await made.join("n2", NodeAddress("127.0.0.2"))
        port = free_port()
        async with backend(says(b"a")) as a:
            made.activate(endpoint("t1", a, port))
            assert [(row.bound_address, row.bound_port) for row in made.published()] == [
                ("127.0.0.1", port), ("127.0.0.2", port),
            ]  # fmt: skip
            assert await ask(("127.0.0.2", port)) == b"a"
            await made.close()

    run(test())


def test_a_cut_network_leaves_each_side_its_own_tasks() -> None:
    async def test() -> None:
        port = free_port()
        async with mesh("n1", "n2", "n3") as made, backend(says(b"a")) as a, backend(says(b"b")) as b:
            made.activate(endpoint("t1", a, port, node="n1"))
            made.activate(endpoint("t2", b, port, node="n2"))
            made.separate({"n1": 0, "n2": 1, "n3": 1})
            assert {await ask(where(made, "n1")) for _ in range(4)} == {b"a"}
            assert {await ask(where(made, "n3")) for _ in range(4)} == {b"b"}
            made.separate({"n1": 0, "n2": 1, "n3": 2})
            with pytest.raises(ConnectionResetError):
                await ask(where(made, "n3"))
            made.separate({})
            assert {await ask(where(made, "n3")) for _ in range(4)} == {b"a", b"b"}

    run(test())


def test_a_cut_ends_the_connections_that_cross_it_and_no_others() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionResetError):
            while line := await reader.readline():
                writer.write(line)
        writer.close()

    async def test() -> None:
        port = free_port()
        async with mesh("n1", "n2") as made, backend(talk) as a:
            made.activate(endpoint("t1", a, port, node="n1"))
            connections = [await asyncio.open_connection(*where(made, node)) for node in ("n1", "n2")]
            for reader, writer in connections:
                writer.write(b"hello\n")
                assert await reader.readline() == b"hello\n"
            made.separate({"n2": 1})
            (near, near_writer), (far, far_writer) = connections
            with pytest.raises(ConnectionResetError):
                await far.readline()
            near_writer.write(b"still here\n")
            assert await near.readline() == b"still here\n"
            for writer in (near_writer, far_writer):
                writer.close()

    run(test())
