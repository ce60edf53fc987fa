"""The virtual networks of a lab: one room, and a sandbox for every container."""

import asyncio
from collections.abc import Mapping

from swarmlab.network.outside import Outside, Shut
from swarmlab.network.room import Binding, Member, Room
from swarmlab.network.sandbox import Nodes, Sandbox
from swarmlab.network.traffic import Traffic


class Alone:
    """Nodes that have no neighbours and publish nothing. See `Nodes`."""

    def reaches(self, node: str, other: str) -> bool:
        """See `Nodes`."""
        return True

    def at_address(self, address: str) -> str | None:
        """See `Nodes`."""
        return None

    def gateways(self, node: str) -> Mapping[str, str]:
        """See `Nodes`."""
        return {}

    def published_at(self, node: str, port: int) -> tuple[str, int] | None:
        """See `Nodes`."""
        return None


class Fabric:
    """Containers join and leave, tasks are bound to services and withdrawn; sandboxes see the result at once."""

    def __init__(self, nodes: Nodes | None = None, outside: Outside | None = None) -> None:
        """`outside` is what containers meet beyond the lab: by default nothing."""
        self.room = Room()
        self.outside = outside or Shut()
        self._nodes = nodes or Alone()
        self._sandboxes: dict[str, Sandbox] = {}
        self._shared: dict[str, str] = {}
        #: Nodes that are lost and not yet known to be; done when they are.
        self._silent: dict[str, asyncio.Future[None]] = {}

    def sandbox(self, container_id: str) -> Sandbox:
        """The sandbox of a container, its own or the one that it shares; made when it is first asked for."""
        owner = self._shared.get(container_id, container_id)
        if (sandbox := self._sandboxes.get(owner)) is None:
            sandbox = self._sandboxes[owner] = Sandbox(owner, self.room, self._nodes, self, self.outside)
        return sandbox

    def share(self, container_id: str, owner: str) -> None:
        """A container uses another one's network from now on."""
        self._shared[container_id] = self._shared.get(owner, owner)

    def join(self, member: Member) -> None:
        """A container runs, and is on networks."""
        self.room.join(member)

    def leave(self, container_id: str) -> None:
        """A container has ended."""
        self._shared.pop(container_id, None)
        self.room.leave(container_id)
        if container_id in self._sandboxes:
            self._sandboxes[container_id].traffic = Traffic()

    def lose(self, node: str) -> None:
        """A node has lost its power. Until `give_up` its containers are thought to be there, and do not answer."""
        self._silent.setdefault(node, asyncio.get_running_loop().create_future())

    def give_up(self, node: str) -> None:
        """The others have noticed that a node is lost: its containers are gone. Nodes that are not lost are ignored."""
        if (noticed := self._silent.pop(node, None)) is not None:
            for container_id in self.room.on(node):
                self.leave(container_id)
            noticed.set_result(None)

    def silent(self, node: str) -> asyncio.Future[None] | None:
        """What is done when the loss of a node is noticed; None when there is nothing to notice."""
        return self._silent.get(node)

    def forget(self, container_id: str) -> None:
        """A container is gone for good, which nobody hears of one that was on a lost node."""
        member = self.room.member(container_id)
        if member is None or member.node not in self._silent:
            self.leave(container_id)
        self._sandboxes.pop(container_id, None)

    def bind(self, binding: Binding) -> None:
        """A task is ready for connections to its service."""
        self.room.bind(binding)

    def withdraw(self, task_id: str) -> None:
        """A task gets no new connections through its service, and has no names."""
        self.room.withdraw(task_id)
