"""Requests to a published port while the swarm changes what is behind it."""

import asyncio
from collections import Counter
from collections.abc import Coroutine
from typing import Any

import aiohttp
import msgspec

from swarmlab.clock import SECOND
from swarmlab.engine.lab import NODE_LOSS_NOTICED
from swarmlab.objects import (
    Service,
    ServiceMode,
    TaskState,
    UpdateConfig,
)
from swarmlab.objects.service import ReplicatedService
from tests.engine.net import ACTOR, Net

#: Requests for each thing that is done to a service.
AT_LEAST = 125


class Load:
    """Clients that ask without a pause, each time on a new connection; what they asked, and what was lost."""

    def __init__(self, net: Net, port: int) -> None:
        self._net = net
        entries = [found for found in net.lab.published() if found.port == port]
        self._urls = [f"http://{entry.bound_address}:{entry.bound_port}/" for entry in entries]
        self._stop = asyncio.Event()
        self.asked = 0
        self.lost: Counter[str] = Counter()

    async def during(self, work: Coroutine[Any, Any, None]) -> None:
        """Ask as long as some work goes on, and at least so often as shows that it is over: a slow machine asks on."""
        self._stop.clear()
        clients = [asyncio.ensure_future(self._ask(url)) for url in self._urls]
        before = self.asked
        try:
            await work
            await self._net.until(lambda: self.asked > before + AT_LEAST)
        finally:
            self._stop.set()
            await asyncio.gather(*clients)

    async def _ask(self, url: str) -> None:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as session:
            while not self._stop.is_set():
                self.asked += 1
                try:
                    async with session.get(url) as reply:
                        await reply.read()
                        if reply.status != 200:
                            self.lost[str(reply.status)] += 1
                except aiohttp.ClientError as error:
                    self.lost[type(error).__name__] += 1


def changed(net: Net, service: Service, **changes: Any) -> None:
    """Update a service; `order` is that of its updates, `replicas` how many tasks it has, or roll it `back`."""
    now: Service = net.control.service(service.id)
    spec = now.spec
    if changes.get("back"):
        net.control.update_service(service.id, now.version, now.previous_spec, rollback=True, actor=ACTOR)
        return
    if order := changes.get("order"):
        again = msgspec.structs.replace(spec.task_template, force_update=spec.task_template.force_update + 1)
        config = UpdateConfig(parallelism=1, delay=SECOND, order=order, monitor=SECOND)
        spec = msgspec.structs.replace(spec, task_template=again, update_config=config, rollback_config=config)
    if replicas := changes.get("replicas"):
        spec = msgspec.structs.replace(spec, mode=ServiceMode(replicated=ReplicatedService(replicas=replicas)))
    net.control.update_service(service.id, now.version, spec, rollback=False, actor=ACTOR)


async def replaced(net: Net, service: Service, **changes: Any) -> None:
    """Change a service so that all its three tasks are new ones."""
    before = {task.id for task in net.tasks(service.id)}
    changed(net, service, **changes)
    await net.until(lambda: len({task.id for task in net.tasks(service.id)} - before) == 3)
    await net.running(service.id, 3)


async def scaled(net: Net, service: Service, replicas: int) -> None:
    changed(net, service, replicas=replicas)
    await net.running(service.id, replicas)
    gone = {TaskState.SHUTDOWN, TaskState.COMPLETE, TaskState.REMOVE}
    await net.until(lambda: all(t.state in gone or t.slot <= replicas for t in net.control.tasks_of([service.id])))


async def made_available(net: Net, service: Service, node_id: str, availability: str) -> None:
    node = net.control.node(node_id)
    spec = msgspec.structs.replace(node.spec, availability=availability)
    net.control.update_node(node_id, node.version, spec, ACTOR)
    if availability == "drain":
        await net.until(lambda: not any(task.node_id == node_id for task in net.tasks(service.id)))
        await net.running(service.id, 3)


def test_what_a_swarm_does_to_a_service_loses_no_request(net: Net) -> None:
    """Tasks are withdrawn before they are stopped, and come in only when they run."""
    web = net.service("web", "nginx", 3, net.network("app"), port=18099)
    load = Load(net, 18099)
    worker = next(task.node_id for task in net.tasks(web.id) if task.node_id != net.control.nodes()[0].id)
    for name, work in {
        "start-first": lambda: replaced(net, web, order="start-first"),
        "back, start-first": lambda: replaced(net, web, back=True),
        "stop-first": lambda: replaced(net, web, order="stop-first"),
        "back, stop-first": lambda: replaced(net, web, back=True),
        "up": lambda: scaled(net, web, 6),
        "down": lambda: scaled(net, web, 3),
        "drain": lambda: made_available(net, web, worker, "drain"),
        "active": lambda: made_available(net, web, worker, "active"),
    }.items():
        net.run(load.during(work()))
        assert not load.lost, name
    assert load.asked > 1000


def test_connections_to_the_tasks_of_a_dead_node_wait_until_that_is_noticed(net: Net) -> None:
    web = net.service("web", "nginx", 2, net.network("app"), port=18099)
    assert len({task.node_id for task in net.tasks(web.id)}) == 2
    (entry,) = [row for row in net.lab.published() if row.port == 18099 and row.address == "127.0.0.1"]

    async def ask() -> float:
        """Seconds of swarm time that an answer takes."""
        begin = net.clock.now()
        reader, writer = await asyncio.open_connection(entry.bound_address, entry.bound_port)
        writer.write(b"GET / HTTP/1.0\r\n\r\n")
        assert b"Welcome to nginx" in await reader.read()
        writer.close()
        return (net.clock.now() - begin) / SECOND

    async def test() -> None:
        killed = net.clock.now()
        await net.lab.power("node-2", "kill")
        answered = [asyncio.ensure_future(ask()) for _ in range(2)]
        done, pending = await asyncio.wait(answered, return_when=asyncio.FIRST_COMPLETED)
        assert len(done) == len(pending) == 1
        await asyncio.gather(*answered)
        assert (net.clock.now() - killed) / SECOND >= NODE_LOSS_NOTICED
        for _ in range(4):
            await ask()

    net.run(test())
