"""Which nodes are heard of (SK: manager/dispatcher/dispatcher_test.go, heartbeat)."""

import pytest

from swarmlab.clock import SECOND
from swarmlab.dispatcher import RateLimitedError
from swarmlab.objects import Node, TaskState
from swarmlab.objects.cluster import DispatcherConfig
from swarmlab.store import Kind
from tests.support.specs import service_spec
from tests.support.world import replace

from .conftest import Desk

S = TaskState


def test_a_node_that_registers_is_ready(desk: Desk) -> None:
    desk.register("n1")
    node = desk.tables.nodes.get("n1")
    assert node is not None
    assert (node.status.state, node.status.message, node.status.addr) == ("ready", "", "10.0.0.9")
    assert node.description.hostname == "host-n1"


def test_a_session_that_works_keeps_its_node_ready_for_ever(desk: Desk) -> None:
    desk.register("n1")
    desk.advance(24 * 3600)
    assert desk.state("n1") == ("ready", "")


@pytest.mark.parametrize("alive_for", [0, 1, 4.9, 12])
def test_a_node_that_falls_silent_is_down_within_three_beats(desk: Desk, alive_for: float) -> None:
    """Of 5 s, each give or take half a second, from the last beat on."""
    session = desk.register("n1")
    desk.advance(alive_for)
    desk.dispatcher.lose(session)
    since_last_beat = (alive_for + 0.2) % 5
    desk.advance(13.5 - since_last_beat - 0.01)
    assert desk.state("n1")[0] == "ready"
    desk.advance(3.2)
    assert desk.state("n1") == ("down", "heartbeat failure")


def test_the_period_is_the_clusters(desk: Desk) -> None:
    [cluster] = desk.tables.clusters
    spec = replace(cluster.spec, dispatcher=DispatcherConfig(heartbeat_period=20 * SECOND))
    desk.put(Kind.CLUSTER, replace(cluster, spec=spec))
    desk.dispatcher.lose(desk.register("n1"))
    desk.advance(58)
    assert desk.state("n1")[0] == "ready"
    desk.advance(5)
    assert desk.state("n1")[0] == "down"


def test_a_node_that_comes_back_in_time_was_never_down(desk: Desk) -> None:
    desk.dispatcher.lose(desk.register("n1"))
    desk.advance(8)
    desk.register("n1")
    desk.advance(60)
    assert desk.state("n1") == ("ready", "")
    changes = [change.new for commit in desk.commits for change in commit.changes if change.id == "n1"]
    assert "down" not in {node.status.state for node in changes if isinstance(node, Node)}


def test_a_node_that_was_down_is_ready_when_it_calls(desk: Desk) -> None:
    desk.dispatcher.lose(desk.register("n1"))
    desk.advance(20)
    assert desk.state("n1")[0] == "down"
    desk.register("n1")
    assert desk.state("n1") == ("ready", "")


def test_losing_an_old_session_does_not_hurt_the_new_one(desk: Desk) -> None:
    old = desk.register("n1")
    desk.register("n1")
    desk.dispatcher.lose(old)
    desk.advance(60)
    assert desk.state("n1")[0] == "ready"


def test_a_new_leader_does_not_know_the_nodes_until_they_call(desk: Desk) -> None:
    desk.register("n1")
    desk.register("n2")
    desk.dispatcher.stop()
    desk.lead()
    unknown = ("unknown", 'Node moved to "unknown" state due to leadership change in cluster')
    assert [desk.state(n) for n in ("n1", "n2")] == [unknown, unknown]
    desk.register("n1")
    desk.advance(26)
    assert [desk.state(n)[0] for n in ("n1", "n2")] == ["ready", "unknown"]
    desk.advance(8)
    assert desk.state("n2") == ("down", 'heartbeat failure for node in "unknown" state')


def test_a_new_leader_leaves_nodes_that_are_down_alone(desk: Desk) -> None:
    desk.dispatcher.lose(desk.register("n1"))
    desk.advance(20)
    desk.dispatcher.stop()
    desk.lead()
    assert desk.state("n1") == ("down", "heartbeat failure")


def test_a_stopped_dispatcher_declares_nobody_down(desk: Desk) -> None:
    desk.dispatcher.lose(desk.register("n1"))
    desk.dispatcher.stop()
    desk.advance(100)
    assert desk.state("n1")[0] == "ready"


# --- orphans ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "orphaned"),
    [(S.PENDING, False), (S.ASSIGNED, True), (S.READY, True), (S.RUNNING, True), (S.FAILED, False)],
)
def test_tasks_of_a_node_that_is_down_for_a_day_are_orphaned(desk: Desk, state: TaskState, orphaned: bool) -> None:
    task = desk.task(desk.service(service_spec()), node="n1", state=state)
    elsewhere = desk.task(desk.of(), slot=2, node="n2", state=S.RUNNING)
    desk.register("n2")
    desk.dispatcher.lose(desk.register("n1"))
    desk.advance(24 * 3600)
    assert desk.get(task).state == state
    desk.advance(20)
    assert (desk.get(task).state == S.ORPHANED) == orphaned
    assert desk.get(elsewhere).state == S.RUNNING


def test_a_node_that_comes_back_keeps_its_tasks(desk: Desk) -> None:
    task = desk.task(desk.service(service_spec()), node="n1", state=S.RUNNING)
    desk.dispatcher.lose(desk.register("n1"))
    desk.advance(23 * 3600)
    desk.register("n1")
    desk.advance(48 * 3600)
    assert desk.get(task).state == S.RUNNING


def test_a_new_leader_counts_the_day_anew(desk: Desk) -> None:
    task = desk.task(desk.service(service_spec()), node="n1", state=S.RUNNING)
    desk.dispatcher.lose(desk.register("n1"))
    desk.advance(20 * 3600)
    desk.dispatcher.stop()
    desk.lead()
    desk.advance(20 * 3600)
    assert desk.get(task).state == S.RUNNING
    desk.advance(4 * 3600 + 20)
    assert desk.get(task).state == S.ORPHANED


# --- removal ---------------------------------------------------------------------------------------------------------


def test_a_node_that_is_removed_is_turned_away_when_it_calls(desk: Desk) -> None:
    desk.register("n1")
    desk.advance(3)
    desk.delete(Kind.NODE, "n1")
    desk.advance(1)
    assert [a.rejected for a in desk.inbox["n1"] if a.rejected] == []
    desk.advance(1)
    assert [a.rejected for a in desk.inbox["n1"] if a.rejected] == [
        "rpc error: code = PermissionDenied desc = Permission denied: node n1 was removed from swarm"
    ]
    with pytest.raises(LookupError):
        desk.dispatcher.register("n1", desk.node("n2").description, "", desk.inbox["n1"].append)


def test_what_a_removed_node_reports_is_not_heard(desk: Desk) -> None:
    session = desk.register("n1")
    task = desk.task(desk.service(service_spec()), node="n1", state=S.ASSIGNED)
    desk.delete(Kind.NODE, "n1")
    desk.dispatcher.update_task_status(session, task.id, replace(task.status, state=S.RUNNING))
    desk.advance(1)
    assert desk.get(task).state == S.ASSIGNED


def test_a_removed_node_that_was_silent_causes_nothing_later(desk: Desk) -> None:
    desk.dispatcher.lose(desk.register("n1"))
    desk.delete(Kind.NODE, "n1")
    before = desk.store.index
    desk.advance(48 * 3600)
    assert "n1" not in desk.tables.nodes
    assert all(c.id != "n1" for k in desk.commits if k.index > before for c in k.changes)


# --- registrations that come too fast --------------------------------------------------------------------------------


def test_more_than_three_registrations_anew_within_eight_seconds_are_refused(desk: Desk) -> None:
    for _ in range(4):
        desk.register("n1")
    with pytest.raises(RateLimitedError) as refused:
        desk.register("n1")
    assert str(refused.value) == (
        "rpc error: code = Unavailable desc = node n1 exceeded rate limit count of registrations"
    )
    assert desk.state("n1")[0] == "ready", "the session before goes on"


def test_the_limit_is_each_nodes_own(desk: Desk) -> None:
    for _ in range(4):
        desk.register("n1")
    desk.register("n2")


def test_eight_quiet_seconds_lift_the_limit_whatever_was_refused_meanwhile(desk: Desk) -> None:
    for _ in range(4):
        desk.register("n1")
    for _ in range(2):
        desk.advance(3.8)
        with pytest.raises(RateLimitedError):
            desk.register("n1")
    desk.advance(0.5)
    for _ in range(3):
        desk.register("n1")
    with pytest.raises(RateLimitedError):
        desk.register("n1")


def test_a_node_that_was_down_registers_freely(desk: Desk) -> None:
    for _ in range(4):
        session = desk.register("n1")
    desk.dispatcher.lose(session)
    desk.advance(20)
    assert desk.state("n1")[0] == "down"
    for _ in range(4):
        desk.register("n1")
