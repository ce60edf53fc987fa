"""Networks, attachments, endpoints and ports (MB: api/types/swarm/network.go)."""

import msgspec

from swarmlab.objects.base import Annotated_, Driver, Labels, Object, Spec, Strings, Uint32

#: Label of the networks that every node has by itself.
PREDEFINED_LABEL = "com.docker.swarm.predefined"
#: Drivers whose networks each node makes for itself: no addresses from the swarm.
_NODE_LOCAL_DRIVERS = frozenset({"bridge", "host", "ipvlan", "macvlan"})


class PortConfig(Spec, frozen=True):
    """A published port. Equality ignores nothing: a change of any field makes tasks dirty."""

    name: str = ""
    protocol: str = ""
    target_port: Uint32 = 0
    published_port: Uint32 = 0
    publish_mode: str = ""


class EndpointSpec(Spec, frozen=True):
    """How a service is reached: `vip` or `dnsrr`, and its ports."""

    mode: str = ""
    ports: tuple[PortConfig, ...] = ()


class EndpointVirtualIP(Spec, frozen=True):
    """The address of a service on one network, with prefix length."""

    network_id: str = ""
    addr: str = ""


class Endpoint(Spec, frozen=True):
    """What the allocator gave a service. `spec` is the endpoint spec that was allocated."""

    spec: EndpointSpec = EndpointSpec()
    ports: tuple[PortConfig, ...] = ()
    virtual_ips: tuple[EndpointVirtualIP, ...] = ()


class IPAMConfig(Spec, frozen=True):
    """One subnet of a network."""

    subnet: str = ""
    range: str = ""
    gateway: str = ""


class IPAMOptions(Spec, frozen=True):
    """Address management of a network."""

    driver: Driver = Driver()
    configs: tuple[IPAMConfig, ...] = ()


class ConfigFrom(Spec, frozen=True):
    """The network that another one takes its configuration from."""

    network: str = ""


class NetworkSpec(Annotated_, frozen=True):
    """What a network was asked to be."""

    driver_configuration: Driver | None = None
    ipv6_enabled: bool = False
    internal: bool = False
    attachable: bool = False
    ingress: bool = False
    ipam_options: IPAMOptions | None = None
    config_from: ConfigFrom | None = None
    scope: str = ""


class Network(Object, frozen=True):
    """A network of the swarm.

    `ipam` and `driver_state` are the allocator's; a network without them is not allocated yet.
    """

    spec: NetworkSpec
    driver_state: Driver | None = None
    ipam: IPAMOptions | None = None

    @property
    def driver(self) -> str:
        """The driver that it was asked to have."""
        asked = self.spec.driver_configuration
        return (asked.name if asked is not None else "") or "overlay"

    @property
    def node_local(self) -> bool:
        """Whether each node makes it for itself, with addresses of its own."""
        return self.driver in _NODE_LOCAL_DRIVERS

    @property
    def predefined(self) -> bool:
        """Whether every node has it anyway."""
        return PREDEFINED_LABEL in self.spec.labels


class NetworkAttachmentConfig(Spec, frozen=True):
    """A network that a service asks for. `target` is a network id once the spec is stored."""

    target: str = ""
    aliases: Strings = ()
    driver_opts: Labels = msgspec.field(default_factory=dict)


class NetworkAttachment(Spec, frozen=True):
    """A task's place on a network: addresses with prefix length.

    `network_version` stands for the copy of the network that SwarmKit keeps here: it is the version of that.
    """

    network_id: str = ""
    addresses: Strings = ()
    aliases: Strings = ()
    network_version: int = 0
