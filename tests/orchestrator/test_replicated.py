"""Slots and scaling (SK: manager/orchestrator/replicated/{replicated,update}_test.go)."""

from typing import Any

import msgspec
import pytest

from swarmlab.objects import Service, TaskState, UpdateStatus
from swarmlab.objects.service import ReplicatedService
from swarmlab.orchestrator import ReplicatedOrchestrator
from swarmlab.orchestrator.replicated import scale_down_order
from swarmlab.store import Kind
from tests.support.specs import GLOBAL, restart, service_spec
from tests.support.world import World

S = TaskState
replace = msgspec.structs.replace


@pytest.fixture
def running(world: World) -> World:
    """A service of three whose tasks run."""
    world.run(ReplicatedOrchestrator)
    world.service(service_spec(replicas=3))
    world.run_all()
    return world


def slots(world: World) -> list[tuple[int, TaskState, TaskState]]:
    return sorted((t.slot, t.state, t.desired_state) for t in world.tasks())


def test_a_new_service_gets_a_task_in_each_slot_from_one(world: World) -> None:
    world.run(ReplicatedOrchestrator)
    world.service(service_spec(replicas=3))
    assert slots(world) == [(n, S.NEW, S.RUNNING) for n in (1, 2, 3)]
    [first, *_] = world.tasks()
    assert (first.status.message, first.spec_version, first.node_id) == ("created", 0, "")
    assert first.name == f"web.1.{first.id}"


def test_services_that_were_there_before_are_reconciled_at_the_start(world: World) -> None:
    world.service(service_spec(replicas=2))
    assert world.tasks() == []
    world.run(ReplicatedOrchestrator)
    assert len(world.tasks()) == 2


def test_global_services_are_somebody_elses(world: World) -> None:
    world.run(ReplicatedOrchestrator)
    world.service(service_spec(replicas=GLOBAL))
    assert world.tasks() == []


def test_an_update_that_changes_no_task_makes_none(running: World) -> None:
    before = [t.id for t in running.tasks()]
    running.service(service_spec(replicas=3, labels={"a": "b"}))
    assert [t.id for t in running.tasks()] == before
    assert running.of().update_status is None


def test_scaling_up_takes_the_lowest_free_slots(running: World) -> None:
    running.service(service_spec(replicas=5))
    assert sorted(t.slot for t in running.wanted()) == [1, 2, 3, 4, 5]


def test_scaling_up_fills_the_gap_that_scaling_down_left(world: World) -> None:
    """Slot 1 is the only one on a crowded node, so it goes; the number comes back first."""
    world.node("n2")
    world.run(ReplicatedOrchestrator)
    world.service(service_spec(replicas=3))
    first, second, third = world.tasks()
    world.report(second, S.RUNNING, node="n1")
    world.report(third, S.RUNNING, node="n2")
    world.report(first, S.PENDING)
    world.service(service_spec(replicas=2))
    assert world.get(first).desired_state == S.REMOVE
    world.service(service_spec(replicas=4))
    new = [t for t in world.wanted() if t.id not in {second.id, third.id}]
    assert sorted(t.slot for t in new) == [1, 4]
    assert first.id in {t.id for t in world.tasks(slot=1)}, "a number that is used again keeps its history"


def test_scaling_down_asks_for_removal(running: World) -> None:
    running.service(service_spec(replicas=1))
    assert slots(running) == [(1, S.RUNNING, S.RUNNING), (2, S.RUNNING, S.REMOVE), (3, S.RUNNING, S.REMOVE)]


def test_scaling_to_nothing_and_back(running: World) -> None:
    running.service(service_spec(replicas=0))
    assert {t.desired_state for t in running.tasks()} == {S.REMOVE}
    running.service(service_spec(replicas=2))
    assert sorted(t.slot for t in running.wanted()) == [1, 2]


def test_a_wanted_task_that_is_deleted_is_made_anew(running: World) -> None:
    [gone] = running.tasks(slot=2)
    running.delete(Kind.TASK, gone.id)
    [new] = running.tasks(slot=2)
    assert (new.id != gone.id, new.state, new.desired_state) == (True, S.NEW, S.RUNNING)


def test_a_deleted_service_asks_for_the_removal_of_all_its_tasks_history_included(running: World) -> None:
    [task] = running.tasks(slot=2)
    running.report(task, S.FAILED)
    running.delete(Kind.SERVICE, running.of().id)
    assert len(running.tasks()) == 4
    assert {t.desired_state for t in running.tasks()} == {S.REMOVE}


def test_tasks_of_a_service_that_is_gone_are_deleted_at_the_start(world: World) -> None:
    world.service(service_spec())
    orphan = world.task(world.of(), node="n1", state=S.RUNNING)
    single = world.task(None, node="n1", state=S.RUNNING)
    world.delete(Kind.SERVICE, world.of().id)
    world.run(ReplicatedOrchestrator)
    assert orphan.id not in world.tables.tasks
    assert single.id in world.tables.tasks


def test_a_stopped_orchestrator_does_nothing(running: World) -> None:
    loop = running.run(ReplicatedOrchestrator)
    loop.stop()
    other = World()
    made = other.run(ReplicatedOrchestrator)
    made.stop()
    other.service(service_spec(replicas=2))
    other.advance(60)
    assert other.tasks() == []


# --- dead slots ------------------------------------------------------------------------------------------------------


def test_history_of_a_dead_slot_goes_at_the_next_reconciliation(running: World) -> None:
    running.service(service_spec(replicas=2))
    [removed] = running.tasks(slot=3)
    running.report(removed, S.SHUTDOWN)
    running.service(service_spec(replicas=2, labels={"again": "yes"}))
    assert removed.id not in running.tables.tasks


def test_a_slot_that_may_not_be_restarted_stays_occupied(world: World) -> None:
    """`docker service ls` shows fewer running than wanted for ever, until an update makes the task dirty."""
    world.run(ReplicatedOrchestrator)
    spec = service_spec(replicas=2, policy=restart("none"))
    world.service(spec)
    world.run_all()
    [failed] = world.tasks(slot=1)
    world.report(failed, S.FAILED)
    world.service(replace(spec, labels={"touched": "yes"}))
    assert slots(world) == [(1, S.FAILED, S.SHUTDOWN), (2, S.RUNNING, S.RUNNING)]
    world.service(service_spec(replicas=3, policy=restart("none")))
    assert sorted(t.slot for t in world.wanted()) == [2, 3]


def test_during_a_rollback_occupied_slots_are_filled_anew_instead(world: World) -> None:
    """They are no business of the updater then: the new task is wanted at once, and has no place in the rollback."""
    world.run(ReplicatedOrchestrator)
    world.service(service_spec(replicas=2, policy=restart("none")))
    world.run_all()
    [failed] = world.tasks(slot=1)
    world.report(failed, S.FAILED)
    assert [t.slot for t in world.wanted()] == [2]
    status = UpdateStatus(state="rollback_started", message="manually requested rollback")
    world.put(Kind.SERVICE, replace(world.of(), update_status=status))
    assert [(t.slot, t.desired_state) for t in world.wanted()] == [(2, S.RUNNING), (1, S.RUNNING)]


def test_an_update_brings_an_occupied_slot_back(world: World) -> None:
    world.run(ReplicatedOrchestrator)
    world.service(service_spec(replicas=1, policy=restart("none")))
    world.run_all()
    world.report(world.tasks()[0], S.FAILED)
    world.service(service_spec(replicas=1, policy=restart("none"), image="nginx:2"))
    [task] = world.wanted()
    assert (task.slot, task.spec_version) == (1, world.of().spec_version)


# --- whom to remove --------------------------------------------------------------------------------------------------


def order(world: World, *entries: tuple[int, str, TaskState]) -> list[int]:
    """Slot numbers in the order in which they survive."""
    service = world.service(service_spec())
    by_slot: dict[int, list[Any]] = {}
    for slot, node, state in entries:
        by_slot.setdefault(slot, []).append(world.task(service, slot=slot, node=node, state=state))
    return [slot[0].slot for slot in scale_down_order(by_slot.values())]


def test_higher_slots_go_first_all_else_equal(world: World) -> None:
    assert order(world, *[(n, f"n{n}", S.RUNNING) for n in (4, 2, 3, 1)]) == [1, 2, 3, 4]


def test_slots_that_do_not_run_go_before_those_that_do(world: World) -> None:
    entries = [(1, "n1", S.PREPARING), (2, "n2", S.RUNNING), (3, "n3", S.FAILED), (4, "n4", S.RUNNING)]
    assert order(world, *entries) == [2, 4, 1, 3]


def test_crowded_nodes_lose_first(world: World) -> None:
    entries = [
        (1, "n1", S.RUNNING),
        (2, "n1", S.RUNNING),
        (3, "n1", S.RUNNING),
        (4, "n2", S.RUNNING),
        (5, "n3", S.RUNNING),
    ]
    assert order(world, *entries) == [1, 4, 5, 2, 3]


def test_copies_are_counted_among_running_slots_first(world: World) -> None:
    """The one that runs is the node's first copy, although its number is higher."""
    assert order(world, (1, "n1", S.STARTING), (2, "n1", S.RUNNING), (3, "n2", S.RUNNING)) == [2, 3, 1]


def test_slots_without_a_node_or_with_two_tasks_go_before_all(world: World) -> None:
    entries = [
        (1, "n1", S.RUNNING),
        (1, "n1", S.STARTING),
        (2, "", S.PENDING),
        (3, "n1", S.RUNNING),
        (4, "n1", S.RUNNING),
    ]
    assert order(world, *entries) == [3, 4, 1, 2]


def test_scaling_down_over_nodes_leaves_them_even(world: World) -> None:
    for name in ("n2", "n3"):
        world.node(name)
    world.run(ReplicatedOrchestrator)
    world.service(service_spec(replicas=9))
    world.run_all(nodes=("n1", "n1", "n1", "n1", "n1", "n2", "n2", "n2", "n3"))
    world.service(service_spec(replicas=5))
    left = [t.node_id for t in world.wanted()]
    assert {name: left.count(name) for name in ("n1", "n2", "n3")} == {"n1": 2, "n2": 2, "n3": 1}


# --- many tasks: in turns ------------------------------------------------------------------------------------------


def soon(world: World, replicas: int) -> None:
    """A client scales the service after the orchestrator's first turn, and before its last one."""

    def scale() -> None:
        with world.store.transaction("client") as tx:
            service = world.of()
            mode = replace(service.spec.mode, replicated=ReplicatedService(replicas=replicas))
            tx.update(Kind.SERVICE, replace(service, spec=replace(service.spec, mode=mode)))

    world.clock.call_soon(lambda: world.clock.call_soon(scale))


@pytest.mark.parametrize(("first", "then"), [(1000, 950), (1000, 250), (1000, 1200), (1000, 0)])
def test_a_service_that_is_scaled_while_it_is_filled_has_what_was_asked_for_last(
    world: World, first: int, then: int
) -> None:
    world.run(ReplicatedOrchestrator)
    soon(world, then)
    world.service(service_spec(replicas=first))
    assert sorted(task.slot for task in world.wanted()) == list(range(1, then + 1))
    assert max(len(commit.changes) for commit in world.commits) == 200


@pytest.mark.parametrize("then", [0, 100, 700, 1500])
def test_a_service_that_is_scaled_while_it_is_emptied_too(world: World, then: int) -> None:
    world.run(ReplicatedOrchestrator)
    world.service(service_spec(replicas=1000))
    soon(world, then)
    world.service(service_spec(replicas=0))
    wanted = [task.slot for task in world.wanted()]
    assert len(wanted) == len(set(wanted)) == then
    assert max(len(commit.changes) for commit in world.commits) == 200


def test_a_service_that_is_removed_while_it_is_filled_leaves_nothing_wanted(world: World) -> None:
    world.run(ReplicatedOrchestrator)
    world.clock.call_soon(lambda: world.clock.call_soon(lambda: remove(world)))
    world.put(Kind.SERVICE, Service(id="id-web", spec=service_spec(replicas=1000)))
    tasks = world.tables.tasks
    assert 0 < len(tasks) < 1000
    assert {task.desired_state for task in tasks} == {S.REMOVE}


def remove(world: World) -> None:
    with world.store.transaction("client") as tx:
        tx.delete(Kind.SERVICE, world.of().id)
