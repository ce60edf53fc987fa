"""Networks of the swarm (SK: manager/controlapi/network.go)."""

import ipaddress

from swarmlab.manager.controlapi.names import check_dns_name
from swarmlab.manager.errors import Code, StatusError, failed_precondition, invalid_argument, not_found
from swarmlab.objects import IPAMConfig, IPAMOptions, Network, NetworkSpec, TaskState, new_id
from swarmlab.objects.network import PREDEFINED_LABEL
from swarmlab.store import Actor, Kind, NameConflictError, Store

#: Drivers that the allocator has.
_DRIVERS = frozenset({"", "bridge", "default", "host", "ipvlan", "macvlan", "overlay"})


class NetworkAPI:
    """Create, remove and look at networks."""

    store: Store

    def networks(self) -> list[Network]:
        """All networks, oldest first, the predefined ones included."""
        return list(self.store.tables.networks)

    def network(self, network_id: str) -> Network:
        """One network by id. Raises StatusError (NotFound)."""
        network = self.store.tables.networks.get(network_id)
        if network is None:
            raise not_found(f"network {network_id} not found")
        return network

    def create_network(self, spec: NetworkSpec, actor: Actor) -> Network:
        """A new network; the allocator gives it a subnet."""
        check_dns_name(spec.name)
        if PREDEFINED_LABEL in spec.labels:
            raise StatusError(
                Code.PERMISSION_DENIED,
                f"label {PREDEFINED_LABEL} is for internally created predefined networks "
                "and cannot be applied by users",
            )
        driver = spec.driver_configuration
        if driver is not None and driver.name not in _DRIVERS:
            raise invalid_argument(f"error during lookup of plugin {driver.name}")
        _validate_ipam(spec.ipam_options)
        if spec.ingress:
            if spec.attachable:
                raise invalid_argument("ingress network cannot be attachable")
            for network in self.store.tables.networks:
                if network.spec.ingress:
                    raise StatusError(Code.ALREADY_EXISTS, f"ingress network ({network.id}) is already present")
        try:
            with self.store.transaction(actor) as tx:
                return tx.create(Kind.NETWORK, Network(id=new_id(), spec=spec))
        except NameConflictError:
            raise StatusError(Code.ALREADY_EXISTS, f"network {spec.name} already exists") from None

    def remove_network(self, network_id: str, actor: Actor) -> None:
        """Remove a network that nothing uses."""
        with self.store.transaction(actor) as tx:
            network = self.network(network_id)
            if network.predefined:
                raise failed_precondition(
                    f"network {network_id} ({network.spec.name}) is a swarm predefined network and cannot be removed"
                )
            if network.spec.ingress:
                for service in tx.tables.services:
                    ports = service.spec.endpoint_spec.ports if service.spec.endpoint_spec is not None else ()
                    if any(port.publish_mode == "ingress" for port in ports):
                        raise failed_precondition(
                            f"ingress network cannot be removed because service {service.id} depends on it"
                        )
            for service in tx.tables.services.by("network", network_id):
                raise failed_precondition(f"network {network_id} is in use by service {service.id}")
            for task in tx.tables.tasks:
                wanted = task.desired_state <= TaskState.RUNNING and not task.state.terminal
                if wanted and any(attachment.network_id == network_id for attachment in task.networks):
                    raise failed_precondition(f"network {network_id} is in use by task {task.id}")
            tx.delete(Kind.NETWORK, network_id)


def _validate_ipam(options: IPAMOptions | None) -> None:
    if options is not None and options.driver.name not in {"", "default"}:
        raise invalid_argument(f"error during lookup of plugin {options.driver.name}")
    for config in options.configs if options is not None else ():
        _validate_config(config)


def _validate_config(config: IPAMConfig) -> None:
    """Source: SwarmKit: manager/controlapi/network.go, validateIPAMConfiguration."""
    try:
        subnet = ipaddress.ip_interface(_with_prefix(config.subnet)).network
    except ValueError:
        raise invalid_argument(f"ipam configuration: invalid subnet {config.subnet}") from None
    if config.range:
        try:
            first = ipaddress.ip_interface(_with_prefix(config.range)).ip
        except ValueError:
            raise invalid_argument(f"ipam configuration: invalid range {config.range}") from None
        if first not in subnet:
            raise invalid_argument(f"ipam configuration: subnet {config.subnet} does not contain range {config.range}")
    if config.gateway:
        try:
            gateway = ipaddress.ip_address(config.gateway)
        except ValueError:
            raise invalid_argument(f"ipam configuration: invalid gateway {config.gateway}") from None
        if gateway not in subnet:
            raise invalid_argument(
                f"ipam configuration: subnet {config.subnet} does not contain gateway {config.gateway}"
            )


def _with_prefix(text: str) -> str:
    """An address with its prefix length in digits, as Go's net.ParseCIDR has it. Raises ValueError."""
    if not text.partition("/")[2].isdigit():
        raise ValueError(text)
    return text
