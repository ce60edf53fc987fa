"""What an engine remembers of itself, outside of any swarm: identity, membership, containers, volumes."""

from collections.abc import Mapping
from typing import Literal

import msgspec

from swarmlab.objects.base import Labels, Object, Spec, Strings
from swarmlab.objects.container import HealthConfig, Mount
from swarmlab.objects.network import Network, PortConfig
from swarmlab.objects.run import EndpointSettings, HostConfig

#: Seconds that a container may take to stop that says nothing of it.
_GRACE = 10


#: How an engine is, or how it ended: in good order, or with its machine.
Power = Literal["on", "stopped", "killed"]


class Lock(Spec, frozen=True):
    """What encrypts a manager's state on disk: the SHA-256 of the unlock key that it knew last, never the key.

    `closed` from a restart of the manager until somebody brings that key.
    """

    digest: str = ""
    closed: bool = False


class Membership(Spec, frozen=True):
    """An engine's place in a swarm, as its state directory would hold it (MB: daemon/cluster/noderunner.go).

    `swarm` is the cluster id, `remote` the manager it joined through. `manager` tells whose certificate the node has,
    a manager's or a worker's; it is valid between two instants in Unix nanoseconds. `expired` from a start of the
    engine after that time until it leaves. `own_addr` is what the node itself takes its address to be: one that joined
    without being told knows only where it listens. `lock` is that of a manager of a swarm with autolock. `given_up`
    when the node has failed to begin anew: until the engine starts again it is in no swarm, though its state is there.
    """

    swarm: str = ""
    node_id: str = ""
    listen_addr: str = ""
    advertise_addr: str = ""
    own_addr: str = ""
    data_path_addr: str = ""
    remote: str = ""
    manager: bool = False
    valid_from: int = 0
    valid_until: int = 0
    expired: bool = False
    lock: Lock | None = None
    given_up: bool = False

    @property
    def locked(self) -> bool:
        """Whether the manager on the node waits for the key to its state."""
        return self.lock is not None and self.lock.closed


class Engine(Object, frozen=True):
    """One engine of the lab; its id is the one `docker info` shows.

    `networks` are the ids of the predefined networks by name. Engines reach those on the same `side` of the network.
    """

    name: str
    membership: Membership | None = None
    power: Power = "on"
    side: int = 0
    networks: Labels = msgspec.field(default_factory=dict)


class LocalImage(Object, frozen=True):
    """What an engine has made of an image; its id is the image's.

    `document` is its configuration, empty for an image of the catalogue: those need no record as long as nobody has
    changed anything about them. `tags` are `name:tag`, `digests` are `name@sha256:…`, `tagged_at` is when it was given
    a name last (Unix nanoseconds). An image that is `removed` is not there any more, but containers may still live on
    its files.
    """

    document: str = ""
    parent: str = ""
    tags: Strings = ()
    digests: Strings = ()
    tagged_at: int = 0
    removed: bool = False
    release: str = ""


#: Label of volumes that nobody has named (MB: volume/service/service.go).
ANONYMOUS_LABEL = "com.docker.volume.anonymous"


class Volume(Object, frozen=True):
    """A volume of an engine; its id is its name. `options` are for the driver.

    `given_empty` has the maps that a client gave as empty (`Labels`, `DriverOpts`), which are shown so, not as null.
    """

    driver: str = "local"
    labels: Labels = msgspec.field(default_factory=dict)
    options: Labels = msgspec.field(default_factory=dict)
    given_empty: Strings = ()


class MountPoint(Spec, frozen=True):
    """What a container has at `destination` (MB: volume/mounts/mounts.go).

    `type` is `volume` (called `name`), `bind` (of `source` on this machine) or `tmpfs`. `mode` is as it was typed. With
    `copy_data` an empty volume gets what the image has there. `spec` is what was asked for: one without a source is an
    anonymous volume, and goes with its container.
    """

    type: str = ""
    name: str = ""
    source: str = ""
    destination: str = ""
    driver: str = ""
    mode: str = ""
    rw: bool = True
    propagation: str = ""
    copy_data: bool = False
    spec: Mount = Mount()

    @property
    def anonymous(self) -> bool:
        """Whether it is a volume that nobody has named."""
        return self.type == "volume" and not self.spec.source


class ContainerState(Spec, frozen=True):
    """Where a container is in its life. Instants are Unix nanoseconds, 0 for none."""

    status: Literal["created", "running", "paused", "restarting", "removing", "exited", "dead"] = "created"
    pid: int = 0
    exit_code: int = 0
    error: str = ""
    oom_killed: bool = False
    started_at: int = 0
    finished_at: int = 0

    @property
    def runs(self) -> bool:
        """Whether its program is there, at work or paused."""
        return self.status in {"running", "paused"}

    @property
    def active(self) -> bool:
        """Whether it runs or is about to, by its restart policy."""
        return self.runs or self.status == "restarting"


class LocalPool(Spec, frozen=True):
    """One subnet of an engine's own network, as it was asked for or, when nobody asked for one, `chosen` by the engine.

    `router` is the gateway that it really has; `gateway` is shown.
    """

    subnet: str = ""
    ip_range: str = msgspec.field(default="", name="IPRange")
    gateway: str = ""
    auxiliary_addresses: Labels = msgspec.field(default_factory=dict)
    router: str = ""
    chosen: bool = False


class LocalNetwork(Object, frozen=True):
    """A network of one engine alone. One that is `config_only` just holds settings for others.

    With the `scope` swarm it is what a network of the swarm, with the same id, is on this engine.
    """

    name: str
    driver: str = "bridge"
    scope: str = "local"
    pools: tuple[LocalPool, ...] = ()
    internal: bool = False
    attachable: bool = False
    ipv6: bool = False
    ipam_options: Labels | None = None
    options: Labels = msgspec.field(default_factory=dict)
    labels: Labels = msgspec.field(default_factory=dict)
    config_only: bool = False
    config_from: str = ""


class Overlay(Object, frozen=True):
    """A network of the swarm, with the same id, as it exists on this engine; it may outlive the swarm's own.

    `address` is the node's own end, that of its load balancer, with prefix length; empty while it has none.
    """

    network: Network
    address: str = ""


class Port(Object, frozen=True):
    """A published port of the swarm as connections to this engine find it; its id is the port's number.

    They take turns over `tasks`, of which only those count that are `listening`: the turn of another one is a
    connection that fails. When nothing is behind a port it has no record.
    """

    tasks: int = 0
    listening: int = 0


class ContainerNetwork(Spec, frozen=True):
    """A container's place on one network; addresses have a prefix length, `gateways` have none."""

    network_id: str = ""
    addresses: Strings = ()
    gateways: Strings = ()


class Container(Object, frozen=True):
    """A container of an engine: a task's, or one that was run by hand.

    `command` and `env` are complete, with the image's defaults merged in. `ports` are those published on the node.
    """

    name: str
    image: str
    image_id: str = ""
    hostname: str = ""
    path: str = ""
    args: Strings = ()
    entrypoint: Strings = ()
    cmd: Strings = ()
    env: Strings = ()
    working_dir: str = ""
    user: str = ""
    labels: Labels = msgspec.field(default_factory=dict)
    stop_signal: str = ""
    stop_timeout: int | None = None
    tty: bool = False
    open_stdin: bool = False
    healthcheck: HealthConfig | None = None
    exposed_ports: Strings = ()
    ports: tuple[PortConfig, ...] = ()
    #: What was asked of the networks that it was put on by hand, by their names.
    attachments: Mapping[str, EndpointSettings] = msgspec.field(default_factory=dict)
    #: Where it is, or was at last: its places on the networks.
    endpoints: tuple[ContainerNetwork, ...] = ()
    mounts: tuple[MountPoint, ...] = ()
    #: Destinations of anonymous volumes that the image or the request asked for.
    volumes: Strings = ()
    #: Options of plain tmpfs mounts by destination.
    tmpfs: Labels = msgspec.field(default_factory=dict)
    read_only: bool = False
    state: ContainerState = ContainerState()
    memory: int = 0
    task_id: str = ""
    #: What a task's spec asks of the machine.
    asked: HostConfig | None = None
    #: The rest is of containers that were made by hand. `host` is what was asked for, None for a task's.
    host: HostConfig | None = None
    domainname: str = ""
    attach_stdin: bool = False
    attach_stdout: bool = False
    attach_stderr: bool = False
    stdin_once: bool = False
    restart_count: int = 0
    #: Whether somebody has stopped it, so that no restart policy applies any more.
    stopped: bool = False

    @property
    def wanted(self) -> HostConfig:
        """What it asks of its machine, be it a task's or not."""
        return self.host or self.asked or HostConfig()

    @property
    def auto_remove(self) -> bool:
        """Whether it was made by hand to be removed at its end (`--rm`)."""
        return self.host is not None and self.host.auto_remove

    @property
    def grace(self) -> int:
        """How many seconds it may take to stop."""
        return _GRACE if self.stop_timeout is None else self.stop_timeout
