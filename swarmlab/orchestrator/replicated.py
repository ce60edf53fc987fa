"""The replicated orchestrator: so many slots, each with one live task (SK: manager/orchestrator/replicated)."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from swarmlab.clock import Clock, Turns
from swarmlab.objects import Node, Service, Task, TaskState
from swarmlab.orchestrator.restart import RestartSupervisor
from swarmlab.orchestrator.slots import Slots, in_any_order
from swarmlab.orchestrator.task import Slot, any_running, is_replicated, new_task, set_desired
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
        #: What a scale-down has yet to remove, by service.
        self._surplus: dict[str, list[str]] = {}
        self._slots = Slots(store.tables.tasks)
        self._turns = Turns(clock)
        self._removals = Turns(clock)
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
        self._turns.stop()
        self._removals.stop()
        self._slots.close()
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
        self._restarts.clear_service_history(service.id)
        self._reconcile.pop(service.id, None)
        tasks = self._surplus[service.id] = [task.id for task in self._store.tables.tasks.by("service", service.id)]
        self._removals.add(self._remove(service.id, tasks))

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
        """Do what is queued. What is under way sees by itself that there is more."""
        if not self._turns.busy:
            self._turns.add(self._work())

    def _work(self) -> Iterator[None]:
        """All restarts first, then the reconciliations: the order of SwarmKit's commit event."""
        while self._restart_tasks or self._reconcile:
            if self._restart_tasks:
                full = self._restart_some()
            else:
                service = self._store.tables.services.get(_pop_first(self._reconcile))
                full = service is not None and self._reconcile_service(service)
            if full:
                yield

    def _restart_some(self) -> bool:
        """Restart a batch of tasks; return whether it was a full one."""
        batch = list(islice(self._restart_tasks, BATCH))
        with self._store.transaction(NAME) as tx:
            for task_id in batch:
                del self._restart_tasks[task_id]
                task = tx.tables.tasks.get(task_id)
                service = tx.tables.services.get(task.service_id) if task is not None else None
                if task is not None and task.desired_state <= TaskState.RUNNING and is_replicated(service):
                    assert service is not None
                    self._restarts.restart(tx, service, task)
        return len(batch) == BATCH

    # --- reconciliation --------------------------------------------------------------------------------------------

    def _reconcile_service(self, service: Service) -> bool:
        """Do what a service lacks, up to a batch; return whether there is more to do, and then it is queued again."""
        self._surplus.pop(service.id, None)
        slots = self._slots.of(service.id)
        # Slots without a wanted task: a task that may not be restarted occupies its slot, else the slot is dead.
        occupied: dict[int, Slot] = {}
        dead: dict[int, Slot] = {}
        for number in slots.idle:
            tasks = self._tasks_in(service, number)
            updatable = self._restarts.updatable_tasks_in_slot(tasks, service)
            if updatable:
                occupied[number] = updatable
            else:
                dead[number] = tasks
        missing = service.replicas - len(slots.wanted) - len(occupied)
        if missing < 0:
            order = scale_down_order([*self._wanted_slots(service, slots.wanted), *occupied.values()])
            self._updater.update(service, order[: service.replicas])
            self._delete_tasks(dead.values())
            surplus = self._surplus[service.id] = [task.id for slot in order[service.replicas :] for task in slot]
            self._removals.add(self._remove(service.id, surplus))
            return False
        # Slots that are clean for certain are no news to the updater.
        suspects = slots.wanted if slots.may_be_dirty(service) else slots.crowded
        self._updater.update(service, in_any_order([*self._wanted_slots(service, suspects), *occupied.values()]))
        # History stays in the slots that are used again, be it now or in a later batch.
        new = list(islice(slots.free(occupied), missing if dead else min(missing, BATCH)))
        for number in new:
            dead.pop(number, None)
        self._delete_tasks(dead.values())
        self._add_tasks(service, new[:BATCH])
        if missing <= BATCH:
            return False
        self._reconcile[service.id] = None
        return True

    def _tasks_in(self, service: Service, slot: int) -> Slot:
        return self._store.tables.tasks.by("slot", (service.id, slot, ""))

    def _wanted_slots(self, service: Service, numbers: Iterable[int]) -> list[Slot]:
        """The wanted tasks of each of these slots."""
        return [
            [task for task in self._tasks_in(service, number) if task.desired_state <= TaskState.RUNNING]
            for number in numbers
        ]

    def _add_tasks(self, service: Service, slots: Iterable[int]) -> None:
        with self._store.transaction(NAME) as tx:
            for number in slots:
                tx.create(Kind.TASK, new_task(service, tx.at, slot=number))

    def _remove(self, service_id: str, surplus: list[str]) -> Iterator[None]:
        """Ask for the end of tasks, until the service is reconciled anew."""
        queue = iter(surplus)
        while self._surplus.get(service_id) is surplus and (batch := list(islice(queue, BATCH))):
            with self._store.transaction(NAME) as tx:
                for task_id in batch:
                    set_desired(tx, task_id, TaskState.REMOVE)
            if len(batch) == BATCH:
                yield
        if self._surplus.get(service_id) is surplus:
            del self._surplus[service_id]

    def _delete_tasks(self, slots: Iterable[Slot]) -> None:
        queue = iter([task.id for slot in slots for task in slot])
        while batch := list(islice(queue, BATCH)):
            with self._store.transaction(NAME) as tx:
                for task_id in batch:
                    if task_id in tx.tables.tasks:
                        tx.delete(Kind.TASK, task_id)


def _pop_first(queue: dict[str, None]) -> str:
    first = next(iter(queue))
    del queue[first]
    return first


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
