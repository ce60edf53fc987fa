"""Rolling back (SK: manager/orchestrator/update/updater_test.go)."""

import pytest

from swarmlab.objects import TaskState
from tests.support.rollout import Rollout
from tests.support.world import World

S = TaskState


def roll_back(world: World, rollback_action: str = "pause") -> Rollout:
    """An update of which the second task failed, while one of three slots has not been touched."""
    rollout = Rollout(world, 3, action="rollback", rollback_action=rollback_action)
    rollout.begin()
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


def test_a_rollback_whose_last_slot_fails_is_completed_at_once_if_its_action_is_rollback(world: World) -> None:
    """Upstream pauses it, stops to monitor, and says that it is completed."""
    rollout = Rollout(world, 1, action="rollback", rollback_action="rollback")
    rollout.begin()
    rollout.turn()
    rollout.fail()
    assert rollout.status[0] == "rollback_started"
    rollout.stop()
    world.advance(0.01)
    [again] = [t for t in world.wanted() if t.spec_version == 0 and t.desired_state == S.RUNNING]
    world.report(again, S.RUNNING, node="n1")
    world.report(again, S.FAILED)
    world.advance(0.01)
    assert rollout.status == ("completed", "update completed")


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
