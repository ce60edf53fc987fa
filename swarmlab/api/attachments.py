"""How a container hangs on its networks, as `docker inspect`, `docker ps` and `docker network inspect` show it."""

import hashlib
import ipaddress
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

import msgspec

from swarmlab.api.call import ApiVersion, Call
from swarmlab.engine import EngineError
from swarmlab.engine.network.placement import hand_network
from swarmlab.manager.errors import StatusError
from swarmlab.objects.local import Container, ContainerNetwork
from swarmlab.objects.run import EndpointIPAMConfig, EndpointSettings


class Known(NamedTuple):
    """A network's name, its gateways when it is the engine's own, and whether ports are published from there."""

    name: str
    gateways: tuple[str, ...] = ()
    outward: bool = True


class Place(NamedTuple):
    """A container's place on one network, and what it asked for there; without `endpoint` it is not on it now."""

    network: str
    network_id: str
    endpoint: ContainerNetwork
    settings: EndpointSettings

    def address(self, version: int) -> str:
        """Its address of that version of IP, with the prefix length; empty without one."""
        return _of_version(self.endpoint.addresses, version)

    def gateway(self, version: int) -> str:
        """The network's gateway in the same version of IP."""
        return _of_version(self.endpoint.gateways, version)


def _of_version(addresses: Iterable[str], version: int) -> str:
    return next((text for text in addresses if (":" in text) == (version == 6)), "")


def known_networks(call: Call) -> dict[str, Known]:
    """The networks that this engine knows, by id: its own, those of the swarm here, and on a manager all of those."""
    own = call.engine.networks.list()
    known = {
        network.id: Known(network.name, tuple(pool.router for pool in network.pools), hand_network(network).outward)
        for network in own
    }
    swarm = [overlay.network for overlay in call.engine.overlays.list()]
    with suppress(EngineError, StatusError):
        swarm += call.control.networks()
    for network in swarm:
        known.setdefault(network.id, Known(network.spec.name, outward=not network.spec.internal))
    return known


def endpoint_id(*parts: str) -> str:
    """A stable id of 64 hexadecimal digits for what Docker would have given a random one."""
    return hashlib.sha256("/".join(parts).encode()).hexdigest()


def mac_address(address: str) -> str:
    """The hardware address that Docker derives from an IPv4 address (zeros from others); empty without one."""
    if not address:
        return ""
    ip = ipaddress.ip_interface(address).ip
    packed = ip.packed if ip.version == 4 else bytes(4)
    return "02:42:" + ":".join(f"{byte:02x}" for byte in packed)


def network_ids(container: Container) -> list[str]:
    """The networks that a container is on."""
    return list(dict.fromkeys(endpoint.network_id for endpoint in container.endpoints))


def places(container: Container, known: Mapping[str, Known]) -> list[Place]:
    """The container's places, by the network's name. One of a task that was given no network is on the bridge."""
    live = {endpoint.network_id: endpoint for endpoint in container.endpoints if container.state.runs}
    found = [
        Place(name, settings.network_id, live.get(settings.network_id, ContainerNetwork()), settings)
        for name, settings in container.attachments.items()
    ]
    if container.host is None:
        by_hand = {place.network_id for place in found}
        found += [_of_task(container, each, known) for each in container.endpoints if each.network_id not in by_hand]
        if not found:
            bridge = next((network_id for network_id, network in known.items() if network.name == "bridge"), "")
            gateways = known[bridge].gateways if bridge and container.state.runs else ()
            found = [Place("bridge", bridge, ContainerNetwork(gateways=gateways), EndpointSettings())]
    return sorted(found, key=lambda place: place.network)


def _of_task(container: Container, endpoint: ContainerNetwork, known: Mapping[str, Known]) -> Place:
    # It stays what was asked for when the container has ended.
    ip = endpoint.addresses[0].partition("/")[0] if endpoint.addresses else ""
    given = EndpointIPAMConfig(ipv6_address=ip) if ":" in ip else EndpointIPAMConfig(ipv4_address=ip)
    settings = EndpointSettings(
        ipam_config=given if ip else None,
        # A service's aliases are names of the service, not of the container.
        aliases=(container.id[:12],),
    )
    network = known.get(endpoint.network_id, Known(endpoint.network_id))
    if endpoint.gateways:
        # The engine's own bridge, where tasks are that the swarm puts on no network.
        there = endpoint if container.state.runs else ContainerNetwork()
        return Place(network.name, endpoint.network_id, there, EndpointSettings())
    where = msgspec.structs.replace(endpoint, gateways=network.gateways)
    return Place(network.name, endpoint.network_id, where if container.state.runs else ContainerNetwork(), settings)


def endpoint_settings(container: Container, place: Place, version: ApiVersion) -> dict[str, Any]:
    """An entry of `NetworkSettings.Networks` of `docker inspect`."""
    asked, found = place.settings, listed_endpoint(container, place, version)
    found |= {"Links": asked.links, "Aliases": asked.aliases, "DriverOpts": asked.driver_opts}
    if "DNSNames" in found and place.network not in {"bridge", "host", "none"}:
        # MB: daemon/container_operations.go (buildEndpointDNSNames).
        own = (container.id[:12], container.hostname)
        asked_for = (alias for alias in asked.aliases or () if alias not in own)
        found["DNSNames"] = list(dict.fromkeys((container.name, *asked_for, *own)))
    return found


def listed_endpoint(container: Container, place: Place, version: ApiVersion) -> dict[str, Any]:
    """The same in `docker ps`, which says nothing of names, links and options (moby: container/view.go)."""
    on_it = container.state.runs and bool(place.network_id)
    ip, _, prefix = place.address(4).partition("/")
    ip6, _, prefix6 = place.address(6).partition("/")
    ipam = place.settings.ipam_config
    if ip and not (ipam and ipam.ipv4_address) and not place.endpoint.gateways:
        # What the swarm has given counts as what was asked for.
        ipam = msgspec.structs.replace(ipam or EndpointIPAMConfig(), ipv4_address=ip)
    return {
        "IPAMConfig": ipam,
        "Links": None,
        "Aliases": None,
        "NetworkID": place.network_id,
        "EndpointID": endpoint_id(container.id, place.network_id) if on_it else "",
        "Gateway": place.gateway(4),
        "IPAddress": ip,
        "IPPrefixLen": int(prefix or 0),
        "IPv6Gateway": place.gateway(6),
        "GlobalIPv6Address": ip6,
        "GlobalIPv6PrefixLen": int(prefix6 or 0),
        "MacAddress": mac(place),
        "DriverOpts": None,
        **({"DNSNames": None} if version >= ApiVersion(1, 44) else {}),
        **({"GwPriority": 0} if version >= ApiVersion(1, 48) else {}),
    }


def mac(place: Place) -> str:
    """The hardware address of a container's end of a network."""
    address = place.address(4)
    return place.settings.mac_address or mac_address(address) if address else ""


def attached(containers: Iterable[Container], network_id: str, known: Mapping[str, Known]) -> dict[str, Any]:
    """The `Containers` of a network: those that run and are on it."""
    found = {
        container.id: {
            **endpoint_resource(container.name, place.address(4), container.id, network_id),
            "MacAddress": mac(place),
            "IPv6Address": place.address(6),
        }
        for container in containers
        if container.state.runs
        for place in places(container, known)
        if place.network_id == network_id
    }
    return dict(sorted(found.items()))


def endpoint_resource(name: str, address: str, *identity: str) -> dict[str, str]:
    """An entry of a network's `Containers`."""
    return {
        "Name": name,
        "EndpointID": endpoint_id(*identity),
        "MacAddress": mac_address(address),
        "IPv4Address": address,
        "IPv6Address": "",
    }
