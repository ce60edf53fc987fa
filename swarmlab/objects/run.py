"""What clients send to make a container by hand (MB: api/types/container/{config,hostconfig}.go)."""

from collections.abc import Mapping

import msgspec

from swarmlab.objects.base import Int, Labels, Spec, Strings, Uint, always_empty, always_labels, always_zero
from swarmlab.objects.container import HealthConfig, Mount
from swarmlab.objects.resources import Resources


class Empty(Spec, frozen=True):
    """The value of a map that is a set."""


class RestartPolicy(Spec, frozen=True):
    """When a container is started again: `no` (or empty), `always`, `unless-stopped`, `on-failure`."""

    name: str = msgspec.field(default_factory=always_empty)
    maximum_retry_count: Int = msgspec.field(default_factory=always_zero)


class HostPort(Spec, frozen=True):
    """Where a port is published; an empty `host_port` leaves the choice to the engine."""

    host_ip: str = msgspec.field(default_factory=always_empty, name="HostIp")
    host_port: str = msgspec.field(default_factory=always_empty, name="HostPort")


class LogConfig(Spec, frozen=True):
    """The driver that keeps the logs."""

    type: str = msgspec.field(default_factory=always_empty)
    config: Labels = msgspec.field(default_factory=always_labels)


class HostConfig(Resources, frozen=True):
    """What a container asks of its machine. Plain defaults are what it gets that asks for nothing."""

    binds: Strings = ()
    container_id_file: str = msgspec.field(default="", name="ContainerIDFile")
    log_config: LogConfig = LogConfig()
    network_mode: str = ""
    port_bindings: Mapping[str, tuple[HostPort, ...]] = msgspec.field(default_factory=dict)
    restart_policy: RestartPolicy = RestartPolicy()
    auto_remove: bool = False
    volume_driver: str = ""
    volumes_from: Strings = ()
    mounts: tuple[Mount, ...] = ()
    cap_add: Strings = ()
    cap_drop: Strings = ()
    cgroupns_mode: str = ""
    dns: Strings = msgspec.field(default=(), name="Dns")
    dns_options: Strings = msgspec.field(default=(), name="DnsOptions")
    dns_search: Strings = msgspec.field(default=(), name="DnsSearch")
    extra_hosts: Strings = ()
    group_add: Strings = ()
    ipc_mode: str = ""
    links: Strings = ()
    oom_score_adj: Int = 0
    pid_mode: str = msgspec.field(default="", name="PidMode")
    privileged: bool = False
    publish_all_ports: bool = False
    readonly_rootfs: bool = False
    security_opt: Strings = ()
    tmpfs: Labels = msgspec.field(default_factory=dict)
    isolation: str = ""
    uts_mode: str = msgspec.field(default="", name="UTSMode")
    userns_mode: str = ""
    shm_size: int = 0
    sysctls: Labels = msgspec.field(default_factory=dict)
    init: bool | None = None
    runtime: str = ""
    storage_opt: Labels = msgspec.field(default_factory=dict)
    annotations: Labels = msgspec.field(default_factory=dict)
    cgroup: str = ""
    #: Height and width of the client's terminal.
    console_size: tuple[Uint, ...] = ()
    #: What to hide, and what not to let be written; None for Docker's own choice.
    masked_paths: Strings | None = None
    readonly_paths: Strings | None = None
    #: The names, as Docker spells them, of lists and maps that were given as empty; what is not given at all is null.
    given_empty: Strings = ()


class EndpointIPAMConfig(Spec, frozen=True):
    """Addresses that a container asks for on a network."""

    ipv4_address: str = msgspec.field(default="", name="IPv4Address")
    ipv6_address: str = msgspec.field(default="", name="IPv6Address")
    link_local_ips: Strings = msgspec.field(default=(), name="LinkLocalIPs")


class EndpointSettings(Spec, frozen=True):
    """What a container asks of a network (MB: api/types/network/endpoint.go); null is not the same as empty to clients.

    `network_id` is the network's, once it is known.
    """

    ipam_config: EndpointIPAMConfig | None = msgspec.field(default=None, name="IPAMConfig")
    links: Strings | None = None
    aliases: Strings | None = None
    mac_address: str = ""
    driver_opts: Labels | None = None
    network_id: str = ""
    #: What clients may send back of an answer, and nobody looks at.
    endpoint_id: str = ""
    gateway: str = ""
    ip_address: str = msgspec.field(default="", name="IPAddress")
    ip_prefix_len: Int = msgspec.field(default=0, name="IPPrefixLen")
    ipv6_gateway: str = ""
    global_ipv6_address: str = ""
    global_ipv6_prefix_len: Int = 0


class NetworkingConfig(Spec, frozen=True):
    """The networks that a container wants to be on, by name or id."""

    endpoints_config: Mapping[str, EndpointSettings] = msgspec.field(default_factory=dict)


class ContainerRequest(Spec, frozen=True):
    """`POST /containers/create`."""

    hostname: str = ""
    domainname: str = ""
    user: str = ""
    attach_stdin: bool = False
    attach_stdout: bool = False
    attach_stderr: bool = False
    exposed_ports: Mapping[str, Empty] = msgspec.field(default_factory=dict)
    tty: bool = msgspec.field(default=False, name="Tty")
    open_stdin: bool = False
    stdin_once: bool = False
    env: Strings = ()
    cmd: Strings = ()
    healthcheck: HealthConfig | None = None
    image: str = ""
    volumes: Mapping[str, Empty] = msgspec.field(default_factory=dict)
    working_dir: str = ""
    entrypoint: Strings | None = None
    labels: Labels = msgspec.field(default_factory=dict)
    stop_signal: str = ""
    stop_timeout: Int | None = None
    #: Before API 1.44 the address of its first network is asked for here.
    mac_address: str = ""
    network_disabled: bool = False
    args_escaped: bool = False
    on_build: Strings = ()
    shell: Strings = ()
    host_config: HostConfig = HostConfig()
    networking_config: NetworkingConfig = NetworkingConfig()


class UpdateRequest(Resources, frozen=True):
    """`POST /containers/{id}/update`."""

    restart_policy: RestartPolicy = RestartPolicy()
