"""Which of the nodes that will do is taken (SK: manager/scheduler/scheduler_test.go, nodeset_test.go)."""

import pytest

from swarmlab.objects import TaskState
from tests.support.placing import nodes, pending, placed
from tests.support.specs import service_spec
from tests.support.world import World

S = TaskState


@pytest.mark.parametrize(("tasks", "count"), [(6, 3), (7, 3), (2, 5), (100, 7)])
def test_a_group_is_spread_evenly(scheduling: World, tasks: int, count: int) -> None:
    nodes(scheduling, count)
    pending(scheduling, tasks)
    scheduling.advance(1)
    numbers = [placed(scheduling).get(f"n{n}", 0) for n in range(1, count + 1)]
    assert (sum(numbers), max(numbers) - min(numbers) <= 1) == (tasks, True)


def test_nodes_with_fewer_tasks_of_the_service_are_filled_up_first(scheduling: World) -> None:
    """Each until the next one in the list is better, then on to that: one pass, which does not level out."""
    nodes(scheduling, 3)
    for slot, node in enumerate(["n1"] * 4 + ["n2"] * 2):
        scheduling.task(scheduling.of(), slot=slot + 1, node=node, state=S.RUNNING)
    pending(scheduling, 6)
    scheduling.advance(1)
    assert placed(scheduling) == {"n2": 3, "n3": 3}


def test_the_total_decides_between_nodes_with_equally_many_of_the_service(scheduling: World) -> None:
    nodes(scheduling, 2)
    other = scheduling.service(service_spec("other"))
    scheduling.task(other, node="n1", state=S.RUNNING)
    pending(scheduling, 1)
    scheduling.advance(1)
    assert placed(scheduling) == {"n2": 1}


def test_the_service_comes_before_the_total(scheduling: World) -> None:
    nodes(scheduling, 2)
    other = scheduling.service(service_spec("other"))
    for slot in range(1, 9):
        scheduling.task(other, slot=slot, node="n1", state=S.RUNNING)
    scheduling.task(scheduling.of(), node="n2", state=S.RUNNING)
    pending(scheduling, 1)
    scheduling.advance(1)
    assert placed(scheduling) == {"n1": 1}


def test_tasks_that_shall_stop_do_not_count(scheduling: World) -> None:
    nodes(scheduling, 2)
    for slot in (1, 2, 3):
        scheduling.task(scheduling.of(), slot=slot, node="n1", state=S.RUNNING, desired=S.SHUTDOWN)
    scheduling.task(scheduling.of(), slot=4, node="n2", state=S.RUNNING)
    pending(scheduling, 1)
    scheduling.advance(1)
    assert placed(scheduling) == {"n1": 1}


def fail(world: World, node: str, times: int, state: TaskState = S.FAILED) -> None:
    for _ in range(times):
        task = world.task(world.of(), slot=99, node=node, state=S.RUNNING)
        world.report(task, state)


@pytest.mark.parametrize(
    ("failures", "state", "avoided"),
    [(4, S.FAILED, False), (5, S.FAILED, True), (5, S.REJECTED, True), (5, S.COMPLETE, False), (5, S.SHUTDOWN, False)],
)
def test_five_recent_failures_make_a_node_avoided(
    scheduling: World, failures: int, state: TaskState, avoided: bool
) -> None:
    nodes(scheduling, 2)
    scheduling.task(scheduling.of(), node="n2", state=S.RUNNING)
    fail(scheduling, "n1", failures, state)
    pending(scheduling, 1)
    scheduling.advance(1)
    assert placed(scheduling) == {"n2" if avoided else "n1": 1}


def test_failures_are_forgotten_after_five_minutes(scheduling: World) -> None:
    nodes(scheduling, 2)
    scheduling.task(scheduling.of(), node="n2", state=S.RUNNING)
    fail(scheduling, "n1", 5)
    scheduling.advance(301)
    pending(scheduling, 1)
    scheduling.advance(1)
    assert placed(scheduling) == {"n1": 1}


def test_failures_of_another_spec_do_not_count(scheduling: World) -> None:
    nodes(scheduling, 2)
    scheduling.task(scheduling.of(), node="n2", state=S.RUNNING)
    fail(scheduling, "n1", 5)
    scheduling.service(service_spec(image="nginx:2"))
    pending(scheduling, 1)
    scheduling.advance(1)
    assert placed(scheduling) == {"n1": 1}


def test_where_all_nodes_fail_the_one_that_failed_less_is_taken(scheduling: World) -> None:
    nodes(scheduling, 2)
    fail(scheduling, "n1", 7)
    fail(scheduling, "n2", 6)
    pending(scheduling, 1)
    scheduling.advance(1)
    assert placed(scheduling) == {"n2": 1}
