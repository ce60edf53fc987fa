"""One Docker engine of a lab."""

import base64
import hashlib
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, Protocol

import msgspec

from swarmlab.clock import Clock
from swarmlab.engine.build import Builder
from swarmlab.engine.container.byhand import ByHand
from swarmlab.engine.container.containers import Containers
from swarmlab.engine.container.execs import Execs
from swarmlab.engine.container.volumes import Volumes
from swarmlab.engine.errors import not_found
from swarmlab.engine.events import Events
from swarmlab.engine.image.imageremoval import ImageRemoval
from swarmlab.engine.image.images import LocalImages
from swarmlab.engine.network.attachments import Attachments
from swarmlab.engine.network.connections import Connections
from swarmlab.engine.network.downloads import Downloads
from swarmlab.engine.network.hostmode import machine_interfaces
from swarmlab.engine.network.localipam import prefix_length
from swarmlab.engine.network.localnetworks import GATEWAY_BRIDGE, PREDEFINED, LocalNetworks
from swarmlab.engine.network.outgoing import Outgoing
from swarmlab.engine.network.overlays import Overlays
from swarmlab.engine.network.parentlinks import PARENT_DRIVERS
from swarmlab.engine.network.placement import HandNetwork, HandPlacement, hand_network
from swarmlab.engine.network.wiring import NetworkFacts, Wiring
from swarmlab.engine.settings import NO_SETTINGS, EngineSettings
from swarmlab.engine.swarm.cluster import ClusterComponent
from swarmlab.engine.swarm.swarms import Swarms
from swarmlab.engine.task.answers import AnswerLog
from swarmlab.engine.task.servicelogs import LogBroker, TaskContainers
from swarmlab.images import Catalogue, ImageStore
from swarmlab.manager import Swarm
from swarmlab.network import Fabric
from swarmlab.objects import PortConfig
from swarmlab.objects.local import Engine, LocalNetwork, LocalPool, Overlay, Power
from swarmlab.runtime.virtual import Quota, Roots, VirtualRuntime
from swarmlab.store import Actor, Kind, Store

_NETWORKS = {"bridge": "bridge", "host": "host", "none": "null"}
_BRIDGE = LocalPool(subnet="172.17.0.0/16", gateway="172.17.0.1", router="172.17.0.1", chosen=True)
_BRIDGE_OPTIONS = {
    "com.docker.network.bridge.default_bridge": "true",
    "com.docker.network.bridge.enable_icc": "true",
    "com.docker.network.bridge.enable_ip_masquerade": "true",
    "com.docker.network.bridge.host_binding_ipv4": "0.0.0.0",  # noqa: S104  (shown, not bound)
    "com.docker.network.bridge.name": "docker0",
    "com.docker.network.driver.mtu": "1500",
}


#: Folders of a lab, each with one for every engine.
CONTAINERS_FOLDER, VOLUMES_FOLDER = "containers", "volumes"


class NetworkService(NamedTuple):
    """A service as the nodes on a network hear of it; the one without a name is of containers that belong to none.

    `tasks` are container id, name, address there without prefix length, and the address of the node.
    """

    vip: str
    ports: tuple[PortConfig, ...]
    tasks: tuple[tuple[str, str, str, str], ...]


class Neighbours(Swarms, Protocol):
    """The swarms of the lab, and what their nodes let each other see."""

    fabric: Fabric
    #: The files of images, for containers that need them on disk.
    roots: Roots
    #: How much containers may write to the disk.
    quota: Quota

    def services(self, network_id: str, engine: str) -> Mapping[str, NetworkService]:
        """What is on a network of the swarm, as an engine that is on it hears: services by name."""

    def containers(self, swarm: Swarm, node_id: str, engine: str) -> TaskContainers | None:
        """The containers of a node; None when its engine does not answer the one with this name."""


class DockerEngine:
    """Its identity, its containers, its networks, and its membership in a swarm."""

    def __init__(
        self,
        name: str,
        address: str,
        store: Store,
        clock: Clock,
        catalogue: Catalogue,
        state: Path,
        swarms: Neighbours,
        settings: EngineSettings = NO_SETTINGS,
    ) -> None:
        """`state` is the lab's folder; the engine has its own place for containers and for images in it."""
        self.name = name
        self.address = address
        self.settings = settings
        self.clock = clock
        self.events = Events(clock)
        kept = ImageStore(name, catalogue, store, state / "images" / name)
        outgoing = Outgoing(name, swarms.fabric)
        self.images = LocalImages(kept, clock, self.events, outgoing.connection)
        self._store = store
        self._swarms = swarms
        if not len(store.tables.engines):
            self._create(name)
        self._record = next(iter(store.tables.engines))
        #: A private folder of the engine's own, for temporary files too.
        self.scratch = state / CONTAINERS_FOLDER / name
        self.runtime = VirtualRuntime(clock, kept.kept, self.scratch, swarms.fabric, swarms.roots, swarms.quota)
        self.volumes = Volumes(name, store, state / VOLUMES_FOLDER / name, self.events, settings.socket)
        self.containers = Containers(name, store, clock, self.runtime, self.events, self.volumes)
        self.networks = LocalNetworks(
            name,
            store,
            self.events,
            self._predefined,
            lambda: self.containers.list(all=False),
            lambda: self.cluster.membership is not None,
        )
        self.overlays = Overlays(name, store, clock, self.events, lambda: self.containers.list(all=True), self.networks)
        self.execs = Execs(self.containers)
        self.removal = ImageRemoval(self.images, lambda: self.containers.list(all=True), self.events)
        kept.sweep({container.image_id for container in self.containers.list(all=True)})
        self.by_hand = ByHand(name, self.containers, self.images, self.volumes)
        downloads = Downloads(outgoing.further, swarms.fabric.outside.lookup)
        self.builder = Builder(self.images, self.containers, self.by_hand, self.runtime.prepare, downloads)
        self.answers = AnswerLog(clock, store)
        self.attachments = Attachments(name, clock, lambda: self.cluster.node, self.overlays.need)
        self.placement = HandPlacement(
            name,
            self.events,
            lambda: self.containers.list(all=False),
            self._network,
            self._service_ports,
            self.containers.find,
            self.overlays,
            swarms.fabric.sandbox,
            self.attachments,
            machine_interfaces(address, _BRIDGE.gateway),
        )
        self.fabric = swarms.fabric
        self.wiring = self.containers.placement = Wiring(
            name,
            swarms.fabric,
            self.placement,
            self._facts,
            self._gateway_bridge,
            self.containers.find,
            _BRIDGE.gateway,
            self.networks.links,
        )
        self.connections = Connections(self.containers, self.placement, self._network)
        self.cluster = ClusterComponent(
            self._record.id,
            name,
            address,
            store,
            clock,
            swarms,
            self.events,
            self.overlays,
            self.attachments,
            self._desert,
        )

    @property
    def id(self) -> str:
        """The engine's identity, as `docker info` shows it: twelve groups of four letters and digits."""
        digest = base64.b32encode(hashlib.sha256(self._record.id.encode()).digest()).decode().rstrip("=")
        return ":".join(digest[i : i + 4] for i in range(0, 48, 4))

    @property
    def power(self) -> Power:
        """Whether it is on, or how it ended."""
        return self._engine().power

    @property
    def side(self) -> int:
        """The side of the network that it is on: it reaches the engines on the same one."""
        return self._engine().side

    def peers(self, network_id: str) -> list[tuple[str, str]]:
        """See `Swarms`: the nodes on which a network of the swarm exists, as this engine hears from them."""
        return self._swarms.peers(network_id, self.name)

    def services(self, network_id: str) -> Mapping[str, NetworkService]:
        """See `Neighbours`."""
        return self._swarms.services(network_id, self.name)

    def task_logs(self) -> LogBroker:
        """What the tasks of the swarm write. Raises EngineError (503) unless this node is a manager with a leader."""
        self.cluster.control()
        member = self.cluster.membership
        assert member is not None
        swarm = self._swarms.get(member.swarm)
        assert swarm is not None
        return LogBroker(swarm.store, lambda node_id: self._swarms.containers(swarm, node_id, self.name))

    def _network(self, reference: str) -> HandNetwork:
        """A network that a container may be on, by name, id or id prefix. Raises EngineError (404, 500)."""
        local = self.networks.find(reference)
        if local is not None:
            return hand_network(local)
        overlay = self._overlay(reference)
        if overlay is None:
            raise not_found(f"network {reference} not found")
        spec = overlay.network.spec
        return HandNetwork(spec.name, overlay.id, "overlay", scope="swarm", outward=not spec.internal)

    def _overlay(self, reference: str) -> Overlay | None:
        """One of the swarm's networks that exist here, by id, name, or a prefix of its id that fits no other."""
        every = self.overlays.list()
        by_id = [overlay for overlay in every if overlay.id == reference]
        by_name = [overlay for overlay in every if overlay.network.spec.name == reference]
        by_prefix = [overlay for overlay in every if reference and overlay.id.startswith(reference)]
        return next((found[0] for found in (by_id, by_name, by_prefix) if len(found) == 1), None)

    def _desert(self) -> None:
        """Containers that were run by hand leave the networks of the swarm (MB: daemon/network.go)."""
        for container in self.containers.list(all=False):
            for endpoint in container.endpoints:
                if self._network(endpoint.network_id).scope == "swarm":
                    self.connections.disconnect(endpoint.network_id, container.id, force=True)

    def _facts(self, network_id: str) -> NetworkFacts | None:
        local = self.networks.find(network_id)
        if local is not None:
            # Bridges of one name on several nodes have nothing in common; what hangs on interfaces has a wire.
            apart = local.scope == "swarm" and local.driver == "bridge"
            return NetworkFacts(
                f"{local.id}@{self.name}" if apart else local.id,
                local.name,
                "macvlan" if local.driver in PARENT_DRIVERS else "bridge",
                local.internal,
                default=local.name in PREDEFINED,
            )
        swarm = self._swarm()
        network = swarm.store.tables.networks.get(network_id) if swarm is not None else None
        if network is None:
            overlay = self.overlays.find(network_id)
            if overlay is None:
                return None
            network = overlay.network
        spec = network.spec
        return NetworkFacts(network.id, spec.name, "ingress" if spec.ingress else "overlay", spec.internal)

    def _gateway_bridge(self) -> tuple[str, str] | None:
        bridge = self.networks.find(GATEWAY_BRIDGE)
        if bridge is None:
            return None
        pool = bridge.pools[0]
        return bridge.id, f"{pool.router}/{prefix_length(pool)}"

    def routers(self) -> dict[str, str]:
        """The engine's own addresses on its bridges, by the id of the network."""
        return {
            network.id: pool.router
            for network in self.networks.list()
            if network.driver == "bridge"
            for pool in network.pools
        }

    def _swarm(self) -> Swarm | None:
        member = self.cluster.membership
        return self._swarms.get(member.swarm) if member is not None else None

    def _service_ports(self) -> list[int]:
        """The ports that services publish on every node."""
        swarm = self._swarm()
        if swarm is None:
            return []
        endpoints = (service.endpoint for service in swarm.store.tables.services)
        ports = (port for endpoint in endpoints if endpoint is not None for port in endpoint.ports)
        return [port.published_port for port in ports if port.publish_mode != "host"]

    def set_power(self, power: Power) -> None:
        """Remember that the machine was switched on, stopped or cut off."""
        self._change(power=power)

    def set_side(self, side: int) -> None:
        """Remember that the network was cut, or is whole again."""
        self._change(side=side)

    def _predefined(self) -> list[LocalNetwork]:
        engine = self._engine()
        return [
            LocalNetwork(
                id=engine.networks[name],
                created_at=engine.created_at,
                name=name,
                driver=driver,
                pools=(_BRIDGE,) if driver == "bridge" else (),
                options=_BRIDGE_OPTIONS if driver == "bridge" else {},
            )
            for name, driver in _NETWORKS.items()
        ]

    def _engine(self) -> Engine:
        engine = self._store.tables.engines.get(self._record.id)
        assert engine is not None
        return engine

    def _create(self, name: str) -> None:
        networks = {network: secrets.token_hex(32) for network in _NETWORKS}
        with self._store.transaction(Actor(engine=name)) as tx:
            tx.create(Kind.ENGINE, Engine(id=secrets.token_hex(16), name=name, networks=networks))

    def _change(self, **fields: object) -> None:
        with self._store.transaction(Actor(engine=self.name)) as tx:
            tx.update(Kind.ENGINE, msgspec.structs.replace(self._engine(), **fields))
