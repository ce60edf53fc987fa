"""Published ports (SK: manager/allocator/portallocator.go)."""

import msgspec

from swarmlab.allocator.errors import AllocationError
from swarmlab.objects import Endpoint, EndpointSpec, PortConfig, Service

DYNAMIC_FIRST, DYNAMIC_LAST = 30_000, 32_767


def ingress_ports(service: Service) -> list[PortConfig]:
    """The ports that a service asks the routing mesh to publish."""
    spec = service.spec.endpoint_spec
    return [port for port in (spec.ports if spec is not None else ()) if port.publish_mode == "ingress"]


class _PortSpace:
    """The ports of one protocol."""

    def __init__(self) -> None:
        self.taken: set[int] = set()
        self._last = DYNAMIC_LAST

    def dynamic(self) -> int:
        """The next free dynamic port after the last one given, wrapping. Raises AllocationError."""
        count = DYNAMIC_LAST - DYNAMIC_FIRST + 1
        for step in range(1, count + 1):
            port = DYNAMIC_FIRST + (self._last - DYNAMIC_FIRST + step) % count
            if port not in self.taken:
                self._last = port
                return port
        raise AllocationError("no more free dynamic ports")


class PortAllocator:
    """Which ingress port belongs to whom. Host-mode ports are the scheduler's affair."""

    def __init__(self) -> None:
        self._spaces = {protocol: _PortSpace() for protocol in ("tcp", "udp", "sctp")}

    def restore(self, service: Service) -> None:
        """Take the ports that a service already has."""
        for port in service.endpoint.ports if service.endpoint is not None else ():
            if port.publish_mode == "ingress" and port.published_port:
                self._spaces[port.protocol].taken.add(port.published_port)

    def free(self, endpoint: Endpoint | None) -> bool:
        """Give back an endpoint's ports; return whether there were any."""
        freed = False
        for port in endpoint.ports if endpoint is not None else ():
            if port.publish_mode == "ingress" and port.published_port:
                self._spaces[port.protocol].taken.discard(port.published_port)
                freed = True
        return freed

    def allocate(self, service: Service) -> tuple[PortConfig, ...]:
        """The service's ports with every number filled in; ports it had are kept where they still match.

        Raises AllocationError, and then the service keeps what it had.
        """
        self.free(service.endpoint)
        ports: list[PortConfig] = []
        try:
            for wanted in self._reconciled(service):
                port = wanted
                if wanted.publish_mode == "ingress":
                    space = self._spaces[wanted.protocol]
                    number = wanted.published_port or space.dynamic()
                    if number in space.taken:
                        raise AllocationError(f"port {number}/{wanted.protocol} is already allocated")
                    space.taken.add(number)
                    port = msgspec.structs.replace(wanted, published_port=number)
                ports.append(port)
        except AllocationError:
            self.free(Endpoint(ports=tuple(ports)))
            self.restore(service)
            raise
        return tuple(ports)

    @staticmethod
    def allocated(service: Service) -> bool:
        """Whether the endpoint's ports are those that the spec asks for."""
        spec = service.spec.endpoint_spec or EndpointSpec()
        have = list(service.endpoint.ports) if service.endpoint is not None else []
        if len(spec.ports) != len(have):
            return False
        for wanted in sorted(spec.ports, key=lambda port: not port.published_port):
            match = _find(have, wanted)
            if match is None:
                return False
            have.remove(match)
        return True

    @staticmethod
    def _reconciled(service: Service) -> list[PortConfig]:
        """What the spec asks for, with dynamic numbers the service already has; fixed numbers come first."""
        spec = service.spec.endpoint_spec or EndpointSpec()
        have = list(service.endpoint.ports) if service.endpoint is not None else []
        if len(have) != len(spec.ports):
            return list(spec.ports)
        result = []
        for wanted in sorted(spec.ports, key=lambda p: p.publish_mode == "ingress" and not p.published_port):
            match = _find(have, wanted) if wanted.publish_mode == "ingress" else None
            if match is not None:
                have.remove(match)
            result.append(match if match is not None and not wanted.published_port else wanted)
        return result


def _find(have: list[PortConfig], wanted: PortConfig) -> PortConfig | None:
    """The allocated port that serves `wanted`: same name, protocol, target, mode, and number if one is fixed."""
    for port in have:
        same = (port.name, port.protocol, port.target_port, port.publish_mode) == (
            wanted.name,
            wanted.protocol,
            wanted.target_port,
            wanted.publish_mode,
        )
        if same and wanted.published_port in {0, port.published_port}:
            return port
    return None
