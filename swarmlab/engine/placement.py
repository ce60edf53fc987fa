"""Where a container that runs can be found: its addresses and its published ports."""

import ipaddress
from collections.abc import Callable, Iterable
from typing import NamedTuple, Protocol

import msgspec

from swarmlab.engine.errors import EngineError, internal
from swarmlab.engine.events import Events
from swarmlab.network import Endpoint, Mesh, NodeAddress, PortBinding
from swarmlab.objects import PortConfig
from swarmlab.objects.local import Container, ContainerNetwork
from swarmlab.runtime import base

#: Where the engine looks for a port that nobody has asked for by number.
_FIRST_PORT, _LAST_PORT = 32768, 60999
_SHARED = frozenset({"host", "none"})


class Placement(Protocol):
    """Gives a container that is about to run its addresses and published ports, and takes them back."""

    def place(self, container: Container, runs: base.Container) -> Container:
        """The record with what it got. Raises EngineError."""

    def displace(self, container: Container) -> None:
        """The container has ended, or could not be started."""


class Nowhere:
    """A placement that gives nothing."""

    def place(self, container: Container, runs: base.Container) -> Container:
        """See `Placement`."""
        return container

    def displace(self, container: Container) -> None:
        """See `Placement`."""


class HandNetwork(NamedTuple):
    """A network that a container may be put on by hand. Without `subnet` it gives no addresses."""

    name: str
    id: str
    driver: str
    subnet: str = ""
    gateway: str = ""


class HandPlacement:
    """Places what was run by hand: on a network of the engine, its ports on the node's own address.

    Containers of tasks are placed by their executor.
    """

    def __init__(
        self,
        node: str,
        events: Events,
        containers: Callable[[], Iterable[Container]],
        networks: Callable[[str], HandNetwork],
        taken: Callable[[], Iterable[int]],
    ) -> None:
        """`containers` run now, `networks` finds one by name or id, `taken` are ports that services publish here."""
        self._node = node
        self._events = events
        self._containers = containers
        self._networks = networks
        self._taken = taken
        self.mesh = Mesh()

    async def open(self, address: str) -> None:
        """Ports may be published at the node's address from now on."""
        await self.mesh.join(self._node, NodeAddress(address))

    async def close(self) -> None:
        """The node's address answers no more."""
        await self.mesh.leave(self._node)

    def place(self, container: Container, runs: base.Container) -> Container:
        """See `Placement`. Raises EngineError (404, 500)."""
        if container.host is None:
            return container
        endpoints = tuple(
            ContainerNetwork(network_id=network.id, addresses=self._address(network, container.id))
            for network in map(self._networks, container.networks)
            if network.driver != "null"
        )
        ports = tuple(self._publish(container))
        for endpoint in endpoints:
            self._tell("connect", endpoint.network_id, container)
        if ports:
            bindings = tuple(
                PortBinding(protocol=p.protocol, published=p.published_port, target=p.target_port, mode="host")
                for p in ports
            )
            self.mesh.activate(
                Endpoint(container.id, self._node, container.name, bindings, lambda target: runs.ports()[target])
            )
        return msgspec.structs.replace(container, endpoints=endpoints, ports=ports)

    def displace(self, container: Container) -> None:
        """See `Placement`."""
        if container.host is None:
            return
        self.mesh.deactivate(container.id)
        for endpoint in container.endpoints:
            self._tell("disconnect", endpoint.network_id, container)

    # --- inside ----------------------------------------------------------------------------------------------------

    def _address(self, network: HandNetwork, container_id: str) -> tuple[str, ...]:
        """The lowest free address of a network, with its prefix length."""
        if not network.subnet:
            return ()
        used = {
            address.partition("/")[0]
            for other in self._containers()
            if other.host is not None and other.id != container_id
            for endpoint in other.endpoints
            if endpoint.network_id == network.id
            for address in endpoint.addresses
        }
        subnet = ipaddress.IPv4Network(network.subnet)
        for host in subnet.hosts():
            if str(host) not in used and str(host) != network.gateway:
                return (f"{host}/{subnet.prefixlen}",)
        raise internal(f"no available IPv4 addresses on this network's address pools: {network.name} ({network.id})")

    def _publish(self, container: Container) -> Iterable[PortConfig]:
        """The container's ports, those without a number given one. Raises EngineError (500) when one is taken."""
        assert container.host is not None
        used = {
            (p.published_port, p.protocol)
            for other in self._containers()
            if other.id != container.id
            for p in other.ports
        }
        used |= {(port, "tcp") for port in self._taken()}
        for port in asked_ports(container):
            number = port.published_port
            if not number:
                number = next(n for n in range(_FIRST_PORT, _LAST_PORT) if (n, port.protocol) not in used)
            elif (number, port.protocol) in used:
                raise internal(
                    f"driver failed programming external connectivity on endpoint {container.name} ({container.id}): "
                    f"Bind for 0.0.0.0:{number} failed: port is already allocated"
                )
            used.add((number, port.protocol))
            yield msgspec.structs.replace(port, published_port=number)

    def _tell(self, action: str, network_id: str, container: Container) -> None:
        try:
            network = self._networks(network_id)
        except EngineError:
            # It has been removed meanwhile.
            return
        attributes = {"container": container.id, "name": network.name, "type": network.driver}
        self._events.publish("network", action, network.id, attributes)


def asked_ports(container: Container) -> Iterable[PortConfig]:
    """The ports that a container wants published; number 0 is any."""
    assert container.host is not None
    host = container.host
    if host.network_mode in _SHARED:
        return
    for key, bindings in host.port_bindings.items():
        for binding in bindings:
            yield _port(key, int(binding.host_port.partition("-")[0] or 0))
    if host.publish_all_ports:
        for key in container.exposed_ports:
            if not host.port_bindings.get(key):
                yield _port(key, 0)


def _port(key: str, published: int) -> PortConfig:
    target, _, protocol = key.partition("/")
    return PortConfig(
        protocol=protocol or "tcp", target_port=int(target), published_port=published, publish_mode="host"
    )
