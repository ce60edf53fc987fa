"""What an engine remembers of itself, outside of any swarm: its identity, its membership and its containers."""

import msgspec

from swarmlab.objects.base import Labels, Object, Spec, Strings
from swarmlab.objects.container import HealthConfig
from swarmlab.objects.network import PortConfig
from swarmlab.objects.run import HostConfig


class Lock(Spec, frozen=True):
    """What encrypts a manager's state on disk: the SHA-256 of the unlock key that it knew last, never the key.

    `closed` from a restart of the manager until somebody brings that key.
    """

    digest: str = ""
    closed: bool = False


class Membership(Spec, frozen=True):
    """An engine's place in a swarm, as its state directory would hold it (MB: daemon/cluster/noderunner.go).

    `swarm` is the cluster id, `remote` the manager it joined through. `manager` tells whose certificate the node has,
    a manager's or a worker's; it is valid between two instants in Unix nanoseconds. `expired` from a start of the engine
    after that time until it leaves. `lock` is that of a manager of a swarm with autolock.
    """

    swarm: str = ""
    node_id: str = ""
    listen_addr: str = ""
    advertise_addr: str = ""
    data_path_addr: str = ""
    remote: str = ""
    manager: bool = False
    valid_from: int = 0
    valid_until: int = 0
    expired: bool = False
    lock: Lock | None = None


class Engine(Object, frozen=True):
    """One engine of the lab; its id is the one `docker info` shows. `power` is `on`, `stopped` or `killed`.

    `networks` are the local networks' ids by name. Engines reach those that are on the same `side` of the network.
    """

    name: str
    membership: Membership | None = None
    power: str = "on"
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


class ContainerState(Spec, frozen=True):
    """`created`, `running`, `restarting`, `exited`, `removing` or `dead`; instants in Unix nanoseconds, 0 for none."""

    status: str = "created"
    pid: int = 0
    exit_code: int = 0
    error: str = ""
    oom_killed: bool = False
    started_at: int = 0
    finished_at: int = 0


class ContainerNetwork(Spec, frozen=True):
    """A container's place on one network; addresses have a prefix length."""

    network_id: str = ""
    addresses: Strings = ()
    aliases: Strings = ()


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
    stop_timeout: int = 10
    tty: bool = False
    open_stdin: bool = False
    healthcheck: HealthConfig | None = None
    exposed_ports: Strings = ()
    ports: tuple[PortConfig, ...] = ()
    networks: Labels = msgspec.field(default_factory=dict)
    endpoints: tuple[ContainerNetwork, ...] = ()
    state: ContainerState = ContainerState()
    memory: int = 0
    task_id: str = ""
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
