"""What a leader does for the agents of its nodes beside giving them work (SK: manager/resourceapi/allocator.go)."""

from collections.abc import Sequence

from swarmlab.manager.errors import Code, StatusError, not_found
from swarmlab.objects import Network, Task, TaskSpec, TaskState, TaskStatus, new_id
from swarmlab.objects.network import NetworkAttachment, NetworkAttachmentConfig
from swarmlab.objects.service import NetworkAttachmentSpec
from swarmlab.store import Actor, Kind, Store


class ResourceAllocator:
    """Gives containers that run outside of services places on networks: each is a task on the container's node."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def attach_network(
        self, node_id: str, container_id: str, target: str, addresses: Sequence[str], actor: Actor
    ) -> Task:
        """A task that puts a container on a network, which is given by id or name.

        `addresses` are those that it asks for, without prefix length. Raises StatusError (NotFound, PermissionDenied).
        """
        network = self._network(target)
        if not network.spec.attachable:
            raise StatusError(Code.PERMISSION_DENIED, f"network {target} not manually attachable")
        with self._store.transaction(actor) as tx:
            task = Task(
                id=new_id(),
                spec=TaskSpec(
                    network_attachment_spec=NetworkAttachmentSpec(container_id=container_id),
                    networks=(NetworkAttachmentConfig(target=network.id),),
                ),
                node_id=node_id,
                status=TaskStatus(timestamp=tx.at, state=TaskState.NEW, message="created"),
                desired_state=TaskState.RUNNING,
                networks=(NetworkAttachment(network_id=network.id, addresses=tuple(addresses)),) if addresses else (),
            )
            return tx.create(Kind.TASK, task)

    def detach_network(self, node_id: str, attachment_id: str, actor: Actor) -> None:
        """Take the container off again. Raises StatusError (NotFound, PermissionDenied)."""
        task = self._store.tables.tasks.get(attachment_id)
        if task is None:
            raise not_found(f"attachment {attachment_id} not found")
        if task.node_id != node_id:
            raise StatusError(Code.PERMISSION_DENIED, f"attachment {attachment_id} doesn't belong to this node")
        with self._store.transaction(actor) as tx:
            tx.delete(Kind.TASK, attachment_id)

    def _network(self, target: str) -> Network:
        networks = self._store.tables.networks
        by_name = [network for network in networks if network.spec.name == target]
        network = networks.get(target) or (by_name[0] if len(by_name) == 1 else None)
        if network is None:
            raise not_found(f"network {target} not found")
        return network
