"""Nodes (SK: manager/controlapi/node.go)."""

from typing import Protocol

import msgspec

from swarmlab.manager.errors import Code, StatusError, failed_precondition, not_found
from swarmlab.objects import ManagerStatus, Node, NodeSpec, TaskState, TaskStatus
from swarmlab.store import Actor, Kind, SequenceConflictError, Store, Transaction


class Members(Protocol):
    """What the control API asks of the raft membership."""

    def manager_status(self, node_id: str) -> ManagerStatus | None:
        """A node's place in the quorum; None when it is no raft member."""

    def can_remove(self, node_id: str) -> bool:
        """Whether the quorum survives the removal of a member."""


class NodeAPI:
    """Look at nodes, change and remove them."""

    store: Store
    members: Members

    def nodes(self) -> list[Node]:
        """All nodes, oldest first, managers with their place in the quorum."""
        return [self._with_status(node) for node in self.store.tables.nodes]

    def node(self, node_id: str) -> Node:
        """One node by id. Raises StatusError (NotFound)."""
        return self._with_status(self._node(node_id))

    def update_node(self, node_id: str, version: int, spec: NodeSpec, actor: Actor) -> Node:
        """Change availability, labels or desired role; `version` is the one the caller has seen."""
        try:
            with self.store.transaction(actor) as tx:
                node = self._node(node_id)
                if node.spec.role == "manager" and spec.role == "worker":
                    self._check_demotion(tx, node)
                return tx.update(Kind.NODE, _changed(node, version, spec))
        except SequenceConflictError as error:
            raise StatusError(Code.UNKNOWN, str(error)) from None

    def remove_node(self, node_id: str, *, force: bool, actor: Actor) -> None:
        """Remove a node that is down (or any worker with `force`); its tasks are given up."""
        with self.store.transaction(actor) as tx:
            node = self._node(node_id)
            if node.spec.role == "manager" and self.members.manager_status(node_id) is not None:
                raise failed_precondition(
                    f"node {node_id} is a cluster manager and is a member of the raft cluster. "
                    "It must be demoted to worker before removal"
                )
            if not force and node.status.state == "ready":
                raise failed_precondition(f"node {node_id} is not down and can't be removed")
            for task in tx.tables.tasks.by("node", node_id):
                if task.state < TaskState.COMPLETE:
                    status = TaskStatus(
                        timestamp=tx.at,
                        state=TaskState.ORPHANED,
                        message="Task belonged to a node that has been deleted",
                    )
                    tx.update(Kind.TASK, msgspec.structs.replace(task, status=status))
            tx.delete(Kind.NODE, node_id)

    def _node(self, node_id: str) -> Node:
        node = self.store.tables.nodes.get(node_id)
        if node is None:
            raise not_found(f"node {node_id} not found")
        return node

    def _with_status(self, node: Node) -> Node:
        status = self.members.manager_status(node.id)
        return node if status is None else msgspec.structs.replace(node, manager_status=status)

    def _check_demotion(self, tx: Transaction, node: Node) -> None:
        managers = [other for other in tx.tables.nodes if other.spec.role == "manager"]
        if [manager.id for manager in managers] == [node.id]:
            raise failed_precondition("attempting to demote the last manager of the swarm")
        if self.members.manager_status(node.id) is None:
            raise not_found("can't find manager in raft memberlist")
        if not self.members.can_remove(node.id):
            raise failed_precondition("can't remove member from the raft: this would result in a loss of quorum")


def _changed(node: Node, version: int, spec: NodeSpec) -> Node:
    return msgspec.structs.replace(node, version=version, spec=spec, membership="pending")
