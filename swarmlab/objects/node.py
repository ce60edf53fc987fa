"""Nodes (MB: api/types/swarm/node.go)."""

from typing import Literal

import msgspec

from swarmlab.objects.base import Annotated_, Labels, Object, Spec


class Platform(Spec, frozen=True):
    """Architecture and operating system."""

    architecture: str = ""
    os: str = ""


class NamedGenericResource(Spec, frozen=True):
    """A resource unit with a name of its own (`GPU=uuid1`)."""

    kind: str = ""
    value: str = ""


class DiscreteGenericResource(Spec, frozen=True):
    """A number of resource units (`SSD=2`)."""

    kind: str = ""
    value: int = 0


class GenericResource(Spec, frozen=True):
    """One user-defined resource."""

    named_resource_spec: NamedGenericResource | None = None
    discrete_resource_spec: DiscreteGenericResource | None = None


class Resources(Spec, frozen=True):
    """CPUs in 1e-9, memory in bytes."""

    nano_cpus: int = 0
    memory_bytes: int = 0
    generic_resources: tuple[GenericResource, ...] = ()


class PluginDescription(Spec, frozen=True):
    """A plugin of an engine by kind (`Volume`, `Network`, `Log`) and name."""

    type: str = ""
    name: str = ""


class EngineDescription(Spec, frozen=True):
    """The engine of a node."""

    engine_version: str = ""
    labels: Labels = msgspec.field(default_factory=dict)
    plugins: tuple[PluginDescription, ...] = ()


class TLSInfo(Spec, frozen=True):
    """The trust root (PEM), and subject and public key of the issuer (base64 of DER)."""

    trust_root: str = ""
    cert_issuer_subject: str = ""
    cert_issuer_public_key: str = ""


class NodeDescription(Spec, frozen=True):
    """What a node reports of itself."""

    hostname: str = ""
    platform: Platform = Platform()
    resources: Resources = Resources()
    engine: EngineDescription = EngineDescription()
    tls_info: TLSInfo = TLSInfo()


class NodeSpec(Annotated_, frozen=True):
    """What an operator wants of a node. `role` is the desired role."""

    role: str = ""
    availability: str = ""


class NodeStatus(Spec, frozen=True):
    """Whether the node is heard of."""

    state: Literal["unknown", "down", "ready", "disconnected"] = "unknown"
    message: str = ""
    addr: str = ""


class ManagerStatus(Spec, frozen=True):
    """A manager's place in the quorum."""

    leader: bool = False
    reachability: str = ""
    addr: str = ""


class Node(Object, frozen=True):
    """A node. `role` is the observed role, which follows `spec.role` once the raft membership has changed.

    `certificate` is `pending` in a new node for a moment, then `issued`, or `rotate` when the node is to get a new one.
    `membership` is only for the filter of that name: the daemon leaves it out of what it sends to SwarmKit when
    somebody changes a node, which makes it `pending` (MB: daemon/cluster/convert/node.go).
    `attachments` are the load balancer's addresses on the node, by network id, with prefix length.
    """

    spec: NodeSpec
    description: NodeDescription = NodeDescription()
    status: NodeStatus = NodeStatus()
    role: str = "worker"
    certificate: Literal["pending", "issued", "rotate"] = "issued"
    membership: Literal["accepted", "pending"] = "accepted"
    manager_status: ManagerStatus | None = None
    attachments: Labels = msgspec.field(default_factory=dict)

    @property
    def invalid(self) -> bool:
        """Whether replicated tasks must not stay on it (SK: orchestrator/restart/restart.go, InvalidNode)."""
        return self.status.state == "down" or self.spec.availability == "drain"
