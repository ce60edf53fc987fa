"""What a fresh swarm consists of (SK: manager/manager.go, becomeLeader; MB: daemon/cluster/swarm.go)."""

from typing import NamedTuple

import msgspec

from swarmlab.clock import SECOND
from swarmlab.manager.ca import new_root_ca, unlock_key
from swarmlab.objects import (
    Cluster,
    ClusterSpec,
    Driver,
    IPAMOptions,
    ManagerStatus,
    Network,
    NetworkSpec,
    Node,
    NodeSpec,
    NodeStatus,
    new_id,
)
from swarmlab.objects.cluster import CAConfig, DispatcherConfig, OrchestrationConfig, RaftConfig, TaskDefaults
from swarmlab.objects.network import PREDEFINED_LABEL
from swarmlab.store import Actor, Kind, Store

_CERTIFICATE_EXPIRY = 2160 * 3600 * SECOND


class FirstNode(NamedTuple):
    """The node that initialises the swarm: its id, address, listening port and availability."""

    node_id: str
    address: str
    port: str
    availability: str


def with_defaults(spec: ClusterSpec) -> ClusterSpec:
    """The settings asked for at init, merged with the defaults."""
    replace = msgspec.structs.replace
    history = spec.orchestration.task_history_retention_limit
    raft = spec.raft
    return replace(
        spec,
        name="default",
        orchestration=OrchestrationConfig(task_history_retention_limit=5 if history is None else history),
        raft=RaftConfig(
            snapshot_interval=raft.snapshot_interval or 10_000,
            keep_old_snapshots=raft.keep_old_snapshots or 0,
            log_entries_for_slow_followers=raft.log_entries_for_slow_followers or 500,
            election_tick=raft.election_tick or 10,
            heartbeat_tick=raft.heartbeat_tick or 1,
        ),
        dispatcher=DispatcherConfig(heartbeat_period=spec.dispatcher.heartbeat_period or 5 * SECOND),
        ca_config=replace(
            spec.ca_config or CAConfig(), node_cert_expiry=spec.ca_config.node_cert_expiry or _CERTIFICATE_EXPIRY
        ),
        task_defaults=TaskDefaults(),
    )


def create_swarm(
    store: Store,
    first: FirstNode,
    spec: ClusterSpec,
    *,
    pools: tuple[str, ...],
    subnet_size: int,
    data_path_port: int,
    cluster_id: str,
    actor: Actor,
) -> Cluster:
    """Write the cluster, its first manager, the ingress network and the predefined networks in one transaction."""
    with store.transaction(actor) as tx:
        cluster = tx.create(
            Kind.CLUSTER,
            Cluster(
                id=cluster_id,
                spec=with_defaults(spec),
                root_ca=new_root_ca(tx.at),
                default_addr_pool=pools,
                subnet_size=subnet_size or 24,
                data_path_port=data_path_port or 4789,
                unlock_key=unlock_key() if spec.encryption_config.auto_lock_managers else "",
            ),
        )
        tx.create(
            Kind.NODE,
            Node(
                id=first.node_id,
                spec=NodeSpec(role="manager", availability=first.availability or "active"),
                role="manager",
                status=NodeStatus(addr=first.address),
                manager_status=ManagerStatus(addr=f"{first.address}:{first.port}"),
            ),
        )
        tx.create(
            Kind.NETWORK,
            Network(
                id=new_id(),
                spec=NetworkSpec(
                    name="ingress",
                    ingress=True,
                    driver_configuration=Driver(),
                    ipam_options=IPAMOptions(driver=Driver()),
                    labels={},
                ),
            ),
        )
        for name in ("bridge", "host"):
            tx.create(
                Kind.NETWORK,
                Network(
                    id=new_id(),
                    spec=NetworkSpec(
                        name=name, labels={PREDEFINED_LABEL: "true"}, driver_configuration=Driver(name=name)
                    ),
                ),
            )
    return cluster
