"""Rolling updates (SK: manager/orchestrator/update/updater_test.go)."""

import pytest

from swarmlab.objects import ServiceSpec, Task, TaskState, UpdateStatus
from swarmlab.orchestrator import GlobalOrchestrator, ReplicatedOrchestrator
from swarmlab.store import Kind
from tests.support.specs import GLOBAL, restart, service_spec, update
from tests.support.world import World, replace

S = TaskState


class Rollout:
    """A service whose tasks run, and an agent that the test plays: `stop` and `start` do what is asked of tasks."""

    def __init__(self, world: World, replicas: int = 4, **config: object) -> None:
        self.world = world
        self.config = update(**config)  # type: ignore[arg-type]
        self.replicas = replicas
        world.run(ReplicatedOrchestrator)
        world.service(self.spec("nginx:1"))
        world.run_all()

    def spec(self, image: str) -> ServiceSpec:
        return service_spec(replicas=self.replicas, image=image, update_config=self.config)

    def begin(self, image: str = "nginx:2") -> None:
        self.world.service(self.spec(image))

    def new(self, image: str = "nginx:2") -> list[Task]:
        return [t for t in self.world.tasks() if t.spec.container_spec and t.spec.container_spec.image == image]

    def old(self) -> list[Task]:
        return [t for t in self.world.wanted() if t not in self.new() and t.state == S.RUNNING]

    def stop(self) -> None:
        """Every task that shall stop does."""
        for task in self.world.tasks():
            if task.desired_state >= S.SHUTDOWN and not task.state.terminal:
                self.world.report(task, S.SHUTDOWN)

    def turn(self) -> list[Task]:
        """What shall stop stops, what shall run runs; return the tasks that began to."""
        self.stop()
        self.world.advance(0.01)
        begun = [t for t in self.new() if t.desired_state == S.RUNNING and t.state < S.RUNNING]
        for task in begun:
            self.world.report(task, S.RUNNING, node="n1")
        return begun

    @property
    def status(self) -> tuple[str, str]:
        status = self.world.of().update_status
        return (status.state, status.message) if status is not None else ("", "")

    def fail(self, state: TaskState = S.FAILED) -> Task:
        """The newest task of the update ends."""
        return self.world.report(self.new()[-1], state, node="n1")


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


# --- rolling back ----------------------------------------------------------------------------------------------------


def roll_back(world: World, rollback_action: str = "pause") -> Rollout:
    """An update whose first task failed, with two of four slots touched."""
    world.run(ReplicatedOrchestrator)
    rollout = Rollout.__new__(Rollout)
    rollout.world, rollout.replicas = world, 3
    rollout.config = update(action="rollback")
    for image in ("nginx:1", "nginx:2"):
        spec = rollout.spec(image)
        world.service(replace(spec, rollback_config=update(action=rollback_action)))
        if image == "nginx:1":
            world.run_all()
    rollout.turn()
    world.advance(0.01)
    rollout.fail()
    return rollout


def test_a_failed_update_rolls_back_by_itself(world: World) -> None:
    rollout = roll_back(world)
    culprit = rollout.new()[-1]
    message = f"update rolled back due to failure or early termination of task {culprit.id}"
    assert rollout.status == ("rollback_started", message)
    service = world.of()
    assert (service.previous_spec, service.spec_version) == (None, 0)
    for _ in range(8):
        rollout.stop()
        world.advance(0.01)
        world.run_all()
        world.advance(1)
    world.advance(6)
    assert rollout.status == ("rollback_completed", "rollback completed")
    assert [t.spec_version for t in world.wanted()] == [0, 0, 0]
    status = world.of().update_status
    assert status is not None
    assert status.completed_at > 0


def test_tasks_of_the_old_spec_that_still_run_are_left_alone_by_a_rollback(world: World) -> None:
    rollout = roll_back(world)
    kept = [t.id for t in world.wanted() if t.spec_version == 0 and t.state == S.RUNNING]
    assert kept
    for _ in range(8):
        rollout.stop()
        world.advance(0.01)
        world.run_all()
        world.advance(1)
    assert [t.desired_state for t in map(world.get, kept)] == [S.RUNNING] * len(kept)


@pytest.mark.parametrize(
    ("action", "text"), [("pause", "update paused due to"), ("rollback", "rollback paused due to")]
)
def test_a_rollback_that_fails_is_paused_never_rolled_back(world: World, action: str, text: str) -> None:
    rollout = roll_back(world, action)
    rollout.stop()
    world.advance(0.01)
    [again] = [
        t for t in world.wanted() if t.state < S.RUNNING and t.desired_state == S.RUNNING and t.spec_version == 0
    ]
    world.report(again, S.REJECTED, node="n1")
    cause = f"failure or early termination of task {again.id}"
    assert rollout.status == ("rollback_paused", f"{text} {cause}")


def test_a_rollback_whose_action_is_rollback_ends_as_completed_all_the_same(world: World) -> None:
    """Upstream goes on monitoring and then overwrites the state."""
    test_a_rollback_that_fails_is_paused_never_rolled_back(world, "rollback", "rollback paused due to")
    world.advance(30)
    status = world.of().update_status
    assert status is not None
    assert (status.state, status.message) == ("completed", "update completed")


def test_a_slot_that_was_restarted_since_the_update_began_is_not_replaced_twice(world: World) -> None:
    """The restart supervisor's replacement has the new spec already."""
    rollout = Rollout(world, 2)
    rollout.begin()
    waiting = rollout.old()[0]
    world.report(waiting, S.FAILED)
    [restarted] = [t for t in world.wanted() if t.slot == waiting.slot]
    rollout.turn()
    world.advance(0.01)
    assert [t for t in world.wanted() if t.slot == waiting.slot] == [world.get(restarted)]
    assert len(world.tasks(slot=waiting.slot)) == 2


# --- one updater a service -------------------------------------------------------------------------------------------


def test_a_new_spec_ends_the_update_under_way(world: World) -> None:
    rollout = Rollout(world, 3)
    rollout.begin("nginx:2")
    [half] = rollout.new()
    rollout.begin("nginx:3")
    assert world.get(half).desired_state == S.SHUTDOWN
    for _ in range(5):
        rollout.stop()
        world.advance(0.01)
        world.run_all()
        world.advance(0.01)
    world.advance(6)
    images = {t.spec.container_spec.image for t in world.wanted() if t.spec.container_spec}
    assert images == {"nginx:3"}
    assert rollout.status == ("completed", "update completed")


def test_going_back_by_hand_reuses_what_still_runs(world: World) -> None:
    rollout = Rollout(world, 3)
    before = [t.id for t in world.tasks()]
    rollout.begin("nginx:2")
    rollout.begin("nginx:1")
    kept = [t.id for t in world.wanted()]
    assert set(before[1:]) < set(kept)


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
