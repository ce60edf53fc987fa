"""One build: stages and steps (MB: builder/dockerfile/{builder,evaluator,dispatchers,internals}.go)."""

import asyncio
import io
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import IO, BinaryIO

import msgspec

from swarmlab.engine.build.arguments import BuildArguments
from swarmlab.engine.build.cache import BuildCache
from swarmlab.engine.build.copying import Copier, absolute, find_sources, new_directory, source_digest
from swarmlab.engine.build.downloaded import download
from swarmlab.engine.build.files import Files
from swarmlab.engine.build.options import BuildOptions, Message, Said, StageBuilt
from swarmlab.engine.build.owners import owner_of
from swarmlab.engine.build.steps import StepContainers
from swarmlab.engine.container.signals import signal_number
from swarmlab.engine.errors import EngineError, bad_request, internal
from swarmlab.engine.image.images import LocalImages
from swarmlab.engine.image.transfers import fetch
from swarmlab.engine.network.downloads import Downloads
from swarmlab.engine.offline import is_url
from swarmlab.images import Entry, HistoryEntry, Image, ImageConfig, check_reference, pack_into
from swarmlab.images.dockerfile import (
    DEFAULT_SHELL,
    Configuration,
    Dockerfile,
    DockerfileError,
    Instruction,
    Stage,
    expand,
    parse_trigger,
)
from swarmlab.objects.container import HealthConfig
from swarmlab.runtime.virtual import contents

_replace = msgspec.structs.replace
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_NEEDS_BUILDKIT = (
    "the --{} option requires BuildKit. Refer to https://docs.docker.com/go/buildkit/ to learn how to build images "
    "with BuildKit enabled"
)


class Build:
    """Carries out a Dockerfile. `say` is told of everything that happens, `prepare` of images with many files."""

    def __init__(
        self,
        options: BuildOptions,
        dockerfile: Dockerfile,
        context: Files,
        images: LocalImages,
        containers: StepContainers,
        say: Callable[[Message], Awaitable[None]],
        prepare: Callable[[Image], None],
        downloads: Downloads,
    ) -> None:
        self._options = options
        self._dockerfile = dockerfile
        self._context = context
        self._images = images
        self._containers = containers
        self._say = say
        self._prepare = prepare
        self._downloads = downloads
        self._arguments = BuildArguments(options.arguments)
        self._cache = BuildCache(images, off=options.no_cache, sources=options.cache_from)
        #: The images of the stages so far, None for one that is still `scratch`; and those that have a name.
        self._built: list[Image | None] = []
        self._named: dict[str, Image | None] = {}
        self._image: Image | None = None
        self._state = Configuration(ImageConfig())
        self._step = 0

    async def run(self) -> Image:
        """Build the last stage, and those before it. Raises EngineError."""
        if self._dockerfile.warnings:
            await self._say(Said(self._dockerfile.warnings, error=True))
        for instruction in self._dockerfile.arguments:
            await self._announce(instruction.original)
            expanded = self._expanded(instruction, self._arguments.known())
            self._arguments.declare_global(expanded.args)
        for stage in self._dockerfile.stages:
            await self._stage(stage)
        unused = self._arguments.unused()
        if unused:
            await self._tell(f"[Warning] One or more build-args [{' '.join(unused)}] were not consumed\n")
        if self._image is None:
            raise internal("No image was generated. Is your Dockerfile empty?")
        return self._image

    # --- stages ----------------------------------------------------------------------------------------------------

    async def _stage(self, stage: Stage) -> None:
        if stage.name in self._named:
            raise internal(f"{stage.name} stage name already used")
        self._arguments.begin_stage()
        await self._announce(stage.original)
        self._cache.begin_stage()
        await self._begin(stage.base)
        await self._conclude()
        for instruction in stage.instructions:
            await self._announce(instruction.original)
            await self._dispatch(instruction)
            await self._conclude()
        if self._image is not None:
            await self._say(StageBuilt(self._image.id))
        self._built.append(self._image)
        if stage.name:
            self._named[stage.name] = self._image

    async def _begin(self, base: str) -> None:
        try:
            name = expand(base, self._arguments.for_from(), self._dockerfile.escape)
        except DockerfileError as error:
            raise internal(str(error)) from None
        if not name:
            raise internal(f"base name ({base}) should not be blank")
        self._image = await self._base(name)
        config = self._image.config if self._image is not None else ImageConfig()
        if not any(variable.startswith("PATH=") for variable in config.env):
            config = _replace(config, env=(*config.env, f"PATH={_PATH}"))
        self._state = Configuration(_replace(config, open_stdin=False, stdin_once=False, on_build=()))
        if config.on_build:
            await self._pull(config.on_build)

    async def _pull(self, triggers: Sequence[str]) -> None:
        """Carry out what the image's ONBUILDs ask for, before anything else of the stage."""
        count = len(triggers)
        await self._tell(f"# Executing {count} build trigger{'s' if count > 1 else ''}\n")
        for trigger in triggers:
            self._refer()
            try:
                instruction = parse_trigger(trigger)
            except DockerfileError as error:
                raise internal(str(error)) from None
            await self._dispatch(instruction)

    async def _base(self, name: str) -> Image | None:
        """The image of a FROM, pulled if it must be; None for `scratch`."""
        if name.lower() in self._named:
            return self._named[name.lower()]
        return None if name == "scratch" else await self._obtain(name)

    async def _obtain(self, name: str) -> Image:
        image = None if self._options.pull else self._images.find(name)
        if image is not None:
            return image
        try:
            check_reference(name)
        except ValueError as error:
            raise bad_request(str(error)) from None
        pulled = await fetch(self._images, name)
        await self._say(pulled)
        return pulled.image

    async def _conclude(self) -> None:
        """A step is done."""
        self._refer()
        await self._tell(f" ---> {_short(self._state.config.image)}\n")

    def _refer(self) -> None:
        """The configuration says which image it has come to."""
        self._state.config = _replace(self._state.config, image=self._image.id if self._image is not None else "")

    # --- instructions ----------------------------------------------------------------------------------------------

    async def _dispatch(self, instruction: Instruction) -> None:
        """Carry it out, and remove the containers that were made for it."""
        done = False
        try:
            await self._carry_out(instruction)
            done = True
        finally:
            if self._options.force_remove or (self._options.remove and done):
                for container_id in await self._containers.remove_all():
                    await self._tell(f"Removing intermediate container {container_id[:12]}\n")

    async def _carry_out(self, instruction: Instruction) -> None:
        env = self._state.config.env
        variables = dict(v.partition("=")[::2] for v in (*self._arguments.environment(env), *env))
        instruction = self._expanded(instruction, variables)
        if instruction.name == "run":
            await self._run(instruction)
        elif instruction.name in {"copy", "add"}:
            await self._copy(instruction)
        elif instruction.name == "workdir":
            await self._work_dir(instruction)
        else:
            await self._configure(instruction)

    async def _configure(self, instruction: Instruction) -> None:
        before = self._state.config.healthcheck
        if instruction.name == "healthcheck" and before is not None and before.test and before.test[0] != "NONE":
            await self._tell(f"Note: overriding previous HEALTHCHECK: [{' '.join(before.test)}]\n")
        if instruction.name == "stopsignal":
            signal_number(instruction.args[0])
        if instruction.name == "arg":
            self._arguments.declare(instruction.args)
            comment = f"ARG {' '.join(instruction.args)}"
        else:
            comment = self._applied(instruction)
        noted = self._noted("#(nop) ", comment)
        if not await self._is_cached(noted):
            await self._commit(noted, await self._container(noted))

    async def _work_dir(self, instruction: Instruction) -> None:
        noted = self._noted(f"#(nop) {self._applied(instruction)}")
        if await self._is_cached(noted):
            return
        made = new_directory(self._state.config.working_dir, self._target())
        await self._commit(noted, await self._container(noted), made)

    async def _copy(self, instruction: Instruction) -> None:
        word, (*paths, dest) = instruction.name.upper(), instruction.args
        if instruction.flags.get("chmod"):
            raise internal(_NEEDS_BUILDKIT.format("chmod"))
        origin = instruction.flags.get("from", "")
        files = await self._from(origin) if origin else self._context
        with ExitStack() as stack:
            fetched = {}
            for url in filter(is_url, paths if word == "ADD" else ()):
                file = stack.enter_context(self._images.store.layers.spool())
                fetched[url] = await download(url, dest, file, self._downloads, self._say)
            sources = await asyncio.to_thread(
                find_sources, word, paths, dest, files, is_context=not origin, fetched=fetched
            )
            owner = instruction.flags.get("chown", "")
            noted = self._noted(f"#(nop) {word} {owner and f'--chown={owner}'}{source_digest(sources)} in {dest} ")
            if await self._is_cached(noted):
                return
            target = self._target()
            unpack = self._images.store.layers.unpacked if word == "ADD" else None
            copier = stack.enter_context(Copier(target, unpack, owner_of(owner, target)))
            entries = copier.entries(sources, absolute(dest, self._state.config.working_dir))
            await self._commit(noted, "", entries)

    async def _run(self, instruction: Instruction) -> None:
        for flag in instruction.flags:
            raise internal(_NEEDS_BUILDKIT.format(flag))
        config = self._state.config
        command = self._state.command(instruction)
        environment = self._arguments.environment(config.env)
        noted_arguments = self._arguments.noted(environment)
        saved = (f"|{len(noted_arguments)}", *noted_arguments, *command) if environment else command
        noted = _replace(config, cmd=saved, entrypoint=() if saved else config.entrypoint)
        if await self._is_cached(noted):
            return
        unchecked = HealthConfig(test=("NONE",))
        run = _replace(noted, cmd=command, env=(*config.env, *environment), healthcheck=unchecked)
        container = await self._container(run)
        layer = await self._containers.run(container, self._say)
        await self._keep(noted, container, io.BytesIO(layer) if layer else None)
        if layer and self._image is not None:
            # What was installed is made ready for containers while the rest of the build goes on.
            self._prepare(self._image)

    # --- inside ----------------------------------------------------------------------------------------------------

    def _expanded(self, instruction: Instruction, variables: Mapping[str, str]) -> Instruction:
        try:
            return instruction.expanded(variables, self._dockerfile.escape)
        except DockerfileError as error:
            raise bad_request(str(error)) from None

    def _applied(self, instruction: Instruction) -> str:
        try:
            return self._state.apply(instruction)
        except DockerfileError as error:
            raise bad_request(str(error)) from None

    async def _from(self, origin: str) -> Files:
        """The files of a stage, by name or number, or of another image."""
        try:
            image = await self._origin(origin)
        except EngineError as error:
            raise internal(f"invalid from flag value {origin}: {error}") from None
        return self._files(image)

    async def _origin(self, origin: str) -> Image | None:
        if origin.lower() in self._named:
            return self._named[origin.lower()]
        if re.fullmatch(r"[+-]?\d+", origin, re.ASCII) is None:
            return await self._obtain(origin)
        number = int(origin)
        if number == len(self._built):
            raise internal("refers to current build stage")
        if not 0 <= number < len(self._built):
            raise internal("index out of bounds")
        return self._built[number]

    def _target(self) -> Files:
        return self._files(self._image)

    def _files(self, image: Image | None) -> Files:
        if image is None:
            return Files([])
        try:
            self._images.store.layers_of(image)
        except LookupError as error:
            raise internal(str(error)) from None
        return Files.of(contents(image, lambda content: False), image.tree().owners)

    def _noted(self, *words: str) -> ImageConfig:
        """The configuration that says in its command what a step has done."""
        config = self._state.config
        return _replace(config, cmd=(*(config.shell or DEFAULT_SHELL), *words))

    async def _is_cached(self, noted: ImageConfig) -> bool:
        found = self._cache.find(self._image.id if self._image is not None else "", noted)
        if found is None:
            return False
        await self._tell(" ---> Using cache\n")
        self._image = found
        return True

    async def _container(self, noted: ImageConfig) -> str:
        container = self._containers.make(self._image, noted)
        await self._tell(f" ---> Running in {_short(container)}\n")
        return container

    async def _commit(self, noted: ImageConfig, container: str, entries: Sequence[Entry] = ()) -> None:
        """The image of this step, with a layer of these entries if there are any."""
        if container and self._image is not None:
            # A container's configuration is merged with its image's (MB: daemon/commit.go, merge).
            noted = _replace(noted, has_no_labels=not noted.labels)
        if not entries:
            await self._keep(noted, container, None)
            return
        with self._images.store.layers.spool() as layer:
            await asyncio.to_thread(_write, entries, layer)
            await self._keep(noted, container, layer)

    async def _keep(self, noted: ImageConfig, container: str, layer: IO[bytes] | None) -> None:
        with ExitStack() as stack:
            kept = None
            if layer is not None:
                kept = await asyncio.to_thread(stack.enter_context, self._images.layer(layer))
            self._image = self._images.create(
                self._state.config,
                HistoryEntry(created_by=" ".join(noted.cmd), author=self._state.author),
                parent=self._image,
                layer=kept,
                author=self._state.author,
                container=container,
                container_config=_replace(noted, hostname=container[:12]),
            )

    async def _announce(self, original: str) -> None:
        steps = len(self._dockerfile.arguments) + sum(1 + len(s.instructions) for s in self._dockerfile.stages)
        self._step += 1
        await self._tell(f"Step {self._step}/{steps} : {original.rstrip()}")
        await self._tell("\n")

    async def _tell(self, text: str) -> None:
        await self._say(Said(text))


def _write(entries: Sequence[Entry], layer: BinaryIO) -> None:
    pack_into(layer, entries)
    layer.seek(0)


def _short(object_id: str) -> str:
    return object_id.removeprefix("sha256:")[:12]
