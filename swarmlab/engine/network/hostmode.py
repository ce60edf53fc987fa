"""Containers with their machine's own network: a port at which a program listens is one of the node."""

from collections.abc import Callable

from swarmlab.network import Endpoint, Mesh, Place, PortBinding, Sandbox
from swarmlab.objects.local import Container
from swarmlab.runtime import base


def machine_interfaces(address: str, bridge: str) -> tuple[Place, ...]:
    """The interfaces of a node with that address: its own, and Docker's bridge of this address."""
    return (
        Place("", "", (f"{address}/24",), interface="eth0", link=2),
        Place("", "", (f"{bridge}/16",), interface="docker0", link=3),
    )


class HostListeners:
    """Follows what the programs of such containers listen at."""

    def __init__(
        self, node: str, mesh: Mesh, sandbox: Callable[[str], Sandbox], interfaces: tuple[Place, ...] = ()
    ) -> None:
        """`sandbox` has the network of a container by its id; `interfaces` are the machine's."""
        self._interfaces = interfaces
        self._node = node
        self._mesh = mesh
        self._sandbox = sandbox
        self._unwatch: dict[str, Callable[[], object]] = {}
        self._running: dict[str, base.Container] = {}
        #: The ports at which each has listened since it runs: of the node's ports, these are its own.
        self._own: dict[str, set[int]] = {}

    def follow(self, container: Container, runs: base.Container) -> None:
        """A container is about to run. Its programs cannot listen at another one's port."""
        self.forget(container.id)
        self._running[container.id], self._own[container.id] = runs, set()
        sandbox = self._sandbox(container.id)
        sandbox.taken = lambda port: self._is_taken(container.id, port)
        sandbox.machine = self._interfaces
        self._unwatch[container.id] = runs.watch_ports(lambda: self._publish(container, runs))
        self._publish(container, runs)

    def forget(self, container_id: str) -> None:
        """A container has ended. Unknown ones are ignored."""
        self._running.pop(container_id, None)
        self._own.pop(container_id, None)
        if (unwatch := self._unwatch.pop(container_id, None)) is not None:
            unwatch()
            self._mesh.deactivate(container_id)

    def clear(self) -> None:
        """The machine is off."""
        for container_id in list(self._unwatch):
            self.forget(container_id)

    def _is_taken(self, container_id: str, port: int) -> bool:
        """Whether another such container listens there, or the node does for a port that is published."""
        others = (runs for other, runs in self._running.items() if other != container_id)
        if any(port in runs.ports() for runs in others):
            return True
        return port not in self._own.get(container_id, ()) and self._mesh.where(self._node, port) is not None

    def _publish(self, container: Container, runs: base.Container) -> None:
        self._own.setdefault(container.id, set()).update(runs.ports())
        ports = tuple(PortBinding(protocol="tcp", published=p, target=p, mode="host") for p in sorted(runs.ports()))
        if not ports:
            self._mesh.deactivate(container.id)
            return
        self._mesh.activate(
            Endpoint(
                container.id,
                self._node,
                container.name,
                ports,
                connect=lambda target: runs.ports()[target],
                door=lambda target, entry: self._sandbox(container.id).door(target, ""),
            )
        )
