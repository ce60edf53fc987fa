"""What agents are told, and what they report (SK: manager/dispatcher/dispatcher_test.go, assignments)."""

import pytest

from swarmlab.dispatcher import Assignments
from swarmlab.objects import BlobSpec, Config, Secret, Task, TaskState
from swarmlab.objects.container import ConfigReference, FileTarget, SecretReference
from swarmlab.store import Kind
from tests.support.specs import service_spec
from tests.support.world import replace

from .conftest import Desk

S = TaskState


def ids(sent: Assignments) -> set[str]:
    return {task.id for task in sent.tasks}


def new_mail(desk: Desk, name: str = "n1") -> list[Assignments]:
    """What came since the last look."""
    desk.advance(0.2)
    mail, desk.inbox[name] = desk.inbox[name][:], desk.inbox[name]
    desk.inbox[name].clear()
    return mail


@pytest.fixture
def task(desk: Desk) -> Task:
    desk.service(service_spec())
    return desk.task(desk.of(), node="n1", state=S.ASSIGNED)


def test_the_first_message_has_everything_from_assigned_on(desk: Desk, task: Task) -> None:
    running = desk.task(desk.of(), slot=2, node="n1", state=S.RUNNING)
    ended = desk.task(desk.of(), slot=2, node="n1", state=S.FAILED, desired=S.SHUTDOWN)
    desk.task(desk.of(), slot=3, node="n1", state=S.PENDING)
    desk.task(desk.of(), slot=4, node="n2", state=S.RUNNING)
    desk.register("n1")
    [first] = desk.inbox["n1"]
    assert (first.complete, ids(first)) == (True, {task.id, running.id, ended.id})


def test_later_messages_are_changes(desk: Desk, task: Task) -> None:
    desk.register("n1")
    new_mail(desk)
    second = desk.task(desk.of(), slot=2, node="n1", state=S.ASSIGNED)
    desk.delete(Kind.TASK, task.id)
    [change] = new_mail(desk)
    assert (change.complete, ids(change), change.removed) == (False, {second.id}, (task.id,))


def test_changes_are_collected_for_a_tenth_of_a_second(desk: Desk, task: Task) -> None:
    desk.register("n1")
    new_mail(desk)
    for slot in range(2, 5):
        desk.task(desk.of(), slot=slot, node="n1", state=S.ASSIGNED)
        desk.advance(0.05)
    assert desk.inbox["n1"] == []
    desk.advance(0.06)
    assert [len(a.tasks) for a in desk.inbox["n1"]] == [3]


def test_a_hundred_changes_are_sent_at_once(desk: Desk, task: Task) -> None:
    desk.register("n1")
    new_mail(desk)
    with desk.change() as tx:
        for number in range(100):
            tx.create(Kind.TASK, replace(task, id=f"t{number}", version=0))
    assert [len(a.tasks) for a in desk.inbox["n1"]] == [100]


def test_what_the_agent_reported_itself_is_no_news_to_it(desk: Desk, task: Task) -> None:
    session = desk.register("n1")
    new_mail(desk)
    desk.tell(session, task, S.PREPARING)
    assert new_mail(desk) == []
    assert desk.get(task).state == S.PREPARING
    desk.put(Kind.TASK, replace(desk.get(task), desired_state=S.SHUTDOWN))
    [change] = new_mail(desk)
    assert [t.desired_state for t in change.tasks] == [S.SHUTDOWN]


def test_secrets_and_configs_come_with_the_tasks_that_use_them(desk: Desk) -> None:
    desk.put(Kind.SECRET, Secret(id="s1", spec=BlobSpec(name="password", data="eA==")))
    desk.put(Kind.SECRET, Secret(id="s2", spec=BlobSpec(name="other", data="eA==")))
    desk.put(Kind.CONFIG, Config(id="c1", spec=BlobSpec(name="site", data="eA==")))
    target = FileTarget(name="f")
    spec = service_spec()
    assert spec.task_template.container_spec is not None
    container = replace(
        spec.task_template.container_spec,
        secrets=(SecretReference(file=target, secret_id="s1", secret_name="password"),),
        configs=(ConfigReference(file=target, config_id="c1", config_name="site"),),
    )
    desk.service(replace(spec, task_template=replace(spec.task_template, container_spec=container)))
    desk.task(desk.of(), node="n1", state=S.ASSIGNED)
    desk.register("n1")
    [first] = desk.inbox["n1"]
    assert ([s.id for s in first.secrets], [c.id for c in first.configs]) == (["s1"], ["c1"])


def test_ended_tasks_bring_no_secrets(desk: Desk) -> None:
    test_secrets_and_configs_come_with_the_tasks_that_use_them(desk)
    [task] = desk.tasks()
    desk.report(task, S.FAILED)
    desk.inbox["n1"].clear()
    desk.register("n1")
    assert desk.inbox["n1"][-1].secrets == ()


# --- reports ---------------------------------------------------------------------------------------------------------


def test_reports_are_written_together_with_the_managers_time(desk: Desk, task: Task) -> None:
    session = desk.register("n1")
    before = desk.store.index
    said = desk.clock.now()
    for state in (S.ACCEPTED, S.PREPARING, S.READY):
        desk.tell(session, task, state)
    desk.advance(0.09)
    assert desk.get(task).state == S.ASSIGNED
    desk.advance(0.02)
    status = desk.get(task).status
    assert (status.state, status.timestamp) == (S.READY, said)
    assert status.applied_at == said + 100_000_000
    assert desk.store.index == before + 1


@pytest.mark.parametrize("late", [S.ASSIGNED, S.ACCEPTED, S.PREPARING, S.STARTING])
def test_a_report_that_goes_backwards_is_dropped(desk: Desk, task: Task, late: TaskState) -> None:
    session = desk.register("n1")
    desk.tell(session, task, S.RUNNING)
    desk.advance(0.2)
    desk.tell(session, task, late)
    desk.advance(0.2)
    assert desk.get(task).state == S.RUNNING


def test_the_same_report_again_is_written_again(desk: Desk, task: Task) -> None:
    """SwarmKit compares pointers, so that no two reports are ever the same."""
    session = desk.register("n1")
    desk.tell(session, task, S.RUNNING)
    desk.advance(0.2)
    before = desk.get(task)
    desk.dispatcher.update_task_status(session, task.id, replace(before.status, applied_at=0))
    desk.advance(0.2)
    after = desk.get(task)
    assert after.version > before.version
    assert replace(after.status, applied_at=0) == replace(before.status, applied_at=0)


def test_nobody_reports_for_another_nodes_tasks(desk: Desk, task: Task) -> None:
    stranger = desk.register("n2")
    desk.tell(stranger, task, S.FAILED)
    desk.advance(0.2)
    assert desk.get(task).state == S.ASSIGNED


def test_reports_of_a_session_that_ended_are_dropped(desk: Desk, task: Task) -> None:
    old = desk.register("n1")
    new = desk.register("n1")
    desk.tell(old, task, S.FAILED)
    desk.advance(0.2)
    assert desk.get(task).state == S.ASSIGNED
    desk.tell(new, task, S.RUNNING)
    desk.advance(0.2)
    assert desk.get(task).state == S.RUNNING


def test_a_report_on_a_task_that_is_gone_is_nothing(desk: Desk, task: Task) -> None:
    session = desk.register("n1")
    desk.tell(session, task, S.RUNNING)
    desk.delete(Kind.TASK, task.id)
    index = desk.store.index
    desk.advance(1)
    assert desk.store.index == index


def test_what_was_reported_is_written_before_the_dispatcher_stops(desk: Desk, task: Task) -> None:
    session = desk.register("n1")
    desk.tell(session, task, S.RUNNING)
    desk.dispatcher.stop()
    assert desk.get(task).state == S.RUNNING
