"""An engine whose containers really run, and a client of its raw streams."""

import asyncio
import json
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

from swarmlab.engine import Containers, Execs
from swarmlab.engine.build import Builder
from swarmlab.engine.container.byhand import ByHand
from swarmlab.engine.container.volumes import Volumes
from swarmlab.engine.errors import not_found
from swarmlab.engine.events import Event, Events
from swarmlab.engine.image.imageremoval import ImageRemoval
from swarmlab.engine.image.images import LocalImages
from swarmlab.engine.network.connections import Connections
from swarmlab.engine.network.downloads import Downloads
from swarmlab.engine.network.hostmode import machine_interfaces
from swarmlab.engine.network.outgoing import Outgoing
from swarmlab.engine.network.placement import HandNetwork, HandPlacement, hand_network
from swarmlab.network import Fabric
from swarmlab.objects.local import Container
from swarmlab.runtime.virtual import VirtualRuntime

from .fakes import local_networks, overlays

if TYPE_CHECKING:
    # Which has the fixture that makes a `Live`.
    from .conftest import Client


class Raw:
    """A connection that has been taken over from HTTP."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.head = ""

    async def rest(self) -> bytes:
        """Everything to the end."""
        return await self.reader.read()

    async def until(self, text: bytes) -> bytes:
        """What comes, up to this text."""
        return await asyncio.wait_for(self.reader.readuntil(text), 10)

    async def close(self) -> None:
        self.writer.close()
        await self.writer.wait_closed()


class Live:
    """Gives a client's engine containers with programs."""

    def __init__(self, client: "Client", state: Path) -> None:
        self.client = client
        engine: Any = client.engine
        self.engine = engine
        self.clock = engine.clock
        engine.fabric = Fabric()
        self.runtime = client.run(self._make(state))
        self.events = engine.events = Events(engine.clock)
        engine.networks = local_networks(engine)
        engine.overlays = overlays(engine)
        engine.volumes = Volumes("node-1", engine.store, state / "volumes", self.events)
        engine.containers = Containers("node-1", engine.store, engine.clock, self.runtime, self.events, engine.volumes)
        engine.images = LocalImages(engine.images.store, engine.clock, self.events)
        engine.removal = ImageRemoval(engine.images, lambda: engine.containers.list(all=True), self.events)
        engine.execs = Execs(engine.containers)
        engine.by_hand = ByHand("node-1", engine.containers, engine.images, engine.volumes)
        downloads = Downloads(Outgoing("node-1", engine.fabric).further, engine.fabric.outside.lookup)
        engine.builder = Builder(engine.images, engine.containers, engine.by_hand, self.runtime.prepare, downloads)
        self.placement = engine.containers.placement = HandPlacement(
            "node-1",
            self.events,
            lambda: engine.containers.list(all=False),
            self._network,
            lambda: [8099],
            engine.containers.find,
            engine.overlays,
            engine.fabric.sandbox,
            interfaces=machine_interfaces(engine.address, "172.17.0.1"),
        )
        engine.connections = Connections(engine.containers, self.placement, self._network)
        client.run(self.placement.open("127.0.0.1"))

    def _network(self, reference: str) -> HandNetwork:
        found = self.engine.networks.find(reference)
        if found is None:
            raise not_found(f"network {reference} not found")
        return hand_network(found)

    async def _make(self, state: Path) -> VirtualRuntime:
        return VirtualRuntime(self.clock, self.engine.images.store.kept, state / "containers", self.engine.fabric)

    def start(self, *command: str, name: str = "box", **changes: Any) -> Container:
        """A running container."""
        container = Container(
            id=f"{len(self.engine.containers.list(all=True)) + 1:064x}",
            name=name,
            image="alpine",
            path=(command or ("sleep",))[0],
            args=(command or ("sleep", "1000"))[1:],
            **changes,
        )
        self.engine.containers.create(container)
        self.client.run(self.engine.containers.start(container.id))
        return container

    async def connect(self, method: str, path: str, body: Any = None, *, upgrade: bool = True) -> Raw:
        """Send a request and read the head of the answer."""
        await self.client.connect()
        reader, writer = await asyncio.open_unix_connection(str(self.client.socket))
        data = b"" if body is None else json.dumps(body).encode()
        ask = "Connection: Upgrade\r\nUpgrade: tcp\r\n" if upgrade else ""
        ask += "Content-Type: application/json\r\n" if data else ""
        head = f"{method} {path} HTTP/1.1\r\nHost: docker\r\n{ask}Content-Length: {len(data)}\r\n\r\n"
        writer.write(head.encode() + data)
        raw = Raw(reader, writer)
        raw.head = (await raw.until(b"\r\n\r\n")).decode()
        return raw

    def end(self, container: Container) -> None:
        """Kill a container."""

        async def work() -> None:
            self.engine.containers.runtime_container(container.id).kill()
            await self.engine.containers.wait(container.id)

        self.client.run(work())

    async def until(self, action: str) -> Event:
        """The first event of this kind, past or to come."""
        async for event in self.events.subscribe(since=1):
            if event.action == action:
                return event
        raise AssertionError(action)

    def actions(self) -> list[str]:
        """What has happened, in short."""
        return [event.action for event in self.events.past()]

    def create(self, *command: str, name: str = "box", image: str = "alpine", **body: Any) -> Any:
        """The answer to `POST /containers/create`."""
        return self.client("POST", f"/containers/create?name={name}", {"Image": image, "Cmd": list(command), **body})

    def run(self, *command: str, name: str = "box", image: str = "alpine", **body: Any) -> str:
        """Make a container by hand and start it; its id."""
        reply = self.create(*command, name=name, image=image, **body)
        assert reply.status == 201, reply.body
        started = self.client("POST", f"/containers/{name}/start")
        assert started.status == 204, started.body
        made: str = reply.json["Id"]
        return made

    def inspect(self, name: str = "box") -> Any:
        return self.client("GET", f"/containers/{name}/json").json

    def status(self, name: str = "box") -> tuple[str, int]:
        """The state of a container and its exit code."""
        state = self.inspect(name)["State"]
        return state["Status"], state["ExitCode"]

    def pass_until(self, action: str, seconds: float) -> None:
        """Let time pass, in steps, until something has happened; it must, within `seconds`."""

        async def work() -> None:
            found = asyncio.ensure_future(self.until(action))
            end = self.clock.now() + int(seconds * 1_000_000_000)
            while not found.done():
                assert self.clock.now() <= end, self.actions()
                for _ in range(50):
                    await asyncio.sleep(0)
                due = self.clock.next_due()
                if due is not None and not found.done():
                    self.clock.advance(due)
            await found

        self.client.run(work())

    def close(self) -> None:
        self.client.run(self.placement.mesh.close())
        self.engine.containers.power_lost()
        self.client.run(self.runtime.close())


def frames(body: bytes) -> list[tuple[int, bytes]]:
    """What the streams of a multiplexed answer said, joined while the stream stays the same."""
    found: list[tuple[int, bytes]] = []
    while body:
        stream, length = struct.unpack(">BxxxL", body[:8])
        data = body[8 : 8 + length]
        body = body[8 + length :]
        if found and found[-1][0] == stream:
            found[-1] = (stream, found[-1][1] + data)
        else:
            found.append((stream, data))
    return found
