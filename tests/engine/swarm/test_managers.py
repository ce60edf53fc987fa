"""Managers: autolock, a new cluster by force, a new root certificate, as each engine lives through it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from swarmlab.clock import SECOND
from swarmlab.engine import EngineError
from swarmlab.engine.swarm.swarminfo import SwarmInfo
from swarmlab.manager import NO_LEADER, StatusError
from swarmlab.manager.ca import digest
from swarmlab.objects import ContainerSpec, TaskState
from swarmlab.objects.cluster import CAConfig, EncryptionConfig
from swarmlab.objects.requests import InitRequest
from swarmlab.store import Actor
from tests.engine.conftest import LabOfEngines
from tests.support.cluster import replace
from tests.support.specs import service_spec

Make = Callable[[int], LabOfEngines]
ACTOR = Actor(engine="node-1", request="test")
LOCKED = (
    'Swarm is encrypted and needs to be unlocked before it can be used. Please use "docker swarm unlock" to unlock it.'
)


def update(lab: LabOfEngines, *, rotate_unlock_key: bool = False, **fields: object) -> None:
    control = lab.engine(1).cluster.control()
    cluster = control.cluster()
    control.update_cluster(
        cluster.version,
        replace(cluster.spec, **fields),
        rotate_worker=False,
        rotate_manager=False,
        rotate_unlock_key=rotate_unlock_key,
        actor=ACTOR,
    )
    lab.advance(0.1)


def autolock(lab: LabOfEngines, on: bool = True) -> str:
    """Switch it, and return the key."""
    update(lab, encryption_config=EncryptionConfig(auto_lock_managers=on))
    return lab.engine(1).cluster.unlock_key()


def refused(lab: LabOfEngines, number: int, key: str) -> tuple[int, str]:
    with pytest.raises(EngineError) as error:
        lab.run(lab.engine(number).cluster.unlock(key))
    return error.value.status, str(error.value)


# --- autolock --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", ["stop", "kill"])
def test_a_manager_locks_itself_when_it_restarts(make: Make, action: str) -> None:
    lab = make(3)
    lab.swarm(2, workers=1)
    key = autolock(lab)
    assert refused(lab, 2, key) == (409, "swarm is not locked")
    for number in (2, 3):
        lab.power(number, action)
        lab.power(number, "start")
    cluster = lab.engine(2).cluster
    info = cluster.info()
    assert (info.local_node_state, info.error, info.node_id, info.control_available) == ("locked", LOCKED, "", False)
    assert lab.engine(3).cluster.info().local_node_state == "pending", "a worker is not locked, but finds no leader"
    with pytest.raises(EngineError, match=r"^Swarm is encrypted and needs to be unlocked") as error:
        cluster.control()
    assert error.value.status == 503
    assert lab.engine(2).overlays.list() == []
    wrong = "SWMKEY-1-" + "A" * 43
    assert refused(lab, 2, wrong) == (401, "swarm could not be unlocked: invalid key provided")
    for malformed in ("", "foo", "SWMKEY-1-?", key + "="):
        assert refused(lab, 2, malformed) == (400, "invalid key string")
    lab.run(cluster.unlock(key))
    assert cluster.info().local_node_state == "active"
    lab.advance(25)
    assert [overlay.network.spec.name for overlay in lab.engine(2).overlays.list()] == ["ingress"]
    assert lab.ask(2)[1][0] == "ready"


def test_a_locked_manager_opens_with_the_key_that_it_knew(make: Make) -> None:
    lab = make(3)
    lab.swarm(3)
    old = autolock(lab)
    lab.power(3, "stop")
    update(lab, rotate_unlock_key=True)
    new = lab.engine(1).cluster.unlock_key()
    assert new != old
    lab.power(3, "start")
    assert refused(lab, 3, new)[0] == 401
    lab.run(lab.engine(3).cluster.unlock(old))
    lab.power(3, "stop")
    lab.power(3, "start")
    lab.run(lab.engine(3).cluster.unlock(new))


def test_without_autolock_nothing_locks(make: Make) -> None:
    lab = make(2)
    lab.swarm(2)
    autolock(lab)
    assert autolock(lab, on=False) == ""
    lab.power(2, "stop")
    lab.power(2, "start")
    assert not lab.engine(2).cluster.locked


def test_a_crash_of_the_lab_locks_nobody_and_unlocks_nobody(make: Make, tmp_path: Path) -> None:
    lab = make(3)
    lab.swarm(3)
    key = autolock(lab)
    lab.power(3, "kill")
    lab.power(3, "start")
    lab.crash()
    assert [lab.engine(n).cluster.locked for n in (1, 2, 3)] == [False, False, True]
    for file in tmp_path.glob("journal.sqlite*"):
        assert key.encode() not in file.read_bytes()
    lab.run(lab.engine(3).cluster.unlock(key))


def test_leaving_while_locked_needs_force(make: Make) -> None:
    lab = make(3)
    lab.swarm(3)
    autolock(lab)
    lab.power(3, "stop")
    lab.power(3, "start")
    with pytest.raises(EngineError, match="Please unlock it first or use `--force` to ignore this message"):
        lab.run(lab.engine(3).cluster.leave(force=False))
    lab.run(lab.engine(3).cluster.leave(force=True))
    assert lab.engine(3).cluster.info().local_node_state == "inactive"


def test_with_autolock_a_new_cluster_by_force_fails_and_the_node_is_in_no_swarm_until_it_restarts(make: Make) -> None:
    lab = make(1)
    lab.swarm(1)
    key = autolock(lab)
    cluster = lab.engine(1).cluster
    for _ in range(2):
        with pytest.raises(EngineError, match="Swarm is encrypted and needs to be unlocked"):
            lab.run(cluster.init(InitRequest(force_new_cluster=True)))
        assert cluster.info() == SwarmInfo()
    for asked in (lambda: lab.ask(1), lambda: lab.run(cluster.leave(force=True))):
        with pytest.raises(EngineError, match=r"not a swarm manager\. Use|not part of a swarm"):
            asked()
    lab.crash()
    assert lab.engine(1).cluster.info() == SwarmInfo()
    lab.power(1, "stop")
    lab.power(1, "start")
    cluster = lab.engine(1).cluster
    assert cluster.info().local_node_state == "locked"
    lab.run(cluster.unlock(key))
    assert lab.ask(1) == [("ready", "leader")]


def test_what_was_given_up_so_is_gone_when_another_swarm_is_made(make: Make) -> None:
    lab = make(1)
    lab.swarm(1)
    autolock(lab)
    cluster = lab.engine(1).cluster
    with pytest.raises(EngineError, match="Swarm is encrypted"):
        lab.run(cluster.init(InitRequest(force_new_cluster=True)))
    with pytest.raises(EngineError, match="Swarm is encrypted"):
        lab.run(cluster.init(InitRequest()))
    lab.run(cluster.init(InitRequest()))
    assert lab.ask(1) == [("ready", "leader")]


# --- leaving, and beginning anew -------------------------------------------------------------------------------------


def test_a_manager_that_left_by_force_still_counts(make: Make) -> None:
    lab = make(3)
    lab.swarm(3)
    lab.run(lab.engine(3).cluster.leave(force=True))
    assert [place for _, place in lab.ask(1)] == ["leader", "reachable"]
    lab.power(2, "kill")
    lab.advance(60)
    with pytest.raises(StatusError, match=NO_LEADER[:30]):
        lab.ask(1)


def test_a_new_cluster_by_force_has_one_manager_and_all_objects(make: Make) -> None:
    lab = make(3)
    lab.swarm(3)
    before = lab.engine(1).cluster.control().cluster().root_ca.join_tokens
    lab.power(2, "kill")
    lab.power(3, "kill")
    lab.advance(60)
    cluster = lab.engine(1).cluster
    own = lab.node_id(1)
    assert lab.run(cluster.init(InitRequest(force_new_cluster=True))) == own
    assert lab.ask(1) == [("ready", "leader"), ("unknown", ""), ("unknown", "")]
    assert cluster.control().cluster().root_ca.join_tokens == before
    cluster.control().remove_node(lab.node_id(2), force=False, actor=ACTOR)
    lab.power(3, "start")
    lab.advance(10)
    assert lab.node(3).status.state == "ready"
    with pytest.raises(EngineError, match="Worker nodes can't be used"):
        lab.ask(3)


def test_a_new_cluster_by_force_costs_its_manager_the_containers_of_its_tasks(make: Make) -> None:
    """Its agent ends with it and removes them (seen on a real engine), and begins again without them."""
    lab = make(1)
    lab.swarm(1)
    cluster = lab.engine(1).cluster
    spec = service_spec(replicas=2)
    program = ContainerSpec(image="traefik/whoami")
    spec = replace(spec, task_template=replace(spec.task_template, container_spec=program))
    lab.run(cluster.patiently(lambda: cluster.control().create_service(spec, ACTOR)))
    lab.advance(5)
    before = {task.id: task for task in cluster.control().tasks()}
    lab.run(cluster.init(InitRequest(force_new_cluster=True)))
    lab.advance(3)
    ended = [task for task in cluster.control().tasks() if task.id in before]
    assert [(task.state, task.status.err) for task in ended] == [
        (TaskState.FAILED, f"No such container: {task.name}") for task in ended
    ]
    assert {c.task_id for c in lab.engine(1).containers.list(all=True)}.isdisjoint(before)
    lab.advance(8)
    assert [task.state for task in cluster.control().tasks() if task.id not in before] == [TaskState.RUNNING] * 2


def test_a_manager_that_a_new_cluster_has_left_out_works_on_and_becomes_one_again_later(make: Make) -> None:
    lab = make(3)
    lab.swarm(2, workers=1)
    lab.power(1, "kill")
    lab.advance(30)
    lab.run(lab.engine(2).cluster.init(InitRequest(force_new_cluster=True)))
    assert lab.node(2, asked=2).status.addr == lab.engine(2).address, "it knows its address now, although it joined"
    lab.power(1, "start")
    lab.advance(5)
    info = lab.engine(1).cluster.info()
    assert (info.local_node_state, info.control_available, info.error) == ("active", False, "")
    node = lab.engine(2).cluster.control().node(lab.node_id(1))
    assert (node.status.state, node.spec.role, node.manager_status) == ("ready", "manager", None)
    lab.advance(40)
    assert lab.engine(1).cluster.info().control_available


def test_a_manager_that_is_left_out_goes_on_asking_the_leader_until_it_misses_its_voice(make: Make) -> None:
    lab = make(2)
    lab.swarm(2)
    began = lab.clock.now()
    lab.run(lab.engine(1).cluster.init(InitRequest(force_new_cluster=True)))
    assert (lab.clock.now() - began) / SECOND >= 1.3, "its manager stops first"
    lab.advance(9)
    assert lab.ask(2) == lab.ask(1) == [("ready", "leader"), ("ready", "")]
    assert lab.engine(2).cluster.info().control_available
    lab.advance(11)
    with pytest.raises(EngineError, match="Worker nodes can't be used"):
        lab.ask(2)
    lab.advance(34)
    assert lab.ask(2) == [("ready", "leader"), ("ready", "reachable")]


def test_a_worker_cannot_begin_anew(make: Make) -> None:
    lab = make(2)
    lab.swarm(1, workers=1)
    with pytest.raises(EngineError, match="Worker nodes can't be used") as error:
        lab.run(lab.engine(2).cluster.init(InitRequest(force_new_cluster=True)))
    assert error.value.status == 503


# --- a new root ------------------------------------------------------------------------------------------------------


def test_a_rotation_renews_every_node_and_then_the_tokens(make: Make) -> None:
    lab = make(3)
    lab.swarm(1, workers=2)
    old = lab.engine(1).cluster.control().cluster().root_ca
    update(lab, ca_config=CAConfig(node_cert_expiry=old_expiry(lab), force_rotate=1))
    assert lab.engine(1).cluster.control().cluster().root_ca.rotation is not None
    lab.advance(10)
    new = lab.engine(1).cluster.control().cluster().root_ca
    assert new.rotation is None
    assert new.certificate != old.certificate
    assert new.join_tokens.worker.startswith(f"SWMTKN-1-{digest(new.certificate)}-")
    assert [lab.node(n).description.tls_info for n in (1, 2, 3)] == [new.tls_info] * 3


def test_a_node_that_was_away_during_a_rotation_completes_it(make: Make) -> None:
    lab = make(2)
    lab.swarm(1, workers=1)
    lab.power(2, "kill")
    update(lab, ca_config=CAConfig(node_cert_expiry=old_expiry(lab), force_rotate=1))
    lab.advance(60)
    lab.crash()
    control = lab.engine(1).cluster.control()
    assert control.cluster().root_ca.rotation is not None
    lab.power(2, "start")
    lab.advance(15)
    assert control.cluster().root_ca.rotation is None
    assert lab.node(2).description.tls_info == control.cluster().root_ca.tls_info


def old_expiry(lab: LabOfEngines) -> int:
    return lab.engine(1).cluster.control().cluster().spec.ca_config.node_cert_expiry


@pytest.mark.parametrize(
    ("asked", "kept"),
    [
        (InitRequest(subnet_size=3), (("10.0.0.0/8",), 24)),
        (InitRequest(subnet_size=26), (("10.0.0.0/8",), 24)),
        (InitRequest(subnet_size=3, default_addr_pool=()), ((), 3)),
        (InitRequest(subnet_size=26, default_addr_pool=("10.9.0.0/16",)), (("10.9.0.0/16",), 26)),
    ],
)
def test_the_size_of_subnets_counts_with_pools_only(
    make: Callable[[int], LabOfEngines], asked: InitRequest, kept: tuple[tuple[str, ...], int]
) -> None:
    lab = make(1)
    lab.run(lab.engine(1).cluster.init(asked))
    cluster = lab.engine(1).cluster.control().cluster()
    assert (cluster.default_addr_pool, cluster.subnet_size) == kept
    ingress = next(network for network in lab.engine(1).cluster.control().networks() if network.spec.ingress)
    assert ingress.ipam.configs[0].subnet.endswith("/24" if len(kept[0]) != 1 or "/8" in kept[0][0] else "/26")


def test_every_leader_but_the_first_writes_down_the_default_pools(make: Make) -> None:
    lab = make(2)
    cluster = lab.engine(1).cluster
    lab.run(cluster.init(InitRequest(default_addr_pool=())))
    lab.join(2, manager=True)
    assert cluster.control().cluster().default_addr_pool == ()
    node = cluster.control().node(lab.node_id(1))
    cluster.control().update_node(node.id, node.version, replace(node.spec, role="worker"), ACTOR)
    lab.advance(2)
    assert lab.engine(2).cluster.control().cluster().default_addr_pool == ("10.0.0.0/8",)
