"""The containers of one engine: their records, and what really runs (MB: daemon/{create,start,stop,monitor}.go)."""

import asyncio
import secrets
from collections.abc import Sequence

import msgspec

from swarmlab.clock import Clock
from swarmlab.engine.errors import EngineError, not_found
from swarmlab.engine.events import Events
from swarmlab.objects.local import Container, ContainerState
from swarmlab.runtime import base
from swarmlab.store import Actor, Kind, Store

_replace = msgspec.structs.replace
#: What a container shows that was running when its engine lost power.
EXIT_LOST = 255


def new_container_id() -> str:
    """64 hexadecimal digits."""
    return secrets.token_hex(32)


class Containers:
    """Owns the records of an engine's containers and follows what the runtime does with them."""

    def __init__(self, engine: str, store: Store, clock: Clock, runtime: base.Runtime, events: Events) -> None:
        self._engine = engine
        self._store = store
        self._clock = clock
        self._runtime = runtime
        self._events = events
        self._actor = Actor(engine=engine, loop="containers")
        self._running: dict[str, base.Container] = {}
        #: Follow each running container until it ends.
        self._watchers: dict[str, asyncio.Task[None]] = {}
        self._ended: dict[str, asyncio.Future[int]] = {}

    # --- looking ---------------------------------------------------------------------------------------------------

    def list(self, all: bool) -> list[Container]:
        """The running containers, or with `all` every one; oldest first."""
        return [c for c in self._store.tables.containers if all or c.state.status == "running"]

    def find(self, reference: str) -> Container:
        """A container by id, name, or a prefix of its id that fits no other. Raises EngineError (404, 400)."""
        table = self._store.tables.containers
        exact = table.get(reference) or next(iter(table.by("name", reference.removeprefix("/"))), None)
        if exact is not None:
            return exact
        matches = [c for c in table if reference and c.id.startswith(reference)]
        if len(matches) > 1:
            raise EngineError(400, f"multiple IDs found with provided prefix: {reference}")
        if not matches:
            raise not_found(f"No such container: {reference}")
        return matches[0]

    def runtime_container(self, container_id: str) -> base.Container | None:
        """What runs, or ran, behind a record; None when the lab has restarted since it ended."""
        return self._running.get(container_id)

    def of_task(self, task_id: str) -> Container | None:
        """A task's container."""
        return next(iter(self._store.tables.containers.by("task", task_id)), None)

    # --- life ------------------------------------------------------------------------------------------------------

    def create(self, container: Container, files: Sequence[base.File] = ()) -> Container:
        """Make a container that has not been started. Raises EngineError when its image or name cannot be had."""
        if self._store.tables.containers.by("name", container.name):
            other = self._store.tables.containers.by("name", container.name)[0]
            raise EngineError(
                409,
                f'Conflict. The container name "/{container.name}" is already in use by container "{other.id}". '
                "You have to remove (or rename) that container to be able to reuse that name.",
            )
        self._materialise(container, files)
        with self._store.transaction(self._actor) as tx:
            created = tx.create(Kind.CONTAINER, container)
        self._publish("create", created)
        return created

    def revive(self, container: Container, files: Sequence[base.File] = ()) -> base.Container:
        """Give a record that outlived the lab's process its runtime container again."""
        return self._running.get(container.id) or self._materialise(container, files)

    async def start(self, container_id: str) -> None:
        """Start a container. Raises base.StartError with what the daemon would say."""
        container = self._record(container_id)
        running = self._running[container_id]
        try:
            await running.start()
        except base.StartError as error:
            self._change(container_id, ContainerState(status="created", exit_code=127, error=str(error)))
            raise
        state = ContainerState(status="running", pid=running.pid, started_at=self._clock.now())
        self._ended[container_id] = asyncio.get_running_loop().create_future()
        self._change(container_id, state)
        self._publish("start", container)
        self._watchers[container_id] = asyncio.ensure_future(self._follow(container_id, running))

    async def wait(self, container_id: str) -> int:
        """The exit code, once the container has ended and its record says so. Raises EngineError when it is gone."""
        ended = self._ended.get(container_id)
        # Shielded: others may wait for the same end.
        return self._record(container_id).state.exit_code if ended is None else await asyncio.shield(ended)

    async def stop(self, container_id: str, grace: float) -> None:
        """Stop a container in good order, or kill it after `grace` seconds of swarm time."""
        running = self._running.get(container_id)
        if running is None or container_id not in self._watchers:
            return
        container = self._record(container_id)
        self._publish("kill", container, signal=container.stop_signal or "15")
        await running.stop(grace, container.stop_signal or None)
        await self.wait(container_id)
        self._publish("stop", container)

    async def remove(self, container_id: str) -> None:
        """Remove a container, killing it if it runs."""
        running = self._running.pop(container_id, None)
        if running is not None:
            await running.remove()
        if container_id in self._watchers:
            await self.wait(container_id)
        self._ended.pop(container_id, None)
        container = self._store.tables.containers.get(container_id)
        if container is not None:
            with self._store.transaction(self._actor) as tx:
                tx.delete(Kind.CONTAINER, container_id)
            self._publish("destroy", container)

    def power_lost(self) -> None:
        """Whatever ran has ended with the machine; the records say so when it boots again."""
        for watcher in self._watchers.values():
            watcher.cancel()
        self._watchers.clear()
        self._running.clear()
        self._ended.clear()

    def boot(self) -> None:
        """The engine starts after its machine was off: containers that were running are not any more."""
        for container in self.list(all=False):
            state = _replace(
                container.state, status="exited", exit_code=EXIT_LOST, pid=0, finished_at=self._clock.now()
            )
            self._change(container.id, state)

    def publish(self, action: str, container_id: str, **extra: str) -> None:
        """Tell of something that happened to a container; nothing when it is gone."""
        container = self._store.tables.containers.get(container_id)
        if container is not None:
            self._publish(action, container, **extra)

    # --- inside ----------------------------------------------------------------------------------------------------

    def _materialise(self, container: Container, files: Sequence[base.File]) -> base.Container:
        try:
            made = self._runtime.create(
                base.ContainerConfig(
                    id=container.id,
                    name=container.name,
                    image=container.image,
                    hostname=container.hostname,
                    command=(container.path, *container.args),
                    env=container.env,
                    working_dir=container.working_dir or "/",
                    user=container.user,
                    stop_signal=container.stop_signal or "SIGTERM",
                    tty=container.tty,
                    open_stdin=container.open_stdin,
                    healthcheck=container.healthcheck,
                    files=tuple(files),
                    labels=container.labels,
                    memory=container.memory,
                )
            )
        except KeyError:
            raise not_found(f"No such image: {container.image}") from None
        self._running[container.id] = made
        return made

    async def _follow(self, container_id: str, running: base.Container) -> None:
        code = await running.wait()
        container = self._store.tables.containers.get(container_id)
        if container is not None:
            state = _replace(container.state, status="exited", exit_code=code, pid=0, finished_at=self._clock.now())
            self._change(container_id, state)
            self._publish("die", container, exitCode=str(code))
        self._watchers.pop(container_id, None)
        self._ended[container_id].set_result(code)

    def _record(self, container_id: str) -> Container:
        container = self._store.tables.containers.get(container_id)
        if container is None:
            raise not_found(f"No such container: {container_id}")
        return container

    def _change(self, container_id: str, state: ContainerState) -> None:
        with self._store.transaction(self._actor) as tx:
            container = tx.tables.containers.get(container_id)
            if container is not None:
                tx.update(Kind.CONTAINER, _replace(container, state=state))

    def _publish(self, action: str, container: Container, **extra: str) -> None:
        attributes = {**container.labels, "image": container.image, "name": container.name, **extra}
        self._events.publish("container", action, container.id, attributes)
