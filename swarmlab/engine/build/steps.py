"""The containers of a build's steps (MB: builder/dockerfile/containerbackend.go)."""

import asyncio
import codecs
import secrets
from collections.abc import Awaitable, Callable

import msgspec

from swarmlab.engine.build.options import CommandFailedError, Message, Said
from swarmlab.engine.container.byhand import ByHand
from swarmlab.engine.container.containers import Containers
from swarmlab.engine.errors import internal
from swarmlab.images import Image, ImageConfig
from swarmlab.objects.run import ContainerRequest, Empty, HostConfig, LogConfig
from swarmlab.runtime.base import StartError

_EMPTY_ROOT = (
    "failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: "
    'exec: "{0}": stat {0}: no such file or directory: unknown'
)


class StepContainers:
    """Makes them, runs them, and removes them."""

    def __init__(self, by_hand: ByHand, containers: Containers, host: HostConfig) -> None:
        self._by_hand = by_hand
        self._containers = containers
        self._host = host
        #: Those that are still there. One without an image is a number only, since it has no files to run.
        self._made: dict[str, Image | None] = {}
        self._commands: dict[str, tuple[str, ...]] = {}

    def make(self, image: Image | None, config: ImageConfig) -> str:
        """A container of this configuration; its id. Raises EngineError."""
        container_id = secrets.token_hex(32)
        if image is not None:
            request = ContainerRequest(
                image=image.id,
                user=config.user,
                exposed_ports={port: Empty() for port in config.exposed_ports},
                volumes={path: Empty() for path in config.volumes},
                env=tuple(config.env),
                cmd=tuple(config.cmd),
                # Without any command at all it is the image's.
                entrypoint=tuple(config.entrypoint) or (("",) if config.cmd else None),
                working_dir=config.working_dir,
                labels=config.labels,
                stop_signal=config.stop_signal,
                healthcheck=config.healthcheck,
                # What it says is the build's to tell.
                host_config=msgspec.structs.replace(self._host, log_config=LogConfig(type="none")),
            )
            container_id = self._by_hand.create(request, "").id
        self._made[container_id] = image
        self._commands[container_id] = tuple(config.cmd)
        return container_id

    async def run(self, container_id: str, say: Callable[[Message], Awaitable[None]]) -> bytes:
        """Run a container to its end; the layer of what it has changed. Raises EngineError.

        When cancelled the container is gone.
        """
        command = self._commands[container_id]
        if self._made[container_id] is None:
            raise internal(_EMPTY_ROOT.format(command[0]))
        finished = False
        try:
            await self._follow(container_id, say)
            finished = True
        finally:
            if not finished:
                await self._give_up(container_id)
        code = await self._containers.wait(container_id)
        if code:
            raise CommandFailedError(command, code)
        # A container with thousands of files takes its time.
        return await asyncio.to_thread(self._containers.revive(self._containers.find(container_id)).layer)

    async def remove_all(self) -> list[str]:
        """Remove them; their ids."""
        removed = list(self._made)
        for container_id, image in list(self._made.items()):
            if image is not None:
                await self._containers.remove(container_id, volumes=True)
            del self._made[container_id]
        return removed

    async def _follow(self, container_id: str, say: Callable[[Message], Awaitable[None]]) -> None:
        output = self._containers.revive(self._containers.find(container_id)).attach()
        self._containers.publish("attach", container_id)
        try:
            await self._containers.start(container_id)
        except StartError as error:
            output.close()
            raise internal(str(error)) from None
        decoders = {name: codecs.getincrementaldecoder("utf-8")("replace") for name in ("stdout", "stderr")}
        async for stream, data in output:
            text = decoders[stream].decode(data)
            if text:
                await say(Said(text, stream == "stderr"))

    async def _give_up(self, container_id: str) -> None:
        """Whoever wanted the build has gone."""
        container = self._containers.find(container_id)
        if container.state.status == "running":
            await self._containers.remove(container_id, volumes=True)
            del self._made[container_id]
