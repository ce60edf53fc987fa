"""Rolling updates: replaces the tasks of a service slot by slot (SK: manager/orchestrator/update/updater.go)."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress

import msgspec

from swarmlab.clock import SECOND, Clock, Timer, Turns
from swarmlab.objects import Service, Task, TaskState, UpdateConfig, UpdateStatus
from swarmlab.objects.defaults import MONITOR, ROLLBACK, UPDATE
from swarmlab.orchestrator.restart import RestartSupervisor
from swarmlab.orchestrator.task import Slot, is_global, is_task_dirty, new_task, set_desired
from swarmlab.store import Commit, Kind, Store, Transaction

#: So many workers begin before others have their turn: an update without a limit has one for each slot.
_BEGIN_AT_ONCE = 20


class _SlotChangedError(Exception):
    """Raised within a transaction when a slot, or its service, is no longer what the update was begun with."""


class UpdateSupervisor:
    """At most one updater a service; a changed spec replaces the updater that is under way."""

    def __init__(self, store: Store, clock: Clock, restarts: RestartSupervisor, name: str) -> None:
        self._store = store
        self._clock = clock
        self._restarts = restarts
        self._name = name
        self._updates: dict[str, Updater] = {}

    def update(self, service: Service, slots: Sequence[Slot]) -> None:
        """Bring the slots to the service's spec, in the background."""
        running = self._updates.get(service.id)
        if running is not None:
            if running.service.spec == service.spec:
                return
            running.cancel()
        updater = Updater(self._store, self._clock, self._restarts, self._name, service)
        self._updates[service.id] = updater
        updater.finished = lambda: self._forget(updater)
        updater.run(slots)

    def cancel_all(self) -> None:
        """Stop every update where it is."""
        for updater in list(self._updates.values()):
            updater.cancel()

    def _forget(self, updater: "Updater") -> None:
        if self._updates.get(updater.service.id) is updater:
            del self._updates[updater.service.id]


class Updater:
    """One update of one service to one spec.

    A pool of `parallelism` workers takes dirty slots from a queue; each waits for its slot's new task to run, then for
    the update delay. Failures of the tasks it made are counted until one monitor period after the last worker is done.
    As in SwarmKit, nobody looks at failures from the moment the last slot was taken until its worker is done: they are
    counted then, if they are not too long after the start by that time.
    """

    def __init__(self, store: Store, clock: Clock, restarts: RestartSupervisor, name: str, service: Service) -> None:
        self.service = service
        self.finished: Callable[[], None] = lambda: None
        self._store = store
        self._clock = clock
        self._restarts = restarts
        self._name = name
        self._config = UPDATE
        self._monitor = MONITOR / SECOND
        self._queue: deque[Slot] = deque()
        self._dirty_count = 0
        self._workers = 0
        self._stopped = False
        self._done = False
        #: When each task made here began to run (Unix nanoseconds), None before that.
        self._made: dict[str, int | None] = {}
        self._failed: set[str] = set()
        #: Whether all slots are taken or given up, and workers are waited for; who failed since then.
        self._deaf = False
        self._unheard: list[Task] = []
        #: Tasks whose workers wait for them to run.
        self._awaited: dict[str, tuple[Slot, bool]] = {}
        #: Those among them whose start is held back until the old task has stopped; with the task once it has failed.
        self._held: dict[str, Task | None] = {}
        self._timers: set[Timer] = set()
        self._turns = Turns(clock)
        self._unwatch: Callable[[], None] = lambda: None

    def run(self, slots: Sequence[Slot]) -> None:
        """Begin. `finished` is called when nothing is left to do."""
        status = self.service.update_status
        if status is not None and status.state in {"paused", "rollback_paused"}:
            self._finish()
            return
        dirty = [slot for slot in slots if self._is_slot_dirty(slot)]
        if not dirty:
            if status is not None and status.state in {"updating", "rollback_started"}:
                self._complete()
            self._finish()
            return
        if status is None:
            self._start()
        self._config = self._configuration()
        if self._config.monitor:
            self._monitor = self._config.monitor / SECOND
        self._dirty_count = len(dirty)
        self._queue.extend(dirty)
        self._unwatch = self._store.watch(self._on_commit, Kind.TASK)
        self._workers = self._config.parallelism or len(dirty)
        self._turns.add(self._begin(self._workers))

    def _begin(self, workers: int) -> Iterator[None]:
        # The orchestrator hears that the update began before a slot changes, as every write takes SwarmKit a while.
        # Otherwise it could take a new task, which has no node yet, for the first one to remove when scaling down.
        yield
        for number in range(1, workers + 1):
            self._next_slot()
            if number % _BEGIN_AT_ONCE == 0:
                yield

    def cancel(self) -> None:
        """Stop where it is: no slot is begun any more, nothing is undone."""
        self._stopped = True
        self._finish()

    @property
    def _rolling_back(self) -> bool:
        status = self.service.update_status
        return status is not None and status.state == "rollback_started"

    def _configuration(self) -> UpdateConfig:
        if self._rolling_back:
            return self.service.spec.rollback_config or ROLLBACK
        return self.service.spec.update_config or UPDATE

    # --- workers ---------------------------------------------------------------------------------------------------

    def _next_slot(self) -> None:
        """A worker is free: give it a slot, or send it home."""
        if self._done:
            return
        if self._stopped or not self._queue:
            self._workers -= 1
            if self._workers == 0:
                self._monitor_failures()
            return
        slot = self._queue.popleft()
        self._deaf = not self._queue
        clean = [task for task in slot if not self._is_task_dirty(task)]
        existing = next((t for t in clean if t.desired_state == TaskState.RUNNING), None) or next(
            (t for t in reversed(clean) if t.desired_state < TaskState.RUNNING), None
        )
        if existing is not None:
            self._use_existing(slot, existing)
        else:
            self._replace(slot)

    def _slot_done(self) -> None:
        """A worker's slot is done: it waits for the update delay, also after the last slot."""
        if self._done:
            return
        if self._config.delay:
            self._after(self._config.delay / SECOND, self._next_slot)
        else:
            self._clock.call_soon(self._next_slot)

    def _replace(self, slot: Slot) -> None:
        node_id = slot[0].node_id if is_global(self.service) else ""
        start_first = self._config.order == "start-first"
        try:
            with self._store.transaction(self._name) as tx:
                if tx.tables.services.get(self.service.id) is None:
                    raise _SlotChangedError
                made = new_task(self.service, tx.at, slot=slot[0].slot, node_id=node_id)
                task = tx.create(Kind.TASK, msgspec.structs.replace(made, desired_state=TaskState.READY))
                old = None if start_first else self._remove_old(tx, slot)
        except _SlotChangedError:
            self._slot_done()
            return
        self._made[task.id] = None
        self._awaited[task.id] = (slot, start_first)
        self._held[task.id] = None
        self._restarts.delay_start(
            old, task.id, 0, wait_stop=not start_first, done=lambda: self._start_released(task.id)
        )

    def _use_existing(self, slot: Slot, existing: Task) -> None:
        others = [task for task in slot if task is not existing]
        try:
            with self._store.transaction(self._name) as tx:
                old = self._remove_old(tx, others)
        except _SlotChangedError:
            self._slot_done()
            return
        if existing.desired_state != TaskState.RUNNING:
            self._restarts.delay_start(old, existing.id, 0, wait_stop=True, done=self._slot_done)
        else:
            self._slot_done()

    @staticmethod
    def _remove_old(tx: Transaction, tasks: Slot) -> Task | None:
        """Shut down those that were wanted; return the last of them as it was before, None when none was.

        Raises _SlotChangedError when none of them is wanted any more: the restart supervisor has dealt with the slot
        since the update began, and a task made for it now would be one too many.
        """
        removed = None
        wanted = [task for task in tasks if task.desired_state <= TaskState.RUNNING]
        for original in wanted:
            task = tx.tables.tasks.get(original.id)
            if task is not None and task.desired_state <= TaskState.RUNNING:
                set_desired(tx, task.id, TaskState.SHUTDOWN)
                removed = task
        if wanted and removed is None:
            raise _SlotChangedError
        return removed

    # --- watching --------------------------------------------------------------------------------------------------

    def _on_commit(self, commit: Commit) -> None:
        for change in commit.changes:
            task = change.new
            if isinstance(task, Task) and task.id in self._made and change.old is not None and not self._done:
                if self._config.failure_action != "continue" and task.state > TaskState.RUNNING:
                    self._task_ended(task)
                if task.state >= TaskState.RUNNING and task.id in self._awaited:
                    if task.id in self._held:
                        self._held[task.id] = task
                    else:
                        self._task_arrived(task)

    def _start_released(self, task_id: str) -> None:
        """The old task has stopped, or need not. A new one may have failed before."""
        ended = self._held.pop(task_id)
        if ended is not None and not self._done:
            self._task_arrived(ended)

    def _task_arrived(self, task: Task) -> None:
        """An awaited task runs, or will never run."""
        slot, start_first = self._awaited.pop(task.id)
        self._made[task.id] = self._clock.now()
        if start_first and task.state == TaskState.RUNNING:
            # Old tasks that were shut down meanwhile are no reason to stop.
            with suppress(_SlotChangedError), self._store.transaction(self._name) as tx:
                self._remove_old(tx, slot)
        self._slot_done()

    def _task_ended(self, task: Task) -> None:
        if self._deaf:
            self._unheard.append(task)
        elif self._is_one_too_many(task):
            self._act_on_failure(task)
            if self._workers:
                self._queue.clear()
                self._deaf = True
            else:
                self._monitored()

    def _is_one_too_many(self, task: Task) -> bool:
        """Count a task that ended, if that is a failure of the update; whether there are too many of them now."""
        ran_since = self._made[task.id]
        early = ran_since is None or self._clock.now() - ran_since <= self._monitor * SECOND
        if task.id in self._failed or not early:
            return False
        self._failed.add(task.id)
        return len(self._failed) / self._dirty_count > self._config.max_failure_ratio

    def _act_on_failure(self, task: Task) -> None:
        cause = f"due to failure or early termination of task {task.id}"
        if self._config.failure_action != "rollback":
            self._stopped = True
            self._pause(f"update paused {cause}")
        elif not self._rolling_back:
            self._stopped = True
            self._set_rollback(f"update rolled back {cause}")
        else:
            # Upstream goes on after this, and in the end overwrites the state with `completed`.
            self._pause(f"rollback paused {cause}")

    def _monitor_failures(self) -> None:
        """All slots are done: the update is complete if no task fails within the monitor period."""
        if self._stopped:
            self._finish()
            return
        delay = self._config.delay / SECOND
        if delay >= self._monitor:
            self._monitor = delay + 1
        self._deaf = False
        self._after(self._monitor, self._monitored)
        for task in self._unheard:
            if not self._done:
                self._task_ended(task)

    def _monitored(self) -> None:
        if not self._stopped:
            self._complete()
        self._finish()

    def _after(self, seconds: float, callback: Callable[[], None]) -> None:
        def call() -> None:
            self._timers.discard(timer)
            if not self._done:
                callback()

        timer = self._clock.call_later(seconds, call)
        self._timers.add(timer)

    def _finish(self) -> None:
        if self._done:
            return
        self._done = True
        self._turns.stop()
        self._unwatch()
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        self.finished()

    # --- the service's update status -------------------------------------------------------------------------------

    def _start(self) -> None:
        def change(service: Service, now: int) -> Service:
            if service.update_status is not None:
                return service
            status = UpdateStatus(state="updating", message="update in progress", started_at=now)
            return msgspec.structs.replace(service, update_status=status)

        self._change_service(change)

    def _complete(self) -> None:
        def change(service: Service, now: int) -> Service:
            status = service.update_status
            if status is None:
                return service
            if status.state == "rollback_started":
                done = msgspec.structs.replace(status, state="rollback_completed", message="rollback completed")
            else:
                done = msgspec.structs.replace(status, state="completed", message="update completed")
            return msgspec.structs.replace(service, update_status=msgspec.structs.replace(done, completed_at=now))

        self._change_service(change)

    def _pause(self, message: str) -> None:
        def change(service: Service, now: int) -> Service:
            status = service.update_status
            if status is None:
                return service
            state = "rollback_paused" if status.state == "rollback_started" else "paused"
            return msgspec.structs.replace(
                service, update_status=msgspec.structs.replace(status, state=state, message=message)
            )

        self._change_service(change)

    def _set_rollback(self, message: str) -> None:
        def change(service: Service, now: int) -> Service:
            if service.update_status is None or service.previous_spec is None:
                return service
            status = msgspec.structs.replace(service.update_status, state="rollback_started", message=message)
            return msgspec.structs.replace(
                service,
                update_status=status,
                spec=service.previous_spec,
                spec_version=service.previous_spec_version,
                previous_spec=None,
                previous_spec_version=0,
            )

        self._change_service(change)

    def _change_service(self, change: Callable[[Service, int], Service]) -> None:
        with self._store.transaction(self._name) as tx:
            service = tx.tables.services.get(self.service.id)
            if service is not None:
                changed = change(service, tx.at)
                if changed is not service:
                    tx.update(Kind.SERVICE, changed)

    def _is_task_dirty(self, task: Task) -> bool:
        return is_task_dirty(self.service, task, self._store.tables.nodes.get(task.node_id))

    def _is_slot_dirty(self, slot: Slot) -> bool:
        return len(slot) > 1 or (len(slot) == 1 and self._is_task_dirty(slot[0]))
