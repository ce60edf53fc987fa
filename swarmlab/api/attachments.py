"""How a container hangs on its networks, as `docker inspect`, `docker ps` and `docker network inspect` show it."""

import hashlib
import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from swarmlab.objects.local import Container


class Place(NamedTuple):
    """A container's place on one network; `address` has a prefix length, and is empty on networks without addresses."""

    network: str
    network_id: str
    address: str
    gateway: str
    aliases: tuple[str, ...]


def endpoint_id(*parts: str) -> str:
    """A stable id of 64 hexadecimal digits for what Docker would have given a random one."""
    return hashlib.sha256("/".join(parts).encode()).hexdigest()


def mac_address(address: str) -> str:
    """The hardware address that Docker derives from an IPv4 address; empty without one."""
    if not address:
        return ""
    packed = ipaddress.IPv4Interface(address).ip.packed
    return "02:42:" + ":".join(f"{byte:02x}" for byte in packed)


def places(container: Container, gateways: Mapping[str, str]) -> Iterator[Place]:
    """The container's places, by the network's name. `gateways` are the local networks' by network id."""
    endpoints = {endpoint.network_id: endpoint for endpoint in container.endpoints}
    for name, network_id in sorted(container.networks.items()):
        endpoint = endpoints.get(network_id)
        address = endpoint.addresses[0] if endpoint is not None and endpoint.addresses else ""
        aliases = endpoint.aliases if endpoint is not None else ()
        yield Place(name, network_id, address, gateways.get(network_id, ""), aliases)


def endpoint_settings(container: Container, place: Place) -> dict[str, Any]:
    """An entry of `NetworkSettings.Networks`."""
    running = container.state.status == "running"
    ip, _, prefix = place.address.partition("/") if running else ("", "", "")
    is_overlay = not place.gateway
    return {
        "IPAMConfig": {"IPv4Address": ip} if is_overlay and ip else None,
        "Links": None,
        "Aliases": [*place.aliases, container.id[:12]] if is_overlay else None,
        "NetworkID": place.network_id,
        "EndpointID": endpoint_id(container.id, place.network_id) if running else "",
        "Gateway": place.gateway if running else "",
        "IPAddress": ip,
        "IPPrefixLen": int(prefix or 0),
        "IPv6Gateway": "",
        "GlobalIPv6Address": "",
        "GlobalIPv6PrefixLen": 0,
        "MacAddress": mac_address(place.address) if running else "",
        "DriverOpts": None,
    }


def attached(containers: Iterable[Container], network_id: str) -> dict[str, Any]:
    """The `Containers` of a network: those that run and are on it."""
    found = {}
    for container in containers:
        if container.state.status != "running":
            continue
        for place in places(container, {}):
            if place.network_id == network_id:
                found[container.id] = {
                    "Name": container.name,
                    "EndpointID": endpoint_id(container.id, network_id),
                    "MacAddress": mac_address(place.address),
                    "IPv4Address": place.address,
                    "IPv6Address": "",
                }
    return dict(sorted(found.items()))
