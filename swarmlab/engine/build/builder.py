"""The builder of one engine (MB: api/server/backend/build, builder/dockerfile/builder.go)."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import ExitStack, suppress
from typing import IO

from swarmlab.engine.build.build import Build
from swarmlab.engine.build.context import open_context
from swarmlab.engine.build.options import BuildOptions, Message, Said
from swarmlab.engine.build.remote import refusal
from swarmlab.engine.build.steps import StepContainers
from swarmlab.engine.container.byhand import ByHand
from swarmlab.engine.container.containers import Containers
from swarmlab.engine.errors import bad_request, internal
from swarmlab.engine.image.images import LocalImages
from swarmlab.engine.network.downloads import Downloads
from swarmlab.images import Image, LayerError, Reference, check_reference
from swarmlab.images.dockerfile import DockerfileError

#: So many messages wait for a slow client before the build waits, too.
_BACKLOG = 64


class Builder:
    """Builds images from Dockerfiles."""

    def __init__(
        self,
        images: LocalImages,
        containers: Containers,
        by_hand: ByHand,
        prepare: Callable[[Image], None],
        downloads: Downloads,
    ) -> None:
        """`prepare` is told of what was built, so that containers of it start soon."""
        self._prepare = prepare
        self._downloads = downloads
        self._images = images
        self._containers = containers
        self._by_hand = by_hand
        self._running: dict[str, asyncio.Task[None]] = {}

    async def build(self, options: BuildOptions, source: IO[bytes]) -> AsyncIterator[Message]:
        """Build the image of a context, a tar archive (compressed or not); what happens meanwhile.

        The last `StageBuilt` has the image. Raises EngineError, before the first message when the request itself is
        wrong. Closing the iterator ends the build.
        """
        said: asyncio.Queue[Message | None] = asyncio.Queue(_BACKLOG)

        async def work() -> None:
            try:
                await self._build(options, source, said)
            finally:
                await said.put(None)

        task = asyncio.ensure_future(work())
        if options.build_id:
            self._running[options.build_id] = task
        try:
            while (message := await said.get()) is not None:
                yield message
            with suppress(asyncio.CancelledError):
                await task
            if task.cancelled():
                raise internal("build cancelled")
        finally:
            if self._running.get(options.build_id) is task:
                del self._running[options.build_id]
            task.cancel()
            await asyncio.wait({task})

    def cancel(self, build_id: str) -> None:
        """End a build; nothing happens when there is none of this name."""
        task = self._running.get(build_id)
        if task is not None:
            task.cancel()

    async def _build(self, options: BuildOptions, source: IO[bytes], said: "asyncio.Queue[Message | None]") -> None:
        names = tag_names(options.tags)
        if options.remote:
            raise refusal(options.remote)
        with ExitStack() as stack:
            try:
                entries = await asyncio.to_thread(stack.enter_context, self._images.store.layers.unpacked(source))
            except LayerError as error:
                raise internal(error.reason) from None
            files, dockerfile = open_context(entries, options.dockerfile)
            try:
                dockerfile = dockerfile.up_to(options.target) if options.target else dockerfile
            except DockerfileError as error:
                raise bad_request(str(error)) from None
            containers = StepContainers(self._by_hand, self._containers, options.host)
            dockerfile = dockerfile.labelled(options.labels)
            build = Build(
                options, dockerfile, files, self._images, containers, said.put, self._prepare, self._downloads
            )
            image = await build.run()
        self._prepare(image)
        await said.put(Said(f"Successfully built {image.id.removeprefix('sha256:')[:12]}\n"))
        for name in names:
            self._images.name(image, name, str(name))
            await said.put(Said(f"Successfully tagged {name}\n"))


def tag_names(tags: Sequence[str]) -> list[Reference]:
    """The names for the image, each once. Raises EngineError."""
    found: dict[Reference, None] = {}
    for tag in filter(None, tags):
        try:
            name = check_reference(tag)
        except ValueError as error:
            raise internal(str(error)) from None
        if name.digest:
            raise internal("build tag cannot contain a digest")
        found[name] = None
    return list(found)
