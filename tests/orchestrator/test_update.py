"""Rolling updates (SK: manager/orchestrator/update/updater_test.go)."""

import pytest

from swarmlab.objects import TaskState, UpdateStatus
from swarmlab.orchestrator import GlobalOrchestrator, ReplicatedOrchestrator
from swarmlab.store import Kind
from tests.support.rollout import Rollout
from tests.support.specs import GLOBAL, restart, service_spec
from tests.support.world import World

S = TaskState


# --- order of things -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("parallelism", "at_once"), [(1, 1), (2, 2), (3, 3), (0, 4), (9, 4)])
def test_parallelism_is_the_number_of_slots_at_once(world: World, parallelism: int, at_once: int) -> None:
    rollout = Rollout(world, parallelism=parallelism)
    rollout.begin()
    seen = 0
    while seen < 4:
        assert len(rollout.new()) - seen == min(at_once, 4 - seen)
        assert len(rollout.old()) == 4 - len(rollout.new())
        seen += len(rollout.turn())
        world.advance(0.01)
    world.advance(6)
    assert rollout.status == ("completed", "update completed")


def test_without_a_limit_all_of_many_slots_are_replaced_at_once(world: World) -> None:
    rollout = Rollout(world, 90, parallelism=0)
    rollout.begin()
    assert len(rollout.new()) == 90


def test_stop_first_releases_the_new_task_when_the_old_one_has_stopped(world: World) -> None:
    rollout = Rollout(world, 1)
    [old] = world.tasks()
    rollout.begin()
    [new] = rollout.new()
    assert (world.get(old).desired_state, new.desired_state, new.slot) == (S.SHUTDOWN, S.READY, old.slot)
    world.advance(30)
    assert world.get(new).desired_state == S.READY
    world.report(old, S.SHUTDOWN)
    world.advance(0.01)
    assert world.get(new).desired_state == S.RUNNING


def test_a_new_task_that_fails_at_once_is_no_reason_to_go_on_before_the_old_one_has_stopped(world: World) -> None:
    rollout = Rollout(world, 2, action="continue")
    rollout.begin()
    [new] = rollout.new()
    world.report(new, S.REJECTED)
    world.advance(3)
    assert len({task.slot for task in rollout.new()}) == 1
    [old] = [task for task in world.tasks(slot=new.slot) if task.id not in {t.id for t in rollout.new()}]
    world.report(old, S.SHUTDOWN)
    world.advance(0.01)
    assert len({task.slot for task in rollout.new()}) == 2


def test_stop_first_waits_a_minute_at_most(world: World) -> None:
    rollout = Rollout(world, 1)
    rollout.begin()
    world.advance(59.9)
    assert rollout.new()[0].desired_state == S.READY
    world.advance(0.2)
    assert rollout.new()[0].desired_state == S.RUNNING


def test_stop_first_creates_and_shuts_down_in_one_transaction(world: World) -> None:
    rollout = Rollout(world, 1)
    rollout.begin()
    [new] = rollout.new()
    [commit] = [c for c in world.commits if any(x.id == new.id and x.old is None for x in c.changes)]
    assert sorted(x.old is None for x in commit.changes) == [False, True]


def test_the_restart_delay_does_not_apply_to_updates(world: World) -> None:
    world.run(ReplicatedOrchestrator)
    world.service(service_spec(policy=restart(delay=3600)))
    [old] = world.run_all()
    world.service(service_spec(policy=restart(delay=3600), image="nginx:2"))
    world.report(old, S.SHUTDOWN)
    world.advance(0.01)
    assert [t.desired_state for t in world.wanted()] == [S.RUNNING]


def test_start_first_stops_the_old_task_when_the_new_one_runs(world: World) -> None:
    rollout = Rollout(world, 1, order="start-first")
    [old] = world.tasks()
    rollout.begin()
    world.advance(0.01)
    [new] = rollout.new()
    assert (world.get(old).desired_state, new.desired_state) == (S.RUNNING, S.RUNNING)
    world.report(new, S.STARTING, node="n1")
    world.advance(300)
    assert world.get(old).desired_state == S.RUNNING
    world.report(new, S.RUNNING)
    assert world.get(old).desired_state == S.SHUTDOWN


def test_start_first_keeps_the_old_task_when_the_new_one_fails(world: World) -> None:
    rollout = Rollout(world, 1, order="start-first")
    [old] = world.tasks()
    rollout.begin()
    world.advance(0.01)
    rollout.fail(S.REJECTED)
    world.advance(20)
    assert world.get(old).desired_state == S.RUNNING
    assert rollout.status[0] == "paused"


def test_a_new_task_that_is_never_placed_blocks_its_worker_for_ever(world: World) -> None:
    rollout = Rollout(world, 2)
    rollout.begin()
    rollout.stop()
    world.advance(24 * 3600)
    assert len(rollout.new()) == 1
    assert rollout.status == ("updating", "update in progress")


# --- delay and monitor -----------------------------------------------------------------------------------------------


def test_each_worker_waits_for_the_delay_after_its_own_slot(world: World) -> None:
    """A pool, not batches: the worker that was done first goes on first."""
    rollout = Rollout(world, 4, parallelism=2, delay=10)
    rollout.begin()
    rollout.stop()
    world.advance(0.01)
    first, second = rollout.new()
    world.report(first, S.RUNNING, node="n1")
    world.advance(4)
    world.report(second, S.RUNNING, node="n1")
    world.advance(5.9)
    assert len(rollout.new()) == 2
    world.advance(0.2)
    assert len(rollout.new()) == 3
    world.advance(3.7)
    assert len(rollout.new()) == 3
    world.advance(0.3)
    assert len(rollout.new()) == 4


@pytest.mark.parametrize(
    ("delay", "monitor", "until_complete"),
    [(0, 0, 5), (0, 2, 2), (3, 5, 8), (5, 5, 11), (8, 2, 17)],
)
def test_completion_comes_after_the_trailing_delay_and_one_monitor_period(
    world: World, delay: float, monitor: float, until_complete: float
) -> None:
    """Which is delay + 1 s when the delay is not shorter. A monitor of 0 means the default of 5 s."""
    rollout = Rollout(world, 1, delay=delay, monitor=monitor)
    rollout.begin()
    rollout.turn()
    world.advance(until_complete - 0.1)
    assert rollout.status[0] == "updating"
    world.advance(0.2)
    assert rollout.status == ("completed", "update completed")


def test_the_status_tells_when_it_began_and_ended(world: World) -> None:
    rollout = Rollout(world, 1)
    assert world.of().update_status is None
    began = world.clock.now()
    rollout.begin()
    status = world.of().update_status
    assert status == UpdateStatus(state="updating", message="update in progress", started_at=began)
    rollout.turn()
    world.advance(6)
    status = world.of().update_status
    assert status is not None
    assert (status.started_at, status.completed_at - began) == (began, 5_010_000_000)


# --- failures --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", [S.COMPLETE, S.SHUTDOWN, S.FAILED, S.REJECTED])
def test_any_early_end_is_a_failure_and_pauses(world: World, state: TaskState) -> None:
    """Exit code 0 within the monitor period included."""
    rollout = Rollout(world, 3)
    rollout.begin()
    rollout.turn()
    culprit = rollout.fail(state)
    assert rollout.status == ("paused", f"update paused due to failure or early termination of task {culprit.id}")
    status = world.of().update_status
    assert status is not None
    assert status.completed_at == 0
    world.advance(100)
    assert len({t.slot for t in rollout.new()}) <= 2, "the worker may finish the slot it holds, no more"


def test_a_failure_before_running_counts_however_late(world: World) -> None:
    rollout = Rollout(world, 1, monitor=1)
    rollout.begin()
    rollout.stop()
    world.advance(1000)
    rollout.fail(S.REJECTED)
    assert rollout.status[0] == "paused"


def test_a_failure_after_the_monitor_period_does_not_count(world: World) -> None:
    rollout = Rollout(world, 2, monitor=2, delay=10)
    rollout.begin()
    [first] = rollout.turn()
    world.advance(2.1)
    world.report(first, S.FAILED)
    assert rollout.status[0] == "updating"


@pytest.mark.parametrize(
    ("failures", "ratio", "state"),
    [(1, 0.0, "paused"), (1, 0.25, "updating"), (2, 0.25, "paused"), (3, 0.8, "updating"), (4, 1.0, "updating")],
)
def test_the_ratio_must_be_exceeded(world: World, failures: int, ratio: float, state: str) -> None:
    rollout = Rollout(world, 4, parallelism=4, ratio=ratio)
    rollout.begin()
    for task in rollout.turn()[:failures]:
        world.report(task, S.FAILED)
    assert rollout.status[0] == state


@pytest.mark.parametrize(("seconds", "state"), [(4, "paused"), (6, "updating")])
def test_nobody_looks_at_failures_while_the_last_slots_are_worked_on(world: World, seconds: int, state: str) -> None:
    """What is then too long after the start is no failure any more."""
    rollout = Rollout(world, 2, parallelism=2)
    rollout.begin()
    rollout.stop()
    world.advance(0.01)
    first, second = rollout.new()
    world.report(first, S.RUNNING, node="n1")
    world.report(first, S.FAILED)
    world.advance(seconds)
    assert rollout.status[0] == "updating"
    world.report(second, S.RUNNING, node="n1")
    world.advance(0.01)
    assert rollout.status[0] == state


def test_a_failure_in_the_last_slot_is_acted_on_when_the_delay_is_over(world: World) -> None:
    rollout = Rollout(world, 1, delay=10)
    rollout.begin()
    rollout.turn()
    rollout.fail()
    world.advance(9.9)
    assert rollout.status[0] == "updating"
    world.advance(0.2)
    assert rollout.status[0] == "paused"


@pytest.mark.parametrize(("seconds", "state"), [(0.9, "paused"), (1.1, "updating")])
def test_after_a_delay_longer_than_the_monitor_period_that_is_the_delay_and_a_second(
    world: World, seconds: float, state: str
) -> None:
    rollout = Rollout(world, 1, delay=8, monitor=2)
    rollout.begin()
    rollout.turn()
    world.advance(8 + seconds)
    rollout.fail()
    assert rollout.status[0] == state


def test_replacements_of_failed_tasks_are_not_counted(world: World) -> None:
    """Only tasks that the updater itself made."""
    rollout = Rollout(world, 2, parallelism=2, ratio=0.5, monitor=60)
    rollout.begin()
    [first, _] = rollout.turn()
    world.report(first, S.FAILED)
    for _ in range(4):
        world.advance(5.1)
        [again] = [t for t in world.wanted() if t.slot == first.slot]
        world.report(again, S.RUNNING, node="n1")
        world.report(again, S.FAILED)
    assert rollout.status[0] == "updating"


def test_continue_looks_at_nothing(world: World) -> None:
    rollout = Rollout(world, 3, action="continue")
    rollout.begin()
    for _ in range(3):
        rollout.turn()
        rollout.fail()
        world.advance(0.01)
    assert len({t.slot for t in rollout.new()}) == 3
    assert rollout.status[0] == "updating"
    world.advance(6)
    assert rollout.status == ("completed", "update completed")


def test_a_paused_update_replaces_what_dies_by_the_new_spec(world: World) -> None:
    rollout = Rollout(world, 3)
    rollout.begin()
    rollout.turn()
    rollout.fail()
    assert rollout.status[0] == "paused"
    old = rollout.old()[0]
    world.report(old, S.FAILED)
    replacement = next(t for t in world.wanted() if t.slot == old.slot)
    assert replacement in rollout.new()


def test_scaling_resumes_a_paused_update(world: World) -> None:
    rollout = Rollout(world, 3)
    rollout.begin()
    rollout.turn()
    rollout.fail()
    world.advance(60)
    untouched = rollout.old()
    assert untouched
    rollout.replicas = 4
    rollout.begin()
    assert rollout.status == ("updating", "update in progress")
    for _ in range(6):
        rollout.turn()
        world.advance(6)
    assert rollout.old() == []
    assert rollout.status == ("completed", "update completed")


def test_any_slot_may_be_the_first() -> None:
    """SwarmKit walks through a Go map (SK: replicated/services.go, reconcile)."""
    firsts = set()
    for _ in range(60):
        world = World()
        world.node("n1")
        rollout = Rollout(world, 3, parallelism=1)
        rollout.begin()
        firsts.add(rollout.new()[0].slot)
    assert firsts == {1, 2, 3}


# --- one updater a service -------------------------------------------------------------------------------------------


def test_a_new_spec_ends_the_update_under_way(world: World) -> None:
    rollout = Rollout(world, 3)
    rollout.begin("nginx:2")
    [half] = rollout.new()
    rollout.begin("nginx:3")
    for _ in range(5):
        rollout.stop()
        world.advance(0.01)
        world.run_all()
        world.advance(0.01)
    world.advance(6)
    images = {t.spec.container_spec.image for t in world.wanted() if t.spec.container_spec}
    assert images == {"nginx:3"}
    assert world.get(half).desired_state == S.SHUTDOWN
    assert rollout.status == ("completed", "update completed")


def test_the_same_spec_again_leaves_the_update_alone(world: World) -> None:
    rollout = Rollout(world, 3, parallelism=1)
    rollout.begin()
    [first] = rollout.new()
    world.put(Kind.SERVICE, world.of())
    rollout.turn()
    world.advance(0.01)
    assert [t.id == first.id for t in rollout.new()] == [True, False]


def test_without_a_configuration_slots_are_updated_one_at_a_time_and_a_failure_pauses(world: World) -> None:
    world.run(ReplicatedOrchestrator)
    world.service(service_spec(replicas=3))
    world.run_all()
    world.service(service_spec(replicas=3, image="nginx:2"))
    [new] = [t for t in world.tasks() if t.desired_state == S.READY]
    world.report(next(t for t in world.tasks(slot=new.slot) if t.id != new.id), S.SHUTDOWN)
    world.advance(0.01)
    world.report(new, S.FAILED, node="n1")
    status = world.of().update_status
    assert status is not None
    assert status.state == "paused"
    assert len([t for t in world.tasks() if t.spec_version == world.of().spec_version]) == 2


def test_going_back_by_hand_reuses_what_still_runs(world: World) -> None:
    rollout = Rollout(world, 3)
    before = [t.id for t in world.tasks()]
    rollout.begin("nginx:2")
    rollout.begin("nginx:1")
    kept = [t.id for t in world.wanted()]
    assert len(set(before) & set(kept)) == 2


def test_a_clean_task_in_a_slot_is_kept_and_the_others_shut_down(world: World) -> None:
    service = world.service(service_spec(image="nginx:2"))
    clean = world.task(service, node="n1", state=S.RUNNING)
    spare = world.task(service, node="n1", state=S.RUNNING)
    world.run(ReplicatedOrchestrator)
    assert [world.get(t).desired_state for t in (clean, spare)] == [S.RUNNING, S.SHUTDOWN]
    assert len(world.tasks()) == 2


def test_a_clean_task_that_is_only_prepared_is_released(world: World) -> None:
    """What the last leader had made is used."""
    world.run(ReplicatedOrchestrator).stop()
    old_service = world.service(service_spec(image="nginx:1"))
    old = world.task(old_service, node="n1", state=S.RUNNING)
    service = world.service(service_spec(image="nginx:2", policy=restart(delay=0)))
    ready = world.task(service, state=S.PENDING, desired=S.READY)
    world.run(ReplicatedOrchestrator)
    world.report(old, S.SHUTDOWN)
    world.advance(0.01)
    assert world.get(ready).desired_state == S.RUNNING
    assert len(world.tasks()) == 2


def test_an_update_of_a_service_that_is_deleted_comes_to_an_end(world: World) -> None:
    rollout = Rollout(world, 3)
    rollout.begin()
    world.delete(Kind.SERVICE, world.of().id)
    rollout.stop()
    world.advance(100)
    assert {t.desired_state for t in world.tasks()} == {S.REMOVE}


# --- global services -------------------------------------------------------------------------------------------------


def test_a_global_service_is_updated_node_by_node(world: World) -> None:
    world.node("n2")
    world.run(GlobalOrchestrator)
    world.service(service_spec(replicas=GLOBAL))
    world.run_all()
    world.service(service_spec(replicas=GLOBAL, image="nginx:2"))
    [new] = [t for t in world.wanted() if t.state == S.NEW]
    [old] = [t for t in world.tasks() if t.desired_state == S.SHUTDOWN]
    assert (new.node_id, new.slot, new.desired_state) == (old.node_id, 0, S.READY)
    world.report(old, S.SHUTDOWN)
    world.advance(0.01)
    world.report(new, S.RUNNING)
    world.advance(0.01)
    assert len([t for t in world.tasks() if t.desired_state == S.SHUTDOWN]) == 2


def test_scaling_down_beside_dead_slots_spares_the_slot_that_is_being_updated(world: World) -> None:
    """A slot that may not be restarted is still there when the update's beginning is heard of."""
    never = restart("none")
    world.run(ReplicatedOrchestrator)
    world.service(service_spec(replicas=3, policy=never))
    first, second, third = world.run_all()
    for task in (first, second):
        world.report(task, S.FAILED, node="n1")
    world.advance(0.01)
    world.service(service_spec(replicas=2, policy=never, image="nginx:2"))
    world.advance(0.01)
    made = [t for t in world.tasks() if t.id not in {first.id, second.id, third.id}]
    assert {t.slot for t in made} <= {first.slot, third.slot}
    assert made
    assert all(t.desired_state <= S.RUNNING for t in made)
