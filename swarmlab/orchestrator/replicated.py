"""The replicated orchestrator: so many slots, each with one live task (SK: manager/orchestrator/replicated)."""

from collections.abc import Callable, Iterable
from itertools import islice

from swarmlab.clock import Clock
from swarmlab.objects import Node, Service, Task, TaskState
from swarmlab.orchestrator.restart import RestartSupervisor
from swarmlab.orchestrator.task import Slot, any_running, is_replicated, new_task, set_desired, set_service_tasks_remove
from swarmlab.orchestrator.taskinit import check_tasks
from swarmlab.orchestrator.update import UpdateSupervisor
from swarmlab.store import Commit, Kind, Store

NAME = "replicated orchestrator"
#: Tasks a transaction (SK: manager/state/store/memory.go, MaxChangesPerTransaction).
BATCH = 200


class ReplicatedOrchestrator:
    """Keeps every replicated service at its number of replicas."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._restarts = RestartSupervisor(store, clock, NAME)
        self._updater = UpdateSupervisor(store, clock, self._restarts, NAME)
        self._restart_tasks: dict[str, None] = {}
        self._reconcile: dict[str, None] = {}
        self._unwatch: Callable[[], None] = lambda: None

    def start(self) -> None:
        """Repair what was left half done, reconcile every service, then follow the store."""
        self._unwatch = self._store.watch(self._on_commit, Kind.SERVICE, Kind.TASK, Kind.NODE)
        self._restarts.start()
        check_tasks(self._store, self._clock, self._restarts, NAME, related=is_replicated, fix=self._check_task)
        self._reconcile.update((s.id, None) for s in self._store.tables.services if is_replicated(s))
        self._tick()

    def stop(self) -> None:
        """Forget everything but the store."""
        self._unwatch()
        self._updater.cancel_all()
        self._restarts.stop()
        self._restart_tasks.clear()
        self._reconcile.clear()

    # --- events ----------------------------------------------------------------------------------------------------

    def _on_commit(self, commit: Commit) -> None:
        for kind, old, new in commit.changes:
            if kind is Kind.SERVICE:
                self._service_changed(old, new)  # type: ignore[arg-type]
            elif kind is Kind.NODE:
                if new is None or (isinstance(new, Node) and new.invalid):
                    self._restart_by_node(new.id if new is not None else old.id)  # type: ignore[union-attr]
            elif isinstance(new, Task):
                self._check_task(new)
            elif isinstance(old, Task):
                self._task_deleted(old)
        self._tick()

    def _service_changed(self, old: Service | None, new: Service | None) -> None:
        service = new if new is not None else old
        assert service is not None
        if not is_replicated(service):
            return
        if new is not None:
            self._reconcile[new.id] = None
            return
        with self._store.transaction(NAME) as tx:
            set_service_tasks_remove(tx, service.id)
        self._restarts.clear_service_history(service.id)
        self._reconcile.pop(service.id, None)

    def _task_deleted(self, task: Task) -> None:
        if task.desired_state <= TaskState.RUNNING and is_replicated(self._store.tables.services.get(task.service_id)):
            self._reconcile[task.service_id] = None
        self._restarts.cancel(task.id)

    def _check_task(self, task: Task) -> None:
        """Queue a restart for a task that ended, or whose node may not keep it, although it is wanted."""
        if task.desired_state > TaskState.RUNNING:
            return
        ended = task.state.terminal
        if not ended and task.node_id:
            node = self._store.tables.nodes.get(task.node_id)
            ended = node is None or node.invalid
        if ended and is_replicated(self._store.tables.services.get(task.service_id)):
            self._restart_tasks[task.id] = None

    def _restart_by_node(self, node_id: str) -> None:
        for task in self._store.tables.tasks.by("node", node_id):
            if task.desired_state <= TaskState.RUNNING and is_replicated(
                self._store.tables.services.get(task.service_id)
            ):
                self._restart_tasks[task.id] = None

    def _tick(self) -> None:
        """All restarts first, then the reconciliations: the order of SwarmKit's commit event."""
        queue, self._restart_tasks = iter(self._restart_tasks), {}
        while batch := list(islice(queue, BATCH)):
            with self._store.transaction(NAME) as tx:
                for task_id in batch:
                    task = tx.tables.tasks.get(task_id)
                    service = tx.tables.services.get(task.service_id) if task is not None else None
                    if task is not None and task.desired_state <= TaskState.RUNNING and is_replicated(service):
                        assert service is not None
                        self._restarts.restart(tx, service, task)
        services, self._reconcile = list(self._reconcile), {}
        for service_id in services:
            service = self._store.tables.services.get(service_id)
            if service is not None:
                self._reconcile_service(service)

    # --- reconciliation --------------------------------------------------------------------------------------------

    def _reconcile_service(self, service: Service) -> None:
        live: dict[int, Slot] = {}
        dead: dict[int, Slot] = {}
        by_number: dict[int, list[Task]] = {}
        for task in self._store.tables.tasks.by("service", service.id):
            by_number.setdefault(task.slot, []).append(task)
        for number, slot in by_number.items():
            updatable = self._restarts.updatable_tasks_in_slot(slot, service)
            if updatable:
                live[number] = updatable
            else:
                dead[number] = slot
        wanted = service.replicas
        if wanted > len(live):
            self._updater.update(service, list(live.values()))
            new = self._free_slots(live, wanted - len(live))
            for number in new:
                dead.pop(number, None)
            self._add_tasks(service, new)
            self._delete_tasks(dead.values())
        elif wanted < len(live):
            order = scale_down_order(live.values())
            self._updater.update(service, order[:wanted])
            self._delete_tasks(dead.values())
            with self._store.transaction(NAME) as tx:
                for surplus in order[wanted:]:
                    for task in surplus:
                        set_desired(tx, task.id, TaskState.REMOVE)
        else:
            self._delete_tasks(dead.values())
            self._updater.update(service, list(live.values()))

    @staticmethod
    def _free_slots(live: dict[int, Slot], count: int) -> list[int]:
        numbers: list[int] = []
        number = 0
        while len(numbers) < count:
            number += 1
            if number not in live:
                numbers.append(number)
        return numbers

    def _add_tasks(self, service: Service, slots: Iterable[int]) -> None:
        queue = iter(slots)
        while batch := list(islice(queue, BATCH)):
            with self._store.transaction(NAME) as tx:
                for number in batch:
                    tx.create(Kind.TASK, new_task(service, tx.at, slot=number))

    def _delete_tasks(self, slots: Iterable[Slot]) -> None:
        with self._store.transaction(NAME) as tx:
            for slot in slots:
                for task in slot:
                    if task.id in tx.tables.tasks:
                        tx.delete(Kind.TASK, task.id)


def scale_down_order(slots: Iterable[Slot]) -> list[Slot]:
    """Slots in the order in which they survive a scale-down: the last ones go first (SK: replicated/slot.go).

    Within each node the n-th copy counts n, and copies with a high n go first; slots with two tasks or without a node
    go before all. Ties: slots that do not run go first, then higher slot numbers.
    """
    ordered = sorted(slots, key=lambda slot: (not any_running(slot), slot[0].slot))
    copies: dict[str, int] = {}
    ranked = []
    for slot in ordered:
        rank = float("inf")
        if len(slot) == 1 and slot[0].node_id:
            rank = copies[slot[0].node_id] = copies.get(slot[0].node_id, 0) + 1
        ranked.append((rank, slot))
    return [slot for _, slot in sorted(ranked, key=lambda pair: pair[0])]
