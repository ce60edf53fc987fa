"""When a job is looked at, and what comes of it (SK: manager/orchestrator/jobs/orchestrator_test.go)."""

from typing import Any

import pytest

from swarmlab.objects import Service, ServiceSpec, Task, TaskState
from swarmlab.objects.service import GlobalJob, JobStatus, ReplicatedJob, ServiceMode
from swarmlab.orchestrator import JobsOrchestrator
from swarmlab.store import Kind
from tests.support.specs import GLOBAL, restart, service_spec
from tests.support.world import World, replace

S = TaskState
EVERYWHERE = ServiceMode(global_job=GlobalJob())


def times(total: int, concurrent: int | None = None) -> ServiceMode:
    most = total if concurrent is None else concurrent
    return ServiceMode(replicated_job=ReplicatedJob(max_concurrent=most, total_completions=total))


def job_spec(mode: ServiceMode, **rest: Any) -> ServiceSpec:
    return replace(service_spec("job", **rest), mode=mode)


def run_job(world: World, mode: ServiceMode, **rest: Any) -> Service:
    """A new job, or a client's update of it: that is a new run."""
    spec = job_spec(mode, **rest)
    known = next(iter(world.tables.services.by("name", "job")), None)
    if known is None:
        world.put(Kind.SERVICE, Service(id="id-job", spec=spec, job_status=JobStatus()))
    else:
        assert known.job_status is not None
        run = JobStatus(job_iteration=known.job_status.job_iteration + 1)
        world.put(Kind.SERVICE, replace(known, spec=spec, spec_version=known.version, job_status=run))
    return world.of("job")


def touch(world: World) -> None:
    """The service changes, but the run stays the same, as when the allocator writes it."""
    world.put(Kind.SERVICE, world.of("job"))


def rows(world: World) -> list[tuple[int, TaskState, TaskState]]:
    return sorted((t.slot, t.state, t.desired_state) for t in world.tasks("job"))


def wanted(world: World) -> list[Task]:
    """Tasks that shall complete, or be ready to begin, and have not ended."""
    return [t for t in world.tasks("job") if t.desired_state <= S.COMPLETE and not t.state.terminal]


def end(world: World, *ends: tuple[Task, TaskState]) -> None:
    """Tasks end together: in one transaction, as the dispatcher writes what was reported within a tenth of a second."""
    with world.change() as tx:
        for task, state in ends:
            known = world.get(task)
            now = world.clock.now()
            status = replace(known.status, state=state, timestamp=now, applied_at=now)
            tx.update(Kind.TASK, replace(known, status=status))


@pytest.fixture
def jobs(world: World) -> World:
    world.run(JobsOrchestrator)
    return world


# --- a run -----------------------------------------------------------------------------------------------------------


def test_a_new_job_gets_tasks_that_shall_complete(jobs: World) -> None:
    run_job(jobs, times(3, 2))
    assert rows(jobs) == [(0, S.NEW, S.COMPLETE), (1, S.NEW, S.COMPLETE)]
    [first, _] = jobs.tasks("job")
    assert (first.status.message, first.job_iteration, first.spec_version) == ("created", 0, 0)


def test_a_task_in_slot_zero_is_named_after_its_node(jobs: World) -> None:
    run_job(jobs, times(2))
    zero, one = (jobs.report(t, S.RUNNING, node="n1") for t in jobs.tasks("job"))
    assert [zero.name, one.name] == [f"job.n1.{zero.id}", f"job.1.{one.id}"]


def test_each_completion_makes_room_for_the_next_until_all_are_done(jobs: World) -> None:
    run_job(jobs, times(4, 2))
    zero, one = jobs.tasks("job")
    jobs.report(one, S.COMPLETE)
    assert [t.slot for t in wanted(jobs)] == [0, 2]
    jobs.report(zero, S.COMPLETE)
    assert [t.slot for t in wanted(jobs)] == [2, 3]
    for task in wanted(jobs):
        jobs.report(task, S.COMPLETE)
    assert rows(jobs) == [(n, S.COMPLETE, S.COMPLETE) for n in range(4)]


def test_tasks_that_only_get_on_are_no_news(jobs: World) -> None:
    run_job(jobs, times(2, 1))
    [task] = jobs.tasks("job")
    for state in (S.PENDING, S.ASSIGNED, S.RUNNING):
        before = jobs.store.index
        jobs.report(task, state, node="n1")
        assert jobs.store.index == before + 1


def test_a_global_job_completes_on_each_node(jobs: World) -> None:
    jobs.node("n2")
    run_job(jobs, EVERYWHERE)
    tasks = jobs.tasks("job")
    assert sorted(t.node_id for t in tasks) == ["n1", "n2"]
    assert {(t.slot, t.desired_state, t.job_iteration) for t in tasks} == {(0, S.COMPLETE, 0)}
    for task in tasks:
        jobs.report(task, S.COMPLETE)
    touch(jobs)
    assert [(t.state, t.desired_state) for t in jobs.tasks("job")] == [(S.COMPLETE, S.COMPLETE)] * 2


@pytest.mark.parametrize("mode", [times(2), EVERYWHERE])
def test_jobs_that_were_there_before_are_reconciled_at_the_start(world: World, mode: ServiceMode) -> None:
    world.node("n2")
    run_job(world, mode)
    assert rows(world) == []
    world.run(JobsOrchestrator)
    assert len(wanted(world)) == 2


@pytest.mark.parametrize("replicas", [2, GLOBAL])
def test_services_that_are_no_jobs_are_somebody_elses(jobs: World, replicas: int) -> None:
    service = jobs.service(service_spec(replicas=replicas))
    task = jobs.task(service, node="n1", state=S.RUNNING)
    jobs.report(task, S.FAILED)
    assert [(t.id, t.desired_state) for t in jobs.tasks()] == [(task.id, S.RUNNING)]
    jobs.delete(Kind.SERVICE, service.id)
    assert jobs.get(task).desired_state == S.RUNNING


def test_a_large_job_is_made_in_transactions_of_two_hundred(jobs: World) -> None:
    run_job(jobs, times(450))
    sizes = [len(c.changes) for c in jobs.commits if c.actor.loop == "jobs orchestrator"]
    assert sizes == [200, 200, 50]
    assert sorted(t.slot for t in jobs.tasks("job")) == list(range(450))


# --- the next run ----------------------------------------------------------------------------------------------------


def test_any_update_runs_a_replicated_job_again_and_leaves_finished_tasks_as_history(jobs: World) -> None:
    run_job(jobs, times(3, 2))
    zero, one = jobs.tasks("job")
    jobs.report(zero, S.COMPLETE)
    run_job(jobs, times(3, 2), labels={"a": "b"})
    old = [(t.slot, t.state, t.desired_state) for t in jobs.tasks("job") if t.job_iteration == 0]
    assert sorted(old) == [(0, S.COMPLETE, S.COMPLETE), (1, S.NEW, S.REMOVE), (2, S.NEW, S.REMOVE)]
    assert [(t.slot, t.job_iteration) for t in wanted(jobs)] == [(0, 1), (1, 1)]
    before = len(jobs.tasks("job"))
    jobs.report(one, S.SHUTDOWN)
    assert len(jobs.tasks("job")) == before, "the end of a task of the last run is no news"


def test_any_update_runs_a_global_job_again_and_removes_finished_tasks(jobs: World) -> None:
    run_job(jobs, EVERYWHERE)
    [task] = jobs.tasks("job")
    jobs.report(task, S.COMPLETE)
    run_job(jobs, EVERYWHERE)
    assert jobs.get(task).desired_state == S.REMOVE
    assert [(t.node_id, t.job_iteration) for t in wanted(jobs)] == [("n1", 1)]


@pytest.mark.parametrize("mode", [times(2), EVERYWHERE])
def test_all_tasks_of_a_deleted_job_are_removed(jobs: World, mode: ServiceMode) -> None:
    run_job(jobs, mode)
    jobs.report(jobs.tasks("job")[0], S.COMPLETE)
    jobs.delete(Kind.SERVICE, "id-job")
    assert {t.desired_state for t in jobs.tasks("job")} == {S.REMOVE}


# --- failures --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("mode", "slot"), [(times(2), 0), (times(2), 1), (EVERYWHERE, 0)])
def test_a_failed_task_is_replaced_in_its_place_after_the_delay(jobs: World, mode: ServiceMode, slot: int) -> None:
    run_job(jobs, mode, policy=restart(delay=3))
    run_job(jobs, mode, policy=restart(delay=3))
    failed = next(t for t in wanted(jobs) if t.slot == slot)
    jobs.report(failed, S.FAILED)
    assert jobs.get(failed).desired_state == S.SHUTDOWN
    [new] = [t for t in wanted(jobs) if t.desired_state == S.READY]
    assert (new.slot, new.node_id, new.job_iteration) == (slot, failed.node_id, 1)
    jobs.advance(2.9)
    assert jobs.get(new).desired_state == S.READY
    jobs.advance(0.2)
    assert jobs.get(new).desired_state == S.COMPLETE


@pytest.mark.parametrize(
    ("condition", "state", "replaced"),
    [
        ("any", S.FAILED, True),
        ("any", S.REJECTED, True),
        ("any", S.ORPHANED, True),
        ("any", S.COMPLETE, False),
        ("on-failure", S.FAILED, True),
        ("on-failure", S.COMPLETE, False),
        ("none", S.FAILED, False),
        ("none", S.COMPLETE, False),
    ],
)
@pytest.mark.parametrize("mode", [times(1), EVERYWHERE])
def test_any_means_on_failure(jobs: World, mode: ServiceMode, condition: str, state: TaskState, replaced: bool) -> None:
    run_job(jobs, mode, policy=restart(condition))
    [task] = jobs.tasks("job")
    jobs.report(task, state)
    assert bool(wanted(jobs)) == replaced
    assert jobs.get(task).desired_state == (S.COMPLETE if state == S.COMPLETE else S.SHUTDOWN)


def fail_until_given_up(world: World, most: int = 8) -> int:
    """Let every task fail as soon as it may run; return how many there were."""
    for _ in range(most):
        for task in wanted(world):
            world.report(task, S.FAILED)
        world.advance(6)
    return len(world.tasks("job"))


@pytest.mark.parametrize("attempts", [1, 2])
def test_n_attempts_allow_n_replacements(jobs: World, attempts: int) -> None:
    run_job(jobs, times(1), policy=restart(attempts=attempts))
    assert fail_until_given_up(jobs) == attempts + 1
    assert wanted(jobs) == []


def test_a_global_job_is_replaced_for_ever_whatever_its_attempts(jobs: World) -> None:
    run_job(jobs, EVERYWHERE, policy=restart(attempts=1))
    assert fail_until_given_up(jobs, most=6) == 7


def test_a_new_run_has_all_its_attempts(jobs: World) -> None:
    run_job(jobs, times(1), policy=restart(attempts=1))
    fail_until_given_up(jobs)
    run_job(jobs, times(1), policy=restart(attempts=1))
    assert fail_until_given_up(jobs) == 4


def test_a_deleted_job_leaves_no_count_of_attempts(jobs: World) -> None:
    run_job(jobs, times(1), policy=restart(attempts=1))
    fail_until_given_up(jobs)
    jobs.delete(Kind.SERVICE, "id-job")
    for task in jobs.tasks("job"):
        jobs.delete(Kind.TASK, task.id)
    run_job(jobs, times(1), policy=restart(attempts=1))
    assert fail_until_given_up(jobs) == 2


def test_a_place_that_was_given_up_is_filled_when_the_service_changes(jobs: World) -> None:
    run_job(jobs, times(1), policy=restart("none"))
    [task] = jobs.tasks("job")
    jobs.report(task, S.FAILED)
    jobs.advance(60)
    assert wanted(jobs) == []
    touch(jobs)
    assert [(t.slot, t.desired_state) for t in wanted(jobs)] == [(0, S.COMPLETE)]


def test_a_place_that_was_given_up_is_filled_when_another_task_of_the_job_ends(jobs: World) -> None:
    run_job(jobs, times(2), policy=restart("none"))
    zero, one = jobs.tasks("job")
    jobs.report(zero, S.FAILED)
    assert [t.slot for t in wanted(jobs)] == [1]
    jobs.report(one, S.COMPLETE)
    assert [t.slot for t in wanted(jobs)] == [0]


def test_a_place_that_was_given_up_stays_empty_while_other_tasks_only_get_on(jobs: World) -> None:
    run_job(jobs, times(2), policy=restart("none"))
    zero, one = jobs.tasks("job")
    jobs.report(zero, S.FAILED)
    jobs.report(one, S.RUNNING)
    assert [t.slot for t in wanted(jobs)] == [1]


def test_two_tasks_that_are_given_up_together_are_both_replaced(jobs: World) -> None:
    """The first end gives both up, the second finds their places free: a condition of none never stops such a job."""
    run_job(jobs, times(2), policy=restart("none"))
    zero, one = jobs.tasks("job")
    end(jobs, (zero, S.FAILED), (one, S.FAILED))
    assert [(t.slot, t.desired_state) for t in wanted(jobs)] == [(0, S.COMPLETE), (1, S.COMPLETE)]


def test_many_tasks_that_end_together_are_replaced_once_each(jobs: World) -> None:
    run_job(jobs, times(40, 20))
    end(jobs, *((t, S.COMPLETE if t.slot % 2 else S.FAILED) for t in jobs.tasks("job")))
    slots = sorted(t.slot for t in wanted(jobs))
    assert slots == [*range(0, 20, 2), *range(20, 30)]


def test_a_replacement_that_is_rejected_during_its_delay_is_replaced_when_the_delay_is_over(jobs: World) -> None:
    """What keeps a missing image from spinning."""
    run_job(jobs, times(1), policy=restart(delay=5))
    [first] = jobs.tasks("job")
    jobs.report(first, S.REJECTED)
    [second] = wanted(jobs)
    jobs.advance(1)
    jobs.report(second, S.REJECTED)
    jobs.advance(3.9)
    assert len(jobs.tasks("job")) == 2
    jobs.advance(0.2)
    assert jobs.get(second).desired_state == S.SHUTDOWN
    assert [t.desired_state for t in wanted(jobs)] == [S.READY]


# --- starting again --------------------------------------------------------------------------------------------------


def test_after_a_stop_nothing_happens(world: World) -> None:
    loop = world.run(JobsOrchestrator)
    run_job(world, times(2, 1), policy=restart(delay=5))
    [task] = world.tasks("job")
    world.report(task, S.FAILED)
    [new] = wanted(world)
    loop.stop()
    world.advance(20)
    world.report(new, S.REJECTED)
    assert rows(world) == [(0, S.FAILED, S.SHUTDOWN), (0, S.REJECTED, S.READY)]


def test_what_is_left_of_a_delay_is_waited_for_after_a_new_start(world: World) -> None:
    loop = world.run(JobsOrchestrator)
    run_job(world, times(1), policy=restart(delay=10))
    world.report(world.tasks("job")[0], S.FAILED)
    [new] = wanted(world)
    world.advance(6)
    loop.stop()
    world.run(JobsOrchestrator)
    world.advance(3.9)
    assert world.get(new).desired_state == S.READY
    world.advance(0.2)
    assert world.get(new).desired_state == S.COMPLETE


@pytest.mark.parametrize("mode", [times(1), EVERYWHERE])
def test_a_task_that_failed_meanwhile_is_replaced(world: World, mode: ServiceMode) -> None:
    loop = world.run(JobsOrchestrator)
    run_job(world, mode)
    [task] = world.tasks("job")
    loop.stop()
    world.report(task, S.FAILED)
    world.run(JobsOrchestrator)
    assert world.get(task).desired_state == S.SHUTDOWN
    assert [t.desired_state for t in wanted(world)] == [S.READY]


@pytest.mark.parametrize("lost", ["drain", "down", "removed"])
def test_at_the_start_a_global_jobs_task_on_a_lost_node_is_shut_down(world: World, lost: str) -> None:
    loop = world.run(JobsOrchestrator)
    run_job(world, EVERYWHERE)
    [task] = world.tasks("job")
    world.report(task, S.RUNNING)
    loop.stop()
    if lost == "removed":
        world.delete(Kind.NODE, "n1")
    elif lost == "down":
        world.node("n1", state="down")
    else:
        world.node("n1", availability="drain")
    world.run(JobsOrchestrator)
    assert world.get(task).desired_state == S.SHUTDOWN
    assert wanted(world) == []


def test_at_the_start_a_task_on_a_lost_node_ends_even_if_the_constraints_exclude_the_node(world: World) -> None:
    loop = world.run(JobsOrchestrator)
    run_job(world, EVERYWHERE, constraints=("node.labels.disk!=hdd",))
    [task] = world.tasks("job")
    loop.stop()
    world.node("n1", availability="drain", labels={"disk": "hdd"})
    world.run(JobsOrchestrator)
    assert world.get(task).desired_state == S.SHUTDOWN


def test_the_attempts_used_are_counted_from_the_tasks_there_are(world: World) -> None:
    loop = world.run(JobsOrchestrator)
    run_job(world, times(2), policy=restart(attempts=1))
    zero, one = world.tasks("job")
    world.report(zero, S.COMPLETE)
    world.report(one, S.FAILED)
    world.advance(6)
    loop.stop()
    world.run(JobsOrchestrator)
    [second] = wanted(world)
    world.report(second, S.FAILED)
    assert wanted(world) == []
