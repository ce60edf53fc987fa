"""Replacing the swarm's root certificate: every node gets a new certificate first (SK: ca/reconciler.go)."""

from collections.abc import Callable
from itertools import islice

import msgspec

from swarmlab.clock import Clock, Timer
from swarmlab.manager.ca import finish_rotation
from swarmlab.objects import Cluster, Node, TLSInfo
from swarmlab.store import Commit, Kind, Store

NAME = "ca"
#: Every so many seconds so many nodes are told to get a new certificate.
INTERVAL = 3.0
BATCH = 30
_ISSUED, _ROTATE = "issued", "rotate"


class RootRotator:
    """Sees a rotation through. A node that is away holds it up until it returns or is removed."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        #: The issuer that all nodes shall have; None while nothing rotates.
        self._wanted: TLSInfo | None = None
        #: The nodes that have another one yet, by id.
        self._behind: dict[str, None] = {}
        self._timer: Timer | None = None
        self._unwatch: Callable[[], None] = lambda: None

    def start(self) -> None:
        """Go on with a rotation that is in progress, then follow the store."""
        self._unwatch = self._store.watch(self._on_commit, Kind.CLUSTER, Kind.NODE)
        for cluster in self._store.tables.clusters:
            self._follow(cluster)

    def stop(self) -> None:
        """Stop following the store."""
        self._unwatch()
        self._rest()

    def _rest(self) -> None:
        self._wanted = None
        self._behind.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _on_commit(self, commit: Commit) -> None:
        for _, old, new in commit.changes:
            if isinstance(new, Cluster):
                self._follow(new)
            elif self._wanted is not None and isinstance(new, Node):
                self._note(new)
            elif old is not None:
                self._behind.pop(old.id, None)

    def _follow(self, cluster: Cluster) -> None:
        if cluster.root_ca.rotation is None:
            self._rest()
        elif cluster.root_ca.tls_info != self._wanted:
            self._rest()
            self._wanted = cluster.root_ca.tls_info
            for node in self._store.tables.nodes:
                self._note(node)
            self._turn()

    def _note(self, node: Node) -> None:
        has, wants = node.description.tls_info, self._wanted
        assert wants is not None
        if (has.cert_issuer_subject, has.cert_issuer_public_key) == (
            wants.cert_issuer_subject,
            wants.cert_issuer_public_key,
        ):
            self._behind.pop(node.id, None)
        else:
            self._behind[node.id] = None

    def _turn(self) -> None:
        """Finish, or tell the next nodes."""
        self._timer = None
        with self._store.transaction(NAME) as tx:
            if not self._behind:
                for cluster in tx.tables.clusters:
                    tx.update(Kind.CLUSTER, msgspec.structs.replace(cluster, root_ca=finish_rotation(cluster.root_ca)))
                return
            nodes = (tx.tables.nodes.get(node_id) for node_id in self._behind)
            untold = (node for node in nodes if node is not None and node.certificate == _ISSUED)
            for node in list(islice(untold, BATCH)):
                tx.update(Kind.NODE, msgspec.structs.replace(node, certificate=_ROTATE))
        self._timer = self._clock.call_later(INTERVAL, self._turn)
