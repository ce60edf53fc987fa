"""Claims on generic resources (SK: api/genericresource/resource_management_test.go)."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from swarmlab.objects import Resources, ServiceSpec, Task, TaskState
from swarmlab.objects.generic import amounts, discrete, named, parse
from swarmlab.objects.node import GenericResource
from swarmlab.objects.service import ResourceRequirements
from swarmlab.scheduler import Scheduler
from swarmlab.scheduler.genericpool import GenericPool
from swarmlab.store import Kind
from tests.support.placing import pending, placed, reason
from tests.support.specs import service_spec
from tests.support.world import World, replace

S = TaskState
OFFER = parse(["gpu=a", "gpu=b", "gpu=c", "ssd=4"])
GONE = {"gpu": 3, "ssd": 4}
KINDS = st.sampled_from(["gpu", "ssd", "fpga"])
WANTED = st.lists(st.tuples(KINDS, st.integers(1, 5)), max_size=2, unique_by=lambda want: want[0])


@given(st.lists(st.tuples(st.booleans(), WANTED), max_size=30))
def test_units_are_given_once_and_all_come_back(steps: list[tuple[bool, list[tuple[str, int]]]]) -> None:
    pool, held = GenericPool(OFFER), list[tuple[GenericResource, ...]]()
    for claim, kinds in steps:
        wanted = tuple(discrete(kind, value) for kind, value in kinds)
        if claim and pool.has(wanted):
            units = pool.choose(wanted)
            pool.take(units)
            assert amounts(units) == dict(kinds), "exactly what was asked for"
            held.append(units)
        elif not claim and held:
            pool.give_back(held.pop(0))
        names = [u.named_resource_spec.value for h in held for u in h if u.named_resource_spec is not None]
        assert len(names) == len(set(names)), "no unit is given twice"
        used = sum((amounts(units) for units in held), Counter[str]())
        assert {kind: pool.free(kind) + used[kind] for kind in GONE} == GONE, "none is lost, none appears"
    for units in held:
        pool.give_back(units)
    assert {kind: pool.free(kind) for kind in GONE} == GONE


def test_there_is_enough_or_there_is_not() -> None:
    pool = GenericPool(OFFER)
    assert pool.has((discrete("gpu", 3), discrete("ssd", 4)))
    assert not pool.has((discrete("gpu", 4),))
    assert not pool.has((discrete("fpga", 1),))
    assert not pool.has((named("gpu", "a"),)), "tasks ask for numbers"
    pool.take(pool.choose((discrete("gpu", 3),)))
    assert not pool.has((discrete("gpu", 0),)), "not even none of a kind that is used up"


def test_who_asks_for_none_of_named_units_gets_all_that_are_left() -> None:
    """As upstream counts: up to a number that it never meets."""
    assert GenericPool(OFFER).choose((discrete("gpu", 0), discrete("ssd", 0))) == OFFER[:3]


def test_what_the_node_no_longer_has_does_not_come_back() -> None:
    pool = GenericPool(parse(["gpu=b", "ssd=1"]))
    units = parse(["gpu=a", "ssd=3"])
    pool.take(units)
    assert pool.free("ssd") == 0
    pool.give_back(units)
    assert (pool.free("gpu"), pool.free("ssd")) == (1, 1)


def wanting(kind: str, value: int, replicas: int = 1) -> ServiceSpec:
    spec = service_spec(replicas=replicas)
    reserved = ResourceRequirements(reservations=Resources(generic_resources=(discrete(kind, value),)))
    return replace(spec, task_template=replace(spec.task_template, resources=reserved))


def world_with(*offers: str) -> World:
    """Nodes n1, n2, … that offer this; no scheduler works yet."""
    world = World()
    for number, offer in enumerate(offers, 1):
        node = world.node(f"n{number}")
        resources = replace(node.description.resources, generic_resources=parse(offer.split()))
        world.put(Kind.NODE, replace(node, description=replace(node.description, resources=resources)))
    return world


def units(tasks: list[Task]) -> list[GenericResource]:
    return [unit for task in tasks for unit in task.assigned_generic_resources]


def test_tasks_go_where_there_are_units_and_are_told_which() -> None:
    world = world_with("gpu=a gpu=b", "")
    world.run(Scheduler)
    world.service(wanting("gpu", 1))
    pending(world, 3)
    world.advance(1)
    assert placed(world) == {"n1": 2}
    assert sorted(u.named_resource_spec.value for u in units(world.tasks()) if u.named_resource_spec) == ["a", "b"]
    assert reason(world) == {"no suitable node (insufficient resources on 2 nodes)"}


def test_units_are_free_when_their_task_has_ended_and_not_before() -> None:
    world = world_with("ssd=4")
    world.run(Scheduler)
    world.service(wanting("ssd", 3))
    first, second = pending(world, 2)
    world.advance(1)
    [running] = [task for task in world.tasks() if task.state == S.ASSIGNED]
    with world.change() as tx:
        tx.update(Kind.TASK, replace(world.get(running), desired_state=S.SHUTDOWN))
    world.advance(1)
    assert placed(world) == {"n1": 1}
    world.report(running, S.SHUTDOWN)
    world.advance(1)
    assert {world.get(first).state, world.get(second).state} == {S.SHUTDOWN, S.ASSIGNED}


def test_a_new_scheduler_knows_what_is_taken() -> None:
    world = world_with("gpu=a gpu=b")
    old = world.run(Scheduler)
    world.service(wanting("gpu", 1))
    pending(world, 1)
    world.advance(1)
    old.stop()
    world.run(Scheduler)
    pending(world, 2)
    world.advance(1)
    assert placed(world) == {"n1": 2}
    assert len(set(units(world.tasks()))) == 2
