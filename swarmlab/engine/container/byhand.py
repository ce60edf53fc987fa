"""What people do with containers themselves, and with those of tasks (MB: daemon/{create,start,stop,delete}.go)."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import msgspec

from swarmlab.engine.container.containers import Containers
from swarmlab.engine.container.create import build, checked_name, equipped
from swarmlab.engine.container.hostchecks import check_host, check_policy, check_resources
from swarmlab.engine.container.initchecks import refused_shares
from swarmlab.engine.container.signals import check_signal, signal_name
from swarmlab.engine.container.updates import updated
from swarmlab.engine.container.volumes import Volumes
from swarmlab.engine.errors import EngineError, bad_request, conflict, internal
from swarmlab.engine.image.images import LocalImages
from swarmlab.engine.image.platforms import Platform, check
from swarmlab.engine.swarm.description import cpu_count
from swarmlab.objects.local import Container
from swarmlab.objects.run import ContainerRequest, HostConfig, UpdateRequest
from swarmlab.runtime import base


class ByHand:
    """Commands on containers by id, name or id prefix. All raise EngineError, 404 for one that is not there."""

    def __init__(self, node: str, containers: Containers, images: LocalImages, volumes: Volumes) -> None:
        self._node = node
        self._volumes = volumes
        self._containers = containers
        self._images = images

    def create(self, request: ContainerRequest, name: str, platform: Platform | None = None) -> Container:
        """Make a container; 404 when its image is for another platform than is wanted."""
        if platform is not None and (image := self._images.find(request.image)) is not None:
            check(image, request.image, platform)
        container = self._build(request, name)
        while not name and self._containers.has_name(container.name):
            container = self._build(request, name)
        self._containers.check_name(container.name)
        try:
            container = equipped(container, self._containers.find)
        except EngineError:
            self._containers.gave_up(container)
            raise
        return self._containers.create(container)

    @staticmethod
    def warnings(request: ContainerRequest) -> list[str]:
        """What Docker warns of when such a container is made."""
        return check_host(request.host_config, cpu_count())

    def update(self, reference: str, request: UpdateRequest) -> list[str]:
        """Change its restart policy and limits, those that are given; what Docker warns of."""
        container = self._containers.find(reference)
        asked = HostConfig(**msgspec.structs.asdict(request))
        check_policy(asked.restart_policy)
        warnings = check_resources(asked, cpu_count(), update=True)
        if container.state.active and (refused := refused_shares(asked)):
            # The kernel is asked at once.
            raise internal(
                f"Cannot update container {container.id}: runc did not terminate successfully: exit status 1: "
                f"{refused}\n: unknown"
            )
        self._containers.update(container.id, updated(container, request))
        return warnings

    async def start(self, reference: str) -> bool:
        """Start it; False when it runs already."""
        container = self._containers.find(reference)
        if container.state.status == "paused":
            raise conflict("cannot start a paused container, try unpause instead")
        if container.state.status == "running":
            return False
        await self._start(container.id)
        return True

    async def stop(self, reference: str, grace: int | None, signal: str) -> bool:
        """Stop it, by its own grace period (seconds) and signal unless others are given; False when it does not run."""
        container = self._containers.find(reference)
        if not container.state.active:
            return False
        await self._stop(container, grace, signal)
        return True

    async def restart(self, reference: str, grace: int | None, signal: str) -> None:
        """Stop it if it runs, and start it."""
        container = self._containers.find(reference)
        await self._stop(container, grace, signal)
        await self._start(container.id)
        self._containers.publish("restart", container.id)

    async def kill(self, reference: str, signal: str) -> None:
        """Send a signal, by name or number; SIGKILL when empty, which is over when the container has ended."""
        name = signal_name(signal or "SIGKILL")
        try:
            container = self._containers.find(reference)
            check_signal(signal or "SIGKILL")
            self._containers.kill(container.id, name)
        except EngineError as error:
            raise EngineError(error.status, f"Cannot kill container: {reference}: {error}") from None
        if name == "SIGKILL":
            await self._containers.wait(container.id)

    def pause(self, reference: str) -> None:
        """Let nothing in it go on."""
        self._containers.pause(self._containers.find(reference).id)

    def unpause(self, reference: str) -> None:
        """Let it all go on."""
        self._containers.unpause(self._containers.find(reference).id)

    async def remove(self, reference: str, *, force: bool, volumes: bool = False) -> None:
        """Remove it, with `volumes` its anonymous volumes too; one that runs only with `force`."""
        container = self._containers.find(reference)
        if container.state.active and not force:
            before = "Unpause and then stop" if container.state.status == "paused" else "Stop"
            raise conflict(
                f"You cannot remove a {container.state.status} container {container.id}. "
                f"{before} the container before attempting removal or force remove"
            )
        await self._containers.remove(container.id, volumes=volumes)

    def unlink(self, name: str) -> None:
        """Remove a link by its name, `CONTAINER/ALIAS` (MB: daemon/delete.go, rmLink)."""
        self._containers.find(name)
        owner, slash, alias = name.removeprefix("/").partition("/")
        if not slash:
            raise internal("Conflict, cannot remove the default link name of the container")
        self._containers.unlink(self._containers.find(owner).id, alias)

    def rename(self, reference: str, name: str) -> None:
        """Give it another name."""
        if not reference or not name:
            raise bad_request("Neither old nor new names may be empty")
        container = self._containers.find(reference)
        if container.name == name.removeprefix("/"):
            raise bad_request("Renaming a container with the same name as its current name")
        try:
            self._containers.rename(container.id, checked_name(f"/{name.removeprefix('/')}"))
        except EngineError as error:
            raise EngineError(error.status, f"Error when allocating new name: {error}") from None

    def inside(self, reference: str) -> base.Container:
        """The container seen from inside, whether it runs or not."""
        return self._containers.revive(self._containers.find(reference))

    @contextmanager
    def opened(self, reference: str) -> Iterator[base.Container]:
        """The same, for files to be copied; its volumes are mounted meanwhile."""
        container = self._containers.find(reference)
        with self._volumes.visited(container):
            yield self._containers.revive(container)

    def written(self, reference: str) -> int:
        """How many bytes there are in the files that are not as in its image, and in the targets of links."""
        inside = self.inside(reference)
        # What is mounted is not written to it.
        mounted = {mount.destination for mount in self._containers.find(reference).mounts}
        size = 0
        for change in (change for change in inside.changes() if change.path not in mounted):
            # A program may have taken it away meanwhile; what was deleted is not there anyway.
            with suppress(FileNotFoundError):
                found = inside.stat(change.path)
                size += found.size if found.kind == "file" else len(found.target.encode())
        return size

    def running(self, reference: str) -> Container:
        """It, if it runs (409)."""
        container = self._containers.find(reference)
        if not container.state.runs:
            raise conflict(f"Container {container.id} is not running")
        return container

    # --- inside ----------------------------------------------------------------------------------------------------

    def _build(self, request: ContainerRequest, name: str) -> Container:
        return build(request, name, self._images, self._node, cpu_count(), self._containers.find)

    async def _start(self, container_id: str) -> None:
        try:
            await self._containers.start(container_id)
        except base.StartError as error:
            # A program that is not there, or is none, is the request's fault (MB: daemon/errors.go).
            wrong = error.exit_code in {base.NOT_THERE, base.CANNOT_RUN}
            raise (bad_request if wrong else internal)(str(error)) from None

    async def _stop(self, container: Container, grace: int | None, signal: str) -> None:
        seconds = container.grace if grace is None else grace
        await self._containers.stop(container.id, seconds, signal_name(signal) if signal else "")
