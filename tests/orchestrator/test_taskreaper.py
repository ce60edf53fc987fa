"""How much history stays (SK: manager/orchestrator/taskreaper/task_reaper_test.go)."""

import pytest

from swarmlab.objects import Task, TaskState
from swarmlab.orchestrator import TaskReaper
from swarmlab.store import Kind
from tests.support.specs import GLOBAL, restart, service_spec
from tests.support.world import World, replace

S = TaskState


@pytest.fixture
def reaping(world: World) -> World:
    world.cluster(history=3)
    world.run(TaskReaper)
    world.service(service_spec())
    return world


def history(world: World, ended: int, *, slot: int = 1, node: str = "n1") -> list[Task]:
    """Tasks of one slot that ended one after the other, and one that runs."""
    made = []
    for _ in range(ended):
        world.advance(1)
        made.append(world.task(world.of(), slot=slot, node=node, state=S.FAILED, desired=S.SHUTDOWN))
    world.advance(1)
    return [*made, world.task(world.of(), slot=slot, node=node, state=S.RUNNING)]


def left(world: World) -> list[str]:
    return [t.id for t in world.tasks()]


@pytest.mark.parametrize(("limit", "kept"), [(3, 3), (1, 1), (5, 5), (0, 1), (-1, 8)])
def test_the_limit_counts_the_running_task_too(world: World, limit: int, kept: int) -> None:
    """A running task is never deleted; a negative limit keeps everything."""
    world.cluster(history=limit)
    world.run(TaskReaper)
    world.service(service_spec())
    made = history(world, 7)
    world.advance(1)
    assert left(world) == [t.id for t in made[-kept:]]


def test_without_a_setting_the_limit_is_five(world: World) -> None:
    world.cluster(history=None)
    world.run(TaskReaper)
    world.service(service_spec())
    made = history(world, 7)
    world.advance(1)
    assert left(world) == [t.id for t in made[-5:]]


@pytest.mark.parametrize(("attempts", "kept"), [(1, 2), (6, 7), (0, 3)])
def test_max_attempts_sets_the_limit_larger_or_smaller(reaping: World, attempts: int, kept: int) -> None:
    reaping.service(service_spec(policy=restart(attempts=attempts)))
    made = history(reaping, 9)
    reaping.advance(1)
    assert left(reaping) == [t.id for t in made[-kept:]]


def test_the_oldest_by_the_managers_clock_goes_first(reaping: World) -> None:
    now = reaping.clock.now()
    tasks = [
        reaping.task(reaping.of(), node="n1", state=S.FAILED, desired=S.SHUTDOWN, applied_at=now - age)
        for age in (1, 9, 5)
    ]
    reaping.task(reaping.of(), node="n1", state=S.RUNNING)
    reaping.advance(1)
    assert set(left(reaping)).isdisjoint({tasks[1].id})
    assert len(left(reaping)) == 3


def test_each_slot_has_a_limit_of_its_own(reaping: World) -> None:
    history(reaping, 2, slot=1)
    history(reaping, 5, slot=2)
    reaping.advance(1)
    assert [len(reaping.tasks(slot=n)) for n in (1, 2)] == [3, 3]


def test_global_services_have_one_on_each_node(reaping: World) -> None:
    reaping.service(service_spec("agent", replicas=GLOBAL))
    service = reaping.of("agent")
    for node in ("n1", "n2"):
        for _ in range(5):
            reaping.advance(1)
            reaping.task(service, slot=0, node=node, state=S.FAILED, desired=S.SHUTDOWN)
    reaping.advance(1)
    assert sorted(t.node_id for t in reaping.tasks("agent")) == ["n1"] * 3 + ["n2"] * 3


def test_it_works_a_quarter_of_a_second_after_the_first_event(reaping: World) -> None:
    for _ in range(5):
        reaping.task(reaping.of(), node="n1", state=S.FAILED, desired=S.SHUTDOWN)
    reaping.advance(0.24)
    assert len(left(reaping)) == 5
    reaping.advance(0.02)
    assert len(left(reaping)) == 3


def test_any_news_of_tasks_begins_the_quarter_second(reaping: World) -> None:
    live = reaping.task(reaping.of(), slot=2, node="n1", state=S.STARTING)
    reaping.advance(1)
    reaping.report(live, S.RUNNING)
    reaping.advance(0.2)
    for _ in range(5):
        reaping.task(reaping.of(), node="n1", state=S.FAILED, desired=S.SHUTDOWN)
    reaping.advance(0.06)
    assert len(left(reaping)) == 1 + 3


def test_more_than_a_thousand_are_dealt_with_at_once(reaping: World) -> None:
    with reaping.change() as tx:
        for number in range(1001):
            tx.create(
                Kind.TASK,
                Task(
                    id=f"t{number}", spec=reaping.of().spec.task_template, service_id=reaping.of().id, slot=number + 1
                ),
            )
    with reaping.change() as tx:
        for task in reaping.tasks():
            tx.update(Kind.TASK, replace(task, desired_state=S.REMOVE))
    assert left(reaping) == []


def test_tasks_that_will_never_run_are_history_too(reaping: World) -> None:
    made = [reaping.task(reaping.of(), state=S.PENDING, desired=S.SHUTDOWN) for _ in range(4)]
    reaping.advance(1)
    assert len(left(reaping)) == 3
    assert set(left(reaping)) < {t.id for t in made}


def test_live_tasks_are_skipped_but_counted(reaping: World) -> None:
    for _ in range(3):
        reaping.task(reaping.of(), node="n1", state=S.RUNNING, desired=S.SHUTDOWN)
    ended = reaping.task(reaping.of(), node="n1", state=S.FAILED, desired=S.SHUTDOWN)
    reaping.advance(1)
    assert (len(left(reaping)), ended.id in left(reaping)) == (3, False)


def test_a_slot_with_several_live_tasks_is_looked_at_again(reaping: World) -> None:
    stopping = [reaping.task(reaping.of(), node="n1", state=S.RUNNING, desired=S.SHUTDOWN) for _ in range(5)]
    reaping.advance(1)
    assert len(left(reaping)) == 5
    for task in stopping[:2]:
        reaping.report(task, S.SHUTDOWN)
    reaping.task(reaping.of(), slot=2, node="n1", state=S.RUNNING)
    reaping.advance(1)
    assert len(reaping.tasks(slot=1)) == 3


def test_lowering_the_limit_cleans_nothing_until_a_task_is_made_in_the_slot(world: World) -> None:
    world.cluster(history=5)
    world.run(TaskReaper)
    world.service(service_spec())
    history(world, 4)
    world.advance(1)
    world.cluster(history=2)
    world.advance(60)
    assert len(left(world)) == 5
    world.task(world.of(), node="n1", state=S.RUNNING)
    world.advance(1)
    assert len(left(world)) == 2


@pytest.mark.parametrize(
    ("state", "deleted"),
    [
        (S.NEW, True),
        (S.PENDING, True),
        (S.ASSIGNED, False),
        (S.RUNNING, False),
        (S.COMPLETE, True),
        (S.SHUTDOWN, True),
        (S.FAILED, True),
        (S.ORPHANED, True),
    ],
)
@pytest.mark.parametrize("before_the_start", [True, False])
def test_removal_leaves_no_history(world: World, state: TaskState, deleted: bool, before_the_start: bool) -> None:
    world.cluster()
    if not before_the_start:
        world.run(TaskReaper)
    world.service(service_spec())
    task = world.task(world.of(), node="n1", state=state, desired=S.REMOVE)
    if before_the_start:
        world.run(TaskReaper)
    else:
        world.report(task, state)
    world.advance(1)
    assert (task.id not in world.tables.tasks) == deleted


def test_what_is_to_be_removed_goes_when_it_has_stopped(reaping: World) -> None:
    task = reaping.task(reaping.of(), node="n1", state=S.RUNNING, desired=S.REMOVE)
    reaping.advance(3600)
    assert task.id in left(reaping)
    reaping.report(task, S.SHUTDOWN)
    reaping.advance(1)
    assert task.id not in left(reaping)


def test_orphans_without_a_service_go_and_those_with_one_stay_as_history(reaping: World) -> None:
    lonely = reaping.task(None, node="n1", state=S.RUNNING)
    served = reaping.task(reaping.of(), node="n1", state=S.RUNNING, desired=S.SHUTDOWN)
    for task in (lonely, served):
        reaping.report(task, S.ORPHANED)
    reaping.advance(1)
    assert lonely.id not in reaping.tables.tasks
    assert served.id in reaping.tables.tasks


def test_a_stopped_reaper_deletes_nothing(world: World) -> None:
    world.cluster(history=1)
    reaper = world.run(TaskReaper)
    world.service(service_spec())
    history(world, 3)
    before = left(world)
    world.task(world.of(), node="n1", state=S.FAILED, desired=S.SHUTDOWN)
    reaper.stop()
    world.advance(60)
    assert len(left(world)) == len(before) + 1
