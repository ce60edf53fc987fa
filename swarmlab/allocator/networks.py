"""The state of allocated networks: their subnets, VXLAN ids and address spaces."""

import ipaddress

import msgspec

from swarmlab.allocator.errors import AllocationError
from swarmlab.allocator.ipam import AddressSpace, SubnetPool
from swarmlab.objects import Driver, IPAMConfig, IPAMOptions, Network

VXLAN_OPTION = "com.docker.network.driver.overlay.vxlanid_list"
_FIRST_VXLAN = 4096


class NetworkAllocator:
    """Subnets from the default pools or as asked for, VXLAN ids from 4096 on, and the addresses within."""

    def __init__(self, pools: tuple[str, ...], subnet_size: int) -> None:
        self._pool = SubnetPool(pools or ("10.0.0.0/8",), (subnet_size if pools else 0) or 24)
        self._spaces: dict[str, list[AddressSpace]] = {}
        self._vxlans: dict[str, int] = {}

    def restore(self, network: Network) -> None:
        """Take over a network that is allocated already."""
        if network.ipam is None:
            return
        for config in network.ipam.configs:
            self._pool.take(config.subnet)
            self._open(network.id, config)
        vxlan = network.driver_state.options.get(VXLAN_OPTION) if network.driver_state is not None else None
        if vxlan:
            self._vxlans[network.id] = int(vxlan.partition(",")[0])

    def allocate(self, network: Network) -> Network:
        """The network with subnet, gateway and VXLAN id. Raises AllocationError, having taken nothing."""
        asked = network.spec.ipam_options.configs if network.spec.ipam_options is not None else ()
        configs: list[IPAMConfig] = []
        try:
            for wanted in asked or (IPAMConfig(),):
                if wanted.subnet:
                    self._pool.take(wanted.subnet)
                subnet = str(ipaddress.IPv4Network(wanted.subnet or self._pool.allocate(), strict=False))
                first = str(ipaddress.IPv4Network(subnet).network_address + 1)
                configs.append(msgspec.structs.replace(wanted, subnet=subnet, gateway=wanted.gateway or first))
        except AllocationError:
            for config in configs:
                self._pool.free(config.subnet)
            raise
        for config in configs:
            self._open(network.id, config)
        asked_driver = network.spec.driver_configuration or Driver(name="overlay")
        vxlan = next(
            n for n in range(_FIRST_VXLAN, _FIRST_VXLAN + len(self._vxlans) + 1) if n not in self._vxlans.values()
        )
        self._vxlans[network.id] = vxlan
        options = {VXLAN_OPTION: str(vxlan), **asked_driver.options}
        driver = network.spec.ipam_options.driver if network.spec.ipam_options is not None else Driver()
        return msgspec.structs.replace(
            network,
            ipam=IPAMOptions(driver=driver if driver.name else Driver(name="default"), configs=tuple(configs)),
            driver_state=Driver(name=asked_driver.name or "overlay", options=options),
        )

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
            if ipaddress.IPv4Address(address.partition("/")[0]) in space.subnet:
                space.take(address)

    def address(self, network_id: str) -> str:
        """A fresh address with prefix length. Raises AllocationError."""
        for space in self._spaces.get(network_id, ()):
            try:
                return space.allocate()
            except AllocationError:
                continue
        raise AllocationError("could not find an available IP")

    def claim(self, network_id: str, address: str) -> str:
        """One certain address, with prefix length. Raises AllocationError when it cannot be had."""
        try:
            asked = ipaddress.IPv4Address(address)
        except ValueError:
            raise AllocationError(f"invalid address {address}") from None
        for space in self._spaces.get(network_id, ()):
            if asked in space.subnet:
                return space.claim(address)
        raise AllocationError("Requested address is out of range")

    def free(self, network_id: str, address: str) -> None:
        """Give an address back."""
        for space in self._spaces.get(network_id, ()):
            if ipaddress.IPv4Address(address.partition("/")[0]) in space.subnet:
                space.free(address)

    def _open(self, network_id: str, config: IPAMConfig) -> None:
        self._spaces.setdefault(network_id, []).append(AddressSpace(config.subnet, config.gateway, config.range))
