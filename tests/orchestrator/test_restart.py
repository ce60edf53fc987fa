"""When a task is replaced, and when its replacement may start.

After SK: manager/orchestrator/replicated/{restart,drain}_test.go.
"""

import pytest

from swarmlab.objects import Task, TaskState, UpdateStatus
from swarmlab.orchestrator import ReplicatedOrchestrator
from swarmlab.store import Kind
from tests.support.specs import restart, service_spec
from tests.support.world import Loop, World, replace

S = TaskState


def begin(world: World, **policy: object) -> Task:
    """A service with one running task."""
    world.run(ReplicatedOrchestrator)
    world.service(service_spec(policy=restart(**policy)))  # type: ignore[arg-type]
    [task] = world.run_all()
    return task


def replacement(world: World, old: Task) -> Task | None:
    return next((t for t in world.wanted() if t.id != old.id), None)


# --- condition by outcome --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("condition", "end", "replaced"),
    [
        ("any", S.COMPLETE, True),
        ("any", S.FAILED, True),
        ("any", S.SHUTDOWN, True),
        ("any", S.REJECTED, True),
        ("any", S.ORPHANED, True),
        ("", S.COMPLETE, True),
        ("on-failure", S.COMPLETE, False),
        ("on-failure", S.FAILED, True),
        ("on-failure", S.SHUTDOWN, True),
        ("on-failure", S.REJECTED, True),
        ("none", S.COMPLETE, False),
        ("none", S.FAILED, False),
        ("none", S.REJECTED, False),
    ],
)
def test_the_condition_decides_by_the_state_it_ended_in(
    world: World, condition: str, end: TaskState, replaced: bool
) -> None:
    task = begin(world, condition=condition)
    world.report(task, end)
    assert world.get(task).desired_state == S.SHUTDOWN
    new = replacement(world, task)
    assert (new is not None) == replaced
    if new is not None:
        assert (new.slot, new.desired_state, new.state) == (1, S.READY, S.NEW)


def test_a_task_that_was_to_stop_is_not_replaced(world: World) -> None:
    task = begin(world)
    world.service(service_spec(replicas=0))
    world.report(task, S.SHUTDOWN)
    assert replacement(world, task) is None


@pytest.mark.parametrize(("condition", "replaced"), [("any", True), ("on-failure", True), ("none", False)])
@pytest.mark.parametrize("cause", ["drain", "down", "removed"])
def test_losing_the_node_counts_as_the_state_of_that_moment(
    world: World, cause: str, condition: str, replaced: bool
) -> None:
    """The task still runs then: on-failure does replace it, none does not."""
    task = begin(world, condition=condition)
    lose_node(world, cause)
    assert world.get(task).desired_state == S.SHUTDOWN
    assert (replacement(world, task) is not None) == replaced


def lose_node(world: World, cause: str) -> None:
    if cause == "drain":
        world.node("n1", availability="drain")
    elif cause == "down":
        world.node("n1", state="down")
    else:
        world.delete(Kind.NODE, "n1")


@pytest.mark.parametrize("state", ["unknown", "disconnected"])
def test_a_node_that_is_only_unheard_of_keeps_its_tasks(world: World, state: str) -> None:
    task = begin(world)
    world.node("n1", state=state)
    world.advance(120)
    assert world.wanted() == [world.get(task)]


def test_pause_keeps_tasks(world: World) -> None:
    task = begin(world)
    world.node("n1", availability="pause")
    assert world.wanted() == [world.get(task)]


def test_all_tasks_of_a_drained_node_are_replaced_at_once(world: World) -> None:
    world.node("n2")
    world.run(ReplicatedOrchestrator)
    world.service(service_spec(replicas=4))
    world.run_all(nodes=("n1", "n2"))
    world.node("n1", availability="drain")
    states = sorted((t.node_id, t.desired_state) for t in world.tasks())
    assert states == [("", S.READY)] * 2 + [("n1", S.SHUTDOWN)] * 2 + [("n2", S.RUNNING)] * 2


def test_a_task_assigned_to_a_node_that_turned_invalid_is_replaced(world: World) -> None:
    world.node("n2", availability="drain")
    world.run(ReplicatedOrchestrator)
    world.service(service_spec())
    [task] = world.tasks()
    world.report(task, S.ASSIGNED, node="n2")
    assert world.get(task).desired_state == S.SHUTDOWN
    assert len(world.wanted()) == 1


# --- delay -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("delay", "wait"), [(None, 5), (0, 0), (2.5, 2.5), (90, 90)])
def test_a_replacement_is_prepared_at_once_and_released_after_the_delay(
    world: World, delay: float | None, wait: float
) -> None:
    task = begin(world, delay=delay)
    world.report(task, S.FAILED)
    if wait:
        world.advance(wait - 0.01)
        [new] = world.wanted()
        assert new.desired_state == S.READY
    world.advance(0.02)
    [new] = world.wanted()
    assert new.desired_state == S.RUNNING


def test_the_delay_is_the_old_tasks(world: World) -> None:
    """A paused update replaces by the new spec, but the old task's policy says when."""
    world.run(ReplicatedOrchestrator)
    world.service(service_spec(replicas=1, policy=restart(delay=3)))
    [task] = world.run_all()
    with world.change() as tx:
        service = tx.tables.services.by("name", "web")[0]
        new_spec = service_spec(replicas=1, policy=restart(delay=50), image="nginx:2")
        paused = UpdateStatus(state="paused")
        tx.update(Kind.SERVICE, replace(service, spec=new_spec, spec_version=service.version, update_status=paused))
    world.report(task, S.FAILED)
    [new] = world.wanted()
    assert new.spec == new_spec.task_template
    world.advance(3.1)
    assert world.get(new).desired_state == S.RUNNING


def test_drain_has_no_delay_but_waits_for_the_old_task(world: World) -> None:
    task = begin(world)
    world.node("n1", availability="drain")
    new = replacement(world, task)
    assert new is not None
    world.advance(30)
    assert world.get(new).desired_state == S.READY
    world.report(task, S.SHUTDOWN)
    assert world.get(new).desired_state == S.RUNNING


def test_a_minute_is_the_longest_a_replacement_waits_for_the_old_task(world: World) -> None:
    task = begin(world)
    world.node("n1", availability="drain")
    world.advance(59.9)
    new = replacement(world, task)
    assert new is not None
    assert world.get(new).desired_state == S.READY
    world.advance(0.2)
    assert world.get(new).desired_state == S.RUNNING


@pytest.mark.parametrize("cause", ["down", "removed"])
def test_a_waiting_replacement_is_released_when_the_old_node_is_lost(world: World, cause: str) -> None:
    task = begin(world)
    world.node("n1", availability="drain")
    lose_node(world, cause)
    new = replacement(world, task)
    assert new is not None
    assert new.desired_state == S.RUNNING


def test_on_a_node_that_is_down_nobody_waits_for_the_old_task_but_the_delay_applies(world: World) -> None:
    task = begin(world)
    world.node("n1", state="down")
    world.advance(4.9)
    new = replacement(world, task)
    assert new is not None
    assert world.get(new).desired_state == S.READY
    world.advance(0.2)
    assert world.get(new).desired_state == S.RUNNING
    assert world.get(task).state == S.RUNNING


def test_a_replacement_that_fails_during_its_delay_is_not_replaced_before_the_delay_is_over(world: World) -> None:
    """What keeps a missing image from spinning."""
    task = begin(world, delay=5)
    world.report(task, S.FAILED)
    second = replacement(world, task)
    assert second is not None
    world.advance(1)
    world.report(second, S.REJECTED, node="n1")
    world.advance(3.9)
    assert len(world.tasks()) == 2
    world.advance(0.2)
    assert world.get(second).desired_state == S.SHUTDOWN
    [third] = world.wanted()
    assert (len(world.tasks()), third.desired_state) == (3, S.READY)
    world.advance(5)
    assert world.get(third).desired_state == S.RUNNING


def test_a_replacement_that_is_deleted_is_made_anew_and_its_delay_forgotten(world: World) -> None:
    task = begin(world)
    world.report(task, S.FAILED)
    gone = replacement(world, task)
    assert gone is not None
    world.delete(Kind.TASK, gone.id)
    [new] = world.wanted()
    assert (new.desired_state, new.slot) == (S.RUNNING, 1)
    world.advance(10)
    assert len(world.wanted()) == 1


# --- attempts --------------------------------------------------------------------------------------------------------


def fail_until_given_up(world: World, most: int = 10) -> int:
    """Let every task of the slot fail 0.1 s after it runs; return how many tasks there were."""
    for _ in range(most):
        wanted = world.wanted()
        if not wanted:
            break
        [task] = wanted
        world.advance(0.1)
        world.report(task, S.RUNNING, node="n1")
        world.report(task, S.FAILED)
        world.advance(10)
    return len(world.tasks())


@pytest.mark.parametrize("attempts", [1, 2, 3])
def test_n_attempts_allow_n_replacements(world: World, attempts: int) -> None:
    begin(world, delay=1, attempts=attempts)
    assert fail_until_given_up(world) == attempts + 1
    assert world.wanted() == []


def test_no_limit_means_for_ever(world: World) -> None:
    begin(world, delay=1, attempts=0)
    assert fail_until_given_up(world, most=8) == 9


def test_drain_counts_as_an_attempt(world: World) -> None:
    world.node("n2")
    task = begin(world, delay=1, attempts=1)
    world.node("n1", availability="drain")
    [second] = world.wanted()
    world.report(task, S.SHUTDOWN)
    world.report(second, S.RUNNING, node="n2")
    world.report(second, S.FAILED)
    world.advance(20)
    assert world.wanted() == []


def test_each_slot_has_attempts_of_its_own(world: World) -> None:
    world.run(ReplicatedOrchestrator)
    world.service(service_spec(replicas=2, policy=restart(delay=1, attempts=1)))
    for task in world.run_all():
        world.report(task, S.FAILED)
    world.advance(2)
    assert sorted(t.slot for t in world.wanted()) == [1, 2]
    for task in world.run_all():
        world.report(task, S.FAILED)
    assert world.wanted() == []


def test_an_update_begins_a_new_count(world: World) -> None:
    begin(world, delay=1, attempts=1)
    fail_until_given_up(world)
    world.service(service_spec(policy=restart(delay=1, attempts=1), image="nginx:2"))
    world.advance(1)
    assert len(world.wanted()) == 1
    assert fail_until_given_up(world) == 4
    assert world.wanted() == []


def test_only_replacements_within_the_window_count(world: World) -> None:
    """Failures a long time apart never use the attempts up; failures in a row do."""
    begin(world, delay=1, attempts=2, window=60)
    for _ in range(5):
        [task] = world.wanted()
        world.advance(100)
        world.report(task, S.RUNNING, node="n1")
        world.report(task, S.FAILED)
        world.advance(2)
        assert len(world.wanted()) == 1
    assert fail_until_given_up(world) == 7
    assert world.wanted() == []


def test_a_window_no_longer_than_the_delay_never_exhausts_the_attempts(world: World) -> None:
    begin(world, delay=5, attempts=1, window=5)
    assert fail_until_given_up(world, most=6) == 7


# --- starting again --------------------------------------------------------------------------------------------------


def restarted(world: World, loop: Loop) -> None:
    loop.stop()
    world.run(ReplicatedOrchestrator)


@pytest.fixture
def loop_world(world: World) -> tuple[World, Loop]:
    return world, world.run(ReplicatedOrchestrator)


def test_what_is_left_of_a_delay_is_waited_for_after_a_new_start(loop_world: tuple[World, Loop]) -> None:
    world, loop = loop_world
    world.service(service_spec(policy=restart(delay=10)))
    [task] = world.run_all()
    world.report(task, S.FAILED)
    [new] = world.wanted()
    world.advance(6)
    restarted(world, loop)
    world.advance(3.9)
    assert world.get(new).desired_state == S.READY
    world.advance(0.2)
    assert world.get(new).desired_state == S.RUNNING


def test_a_delay_that_passed_meanwhile_is_over(loop_world: tuple[World, Loop]) -> None:
    world, loop = loop_world
    world.service(service_spec(policy=restart(delay=10)))
    [task] = world.run_all()
    world.report(task, S.FAILED)
    [new] = world.wanted()
    loop.stop()
    world.advance(20)
    assert world.get(new).desired_state == S.READY
    world.run(ReplicatedOrchestrator)
    assert world.get(new).desired_state == S.RUNNING


@pytest.mark.parametrize("cause", ["failed", "drain", "down", "removed"])
def test_what_went_wrong_meanwhile_is_put_right(loop_world: tuple[World, Loop], cause: str) -> None:
    world, loop = loop_world
    world.service(service_spec())
    [task] = world.run_all()
    loop.stop()
    if cause == "failed":
        world.report(task, S.FAILED)
    else:
        lose_node(world, cause)
    assert world.get(task).desired_state == S.RUNNING
    world.run(ReplicatedOrchestrator)
    assert world.get(task).desired_state == S.SHUTDOWN
    assert replacement(world, task) is not None


def test_the_attempts_used_are_counted_from_the_tasks_there_are(loop_world: tuple[World, Loop]) -> None:
    world, loop = loop_world
    world.service(service_spec(policy=restart(delay=1, attempts=2)))
    world.run_all()
    [task] = world.wanted()
    world.report(task, S.FAILED)
    world.advance(2)
    restarted(world, loop)
    assert fail_until_given_up(world) == 3
    assert world.wanted() == []
