"""A container's configuration as an image has it, and how one takes what another has not (MB: daemon/commit.go)."""

import msgspec

from swarmlab.images import ImageConfig
from swarmlab.objects.container import HealthConfig
from swarmlab.objects.local import Container
from swarmlab.objects.run import ContainerRequest


def config_of(container: Container) -> ImageConfig:
    """The configuration of a container."""
    return ImageConfig(
        entrypoint=container.entrypoint,
        cmd=container.cmd,
        env=container.env,
        working_dir=container.working_dir,
        user=container.user,
        exposed_ports=container.exposed_ports,
        labels=container.labels,
        stop_signal=container.stop_signal,
        healthcheck=container.healthcheck,
        volumes=container.volumes,
        hostname=container.hostname,
        domainname=container.domainname,
        attach_stdin=container.attach_stdin,
        attach_stdout=container.attach_stdout,
        attach_stderr=container.attach_stderr,
        tty=container.tty,
        open_stdin=container.open_stdin,
        stdin_once=container.stdin_once,
        image=container.image,
        stop_timeout=container.stop_timeout,
    )


def requested(request: ContainerRequest) -> ImageConfig:
    """The configuration that a client asks for."""
    return ImageConfig(
        entrypoint=request.entrypoint or (),
        cmd=request.cmd,
        env=request.env,
        working_dir=request.working_dir,
        user=request.user,
        exposed_ports=tuple(request.exposed_ports),
        labels=request.labels,
        stop_signal=request.stop_signal,
        healthcheck=request.healthcheck,
        volumes=tuple(request.volumes),
        hostname=request.hostname,
        domainname=request.domainname,
        attach_stdin=request.attach_stdin,
        attach_stdout=request.attach_stdout,
        attach_stderr=request.attach_stderr,
        tty=request.tty,
        open_stdin=request.open_stdin,
        stdin_once=request.stdin_once,
        image=request.image,
        stop_timeout=request.stop_timeout,
    )


def merged_health(wanted: HealthConfig | None, own: HealthConfig | None) -> HealthConfig | None:
    """The health check of a container: what it does not say of one is its image's (MB: daemon/commit.go, merge)."""
    if wanted is None or own is None:
        return wanted or own
    given = msgspec.structs.asdict(wanted)
    return msgspec.structs.replace(own, **{field: value for field, value in given.items() if value})


def merged(own: ImageConfig, other: ImageConfig) -> ImageConfig:
    """`own`, and of `other` what that leaves open (MB: daemon/commit.go, merge)."""
    names = {variable.partition("=")[0] for variable in own.env}
    known = {
        "user": own.user or other.user,
        "exposed_ports": tuple(dict.fromkeys((*own.exposed_ports, *other.exposed_ports))),
        "env": (*own.env, *(variable for variable in other.env if variable.partition("=")[0] not in names)),
        "labels": {**other.labels, **own.labels},
        "cmd": own.cmd or (() if own.entrypoint else other.cmd),
        "entrypoint": own.entrypoint or other.entrypoint,
        "healthcheck": merged_health(own.healthcheck, other.healthcheck),
        "working_dir": own.working_dir or other.working_dir,
        "volumes": tuple(dict.fromkeys((*own.volumes, *other.volumes))),
        "stop_signal": own.stop_signal or other.stop_signal,
    }
    return msgspec.structs.replace(own, **known)
