"""Runs a swarm's tasks as containers of an engine (MB: daemon/cluster/executor/container/{executor,controller}.go)."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from swarmlab.clock import Clock
from swarmlab.engine.container.containers import Containers
from swarmlab.engine.errors import EngineError
from swarmlab.engine.image.images import LocalImages
from swarmlab.engine.image.transfers import fetch, is_elsewhere
from swarmlab.engine.network.overlays import Overlays
from swarmlab.engine.network.tasknetworks import TaskNetworks, task_networks
from swarmlab.engine.network.wiring import binding
from swarmlab.engine.task import taskcontainer
from swarmlab.engine.task.pace import REAL_PACE, Machine, Pace
from swarmlab.network import Door, Endpoint, Fabric, Mesh, PortBinding
from swarmlab.objects import Config, ContainerStatus, NodeDescription, PortConfig, Secret, Task
from swarmlab.objects.local import Container
from swarmlab.objects.template import TemplateError
from swarmlab.runtime import base
from swarmlab.runtime.controller import Step, StepInterruptedError, TaskError

#: A task that leaves its networks gets no new connections for so many seconds before it is told to stop.
LOAD_BALANCER_DRAIN = 2.0


class ContainerExecutor:
    """See `Executor`."""

    def __init__(
        self,
        clock: Clock,
        containers: Containers,
        images: LocalImages,
        mesh: Mesh,
        fabric: Fabric,
        entrance: Callable[[str], str],
        overlays: Overlays,
        describe: Callable[[], NodeDescription],
        pace: Pace = REAL_PACE,
    ) -> None:
        """`entrance` is the address that connections seem to come from that the routing mesh takes at a node."""
        self.clock = clock
        self.containers = containers
        self.images = images
        self.mesh = mesh
        self.fabric = fabric
        self.entrance = entrance
        self.overlays = overlays
        self.describe = describe
        self.pace = pace
        self.machine = Machine(clock, pace)

    async def set_up(self, task: Task) -> None:
        """Take the time that setting up a task's container takes."""
        await self.machine.work(self.pace.start + self.pace.network * len(task.networks))

    async def take_down(self) -> None:
        """Take the time that taking down a container takes that was told to stop."""
        await self.machine.work(self.pace.stop)

    def controller(
        self, task: Task, secrets: Mapping[str, Secret], configs: Mapping[str, Config]
    ) -> "ContainerController":
        """See `Executor`."""
        return ContainerController(self, task, secrets, configs)


class ContainerController:
    """See `Controller`."""

    def __init__(
        self,
        executor: ContainerExecutor,
        task: Task,
        secrets: Mapping[str, Secret],
        configs: Mapping[str, Config],
    ) -> None:
        self._executor = executor
        self._containers = executor.containers
        self._task = task
        self._secrets = secrets
        self._configs = configs
        self._waiter: asyncio.Task[None] | None = None
        self._killed_by_health = False
        #: Its start has waited for its end already: nobody sees such a task RUNNING.
        self._end_noticed = False
        #: Whether it has been started in this life of the engine.
        self._started = False
        #: Done when the step in progress shall be given up.
        self._interrupt: asyncio.Future[None] | None = None
        known = self._containers.of_task(task.id)
        self._container_id = known.id if known is not None else ""

    def update(self, task: Task) -> None:
        """See `Controller`."""
        self._task = task

    def prepare(self) -> Step:
        """See `Controller`. A container that an earlier life of the lab made is used again."""
        if self._record() is not None:
            return None
        try:
            networks = task_networks(self._task, self._executor.overlays)
        except EngineError as error:
            raise TaskError(str(error)) from None
        spec = taskcontainer.container_spec(self._task)
        if self._is_elsewhere(spec.image):
            return self._prepare_pulled(spec.image, networks)
        return self._prepare(spec.image, networks)

    def _is_elsewhere(self, name: str) -> bool:
        """Whether an image is to be had from a registry of the lab: one that is named by its digest may be here."""
        try:
            known = "@" in name and self._executor.images.find(name) is not None
            return is_elsewhere(name) and not known
        except ValueError:
            return False

    async def _prepare_pulled(self, name: str, networks: TaskNetworks) -> None:
        # A tag may stand for another image by now; if nobody can be asked, the one that is here will do.
        with suppress(EngineError):
            await fetch(self._executor.images, name)
        step = self._prepare(name, networks)
        if step is not None:
            await step

    def _prepare(self, name: str, networks: TaskNetworks) -> Step:
        image = self._executor.images.obtain(name)
        if image is None:
            raise TaskError(f"No such image: {name}")
        container = taskcontainer.build(self._task, image, name, self._executor.describe(), networks)
        try:
            files = self._files()
        except TemplateError:
            # A real engine expands templates when it starts the container: the task fails then, it is not rejected.
            files = ()
        try:
            self._containers.create(container, files)
        except EngineError as error:
            raise TaskError(str(error)) from None
        self._container_id = container.id
        if networks.conflict is not None:
            # It has been made with the first of its networks.
            raise TaskError(str(networks.conflict))
        return self._executor.machine.work(self._executor.pace.prepare)

    def start(self) -> Step:
        """See `Controller`."""
        return self._start()

    def wait(self, ended: Callable[[TaskError | None], None]) -> None:
        """See `Controller`."""
        self._waiter = asyncio.ensure_future(self._wait(ended))

    def interrupt(self) -> None:
        """See `Controller`. Of all steps, waiting for a container to be healthy is the one that can be given up."""
        if self._interrupt is not None and not self._interrupt.done():
            self._interrupt.set_result(None)

    def shutdown(self) -> Step:
        """See `Controller`."""
        return self._shutdown()

    def remove(self) -> Step:
        """See `Controller`."""
        return self._remove()

    def container_status(self) -> ContainerStatus | None:
        """See `Controller`."""
        container = self._record()
        if container is None:
            return None
        state = container.state
        return ContainerStatus(container_id=container.id, pid=state.pid, exit_code=state.exit_code)

    def ports(self) -> tuple[PortConfig, ...]:
        """See `Controller`."""
        container = self._record()
        if container is None:
            return ()
        shown = container.ports
        if container.state.runs:
            # Of one that ended with its machine all that there was is told.
            served = {(p.port, p.protocol) for p in self._executor.mesh.published() if p.node_id == self._task.node_id}
            shown = tuple(p for p in shown if (p.published_port, p.protocol) in served)
        # Once for IPv4 and once for IPv6, as engines report it.
        return tuple(p for p in shown for _ in range(2))

    # --- inside ----------------------------------------------------------------------------------------------------

    def _record(self) -> Container | None:
        return self._containers.of_task(self._task.id)

    def _missing(self) -> str:
        """What is said when the container is gone before anybody looked at it, as after a shutdown of the engine."""
        return f"No such container: {self._task.name}"

    def _files(self) -> tuple[base.File, ...]:
        return taskcontainer.files(self._task, self._executor.describe(), self._secrets, self._configs)

    def _revived(self) -> base.Container:
        """The runtime container; after a restart of the lab a new one for the old record."""
        container = self._record()
        if container is None:
            raise TaskError(self._missing())
        try:
            return self._containers.revive(container, self._files())
        except TemplateError as error:
            raise TaskError(f"starting container failed: {error}") from None
        except EngineError as error:
            raise TaskError(str(error)) from None

    async def _start(self) -> None:
        if self._started:
            # It was told something else while it waited to be healthy. As in SwarmKit, it counts as started then, and
            # nobody lets connections through any more.
            return
        self._started = True
        running = self._revived()
        self._interrupt = asyncio.get_running_loop().create_future()
        try:
            if not running.pid:
                await self._executor.set_up(self._task)
                await self._containers.start(self._container_id)
        except base.StartError as error:
            raise TaskError(f"starting container failed: {error}", error.exit_code) from None
        except EngineError as error:
            # Somebody has removed it meanwhile.
            raise TaskError(f"starting container failed: {error}") from None
        if await self._healthy(running):
            self._activate(running)
        else:
            await self._end_unhealthy(running)

    async def _healthy(self, running: base.Container) -> bool:
        """See `base.Container.wait_healthy`. Raises StepInterruptedError."""
        if not running.health:
            return await running.wait_healthy()
        assert self._interrupt is not None
        healthy = asyncio.ensure_future(running.wait_healthy())
        waiters: set[asyncio.Future[Any]] = {healthy, self._interrupt}
        try:
            await asyncio.wait(waiters, return_when=asyncio.FIRST_COMPLETED)
            if not healthy.done():
                raise StepInterruptedError
            return await healthy
        finally:
            healthy.cancel()

    async def _end_unhealthy(self, running: base.Container) -> None:
        """It ended, or turned unhealthy, before it ever was healthy. With exit code 0 it counts as started."""
        unhealthy = running.health == "unhealthy" and bool(running.pid)
        if unhealthy:
            await self._containers.stop(self._container_id, taskcontainer.grace_period(self._task))
        code = await self._containers.wait(self._container_id)
        if code:
            reason = ": dockerexec: unhealthy container" if unhealthy else ""
            raise TaskError(f"task: non-zero exit ({code}){reason}", code)
        self._end_noticed = True

    async def _wait(self, ended: Callable[[TaskError | None], None]) -> None:
        try:
            container = self._record()
            if container is None:
                raise TaskError(self._missing())
            if container.state.runs:
                running = self._revived()
                if not running.pid:
                    # The lab was restarted: the container goes on where it was, as far as anyone can tell.
                    await self._containers.start(container.id)
                self._activate(running)
                code = await self._until_ended_or_unhealthy(running)
            else:
                code = await self._containers.wait(container.id)
        except base.StartError as error:
            ended(TaskError(f"starting container failed: {error}", error.exit_code))
            return
        except TaskError as error:
            ended(error)
            return
        except EngineError:
            # Somebody removed the container under the task.
            ended(TaskError("dockerexec: container destroyed"))
            return
        self._deactivate()
        if not self._end_noticed:
            await self._executor.clock.sleep(self._executor.machine.about(self._executor.pace.end))
        reason = ": dockerexec: unhealthy container" if self._killed_by_health else ""
        ended(TaskError(f"task: non-zero exit ({code}){reason}", code) if code else None)

    async def _until_ended_or_unhealthy(self, running: base.Container) -> int:
        """The exit code; somebody may have removed the container by the time that it is known."""
        end = asyncio.ensure_future(self._containers.wait(self._container_id))
        sick = asyncio.ensure_future(running.wait_unhealthy())
        try:
            await asyncio.wait({end, sick}, return_when=asyncio.FIRST_COMPLETED)
            if sick.done() and not end.done():
                self._killed_by_health = True
                self._deactivate()
                await self._containers.stop(self._container_id, taskcontainer.grace_period(self._task))
            return await end
        finally:
            for waiter in (end, sick):
                waiter.cancel()

    def _activate(self, running: base.Container) -> None:
        """Let connections through: the task runs and is healthy."""
        self._executor.fabric.bind(binding(self._task, self._container_id))
        endpoint, record = self._task.endpoint, self._record()
        assert record is not None
        # Programs that have the node's own network listen there themselves.
        on_host = record.wanted.network_mode == "host"
        meshed = endpoint.ports if endpoint is not None and not on_host else ()
        ports = tuple(
            PortBinding(protocol=p.protocol, published=p.published_port, target=p.target_port, mode=p.publish_mode)
            for p in (*(p for p in meshed if p.publish_mode != "host"), *record.ports)
            if p.published_port
        )
        if ports:
            self._executor.mesh.activate(
                Endpoint(
                    task_id=self._task.id,
                    node_id=self._task.node_id,
                    service_id=self._task.service_id,
                    ports=ports,
                    connect=lambda target: running.ports()[target],
                    door=self._door,
                    watch=running.watch_ports,
                )
            )

    def _door(self, target: int, entry: str) -> Door:
        """Where the container's port is, for a connection that comes in at a node of the swarm."""
        return self._executor.fabric.sandbox(self._container_id).door(target, self._executor.entrance(entry))

    def _deactivate(self) -> None:
        """No new connections: not through the routing mesh, nor by a virtual IP or a name."""
        self._executor.mesh.deactivate(self._task.id)
        self._executor.fabric.withdraw(self._task.id)

    async def _shutdown(self) -> None:
        self._deactivate()
        if self._record() is None:
            return
        if self._task.networks:
            await self._executor.clock.sleep(LOAD_BALANCER_DRAIN)
        container = self._record()
        if container is None or not container.state.runs:
            return
        await self._containers.stop(container.id, taskcontainer.grace_period(self._task))
        await self._executor.take_down()

    async def _remove(self) -> None:
        # As on engines, the networks are given their time even when the container has ended long ago.
        await self._shutdown()
        container = self._record()
        if container is not None:
            await self._containers.remove(container.id, volumes=True)
