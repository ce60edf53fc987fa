"""Containers with their machine's own network: a port at which a program listens is one of the node."""

from collections.abc import Callable

from swarmlab.network import Endpoint, Mesh, PortBinding, Sandbox
from swarmlab.objects.local import Container
from swarmlab.runtime import base


class HostListeners:
    """Follows what the programs of such containers listen at."""

    def __init__(self, node: str, mesh: Mesh, sandbox: Callable[[str], Sandbox]) -> None:
        """`sandbox` has the network of a container by its id."""
        self._node = node
        self._mesh = mesh
        self._sandbox = sandbox
        self._unwatch: dict[str, Callable[[], object]] = {}

    def follow(self, container: Container, runs: base.Container) -> None:
        """A container is about to run. Another one's port is not taken away from it: both are behind it."""
        self.forget(container.id)
        self._unwatch[container.id] = runs.watch_ports(lambda: self._publish(container, runs))
        self._publish(container, runs)

    def forget(self, container_id: str) -> None:
        """A container has ended. Unknown ones are ignored."""
        if (unwatch := self._unwatch.pop(container_id, None)) is not None:
            unwatch()
            self._mesh.deactivate(container_id)

    def clear(self) -> None:
        """The machine is off."""
        for container_id in list(self._unwatch):
            self.forget(container_id)

    def _publish(self, container: Container, runs: base.Container) -> None:
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
