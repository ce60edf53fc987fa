"""Nodes that fail and networks that are cut, as clients of each engine see it."""

from collections.abc import Callable

import msgspec
import pytest

from swarmlab.clock import SECOND
from swarmlab.engine import EngineError
from swarmlab.manager import LOST_LEADERSHIP, StatusError
from swarmlab.manager.swarm import NO_LEADER
from swarmlab.network import Mesh
from swarmlab.objects import ContainerSpec, NodeSpec, Task, TaskState
from swarmlab.objects.container import HealthConfig
from swarmlab.objects.requests import JoinRequest
from swarmlab.objects.service import GlobalService, ReplicatedService, ServiceMode
from swarmlab.store import Actor, Kind
from tests.support.specs import ingress, service_spec

from .conftest import LabOfEngines

replace = msgspec.structs.replace
S = TaskState
EVERYWHERE = ServiceMode(global_=GlobalService())
Make = Callable[[int], LabOfEngines]
UNKNOWN = "rpc error: code = Unknown desc = "
TIMED_OUT = "rpc error: code = DeadlineExceeded desc = context deadline exceeded"
ACTOR = Actor(engine="node-1", request="test")


def create(lab: LabOfEngines, number: int, name: str) -> None:
    cluster = lab.engine(number).cluster
    lab.run(cluster.patiently(lambda: cluster.control().create_service(service_spec(name), ACTOR)))


def running(lab: LabOfEngines) -> list[str]:
    """The ids of all containers that run."""
    return [c.id for engine in lab.lab.engines.values() for c in engine.containers.list(all=False)]


def test_the_other_managers_go_on_without_the_leader(make: Make) -> None:
    lab = make(3)
    lab.swarm(3)
    lab.power(1, "kill")
    rows = lab.ask(2)
    assert sorted(rows[1:]) == [("unknown", "leader"), ("unknown", "reachable")]
    assert rows[0] == ("unknown", "unreachable")
    lab.advance(8.5)
    assert {state for state, _ in lab.ask(3)[1:]} == {"ready"}
    lab.advance(30)
    assert lab.ask(3)[0] == ("down", "unreachable")
    lab.power(1, "start")
    lab.advance(10)
    assert lab.ask(1)[0] == ("ready", "reachable")


def test_a_leader_that_joined_without_an_address_knows_only_where_it_listens(make: Make) -> None:
    lab = make(3)
    lab.swarm(3)
    assert [lab.node(number).status.addr for number in (1, 2)] == [lab.engine(number).address for number in (1, 2)]
    lab.engine(1).cluster.control().update_node(
        lab.node_id(1), lab.node(1).version, replace(lab.node(1).spec, role="worker"), ACTOR
    )
    lab.advance(20)
    [leader] = [n for n in (2, 3) if lab.node(n, asked=n).manager_status.leader]  # type: ignore[union-attr]
    assert lab.node(leader, asked=leader).status.addr == "0.0.0.0"
    assert lab.node(5 - leader, asked=leader).status.addr == lab.engine(5 - leader).address


def test_under_another_leader_tasks_on_networks_are_awaited_anew_and_say_so(make: Make) -> None:
    """It writes down their networks, so that they are other tasks to their agents; all tasks are reported again."""
    lab = make(3)
    lab.swarm(3)
    control = lab.engine(1).cluster.control()
    for name, ports in (("web", (ingress(80),)), ("bare", ())):
        spec = replace(service_spec(name, ports=ports), mode=EVERYWHERE)
        program = ContainerSpec(image="busybox", command=("sleep", "1000"))
        spec = replace(spec, task_template=replace(spec.task_template, container_spec=program))
        control.create_service(spec, ACTOR)
    lab.advance(5)
    before = {t.id: t for t in control.tasks()}
    lab.power(1, "kill")
    lab.advance(32)
    control = lab.engine(2).cluster.control()
    for task in [t for t in control.tasks() if t.node_id != lab.node_id(1)]:
        was = before[task.id]
        assert task.status.container_status is not None
        assert (task.state, task.status.container_status.exit_code) == (S.RUNNING, -1 if task.networks else 0)
        assert (task.status.timestamp > was.status.timestamp) is bool(task.networks)
        assert task.version > was.version


def test_under_another_leader_a_task_on_a_network_is_no_longer_waited_for_to_be_healthy(make: Make) -> None:
    lab = make(3)
    lab.swarm(3)
    control = lab.engine(1).cluster.control()
    spec = replace(service_spec(ports=(ingress(80),)), mode=EVERYWHERE)
    probe = HealthConfig(test=("CMD", "false"), interval=int(100e9))
    program = ContainerSpec(image="busybox", command=("sleep", "1000"), healthcheck=probe)
    control.create_service(replace(spec, task_template=replace(spec.task_template, container_spec=program)), ACTOR)
    lab.advance(5)
    assert {t.state for t in control.tasks()} == {S.STARTING}
    lab.power(1, "kill")
    lab.advance(32)
    control = lab.engine(2).cluster.control()
    assert [t.state for t in control.tasks() if t.node_id != lab.node_id(1)] == [S.RUNNING] * 2


def test_without_a_quorum_calls_fail_as_on_a_real_engine(make: Make) -> None:
    lab = make(3)
    lab.swarm(3)
    lab.power(2, "kill")
    lab.power(3, "kill")
    assert lab.ask(1) == [("ready", "leader"), ("ready", "unreachable"), ("ready", "unreachable")]
    text, seconds = lab.refusal(lambda: create(lab, 1, "web"))
    assert text == UNKNOWN + LOST_LEADERSHIP
    assert 9 < seconds <= 20.1
    assert lab.refusal(lambda: lab.ask(1))[0] == TIMED_OUT
    text, seconds = lab.refusal(lambda: lab.ask(1))
    assert (text, seconds < 1) == (UNKNOWN + NO_LEADER, True)
    info = lab.run(lab.engine(1).cluster.info_in_time())
    assert (info.local_node_state, info.control_available, info.error, info.nodes) == (
        "active",
        True,
        UNKNOWN + NO_LEADER,
        0,
    )


def test_a_call_that_waits_is_answered_when_the_quorum_returns(make: Make) -> None:
    lab = make(3)
    lab.swarm(3)
    lab.power(2, "kill")
    lab.power(3, "kill")
    lab.clock.call_later(3, lab.engine(3).cluster.boot)
    create(lab, 1, "web")
    assert [service.spec.name for service in lab.engine(1).cluster.control().services()] == ["web"]


def test_a_minority_cannot_read_or_write_and_catches_up(make: Make) -> None:
    lab = make(3)
    lab.swarm(3)
    create(lab, 1, "web")
    lab.advance(5)
    [before] = running(lab)
    lab.lab.partition(["node-1"])
    text, seconds = lab.refusal(lambda: lab.ask(2))
    assert (text, 19 < seconds < 21) == (TIMED_OUT, True)
    assert "leader" in {place for _, place in lab.ask(2)}
    create(lab, 2, "later")
    lab.advance(40)
    assert lab.ask(3)[0] == ("down", "unreachable")
    assert lab.refusal(lambda: lab.ask(1))[0] == UNKNOWN + NO_LEADER
    assert lab.refusal(lambda: create(lab, 1, "never"))[0] == UNKNOWN + NO_LEADER
    assert before in running(lab)
    lab.lab.heal()
    lab.advance(10)
    assert lab.ask(1)[0] == ("ready", "reachable")
    assert {s.spec.name for s in lab.engine(1).cluster.control().services()} == {"web", "later"}


def test_a_crash_of_the_lab_keeps_a_partition(make: Make) -> None:
    lab = make(3)
    lab.swarm(3)
    lab.lab.partition(["node-2", "node-3"])
    lab.advance(25)
    lab.crash()
    assert [lab.engine(n).side for n in (1, 2, 3)] == [0, 1, 1]
    assert "leader" in {place for _, place in lab.ask(2)}
    lab.advance(40)
    assert lab.refusal(lambda: lab.ask(1))[0] == UNKNOWN + NO_LEADER


def test_a_call_across_a_cut_is_answered_when_the_cut_heals(make: Make) -> None:
    lab = make(3)
    lab.swarm(3)
    lab.lab.partition(["node-1"])
    lab.clock.call_later(5, lab.lab.heal)
    begin = lab.clock.now()
    assert lab.ask(2)[0] == ("ready", "leader")
    assert (lab.clock.now() - begin) / 1e9 < 7


def test_all_managers_restart(make: Make) -> None:
    lab = make(3)
    lab.swarm(3)
    create(lab, 1, "web")
    for number in (1, 2, 3):
        lab.power(number, "stop")
    lab.advance(60)
    for number in (1, 2, 3):
        lab.power(number, "start")
    assert lab.engine(1).cluster.info().local_node_state == "pending"
    assert sorted(place for _, place in lab.ask(1)) == ["leader", "reachable", "reachable"]
    lab.advance(10)
    assert {state for state, _ in lab.ask(2)} == {"ready"}
    assert lab.engine(1).cluster.info().local_node_state == "active"
    assert len(running(lab)) == 1


def test_a_worker_that_starts_without_a_leader_or_was_removed_is_pending(make: Make) -> None:
    lab = make(3)
    lab.swarm(1, workers=2)
    for number, away in ((2, 1), (3, 3)):
        lab.power(number, "kill")
        if away == 1:
            lab.power(1, "kill")
        else:
            lab.advance(20)
            lab.engine(1).cluster.control().remove_node(lab.node_id(3), force=False, actor=ACTOR)
        lab.power(number, "start")
        lab.advance(5)
        assert lab.engine(number).cluster.info().local_node_state == "pending"
        if away == 1:
            lab.power(1, "start")
            lab.advance(12)
            assert lab.engine(number).cluster.info().local_node_state == "active"


def test_the_manager_of_a_demoted_leader_is_gone_before_its_role(make: Make) -> None:
    lab = make(3)
    lab.swarm(3)
    lab.engine(1).cluster.control().update_node(
        lab.node_id(1), lab.node(1).version, replace(lab.node(1).spec, role="worker"), ACTOR
    )
    lab.advance(0.1)
    for seconds in (0, 4):
        lab.advance(seconds)
        text, _ = lab.refusal(lambda: lab.ask(1))
        assert text.startswith("rpc error: code = Unavailable desc = connection error: "), text
        info = lab.run(lab.engine(1).cluster.info_in_time())
        assert (info.local_node_state, info.control_available, info.error) == ("active", True, text)
        assert lab.node(1, asked=2).status.state == "unknown"
    lab.advance(1)
    with pytest.raises(EngineError, match=r"^This node is not a swarm manager\."):
        lab.ask(1)
    assert not lab.engine(1).cluster.info().control_available
    lab.advance(9)
    assert lab.node(1, asked=2).status.state == "ready"


def test_a_call_to_a_leader_that_hands_over_holds_its_manager_up_and_is_not_answered(make: Make) -> None:
    lab = make(3)
    lab.swarm(3)
    lab.engine(1).cluster.control().update_node(
        lab.node_id(1), lab.node(1).version, replace(lab.node(1).spec, role="worker"), ACTOR
    )
    lab.advance(0.03, step=0.01)
    began = lab.clock.now()
    cluster = lab.engine(1).cluster
    late = cluster.patiently(lambda: cluster.control().create_service(service_spec("late"), ACTOR))
    text, _ = lab.refusal(lambda: lab.run(late, step=0.01))
    assert text == "rpc error: code = Unavailable desc = transport is closing"
    assert 8 <= (lab.clock.now() - began) / SECOND <= 8.1
    with pytest.raises(EngineError, match=r"^This node is not a swarm manager\."):
        lab.ask(1)
    assert lab.engine(2).cluster.control().services() == []


def test_a_worker_that_is_cut_off_goes_down_and_returns(make: Make) -> None:
    lab = make(2)
    lab.swarm(1, workers=1)
    lab.lab.partition(["node-2"])
    lab.advance(20)
    assert lab.ask(1)[1] == ("down", "")
    lab.lab.heal()
    lab.advance(10)
    assert lab.ask(1)[1] == ("ready", "")


def test_nobody_joins_across_a_cut(make: Make) -> None:
    lab = make(2)
    lab.swarm(1)
    lab.lab.partition(["node-2"])
    token = lab.engine(1).cluster.control().cluster().root_ca.join_tokens.worker
    request = JoinRequest(remote_addrs=("127.0.0.1:2377",), join_token=token)
    with pytest.raises(EngineError, match=r"^Timeout was reached before node joined\."):
        lab.run(lab.engine(2).cluster.join(request))
    lab.lab.heal()
    lab.advance(10)
    assert lab.ask(1)[1] == ("ready", "")


def test_nobody_joins_without_a_leader(make: Make) -> None:
    lab = make(3)
    lab.swarm(2)
    token = lab.engine(1).cluster.control().cluster().root_ca.join_tokens.worker
    lab.power(2, "kill")
    lab.advance(60)
    request = JoinRequest(remote_addrs=("127.0.0.1:2377",), join_token=token)
    text, _ = lab.refusal(lambda: lab.run(lab.engine(3).cluster.join(request)))
    assert text == UNKNOWN + NO_LEADER
    assert lab.engine(3).cluster.status() == "inactive"


def role(lab: LabOfEngines, number: int, wanted: str, asked: int = 1) -> None:
    control = lab.engine(asked).cluster.control()
    node = control.node(lab.node_id(number))
    control.update_node(node.id, node.version, NodeSpec(role=wanted, availability="active"), ACTOR)


def test_promotion_and_demotion_of_the_leader(make: Make) -> None:
    lab = make(3)
    lab.swarm(1, workers=2)
    role(lab, 2, "manager")
    role(lab, 3, "manager")
    lab.advance(5)
    assert lab.ask(2) == [("ready", "leader"), ("ready", "reachable"), ("ready", "reachable")]
    role(lab, 1, "worker")
    lab.advance(10)
    rows = lab.ask(2)
    assert sorted(place for _, place in rows) == ["", "leader", "reachable"]
    assert rows[0] == ("ready", "")
    assert not lab.engine(1).cluster.info().control_available


def test_a_manager_that_was_promoted_is_prepared_for_half_a_second(make: Make) -> None:
    lab = make(2)
    lab.swarm(1, workers=1)
    lab.engine(1).cluster.control().update_node(
        lab.node_id(2), lab.node(2).version, replace(lab.node(2).spec, role="manager"), ACTOR
    )
    while lab.node(2).manager_status is None:
        lab.advance(0.05)
    for _ in range(2):
        with pytest.raises(EngineError, match="Manager is being prepared or has trouble connecting to the cluster"):
            lab.ask(2)
        assert not lab.engine(2).cluster.info().control_available
        with pytest.raises(EngineError, match="Doing so may lose the consensus of your cluster"):
            lab.run(lab.engine(2).cluster.leave(force=False))
    lab.advance(0.5)
    assert [place for _, place in lab.ask(2)] == ["leader", "reachable"]
    assert lab.engine(2).cluster.info().managers == 2


def test_a_node_that_is_demoted_soon_after_its_promotion_stays_a_worker(make: Make) -> None:
    """Its role is still that of a manager until the role manager looks again, seconds after it left the quorum."""
    lab = make(2)
    lab.swarm(1, workers=1)
    role(lab, 2, "manager")
    for _ in range(20):
        lab.advance(0.1)
        if lab.ask(1)[1] == ("ready", "reachable"):
            break
    role(lab, 2, "worker")
    for _ in range(30):
        lab.advance(0.3)
        assert lab.ask(1)[1] == ("ready", "")
        assert not lab.engine(2).cluster.info().control_available


def test_a_node_that_is_promoted_again_before_it_was_a_worker_joins_the_quorum_half_a_minute_later(make: Make) -> None:
    """SK: node/node.go, superviseManager: twice roleChangeTimeout after its manager was removed from the quorum."""
    lab = make(2)
    lab.swarm(2)
    role(lab, 2, "worker")
    lab.advance(0.5)
    role(lab, 2, "manager")
    lab.advance(31)
    assert lab.ask(1)[1] == ("ready", "")
    assert not lab.engine(2).cluster.info().control_available
    with pytest.raises(StatusError, match="can't find manager in raft memberlist"):
        role(lab, 2, "worker")
    lab.advance(2)
    assert lab.ask(2)[1] == ("ready", "reachable")
    # Once it has a worker's certificate, it is a manager as soon as anybody is.
    role(lab, 2, "worker")
    lab.advance(6.5)
    role(lab, 2, "manager")
    lab.advance(2)
    assert lab.ask(2)[1] == ("ready", "reachable")


def test_a_node_that_was_promoted_while_away_joins_the_quorum_when_it_returns(make: Make) -> None:
    lab = make(2)
    lab.swarm(1, workers=1)
    lab.power(2, "stop")
    role(lab, 2, "manager")
    lab.advance(60)
    assert lab.ask(1) == [("ready", "leader"), ("down", "")]
    lab.power(2, "start")
    lab.advance(10)
    assert lab.ask(2) == [("ready", "leader"), ("ready", "reachable")]


def ended_on_node_2(lab: LabOfEngines, away: float) -> list[Task]:
    """What became of tasks on node-2, which was shut down for so many seconds."""
    lab.swarm(1, workers=1)
    cluster = lab.engine(1).cluster
    spec = service_spec(replicas=2, image="alpine")
    # It ends as soon as it is told to: a shell would need real time, in which the lab's goes on.
    program = ContainerSpec(image="traefik/whoami")
    spec = replace(spec, task_template=replace(spec.task_template, container_spec=program))
    lab.run(cluster.patiently(lambda: cluster.control().create_service(spec, ACTOR)))
    lab.advance(5)
    [task] = [t for t in cluster.control().tasks() if t.node_id == lab.node_id(2)]
    assert len(running(lab)) == 2
    ended = lab.engine(2).containers.of_task(task.id)
    assert ended is not None
    with_ended = replace(
        ended, id="e" * 64, name="ended", task_id="e" * 25, state=replace(ended.state, status="exited")
    )
    with lab.engine(2)._store.transaction(ACTOR) as tx:
        tx.create(Kind.CONTAINER, with_ended)
    lab.power(2, "stop")
    assert lab.engine(2).containers.list(all=True) == [], "containers of tasks are removed, also those that have ended"
    assert cluster.control().task(task.id).state == TaskState.RUNNING, "the agent says nothing"
    lab.advance(away)
    lab.power(2, "start")
    lab.advance(10)
    return [cluster.control().task(task.id), task]


def test_a_node_that_was_shut_down_for_long_ends_its_tasks_in_order(make: Make) -> None:
    now, before = ended_on_node_2(make(2), 30)
    assert (now.state, now.desired_state, now.status.message) == (TaskState.SHUTDOWN, TaskState.SHUTDOWN, "shutdown")
    assert now.status.container_status == before.status.container_status


def test_a_node_that_was_back_before_anybody_noticed_misses_its_containers(make: Make) -> None:
    now, before = ended_on_node_2(make(2), 1)
    assert (now.state, now.status.message) == (TaskState.FAILED, "started")
    assert now.status.err == f"No such container: {now.name}"
    assert now.status.container_status == before.status.container_status


def test_a_cut_separates_the_routing_mesh_too_also_after_a_crash(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[dict[str, int]] = []
    monkeypatch.setattr(Mesh, "separate", lambda mesh, sides: told.append(dict(sides)))
    lab = make(3)
    lab.swarm(1, workers=2)
    ids = [lab.node_id(number) for number in (1, 2, 3)]
    lab.lab.partition(["node-3"])
    assert told[-1] == dict(zip(ids, (0, 0, 1), strict=True))
    lab.crash()
    assert told[-1] == dict(zip(ids, (0, 0, 1), strict=True))
    lab.lab.heal()
    assert told[-1] == dict.fromkeys(ids, 0)


def test_logs_come_from_the_side_of_who_asks(make: Make) -> None:
    lab = make(2)
    lab.swarm(1, workers=1)
    swarm = lab.lab.get(lab.engine(1).cluster.control().cluster().id)
    assert swarm is not None
    seen = lambda: [lab.lab.containers(swarm, lab.node_id(n), "node-1") is not None for n in (1, 2)]  # noqa: E731
    assert seen() == [True, True]
    lab.lab.partition(["node-2"])
    assert seen() == [True, False]


def test_a_node_that_is_removed_by_force_stops_what_it_runs(make: Make) -> None:
    lab = make(2)
    lab.swarm(1, workers=1)
    cluster = lab.engine(1).cluster
    stubborn = ContainerSpec(image="alpine", args=("sleep", "1000"), stop_grace_period=6 * SECOND)
    for name, mode in (("one", ReplicatedService(replicas=1)), ("all", GlobalService())):
        spec = service_spec(name, constraints=("node.role==worker",))
        template = replace(spec.task_template, container_spec=stubborn)
        kind = ServiceMode(replicated=mode) if name == "one" else ServiceMode(global_=mode)
        spec = replace(spec, task_template=template, mode=kind)
        lab.run(cluster.patiently(lambda spec=spec: cluster.control().create_service(spec, ACTOR)))
    lab.advance(5)
    assert len(lab.engine(2).containers.list(all=False)) == 2
    cluster.control().remove_node(lab.node_id(2), force=True, actor=ACTOR)

    def left() -> list[str]:
        return [container.state.status for container in lab.engine(2).containers.list(all=True)]

    end = lab.clock.now() + 30 * SECOND
    lab.until(lambda: left() == ["exited"] or lab.clock.now() > end)
    assert left() == ["exited"], "it is turned away while it stops them; the global service's task is forgotten"
    tasks = [task for task in cluster.control().tasks() if task.node_id == lab.node_id(2)]
    assert {task.state.text for task in tasks} == {"orphaned"}
