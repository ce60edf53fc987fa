"""The role manager: makes observed roles follow desired ones (SK: manager/role_manager.go)."""

from collections.abc import Callable

import msgspec

from swarmlab.clock import Clock, Timer
from swarmlab.manager.raft import Raft
from swarmlab.objects import Node
from swarmlab.store import Commit, Kind, Store

NAME = "role manager"
#: A change of role that is not complete is looked at again after so many seconds.
RECONCILE_INTERVAL = 5.0
PORT = 2377


class RoleManager:
    """Promotes by giving a node the manager's role, whereupon it joins the quorum; demotes the other way round: the
    node leaves the quorum first, and loses the role at the next look, which its next change brings about.
    """

    def __init__(self, store: Store, clock: Clock, raft: Raft) -> None:
        self._store = store
        self._clock = clock
        self._raft = raft
        self._timer: Timer | None = None
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

    def _on_commit(self, commit: Commit) -> None:
        for change in commit.changes:
            old, new = change.old, change.new
            if not isinstance(new, Node) or new.spec.role == new.role:
                continue
            if isinstance(old, Node) and old.manager_status is not None and new.manager_status is None:
                # That it leaves the quorum is its manager's end, not yet a change of the node.
                continue
            # It is told of later than it happens: the node may have gone since, or have changed again.
            if (node := self._store.tables.nodes.get(new.id)) is not None:
                self._reconcile(node)

    def _reconcile_all(self) -> None:
        self._timer = None
        for node in list(self._store.tables.nodes):
            self._reconcile(node)

    def _reconcile(self, node: Node) -> None:
        if node.spec.role == node.role:
            return
        if node.spec.role == "manager" or node.manager_status is None:
            self._write(node, role=node.spec.role)
            return
        if self._timer is None:
            self._timer = self._clock.call_later(RECONCILE_INTERVAL, self._reconcile_all)
        # A leader hands over first; its successor removes it.
        if self._raft.can_remove(node.id) and not self._raft.transfer_from(node.id):
            self._write(node, manager_status=None)
            self._raft.offline(node.id)

    def _write(self, node: Node, **fields: object) -> None:
        with self._store.transaction(NAME) as tx:
            tx.update(Kind.NODE, msgspec.structs.replace(node, **fields))
