"""What the runtime is told of a container's record."""

from collections.abc import Sequence

from swarmlab.objects.local import Container
from swarmlab.runtime import base

DEFAULT_SIGNAL = "SIGTERM"


def runtime_config(
    container: Container, files: Sequence[base.File], mounts: tuple[base.Mount, ...]
) -> base.ContainerConfig:
    """A container of a record, with configs and secrets (`files`) and the places on this machine of its mounts."""
    return base.ContainerConfig(
        id=container.id,
        name=container.name,
        image=container.image_id,
        hostname=container.hostname,
        command=(container.path, *container.args),
        env=container.env,
        working_dir=container.working_dir or "/",
        user=container.user,
        groups=container.wanted.group_add,
        stop_signal=container.stop_signal or DEFAULT_SIGNAL,
        tty=container.tty,
        open_stdin=container.open_stdin,
        healthcheck=container.healthcheck,
        files=tuple(files),
        labels=container.labels,
        memory=container.memory,
        mounts=mounts,
        read_only=container.read_only,
        ulimits=tuple((limit.name, limit.soft, limit.hard) for limit in container.wanted.ulimits),
        sysctls={name.replace("/", "."): value for name, value in container.wanted.sysctls.items()},
        init=bool(container.wanted.init),
    )
