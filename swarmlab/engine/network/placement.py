"""Where a container that runs can be found: its addresses and its published ports."""

from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from http import HTTPStatus
from typing import NamedTuple, Protocol

import msgspec

from swarmlab.engine.errors import EngineError, bad_request, conflict, internal
from swarmlab.engine.events import Events
from swarmlab.engine.network.attachments import Attachments
from swarmlab.engine.network.hostmode import HostListeners
from swarmlab.engine.network.localipam import contains, free_address, prefix_length, reserved, version
from swarmlab.engine.network.localnetworks import PREDEFINED
from swarmlab.engine.network.overlays import Overlays
from swarmlab.engine.network.parentlinks import routed
from swarmlab.engine.network.publishedports import PublishedPorts
from swarmlab.engine.swarm.addresses import is_address
from swarmlab.network import Door, Endpoint, Mesh, NodeAddress, Place, PortBinding, Sandbox
from swarmlab.objects.local import Container, ContainerNetwork, LocalNetwork, LocalPool
from swarmlab.objects.run import EndpointIPAMConfig, EndpointSettings
from swarmlab.runtime import base

#: Where a container is that was not told where to be.
_DEFAULT = "bridge"


class Placement(Protocol):
    """Gives a container that is about to run its addresses and published ports, and takes them back."""

    async def reserve(self, container: Container) -> None:
        """Wait for what others must give before the container can be placed. Raises EngineError."""

    def release(self, container_id: str) -> None:
        """The container cannot be placed after all."""

    def place(self, container: Container, runs: base.Container) -> Container:
        """The record with what it got. Raises EngineError."""

    def moved(self, container: Container) -> None:
        """The container, which may run, was put on another network, taken off one, or has another name."""

    def displace(self, container: Container) -> None:
        """The container has ended, or could not be started."""


class Nowhere:
    """A placement that gives nothing."""

    async def reserve(self, container: Container) -> None:
        """See `Placement`."""

    def release(self, container_id: str) -> None:
        """See `Placement`."""

    def place(self, container: Container, runs: base.Container) -> Container:
        """See `Placement`."""
        return container

    def moved(self, container: Container) -> None:
        """See `Placement`."""

    def displace(self, container: Container) -> None:
        """See `Placement`."""


class HandNetwork(NamedTuple):
    """A network that a container may be put on by hand. Without `pools` it gives no addresses.

    `predefined` is one of the engine's first three; on others a container may ask for an address and have aliases.
    With the `scope` swarm a place on it has to be had from the swarm. Without a `router` it has no gateway of its own;
    only from one that leads `outward` ports are published.
    """

    name: str
    id: str
    driver: str
    pools: tuple[LocalPool, ...] = ()
    predefined: bool = False
    config_only: bool = False
    scope: str = "local"
    router: bool = True
    outward: bool = True

    def configured(self, family: int) -> bool:
        """Whether its subnet of that version of IP was asked for: only there a container may ask for an address.

        The swarm's networks count as such on every engine.
        """
        return self.driver == "overlay" or any(not pool.chosen for pool in self.pools if version(pool) == family)


def hand_network(network: LocalNetwork) -> HandNetwork:
    """One of the engine's own networks."""
    return HandNetwork(
        network.name,
        network.id,
        network.driver,
        network.pools,
        predefined=network.name in PREDEFINED,
        config_only=network.config_only,
        scope=network.scope,
        router=not routed(network),
        outward=network.driver == "bridge" and not network.internal,
    )


class HandPlacement:
    """Places what was run by hand: on a network of the engine, its ports on the node's own address.

    Containers of tasks are where the swarm wants them; one that it wants nowhere is on the engine's first bridge.
    """

    def __init__(
        self,
        node: str,
        events: Events,
        containers: Callable[[], Iterable[Container]],
        networks: Callable[[str], HandNetwork],
        taken: Callable[[], Iterable[int]],
        find: Callable[[str], Container],
        overlays: Overlays,
        sandbox: Callable[[str], Sandbox],
        attachments: Attachments | None = None,
        interfaces: tuple[Place, ...] = (),
    ) -> None:
        """`containers` run now, `networks` finds one by name or id, `taken` are ports that services publish here.

        `find` finds a container by name or id, `sandbox` has the network of one by id, `attachments` gets places on
        networks of the swarm. `interfaces` are those of the machine itself.
        """
        self._sandbox = sandbox
        self._node = node
        self._events = events
        self._containers = containers
        self._networks = networks
        self._ports = PublishedPorts(taken)
        self._find = find
        self._attachments = attachments
        self._overlays = overlays
        self.mesh = Mesh()
        self._on_host = HostListeners(node, self.mesh, sandbox, interfaces)

    async def open(self, address: str) -> None:
        """Ports may be published at the node's address from now on."""
        await self.mesh.join(self._node, NodeAddress(address))

    async def close(self) -> None:
        """The node's address answers no more."""
        self._on_host.clear()
        self._ports.clear()
        await self.mesh.leave(self._node)

    async def reserve(self, container: Container) -> None:
        """See `Placement`. Raises EngineError (404, 500)."""
        if container.host is None:
            return
        for reference, settings in container.attachments.items():
            await self.join(settings.network_id or reference, settings, container)

    async def join(self, reference: str, settings: EndpointSettings, container: Container) -> None:
        """Get a container a place on a network, given by name or id, if that is the swarm's.

        A network that the engine does not know may be one of the swarm's. Raises EngineError (404, 500).
        """
        if self._attachments is None:
            return
        with suppress(EngineError):
            if self._networks(reference).scope != "swarm":
                return
        address = settings.ipam_config.ipv4_address if settings.ipam_config is not None else ""
        await self._attachments.attach(reference, container.id, address)

    def release(self, container_id: str, network_id: str = "") -> None:
        """See `Placement`; with a network, give up the place on that one only."""
        if self._attachments is not None:
            self._attachments.detach(container_id, network_id)

    def place(self, container: Container, runs: base.Container) -> Container:
        """See `Placement`. Raises EngineError (404, 400, 403, 409, 500)."""
        if container.wanted.network_mode == "host":
            self._on_host.follow(container, runs)
        if container.host is None:
            return self._place_task(container)
        attachments, endpoints, outward = {}, [], False
        for reference, settings in container.attachments.items():
            network = self._networks(reference)
            complete = attachments[network.name] = attached(network, settings, container)
            endpoints.append(self.endpoint(network, complete, container))
            outward |= network.outward
        self._check_shared(container)
        try:
            ports = self._ports.publish(container) if outward else ()
        except EngineError:
            for endpoint in endpoints:
                self.tell("disconnect", endpoint.network_id, container)
            raise
        for endpoint in endpoints:
            self.tell("connect", endpoint.network_id, container)
        if ports:
            bindings = tuple(
                PortBinding(protocol=p.protocol, published=p.published_port, target=p.target_port, mode="host")
                for p in ports
            )
            self.mesh.activate(
                Endpoint(
                    container.id,
                    self._node,
                    container.name,
                    bindings,
                    connect=lambda target: runs.ports()[target],
                    door=self._door(container.id, endpoints),
                    watch=runs.watch_ports,
                )
            )
        return msgspec.structs.replace(container, attachments=attachments, endpoints=tuple(endpoints), ports=ports)

    def _door(self, container_id: str, endpoints: Sequence[ContainerNetwork]) -> Callable[[int, str], Door]:
        """Where a published port is, for a connection from the machine itself: in there it comes from the bridge."""
        gateway = next((address for each in endpoints for address in each.gateways if "." in address), "")
        return lambda target, entry: self._sandbox(container_id).door(target, gateway)

    def endpoint(self, network: HandNetwork, settings: EndpointSettings, container: Container) -> ContainerNetwork:
        """A place for a container on a network. Raises EngineError (400, 403, 500)."""
        if self._attachments is not None and (given := self._attachments.addresses(network.id, container.id)):
            return ContainerNetwork(network_id=network.id, addresses=given)
        wanted = settings.ipam_config or EndpointIPAMConfig()
        asked = {4: wanted.ipv4_address, 6: wanted.ipv6_address}
        used = self._used(network.id, container.id)
        pools = [_pool(network, family, address, used) for family, address in asked.items()]
        chosen = [pool for pool in pools if pool is not None]
        found = (self._address(network, pool, asked[version(pool)], used) for pool in chosen)
        gateways = tuple(pool.router for pool in chosen) if network.router else ()
        return ContainerNetwork(network_id=network.id, addresses=tuple(found), gateways=gateways)

    def moved(self, container: Container) -> None:
        """See `Placement`. What it publishes stays where it is."""

    def displace(self, container: Container) -> None:
        """See `Placement`."""
        self._on_host.forget(container.id)
        self._ports.give_back(container.id)
        self.mesh.deactivate(container.id)
        self.release(container.id)
        for endpoint in container.endpoints:
            self.tell("disconnect", endpoint.network_id, container)

    # --- inside ----------------------------------------------------------------------------------------------------

    def _place_task(self, container: Container) -> Container:
        bridge = self._networks(_DEFAULT)
        before = container.endpoints or (ContainerNetwork(network_id=bridge.id),)
        endpoints = tuple(self._task_endpoint(each, container) for each in before)
        ports = self._ports.publish(container)
        for endpoint in endpoints:
            self.tell("connect", endpoint.network_id, container)
        return msgspec.structs.replace(container, endpoints=endpoints, ports=ports)

    def _task_endpoint(self, given: ContainerNetwork, container: Container) -> ContainerNetwork:
        """A task's place: the swarm has given the address, unless the engine gives addresses on that network."""
        try:
            network = self._networks(given.network_id)
        except EngineError:
            return given
        return self.endpoint(network, EndpointSettings(), container) if network.pools else given

    def _used(self, network_id: str, container_id: str) -> set[str]:
        return {
            address.partition("/")[0]
            for other in self._containers()
            if other.id != container_id
            for endpoint in other.endpoints
            if endpoint.network_id == network_id
            for address in endpoint.addresses
        }

    @staticmethod
    def _address(network: HandNetwork, pool: LocalPool, asked: str, used: set[str]) -> str:
        """The address that is asked for, or the lowest free one, with its prefix length."""
        if asked and asked in used | reserved(pool):
            raise EngineError(HTTPStatus.FORBIDDEN, "Address already in use")
        address = asked or free_address(pool, used)
        if not address:
            raise internal(
                f"no available IPv{version(pool)} addresses on this network's address pools: "
                f"{network.name} ({network.id})"
            )
        return f"{address}/{prefix_length(pool)}"

    def _check_shared(self, container: Container) -> None:
        """A container that shares another one's network needs it to run. Raises EngineError (404, 409, 500)."""
        assert container.host is not None
        kind, _, reference = container.host.network_mode.partition(":")
        if kind != "container":
            return
        other = self._find(reference)
        if other.id == container.id:
            raise internal("cannot join own network")
        if not other.state.runs:
            raise conflict(f"cannot join network of a non running container: {other.id}")

    def tell(self, action: str, network_id: str, container: Container) -> None:
        """A container was put on a network (`connect`) or taken off it (`disconnect`)."""
        overlay = self._overlays.find(network_id)
        if overlay is not None:
            name, driver = overlay.network.spec.name, "overlay"
        else:
            try:
                network = self._networks(network_id)
            except EngineError:
                # It has been removed meanwhile.
                return
            name, driver = network.name, network.driver
        attributes = {"container": container.id, "name": name, "type": driver}
        self._events.publish("network", action, network_id, attributes)


def _pool(network: HandNetwork, family: int, asked: str, used: Collection[str]) -> LocalPool | None:
    """The pool that an address comes from: what it was asked from, else the first that has one left."""
    pools = [pool for pool in network.pools if version(pool) == family]
    fitting = (pool for pool in pools if (contains(pool, asked) if asked else free_address(pool, used)))
    return next(fitting, next(iter(pools), None))


def attached(network: HandNetwork, settings: EndpointSettings, container: Container) -> EndpointSettings:
    """What a container asks of a network, complete: the network's id, and the names that it always has there.

    Raises EngineError (400, 403, 500).
    """
    if network.config_only:
        raise EngineError(HTTPStatus.FORBIDDEN, "cannot create endpoint on configuration-only network")
    wanted = settings.ipam_config or EndpointIPAMConfig()
    if not all(map(is_address, wanted.link_local_ips or ())):
        raise internal(f"Invalid link-local IP address: [{' '.join(wanted.link_local_ips or ())}]")
    asked = {4: wanted.ipv4_address, 6: wanted.ipv6_address}
    aliases = settings.aliases
    if network.predefined:
        if any(asked.values()):
            raise bad_request("user specified IP address is supported on user defined networks only")
        if aliases:
            raise bad_request("network-scoped alias is supported only for containers in user defined networks")
    else:
        aliases = tuple(dict.fromkeys((*(aliases or ()), container.id[:12], container.hostname)))
        if any(address and not network.configured(family) for family, address in asked.items()):
            raise bad_request(
                "user specified IP address is supported only when connecting to networks with user configured subnets"
            )
    for family, address in asked.items():
        if not address or network.driver == "overlay":
            continue
        if not is_address(address):
            # The parenthesis is Docker's.
            raise internal(f"Invalid IPv{family} address: {address})")
        if not any(contains(pool, address) for pool in network.pools):
            raise internal(f"Invalid address {address}: It does not belong to any of this network's subnets")
    return msgspec.structs.replace(settings, aliases=aliases, network_id=network.id)
