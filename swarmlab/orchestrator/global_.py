"""The global orchestrator: one task on every node that may have one (SK: manager/orchestrator/global/global.go)."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from swarmlab.clock import Clock
from swarmlab.objects import Node, Service, Task, TaskState
from swarmlab.objects.constraint import node_satisfies
from swarmlab.orchestrator.restart import RestartSupervisor
from swarmlab.orchestrator.slots import in_any_order
from swarmlab.orchestrator.task import (
    Slot,
    is_global,
    is_task_dirty,
    new_task,
    set_desired,
    set_service_tasks_remove,
)
from swarmlab.orchestrator.taskinit import check_tasks
from swarmlab.orchestrator.update import UpdateSupervisor
from swarmlab.store import Commit, Kind, Store, Transaction

T = TypeVar("T")
NAME = "global orchestrator"
#: Changes a transaction (SK: manager/state/store/memory.go, MaxChangesPerTransaction).
BATCH = 200
#: SwarmKit walks through a Go map of nodes. One of at most so many begins with the node that came first in six of eight
#: cases, and goes round in the order in which they came: that is the order here.
_SMALL_MAP = 8


class GlobalOrchestrator:
    """Keeps every global service present on each node that is neither drained nor down and meets its constraints."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._restarts = RestartSupervisor(store, clock, NAME)
        self._updater = UpdateSupervisor(store, clock, self._restarts, NAME)
        self._services: dict[str, None] = {}
        self._restart_tasks: dict[str, None] = {}
        self._unwatch: Callable[[], None] = lambda: None

    def start(self) -> None:
        """Repair what was left half done, reconcile every service, then follow the store."""
        self._unwatch = self._store.watch(self._on_commit, Kind.SERVICE, Kind.TASK, Kind.NODE)
        self._restarts.start()
        services = [s for s in self._store.tables.services if is_global(s)]
        self._services = {s.id: None for s in services}
        check_tasks(self._store, self._clock, self._restarts, NAME, related=is_global, fix=self._fix_task)
        self._tick()
        for service in services:
            self._reconcile_service(service)

    def stop(self) -> None:
        """Forget everything but the store."""
        self._unwatch()
        self._updater.cancel_all()
        self._restarts.stop()
        self._restart_tasks.clear()
        self._services.clear()

    # --- events ----------------------------------------------------------------------------------------------------

    def _on_commit(self, commit: Commit) -> None:
        for kind, old, new in commit.changes:
            if kind is Kind.SERVICE:
                self._service_changed(old, new)  # type: ignore[arg-type]
            elif kind is Kind.NODE:
                if isinstance(new, Node):
                    self._reconcile_node(new)
                elif isinstance(old, Node):
                    self._delete_node_tasks(old.id)
            elif isinstance(new, Task) and old is not None:
                self._check_task(new)
        self._tick()

    def _service_changed(self, old: Service | None, new: Service | None) -> None:
        if new is not None and is_global(new):
            self._services[new.id] = None
            self._reconcile_service(self._store.tables.services.get(new.id) or new)
        elif new is None and old is not None and is_global(old):
            with self._store.transaction(NAME) as tx:
                set_service_tasks_remove(tx, old.id)
            self._services.pop(old.id, None)
            self._restarts.clear_service_history(old.id)

    def _check_task(self, task: Task) -> None:
        if task.service_id in self._services and task.desired_state <= TaskState.RUNNING and task.state.terminal:
            self._restart_tasks[task.id] = None

    def _fix_task(self, task: Task) -> None:
        if task.desired_state > TaskState.RUNNING:
            return
        node = self._store.tables.nodes.get(task.node_id)
        if node is None or node.invalid:
            with self._store.transaction(NAME) as tx:
                set_desired(tx, task.id, TaskState.SHUTDOWN)
        elif task.state.terminal:
            self._restart_tasks[task.id] = None

    def _tick(self) -> None:
        queue, self._restart_tasks = self._restart_tasks, {}
        if not queue:
            return
        with self._store.transaction(NAME) as tx:
            for task_id in queue:
                task = tx.tables.tasks.get(task_id)
                if task is None or task.desired_state > TaskState.RUNNING:
                    continue
                service = tx.tables.services.get(task.service_id)
                node = tx.tables.nodes.get(task.node_id)
                if service is None or node is None or node.invalid:
                    continue
                if node.spec.availability == "pause" or not _fits(service, node):
                    set_desired(tx, task.id, TaskState.SHUTDOWN)
                else:
                    self._restarts.restart(tx, service, task)

    # --- reconciliation --------------------------------------------------------------------------------------------

    def _reconcile_service(self, service: Service) -> None:
        by_node: dict[str, Slot] = {}
        slots: dict[str, list[Task]] = {}
        for task in self._store.tables.tasks.by("service", service.id):
            slots.setdefault(task.node_id, []).append(task)
        for node_id, slot in slots.items():
            updatable = self._restarts.updatable_tasks_in_slot(slot, service)
            if updatable:
                by_node[node_id] = updatable
        update: list[Slot] = []
        superfluous: list[Task] = []
        lacking: list[str] = []
        for node in self._store.tables.nodes:
            if node.invalid:
                continue
            tasks = by_node.pop(node.id, ())
            if not _fits(service, node):
                superfluous += tasks
            elif node.spec.availability == "pause":
                continue
            elif tasks:
                update.append(tasks)
            else:
                lacking.append(node.id)
        superfluous += (task for tasks in by_node.values() for task in tasks)
        for batch in _batches(superfluous):
            with self._store.transaction(NAME) as tx:
                _shutdown(tx, batch)
        for some in _batches(lacking):
            with self._store.transaction(NAME) as tx:
                for node_id in some:
                    self._add_task(tx, service, node_id)
        if update:
            self._updater.update(service, update if len(update) <= _SMALL_MAP else in_any_order(update))

    def _reconcile_node(self, node: Node) -> None:
        """A node appeared or changed: give it what it lacks.

        Outdated tasks are replaced at once, whatever the update config.
        """
        if node.invalid:
            with self._store.transaction(NAME) as tx:
                _shutdown(tx, (t for t in tx.tables.tasks.by("node", node.id) if t.service_id in self._services))
            return
        if node.spec.availability == "pause" or not self._services:
            return
        on_node: dict[str, list[Task]] = {}
        for task in self._store.tables.tasks.by("node", node.id):
            if task.service_id in self._services:
                on_node.setdefault(task.service_id, []).append(task)
        with self._store.transaction(NAME) as tx:
            for service_id in self._services:
                service = tx.tables.services.get(service_id)
                if service is None or not _fits(service, node):
                    continue
                slot = on_node.get(service_id)
                tasks = self._restarts.updatable_tasks_in_slot(slot, service) if slot else ()
                dirty = [task for task in tasks if is_task_dirty(service, task, node)]
                clean = [task for task in tasks if not is_task_dirty(service, task, node)]
                if not clean:
                    self._add_task(tx, service, node.id)
                _shutdown(tx, dirty + clean[1:])

    @staticmethod
    def _add_task(tx: Transaction, service: Service, node_id: str) -> None:
        if service.id in tx.tables.services:
            tx.create(Kind.TASK, new_task(service, tx.at, node_id=node_id))

    def _delete_node_tasks(self, node_id: str) -> None:
        with self._store.transaction(NAME) as tx:
            for task in tx.tables.tasks.by("node", node_id):
                if task.service_id in self._services:
                    tx.delete(Kind.TASK, task.id)


def _batches(things: list[T]) -> Iterator[list[T]]:
    return (things[start : start + BATCH] for start in range(0, len(things), BATCH))


def _fits(service: Service, node: Node) -> bool:
    placement = service.spec.task_template.placement
    return placement is None or node_satisfies(placement.constraints, node)


def _shutdown(tx: Transaction, tasks: Iterable[Task]) -> None:
    for task in tasks:
        set_desired(tx, task.id, TaskState.SHUTDOWN)
