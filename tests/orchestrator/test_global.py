"""One task on every node that may have one (SK: manager/orchestrator/global/global_test.go)."""

import msgspec
import pytest

from swarmlab.objects import Task, TaskState
from swarmlab.orchestrator import ConstraintEnforcer, GlobalOrchestrator
from swarmlab.store import Kind
from tests.support.specs import GLOBAL, restart, service_spec, update
from tests.support.world import World

S = TaskState
replace = msgspec.structs.replace


@pytest.fixture
def two(world: World) -> World:
    """Two nodes, each with its task."""
    world.node("n2")
    world.run(GlobalOrchestrator)
    world.service(service_spec(replicas=GLOBAL))
    world.run_all()
    return world


def wanted(world: World) -> list[str]:
    return sorted(t.node_id for t in world.wanted())


def of(world: World, node: str) -> list[Task]:
    return [t for t in world.tasks() if t.node_id == node]


def test_each_node_gets_a_task_without_a_slot(two: World) -> None:
    assert [(t.node_id, t.slot, t.desired_state) for t in two.tasks()] == [("n1", 0, S.RUNNING), ("n2", 0, S.RUNNING)]
    [task] = of(two, "n1")
    assert task.name == f"web.n1.{task.id}"


@pytest.mark.parametrize(
    ("state", "availability"), [("down", "active"), ("ready", "drain"), ("ready", "pause"), ("down", "pause")]
)
def test_some_nodes_get_none(world: World, state: str, availability: str) -> None:
    world.node("n2", state=state, availability=availability)
    world.run(GlobalOrchestrator)
    world.service(service_spec(replicas=GLOBAL))
    assert wanted(world) == ["n1"]


@pytest.mark.parametrize("state", ["unknown", "disconnected"])
def test_nodes_that_are_only_unheard_of_get_one(world: World, state: str) -> None:
    world.node("n2", state=state)
    world.run(GlobalOrchestrator)
    world.service(service_spec(replicas=GLOBAL))
    assert wanted(world) == ["n1", "n2"]


def test_a_new_node_gets_one(two: World) -> None:
    two.node("n3")
    assert wanted(two) == ["n1", "n2", "n3"]


@pytest.mark.parametrize("loss", [{"state": "down"}, {"availability": "drain"}])
def test_tasks_of_a_lost_node_are_shut_down_and_come_back_with_it(two: World, loss: dict[str, str]) -> None:
    [task] = of(two, "n2")
    two.node("n2", **loss)  # type: ignore[arg-type]
    assert two.get(task).desired_state == S.SHUTDOWN
    assert wanted(two) == ["n1"]
    two.advance(60)
    assert len(two.tasks()) == 2
    two.report(task, S.SHUTDOWN)
    two.node("n2")
    assert wanted(two) == ["n1", "n2"]


def test_pause_keeps_tasks_but_a_task_that_dies_there_is_not_replaced(two: World) -> None:
    [task] = of(two, "n2")
    two.node("n2", availability="pause")
    assert two.get(task).desired_state == S.RUNNING
    two.report(task, S.FAILED)
    two.advance(60)
    assert two.get(task).desired_state == S.SHUTDOWN
    assert wanted(two) == ["n1"]


def test_a_paused_node_that_changes_still_gets_none(two: World) -> None:
    two.node("n3", availability="pause")
    two.node("n3", availability="pause", labels={"touched": "yes"})
    assert wanted(two) == ["n1", "n2"]
    two.node("n3")
    assert wanted(two) == ["n1", "n2", "n3"]


def test_tasks_of_a_deleted_node_are_deleted(two: World) -> None:
    two.delete(Kind.NODE, "n2")
    assert [t.node_id for t in two.tasks()] == ["n1"]


def test_a_failed_task_is_replaced_on_its_node_after_the_delay(two: World) -> None:
    [task] = of(two, "n2")
    two.report(task, S.FAILED)
    new = of(two, "n2")[-1]
    assert (new.desired_state, new.slot) == (S.READY, 0)
    two.advance(5.1)
    assert two.get(new).desired_state == S.RUNNING


def test_condition_none_leaves_the_node_without_a_task_even_when_it_comes_back(world: World) -> None:
    world.run(GlobalOrchestrator)
    world.service(service_spec(replicas=GLOBAL, policy=restart("none")))
    [task] = world.run_all()
    world.node("n1", state="down")
    world.report(task, S.SHUTDOWN)
    world.node("n1")
    world.advance(60)
    assert world.wanted() == []


def test_attempts_are_counted_by_node(world: World) -> None:
    world.node("n2")
    world.run(GlobalOrchestrator)
    world.service(service_spec(replicas=GLOBAL, policy=restart(delay=0, attempts=1)))
    world.run_all()
    for _ in range(4):
        for task in of(world, "n2"):
            if task.desired_state <= S.RUNNING:
                world.report(task, S.RUNNING)
                world.report(task, S.FAILED)
        world.advance(1)
    assert len(of(world, "n2")) == 2
    assert wanted(world) == ["n1"]


def test_constraints_choose_the_nodes(world: World) -> None:
    world.node("n2", labels={"disk": "ssd"})
    world.run(GlobalOrchestrator)
    world.service(service_spec(replicas=GLOBAL, constraints=("node.labels.disk == ssd",)))
    assert wanted(world) == ["n2"]
    world.node("n1", labels={"disk": "ssd"})
    assert wanted(world) == ["n1", "n2"]


def test_a_service_update_that_excludes_a_node_shuts_its_task_down(two: World) -> None:
    two.service(service_spec(replicas=GLOBAL, constraints=("node.id == n1",)))
    assert wanted(two) == ["n1"]
    assert len(two.tasks()) == 2, "a change of placement alone moves nothing that still fits"


def test_a_label_that_goes_rejects_the_task_without_a_replacement(world: World) -> None:
    world.node("n1", labels={"disk": "ssd"})
    world.run(GlobalOrchestrator)
    world.run(ConstraintEnforcer)
    world.service(service_spec(replicas=GLOBAL, constraints=("node.labels.disk == ssd",)))
    [task] = world.run_all()
    world.node("n1")
    world.advance(60)
    assert [(t.state, t.desired_state) for t in world.tasks()] == [(S.REJECTED, S.SHUTDOWN)]
    assert world.get(task).status.err == "assigned node no longer meets constraints"


def test_a_node_event_replaces_outdated_tasks_at_once_whatever_the_update_config(two: World) -> None:
    two.node("n3")
    two.run_all()
    two.service(service_spec(replicas=GLOBAL, image="nginx:2", update_config=update(delay=3600)))
    version = two.of().spec_version
    behind = [t for t in two.wanted() if t.spec_version != version]
    assert len(behind) == 2
    two.node(behind[0].node_id, labels={"touched": "yes"})
    assert two.get(behind[0]).desired_state == S.SHUTDOWN
    [new] = [t for t in of(two, behind[0].node_id) if t.id != behind[0].id]
    assert (new.desired_state, new.spec_version) == (S.RUNNING, version)


def test_an_update_of_few_nodes_begins_with_the_one_that_came_first(two: World) -> None:
    """SK: manager/orchestrator/global/global.go: a map of nodes, which Go walks through so in six of eight cases."""
    two.node("n3")
    two.run_all()
    for image in ("nginx:2", "nginx:3", "nginx:4"):
        two.service(service_spec(replicas=GLOBAL, image=image, update_config=update(delay=3600)))
        assert [t.node_id for t in two.tasks() if t.spec.container_spec.image == image] == ["n1"]
        two.run_all()


def test_a_paused_node_is_left_out_of_an_update(two: World) -> None:
    two.node("n2", availability="pause")
    [kept] = of(two, "n2")
    two.service(service_spec(replicas=GLOBAL, image="nginx:2", update_config=update(0)))
    two.advance(60)
    assert two.get(kept).desired_state == S.RUNNING
    assert len(of(two, "n2")) == 1
    assert len(of(two, "n1")) == 2


def test_a_deleted_service_asks_for_the_removal_of_its_tasks(two: World) -> None:
    two.delete(Kind.SERVICE, two.of().id)
    assert {t.desired_state for t in two.tasks()} == {S.REMOVE}
    two.node("n3")
    assert len(two.tasks()) == 2


def test_what_went_wrong_before_the_start_is_put_right(world: World) -> None:
    world.node("n2")
    world.node("n3", state="down")
    service = world.service(service_spec(replicas=GLOBAL))
    failed = world.task(service, slot=0, node="n1", state=S.FAILED)
    lost = world.task(service, slot=0, node="n3", state=S.RUNNING)
    world.run(GlobalOrchestrator)
    assert world.get(failed).desired_state == S.SHUTDOWN
    assert world.get(lost).desired_state == S.SHUTDOWN
    assert wanted(world) == ["n1", "n2"]


def test_many_nodes_are_dealt_with_in_transactions_of_limited_size(world: World) -> None:
    with world.change() as tx:
        for number in range(2, 451):
            node = world.tables.nodes.get("n1")
            assert node is not None
            tx.create(Kind.NODE, replace(node, id=f"n{number}"))
    del world.commits[:]
    world.run(GlobalOrchestrator)
    world.service(service_spec(replicas=GLOBAL))
    assert len(wanted(world)) == 450
    assert [len(c.changes) for c in world.commits] == [1, 200, 200, 50]
    world.service(service_spec(replicas=GLOBAL, constraints=("node.id == n7",)))
    assert wanted(world) == ["n7"]
    assert [len(c.changes) for c in world.commits[4:]] == [1, 200, 200, 49]
