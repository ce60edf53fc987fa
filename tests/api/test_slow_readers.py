"""Streams over real sockets whose readers are slow, or vanish: nothing waits for them, and nothing of them stays."""

import asyncio
import os
import socket
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from swarmlab.engine import Exec, events
from swarmlab.runtime.virtual import logs

from .live import Live

#: A container that writes for as long as it may.
CHATTY = ("sh", "-c", "while true; do echo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; done")


async def until(condition: Callable[[], bool]) -> None:
    """Return once it is so; the event loop goes round meanwhile."""
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110  (what is waited for has no event)
            await asyncio.sleep(0)


def descriptors() -> set[str]:
    return set(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").is_dir() else set()


async def ask(live: Live, method: str, path: str, body: bytes = b"") -> socket.socket:
    """A connection on which a request was sent, and nothing is read. Its buffers are small."""
    await live.client.connect()
    found = socket.socket(socket.AF_UNIX)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    found.setblocking(False)
    await live.client.loop.sock_connect(found, str(live.client.socket))
    kind = "Content-Type: application/json\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n" if body else ""
    head = f"{method} {path} HTTP/1.1\r\nHost: docker\r\n{kind}Content-Length: {len(body)}\r\n\r\n"
    await live.client.loop.sock_sendall(found, head.encode() + body)
    return found


async def answered(live: Live, connection: socket.socket) -> None:
    """Read the beginning of the answer."""
    assert (await live.client.loop.sock_recv(connection, 15)).startswith(b"HTTP/1.1 ")


STREAMS = {
    "events": ("GET", "/events"),
    "logs": ("GET", "/containers/box/logs?follow=1&stdout=1"),
    "stats": ("GET", "/containers/box/stats"),
    "wait": ("POST", "/containers/box/wait?condition=next-exit"),
    "attach": ("POST", "/containers/box/attach?stream=1&stdout=1&stderr=1&stdin=1"),
}


def traces(live: Live) -> dict[str, int]:
    """What streams would leave behind."""
    containers = live.engine.containers
    box = containers.runtime_container(containers.find("box").id)
    return {
        "tasks": len(asyncio.all_tasks(live.client.loop)),
        "subscribers": len(live.events._subscribers),
        "waiters": containers._ends.waiting(),
        "attached": len(box._output._pipes),
        "connections": len(live.client.server._http.connections),
    }


@pytest.mark.parametrize("kind", STREAMS)
def test_a_client_that_vanishes_leaves_nothing_behind(live: Live, kind: str) -> None:
    live.start()

    async def work() -> None:
        await live.client.connect()
        first = await ask(live, "GET", "/_ping")
        await answered(live, first)
        before, open_before = traces(live), len(descriptors())
        connections = [await ask(live, *STREAMS[kind]) for _ in range(20)]
        for connection in connections:
            await answered(live, connection)
        assert traces(live) != before
        for connection in connections:
            connection.close()
        await until(lambda: traces(live) == before and len(descriptors()) <= open_before)
        first.close()

    live.client.run(work())


def test_a_command_whose_client_vanishes_goes_on_alone(live: Live) -> None:
    """As on a real engine; it writes to nobody, and ends as it would have."""
    live.start()

    async def work() -> None:
        await live.client.connect()
        made = live.engine.execs.create("box", _chatty_exec())
        connection = await ask(live, "POST", f"/exec/{made.id}/start", b'{"Tty": false}')
        await answered(live, connection)
        await until(lambda: made.running)
        connection.close()
        await until(lambda: len(live.client.server._http.connections) == 0)
        assert made.running
        live.engine.containers.runtime_container(made.container_id).kill()
        await until(lambda: not made.running)
        await until(lambda: not live.engine.execs._tasks)

    live.client.run(work())


def _chatty_exec() -> Exec:
    return Exec(container_id="", command=CHATTY, stdout=True, stderr=True)


def test_a_container_is_not_held_up_by_who_reads_its_logs_slowly(live: Live) -> None:
    live.start(*CHATTY)
    box = live.engine.containers.runtime_container(live.engine.containers.find("box").id)

    async def work() -> None:
        stalled = [await ask(live, *STREAMS["logs"]) for _ in range(5)]
        size = box._logs._dropped + len(box._logs._lines)
        # Far more than all buffers between here and there hold.
        await until(lambda: box._logs._dropped + len(box._logs._lines) > size + 20_000)
        quick = await ask(live, "GET", "/_ping")
        await answered(live, quick)
        for connection in (*stalled, quick):
            connection.close()

    live.client.run(work())


def test_a_reader_that_stalls_holds_its_place_only(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "CAPACITY", 1000)
    live.start(*CHATTY)
    box = live.engine.containers.runtime_container(live.engine.containers.find("box").id)

    async def work() -> int:
        stalled = [await ask(live, *STREAMS["logs"]) for _ in range(50)]
        await until(lambda: box._logs._dropped > 3000)
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        done = box._logs._dropped + 3000
        await until(lambda: box._logs._dropped > done)
        grown = tracemalloc.get_traced_memory()[0] - before
        tracemalloc.stop()
        for connection in stalled:
            connection.close()
        return grown

    # A thousand lines have taken the place of others; fifty times as many would be 10 MB.
    assert live.client.run(work()) < 2_000_000


def test_who_is_attached_and_does_not_read_holds_up_the_program_but_not_its_end(live: Live) -> None:
    live.create(*CHATTY)
    box = live.engine.containers.find("box")

    async def work() -> None:
        connection = await ask(live, *STREAMS["attach"])
        await answered(live, connection)
        await live.engine.by_hand.start("box")
        runs = live.engine.containers.runtime_container(box.id)

        def full() -> bool:
            return any(len(pipe._pieces) >= 64 for pipe in runs._output._pipes)

        written = -1
        while written != len(runs._logs._lines):
            await until(full)
            written = len(runs._logs._lines)
            assert written < logs.CAPACITY // 2
            for _ in range(1000):
                await asyncio.sleep(0)
        assert full()
        await live.engine.by_hand.kill("box", "KILL")
        connection.close()

    live.client.run(work())
    assert live.engine.containers.find("box").state.status == "exited"


def test_who_does_not_read_events_misses_some_and_costs_no_more(live: Live) -> None:
    live.start()

    async def work() -> bytes:
        connection = await ask(live, *STREAMS["events"])
        await answered(live, connection)
        await until(lambda: len(live.events._subscribers) == 1)
        queue = next(iter(live.events._subscribers))
        for number in range(20 * events._BACKLOG):
            live.events.publish("container", "tick", str(number), {})
            if number % 64 == 0:
                await asyncio.sleep(0)
        assert queue.full()
        data = b""
        connection.setblocking(True)
        connection.settimeout(10)
        while b'"id":"0"' not in data:
            data += await asyncio.to_thread(connection.recv, 65536)
        connection.close()
        return data

    live.client.run(work())
