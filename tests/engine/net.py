"""A swarm whose containers are reached over real sockets."""

import asyncio
import base64
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

from swarmlab.clock import ScaledClock
from swarmlab.engine import DockerEngine, Lab
from swarmlab.journal import Journal, Seal
from swarmlab.objects import (
    BlobSpec,
    ContainerSpec,
    EndpointSpec,
    NetworkAttachmentConfig,
    NetworkSpec,
    PortConfig,
    Service,
    ServiceMode,
    ServiceSpec,
    Task,
    TaskSpec,
    TaskState,
)
from swarmlab.objects.container import ConfigReference, FileTarget
from swarmlab.objects.local import Container
from swarmlab.objects.requests import InitRequest, JoinRequest
from swarmlab.objects.run import ContainerRequest, EndpointSettings, HostConfig, NetworkingConfig
from swarmlab.objects.service import ReplicatedService
from swarmlab.runtime import base
from swarmlab.store import Actor

ACTOR = Actor(engine="node-1")
T = TypeVar("T")


class Net:
    """A swarm of two nodes whose containers run, ten times as fast as the clock on the wall."""

    def __init__(self, folder: Path) -> None:
        self.clock = ScaledClock(10)
        self._runner = asyncio.Runner()
        self._journal = Journal(folder / "journal.sqlite", Seal(folder / "key"))
        self.lab = self._runner.run(self._open(folder))

    async def _open(self, folder: Path) -> Lab:
        lab = Lab(
            name="test", nodes=2, clock=self.clock, journal=self._journal, state_dir=folder,
            addresses=["127.0.0.1", "127.0.0.2"],
        )  # fmt: skip
        await lab.start()
        await lab.engines["node-1"].cluster.init(InitRequest())
        token = lab.engines["node-1"].cluster.control().cluster().root_ca.join_tokens.worker
        await lab.engines["node-2"].cluster.join(JoinRequest(remote_addrs=("127.0.0.1:2377",), join_token=token))
        return lab

    def close(self) -> None:
        self.run(self.lab.stop())
        self._journal.close()
        self._runner.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(asyncio.wait_for(work, 60))

    @property
    def control(self) -> Any:
        return self.lab.engines["node-1"].cluster.control()

    def network(self, name: str) -> str:
        network: str = self.control.create_network(NetworkSpec(name=name, attachable=True), ACTOR).id
        return network

    def service(
        self, name: str, image: str, replicas: int, *networks: str, command: tuple[str, ...] = (), mode: str = "vip",
        port: int = 0, target: int = 80, alias: str = "", config: str = "",
    ) -> Service:  # fmt: skip
        """A service whose tasks all run."""
        references: tuple[ConfigReference, ...] = ()
        if config:
            made = self.control.create_config(
                BlobSpec(name=f"{name}-site", data=base64.b64encode(config.encode()).decode()), ACTOR
            )
            target = FileTarget(name="/etc/nginx/conf.d/default.conf", mode=0o444)
            references = (ConfigReference(file=target, config_id=made.id, config_name=made.spec.name),)
        spec = ServiceSpec(
            name=name,
            task_template=TaskSpec(
                container_spec=ContainerSpec(image=image, command=command, configs=references),
                networks=tuple(
                    NetworkAttachmentConfig(target=each, aliases=(alias,) if alias else ()) for each in networks
                ),
            ),
            mode=ServiceMode(replicated=ReplicatedService(replicas=replicas)),
            endpoint_spec=EndpointSpec(
                mode=mode,
                ports=(PortConfig(protocol="tcp", target_port=target, published_port=port, publish_mode="ingress"),)
                if port
                else (),
            ),
        )
        service: Service = self.control.create_service(spec, ACTOR)
        self.run(self.running(service.id, replicas))
        return service

    def tasks(self, service_id: str) -> list[Task]:
        tasks: list[Task] = self.control.tasks_of([service_id])
        return [task for task in tasks if task.state == TaskState.RUNNING and task.desired_state == TaskState.RUNNING]

    async def running(self, service_id: str, count: int) -> None:
        await self.until(lambda: len(self.tasks(service_id)) == count)

    async def until(self, condition: Callable[[], bool]) -> None:
        while not condition():  # noqa: ASYNC110  (whatever the condition is about has no event of its own)
            await asyncio.sleep(0.005)

    def containers(self, service: Service) -> list[tuple[DockerEngine, Container]]:
        found = [
            (engine, container)
            for task in self.tasks(service.id)
            for engine in self.lab.engines.values()
            if (container := engine.containers.of_task(task.id)) is not None
        ]
        assert found
        return found

    def exec(self, service: Service, *command: str, number: int = 0) -> str:
        """What a command in one of a service's containers says."""
        engine, container = self.containers(service)[number]
        runs = engine.containers.runtime_container(container.id)
        assert runs is not None
        return self.run(output(runs, *command))

    def by_hand(
        self, name: str, image: str, mode: str = "", *command: str, aliases: tuple[str, ...] = (), **host: Any
    ) -> str:
        """A container on node-1 that runs; its id."""
        engine = self.lab.engines["node-1"]
        settings = EndpointSettings(aliases=aliases or None)
        made = engine.by_hand.create(
            ContainerRequest(
                image=image,
                cmd=command,
                host_config=HostConfig(network_mode=mode, **host),
                networking_config=NetworkingConfig(endpoints_config={mode: settings})
                if aliases
                else NetworkingConfig(),
            ),
            name,
        )
        self.run(engine.by_hand.start(made.id))
        return made.id

    def says(self, name: str, *command: str) -> str:
        """What a command in a container of node-1 says."""
        engine = self.lab.engines["node-1"]
        runs = engine.containers.runtime_container(engine.containers.find(name).id)
        assert runs is not None
        return self.run(output(runs, *command))


async def output(container: base.Container, *command: str) -> str:
    """What a command in a container says."""
    said = bytearray()

    async def collect(stream: str, data: bytes) -> None:
        said.extend(data)

    await container.exec(command, collect)
    return said.decode()
