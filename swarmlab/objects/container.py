"""ContainerSpec and what it is made of (MB: api/types/swarm/container.go)."""

import msgspec

from swarmlab.objects.base import (
    Driver,
    Duration,
    Int,
    Labels,
    Spec,
    Strings,
    Uint32,
    always_empty,
    always_false,
    always_null,
    always_zero,
)


class DNSConfig(Spec, frozen=True):
    """Resolver settings of a container."""

    nameservers: Strings = ()
    search: Strings = ()
    options: Strings = ()


class FileTarget(Spec, frozen=True):
    """Where and how a config or secret appears in the container."""

    name: str = msgspec.field(default_factory=always_empty)
    uid: str = msgspec.field(default_factory=always_empty)
    gid: str = msgspec.field(default_factory=always_empty)
    mode: Uint32 = msgspec.field(default_factory=always_zero)


class SecretReference(Spec, frozen=True):
    """A secret that a service uses."""

    file: FileTarget | None = msgspec.field(default_factory=always_null)
    secret_id: str = msgspec.field(default_factory=always_empty)
    secret_name: str = msgspec.field(default_factory=always_empty)


class RuntimeTarget(Spec, frozen=True):
    """Marks a config that the runtime itself reads."""


class ConfigReference(Spec, frozen=True):
    """A config that a service uses."""

    file: FileTarget | None = None
    runtime: RuntimeTarget | None = None
    config_id: str = msgspec.field(default_factory=always_empty)
    config_name: str = msgspec.field(default_factory=always_empty)


class BindOptions(Spec, frozen=True):
    """Options of a bind mount."""

    propagation: str = ""
    non_recursive: bool = False
    create_mountpoint: bool = False
    read_only_non_recursive: bool = False
    read_only_force_recursive: bool = False


class VolumeOptions(Spec, frozen=True):
    """Options of a volume mount."""

    no_copy: bool = False
    labels: Labels = msgspec.field(default_factory=dict)
    subpath: str = ""
    driver_config: Driver | None = None


class TmpfsOptions(Spec, frozen=True):
    """Options of a tmpfs mount; the size is in bytes."""

    size_bytes: int = 0
    mode: Uint32 = 0
    options: tuple[Strings, ...] = ()


class Mount(Spec, frozen=True):
    """One mount of a container."""

    type: str = ""
    source: str = ""
    target: str = ""
    read_only: bool = False
    consistency: str = ""
    bind_options: BindOptions | None = None
    volume_options: VolumeOptions | None = None
    tmpfs_options: TmpfsOptions | None = None


class HealthConfig(Spec, frozen=True):
    """A health check; durations in nanoseconds, zero means inherit."""

    test: Strings = ()
    interval: Duration = 0
    timeout: Duration = 0
    start_period: Duration = 0
    start_interval: Duration = 0
    retries: Int = 0


class CredentialSpec(Spec, frozen=True):
    """Credentials of a managed service account (Windows)."""

    config: str = msgspec.field(default_factory=always_empty)
    file: str = msgspec.field(default_factory=always_empty)
    registry: str = msgspec.field(default_factory=always_empty)


class SELinuxContext(Spec, frozen=True):
    """SELinux labels of a container."""

    disable: bool = msgspec.field(default_factory=always_false)
    user: str = msgspec.field(default_factory=always_empty)
    role: str = msgspec.field(default_factory=always_empty)
    type: str = msgspec.field(default_factory=always_empty)
    level: str = msgspec.field(default_factory=always_empty)


class SeccompOpts(Spec, frozen=True):
    """Seccomp mode and profile (base64)."""

    mode: str = ""
    profile: str = ""


class AppArmorOpts(Spec, frozen=True):
    """AppArmor mode."""

    mode: str = ""


class Privileges(Spec, frozen=True):
    """Security options of a container."""

    credential_spec: CredentialSpec | None = msgspec.field(default_factory=always_null)
    selinux_context: SELinuxContext | None = msgspec.field(default_factory=always_null)
    seccomp: SeccompOpts | None = None
    apparmor: AppArmorOpts | None = None
    no_new_privileges: bool = msgspec.field(default_factory=always_false)


class Ulimit(Spec, frozen=True):
    """One resource limit of a container."""

    name: str = msgspec.field(default_factory=always_empty)
    hard: int = msgspec.field(default_factory=always_zero)
    soft: int = msgspec.field(default_factory=always_zero)


class ContainerSpec(Spec, frozen=True):
    """What a task's container runs."""

    image: str = ""
    labels: Labels = msgspec.field(default_factory=dict)
    command: Strings = ()
    args: Strings = ()
    hostname: str = ""
    env: Strings = ()
    dir: str = ""
    user: str = ""
    groups: Strings = ()
    privileges: Privileges | None = None
    init: bool | None = None
    stop_signal: str = ""
    tty: bool = False
    open_stdin: bool = False
    read_only: bool = False
    mounts: tuple[Mount, ...] = ()
    stop_grace_period: Duration | None = None
    healthcheck: HealthConfig | None = None
    hosts: Strings = ()
    dns_config: DNSConfig | None = None
    secrets: tuple[SecretReference, ...] = ()
    configs: tuple[ConfigReference, ...] = ()
    isolation: str = ""
    sysctls: Labels = msgspec.field(default_factory=dict)
    capability_add: Strings = ()
    capability_drop: Strings = ()
    ulimits: tuple[Ulimit, ...] = ()
    oom_score_adj: int = 0
