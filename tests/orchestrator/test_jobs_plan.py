"""What a job still needs (SK: manager/orchestrator/jobs/{replicated,global}/reconciler_test.go)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmlab.objects import Node, NodeSpec, NodeStatus, Placement, Service, ServiceSpec, Task, TaskSpec, TaskState
from swarmlab.objects.service import GlobalJob, JobStatus, ReplicatedJob, ServiceMode
from swarmlab.objects.task import TaskStatus
from swarmlab.orchestrator.jobplan import Place, plan_global_job, plan_replicated_job

S = TaskState
NOW = 3
_ENDED_BADLY = [S.SHUTDOWN, S.FAILED, S.REJECTED, S.ORPHANED]


def replicated(concurrent: int, total: int, *, run: int = NOW) -> Service:
    mode = ServiceMode(replicated_job=ReplicatedJob(max_concurrent=concurrent, total_completions=total))
    return Service(id="job", spec=ServiceSpec(mode=mode), job_status=JobStatus(job_iteration=run))


def everywhere(*constraints: str) -> Service:
    placement = Placement(constraints=constraints) if constraints else None
    spec = ServiceSpec(task_template=TaskSpec(placement=placement), mode=ServiceMode(global_job=GlobalJob()))
    return Service(id="job", spec=spec, job_status=JobStatus(job_iteration=NOW))


def task(
    slot: int = 0, state: TaskState = S.RUNNING, desired: TaskState = S.COMPLETE, *, node: str = "", run: int = NOW
) -> Task:
    return Task(
        id=f"{slot}{node}-{state.text}-{desired.text}-{run}",
        spec=TaskSpec(),
        slot=slot,
        node_id=node,
        status=TaskStatus(state=state),
        desired_state=desired,
        job_iteration=run,
    )


def node(name: str, state: str = "ready", availability: str = "active", **labels: str) -> Node:
    return Node(id=name, spec=NodeSpec(availability=availability, labels=labels), status=NodeStatus(state=state))


def slots(service: Service, *tasks: Task) -> list[int]:
    return [place.slot for place in plan_replicated_job(service, tasks).new]


# --- replicated jobs -------------------------------------------------------------------------------------------------


def test_a_job_without_tasks_gets_as_many_as_may_run_at_a_time_in_slots_from_zero() -> None:
    plan = plan_replicated_job(replicated(3, 10), [])
    assert plan == ([Place(0, ""), Place(1, ""), Place(2, "")], [], [])


def test_no_more_than_the_total() -> None:
    assert slots(replicated(10, 2)) == [0, 1]


@pytest.mark.parametrize(("concurrent", "total"), [(0, 5), (5, 0), (0, 0)])
def test_zero_is_none(concurrent: int, total: int) -> None:
    assert slots(replicated(concurrent, total)) == []


@pytest.mark.parametrize("state", [S.NEW, S.PENDING, S.ASSIGNED, S.PREPARING, S.RUNNING])
def test_tasks_on_their_way_leave_less_room(state: TaskState) -> None:
    assert slots(replicated(4, 10), task(0, state), task(2, state)) == [1, 3]


def test_a_replacement_that_waits_for_its_start_is_on_its_way() -> None:
    assert slots(replicated(2, 10), task(0, S.READY, S.READY), task(0, S.FAILED, S.SHUTDOWN)) == [1]


def test_completed_tasks_keep_their_slots_but_take_no_room() -> None:
    done = [task(n, S.COMPLETE) for n in (0, 1, 3)]
    assert slots(replicated(2, 10), *done) == [2, 4]


def test_a_completed_task_counts_whatever_was_wanted_of_it() -> None:
    assert slots(replicated(1, 1), task(0, S.COMPLETE, S.SHUTDOWN)) == []


def test_the_last_completions_need_no_more_than_what_is_left() -> None:
    done = [task(n, S.COMPLETE) for n in range(7)]
    assert slots(replicated(5, 10), *done, task(7)) == [8, 9]


def test_what_is_being_shut_down_leaves_its_slot_to_another() -> None:
    going = [task(n, S.RUNNING, S.SHUTDOWN) for n in range(3)]
    assert slots(replicated(3, 10), *going) == [0, 1, 2]


@pytest.mark.parametrize("end", _ENDED_BADLY)
def test_a_task_that_ended_badly_is_to_be_restarted_and_not_replaced_here(end: TaskState) -> None:
    failed = task(0, end)
    plan = plan_replicated_job(replicated(2, 10), [failed, task(1, S.COMPLETE)])
    assert plan == ([Place(2, "")], [failed], [])


@pytest.mark.parametrize("end", _ENDED_BADLY)
def test_a_task_that_was_given_up_leaves_its_slot_to_another(end: TaskState) -> None:
    plan = plan_replicated_job(replicated(2, 10), [task(0, end, S.SHUTDOWN), task(1)])
    assert plan == ([Place(0, "")], [], [])


def test_a_new_run_begins_from_nothing_and_ends_what_still_runs_of_the_last() -> None:
    live = [task(0, S.RUNNING, run=2), task(1, S.NEW, run=1), task(2, S.READY, S.READY, run=2)]
    ended = [task(3, S.COMPLETE, run=2), task(4, S.FAILED, S.SHUTDOWN, run=2), task(5, S.RUNNING, S.REMOVE, run=2)]
    plan = plan_replicated_job(replicated(2, 5), [*live, *ended])
    assert plan == ([Place(0, ""), Place(1, "")], [], [(t, S.REMOVE) for t in live])


def test_a_job_that_was_never_updated_is_in_its_first_run() -> None:
    assert slots(replicated(2, 2, run=0), task(0, run=0)) == [1]


def test_more_tasks_than_it_needs_are_left_alone() -> None:
    assert plan_replicated_job(replicated(2, 2), [task(n) for n in range(5)]) == ([], [], [])


_tasks = st.lists(
    st.tuples(
        st.sampled_from([S.NEW, S.RUNNING, S.COMPLETE, S.FAILED, S.REJECTED]),
        st.sampled_from([S.READY, S.COMPLETE, S.SHUTDOWN]),
        st.sampled_from([NOW - 1, NOW]),
    ),
    max_size=12,
)


@given(concurrent=st.integers(0, 6), total=st.integers(0, 12), given_tasks=_tasks)
def test_whatever_there_is_the_job_gets_what_it_lacks_and_no_more(
    concurrent: int, total: int, given_tasks: list[tuple[TaskState, TaskState, int]]
) -> None:
    tasks = [task(n, state, desired, run=run) for n, (state, desired, run) in enumerate(given_tasks)]
    present = [t for t in tasks if t.job_iteration == NOW]
    done = {t.slot for t in present if t.state == S.COMPLETE}
    active = {t.slot for t in present if t.slot not in done and t.desired_state <= S.COMPLETE}
    new = slots(replicated(concurrent, total), *tasks)
    assert len(set(new)) == len(new)
    assert not set(new) & (done | active)
    if new:
        assert len(new) + len(active) <= concurrent
        assert len(new) + len(active) + len(done) <= total
    else:
        assert len(active) >= concurrent or len(active) + len(done) >= total


# --- global jobs -----------------------------------------------------------------------------------------------------


def test_every_node_that_is_ready_and_active_gets_a_task() -> None:
    nodes = [
        node("a"),
        node("b"),
        node("down", "down"),
        node("unknown", "unknown"),
        node("paused", availability="pause"),
        node("drained", availability="drain"),
    ]
    assert plan_global_job(everywhere(), [], nodes) == ([Place(0, "a"), Place(0, "b")], [], [])


def test_only_nodes_that_meet_the_constraints() -> None:
    nodes = [node("a", disk="ssd"), node("b", disk="hdd"), node("c")]
    assert plan_global_job(everywhere("node.labels.disk==ssd"), [], nodes).new == [Place(0, "a")]


@pytest.mark.parametrize("state", [S.NEW, S.RUNNING, S.COMPLETE])
def test_a_node_that_has_a_task_of_this_run_gets_no_other(state: TaskState) -> None:
    assert plan_global_job(everywhere(), [task(state=state, node="a")], [node("a")]) == ([], [], [])


@pytest.mark.parametrize("end", _ENDED_BADLY)
def test_on_a_node_too_what_ended_badly_is_to_be_restarted(end: TaskState) -> None:
    failed = task(state=end, node="a")
    assert plan_global_job(everywhere(), [failed], [node("a")]) == ([], [failed], [])


def test_a_node_whose_task_was_given_up_gets_another() -> None:
    given_up = task(state=S.FAILED, desired=S.SHUTDOWN, node="a")
    assert plan_global_job(everywhere(), [given_up], [node("a")]) == ([Place(0, "a")], [], [])


def test_a_new_run_removes_every_task_of_the_last_finished_ones_included() -> None:
    old = [task(state=S.COMPLETE, node="a", run=2), task(state=S.RUNNING, node="b", run=2)]
    going = task(state=S.RUNNING, desired=S.REMOVE, node="a", run=1)
    plan = plan_global_job(everywhere(), [*old, going], [node("a"), node("b")])
    assert plan == ([Place(0, "a"), Place(0, "b")], [], [(t, S.REMOVE) for t in old])


@pytest.mark.parametrize("lost", [node("a", "down"), node("a", availability="drain")])
def test_tasks_that_still_run_on_a_node_that_is_drained_or_down_are_shut_down(lost: Node) -> None:
    running = task(node="a")
    assert plan_global_job(everywhere(), [running], [lost]) == ([], [], [(running, S.SHUTDOWN)])
    assert plan_global_job(everywhere(), [task(state=S.COMPLETE, node="a")], [lost]) == ([], [], [])


def test_a_paused_node_keeps_its_task() -> None:
    assert plan_global_job(everywhere(), [task(node="a")], [node("a", availability="pause")]) == ([], [], [])


def test_a_task_on_a_node_that_stopped_meeting_the_constraints_is_not_the_jobs_affair() -> None:
    nodes = [node("a", availability="drain"), node("b")]
    plan = plan_global_job(everywhere("node.labels.disk==ssd"), [task(node="a"), task(node="b")], nodes)
    assert plan == ([], [], [])
