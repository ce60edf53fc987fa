"""What clients send to make, join and unlock a swarm (MB: api/types/swarm/swarm.go)."""

import msgspec

from swarmlab.objects.base import Labels, Spec, Strings, Uint32, always_empty, always_false, always_labels
from swarmlab.objects.cluster import ClusterSpec
from swarmlab.objects.run import EndpointSettings
from swarmlab.objects.volume import ClusterVolumeSpec


class InitRequest(Spec, frozen=True):
    """`POST /swarm/init`. Addresses may carry a port or name a network interface; empty means the engine chooses."""

    listen_addr: str = msgspec.field(default_factory=always_empty)
    advertise_addr: str = msgspec.field(default_factory=always_empty)
    data_path_addr: str = msgspec.field(default_factory=always_empty)
    data_path_port: Uint32 = 0
    force_new_cluster: bool = msgspec.field(default_factory=always_false)
    spec: ClusterSpec = msgspec.field(default_factory=ClusterSpec)
    auto_lock_managers: bool = msgspec.field(default_factory=always_false)
    availability: str = msgspec.field(default_factory=always_empty)
    #: Absent means the default pool; an empty list too, but then `docker info` shows none.
    default_addr_pool: Strings | None = None
    subnet_size: Uint32 = 0


class JoinRequest(Spec, frozen=True):
    """`POST /swarm/join`. The token decides the role; `remote_addrs` are managers, `host:port`."""

    listen_addr: str = msgspec.field(default_factory=always_empty)
    advertise_addr: str = msgspec.field(default_factory=always_empty)
    data_path_addr: str = msgspec.field(default_factory=always_empty)
    remote_addrs: Strings = ()
    join_token: str = msgspec.field(default_factory=always_empty)
    availability: str = msgspec.field(default_factory=always_empty)


class UnlockRequest(Spec, frozen=True):
    """`POST /swarm/unlock`."""

    unlock_key: str = msgspec.field(default_factory=always_empty)


class IPAMPool(Spec, frozen=True):
    """One subnet of a network that is to be created, in the network API's own spelling."""

    subnet: str = ""
    ip_range: str = msgspec.field(default="", name="IPRange")
    gateway: str = ""
    auxiliary_addresses: Labels = msgspec.field(default_factory=dict)


class IPAM(Spec, frozen=True):
    """Address management of a network that is to be created."""

    driver: str = ""
    options: Labels | None = None
    config: tuple[IPAMPool, ...] = ()


class NetworkConfigFrom(Spec, frozen=True):
    """The network that another one takes its configuration from."""

    network: str = msgspec.field(default_factory=always_empty)


class NetworkCreateRequest(Spec, frozen=True):
    """`POST /networks/create` (MB: api/types/network/create_request.go)."""

    name: str = msgspec.field(default_factory=always_empty)
    check_duplicate: bool = False
    driver: str = msgspec.field(default_factory=always_empty)
    scope: str = msgspec.field(default_factory=always_empty)
    enable_ipv4: bool | None = None
    enable_ipv6: bool | None = None
    ipam: IPAM | None = None
    internal: bool = msgspec.field(default_factory=always_false)
    attachable: bool = msgspec.field(default_factory=always_false)
    ingress: bool = msgspec.field(default_factory=always_false)
    config_only: bool = msgspec.field(default_factory=always_false)
    config_from: NetworkConfigFrom | None = None
    options: Labels = msgspec.field(default_factory=dict)
    labels: Labels = msgspec.field(default_factory=always_labels)


class NetworkConnectRequest(Spec, frozen=True):
    """`POST /networks/{id}/connect` (MB: api/types/network)."""

    container: str = ""
    endpoint_config: EndpointSettings | None = None


class NetworkDisconnectRequest(Spec, frozen=True):
    """`POST /networks/{id}/disconnect`."""

    container: str = ""
    force: bool = False


class VolumeCreateRequest(Spec, frozen=True):
    """`POST /volumes/create` (MB: api/types/volume/create_options.go)."""

    name: str = ""
    driver: str = ""
    driver_opts: Labels = msgspec.field(default_factory=dict)
    labels: Labels = msgspec.field(default_factory=dict)
    cluster_volume_spec: ClusterVolumeSpec | None = None
    #: Which of the maps were given as empty, as Docker spells their names.
    given_empty: Strings = ()


class VolumeUpdateRequest(Spec, frozen=True):
    """`PUT /volumes/{name}` (MB: api/types/volume/volume_update.go)."""

    spec: ClusterVolumeSpec | None = None


class ExecCreateRequest(Spec, frozen=True):
    """`POST /containers/{id}/exec` (MB: api/types/container/exec_create_request.go)."""

    user: str = ""
    privileged: bool = False
    tty: bool = msgspec.field(default=False, name="Tty")
    attach_stdin: bool = False
    attach_stderr: bool = False
    attach_stdout: bool = False
    detach_keys: str = ""
    env: Strings = ()
    working_dir: str = ""
    cmd: Strings = ()


class ExecStartRequest(Spec, frozen=True):
    """`POST /exec/{id}/start`."""

    detach: bool = False
    tty: bool = msgspec.field(default=False, name="Tty")


class AuthConfig(Spec, frozen=True):
    """`POST /auth` (MB: api/types/registry/authconfig.go). Of all this only the address is looked at."""

    username: str = msgspec.field(default="", name="username")
    password: str = msgspec.field(default="", name="password")
    auth: str = msgspec.field(default="", name="auth")
    email: str = msgspec.field(default="", name="email")
    identity_token: str = msgspec.field(default="", name="identitytoken")
    registry_token: str = msgspec.field(default="", name="registrytoken")
    server_address: str = msgspec.field(default="", name="serveraddress")
