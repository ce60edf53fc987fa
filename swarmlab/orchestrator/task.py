"""What all orchestrators know of tasks (SK: manager/orchestrator/task.go)."""

from collections.abc import Iterable, Sequence

import msgspec

from swarmlab.objects import Endpoint, EndpointSpec, Node, Service, Task, TaskState, TaskStatus, new_id
from swarmlab.objects.constraint import node_satisfies
from swarmlab.objects.defaults import RESTART
from swarmlab.store import Kind, Transaction

#: All tasks that share a slot (replicated) or a node (global).
Slot = Sequence[Task]


def new_task(service: Service, now: int, slot: int = 0, node_id: str = "") -> Task:
    """A task of the service's current spec, state NEW, desired RUNNING. `now` is Unix nanoseconds."""
    return Task(
        id=new_id(),
        spec=service.spec.task_template,
        spec_version=service.spec_version,
        service_id=service.id,
        service_name=service.spec.name,
        service_labels=service.spec.labels,
        slot=slot,
        node_id=node_id,
        status=TaskStatus(timestamp=now, state=TaskState.NEW, message="created"),
        endpoint=Endpoint(spec=service.spec.endpoint_spec or EndpointSpec()),
    )


def restart_condition(task: Task) -> str:
    """`none`, `on-failure` or `any`, by the task's own spec."""
    policy = task.spec.restart_policy
    return (policy.condition if policy is not None else "") or RESTART.condition


def restart_delay(task: Task) -> int:
    """How long its replacement waits, in nanoseconds, by the task's own spec."""
    policy = task.spec.restart_policy
    if policy is not None and policy.delay is not None:
        return policy.delay
    assert RESTART.delay is not None
    return RESTART.delay


def max_attempts(task_or_service: Task | Service) -> int:
    """How many restarts a slot may have; 0 means any number."""
    if isinstance(task_or_service, Service):
        policy = task_or_service.spec.task_template.restart_policy
    else:
        policy = task_or_service.spec.restart_policy
    return (policy.max_attempts or 0) if policy is not None else 0


def is_replicated(service: Service | None) -> bool:
    """Whether a service wants so many tasks that keep running."""
    return service is not None and service.spec.mode.replicated is not None


def is_global(service: Service | None) -> bool:
    """Whether a service wants one running task on each node."""
    return service is not None and service.spec.mode.global_ is not None


def slot_key(service: Service, task: Task) -> tuple[int, str]:
    """What a task shares with its replacements: its slot, or its node when each node has a task of the service.

    The task alone does not tell: the first slot of a replicated job is 0.
    """
    mode = service.spec.mode
    by_node = mode.global_ is not None or mode.global_job is not None
    return (0, task.node_id) if by_node else (task.slot, "")


def is_task_dirty(service: Service, task: Task, node: Node | None) -> bool:
    """Whether an update must replace the task.

    Not when it was made from the same spec version, nor when only the placement changed and its node still fits.
    """
    if task.spec_version == service.spec_version:
        return False
    wanted = service.spec.task_template
    if wanted.placement != task.spec.placement:
        same_otherwise = msgspec.structs.replace(wanted, placement=task.spec.placement) == task.spec
        expressions = wanted.placement.constraints if wanted.placement is not None else ()
        if same_otherwise and node is not None and node_satisfies(expressions, node):
            return False
    endpoint_spec = service.spec.endpoint_spec or EndpointSpec()
    return wanted != task.spec or (task.endpoint is not None and task.endpoint.spec != endpoint_spec)


def timestamp(task: Task) -> int:
    """When the task's status was applied by the manager, else when it was reported; Unix nanoseconds."""
    return task.status.applied_at or task.status.timestamp


def age(task: Task) -> tuple[int, int]:
    """What sorts tasks from the oldest to the newest; those written together by when they were made."""
    return timestamp(task), task.created_at


def set_desired(tx: Transaction, task_id: str, desired: TaskState) -> None:
    """Move a task's desired state forward; a task that is gone, or already further, is left alone."""
    task = tx.tables.tasks.get(task_id)
    if task is not None and task.desired_state < desired:
        tx.update(Kind.TASK, msgspec.structs.replace(task, desired_state=desired))


def set_service_tasks_remove(tx: Transaction, service_id: str) -> None:
    """Ask for the end of all tasks of a service that was deleted, history included (SK: orchestrator/service.go)."""
    for task in tx.tables.tasks.by("service", service_id):
        set_desired(tx, task.id, TaskState.REMOVE)


def any_running(tasks: Iterable[Task]) -> bool:
    """Whether one of the tasks is observed running."""
    return any(task.state == TaskState.RUNNING for task in tasks)
