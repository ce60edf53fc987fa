"""The numbers of `docker service ls` (SK: manager/controlapi/service_test.go, TestListServiceStatuses)."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from swarmlab.clock import VirtualClock
from swarmlab.manager.controlapi.tally import Tally
from swarmlab.objects import Task, TaskSpec, TaskState, TaskStatus
from swarmlab.store import Kind, Store

S = TaskState
replace = msgspec.structs.replace
TASKS = st.builds(
    lambda name, service, iteration, state, desired: Task(
        id=name,
        spec=TaskSpec(),
        service_id=service,
        job_iteration=iteration,
        status=TaskStatus(state=state),
        desired_state=desired,
    ),
    st.sampled_from("abcdef"),
    st.sampled_from(["web", "job"]),
    st.sampled_from([None, 0, 1]),
    st.sampled_from(list(S)),
    st.sampled_from([S.READY, S.RUNNING, S.COMPLETE, S.SHUTDOWN, S.REMOVE]),
)


@given(st.lists(st.tuples(TASKS, st.booleans()), max_size=40), st.integers(0, 40))
def test_it_counts_what_a_look_at_each_task_would(writes: list[tuple[Task, bool]], begins: int) -> None:
    """Also when it begins with a table that has tasks already."""
    store = Store(VirtualClock(), "test")
    tally = None
    for number, (task, delete) in enumerate(writes):
        if number == begins:
            tally = Tally(store.tables.tasks)
        known = store.tables.tasks.get(task.id)
        with store.transaction("test") as tx:
            if known is None:
                tx.create(Kind.TASK, task)
            elif delete:
                tx.delete(Kind.TASK, task.id)
            else:
                # Neither the service of a task nor its iteration ever changes.
                tx.update(Kind.TASK, replace(known, status=task.status, desired_state=task.desired_state))
    tally = tally or Tally(store.tables.tasks)
    everything = list(store.tables.tasks)
    for counter, counts in (
        (tally.running, lambda t: t.state == S.RUNNING),
        (tally.completed, lambda t: t.state == S.COMPLETE),
        (tally.desired, lambda t: t.desired_state == S.RUNNING),
        (tally.under_way, lambda t: t.desired_state == S.COMPLETE and t.state <= S.RUNNING),
    ):
        expected: dict[tuple[str, int | None], int] = {}
        for task in everything:
            if counts(task):
                key = (task.service_id, task.job_iteration)
                expected[key] = expected.get(key, 0) + 1
        assert counter == expected
