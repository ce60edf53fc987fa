"""Sessions, from the agent's side (SK: agent/agent_test.go, session.go), with a whole swarm behind."""

from random import Random

import pytest

from swarmlab.objects import Node, TaskState
from swarmlab.store import Kind
from tests.support.cluster import ACTOR, Cluster
from tests.support.specs import restart, service_spec

S = TaskState


@pytest.fixture
def swarm() -> Cluster:
    """Two nodes, and a task on each."""
    swarm = Cluster(2)
    swarm.create(service_spec(replicas=2))
    swarm.settle()
    assert [len(swarm.on(n)) for n in ("n1", "n2")] == [1, 1]
    return swarm


def test_containers_run_on_while_their_node_is_cut_off(swarm: Cluster) -> None:
    [task] = swarm.on("n2")
    swarm.silence("n2")
    swarm.advance(120)
    assert swarm.node("n2").status.state == "down"
    assert task.id in swarm.executors["n2"].running
    assert len(swarm.on("n1")) == 2


def test_what_shall_not_run_any_more_is_stopped_when_the_node_is_back(swarm: Cluster) -> None:
    [task] = swarm.on("n2")
    swarm.silence("n2")
    swarm.advance(120)
    now = swarm.api.task(task.id)
    assert (now.state, now.desired_state) == (S.RUNNING, S.SHUTDOWN)
    swarm.back("n2")
    swarm.settle()
    assert swarm.api.task(task.id).state == S.SHUTDOWN
    assert swarm.executors["n2"].running == {}
    assert (swarm.node("n2").status.state, len(swarm.on("n2"))) == ("ready", 0), "nothing moves back"


def test_what_happened_while_cut_off_is_reported_afterwards(swarm: Cluster) -> None:
    [task] = swarm.on("n2")
    swarm.silence("n2")
    swarm.exit(task, 3)
    swarm.advance(5)
    assert swarm.api.task(task.id).state == S.RUNNING
    swarm.back("n2")
    swarm.advance(3)
    now = swarm.api.task(task.id)
    assert (now.state, now.status.err) == (S.FAILED, "task: non-zero exit (3)")
    assert now.status.container_status is not None
    assert now.status.container_status.exit_code == 3


def test_a_task_deleted_while_its_node_was_away_is_removed_there(swarm: Cluster) -> None:
    [task] = swarm.on("n2")
    swarm.silence("n2")
    with swarm.store.transaction(ACTOR) as tx:
        tx.delete(Kind.TASK, task.id)
    swarm.advance(3)
    assert task.id in swarm.executors["n2"].running
    swarm.back("n2")
    swarm.settle()
    assert task.id not in swarm.executors["n2"].running


def test_a_removed_service_leaves_no_containers(swarm: Cluster) -> None:
    swarm.remove()
    swarm.settle()
    assert [e.running for e in swarm.executors.values()] == [{}, {}]
    assert list(swarm.store.tables.tasks) == []


def test_a_new_leader_finds_every_agent_and_no_task_is_touched(swarm: Cluster) -> None:
    before = {t.id for t in swarm.running()}
    swarm.swarm.raft.offline(swarm.ids["n1"])
    swarm.advance(2)
    assert swarm.swarm.dispatcher is None
    swarm.swarm.raft.online(swarm.ids["n1"])
    swarm.advance(40)
    assert {swarm.node(n).status.state for n in ("n1", "n2")} == {"ready"}
    assert {t.id for t in swarm.running()} == before


def test_the_longer_there_was_no_leader_the_longer_it_takes_until_a_node_is_heard_of(
    swarm: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its tries come 0.1, 0.3, 0.7 … and at most 8 seconds one after the other."""
    monkeypatch.setattr(Random, "uniform", lambda _self, _low, high: high)
    swarm.swarm.raft.offline(swarm.ids["n1"])
    swarm.advance(0.1 + 0.3 + 0.7 + 1.5 + 3.1 + 6.3 + 8 + 1)
    swarm.swarm.raft.online(swarm.ids["n1"])
    swarm.advance(6.8)
    assert swarm.node("n2").status.state == "unknown"
    swarm.advance(0.5)
    assert swarm.node("n2").status.state == "ready"


def test_what_ended_without_a_leader_is_reported_to_the_next(swarm: Cluster) -> None:
    [task] = swarm.on("n2")
    swarm.swarm.raft.offline(swarm.ids["n1"])
    swarm.exit(task, 1)
    swarm.swarm.raft.online(swarm.ids["n1"])
    swarm.advance(40)
    assert swarm.api.task(task.id).state == S.FAILED
    assert len(swarm.running()) == 2


def test_an_agent_that_stopped_is_down_after_a_while(swarm: Cluster) -> None:
    swarm.agents["n2"].stop()
    swarm.advance(20)
    assert swarm.node("n2").status.state == "down"


def test_a_removed_node_is_turned_away_for_good(swarm: Cluster) -> None:
    swarm.api.remove_node(swarm.ids["n2"], force=True, actor=ACTOR)
    swarm.advance(100)
    assert swarm.rejected == [
        f"rpc error: code = PermissionDenied desc = Permission denied: node {swarm.ids['n2']} was removed from swarm"
    ]
    assert len(swarm.store.tables.nodes) == 1


def test_a_node_removed_while_it_was_away_is_turned_away_when_it_calls(swarm: Cluster) -> None:
    swarm.silence("n2")
    swarm.advance(20)
    swarm.api.remove_node(swarm.ids["n2"], force=False, actor=ACTOR)
    swarm.back("n2")
    swarm.advance(10)
    assert swarm.rejected == [
        f"rpc error: code = PermissionDenied desc = Permission denied: node {swarm.ids['n2']} was removed from swarm"
    ]


def test_a_missing_image_is_tried_again_after_each_delay_and_not_sooner(swarm: Cluster) -> None:
    swarm.fail("prepare", "No such image: nope:latest", image="nope:latest")
    swarm.create(service_spec("bad", image="nope:latest", policy=restart(delay=5)))
    swarm.advance(52)
    states = [t.state for t in swarm.tasks("bad")]
    assert states.count(S.REJECTED) >= 4
    made = {x.id for c in swarm.commits for x in c.changes if x.kind == "task" and x.new and x.old is None}
    assert len(made) - 2 <= 12, "one every five seconds"


def test_an_agent_that_registers_too_often_backs_off_and_tries_again(
    swarm: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    # With the longest waits the last one may begin just before it is heard again and pass the grace period.
    monkeypatch.setattr(Random, "uniform", lambda _self, low, high: (low + high) / 2)
    for _ in range(5):
        swarm.agents["n2"].describe_again()
    swarm.advance(3)
    [task] = swarm.on("n2")
    swarm.exit(task, 3)
    swarm.advance(1)
    assert swarm.api.task(task.id).state == S.RUNNING, "nobody listens to it yet"
    swarm.advance(20)
    assert swarm.api.task(task.id).state == S.FAILED
    assert swarm.node("n2").status.state == "ready"
    assert not any(n.status.state == "down" for n in nodes_of(swarm, "n2")), "it was back within its grace period"


def nodes_of(swarm: Cluster, name: str) -> list[Node]:
    """Everything that a node ever was."""
    changes = (change for commit in swarm.commits for change in commit.changes if change.id == swarm.ids[name])
    return [change.new for change in changes if isinstance(change.new, Node)]
