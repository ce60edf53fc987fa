"""Spreading over labels (SK: manager/scheduler/scheduler_test.go, TestMultiplePreferences; nodeset_test.go)."""

from collections import Counter

import pytest

from swarmlab.objects import Task, TaskState, TaskStatus
from swarmlab.objects.node import EngineDescription
from swarmlab.scheduler import Scheduler
from swarmlab.store import Kind
from tests.support.specs import service_spec, spread
from tests.support.world import World, replace

S = TaskState


def run(world: World, count: int, *descriptors: str, cpus: float = 0) -> dict[str, int]:
    """Place so many tasks that prefer to be spread; how many each node got."""
    world.service(service_spec(preferences=spread(*descriptors), cpus=cpus))
    with world.change() as tx:
        for number in range(count):
            template = world_task(world)
            tx.create(Kind.TASK, replace(template, id=f"t{number:03}", slot=100 + number))
    world.run(Scheduler)
    return dict(Counter(t.node_id for t in world.tasks() if t.state == S.ASSIGNED))


def world_task(world: World) -> Task:
    service = world.of()
    return Task(
        id="",
        spec=service.spec.task_template,
        service_id=service.id,
        spec_version=service.spec_version,
        status=TaskStatus(state=S.PENDING),
    )


def racks(world: World, **nodes: tuple[str, ...]) -> None:
    """Nodes by rack: `a=("n1", "n2")`."""
    for rack, names in nodes.items():
        for name in names:
            world.node(name, labels={"rack": rack})


def by_rack(world: World, placed: dict[str, int]) -> dict[str, int]:
    totals: Counter[str] = Counter()
    for name, count in placed.items():
        node = world.tables.nodes.get(name)
        assert node is not None
        totals[node.spec.labels.get("rack", "")] += count
    return dict(totals)


def test_racks_get_equally_many_however_many_nodes_they_have(world: World) -> None:
    racks(world, a=("n1", "n2", "n3"), b=("n4",))
    placed = run(world, 12, "node.labels.rack")
    assert placed == {"n1": 2, "n2": 2, "n3": 2, "n4": 6}


def test_without_the_preference_nodes_get_equally_many(world: World) -> None:
    racks(world, a=("n1", "n2", "n3"), b=("n4",))
    assert run(world, 12) == {"n1": 3, "n2": 3, "n3": 3, "n4": 3}


def test_nodes_without_the_label_are_a_group_of_their_own(world: World) -> None:
    racks(world, a=("n1", "n2"))
    world.node("n3")
    world.node("n4")
    placed = run(world, 8, "node.labels.rack")
    assert by_rack(world, placed) == {"a": 4, "": 4}


@pytest.mark.parametrize("descriptor", ["NODE.LABELS.rack", "Node.Labels.rack"])
def test_the_prefix_may_be_written_in_any_case(world: World, descriptor: str) -> None:
    racks(world, a=("n1", "n2", "n3"), b=("n4",))
    assert run(world, 8, descriptor)["n4"] == 4


@pytest.mark.parametrize("descriptor", ["node.labels.RACK", "node.id", "node.labels.", "nonsense"])
def test_what_means_nothing_changes_nothing(world: World, descriptor: str) -> None:
    racks(world, a=("n1", "n2", "n3"), b=("n4",))
    assert run(world, 8, descriptor) == {"n1": 2, "n2": 2, "n3": 2, "n4": 2}


def test_tasks_that_run_already_count_also_on_nodes_that_fail_the_rules(world: World) -> None:
    racks(world, a=("n1", "n2"), b=("n3",))
    world.node("n1", labels={"rack": "a"}, availability="drain")
    service = world.service(service_spec(preferences=spread("node.labels.rack")))
    for slot in (1, 2, 3, 4):
        world.task(service, slot=slot, node="n1", state=S.RUNNING)
    placed = run(world, 6, "node.labels.rack")
    assert placed == {"n2": 1, "n3": 5}


def test_a_rack_that_is_full_leaves_the_rest_to_the_others(world: World) -> None:
    racks(world, a=("n1",), b=("n2",), c=("n3",))
    world.node("n1", labels={"rack": "a"}, cpus=1)
    placed = run(world, 9, "node.labels.rack", cpus=0.5)
    assert placed == {"n1": 2, "n2": 4, "n3": 3} or placed == {"n1": 2, "n2": 3, "n3": 4}


def test_a_preference_never_makes_a_task_unschedulable(world: World) -> None:
    racks(world, a=("n1",), b=("n2",))
    world.node("n1", labels={"rack": "a"}, availability="drain")
    assert run(world, 5, "node.labels.rack") == {"n2": 5}


def test_two_preferences_build_a_tree(world: World) -> None:
    """Zones first, then the racks within each."""
    for name, zone, rack in (
        ("n1", "east", "1"),
        ("n2", "east", "1"),
        ("n3", "east", "2"),
        ("n4", "west", "1"),
        ("n5", "west", "2"),
        ("n6", "west", "3"),
    ):
        world.node(name, labels={"zone": zone, "rack": rack})
    placed = run(world, 12, "node.labels.zone", "node.labels.rack")
    assert placed["n1"] + placed["n2"] == 3
    assert [placed[n] for n in ("n3", "n4", "n5", "n6")] == [3, 2, 2, 2]


def test_engine_labels_work_too(world: World) -> None:
    for name, value in (("n1", "a"), ("n2", "a"), ("n3", "b")):
        node = world.node(name)
        engine = EngineDescription(labels={"kind": value})
        world.put(Kind.NODE, replace(node, description=replace(node.description, engine=engine)))
    assert run(world, 8, "engine.labels.kind") == {"n1": 2, "n2": 2, "n3": 4}
