"""Nodes, roles, tokens, networks and the cluster object (SK: manager/controlapi/{node,network,cluster}_test.go, ca)."""

import hashlib
import re

import pytest
from cryptography import x509

from swarmlab.manager.ca import digest, join_token, new_root_ca, parse_token, unlock_key
from swarmlab.manager.errors import StatusError
from swarmlab.manager.rolemanager import RECONCILE_INTERVAL
from swarmlab.manager.swarm import NO_LEADER
from swarmlab.objects import Driver, IPAMConfig, IPAMOptions, NetworkSpec, TaskState
from swarmlab.objects.cluster import CAConfig, DispatcherConfig, EncryptionConfig
from tests.support.cluster import ACTOR, Cluster, replace
from tests.support.specs import GLOBAL, ingress, service_spec

from .conftest import Refused

S = TaskState


def role(swarm: Cluster, name: str, wanted: str) -> None:
    node = swarm.node(name)
    swarm.api.update_node(node.id, node.version, replace(node.spec, role=wanted), ACTOR)


def managers(count: int) -> Cluster:
    swarm = Cluster()
    for number in range(2, count + 1):
        swarm.join(f"n{number}", manager=True)
    swarm.settle()
    return swarm


# --- removal ---------------------------------------------------------------------------------------------------------


def test_a_node_that_is_ready_is_not_removed_without_force() -> None:
    swarm = Cluster(2)
    with Refused(swarm, "FailedPrecondition", f"node {swarm.ids['n2']} is not down and can't be removed"):
        swarm.api.remove_node(swarm.ids["n2"], force=False, actor=ACTOR)
    swarm.api.remove_node(swarm.ids["n2"], force=True, actor=ACTOR)
    assert len(swarm.api.nodes()) == 1


def test_a_manager_is_not_removed_even_with_force(swarm: Cluster) -> None:
    text = (
        f"node {swarm.ids['n1']} is a cluster manager and is a member of the raft cluster. "
        "It must be demoted to worker before removal"
    )
    for force in (False, True):
        with Refused(swarm, "FailedPrecondition", text):
            swarm.api.remove_node(swarm.ids["n1"], force=force, actor=ACTOR)


def test_removal_orphans_tasks_replaces_replicated_ones_and_deletes_global_ones() -> None:
    swarm = Cluster(2)
    swarm.create(service_spec(replicas=2))
    swarm.create(service_spec("g", GLOBAL))
    swarm.settle()
    [lost] = swarm.on("n2")
    swarm.silence("n2")
    swarm.advance(0.5)
    swarm.api.remove_node(swarm.ids["n2"], force=True, actor=ACTOR)
    now = swarm.api.task(lost.id)
    assert (now.state, now.status.message) == (S.ORPHANED, "Task belonged to a node that has been deleted")
    swarm.advance(20)
    assert len(swarm.on("n1")) == 2
    assert [t.node_id for t in swarm.tasks("g")] == [swarm.ids["n1"]]


def test_what_is_not_there(swarm: Cluster) -> None:
    with Refused(swarm, "NotFound", "node x not found"):
        swarm.api.node("x")
    with Refused(swarm, "NotFound", "node x not found"):
        swarm.api.remove_node("x", force=True, actor=ACTOR)


def test_a_stale_version_is_an_unknown_error(swarm: Cluster) -> None:
    node = swarm.node("n1")
    swarm.availability("n1", "pause")
    with Refused(swarm, "Unknown", "update out of sequence"):
        swarm.api.update_node(node.id, node.version, node.spec, ACTOR)


# --- roles -----------------------------------------------------------------------------------------------------------


def test_the_last_manager_is_not_demoted(swarm: Cluster) -> None:
    with Refused(swarm, "FailedPrecondition", "attempting to demote the last manager of the swarm"):
        role(swarm, "n1", "worker")


def test_promotion_makes_a_member_and_demotion_takes_it_back() -> None:
    swarm = Cluster(3)
    role(swarm, "n2", "manager")
    swarm.settle()
    assert (swarm.node("n2").role, swarm.node("n2").manager_status) == ("manager", None)
    assert swarm.swarm.join_quorum(swarm.ids["n2"], "10.77.0.2:2377")
    assert swarm.node("n2").manager_status is not None
    role(swarm, "n3", "manager")
    swarm.settle()
    assert swarm.swarm.join_quorum(swarm.ids["n3"], "10.77.0.3:2377")
    role(swarm, "n2", "worker")
    swarm.settle()
    assert (swarm.node("n2").role, swarm.node("n2").manager_status) == ("manager", None)
    swarm.advance(RECONCILE_INTERVAL)
    now = swarm.node("n2")
    assert (now.role, now.manager_status) == ("worker", None)


def test_healthy_managers_are_not_demoted_when_that_would_cost_the_quorum() -> None:
    """Three managers, one down: the healthy ones cannot be demoted, the dead one can."""
    swarm = managers(3)
    swarm.swarm.raft.offline(swarm.ids["n3"])
    text = "can't remove member from the raft: this would result in a loss of quorum"
    for name in ("n1", "n2"):
        with Refused(swarm, "FailedPrecondition", text):
            role(swarm, name, "worker")
    role(swarm, "n3", "worker")
    swarm.advance(RECONCILE_INTERVAL)
    assert swarm.node("n3").role == "worker"


def test_a_leader_that_is_demoted_hands_over() -> None:
    swarm = managers(3)
    assert swarm.swarm.raft.leader == swarm.ids["n1"]
    role(swarm, "n1", "worker")
    swarm.advance(30)
    assert swarm.swarm.raft.leader in {swarm.ids["n2"], swarm.ids["n3"]}
    assert (swarm.node("n1").role, swarm.node("n1").manager_status) == ("worker", None)


@pytest.mark.parametrize(("count", "losses"), [(1, 0), (2, 0), (3, 1), (4, 1), (5, 2)])
def test_how_many_managers_may_be_lost(count: int, losses: int) -> None:
    swarm = managers(count)
    names = [f"n{n}" for n in range(1, count + 1)]
    for name in names[:losses]:
        swarm.swarm.raft.offline(swarm.ids[name])
    swarm.advance(30)
    assert swarm.swarm.raft.leader in {swarm.ids[n] for n in names[losses:]}
    swarm.swarm.raft.offline(swarm.ids[names[losses]])
    swarm.advance(60)
    assert swarm.swarm.raft.leader is None
    with pytest.raises(StatusError) as caught:
        swarm.swarm.control()
    assert str(caught.value) == f"rpc error: code = Unknown desc = {NO_LEADER}"


def test_tasks_run_on_without_a_quorum_and_nothing_is_decided() -> None:
    swarm = managers(2)
    swarm.create(service_spec(replicas=2))
    swarm.settle()
    [task] = swarm.on("n2")
    swarm.swarm.raft.offline(swarm.ids["n1"])
    index = swarm.store.index
    swarm.exit(task, 1)
    swarm.advance(300)
    assert swarm.store.index == index
    swarm.swarm.raft.online(swarm.ids["n1"])
    swarm.advance(60)
    assert len(swarm.running()) == 2


# --- tokens and certificates -----------------------------------------------------------------------------------------


def test_tokens_have_a_digest_in_common_and_a_secret_each(swarm: Cluster) -> None:
    ca = swarm.swarm.cluster.root_ca
    tokens = ca.join_tokens
    for token in (tokens.worker, tokens.manager):
        assert re.fullmatch(r"SWMTKN-1-[0-9a-z]{50}-[0-9a-z]{25}", token)
    (worker_digest, worker_secret), (manager_digest, manager_secret) = map(parse_token, (tokens.worker, tokens.manager))
    assert worker_digest == manager_digest == digest(ca.certificate)
    assert worker_secret != manager_secret
    expected = int.from_bytes(hashlib.sha256(ca.certificate.encode()).digest())
    assert int(worker_digest, 36) == expected


@pytest.mark.parametrize("token", ["x", "SWMTKN-1-a-b", "SWMTKN-2-" + "a" * 50 + "-" + "b" * 25, "-".join("SWMT")])
def test_malformed_tokens(swarm: Cluster, token: str) -> None:
    with pytest.raises(ValueError, match=r"^invalid join token$"):
        swarm.swarm.admit(token, "10.0.0.2", "", ACTOR)


def test_a_wrong_secret_and_a_wrong_digest(swarm: Cluster) -> None:
    right = swarm.swarm.cluster.root_ca.join_tokens.worker
    with Refused(swarm, "InvalidArgument", "A valid join token is necessary to join this cluster"):
        swarm.swarm.admit(f"{right[:-25]}{'0' * 25}", "10.0.0.2", "", ACTOR)
    with Refused(swarm, "InvalidArgument", "A valid join token is necessary to join this cluster"):
        swarm.swarm.admit("", "10.0.0.2", "", ACTOR)
    other = new_root_ca(swarm.clock.now())
    with pytest.raises(ValueError, match=r"^remote CA does not match fingerprint. Expected: [0-9a-f]{64}$"):
        swarm.swarm.admit(other.join_tokens.worker, "10.0.0.2", "", ACTOR)


@pytest.mark.parametrize("kind", ["worker", "manager"])
def test_the_token_decides_the_role(swarm: Cluster, kind: str) -> None:
    token = getattr(swarm.swarm.cluster.root_ca.join_tokens, kind)
    node = swarm.swarm.admit(token, "10.0.0.2", "drain", ACTOR)
    assert (node.role, node.spec.role, node.spec.availability) == (kind, kind, "drain")
    assert (node.manager_status is not None) == (kind == "manager")


def test_the_root_certificate(swarm: Cluster) -> None:
    certificate = x509.load_pem_x509_certificate(swarm.swarm.cluster.root_ca.certificate.encode())
    assert certificate.subject.rfc4514_string() == "CN=swarm-ca"
    assert certificate.issuer == certificate.subject
    life = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    assert life.days == 20 * 365
    assert certificate.not_valid_before_utc.timestamp() == swarm.clock.now() // 1_000_000_000 - 3600
    certificate.verify_directly_issued_by(certificate)


def test_unlock_keys() -> None:
    assert re.fullmatch(r"SWMKEY-1-[A-Za-z0-9+/]{43}", unlock_key())
    assert unlock_key() != unlock_key()
    assert join_token("pem") != join_token("pem")


# --- the cluster object ----------------------------------------------------------------------------------------------


def update_cluster(swarm: Cluster, *, rotate: str = "", **changes: object) -> None:
    cluster = swarm.api.cluster()
    swarm.api.update_cluster(
        cluster.version,
        replace(cluster.spec, **changes),
        rotate_worker=rotate == "worker",
        rotate_manager=rotate == "manager",
        rotate_unlock_key=rotate == "unlock",
        actor=ACTOR,
    )


def test_a_new_swarm_has_its_settings_its_first_manager_and_three_networks(swarm: Cluster) -> None:
    assert swarm.api.cluster().spec.name == "default"
    [node] = swarm.api.nodes()
    assert (node.role, node.manager_status is not None) == ("manager", True)
    networks = {n.spec.name: n for n in swarm.store.tables.networks}
    assert {name: n.predefined for name, n in networks.items()} == {"ingress": False, "bridge": True, "host": True}
    assert networks["ingress"].spec.ingress


def test_the_defaults(swarm: Cluster) -> None:
    cluster = swarm.api.cluster()
    spec = cluster.spec
    assert (spec.name, spec.orchestration.task_history_retention_limit) == ("default", 5)
    assert (spec.raft.snapshot_interval, spec.raft.keep_old_snapshots) == (10_000, 0)
    assert spec.raft.log_entries_for_slow_followers == 500
    assert (spec.raft.election_tick, spec.raft.heartbeat_tick) == (10, 1)
    assert spec.dispatcher.heartbeat_period == 5_000_000_000
    assert spec.ca_config.node_cert_expiry == 2160 * 3600 * 1_000_000_000
    assert not spec.encryption_config.auto_lock_managers
    assert (cluster.default_addr_pool, cluster.subnet_size, cluster.data_path_port) == (("10.0.0.0/8",), 24, 4789)
    networks = [(n.spec.name, n.spec.ingress) for n in swarm.api.networks()]
    assert networks == [("ingress", True), ("bridge", False), ("host", False)]
    (first,) = (network for network in swarm.api.networks() if network.spec.ingress)
    # As in SwarmKit its drivers are chosen when it is allocated.
    assert (first.spec.driver_configuration, first.spec.ipam_options) == (Driver(), IPAMOptions(driver=Driver()))


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"name": "other"}, "modification of cluster name is not allowed"),
        ({"ca_config": CAConfig(node_cert_expiry=1)}, "minimum certificate expiry time is: 1h0m0s"),
        (
            {"dispatcher": DispatcherConfig(heartbeat_period=-1)},
            "heartbeat time period cannot be a negative duration",
        ),
    ],
)
def test_settings_that_are_refused(swarm: Cluster, changes: dict[str, object], text: str) -> None:
    with Refused(swarm, "InvalidArgument", text):
        update_cluster(swarm, **changes)


@pytest.mark.parametrize("which", ["worker", "manager"])
def test_rotating_a_token_changes_that_one_only(swarm: Cluster, which: str) -> None:
    before = swarm.api.cluster().root_ca.join_tokens
    update_cluster(swarm, rotate=which)
    after = swarm.api.cluster().root_ca.join_tokens
    assert (after.worker != before.worker, after.manager != before.manager) == (which == "worker", which == "manager")
    with Refused(swarm, "InvalidArgument", "A valid join token is necessary to join this cluster"):
        swarm.swarm.admit(getattr(before, which), "10.0.0.2", "", ACTOR)


def test_autolock_makes_a_key_and_drops_it(swarm: Cluster) -> None:
    def key() -> str:
        return swarm.api.cluster().unlock_key

    assert key() == ""
    update_cluster(swarm, encryption_config=EncryptionConfig(auto_lock_managers=True))
    first = key()
    update_cluster(swarm)
    assert first.startswith("SWMKEY-1-")
    assert key() == first
    update_cluster(swarm, rotate="unlock")
    assert key() not in {"", first}
    update_cluster(swarm, encryption_config=EncryptionConfig())
    assert key() == ""


# --- networks --------------------------------------------------------------------------------------------------------


def overlay(name: str = "one", **more: object) -> NetworkSpec:
    return replace(NetworkSpec(name=name, driver_configuration=Driver(name="overlay")), **more)


@pytest.mark.parametrize(
    ("config", "text"),
    [
        (IPAMConfig(subnet="x"), "ipam configuration: invalid subnet x"),
        (IPAMConfig(subnet="10.1.0.0"), "ipam configuration: invalid subnet 10.1.0.0"),
        (IPAMConfig(subnet="10.1.0.0/255.255.255.0"), "ipam configuration: invalid subnet 10.1.0.0/255.255.255.0"),
        (IPAMConfig(subnet="10.1.0.0/24", range="x"), "ipam configuration: invalid range x"),
        (
            IPAMConfig(subnet="10.1.0.0/24", range="10.2.0.0/25"),
            "ipam configuration: subnet 10.1.0.0/24 does not contain range 10.2.0.0/25",
        ),
        (IPAMConfig(subnet="10.1.0.0/24", gateway="x"), "ipam configuration: invalid gateway x"),
        (
            IPAMConfig(subnet="10.1.0.0/24", gateway="10.2.0.1"),
            "ipam configuration: subnet 10.1.0.0/24 does not contain gateway 10.2.0.1",
        ),
    ],
)
def test_address_management_that_is_refused(swarm: Cluster, config: IPAMConfig, text: str) -> None:
    with Refused(swarm, "InvalidArgument", text):
        swarm.api.create_network(overlay(ipam_options=IPAMOptions(configs=(config,))), ACTOR)


def test_names_of_networks(swarm: Cluster) -> None:
    swarm.api.create_network(overlay(), ACTOR)
    with Refused(swarm, "AlreadyExists", "network ONE already exists"):
        swarm.api.create_network(overlay("ONE"), ACTOR)
    with Refused(swarm, "InvalidArgument", "meta: name must be provided"):
        swarm.api.create_network(overlay(""), ACTOR)


def test_only_the_swarms_own_address_management_is_known(swarm: Cluster) -> None:
    with Refused(swarm, "InvalidArgument", "error during lookup of plugin nosuch"):
        swarm.api.create_network(overlay(ipam_options=IPAMOptions(driver=Driver(name="nosuch"))), ACTOR)


def test_one_ingress_network_and_not_attachable(swarm: Cluster) -> None:
    first = next(network for network in swarm.api.networks() if network.spec.ingress)
    with Refused(swarm, "AlreadyExists", f"ingress network ({first.id}) is already present"):
        swarm.api.create_network(overlay(ingress=True), ACTOR)
    with Refused(swarm, "InvalidArgument", "ingress network cannot be attachable"):
        swarm.api.create_network(overlay(ingress=True, attachable=True), ACTOR)


def test_a_network_in_use_stays(swarm: Cluster) -> None:
    network = swarm.api.create_network(overlay(), ACTOR)
    service = swarm.create(service_spec(networks=(network.id,)))
    swarm.settle()
    [task] = swarm.tasks()
    with Refused(swarm, "FailedPrecondition", f"network {network.id} is in use by service {service.id}"):
        swarm.api.remove_network(network.id, ACTOR)
    swarm.remove()
    with Refused(swarm, "FailedPrecondition", f"network {network.id} is in use by task {task.id}"):
        swarm.api.remove_network(network.id, ACTOR)
    swarm.settle()
    swarm.api.remove_network(network.id, ACTOR)
    with Refused(swarm, "NotFound", f"network {network.id} not found"):
        swarm.api.remove_network(network.id, ACTOR)


def test_networks_that_cannot_be_removed(swarm: Cluster) -> None:
    by_name = {n.spec.name: n.id for n in swarm.api.networks()}
    text = f"network {by_name['bridge']} (bridge) is a swarm predefined network and cannot be removed"
    with Refused(swarm, "FailedPrecondition", text):
        swarm.api.remove_network(by_name["bridge"], ACTOR)
    service = swarm.create(service_spec(ports=(ingress(80),)))
    text = f"ingress network cannot be removed because service {service.id} depends on it"
    with Refused(swarm, "FailedPrecondition", text):
        swarm.api.remove_network(by_name["ingress"], ACTOR)
