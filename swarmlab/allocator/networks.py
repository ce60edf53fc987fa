"""The state of allocated networks: their subnets, VXLAN ids and address spaces."""

from collections.abc import Iterator
from itertools import chain

import msgspec

from swarmlab.allocator.errors import AllocationError
from swarmlab.allocator.ipam import AddressSpace, SubnetPool, parse_address
from swarmlab.objects import Driver, IPAMConfig, IPAMOptions, Network

VXLAN_OPTION = "com.docker.network.driver.overlay.vxlanid_list"
_FIRST_VXLAN, _LAST_VXLAN = 4096, (1 << 24) - 1


def _vxlan_list(option: str) -> tuple[int, ...]:
    """The ids in a driver option, for a network's subnets in order. Raises AllocationError."""
    vxlans = option.split(",") if option else []
    for vxlan in vxlans:
        if not (vxlan.isascii() and vxlan.isdigit()) or int(vxlan) >= 1 << 32:
            raise AllocationError(f'invalid vxlan id value "{vxlan}" passed')
    return tuple(map(int, vxlans))


def _ring(start: int) -> Iterator[int]:
    """All ids that may be given of themselves, once, from `start` on."""
    return chain(range(start, _LAST_VXLAN + 1), range(_FIRST_VXLAN, min(start, _LAST_VXLAN + 1)))


#: Where the subnets of networks come from when nobody says.
DEFAULT_POOLS = ("10.0.0.0/8",)


class NetworkAllocator:
    """Subnets from the default pools or as asked for, VXLAN ids from 4096 on, and the addresses within."""

    def __init__(self, pools: tuple[str, ...], subnet_size: int) -> None:
        self._pool = SubnetPool(pools or DEFAULT_POOLS, (subnet_size if pools else 0) or 24)
        self._spaces: dict[str, list[AddressSpace]] = {}
        self._vxlans: dict[str, tuple[int, ...]] = {}
        self._next_vxlan = _FIRST_VXLAN

    def restore(self, network: Network) -> None:
        """Take over a network that is allocated already."""
        if network.ipam is None:
            return
        for config in network.ipam.configs:
            self._pool.take(config.subnet)
            self._open(network.id, config)
        vxlan = network.driver_state.options.get(VXLAN_OPTION) if network.driver_state is not None else None
        if vxlan:
            self._vxlans[network.id] = _vxlan_list(vxlan)

    def allocate(self, network: Network) -> Network:
        """The network with subnets, gateways and VXLAN ids. Raises AllocationError, having taken nothing."""
        asked = network.spec.ipam_options.configs if network.spec.ipam_options is not None else ()
        configs: list[IPAMConfig] = []
        try:
            for wanted in asked or (IPAMConfig(),):
                if wanted.subnet:
                    self._pool.take(wanted.subnet)
                config = msgspec.structs.replace(wanted, subnet=wanted.subnet or self._pool.allocate())
                configs.append(config)
                if not config.gateway:
                    router = AddressSpace(config.subnet, ip_range=config.range).allocate()
                    configs[-1] = msgspec.structs.replace(config, gateway=router.partition("/")[0])
            asked_driver = network.spec.driver_configuration or Driver(name="overlay")
            vxlans = self._take_vxlans(configs, _vxlan_list(asked_driver.options.get(VXLAN_OPTION, "")))
        except AllocationError:
            for config in configs:
                self._pool.free(config.subnet)
            raise
        for config in configs:
            self._open(network.id, config)
        self._vxlans[network.id] = vxlans
        options = {**asked_driver.options, VXLAN_OPTION: ",".join(map(str, vxlans))}
        driver = network.spec.ipam_options.driver if network.spec.ipam_options is not None else Driver()
        spec = network.spec
        if asked and spec.ipam_options is not None:
            # As in SwarmKit, where specification and state share the configurations.
            spec = msgspec.structs.replace(
                spec, ipam_options=msgspec.structs.replace(spec.ipam_options, configs=tuple(configs))
            )
        return msgspec.structs.replace(
            network,
            spec=spec,
            ipam=IPAMOptions(driver=driver if driver.name else Driver(name="default"), configs=tuple(configs)),
            driver_state=Driver(name=asked_driver.name or "overlay", options=options),
        )

    def _take_vxlans(self, configs: list[IPAMConfig], asked: tuple[int, ...]) -> tuple[int, ...]:
        """An id for each subnet: as asked for, else the next ones in turn, so that freed ones are not soon used again.

        Source: libnetwork: drivers/overlay/ovmanager/ovmanager.go, bitmap.go. Raises AllocationError.
        """
        taken = {vxlan for held in self._vxlans.values() for vxlan in held}
        found: list[int] = []
        for number, config in enumerate(configs):
            if number < len(asked):
                vxlan = asked[number]
                if vxlan in taken:
                    raise AllocationError(
                        f"could not assign vxlan id {vxlan} to pool {config.subnet}: requested bit is already allocated"
                    )
            else:
                vxlan = next(n for n in _ring(self._next_vxlan) if n not in taken)
                self._next_vxlan = vxlan + 1
            taken.add(vxlan)
            found.append(vxlan)
        return tuple(found)

    def release(self, network: Network) -> None:
        """Give back all a network has."""
        for space in self._spaces.pop(network.id, ()):
            self._pool.free(str(space.subnet))
        self._vxlans.pop(network.id, None)

    def known(self, network_id: str) -> bool:
        """Whether a network is allocated, so that addresses can be had from it."""
        return network_id in self._spaces

    def take(self, network_id: str, address: str) -> None:
        """Mark an address as given."""
        for space in self._spaces.get(network_id, ()):
            if parse_address(address) in space.subnet:
                space.take(address)

    def address(self, network_id: str) -> str:
        """A fresh address with prefix length, of IPv4 while there is one. Raises AllocationError."""
        for space in sorted(self._spaces.get(network_id, ()), key=lambda space: space.subnet.version):
            try:
                return space.allocate()
            except AllocationError:
                continue
        raise AllocationError("could not find an available IP")

    def claim(self, network_id: str, address: str) -> str:
        """One certain address, with prefix length. Raises AllocationError when it cannot be had."""
        try:
            asked = parse_address(address)
        except ValueError:
            raise AllocationError(f"invalid address {address}") from None
        for space in self._spaces.get(network_id, ()):
            if asked in space.subnet:
                return space.claim(address)
        raise AllocationError("Requested address is out of range")

    def free(self, network_id: str, address: str) -> None:
        """Give an address back."""
        for space in self._spaces.get(network_id, ()):
            if parse_address(address) in space.subnet:
                space.free(address)

    def _open(self, network_id: str, config: IPAMConfig) -> None:
        self._spaces.setdefault(network_id, []).append(AddressSpace(config.subnet, config.gateway, config.range))
