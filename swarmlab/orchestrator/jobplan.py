"""What a job still needs done: the reconcilers of both kinds of job, as functions of what is in the store.

Source: SK: manager/orchestrator/jobs/{replicated,global}/reconciler.go. Only tasks of the job's present iteration count
towards it; those of earlier iterations end.
"""

from collections.abc import Iterable
from itertools import count, islice
from typing import NamedTuple

from swarmlab.objects import Node, Service, Task, TaskState
from swarmlab.objects.constraint import node_satisfies


class Place(NamedTuple):
    """Where a new task goes: a slot of a replicated job (from 0), or a node of a global job."""

    slot: int
    node_id: str


class JobPlan(NamedTuple):
    """Changes to a job's tasks, to be made in this order.

    `restart` holds tasks that ended although they are wanted; whether one is replaced is the restart supervisor's
    decision. `end` says which tasks are no longer wanted, and their new desired state.
    """

    new: list[Place]
    restart: list[Task]
    end: list[tuple[Task, TaskState]]


def is_replicated_job(service: Service | None) -> bool:
    """Whether a service wants so many tasks to complete."""
    return service is not None and service.spec.mode.replicated_job is not None


def is_global_job(service: Service | None) -> bool:
    """Whether a service wants one task to complete on each node."""
    return service is not None and service.spec.mode.global_job is not None


def iteration(service: Service) -> int:
    """The number of a job's present run: 0 at first, one more with each update."""
    return service.job_status.job_iteration if service.job_status is not None else 0


def plan_replicated_job(service: Service, tasks: Iterable[Task]) -> JobPlan:
    """What a replicated job with these tasks needs: completions up to its total, so many at a time.

    A task that failed and was given up is neither active nor complete, so its slot is free for a new one.
    """
    job = service.spec.mode.replicated_job
    assert job is not None
    present = iteration(service)
    plan = JobPlan([], [], [])
    taken: set[int] = set()
    active = completed = 0
    for task in tasks:
        if task.job_iteration is None:
            continue
        if task.job_iteration != present:
            # What has ended stays as history.
            if not task.state.terminal and task.desired_state != TaskState.REMOVE:
                plan.end.append((task, TaskState.REMOVE))
        elif task.state == TaskState.COMPLETE:
            completed += 1
            taken.add(task.slot)
        elif task.desired_state <= TaskState.COMPLETE:
            active += 1
            taken.add(task.slot)
            if task.state.terminal:
                plan.restart.append(task)
    room = min((job.max_concurrent or 0) - active, (job.total_completions or 0) - completed - active)
    free = (slot for slot in count() if slot not in taken)
    plan.new.extend(Place(slot, "") for slot in islice(free, max(0, room)))
    return plan


def plan_global_job(service: Service, tasks: Iterable[Task], nodes: Iterable[Node]) -> JobPlan:
    """What a global job with these tasks needs: a task on each node that is ready, active and meets the constraints.

    Tasks on nodes that are drained or down are shut down. A task on a node that no longer meets the constraints is the
    constraint enforcer's.
    """
    placement = service.spec.task_template.placement
    constraints = placement.constraints if placement is not None else ()
    present = iteration(service)
    plan = JobPlan([], [], [])
    on_node: dict[str, Task] = {}
    for task in tasks:
        if task.job_iteration is None:
            continue
        if task.job_iteration != present:
            if task.desired_state != TaskState.REMOVE:
                plan.end.append((task, TaskState.REMOVE))
        elif task.desired_state <= TaskState.COMPLETE:
            on_node[task.node_id] = task
            if task.state > TaskState.COMPLETE:
                plan.restart.append(task)
    for node in nodes:
        if not node_satisfies(constraints, node):
            continue
        there = on_node.get(node.id)
        if node.invalid:
            if there is not None and not there.state.terminal:
                plan.end.append((there, TaskState.SHUTDOWN))
        elif there is None and node.spec.availability == "active" and node.status.state == "ready":
            plan.new.append(Place(0, node.id))
    return plan
