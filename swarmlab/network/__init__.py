"""Where the nodes of a lab are on this machine, and the routing mesh that listens there."""

from swarmlab.network.addresses import node_addresses
from swarmlab.network.base import Endpoint, NodeAddress, PortBinding, Published
from swarmlab.network.mesh import Mesh

__all__ = ["Endpoint", "Mesh", "NodeAddress", "PortBinding", "Published", "node_addresses"]
