"""Subnets and addresses (MB: daemon/libnetwork/cnmallocator, ipamutils)."""

import ipaddress
from collections.abc import Iterable

from swarmlab.allocator.errors import AllocationError

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def parse_subnet(text: str) -> _Network:
    """The network of an address with its prefix length; bits behind the prefix do not count."""
    return ipaddress.ip_network(text, strict=False)


def parse_address(text: str) -> _Address:
    """An address, with or without prefix length."""
    return ipaddress.ip_address(text.partition("/")[0])


class AddressSpace:
    """The addresses of one subnet, handed out serially: a freed one comes again only after the end was reached."""

    def __init__(self, subnet: str, gateway: str = "", ip_range: str = "") -> None:
        self.subnet = parse_subnet(subnet)
        pool = parse_subnet(ip_range) if ip_range else self.subnet
        self._first, self._last = int(pool.network_address), int(pool.broadcast_address)
        reserved = _ends(self.subnet)
        if gateway:
            reserved.add(int(parse_address(gateway)))
        self._taken = reserved
        self._left = self._last - self._first + 1 - sum(map(self._within, reserved))
        self._next = self._first

    def take(self, address: str) -> None:
        """Mark an address (with or without prefix length) as given."""
        number = int(parse_address(address))
        if number not in self._taken:
            self._taken.add(number)
            self._left -= self._within(number)
        self._next = max(self._next, number + 1)

    def claim(self, address: str) -> str:
        """One certain address (without prefix length), with prefix length. Raises AllocationError when it is taken."""
        number = int(parse_address(address))
        if number in self._taken:
            raise AllocationError("Address already in use")
        self._taken.add(number)
        self._left -= self._within(number)
        return f"{address}/{self.subnet.prefixlen}"

    def free(self, address: str) -> None:
        """Give an address back."""
        number = int(parse_address(address))
        if number in self._taken:
            self._taken.remove(number)
            self._left += self._within(number)

    def allocate(self) -> str:
        """The next free address with prefix length. Raises AllocationError."""
        # Thousands may ask for what is not there: they hear it without a search.
        size = self._last - self._first + 1 if self._left else 0
        for step in range(size):
            number = self._first + (self._next - self._first + step) % size
            if number not in self._taken:
                self._taken.add(number)
                self._left -= 1
                self._next = number + 1
                return f"{type(self.subnet.network_address)(number)}/{self.subnet.prefixlen}"
        raise AllocationError("could not find an available IP")

    def _within(self, number: int) -> bool:
        """Whether an address is one of those that are handed out."""
        return self._first <= number <= self._last


def _ends(subnet: _Network) -> set[int]:
    """The addresses of a subnet that nobody has (libnetwork: ipam/allocator.go, insertBitMask)."""
    if subnet.version == 6:
        return {int(subnet.network_address)}
    return {int(subnet.network_address), int(subnet.broadcast_address)} if subnet.num_addresses > 2 else set()


class SubnetPool:
    """The default address pools, cut into subnets that are handed out in order."""

    def __init__(self, pools: Iterable[str], size: int) -> None:
        self._pools = [ipaddress.IPv4Network(pool) for pool in pools]
        self._size = size
        self._used: set[_Network] = set()

    def take(self, subnet: str) -> None:
        """Mark a subnet as used. Raises AllocationError when it overlaps another one."""
        network = parse_subnet(subnet)
        if self._overlaps(network):
            raise AllocationError("Pool overlaps with other one on this address space")
        self._used.add(network)

    def free(self, subnet: str) -> None:
        """Give a subnet back."""
        self._used.discard(parse_subnet(subnet))

    def allocate(self) -> str:
        """The first free subnet. Raises AllocationError."""
        for pool in self._pools:
            step = 1 << (32 - self._size)
            start = int(pool.network_address)
            for number in range(start, int(pool.broadcast_address) + 1, step):
                network = ipaddress.IPv4Network((number, self._size))
                if not self._overlaps(network):
                    self._used.add(network)
                    return str(network)
        raise AllocationError("all predefined address pools have been fully subnetted")

    def _overlaps(self, network: _Network) -> bool:
        return any(network.version == other.version and network.overlaps(other) for other in self._used)
