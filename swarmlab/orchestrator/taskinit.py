"""The repair pass before an orchestrator's loop begins (SK: manager/orchestrator/taskinit/init.go)."""

from collections.abc import Callable

from swarmlab.clock import SECOND, Clock
from swarmlab.objects import Service, Task, TaskState
from swarmlab.orchestrator.restart import RestartSupervisor
from swarmlab.orchestrator.task import restart_delay, slot_key, timestamp
from swarmlab.store import Kind, Store


def check_tasks(
    store: Store,
    clock: Clock,
    restarts: RestartSupervisor,
    name: str,
    *,
    related: Callable[[Service], bool],
    fix: Callable[[Task], None],
) -> None:
    """Put right what the last leader left half done, for the services that `related` accepts.

    Tasks of services that are gone are deleted, `fix` sees every other one, prepared replacements go on waiting for
    what is left of their delay, and the restart history is rebuilt from the tasks there are.
    """
    with store.transaction(name) as tx:
        mine: list[Task] = []
        slots: dict[tuple[str, int, str], tuple[Service, list[Task]]] = {}
        for task in tx.tables.tasks:
            service = tx.tables.services.get(task.service_id)
            if service is None:
                if task.service_id:
                    tx.delete(Kind.TASK, task.id)
            elif related(service):
                mine.append(task)
                slots.setdefault((service.id, *slot_key(service, task)), (service, []))[1].append(task)
    for task in mine:
        fix(task)
        if task.desired_state == TaskState.READY and task.state <= TaskState.COMPLETE:
            left = (timestamp(task) + restart_delay(task) - clock.now()) / SECOND
            if left > 0:
                restarts.delay_start(None, task.id, left, wait_stop=True)
            else:
                with store.transaction(name) as tx:
                    restarts.start_now(tx, task.id)
    for service, tasks in slots.values():
        newest = max(task.spec_version or 0 for task in tasks)
        current = sorted((t for t in tasks if t.spec_version == newest), key=lambda t: t.created_at)
        for replacement in current[1:]:
            restarts.record(service, replacement)
