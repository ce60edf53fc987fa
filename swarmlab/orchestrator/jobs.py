"""The jobs orchestrator: tasks that run until they complete (SK: manager/orchestrator/jobs/orchestrator.go).

It looks at a job when its service changes and when one of its tasks ends, and at no other time. Nodes that come or go
are no reason: a new node gets its task of a global job the next time the job is looked at.
"""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice

import msgspec

from swarmlab.clock import Clock
from swarmlab.objects import Service, Task, TaskState
from swarmlab.orchestrator.jobplan import (
    JobPlan,
    Place,
    is_global_job,
    is_replicated_job,
    iteration,
    plan_global_job,
    plan_replicated_job,
)
from swarmlab.orchestrator.restart import RestartSupervisor
from swarmlab.orchestrator.task import new_task, set_desired, set_service_tasks_remove
from swarmlab.orchestrator.taskinit import check_tasks
from swarmlab.store import Commit, Kind, Store, Transaction

NAME = "jobs orchestrator"
#: Tasks a transaction (SK: manager/state/store/memory.go, MaxChangesPerTransaction).
BATCH = 200


class JobsOrchestrator:
    """Brings every replicated and every global job to its completions."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._restarts = RestartSupervisor(store, clock, NAME)
        self._unwatch: Callable[[], None] = lambda: None

    def start(self) -> None:
        """Repair what was left half done, reconcile every job, then follow the store."""
        self._unwatch = self._store.watch(self._on_commit, Kind.SERVICE, Kind.TASK)
        self._restarts.start()
        check_tasks(
            self._store, self._clock, self._restarts, NAME, related=lambda s: s.is_job, fix=self._leave_invalid_node
        )
        for service in list(self._store.tables.services):
            if service.is_job:
                self._reconcile(service)

    def stop(self) -> None:
        """Forget everything but the store."""
        self._unwatch()
        self._restarts.stop()

    # --- events ----------------------------------------------------------------------------------------------------

    def _on_commit(self, commit: Commit) -> None:
        """Reconcile once for each change that calls for it.

        Once for all of them would not do: of two tasks that end together and may not be restarted, the first change
        lets both be given up, and the second finds their places free. When a reconciliation changes nothing, neither
        will the next one.
        """
        settled: set[str] = set()
        for _, old, new in commit.changes:
            if isinstance(old, Service) and new is None:
                self._service_deleted(old)
                continue
            service_id = _to_reconcile(old, new)
            service = self._store.tables.services.get(service_id)
            if service is None or not service.is_job or service_id in settled:
                continue
            before = self._store.index
            self._reconcile(service)
            if self._store.index == before:
                settled.add(service_id)

    def _service_deleted(self, service: Service) -> None:
        if service.is_job:
            with self._store.transaction(NAME) as tx:
                set_service_tasks_remove(tx, service.id)
            self._restarts.clear_service_history(service.id)

    def _leave_invalid_node(self, task: Task) -> None:
        """Before the first reconciliation: a global job's task may not stay on a node that is drained, down or gone."""
        if task.desired_state > TaskState.COMPLETE or not is_global_job(
            self._store.tables.services.get(task.service_id)
        ):
            return
        node = self._store.tables.nodes.get(task.node_id)
        if node is None or node.invalid:
            with self._store.transaction(NAME) as tx:
                set_desired(tx, task.id, TaskState.SHUTDOWN)

    # --- reconciliation --------------------------------------------------------------------------------------------

    def _reconcile(self, service: Service) -> None:
        tables = self._store.tables
        tasks = tables.tasks.by("service", service.id)
        if is_replicated_job(service):
            plan = plan_replicated_job(service, tasks)
        else:
            plan = plan_global_job(service, tasks, tables.nodes)
        steps = self._steps(service, plan)
        while batch := list(islice(steps, BATCH)):
            with self._store.transaction(NAME) as tx:
                for step in batch:
                    step(tx)

    def _steps(self, service: Service, plan: JobPlan) -> Iterator[Callable[[Transaction], None]]:
        for place in plan.new:
            yield partial(_create, service=service, place=place)
        for task in plan.restart:
            yield partial(self._restarts.restart, service=service, task=task)
        for task, desired in plan.end:
            yield partial(set_desired, task_id=task.id, desired=desired)


def _to_reconcile(old: object, new: object) -> str:
    """The id of the service that a change is news for; empty when it is none."""
    if isinstance(new, Service):
        return new.id
    if isinstance(new, Task) and old is not None and new.state.terminal and new.desired_state <= TaskState.COMPLETE:
        return new.service_id
    return ""


def _create(tx: Transaction, service: Service, place: Place) -> None:
    task = new_task(service, tx.at, slot=place.slot, node_id=place.node_id)
    tx.create(
        Kind.TASK,
        msgspec.structs.replace(task, desired_state=TaskState.COMPLETE, job_iteration=iteration(service)),
    )
