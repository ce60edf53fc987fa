"""Containers that are run by hand, on networks of the swarm.

Source: MB: daemon/cluster/networks.go, daemon/cluster/executor/container/attachment.go. Such a place is a task: the
leader gives it an address, and the node's agent tells the engine of it.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from swarmlab.clock import Clock
from swarmlab.engine.errors import internal, not_found
from swarmlab.engine.swarm.swarmnode import SwarmNode
from swarmlab.manager import Code, StatusError
from swarmlab.objects import Config, ContainerStatus, NodeDescription, PortConfig, Secret, Task
from swarmlab.runtime.controller import Controller, Executor, Step, TaskError
from swarmlab.store import Actor

#: So long a container waits for its place, in seconds of swarm time.
ATTACH_TIMEOUT = 20.0
#: Without a leader the end of a place is told again after so many seconds of swarm time.
RETRY = 5.0
_TIMED_OUT = (
    "attaching to network failed, make sure your network options are correct and check manager logs: "
    "context deadline exceeded"
)


class _Place(NamedTuple):
    task_id: str
    addresses: tuple[str, ...]


class Attachments:
    """The places that containers of one engine have on networks of the swarm, or wait for."""

    def __init__(
        self,
        engine: str,
        clock: Clock,
        node: Callable[[], SwarmNode | None],
        need: Callable[[Iterable[str]], None],
    ) -> None:
        """`node` is the engine's node while it is at work, `need` makes networks of the swarm exist on the engine."""
        self._actor = Actor(engine=engine, loop="attachments")
        self._clock = clock
        self._node = node
        self.need = need
        #: By the task's id.
        self._waiting: dict[str, asyncio.Future[Task | None]] = {}
        #: By container and network.
        self._places: dict[tuple[str, str], _Place] = {}

    async def attach(self, target: str, container_id: str, address: str = "") -> None:
        """Get a container a place on a network, given by name or id. Raises EngineError (404, 500)."""
        node = self._node()
        if node is None:
            raise not_found(f"network {target} not found")
        try:
            asked = node.attach_network(container_id, target, (address,) if address else (), self._actor)
        except StatusError as error:
            raise internal(f"Could not attach to network {target}: {error}") from None
        arrived = self._waiting[asked.id] = asyncio.get_running_loop().create_future()

        def give_up() -> None:
            if not arrived.done():
                arrived.set_result(None)

        timer = self._clock.call_later(ATTACH_TIMEOUT, give_up)
        task = None
        try:
            task = await arrived
        finally:
            timer.cancel()
            del self._waiting[asked.id]
            if task is None:
                self.abandon(asked.id)
        if task is None:
            raise internal(_TIMED_OUT)
        for place in task.networks:
            self._places[container_id, place.network_id] = _Place(task.id, place.addresses)

    def addresses(self, network_id: str, container_id: str) -> tuple[str, ...]:
        """What a container was given on a network, with prefix length."""
        place = self._places.get((container_id, network_id))
        return place.addresses if place is not None else ()

    def detach(self, container_id: str, network_id: str = "") -> None:
        """Give back a container's place on a network, or all that it has."""
        for key in [key for key in self._places if key[0] == container_id and network_id in ("", key[1])]:
            self.abandon(self._places.pop(key).task_id)

    def power_lost(self) -> None:
        """No container runs any more; the swarm hears of it when the node is back."""
        self._places.clear()

    # --- what the agent's controllers say ----------------------------------------------------------------------------

    def arrived(self, task: Task) -> bool:
        """A task has come to the node; whether a container waits for it."""
        future = self._waiting.get(task.id)
        if future is None or future.done():
            return False
        future.set_result(task)
        return True

    def holds(self, task_id: str) -> bool:
        """Whether a container here has this place, or is about to get it."""
        return task_id in self._waiting or any(place.task_id == task_id for place in self._places.values())

    def abandon(self, task_id: str) -> None:
        """Tell the swarm that a place is free, as soon as there is a leader."""
        node = self._node()
        if node is None:
            # The agent finds it when the node is at work again.
            return
        try:
            node.detach_network(task_id, self._actor)
        except StatusError as error:
            if error.code is Code.UNKNOWN:
                self._clock.call_later(RETRY, lambda: self.abandon(task_id))


class AttachmentController:
    """See `Controller`: nothing runs, the task lasts as long as the container is on the network."""

    def __init__(self, clock: Clock, attachments: Attachments, task: Task) -> None:
        self._clock = clock
        self._attachments = attachments
        self._task = task

    def update(self, task: Task) -> None:
        """See `Controller`."""
        self._task = task

    def prepare(self) -> Step:
        """See `Controller`."""
        self._attachments.need(place.network_id for place in self._task.networks)
        return None

    def start(self) -> Step:
        """See `Controller`."""
        if not self._attachments.arrived(self._task):
            spec = self._task.spec.network_attachment_spec
            container_id = spec.container_id if spec is not None else ""
            network_id = next((place.network_id for place in self._task.networks), "")
            raise TaskError(f"could not find attacher for container {container_id} to network {network_id}")
        return None

    def wait(self, ended: Callable[[TaskError | None], None]) -> None:
        """See `Controller`. A place that no container has, as after a restart of the engine, is given back."""
        if not self._attachments.holds(self._task.id):
            self._clock.call_soon(lambda: self._attachments.abandon(self._task.id))

    def interrupt(self) -> None:
        """See `Controller`: no step takes time."""

    def shutdown(self) -> Step:
        """See `Controller`."""
        return None

    def remove(self) -> Step:
        """See `Controller`."""
        return None

    def container_status(self) -> ContainerStatus | None:
        """See `Controller`."""
        return None

    def ports(self) -> tuple[PortConfig, ...]:
        """See `Controller`."""
        return ()


class AttachingExecutor:
    """See `Executor`: does what another one does, and puts containers on networks."""

    def __init__(self, clock: Clock, attachments: Attachments, executor: Executor) -> None:
        self._clock = clock
        self._attachments = attachments
        self._executor = executor

    def describe(self) -> NodeDescription:
        """See `Executor`."""
        return self._executor.describe()

    def controller(self, task: Task, secrets: Mapping[str, Secret], configs: Mapping[str, Config]) -> Controller:
        """See `Executor`."""
        if task.is_attachment:
            return AttachmentController(self._clock, self._attachments, task)
        return self._executor.controller(task, secrets, configs)
