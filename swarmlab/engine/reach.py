"""Who reaches whom in a lab: by power, by partition, at which address."""

import ipaddress
from collections.abc import Iterator, Mapping

from swarmlab.engine.engine import DockerEngine
from swarmlab.engine.swarm import addresses
from swarmlab.network import Mesh


class Reach:
    """What engines and containers meet of the nodes; see also `Nodes`. Both mappings are the lab's own, and change."""

    def __init__(self, engines: Mapping[str, DockerEngine], meshes: Mapping[str, Mesh]) -> None:
        """`engines` are by the names of their nodes, `meshes` by the ids of swarms."""
        self._engines = engines
        self._meshes = meshes

    # --- what engines meet -----------------------------------------------------------------------------------------

    def of(self, engine: str) -> Iterator[DockerEngine]:
        """The engines that answer the one with this name, itself included."""
        side = self._engines[engine].side
        return (other for other in self._engines.values() if other.power == "on" and other.side == side)

    def refuses(self, address: str, engine: str) -> bool:
        """See `Swarms`."""
        host, _ = addresses.split(address, "")
        there = [other for other in self.of(engine) if other.address == host]
        listening = (other.cluster.membership for other in there)
        managers = [member for member in listening if member is not None and member.manager]
        return bool(there) and all(member.advertise_addr != address for member in managers)

    def unreached(self, address: str, engine: str) -> str:
        """See `Swarms`."""
        host, _ = addresses.split(address, "")
        own = self._engines[engine].address
        if host == own:
            return ""
        if self.at_address(host) is not None:
            return "connection refused" if self.refuses(address, engine) else ""
        near = ipaddress.ip_address(host) in ipaddress.ip_network(f"{own}/24", strict=False)
        return "no route to host" if near else "network is unreachable"

    # --- what containers meet (`Nodes`) ----------------------------------------------------------------------------

    def reaches(self, node: str, other: str) -> bool:
        """See `Nodes`."""
        if node == other:
            return True
        engines = self._engines.get(node), self._engines.get(other)
        sides = {engine.side if engine is not None and engine.power == "on" else None for engine in engines}
        return len(sides) == 1 and None not in sides

    def at_address(self, address: str) -> str | None:
        """See `Nodes`."""
        return next((name for name, engine in self._engines.items() if engine.address == address), None)

    def gateways(self, node: str) -> Mapping[str, str]:
        """See `Nodes`."""
        return self._engines[node].routers() if node in self._engines else {}

    def published_at(self, node: str, port: int) -> tuple[str, int] | None:
        """See `Nodes`."""
        engine = self._engines[node]
        member = engine.cluster.membership
        meshes = [engine.placement.mesh.where(node, port)]
        if member is not None and member.swarm in self._meshes:
            meshes.append(self._meshes[member.swarm].where(member.node_id, port))
        return next((found for found in meshes if found is not None), None)
