"""Where the nodes of a lab are on this machine, the routing mesh that listens there, and the networks of containers."""

from swarmlab.network.addresses import node_addresses
from swarmlab.network.base import Answers, Endpoint, NodeAddress, PortBinding, Published
from swarmlab.network.egress import Egress, egress, passage
from swarmlab.network.exchange import Exchange
from swarmlab.network.fabric import Fabric
from swarmlab.network.mesh import Mesh
from swarmlab.network.outside import Echo, Outside, Shut, ThisMachine
from swarmlab.network.ports import Ports
from swarmlab.network.relay import Door
from swarmlab.network.resolvconf import domains, servers
from swarmlab.network.room import Binding, Member, Place, Presence
from swarmlab.network.sandbox import NO_ANSWER, Nodes, Route, Sandbox, UnreachableError
from swarmlab.network.traffic import Traffic

__all__ = [
    "NO_ANSWER",
    "Answers",
    "Binding",
    "Door",
    "Echo",
    "Egress",
    "Endpoint",
    "Exchange",
    "Fabric",
    "Member",
    "Mesh",
    "NodeAddress",
    "Nodes",
    "Outside",
    "Place",
    "PortBinding",
    "Ports",
    "Presence",
    "Published",
    "Route",
    "Sandbox",
    "Shut",
    "ThisMachine",
    "Traffic",
    "UnreachableError",
    "domains",
    "egress",
    "node_addresses",
    "passage",
    "servers",
]
