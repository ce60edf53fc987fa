"""Tasks whose node stopped suiting them (SK: manager/orchestrator/constraintenforcer/constraint_enforcer_test.go)."""

import pytest

from swarmlab.objects import Resources, Task, TaskState
from swarmlab.objects.generic import parse
from swarmlab.objects.service import ResourceRequirements
from swarmlab.orchestrator import ConstraintEnforcer
from swarmlab.store import Kind
from tests.support.specs import service_spec
from tests.support.world import World, replace

S = TaskState


@pytest.fixture
def enforced(world: World) -> World:
    world.node("n1", labels={"disk": "ssd"})
    world.run(ConstraintEnforcer)
    world.service(service_spec(constraints=("node.labels.disk == ssd",)))
    return world


def rejected(world: World, task: Task) -> bool:
    status = world.get(task).status
    if status.state != S.REJECTED:
        return False
    assert status.message == "task rejected by constraint enforcer"
    assert status.err == "assigned node no longer meets constraints"
    return True


@pytest.mark.parametrize(
    ("state", "desired", "touched"),
    [
        (S.RUNNING, S.RUNNING, True),
        (S.ASSIGNED, S.RUNNING, True),
        (S.READY, S.READY, True),
        (S.PENDING, S.RUNNING, True),
        (S.RUNNING, S.SHUTDOWN, False),
        (S.RUNNING, S.REMOVE, False),
        (S.COMPLETE, S.RUNNING, False),
        (S.FAILED, S.SHUTDOWN, False),
    ],
)
def test_which_tasks_are_looked_at(enforced: World, state: TaskState, desired: TaskState, touched: bool) -> None:
    task = enforced.task(enforced.of(), node="n1", state=state, desired=desired)
    enforced.node("n1", labels={"disk": "hdd"})
    assert rejected(enforced, task) == touched
    assert enforced.get(task).desired_state == desired


@pytest.mark.parametrize("availability", ["pause", "drain"])
def test_only_active_nodes_are_looked_at(enforced: World, availability: str) -> None:
    task = enforced.task(enforced.of(), node="n1", state=S.RUNNING)
    enforced.node("n1", availability=availability)
    assert not rejected(enforced, task)
    enforced.node("n1")
    assert rejected(enforced, task)


def test_a_service_update_is_not_its_business(enforced: World) -> None:
    task = enforced.task(enforced.of(), node="n1", state=S.RUNNING)
    enforced.service(service_spec(constraints=("node.labels.disk == hdd",)))
    assert not rejected(enforced, task)
    enforced.node("n1", labels={"disk": "ssd", "touched": "yes"})
    assert rejected(enforced, task), "but the service's present constraints count, not those of the task"


def test_a_task_without_a_service_has_constraints_of_its_own(enforced: World) -> None:
    task = enforced.task(enforced.of(), node="n1", state=S.RUNNING)
    enforced.delete(Kind.SERVICE, enforced.of().id)
    enforced.node("n1")
    assert rejected(enforced, task)


def test_every_node_is_looked_at_in_the_beginning(world: World) -> None:
    service = world.service(service_spec(constraints=("node.labels.disk == ssd",)))
    task = world.task(service, node="n1", state=S.RUNNING)
    world.run(ConstraintEnforcer)
    assert rejected(world, task)


@pytest.mark.parametrize(("cpus", "memory", "survivors"), [(4, 8 << 30, 3), (2.5, 8 << 30, 2), (4, 1 << 20, 0)])
def test_reservations_must_still_fit(enforced: World, cpus: float, memory: int, survivors: int) -> None:
    enforced.service(service_spec("db", cpus=1, memory=1 << 30))
    tasks = [enforced.task(enforced.of("db"), slot=n, node="n1", state=S.RUNNING) for n in (1, 2, 3)]
    enforced.node("n1", cpus=cpus, memory=memory)
    assert sum(not rejected(enforced, t) for t in tasks) == survivors


def test_tasks_elsewhere_are_left_alone(enforced: World) -> None:
    enforced.node("n2", labels={"disk": "ssd"})
    task = enforced.task(enforced.of(), node="n2", state=S.RUNNING)
    enforced.node("n1")
    assert not rejected(enforced, task)


@pytest.mark.parametrize(
    ("offer", "claims", "lost"),
    [
        (("gpu=a", "gpu=b"), (("gpu=a",), ("gpu=b",)), {1}),
        (("ssd=4",), (("ssd=2",), ("ssd=1",)), set()),
        (("ssd=4",), (("ssd=2",), ("ssd=2",)), {2}),
        (("ssd=4", "gpu=a"), (("ssd=4",), ("gpu=a",)), {1}),
        (("gpu=c",), (("gpu=a",), ("gpu=b",)), set()),
    ],
)
def test_a_task_loses_generic_resources_that_its_node_still_has(
    enforced: World, offer: tuple[str, ...], claims: tuple[tuple[str, ...], ...], lost: set[int]
) -> None:
    """Named units, or all that are left of a counted kind; one task for each change of the node."""
    reserving = ResourceRequirements(reservations=Resources(nano_cpus=1))
    spec = service_spec("db")
    enforced.service(replace(spec, task_template=replace(spec.task_template, resources=reserving)))
    tasks = []
    for slot, claim in enumerate(claims, 1):
        task = enforced.task(enforced.of("db"), slot=slot, node="n1", state=S.RUNNING)
        with enforced.change() as tx:
            tasks.append(tx.update(Kind.TASK, replace(task, assigned_generic_resources=parse(claim))))
    node = enforced.node("n1")
    assert not any(rejected(enforced, task) for task in tasks)
    resources = replace(node.description.resources, generic_resources=parse(offer))
    enforced.put(Kind.NODE, replace(node, description=replace(node.description, resources=resources)))
    assert {task.slot for task in tasks if rejected(enforced, task)} == lost
