"""Subnets and addresses of an engine's own networks (libnetwork: ipamutils/utils.go, ipam/allocator.go)."""

import ipaddress
from collections.abc import Collection, Iterable, Iterator
from itertools import chain

import msgspec

from swarmlab.engine.errors import EngineError, bad_request, internal
from swarmlab.objects.local import LocalPool

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
NO_ADDRESSES = "No available addresses on this pool"
_FORBIDDEN = 403


def overlaps(wanted: Network, taken: Iterable[Network]) -> bool:
    """Whether a subnet has addresses in common with one that is taken."""
    return any(other.version == wanted.version and wanted.overlaps(other) for other in taken)


def choose(taken: Collection[Network]) -> Network:
    """The first of Docker's default pools that is free. Raises EngineError (404)."""
    big = (ipaddress.ip_network(f"172.{number}.0.0/16") for number in range(17, 32))
    small = ipaddress.IPv4Network("192.168.0.0/16").subnets(new_prefix=20)
    for network in chain(big, small):
        if not overlaps(network, taken):
            return network
    raise EngineError(
        404,
        "could not find an available, non-overlapping IPv4 address pool among the defaults to assign to the network",
    )


def parse(pool: LocalPool) -> Network:
    """The subnet that is asked for. Raises EngineError (500)."""
    try:
        if "/" not in pool.subnet:
            raise ValueError
        return ipaddress.ip_network(pool.subnet, strict=False)
    except ValueError:
        raise internal(f"Invalid subnet {pool.subnet} : invalid CIDR address: {pool.subnet}") from None


def checked(pool: LocalPool) -> LocalPool:
    """The pool with the gateway that it really has. Raises EngineError with libnetwork's words."""
    subnet = parse(pool)
    within = _range(pool, subnet)
    gateway = _parsed(pool.gateway, internal(f"invalid gateway address {pool.gateway} in Ipam configuration"))
    if gateway is not None and gateway not in subnet:
        raise internal(f"failed to allocate gateway ({pool.gateway}): Requested address is out of range")
    if gateway is None:
        gateway = next(_hosts(subnet, within), None)
    if gateway is None:
        raise internal(f"failed to allocate gateway (): {NO_ADDRESSES}")
    for name, text in pool.auxiliary_addresses.items():
        wrong = bad_request(f"non parsable secondary ip address ({name}:{text}) passed for network")
        address = _parsed(text, wrong)
        if address is None or address not in subnet:
            raise EngineError(
                _FORBIDDEN, f"auxiliary address: ({name}:{text}) must belong to the master pool: {subnet}"
            )
        if address == gateway:
            raise internal(f"failed to allocate secondary ip address ({name}:{text}): Address already in use")
    return msgspec.structs.replace(pool, router=str(gateway))


def free_address(pool: LocalPool, used: Collection[str]) -> str:
    """The lowest free address of a pool; empty when there is none."""
    subnet = ipaddress.ip_network(pool.subnet, strict=False)
    taken = {*used, pool.router, *pool.auxiliary_addresses.values()}
    return next((str(host) for host in _hosts(subnet, _range(pool, subnet)) if str(host) not in taken), "")


def reserved(pool: LocalPool) -> set[str]:
    """The addresses of a pool that no container may have."""
    subnet = ipaddress.ip_network(pool.subnet, strict=False)
    return {pool.router, *pool.auxiliary_addresses.values(), *map(str, _ends(subnet))}


def contains(pool: LocalPool, address: str) -> bool:
    """Whether an address belongs to a pool's subnet."""
    return ipaddress.ip_address(address) in ipaddress.ip_network(pool.subnet, strict=False)


def prefix_length(pool: LocalPool) -> int:
    """How long the prefix of a pool's subnet is."""
    return ipaddress.ip_network(pool.subnet, strict=False).prefixlen


def version(pool: LocalPool) -> int:
    """4 or 6."""
    return ipaddress.ip_network(pool.subnet, strict=False).version


def _range(pool: LocalPool, subnet: Network) -> Network:
    if not pool.ip_range:
        return subnet
    try:
        found = ipaddress.ip_network(pool.ip_range, strict=False)
    except ValueError:
        raise internal(
            f'failed to parse pool request for address space "LocalDefault" pool "{pool.subnet}" '
            f'subpool "{pool.ip_range}": Invalid Address SubPool'
        ) from None
    if found.version != subnet.version or not found.subnet_of(subnet):  # type: ignore[arg-type]
        raise bad_request(f"no matching subnet for range {pool.ip_range}")
    return found


def _hosts(subnet: Network, within: Network) -> Iterator[Address]:
    """The addresses of a range that a host of the subnet may have."""
    ends = _ends(subnet)
    return (address for address in within if address not in ends)


def _ends(subnet: Network) -> set[Address]:
    """The addresses of a subnet itself."""
    return {subnet.network_address, *([subnet.broadcast_address] if subnet.version == 4 else [])}


def _parsed(text: str, error: EngineError) -> Address | None:
    if not text:
        return None
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        raise error from None
