import asyncio
import errno
import socket
from collections.abc import Iterator

import pytest

from swarmlab.network import NodeAddress, listener
from swarmlab.network.listener import Listener, bind

HERE = NodeAddress("127.0.0.1")


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def test_a_free_port_is_used_as_it_is() -> None:
    port = free_port()
    bound = bind(HERE, port)
    with bound.socket as server:
        assert server.getsockname() == ("127.0.0.1", port)
        assert bound.reason == ""


def test_a_port_in_use_gets_a_substitute_with_a_reason(taken: int) -> None:
    bound = bind(HERE, taken)
    with bound.socket as server:
        assert server.getsockname()[1] not in (0, taken)
        assert bound.reason == f"port {taken} is in use by another program"


def test_the_substitute_of_the_last_time_comes_first(taken: int) -> None:
    before = free_port()
    with bind(HERE, taken, before).socket as server:
        assert server.getsockname()[1] == before


def test_a_privileged_port_moves_up_by_8000(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[int] = []

    def unprivileged(host: str, port: int) -> socket.socket:
        tried.append(port)
        if 0 < port < 1024:
            raise PermissionError(errno.EACCES, "Permission denied")
        return socket.create_server((host, 0))

    monkeypatch.setattr(listener, "_bound", unprivileged)
    bound = bind(HERE, 80)
    bound.socket.close()
    assert tried == [80, 8080]
    assert bound.reason == "port 80 needs privileges"


def test_an_offset_port_says_so_and_one_beyond_the_last_gets_any() -> None:
    offset = 2000
    port = free_port() - offset
    bound = bind(NodeAddress("127.0.0.1", offset), port)
    with bound.socket as server:
        assert server.getsockname()[1] == port + offset
        assert bound.reason == "offset by 2000"
    bound = bind(NodeAddress("127.0.0.1", 60_000), 8080)
    with bound.socket:
        assert bound.reason == "port 68080 cannot be used: port 68080 does not exist"


def test_an_address_that_is_not_ours_is_an_error() -> None:
    with pytest.raises(OSError, match="assign"):
        bind(NodeAddress("192.0.2.1"), 0)


@pytest.mark.parametrize("turns", range(3))
def test_a_listener_can_be_closed_and_paused_at_any_moment(turns: int) -> None:
    async def main() -> None:
        made = Listener(bind(HERE, 0), socket.socket.close)
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(made.address, made.port)
        for _ in range(2):
            made.open()
            _, writer = await asyncio.open_connection(made.address, made.port)
            for _ in range(turns):
                await asyncio.sleep(0)
            writer.close()
            made.pause()
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection(made.address, made.port)
        made.close()
        with socket.create_server((made.address, made.port)):
            pass

    asyncio.run(main())


def test_connections_wait_while_there_are_no_descriptors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "_BREATH", 0)
    failures = iter([OSError(errno.EMFILE, "Too many open files")] * 2)

    class Poor:
        """A socket that a process without free descriptors has."""

        def __init__(self, inner: socket.socket) -> None:
            self._inner = inner

        def accept(self) -> tuple[socket.socket, object]:
            for failure in failures:
                raise failure
            return self._inner.accept()

        def __getattr__(self, name: str) -> object:
            return getattr(self._inner, name)

    async def main() -> None:
        arrived: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def take(connection: socket.socket) -> None:
            arrived.set_result(None)
            connection.close()

        bound = bind(HERE, 0)
        made = Listener(bound._replace(socket=Poor(bound.socket)), take)  # type: ignore[arg-type]
        made.open()
        _, writer = await asyncio.open_connection(made.address, made.port)
        await asyncio.wait_for(arrived, 5)
        assert next(failures, None) is None
        writer.close()
        made.close()

    asyncio.run(main())
