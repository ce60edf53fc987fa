"""The role manager: makes observed roles follow desired ones (SK: manager/role_manager.go)."""

from collections.abc import Callable

import msgspec

from swarmlab.clock import Clock, Timer
from swarmlab.manager.raft import Raft
from swarmlab.objects import ManagerStatus, Node
from swarmlab.store import Commit, Kind, Store

NAME = "role manager"
#: A promoted node needs so many seconds to renew its certificate and join the quorum.
PROMOTION = 1.0
#: A change of role that is not possible yet is tried again after so many seconds.
RECONCILE_INTERVAL = 5.0
PORT = 2377


class RoleManager:
    """Promotes by giving a node the manager's role; demotes by removing the raft member first, then the role."""

    def __init__(self, store: Store, clock: Clock, raft: Raft) -> None:
        self._store = store
        self._clock = clock
        self._raft = raft
        self._timer: Timer | None = None
        self._promoting: dict[str, Timer] = {}
        self._unwatch: Callable[[], None] = lambda: None

    def start(self) -> None:
        """Look at every node, then at each that changes."""
        self._unwatch = self._store.watch(self._on_commit, Kind.NODE)
        self._reconcile_all()

    def stop(self) -> None:
        """Stop looking."""
        self._unwatch()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for timer in self._promoting.values():
            timer.cancel()
        self._promoting.clear()

    def _on_commit(self, commit: Commit) -> None:
        for change in commit.changes:
            if isinstance(change.new, Node) and change.new.spec.role != change.new.role:
                self._reconcile_all()
                return

    def _reconcile_all(self) -> None:
        self._timer = None
        again = False
        for node in self._store.tables.nodes:
            if node.spec.role != node.role:
                again |= not (self._promote(node) if node.spec.role == "manager" else self._demote(node))
        if again and self._timer is None:
            self._timer = self._clock.call_later(RECONCILE_INTERVAL, self._reconcile_all)

    def _promote(self, node: Node) -> bool:
        if node.id not in self._promoting:
            self._promoting[node.id] = self._clock.call_later(PROMOTION, lambda: self._promoted(node.id))
        return True

    def _promoted(self, node_id: str) -> None:
        self._promoting.pop(node_id, None)
        with self._store.transaction(NAME) as tx:
            node = tx.tables.nodes.get(node_id)
            if node is not None and node.spec.role == "manager" and node.role != "manager":
                status = ManagerStatus(addr=f"{node.status.addr}:{PORT}")
                tx.update(Kind.NODE, msgspec.structs.replace(node, role="manager", manager_status=status))

    def _demote(self, node: Node) -> bool:
        if node.manager_status is not None and not self._raft.can_remove(node.id):
            return False
        # A leader hands over first; its successor removes it.
        self._raft.transfer_from(node.id)
        with self._store.transaction(NAME) as tx:
            current = tx.tables.nodes.get(node.id)
            if current is not None:
                tx.update(Kind.NODE, msgspec.structs.replace(current, role="worker", manager_status=None))
        self._raft.offline(node.id)
        return True
