"""The cluster object (SK: manager/controlapi/cluster.go)."""

import msgspec

from swarmlab.manager.ca import join_token, unlock_key
from swarmlab.manager.controlapi.ca import updated_root
from swarmlab.manager.errors import Code, StatusError, invalid_argument, not_found
from swarmlab.objects import Cluster, ClusterSpec
from swarmlab.objects.cluster import TaskDefaults
from swarmlab.store import Actor, Kind, SequenceConflictError, Store

_UINT32 = (1 << 32) - 1
_HOUR = 3600 * 1_000_000_000


class ClusterAPI:
    """Look at the swarm's settings, change them, rotate tokens."""

    store: Store

    def cluster(self) -> Cluster:
        """The cluster object. Raises StatusError (NotFound) before the swarm is initialised."""
        for cluster in self.store.tables.clusters:
            return cluster
        raise not_found("cluster default not found")

    def update_cluster(
        self,
        version: int,
        spec: ClusterSpec,
        *,
        rotate_worker: bool,
        rotate_manager: bool,
        rotate_unlock_key: bool,
        actor: Actor,
    ) -> Cluster:
        """Replace the settings; `version` is the one the caller has seen."""
        validate_settings(spec)
        try:
            with self.store.transaction(actor) as tx:
                cluster = self.cluster()
                if spec.name != cluster.spec.name:
                    raise StatusError(Code.INVALID_ARGUMENT, "modification of cluster name is not allowed")
                ca = cluster.root_ca
                tokens = msgspec.structs.replace(
                    ca.join_tokens,
                    worker=join_token(ca.certificate) if rotate_worker else ca.join_tokens.worker,
                    manager=join_token(ca.certificate) if rotate_manager else ca.join_tokens.manager,
                )
                ca = updated_root(msgspec.structs.replace(ca, join_tokens=tokens), spec.ca_config, tx.at)
                key = cluster.unlock_key
                if not spec.encryption_config.auto_lock_managers:
                    key = ""
                elif not key or rotate_unlock_key:
                    key = unlock_key()
                return tx.update(
                    Kind.CLUSTER,
                    msgspec.structs.replace(
                        cluster,
                        version=version,
                        spec=_kept(spec),
                        root_ca=ca,
                        unlock_key=key,
                    ),
                )
        except SequenceConflictError as error:
            raise StatusError(Code.UNKNOWN, str(error)) from None


def _kept(spec: ClusterSpec) -> ClusterSpec:
    """The settings as they are kept: what was left out is zero, and nobody is shown the signing certificate and key.

    Defaults of tasks never get this far (MB: daemon/cluster/convert/swarm.go).
    """
    replace = msgspec.structs.replace
    history = spec.orchestration.task_history_retention_limit or 0
    return replace(
        spec,
        orchestration=replace(spec.orchestration, task_history_retention_limit=history),
        raft=replace(
            spec.raft,
            keep_old_snapshots=spec.raft.keep_old_snapshots or 0,
            # SwarmKit's are numbers of 32 bits.
            election_tick=spec.raft.election_tick & _UINT32,
            heartbeat_tick=spec.raft.heartbeat_tick & _UINT32,
        ),
        ca_config=replace(spec.ca_config, signing_ca_cert="", signing_ca_key=""),
        task_defaults=TaskDefaults(),
    )


def validate_settings(spec: ClusterSpec) -> None:
    """Raise StatusError when a cluster cannot have these settings (SK: manager/controlapi/cluster.go)."""
    expiry = spec.ca_config.node_cert_expiry
    if expiry and expiry < _HOUR:
        raise invalid_argument("minimum certificate expiry time is: 1h0m0s")
    if spec.dispatcher.heartbeat_period < 0:
        raise invalid_argument("heartbeat time period cannot be a negative duration")
