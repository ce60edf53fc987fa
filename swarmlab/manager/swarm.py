"""A swarm as its nodes meet it: joining, the leader's services, and who may ask what."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import msgspec

from swarmlab.allocator.networks import DEFAULT_POOLS
from swarmlab.clock import Clock
from swarmlab.dispatcher import Dispatcher
from swarmlab.manager.ca import digest, parse_token
from swarmlab.manager.controlapi import ControlAPI
from swarmlab.manager.errors import Code, LeaderAwaitedError, StatusError, invalid_argument
from swarmlab.manager.loops import LeaderLoops
from swarmlab.manager.raft import Raft, Standing
from swarmlab.manager.resourceapi import ResourceAllocator
from swarmlab.manager.rolemanager import PORT, RoleManager
from swarmlab.manager.rootrotation import NAME as CA
from swarmlab.objects import Cluster, ManagerStatus, Node, NodeSpec, NodeStatus, TLSInfo, new_id
from swarmlab.store import Actor, Commit, Kind, Store, Transaction

replace = msgspec.structs.replace
#: Who writes what the members of the quorum agree on.
RAFT = "raft"
_UNINVITED = "A valid join token is necessary to join this cluster"
NO_LEADER = (
    "The swarm does not have a leader. It's possible that too few managers are online. "
    "Make sure more than half of the managers are online."
)
#: What a write hears whose leader steps down while it waits for a quorum.
LOST_LEADERSHIP = "raft: failed to process the request: node lost leader status"


class FrozenStore(Store):
    """What a leader without a quorum has: all can be read, and it waits to write."""

    def __init__(self, store: Store) -> None:
        super().__init__(store.clock, store.scope, tables=store.tables)

    @contextmanager
    def transaction(self, actor: Actor | str) -> Iterator[Transaction]:
        """Raises LeaderAwaitedError."""
        raise LeaderAwaitedError
        yield


class Swarm:
    """One swarm of the lab: its store, its managers' quorum and, while there is a leader, its control loops."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self.store = store
        self._clock = clock
        self.raft = Raft(store, clock, self._leader_changed, self._quorum_changed)
        self._control = ControlAPI(store, self.raft)
        self._frozen = ControlAPI(FrozenStore(store), self.raft, self._control.tally)
        self._loops: LeaderLoops | None = None
        self._roles: RoleManager | None = None
        self._leader_listeners: list[Callable[[], None]] = []
        self._quorum_listeners: dict[object, Callable[[], None]] = {}
        self._unwatch = store.watch(self._on_commit, Kind.NODE)

    @property
    def id(self) -> str:
        """The cluster's id, which is also the scope of its store."""
        return self.store.scope

    @property
    def cluster(self) -> Cluster:
        """The cluster object."""
        return self._control.cluster()

    @property
    def dispatcher(self) -> Dispatcher | None:
        """The leader's dispatcher; None while nobody leads."""
        return self._loops.dispatcher if self._loops is not None else None

    def control(self) -> ControlAPI:
        """The leader's control API. Raises StatusError (Unknown) when there is no leader."""
        if self._loops is None:
            raise StatusError(Code.UNKNOWN, NO_LEADER)
        return self._control

    def control_at(self, node_id: str) -> ControlAPI:
        """The control API as the manager on a node offers it.

        Raises LeaderAwaitedError, also from the calls on what is returned, and StatusError (Unknown) when there has
        been no leader for too long.
        """
        standing = self.raft.standing(node_id)
        if standing is Standing.ANSWERS:
            return self._control
        if standing is Standing.READS:
            return self._frozen
        raise LeaderAwaitedError if standing is Standing.WAITS else StatusError(Code.UNKNOWN, NO_LEADER)

    def resources(self) -> ResourceAllocator:
        """What the leader does for agents. Raises StatusError (Unknown) when there is no leader."""
        if self._loops is None:
            raise StatusError(Code.UNKNOWN, NO_LEADER)
        return ResourceAllocator(self.store)

    def dispatcher_at(self, node_id: str) -> Dispatcher | None:
        """The leader's dispatcher, if the node reaches it."""
        return self.dispatcher if self.raft.reaches_leader(node_id) else None

    def on_quorum(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` whenever what some manager can do may have changed; returns a function that ends it."""
        key = object()
        self._quorum_listeners[key] = listener
        return lambda: self._quorum_listeners.pop(key, None) and None

    def on_leader(self, listener: Callable[[], None]) -> None:
        """Call `listener` whenever leadership has changed; agents look for the new dispatcher then."""
        self._leader_listeners.append(listener)

    def forget(self, listener: Callable[[], None]) -> None:
        """Undo `on_leader`."""
        if listener in self._leader_listeners:
            self._leader_listeners.remove(listener)

    def join_quorum(self, node_id: str, address: str) -> bool:
        """Make a node that has become a manager a member of the quorum; False when it shall be none any more.

        `address` is host and port. Must not be called while there is no leader.
        """
        node = self.store.tables.nodes.get(node_id)
        if node is None or not node.role == node.spec.role == "manager":
            return False
        if node.manager_status is None:
            node = self._ask_for_certificate(node)
            with self.store.transaction(RAFT) as tx:
                status = ManagerStatus(addr=address)
                tx.update(Kind.NODE, replace(node, manager_status=status, certificate="issued"))
        self.raft.online(node_id)
        return True

    def renew(self, node_id: str) -> None:
        """Give a node a new certificate because it asks for one by itself."""
        node = self.store.tables.nodes.get(node_id)
        if node is not None:
            self._ask_for_certificate(node)
            self.issue(node_id)

    def _ask_for_certificate(self, node: Node) -> Node:
        with self.store.transaction(CA) as tx:
            return tx.update(Kind.NODE, replace(node, certificate="pending"))

    def issue(self, node_id: str) -> TLSInfo:
        """Give a node a new certificate; return what it says of itself from then on."""
        node = self.store.tables.nodes.get(node_id)
        if node is not None and node.certificate != "issued":
            with self.store.transaction(CA) as tx:
                tx.update(Kind.NODE, replace(node, certificate="issued"))
        return self.cluster.root_ca.tls_info

    def _fill_in_pools(self) -> None:
        """Write down the default pools if none were given, which every leader but the swarm's first one does."""
        cluster = self.cluster
        begun = any(node.description.hostname for node in self.store.tables.nodes)
        if begun and not cluster.default_addr_pool:
            with self.store.transaction(RAFT) as tx:
                tx.update(Kind.CLUSTER, replace(cluster, default_addr_pool=DEFAULT_POOLS))

    def force_new(self, node_id: str, address: str) -> None:
        """Go on with this member, at `address` (host and port), as the only one. All objects are kept."""
        with self.store.transaction(RAFT) as tx:
            for member in self.raft.members():
                status = ManagerStatus(addr=address) if member.id == node_id else None
                tx.update(Kind.NODE, replace(member, manager_status=status))
        self.raft.begin_anew(node_id)

    def admit(self, token: str, address: str, availability: str, actor: Actor, *, reached: bool = True) -> Node:
        """Make a node object for whoever brings a valid join token; the token decides the role.

        A manager becomes a member of the quorum only if the leader has `reached` it at its address.

        Raises StatusError, or ValueError with the joining engine's own text for a token that is not of this swarm.
        """
        if not token:
            raise invalid_argument(_UNINVITED)
        token_digest, _ = parse_token(token)
        self.control()
        ca = self.cluster.root_ca
        if token_digest != digest(ca.certificate):
            expected = f"{int(token_digest, 36):064x}"
            raise ValueError(f"remote CA does not match fingerprint. Expected: {expected}")
        if token == ca.join_tokens.manager:
            role = "manager"
        elif token == ca.join_tokens.worker:
            role = "worker"
        else:
            raise invalid_argument(_UNINVITED)
        node = Node(
            id=new_id(),
            spec=NodeSpec(role=role, availability=availability or "active"),
            role=role,
            status=NodeStatus(addr=address),
            manager_status=ManagerStatus(addr=f"{address}:{PORT}") if role == "manager" and reached else None,
            certificate="pending",
        )
        with self.store.transaction(actor) as tx:
            node = tx.create(Kind.NODE, node)
        with self.store.transaction(actor) as tx:
            return tx.update(Kind.NODE, msgspec.structs.replace(node, certificate="issued"))

    def close(self) -> None:
        """Stop everything; the store stays as it is."""
        self._unwatch()
        self._leader_listeners.clear()
        self._quorum_listeners.clear()
        self.raft.close()
        self._stop_loops()

    def _leader_changed(self, leader: str | None) -> None:
        self._stop_loops()
        if leader is not None:
            self._fill_in_pools()
            self._loops = LeaderLoops(self.store, self._clock, new_leader=not self.raft.unbroken)
            self._loops.start()
            self._roles = RoleManager(self.store, self._clock, self.raft)
            self._roles.start()
        for listener in list(self._leader_listeners):
            listener()

    def _quorum_changed(self) -> None:
        for listener in list(self._quorum_listeners.values()):
            listener()

    def _stop_loops(self) -> None:
        if self._roles is not None:
            self._roles.stop()
            self._roles = None
        if self._loops is not None:
            self._loops.stop()
            self._loops = None

    def _on_commit(self, commit: Commit) -> None:
        """Who is no member any more does not vote."""
        for old, new in ((change.old, change.new) for change in commit.changes):
            was = isinstance(old, Node) and old.manager_status is not None
            if was and old is not None and not (isinstance(new, Node) and new.manager_status is not None):
                self.raft.offline(old.id)
