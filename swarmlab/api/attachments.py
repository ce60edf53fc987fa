"""How a container hangs on its networks, as `docker inspect`, `docker ps` and `docker network inspect` show it."""

import hashlib
import ipaddress
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from swarmlab.api.call import Call
from swarmlab.engine import EngineError
from swarmlab.manager.errors import StatusError
from swarmlab.objects.local import Container


class Known(NamedTuple):
    """A network's name, and its gateway when it is the engine's own."""

    name: str
    gateway: str


class Place(NamedTuple):
    """A container's place on one network; `address` has a prefix length, and is empty on networks without addresses."""

    network: str
    network_id: str
    address: str
    gateway: str
    aliases: tuple[str, ...]


def known_networks(call: Call) -> dict[str, Known]:
    """The networks that this engine can name, by id: its own, and on a manager the swarm's."""
    known = {network.id: Known(network.name, network.gateway) for network in call.engine.local_networks()}
    with suppress(EngineError, StatusError):
        known.update((network.id, Known(network.spec.name, "")) for network in call.control.networks())
    return known


def endpoint_id(*parts: str) -> str:
    """A stable id of 64 hexadecimal digits for what Docker would have given a random one."""
    return hashlib.sha256("/".join(parts).encode()).hexdigest()


def mac_address(address: str) -> str:
    """The hardware address that Docker derives from an IPv4 address; empty without one."""
    if not address:
        return ""
    packed = ipaddress.IPv4Interface(address).ip.packed
    return "02:42:" + ":".join(f"{byte:02x}" for byte in packed)


def network_ids(container: Container) -> list[str]:
    """The networks that a container is on."""
    ids = [*(endpoint.network_id for endpoint in container.endpoints), *container.networks.values()]
    return list(dict.fromkeys(network_id for network_id in ids if network_id))


def places(container: Container, known: Mapping[str, Known]) -> list[Place]:
    """The container's places, by the network's name. One that was given no network is on the engine's bridge.

    One that was made by hand has been on no network before its first start.
    """
    if container.host is not None and not container.endpoints:
        return sorted(Place(name, "", "", "", ()) for name in container.networks)
    names = {network_id: name for name, network_id in container.networks.items()}
    endpoints = {endpoint.network_id: endpoint for endpoint in container.endpoints}
    bridge = next(
        (network_id for network_id, network in known.items() if network.name == "bridge" and network.gateway), ""
    )
    found = []
    for network_id in network_ids(container) or ([bridge] if bridge else []):
        network = known.get(network_id, Known(network_id, ""))
        endpoint = endpoints.get(network_id)
        address = endpoint.addresses[0] if endpoint is not None and endpoint.addresses else ""
        aliases = endpoint.aliases if endpoint is not None else ()
        found.append(Place(names.get(network_id, network.name), network_id, address, network.gateway, aliases))
    return sorted(found)


def endpoint_settings(container: Container, place: Place) -> dict[str, Any]:
    """An entry of `NetworkSettings.Networks`."""
    running = container.state.status == "running"
    ip, _, prefix = place.address.partition("/") if running else ("", "", "")
    is_overlay = not place.gateway and bool(place.network_id)
    return {
        "IPAMConfig": {"IPv4Address": ip} if is_overlay and ip else None,
        "Links": None,
        "Aliases": [*place.aliases, container.id[:12]] if is_overlay else None,
        "NetworkID": place.network_id,
        "EndpointID": endpoint_id(container.id, place.network_id) if running and place.network_id else "",
        "Gateway": place.gateway if running else "",
        "IPAddress": ip,
        "IPPrefixLen": int(prefix or 0),
        "IPv6Gateway": "",
        "GlobalIPv6Address": "",
        "GlobalIPv6PrefixLen": 0,
        "MacAddress": mac_address(place.address) if running else "",
        "DriverOpts": None,
    }


def attached(containers: Iterable[Container], network_id: str, known: Mapping[str, Known]) -> dict[str, Any]:
    """The `Containers` of a network: those that run and are on it."""
    found = {
        container.id: endpoint_resource(container.name, place.address, container.id, network_id)
        for container in containers
        if container.state.status == "running"
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
