"""Nodes without an engine."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from swarmlab.engine import Lab
from swarmlab.engine.hollow import HollowFleet, hollow_address
from swarmlab.journal import Journal, Seal
from swarmlab.objects import Node, NodeSpec, NodeStatus, TaskState
from swarmlab.store import Kind
from tests.engine.conftest import LabOfEngines
from tests.support.cluster import ACTOR, Cluster, replace
from tests.support.specs import service_spec

NODES = 60


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


def fleet(cluster: Cluster) -> HollowFleet:
    made = HollowFleet(cluster.clock, range(2, NODES + 1))
    made.join(cluster.swarm)
    return made


def hollow(cluster: Cluster) -> dict[str, Node]:
    """The hollow nodes that are ready, by host name."""
    nodes = cluster.store.tables.nodes
    return {n.description.hostname: n for n in nodes if n.status.state == "ready" and n.id != cluster.ids["n1"]}


def test_they_are_workers_with_names_and_addresses_of_their_own(cluster: Cluster) -> None:
    fleet(cluster)
    cluster.settle()
    found = hollow(cluster)
    assert list(found) == [f"node-{number}" for number in range(2, NODES + 1)]
    assert {node.role for node in found.values()} == {"worker"}
    assert found["node-2"].status.addr == hollow_address(2) == "127.1.0.2"
    assert len({node.status.addr for node in found.values()}) == NODES - 1


def test_tasks_run_on_them(cluster: Cluster) -> None:
    fleet(cluster)
    cluster.create(service_spec(replicas=NODES))
    cluster.settle()
    assert len({task.node_id for task in cluster.running()}) == NODES


def test_a_new_root_certificate_reaches_them(cluster: Cluster) -> None:
    fleet(cluster)
    cluster.settle()
    found = cluster.api.cluster()
    spec = replace(found.spec, ca_config=replace(found.spec.ca_config, force_rotate=1))
    cluster.agents["n1"].stop()
    cluster.api.update_cluster(
        found.version, spec, rotate_worker=False, rotate_manager=False, rotate_unlock_key=False, actor=ACTOR
    )
    cluster.advance(30)
    wanted = cluster.api.cluster().root_ca.tls_info
    assert [node.description.tls_info for node in hollow(cluster).values()] == [wanted] * (NODES - 1)
    assert wanted.cert_issuer_public_key != found.root_ca.tls_info.cert_issuer_public_key


def test_they_go_down_when_the_only_manager_is_cut_off_and_return(cluster: Cluster) -> None:
    fleet(cluster)
    cluster.settle()
    cluster.swarm.raft.separate({cluster.ids["n1"]: 1})
    cluster.advance(30)
    assert not hollow(cluster)
    cluster.swarm.raft.separate({})
    cluster.advance(10)
    assert len(hollow(cluster)) == NODES - 1


def test_the_next_fleet_goes_on_as_the_same_nodes(cluster: Cluster) -> None:
    first = fleet(cluster)
    cluster.settle()
    before = {node.id for node in hollow(cluster).values()}
    first.stop()
    cluster.advance(30)
    assert not hollow(cluster)
    fleet(cluster)
    cluster.settle()
    assert {node.id for node in hollow(cluster).values()} == before


def test_those_that_had_no_time_to_join_do_so_later(cluster: Cluster) -> None:
    first = fleet(cluster)
    begun = len(cluster.store.tables.nodes)
    assert 1 < begun < NODES
    first.stop()
    cluster.settle()
    assert len(cluster.store.tables.nodes) == begun
    fleet(cluster)
    cluster.settle()
    assert len(hollow(cluster)) == NODES - 1


def test_one_that_was_removed_stays_away(cluster: Cluster) -> None:
    first = fleet(cluster)
    cluster.settle()
    cluster.api.remove_node(hollow(cluster)["node-7"].id, force=True, actor=ACTOR)
    cluster.settle()
    first.stop()
    fleet(cluster)
    cluster.settle()
    assert "node-7" not in hollow(cluster)
    assert len(hollow(cluster)) == NODES - 2


def test_without_a_leader_nobody_is_let_in(cluster: Cluster) -> None:
    manager = cluster.ids["n1"]
    cluster.swarm.raft.offline(manager)
    fleet(cluster)
    cluster.settle()
    assert len(cluster.store.tables.nodes) == 1
    cluster.swarm.raft.online(manager)
    cluster.settle(quiet=20)
    assert len(hollow(cluster)) == NODES - 1


def test_they_stay_in_the_swarm_that_they_are_in(cluster: Cluster) -> None:
    nodes = fleet(cluster)
    other = Cluster()
    nodes.join(other.swarm)
    nodes.leave(other.swarm)
    cluster.settle()
    other.settle()
    assert (len(hollow(cluster)), len(hollow(other))) == (NODES - 1, 0)
    nodes.leave(cluster.swarm)
    nodes.join(other.swarm)
    other.settle()
    cluster.advance(30)
    assert not hollow(cluster)


def test_a_node_of_the_swarm_with_another_address_is_none_of_theirs(cluster: Cluster) -> None:
    with cluster.store.transaction(ACTOR) as tx:
        tx.create(Kind.NODE, Node(id="other", spec=NodeSpec(role="worker"), status=NodeStatus(addr="10.0.0.9")))
    fleet(cluster)
    cluster.settle()
    assert len(hollow(cluster)) == NODES - 1
    assert cluster.api.node("other").status.state != "ready"


# --- in a lab ------------------------------------------------------------------------------------------------------


class HollowLab(LabOfEngines):
    """Two engines and ten nodes more."""

    def _open(self) -> Lab:
        self._journal = Journal(self.folder / "journal.sqlite", Seal(self.folder / "key"))
        lab = Lab(
            name="test",
            nodes=12,
            clock=self.clock,
            journal=self._journal,
            state_dir=self.folder,
            addresses=["127.0.0.1", "127.0.0.2"],
            hollow=True,
        )
        self._runner.run(lab.start())
        return lab

    def ready(self) -> list[str]:
        """The names of the nodes that are ready, as node-1 shows them."""
        nodes = self.engine(1).cluster.control().nodes()
        return sorted(n.description.hostname for n in nodes if n.status.state == "ready")


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[HollowLab]:
    made = HollowLab(tmp_path, 2)
    yield made
    made.close()


OTHERS = sorted(f"node-{number}" for number in range(3, 13))


def test_the_swarm_of_the_first_engine_has_them_all(lab: HollowLab) -> None:
    assert list(lab.lab.engines) == ["node-1", "node-2"]
    lab.swarm(1)
    lab.advance(1)
    assert lab.ready() == ["node-1", *OTHERS]
    lab.join(2)
    lab.advance(1)
    assert lab.ready() == sorted(["node-1", "node-2", *OTHERS])


def test_containers_of_engines_do_nothing_either(lab: HollowLab) -> None:
    lab.swarm(1)
    lab.advance(1)
    control = lab.engine(1).cluster.control()
    control.create_service(service_spec(replicas=22), ACTOR)
    lab.advance(2)
    tasks = control.tasks()
    assert {task.state for task in tasks} == {TaskState.RUNNING}
    assert len({task.node_id for task in tasks}) == 11
    assert lab.engine(1).containers.list(all=True) == []


def test_all_goes_on_after_a_crash(lab: HollowLab) -> None:
    lab.swarm(1)
    lab.advance(1)
    lab.engine(1).cluster.control().create_service(service_spec(replicas=22), ACTOR)
    lab.advance(2)
    before = {task.id: task.node_id for task in lab.engine(1).cluster.control().tasks()}
    lab.crash()
    lab.advance(40)
    control = lab.engine(1).cluster.control()
    assert lab.ready() == ["node-1", *OTHERS]
    assert {task.id: task.node_id for task in control.tasks() if task.state == TaskState.RUNNING} == before
    assert len(control.nodes()) == 11


def test_another_swarm_of_the_first_engine_has_them_next(lab: HollowLab) -> None:
    lab.swarm(1)
    lab.advance(1)
    lab.run(lab.engine(1).cluster.leave(force=True))
    lab.advance(1)
    lab.swarm(1)
    lab.advance(1)
    assert lab.ready() == ["node-1", *OTHERS]
