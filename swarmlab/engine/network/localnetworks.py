"""The networks of one engine alone (MB: daemon/network.go; libnetwork)."""

import hashlib
import ipaddress
import re
import secrets
from collections.abc import Callable, Iterable

import msgspec

from swarmlab.engine.errors import EngineError, conflict, internal, not_found
from swarmlab.engine.events import Events
from swarmlab.engine.network import localipam
from swarmlab.engine.network.links import Links
from swarmlab.engine.network.parentlinks import PARENT_DRIVERS, check_parent, isolated
from swarmlab.objects.local import Container, LocalNetwork, LocalPool
from swarmlab.objects.requests import IPAM, IPAMPool, NetworkCreateRequest
from swarmlab.store import Actor, Kind, Store

GATEWAY_BRIDGE = "docker_gwbridge"
#: Networks that every engine has, and the name that stands for the first of them.
PREDEFINED = ("bridge", "host", "none")
_RESERVED = frozenset({*PREDEFINED, "default"})
_FORBIDDEN = 403
_BRIDGE_NAME = "com.docker.network.bridge.name"
_MTU = "com.docker.network.driver.mtu"
_FLAGS = ("com.docker.network.bridge.enable_icc", "com.docker.network.bridge.enable_ip_masquerade")
_TRUTHS = frozenset({"1", "t", "T", "true", "TRUE", "True", "0", "f", "F", "false", "FALSE", "False"})
_GATEWAY_OPTIONS = {
    "com.docker.network.bridge.enable_icc": "false",
    "com.docker.network.bridge.enable_ip_masquerade": "true",
    _BRIDGE_NAME: GATEWAY_BRIDGE,
}


class LocalNetworks:
    """Owns the records of the networks that people make on an engine.

    Which container is on which network stands in the containers' records: `users` gives those that are on one now.
    """

    def __init__(
        self,
        engine: str,
        store: Store,
        events: Events,
        predefined: Callable[[], Iterable[LocalNetwork]],
        running: Callable[[], Iterable[Container]],
        in_swarm: Callable[[], bool],
    ) -> None:
        self._engine = engine
        self._store = store
        self._events = events
        self._actor = Actor(engine=engine, loop="networks")
        self._predefined = predefined
        self._running = running
        self._in_swarm = in_swarm
        #: The machine's interfaces, of which those of its bridges are the first.
        self.links = Links()
        self.switched_on()

    def switched_on(self) -> None:
        """The machine begins to count its interfaces anew."""
        self.links.restart(sum(network.driver == "bridge" for network in self._store.tables.local_networks))

    def find(self, reference: str) -> LocalNetwork | None:
        """A network by its id, name or a prefix of its id that fits no other."""
        every = self.list()
        if not reference:
            return None
        by_id = [network for network in every if network.id == reference]
        by_name = [network for network in every if network.name == reference]
        by_prefix = [network for network in every if network.id.startswith(reference)]
        return next((found[0] for found in (by_id, by_name, by_prefix) if len(found) == 1), None)

    def users(self, network_id: str) -> list[Container]:
        """The containers that are on a network now."""
        return [c for c in self._running() if any(endpoint.network_id == network_id for endpoint in c.endpoints)]

    def in_use(self, network: LocalNetwork) -> bool:
        """Whether anything is on a network now: containers, or a swarm's own ends on the bridge of its tasks."""
        return bool(self.users(network.id)) or (network.name == GATEWAY_BRIDGE and self._in_swarm())

    def create(self, request: NetworkCreateRequest, network_id: str = "") -> LocalNetwork:
        """A new network; with an id it is what the swarm's network of that id is on this engine.

        `networkchecks.check_request` has nothing against it. Raises EngineError with Docker's words and status.
        """
        if not network_id:
            self._check_name(request)
        if request.ipam is not None and request.ipam.driver not in {"", "default"}:
            raise not_found(f'plugin "{request.ipam.driver}" not found')
        if request.config_from is not None and request.config_from.network:
            request = self._configured(request)
        made = self._add(self._network(request, network_id))
        if not made.config_only and (made.driver == "bridge" or isolated(made)):
            self.links.take(Links.BRIDGE)
        self._tell("create", made)
        return made

    def remove(self, network: LocalNetwork) -> None:
        """Remove a network that no container is on. Raises EngineError (403)."""
        if network.name in PREDEFINED:
            raise EngineError(_FORBIDDEN, f"{network.name} is a pre-defined network and cannot be removed")
        if self.in_use(network):
            raise EngineError(
                _FORBIDDEN,
                f"error while removing network: network {network.name} id {network.id} has active endpoints",
            )
        if any(other.config_from == network.name for other in self.list()):
            raise EngineError(
                _FORBIDDEN, f'error while removing network: configuration network "{network.name}" is in use'
            )
        self.forget(network)
        self._tell("destroy", network)

    def forget(self, network: LocalNetwork) -> None:
        """A network is gone, and no event tells of it."""
        with self._store.transaction(self._actor) as tx:
            tx.delete(Kind.LOCAL_NETWORK, network.id)

    def gateway_bridge(self) -> None:
        """The bridge through which tasks on overlay networks reach the outside is there from now on."""
        if self.find(GATEWAY_BRIDGE) is None:
            bridge = LocalNetwork(id=secrets.token_hex(32), name=GATEWAY_BRIDGE, options=_GATEWAY_OPTIONS)
            self._add(msgspec.structs.replace(bridge, pools=self._pools(bridge)))
            self.links.take(Links.GATEWAY_BRIDGE)

    # --- inside ----------------------------------------------------------------------------------------------------

    def _network(self, request: NetworkCreateRequest, network_id: str) -> LocalNetwork:
        ipam = request.ipam or IPAM()
        driver = request.driver or "bridge"
        if driver in {"host", "null"} and not request.config_only:
            raise EngineError(_FORBIDDEN, f'only one instance of "{driver}" network is allowed')
        network = LocalNetwork(
            id=network_id or secrets.token_hex(32),
            name=request.name,
            driver="null" if request.config_only else driver,
            scope="swarm" if network_id else "local",
            pools=tuple(
                LocalPool(
                    subnet=c.subnet, ip_range=c.ip_range, gateway=c.gateway, auxiliary_addresses=c.auxiliary_addresses
                )
                for c in ipam.config
            ),
            internal=request.internal,
            attachable=request.attachable,
            ipv6=bool(request.enable_ipv6),
            ipam_options=request.ipam.options if request.ipam is not None else None,
            options=request.options,
            labels=request.labels,
            config_only=request.config_only,
            config_from=request.config_from.network if request.config_from is not None else "",
        )
        if network.config_only:
            return network
        if network.driver == "bridge":
            self._check_options(network)
        network = msgspec.structs.replace(network, pools=self._pools(network))
        if network.driver in PARENT_DRIVERS:
            every = self.list()
            check_parent(network, every, {bridge_name(each) for each in every if each.driver == "bridge"})
        return network

    def _add(self, network: LocalNetwork) -> LocalNetwork:
        with self._store.transaction(self._actor) as tx:
            return tx.create(Kind.LOCAL_NETWORK, network)

    def _check_name(self, request: NetworkCreateRequest) -> None:
        name = request.name
        if name in _RESERVED:
            raise EngineError(_FORBIDDEN, f"operation is not permitted on predefined {name} network ")
        if any(network.name == name for network in self.list()):
            raise conflict(f"network with name {name} already exists")

    def _configured(self, request: NetworkCreateRequest) -> NetworkCreateRequest:
        """The request with what another network was made to hold."""
        assert request.config_from is not None
        source, own = self.find(request.config_from.network), request.ipam or IPAM()
        if source is None or not source.config_only:
            raise not_found(f'configuration network "{request.config_from.network}" does not exist')
        return msgspec.structs.replace(
            request,
            ipam=IPAM(options=source.ipam_options or own.options, config=tuple(_asked(pool) for pool in source.pools)),
            options=source.options,
            labels={**source.labels, **request.labels},
            enable_ipv6=source.ipv6,
        )

    def _check_options(self, network: LocalNetwork) -> None:
        mtu = network.options.get(_MTU, "0")
        if not re.fullmatch(r"[+-]?\d+", mtu):
            raise _unparsable(_MTU, mtu, "Atoi")
        for flag in _FLAGS:
            value = network.options.get(flag, "true")
            if value not in _TRUTHS:
                raise _unparsable(flag, value, "ParseBool")
        bridge = network.options.get(_BRIDGE_NAME)
        for other in self.list():
            if bridge and other.options.get(_BRIDGE_NAME) == bridge:
                raise EngineError(
                    _FORBIDDEN,
                    f"cannot create network {network.id} ({bridge}): conflicts with network {other.id} ({bridge}): "
                    "networks have same bridge name",
                )

    def _pools(self, network: LocalNetwork) -> tuple[LocalPool, ...]:
        """The pools of a new network: those asked for, and what is missing of them."""
        taken = [localipam.parse(pool) for other in self.list() if not other.config_only for pool in other.pools]
        found = []
        for pool in network.pools:
            subnet = localipam.parse(pool)
            if localipam.overlaps(subnet, taken):
                raise EngineError(_FORBIDDEN, "Pool overlaps with other one on this address space")
            found.append(localipam.checked(pool))
            taken.append(subnet)
        versions = [localipam.version(pool) for pool in found]
        if network.driver == "bridge" and len(set(versions)) < len(versions):
            raise EngineError(_FORBIDDEN, "bridge driver doesn't support multiple subnets")
        if 4 not in versions:
            found.insert(0, self._chosen(localipam.choose(taken)))
        if network.ipv6 and 6 not in versions:
            found.append(self._chosen(self._unique_local(taken)))
        return tuple(found)

    @staticmethod
    def _chosen(subnet: localipam.Network) -> LocalPool:
        pool = localipam.checked(LocalPool(subnet=str(subnet)))
        return msgspec.structs.replace(pool, gateway=pool.router, chosen=True)

    def _unique_local(self, taken: list[localipam.Network]) -> localipam.Network:
        """A free /64 of the engine's own unique local addresses (RFC 4193), as engines have since version 27."""
        prefix = b"\xfd" + hashlib.sha256(self._engine.encode()).digest()[:5]
        site = ipaddress.IPv6Network((prefix.ljust(16, b"\0"), 48))
        return next(subnet for subnet in site.subnets(new_prefix=64) if not localipam.overlaps(subnet, taken))

    def _tell(self, action: str, network: LocalNetwork) -> None:
        if not network.config_only:
            self._events.publish("network", action, network.id, {"name": network.name, "type": network.driver})

    def list(self) -> list[LocalNetwork]:
        """Every network, the predefined first."""
        return [*self._predefined(), *self._store.tables.local_networks]


def bridge_name(network: LocalNetwork) -> str:
    """How the interface of a bridge is called on its machine."""
    return network.options.get(_BRIDGE_NAME) or f"br-{network.id[:12]}"


def _asked(pool: LocalPool) -> IPAMPool:
    return IPAMPool(
        subnet=pool.subnet,
        ip_range=pool.ip_range,
        gateway=pool.gateway,
        auxiliary_addresses=pool.auxiliary_addresses,
    )


def _unparsable(option: str, value: str, function: str) -> EngineError:
    return internal(f'failed to parse {option} value: {value} (strconv.{function}: parsing "{value}": invalid syntax)')
