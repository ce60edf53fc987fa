"""The virtual runtime of one engine."""

import asyncio
from pathlib import Path

from swarmlab.clock import Clock
from swarmlab.images import Images
from swarmlab.network import Exchange, Fabric
from swarmlab.runtime.base import ContainerConfig, File
from swarmlab.runtime.virtual.container import VirtualContainer
from swarmlab.runtime.virtual.files import RootFs
from swarmlab.runtime.virtual.machine import Machine
from swarmlab.runtime.virtual.mounttable import mount_table
from swarmlab.runtime.virtual.process import ProcessHost

#: What is there until the engine has put the container on its networks.
_HOSTS = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n127.0.0.1\t{}\n"


class VirtualRuntime:
    """Creates virtual containers. See `Runtime`."""

    def __init__(self, clock: Clock, images: Images, state: Path, fabric: Fabric | None = None) -> None:
        """`state` is a directory of this engine's own; processes that an earlier life left behind there are killed.

        `fabric` has the networks that containers are on.
        """
        self._clock = clock
        self._images = images
        self._state = state
        self._fabric = fabric or Fabric()
        self._exchange = Exchange(clock, self._fabric.sandbox)
        state.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._processes = ProcessHost(state)
        self._containers: set[VirtualContainer] = set()

    def create(self, config: ContainerConfig) -> VirtualContainer:
        """See `Runtime.create`."""
        if (image := self._images.find(config.image)) is None:
            raise KeyError(config.image)
        directory = self._state / config.id
        identity = (
            File("/etc/hostname", f"{config.hostname}\n".encode(), mode=0o644),
            File("/etc/hosts", _HOSTS.format(config.hostname).encode(), mode=0o644),
            File("/etc/resolv.conf", b"nameserver 127.0.0.11\noptions ndots:0\n", mode=0o644),
        )
        machine = Machine(
            container_id=config.id,
            hostname=config.hostname,
            clock=self._clock,
            root=RootFs(
                image, config.files, directory, identity=identity, mounts=config.mounts, read_only=config.read_only
            ),
            directory=directory,
            processes=self._processes,
            absent=image.absent,
            sandboxes=lambda: self._fabric.sandbox(config.id),
            exchange=lambda: self._exchange.admit(config.id),
            memory=config.memory,
            mounts=mount_table(config, image),
        )

        def forget() -> None:
            self._containers.discard(container)
            self._exchange.dismiss(config.id)
            self._fabric.forget(config.id)

        container = VirtualContainer(config, machine, self._clock, forget)
        self._containers.add(container)
        return container

    async def close(self) -> None:
        """See `Runtime.close`."""
        await asyncio.gather(*(container.remove() for container in tuple(self._containers)))
        await self._processes.close()
        await self._exchange.close()
