"""The containers of one engine: their records, and what really runs (MB: daemon/{create,start,stop,monitor}.go)."""

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import suppress
from typing import Any

import msgspec

from swarmlab.clock import Clock
from swarmlab.engine.container import lookup
from swarmlab.engine.container.ends import Condition, Ends
from swarmlab.engine.container.hostchecks import check_devices, check_files
from swarmlab.engine.container.initchecks import check_init
from swarmlab.engine.container.legacylinks import check_linked, link_variables, unlinked
from swarmlab.engine.container.restarts import Restarts, wants_restart, wants_start
from swarmlab.engine.container.runtimeconfig import DEFAULT_SIGNAL, runtime_config
from swarmlab.engine.container.sharing import check_shared, guests
from swarmlab.engine.container.signals import signal_number
from swarmlab.engine.container.volumes import Volumes
from swarmlab.engine.errors import EngineError, conflict, internal, not_found
from swarmlab.engine.events import Events
from swarmlab.engine.network.placement import Nowhere, Placement
from swarmlab.objects.local import Container, ContainerNetwork, ContainerState
from swarmlab.objects.run import EndpointSettings, HostConfig
from swarmlab.runtime import base
from swarmlab.store import Actor, Kind, Store

_replace = msgspec.structs.replace
#: What a container shows that was running when its engine lost power.
EXIT_LOST = 255
_SIGKILL = str(signal_number("SIGKILL"))


class Containers:
    """Owns the records of an engine's containers and follows what the runtime does with them."""

    def __init__(
        self, engine: str, store: Store, clock: Clock, runtime: base.Runtime, events: Events, volumes: Volumes
    ) -> None:
        self._store = store
        self._volumes = volumes
        self._clock = clock
        self._runtime = runtime
        self._events = events
        self._actor = Actor(engine=engine, loop="containers")
        self._running: dict[str, base.Container] = {}
        #: Follow each running container until it ends.
        self._watchers: dict[str, asyncio.Task[None]] = {}
        self._ends = Ends()
        self._restarts = Restarts(clock)
        self._background: set[asyncio.Task[None]] = set()
        #: The engine ends in good order: nothing counts as stopped by hand, and nothing is started again.
        self._closing = False
        self.placement: Placement = Nowhere()

    # --- looking ---------------------------------------------------------------------------------------------------

    def list(self, all: bool) -> list[Container]:
        """The running containers, or with `all` every one; oldest first."""
        return [c for c in self._store.tables.containers if all or c.state.active]

    def find(self, reference: str) -> Container:
        """See `lookup.find`."""
        return lookup.find(self._store.tables.containers, reference)

    def runtime_container(self, container_id: str) -> base.Container | None:
        """What runs, or ran, behind a record; None when the lab has restarted since it ended."""
        return self._running.get(container_id)

    def of_task(self, task_id: str) -> Container | None:
        """A task's container."""
        return next(iter(self._store.tables.containers.by("task", task_id)), None)

    # --- life ------------------------------------------------------------------------------------------------------

    def create(self, container: Container, files: Sequence[base.File] = ()) -> Container:
        """Make a container that has not been started. Raises EngineError when its image or name cannot be had."""
        self.check_name(container.name)
        if container.stop_signal:
            signal_number(container.stop_signal)
        try:
            self._volumes.ensure(container.mounts, of_task=bool(container.task_id))
            made = self._materialise(container, files)
            check_files(container, made)
            made.populate()
        except EngineError:
            if (unwanted := self._running.pop(container.id, None)) is not None:
                self._later(unwanted.remove())
            self._volumes.release(container)
            self.gave_up(container)
            raise
        with self._store.transaction(self._actor) as tx:
            created = tx.create(Kind.CONTAINER, container)
        self._publish("create", created)
        return created

    def gave_up(self, container: Container) -> None:
        """Tell of one that was there for a moment, and could not be made (MB: daemon/create.go, cleanupContainer)."""
        self._publish("destroy", container)

    def revive(self, container: Container, files: Sequence[base.File] = ()) -> base.Container:
        """Give a record that outlived the lab's process its runtime container again."""
        return self._running.get(container.id) or self._materialise(container, files)

    async def start(self, container_id: str) -> None:
        """Start a container, whose policy begins to count anew.

        Raises base.StartError or EngineError with what the daemon would say.
        """
        self._restarts.forget(container_id)
        if self._record(container_id).restart_count:
            self._change(container_id, restart_count=0)
        await self._begin(container_id)

    async def _begin(self, container_id: str) -> None:
        container = self._record(container_id)
        running = self.revive(container)
        self._restarts.cancel(container_id)
        try:
            check_linked(container, self.find)
            self._volumes.prepare(container)
            await self.placement.reserve(container)
            placed = self.placement.place(self._record(container_id), running)
        except EngineError as error:
            self.placement.release(container_id)
            self._not_started(container, str(error), base.CANNOT_START)
            raise
        fields = {"ports": placed.ports, "endpoints": placed.endpoints, "attachments": placed.attachments}
        container = self._change(container_id, **fields)
        self._volumes.tell("mount", container)
        try:
            check_devices(container.wanted)
            check_shared(container, self.find)
            running.surround(link_variables(container, self.find))
            check_init(container, running.misfits())
            await running.start()
        except (base.StartError, EngineError) as error:
            self.placement.displace(placed)
            self._volumes.tell("unmount", container)
            code = error.exit_code if isinstance(error, base.StartError) else base.CANNOT_START
            self._not_started(container, str(error), code)
            raise
        state = ContainerState(
            status="running", pid=running.pid, started_at=self._clock.now(), finished_at=container.state.finished_at
        )
        self._ends.began(container_id)
        self._change(container_id, state=state, stopped=False)
        self._publish("start", container)
        self._watchers[container_id] = asyncio.ensure_future(self._follow(container_id, running))

    async def wait(self, container_id: str) -> int:
        """The exit code, once the container has ended and its record says so. Raises EngineError when it is gone."""
        return await self._ends.for_good(container_id, self._record(container_id).state.exit_code)

    def waiter(self, container_id: str, condition: Condition) -> "asyncio.Future[int]":
        """Done with the exit code once the condition is met: not running, its next exit, or its removal."""
        container = self._record(container_id)
        found = self._ends.waiter(container_id, condition)
        if condition == "not-running" and not container.state.active:
            found.set_result(container.state.exit_code)
        return found

    async def stop(self, container_id: str, grace: float, name: str = "") -> None:
        """Stop a container in good order, or kill it after `grace` seconds of swarm time (never, when negative)."""
        self._stopped_by_hand(container_id)
        running = self._running.get(container_id)
        if running is None or container_id not in self._watchers:
            return
        container = self._record(container_id)
        name = name or container.stop_signal or DEFAULT_SIGNAL
        self._publish("kill", container, signal=str(signal_number(name)))
        if container.state.status == "paused":
            self.unpause(container_id)
        if grace < 0:
            running.kill(name)
        else:
            await running.stop(grace, name, lambda: self._publish("kill", container, signal=_SIGKILL))
        await self.wait(container_id)
        self._publish("stop", self._record(container_id))

    def kill(self, container_id: str, name: str) -> None:
        """Send a signal to a running container. Raises EngineError (409)."""
        container = self._record(container_id)
        running = self._running.get(container_id)
        if running is None or not container.state.runs:
            raise conflict(f"Container {container_id} is not running")
        if name in {"SIGKILL", container.stop_signal or DEFAULT_SIGNAL}:
            self._stopped_by_hand(container_id)
        running.kill(name)
        self._publish("kill", container, signal=str(signal_number(name)))
        ends = name in {"SIGKILL", container.stop_signal} or not container.stop_signal
        if ends and container.state.status == "paused":
            # One that is killed has ended before anybody can say that it goes on.
            running.unpause()
            if name != "SIGKILL":
                self._publish("unpause", self._goes_on(container))

    def attach(
        self, container_id: str, attachments: Mapping[str, EndpointSettings], endpoints: Sequence[ContainerNetwork]
    ) -> None:
        """Take note of a container's networks."""
        self.placement.moved(self._change(container_id, attachments=attachments, endpoints=tuple(endpoints)))

    def pause(self, container_id: str) -> None:
        """Let nothing in a running container go on. Raises EngineError (409)."""
        container = self._record(container_id)
        running = self._running.get(container_id)
        if container.state.status == "paused":
            raise conflict(f"Container {container_id} is already paused")
        if container.state.status == "restarting":
            raise conflict(f"Container {container_id} is restarting, wait until the container is running")
        if running is None or container.state.status != "running":
            raise conflict(f"Container {container_id} is not running")
        running.pause()
        self._publish("pause", self._change(container_id, state=_replace(container.state, status="paused")))

    def unpause(self, container_id: str) -> None:
        """Let it all go on. Raises EngineError (500)."""
        container = self._record(container_id)
        running = self._running.get(container_id)
        if running is None or container.state.status != "paused":
            raise internal(f"Container {container_id} is not paused")
        running.unpause()
        self._publish("unpause", self._goes_on(container))

    def rename(self, container_id: str, name: str) -> None:
        """Give a container another name. Raises EngineError (409)."""
        self.check_name(name)
        container = self._record(container_id)
        renamed = self._change(container_id, name=name)
        self.placement.moved(renamed)
        self._publish("rename", renamed, oldName=f"/{container.name}")

    def unlink(self, container_id: str, alias: str) -> None:
        """Take a link away from the container that has it."""
        container = self._change(container_id, host=unlinked(self._record(container_id), alias).host)
        self.placement.moved(container)
        if (running := self._running.get(container_id)) is not None:
            with suppress(EngineError):
                running.surround(link_variables(container, self.find))

    def update(self, container_id: str, host: HostConfig) -> None:
        """Change what a container, be it a task's or not, asks of its machine."""
        field = "asked" if self._record(container_id).host is None else "host"
        running = self._running.get(container_id)
        if running is not None:
            running.limit(host.memory)
        self._publish("update", self._change(container_id, **{field: host}, memory=host.memory))

    async def remove(self, container_id: str, *, volumes: bool = False) -> None:
        """Remove a container, killing it if it runs, and with `volumes` those that nobody has named."""
        self._stopped_by_hand(container_id)
        running = self._running.pop(container_id, None)
        if running is not None:
            if container_id in self._watchers:
                self._publish("kill", self._record(container_id), signal=_SIGKILL)
            await running.remove()
        if container_id in self._watchers:
            await self.wait(container_id)
        self._ends.forget(container_id)
        self._restarts.forget(container_id)
        container = self._store.tables.containers.get(container_id)
        if container is not None:
            with self._store.transaction(self._actor) as tx:
                tx.delete(Kind.CONTAINER, container_id)
            if volumes:
                self._volumes.release(container)
            self._publish("destroy", container)
            self._ends.removed(container_id, container.state.exit_code)

    # --- the engine's life -----------------------------------------------------------------------------------------

    async def shut_down(self) -> None:
        """The engine ends in good order: all containers are stopped, each within its own time.

        Those of tasks, also of those that ended before, and those that were to be removed at their end are gone then.
        """
        self._closing = True
        await asyncio.gather(*(self._shut_down(container) for container in self.list(all=False)))
        for container in self.list(all=True):
            if container.task_id:
                await self.remove(container.id)

    async def _shut_down(self, container: Container) -> None:
        if self._restarts.cancel(container.id):
            self._change(container.id, state=_replace(container.state, status="exited"))
        await self.stop(container.id, container.grace)
        if container.auto_remove:
            await self.remove(container.id)

    def power_lost(self) -> None:
        """Whatever ran has ended with the machine; the records say so when it boots again."""
        for task in (*self._watchers.values(), *self._background):
            task.cancel()
        self._ends.lost()
        self._watchers.clear()
        self._restarts.clear()
        self._running.clear()
        self._closing = False

    def boot(self) -> None:
        """The engine starts after its machine was off: containers that were running are not any more."""
        for container in self.list(all=False):
            self._lost(container)
        self.recover()

    def recover(self) -> None:
        """The engine starts: what was run by hand and ended with it is removed or started again, if it asked for that.

        Containers of tasks are the agent's business.
        """
        for known in [c for c in self.list(all=True) if c.host is not None]:
            container = self._lost(known) if known.state.active else known
            if container.auto_remove:
                self._later(self.remove(container.id, volumes=True))
            elif wants_start(container):
                self._later(self._start_again(container.id, 0))

    # --- inside ----------------------------------------------------------------------------------------------------

    def publish(self, action: str, container_id: str, **extra: str) -> None:
        """Tell of something that happened to a container; nothing when it is gone."""
        container = self._store.tables.containers.get(container_id)
        if container is not None:
            self._publish(action, container, **extra)

    def has_name(self, name: str) -> bool:
        """Whether a container has this name."""
        return bool(self._store.tables.containers.by("name", name))

    def check_name(self, name: str) -> None:
        """Raise EngineError (409) when a container has this name."""
        for other in self._store.tables.containers.by("name", name):
            raise conflict(
                f'Conflict. The container name "/{name}" is already in use by container "{other.id}". '
                "You have to remove (or rename) that container to be able to reuse that name."
            )

    def _materialise(self, container: Container, files: Sequence[base.File]) -> base.Container:
        config = runtime_config(container, files, self._volumes.mounted(container))
        try:
            made = self._runtime.create(config)
        except KeyError:
            # The catalogue of a newer swarmlab has another image of that name.
            try:
                made = self._runtime.create(_replace(config, image=container.image))
            except KeyError:
                raise not_found(f"No such image: {container.image}") from None
        made.watch_health(lambda action, **attributes: self.publish(action, container.id, **attributes))
        self._running[container.id] = made
        return made

    async def _follow(self, container_id: str, running: base.Container) -> None:
        code = await running.wait()
        for guest in guests(container_id, self.list(all=False)):
            if (watcher := self._watchers.get(guest.id)) is not None:
                self._running[guest.id].kill()
                await watcher
        container = self._store.tables.containers.get(container_id)
        if container is None:
            self._watchers.pop(container_id, None)
            self._ends.exited(container_id, code, again=False)
            return
        again = not self._closing and wants_restart(container, code)
        state = _replace(
            container.state,
            status="restarting" if again else "exited",
            exit_code=code,
            pid=0,
            oom_killed=running.oom_killed,
            finished_at=self._clock.now(),
        )
        self._change(container_id, state=state, ports=())
        if running.oom_killed:
            self._publish("oom", container)
        self._publish("die", container, exitCode=str(code))
        self.placement.displace(container)
        self._volumes.tell("unmount", container)
        self._watchers.pop(container_id, None)
        self._ends.exited(container_id, code, again=again)
        if again:
            ran = self._clock.now() - container.state.started_at
            count = container.restart_count + 1
            self._restarts.plan(container_id, ran, lambda: self._later(self._start_again(container_id, count)))
        elif container.auto_remove and not self._closing:
            self._later(self.remove(container_id, volumes=True))

    async def _start_again(self, container_id: str, count: int) -> None:
        """Start a container by its policy, for the time with this number since it, or its engine, was started."""
        if self._store.tables.containers.get(container_id) is None:
            return
        self._change(container_id, restart_count=count)
        try:
            await self._begin(container_id)
        except (base.StartError, EngineError):
            self._ends.over(container_id, self._record(container_id).state.exit_code)

    def _stopped_by_hand(self, container_id: str) -> None:
        """No policy starts the container again."""
        container = self._store.tables.containers.get(container_id)
        if container is None or container.host is None or self._closing:
            return
        state = container.state
        if self._restarts.cancel(container_id) and state.status == "restarting":
            state = _replace(state, status="exited")
            self._ends.over(container_id, state.exit_code)
        self._change(container_id, stopped=True, state=state)

    def _not_started(self, container: Container, error: str, code: int) -> None:
        status = "exited" if container.state.started_at else "created"
        state = _replace(container.state, status=status, exit_code=code, error=error)
        self._change(container.id, state=state, ports=())
        if container.auto_remove:
            self._later(self.remove(container.id, volumes=True))

    def _lost(self, container: Container) -> Container:
        state = _replace(container.state, status="exited", exit_code=EXIT_LOST, pid=0, finished_at=self._clock.now())
        return self._change(container.id, state=state)

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    def _goes_on(self, container: Container) -> Container:
        return self._change(container.id, state=_replace(container.state, status="running"))

    def _record(self, container_id: str) -> Container:
        container = self._store.tables.containers.get(container_id)
        if container is None:
            raise not_found(f"No such container: {container_id}")
        return container

    def _change(self, container_id: str, **fields: object) -> Container:
        """Change fields of a record, as it is by now."""
        with self._store.transaction(self._actor) as tx:
            return tx.update(Kind.CONTAINER, _replace(self._record(container_id), **fields))

    def _publish(self, action: str, container: Container, **extra: str) -> None:
        attributes = {**container.labels, "image": container.image, "name": container.name, **extra}
        self._events.publish("container", action, container.id, attributes)
