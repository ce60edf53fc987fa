"""The task reaper: keeps each slot's history within its limit (SK: manager/orchestrator/taskreaper/task_reaper.go)."""

from collections.abc import Callable
from itertools import islice
from typing import NamedTuple

from swarmlab.clock import Clock, Timer
from swarmlab.objects import Cluster, Service, Task, TaskState
from swarmlab.objects.defaults import TASK_HISTORY_LIMIT
from swarmlab.orchestrator.task import age, is_global, is_replicated, max_attempts
from swarmlab.store import Commit, Kind, Store

NAME = "task reaper"
#: Seconds between the first event and the work it causes, so that a burst is dealt with once.
BATCHING_INTERVAL = 0.25
#: So many slots and tasks are dealt with at once.
MAX_DIRTY = 1000
BATCH = 200


class _Place(NamedTuple):
    service_id: str
    slot: int
    node_id: str


class TaskReaper:
    """Deletes tasks that nobody wants or needs to see any more."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._limit = TASK_HISTORY_LIMIT
        self._dirty: dict[_Place, None] = {}
        self._cleanup: dict[str, None] = {}
        self._timer: Timer | None = None
        self._unwatch: Callable[[], None] = lambda: None

    def start(self) -> None:
        """Clear what the last leader left, then follow the store."""
        self._unwatch = self._store.watch(self._on_commit, Kind.TASK, Kind.CLUSTER)
        for cluster in self._store.tables.clusters:
            self._read_limit(cluster)
        for task in self._store.tables.tasks:
            self._note_unwanted(task)
        self._tick()

    def stop(self) -> None:
        """Forget everything but the store."""
        self._unwatch()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._dirty.clear()
        self._cleanup.clear()

    def _read_limit(self, cluster: Cluster) -> None:
        limit = cluster.spec.orchestration.task_history_retention_limit
        self._limit = TASK_HISTORY_LIMIT if limit is None else limit

    def _on_commit(self, commit: Commit) -> None:
        for change in commit.changes:
            if isinstance(change.new, Cluster):
                self._read_limit(change.new)
            elif isinstance(change.new, Task):
                task = change.new
                if change.old is None:
                    self._dirty[_Place(task.service_id, task.slot, task.node_id)] = None
                else:
                    self._note_unwanted(task)
        if len(self._dirty) + len(self._cleanup) > MAX_DIRTY:
            self._tick()
        elif self._timer is None and any(change.new is not None for change in commit.changes):
            # Any news sets the timer, so that what is found while it runs has less than the interval to wait.
            self._timer = self._clock.call_later(BATCHING_INTERVAL, self._tick)

    def _note_unwanted(self, task: Task) -> None:
        """Tasks to be removed go once they have stopped or if they never started; so do orphans without a service."""
        stopped = task.state < TaskState.ASSIGNED or task.state >= TaskState.COMPLETE
        orphan = task.state >= TaskState.ORPHANED and not task.service_id
        if orphan or (task.desired_state == TaskState.REMOVE and stopped):
            self._cleanup[task.id] = None

    def _tick(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        doomed, self._cleanup = self._cleanup, {}
        for place in list(self._dirty):
            if self._examine(place, doomed):
                del self._dirty[place]
        queue = iter(doomed)
        while batch := list(islice(queue, BATCH)):
            with self._store.transaction(NAME) as tx:
                for task_id in batch:
                    if task_id in tx.tables.tasks:
                        tx.delete(Kind.TASK, task_id)

    def _examine(self, place: _Place, doomed: dict[str, None]) -> bool:
        """Doom the oldest ended tasks beyond the limit; return whether the place needs no second look."""
        service = self._store.tables.services.get(place.service_id)
        if service is None:
            return True
        limit = max_attempts(service) + 1 if max_attempts(service) else self._limit
        history = self._history(service, place)
        if limit < 0 or len(history) <= limit:
            return True
        excess = len(history) - limit
        live = 0
        for task in sorted(history, key=age):
            never_ran = task.state < TaskState.ASSIGNED and task.desired_state > TaskState.RUNNING
            if task.state.terminal or never_ran:
                doomed[task.id] = None
                excess -= 1
                if excess == 0:
                    break
            else:
                live += 1
        return live <= 1

    def _history(self, service: Service, place: _Place) -> list[Task]:
        tasks = self._store.tables.tasks
        if is_replicated(service):
            return tasks.by("slot", (place.service_id, place.slot, ""))
        if is_global(service):
            return [t for t in tasks.by("node", place.node_id) if t.service_id == place.service_id]
        return []
