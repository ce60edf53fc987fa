"""What the tests of virtual containers share."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from swarmlab.clock import Clock, ScaledClock, VirtualClock
from swarmlab.images import Catalogue
from swarmlab.network import Fabric, Member, Place
from swarmlab.runtime.base import Container, ContainerConfig
from swarmlab.runtime.virtual import Quota, VirtualRuntime

CATALOGUE = Catalogue()


class Lab:
    """A runtime, and containers made in one line."""

    def __init__(self, runtime: VirtualRuntime) -> None:
        self.runtime = runtime
        self._made = 0

    def create(self, image: str, *command: str, **changes: Any) -> Container:
        found = CATALOGUE.find(image)
        assert found is not None
        self._made += 1
        settings: dict[str, Any] = {
            "id": f"{self._made:064x}",
            "name": f"c{self._made}",
            "image": image,
            "hostname": f"host{self._made}",
            "command": command or (*found.config.entrypoint, *found.config.cmd),
            "env": tuple(found.config.env),
            "stop_signal": found.config.stop_signal or "SIGTERM",
        }
        return self.runtime.create(ContainerConfig(**{**settings, **changes}))

    async def start(self, image: str, *command: str, **changes: Any) -> Container:
        container = self.create(image, *command, **changes)
        await container.start()
        return container


@asynccontextmanager
async def lab(
    state: Path, clock: Clock | None = None, quota: Quota | None = None, fabric: Fabric | None = None
) -> AsyncIterator[Lab]:
    runtime = VirtualRuntime(clock or ScaledClock(), CATALOGUE, state, fabric, quota=quota)
    try:
        yield Lab(runtime)
    finally:
        await runtime.close()


def within(state: Path, test: Callable[[Lab], Awaitable[None]], clock: Clock | None = None) -> None:
    """Run a test in a lab, for a minute at most."""

    async def main() -> None:
        async with lab(state, clock) as made:
            await asyncio.wait_for(test(made), 60)

    asyncio.run(main())


async def output(container: Container, stream: str | None = None) -> bytes:
    """What a container has written so far."""
    return b"".join([line.data async for line in container.logs() if stream in (None, line.stream)])


async def ran(made: Lab, *command: str, **changes: Any) -> tuple[int, str]:
    """The life of a container of Python's image: its exit code and what it wrote."""
    container = await made.start("python", *command, **changes)
    return await container.wait(), (await output(container)).decode()


async def wait_for_output(container: Container, text: bytes) -> None:
    """Return once a container has written a line with `text` in it."""
    async for line in container.logs(follow=True):
        if text in line.data:
            return
    raise AssertionError(f"{text!r} never came: {await output(container)!r}")


async def run(
    container: Container, *command: str, stdin: Sequence[bytes] | None = None, **options: Any
) -> tuple[int, bytes]:
    """An exec: its exit code and its output."""
    written = bytearray()

    async def collect(stream: str, data: bytes) -> None:
        written.extend(data)

    async def chunks(given: Sequence[bytes]) -> AsyncIterator[bytes]:
        for chunk in given:
            yield chunk

    code = await container.exec(command, collect, stdin=None if stdin is None else chunks(stdin), **options)
    return code, bytes(written)


async def fetch(container: Container, port: int = 80, path: str = "/") -> tuple[bytes, bytes]:
    """Head and body of a page that a container serves, over a connection of its own."""
    reader, writer = await asyncio.open_connection(*container.ports()[port])
    writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    return head, body


def on_network(made: Lab, container: Container, number: int, name: str) -> None:
    """Put a container on a network, as an engine does when it starts."""
    fabric: Fabric = made.runtime._fabric
    at = Place("net", "net", (f"10.0.9.{number}/24",), names=(name,))
    fabric.join(Member(container.config.id, "node", name, (at,)))


async def listening(container: Container, port: int) -> None:
    while port not in container.ports():  # noqa: ASYNC110 (a server in another process)
        await asyncio.sleep(0.02)


async def turn() -> None:
    """Let everything that is ready run; for code that waits for nothing but a virtual clock."""
    for _ in range(20):
        await asyncio.sleep(0)


async def advance(clock: VirtualClock, seconds: float) -> None:
    """Let virtual time pass, stopping at every deferred call so that the tasks it wakes see their own instant."""
    end = clock.now() + int(seconds * 1_000_000_000)
    await turn()
    while (due := clock.next_due()) is not None and clock.now() + int(due * 1_000_000_000) <= end:
        clock.advance(due)
        await turn()
    clock.advance((end - clock.now()) / 1_000_000_000)
    await turn()
