"""A swarm as its nodes meet it: joining, the leader's services, and who may ask what."""

from collections.abc import Callable

from swarmlab.clock import Clock
from swarmlab.dispatcher import Dispatcher
from swarmlab.manager.ca import digest, parse_token
from swarmlab.manager.controlapi import ControlAPI
from swarmlab.manager.errors import Code, StatusError, invalid_argument
from swarmlab.manager.loops import LeaderLoops
from swarmlab.manager.raft import Raft
from swarmlab.manager.rolemanager import PORT, RoleManager
from swarmlab.objects import Cluster, ManagerStatus, Node, NodeSpec, NodeStatus, new_id
from swarmlab.store import Actor, Commit, Kind, Store

NO_LEADER = (
    "The swarm does not have a leader. It's possible that too few managers are online. "
    "Make sure more than half of the managers are online."
)


class Swarm:
    """One swarm of the lab: its store, its managers' quorum and, while there is a leader, its control loops."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self.store = store
        self._clock = clock
        self.raft = Raft(store, clock, self._leader_changed)
        self._control = ControlAPI(store, self.raft)
        self._loops: LeaderLoops | None = None
        self._roles: RoleManager | None = None
        self._leader_listeners: list[Callable[[], None]] = []
        self._role_listeners: dict[str, Callable[[Node | None], None]] = {}
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

    def on_leader(self, listener: Callable[[], None]) -> None:
        """Call `listener` whenever leadership has changed; agents look for the new dispatcher then."""
        self._leader_listeners.append(listener)

    def on_role(self, node_id: str, listener: Callable[[Node | None], None]) -> None:
        """Call `listener` when the node's object changes its observed role or is removed."""
        self._role_listeners[node_id] = listener

    def forget(self, listener: Callable[[], None], node_id: str) -> None:
        """Undo `on_leader` and `on_role` for a node that goes."""
        if listener in self._leader_listeners:
            self._leader_listeners.remove(listener)
        self._role_listeners.pop(node_id, None)

    def admit(self, token: str, address: str, availability: str, actor: Actor) -> Node:
        """Make a node object for whoever brings a valid join token; the token decides the role.

        Raises StatusError, or ValueError with the joining engine's own text for a token that is not of this swarm.
        """
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
            raise invalid_argument("A valid join token is necessary to join this cluster")
        with self.store.transaction(actor) as tx:
            return tx.create(
                Kind.NODE,
                Node(
                    id=new_id(),
                    spec=NodeSpec(role=role, availability=availability or "active"),
                    role=role,
                    status=NodeStatus(addr=address),
                    manager_status=ManagerStatus(addr=f"{address}:{PORT}") if role == "manager" else None,
                ),
            )

    def close(self) -> None:
        """Stop everything; the store stays as it is."""
        self._unwatch()
        self._leader_listeners.clear()
        self._role_listeners.clear()
        self._stop_loops()

    def _leader_changed(self, leader: str | None) -> None:
        self._stop_loops()
        if leader is not None:
            self._loops = LeaderLoops(self.store, self._clock)
            self._loops.start()
            self._roles = RoleManager(self.store, self._clock, self.raft)
            self._roles.start()
        for listener in list(self._leader_listeners):
            listener()

    def _stop_loops(self) -> None:
        if self._roles is not None:
            self._roles.stop()
            self._roles = None
        if self._loops is not None:
            self._loops.stop()
            self._loops = None

    def _on_commit(self, commit: Commit) -> None:
        for change in commit.changes:
            old, new = change.old, change.new
            if not isinstance(old, Node):
                continue
            listener = self._role_listeners.get(old.id)
            if listener is None:
                continue
            if new is None:
                del self._role_listeners[old.id]
                listener(None)
            elif isinstance(new, Node) and new.role != old.role:
                listener(new)
