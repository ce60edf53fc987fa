"""The cluster object and the swarm's settings (MB: api/types/swarm/swarm.go)."""

import msgspec

from swarmlab.objects.base import (
    Annotated_,
    Driver,
    Duration,
    Int,
    Labels,
    Object,
    Spec,
    Strings,
    Uint64,
    always_empty,
    always_false,
    always_zero,
)
from swarmlab.objects.node import TLSInfo


class OrchestrationConfig(Spec, frozen=True):
    """How many tasks of a slot are kept, the running one included."""

    task_history_retention_limit: int | None = None


class RaftConfig(Spec, frozen=True):
    """Raft's settings; ticks are seconds."""

    snapshot_interval: Uint64 = 0
    keep_old_snapshots: Uint64 | None = None
    log_entries_for_slow_followers: Uint64 = 0
    election_tick: Int = msgspec.field(default_factory=always_zero)
    heartbeat_tick: Int = msgspec.field(default_factory=always_zero)


class DispatcherConfig(Spec, frozen=True):
    """How often agents call, in nanoseconds."""

    heartbeat_period: Duration = 0


class ExternalCA(Spec, frozen=True):
    """A certificate authority outside of the swarm."""

    protocol: str = msgspec.field(default_factory=always_empty)
    url: str = msgspec.field(default_factory=always_empty)
    options: Labels = msgspec.field(default_factory=dict)
    ca_cert: str = msgspec.field(default_factory=always_empty)


class CAConfig(Spec, frozen=True):
    """The certificate authority's settings; the expiry is in nanoseconds."""

    node_cert_expiry: Duration = 0
    external_cas: tuple[ExternalCA, ...] = ()
    signing_ca_cert: str = ""
    signing_ca_key: str = ""
    force_rotate: Uint64 = 0


class TaskDefaults(Spec, frozen=True):
    """Defaults of tasks."""

    log_driver: Driver | None = None


class EncryptionConfig(Spec, frozen=True):
    """Whether managers lock themselves when they restart."""

    auto_lock_managers: bool = msgspec.field(default_factory=always_false)


class ClusterSpec(Annotated_, frozen=True):
    """The swarm's settings (`Spec` of the Engine API)."""

    orchestration: OrchestrationConfig = msgspec.field(default_factory=OrchestrationConfig)
    raft: RaftConfig = msgspec.field(default_factory=RaftConfig)
    dispatcher: DispatcherConfig = msgspec.field(default_factory=DispatcherConfig)
    ca_config: CAConfig = msgspec.field(default_factory=CAConfig)
    task_defaults: TaskDefaults = msgspec.field(default_factory=TaskDefaults)
    encryption_config: EncryptionConfig = msgspec.field(default_factory=EncryptionConfig)


class JoinTokens(Spec, frozen=True):
    """The secrets that make a node a worker or a manager."""

    worker: str = msgspec.field(default_factory=always_empty)
    manager: str = msgspec.field(default_factory=always_empty)


class RootRotation(Spec, frozen=True):
    """The root that is about to replace the present one (PEM); all new certificates are issued by it."""

    certificate: str = ""
    key: str = ""


class RootCA(Spec, frozen=True):
    """The swarm's certificate authority. Keys (PEM) never leave the store.

    `tls_info` is what nodes are to report of themselves. `rotation` is there until every node does.
    """

    certificate: str = ""
    key: str = ""
    tls_info: TLSInfo = TLSInfo()
    join_tokens: JoinTokens = JoinTokens()
    rotation: RootRotation | None = None
    last_forced_rotation: int = 0


class Cluster(Object, frozen=True):
    """The cluster object, named `default`."""

    spec: ClusterSpec
    root_ca: RootCA = RootCA()
    default_addr_pool: Strings = ()
    subnet_size: int = 24
    data_path_port: int = 4789
    unlock_key: str = ""
