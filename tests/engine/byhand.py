"""Containers as tests make them by hand."""

from swarmlab.objects.run import (
    ContainerRequest,
    EndpointIPAMConfig,
    EndpointSettings,
    HostConfig,
    NetworkingConfig,
    RestartPolicy,
)


def sleeper(network: str, address: str = "", *, restart: str = "", binds: tuple[str, ...] = ()) -> ContainerRequest:
    """One that does nothing for long, on a network by its name, where it may want an address."""
    ipam = EndpointIPAMConfig(ipv4_address=address) if address else None
    return ContainerRequest(
        image="busybox",
        cmd=("sleep", "100000"),
        host_config=HostConfig(network_mode=network, binds=binds, restart_policy=RestartPolicy(name=restart)),
        networking_config=NetworkingConfig(endpoints_config={network: EndpointSettings(ipam_config=ipam)}),
    )
