"""The container of a task, made from its spec (MB: daemon/cluster/executor/container/container.go)."""

import base64
from collections.abc import Iterable, Mapping

import msgspec

from swarmlab.clock import SECOND
from swarmlab.engine.container.environment import merged_env
from swarmlab.engine.container.hostchecks import adapted, check_directory, check_health, check_host
from swarmlab.engine.container.logdrivers import DEFAULT_DRIVER
from swarmlab.engine.container.mounts import mount_points
from swarmlab.engine.container.securityopts import options_of
from swarmlab.engine.errors import EngineError, not_found
from swarmlab.engine.image.imageconfig import merged_health
from swarmlab.engine.network.tasknetworks import NOWHERE, TaskNetworks
from swarmlab.images import Image
from swarmlab.objects import Config, ContainerSpec, NodeDescription, Secret, Task, new_container_id
from swarmlab.objects.container import DNSConfig, FileTarget
from swarmlab.objects.defaults import STOP_GRACE_PERIOD
from swarmlab.objects.generic import environment
from swarmlab.objects.local import Container, MountPoint
from swarmlab.objects.run import HostConfig, HostPort, LogConfig
from swarmlab.objects.service import Limit, ResourceRequirements
from swarmlab.objects.template import Function, TemplateError, expand_container, expand_payload
from swarmlab.runtime import base
from swarmlab.runtime.controller import TaskError

SECRETS_DIRECTORY = "/run/secrets"


def container_spec(task: Task) -> ContainerSpec:
    """The task's container spec. Raises TaskError when it has none."""
    if task.spec.container_spec is None:
        raise TaskError("dockerexec: unsupported runtime")
    return task.spec.container_spec


def grace_period(task: Task) -> float:
    """How long the container may take to stop, in seconds."""
    period = container_spec(task).stop_grace_period
    return (STOP_GRACE_PERIOD if period is None else period) / SECOND


def build(
    task: Task, image: Image, image_name: str, node: NodeDescription, networks: TaskNetworks = NOWHERE
) -> Container:
    """A record for the task's container, the image's defaults merged in. Raises TaskError."""
    config = image.config
    try:
        spec = expand_container(container_spec(task), task, node)
    except TemplateError as error:
        raise TaskError(str(error)) from None
    _check_mounts(spec)
    container_id = new_container_id()
    # A command of the spec replaces the image's entrypoint and, with it, the image's arguments.
    entrypoint = tuple(spec.command) or tuple(config.entrypoint)
    cmd = tuple(spec.args) or (() if spec.command else tuple(config.cmd))
    process = (*entrypoint, *cmd)
    if not process:
        raise TaskError("no command specified")
    ports = tuple(p for p in (task.endpoint.ports if task.endpoint is not None else ()) if p.publish_mode == "host")
    # The engine publishes them when the container starts, and finds numbers for those that have none.
    bindings = {f"{p.target_port}/{p.protocol}": (HostPort(host_port=str(p.published_port or "")),) for p in ports}
    asked = msgspec.structs.replace(_asked(task, spec, node), network_mode=networks.mode, port_bindings=bindings)
    hostname = node.hostname if networks.mode == "host" else container_id[:12]
    return Container(
        id=container_id,
        name=task.name,
        image=image_name,
        image_id=image.id,
        hostname=spec.hostname or hostname,
        path=process[0],
        args=process[1:],
        entrypoint=entrypoint,
        cmd=cmd,
        env=merged_env(config.env, (*spec.env, *environment(task.assigned_generic_resources))),
        working_dir=spec.dir or config.working_dir,
        user=spec.user or config.user,
        labels={**config.labels, **spec.labels, **_system_labels(task)},
        stop_signal=spec.stop_signal or config.stop_signal,
        stop_timeout=int(grace_period(task)),
        tty=spec.tty,
        open_stdin=spec.open_stdin,
        healthcheck=merged_health(spec.healthcheck, config.healthcheck),
        exposed_ports=tuple(dict.fromkeys((*config.exposed_ports, *bindings))),
        attachments=networks.attachments(container_id),
        endpoints=networks.endpoints,
        mounts=_mounts(spec, config.volumes),
        volumes=tuple(sorted(config.volumes)),
        read_only=spec.read_only,
        memory=asked.memory,
        task_id=task.id,
        asked=asked,
    )


def _asked(task: Task, spec: ContainerSpec, node: NodeDescription) -> HostConfig:
    """What the spec asks of the machine (MB: containerConfig.hostConfig). Raises TaskError when that cannot be."""
    resources = task.spec.resources or ResourceRequirements()
    limits = resources.limits or Limit()
    dns = spec.dns_config or DNSConfig()
    driver = task.spec.log_driver
    asked = HostConfig(
        log_config=LogConfig(type=driver.name or DEFAULT_DRIVER, config=driver.options)
        if driver
        else LogConfig(type=DEFAULT_DRIVER),
        cap_add=spec.capability_add,
        cap_drop=spec.capability_drop,
        dns=dns.nameservers,
        dns_options=dns.options,
        dns_search=dns.search,
        extra_hosts=tuple(_extra_hosts(spec)),
        group_add=spec.groups,
        oom_score_adj=spec.oom_score_adj,
        readonly_rootfs=spec.read_only,
        security_opt=tuple(options_of(spec.privileges)),
        sysctls=spec.sysctls,
        memory=limits.memory_bytes,
        nano_cpus=limits.nano_cpus,
        pids_limit=limits.pids or None,
        ulimits=spec.ulimits,
        init=spec.init,
    )
    if spec.isolation not in {"", "default"}:
        raise TaskError(f"invalid isolation '{spec.isolation}' on linux")
    try:
        check_directory(spec.dir)
        check_health(spec.healthcheck)
        check_host(asked, node.resources.nano_cpus // SECOND)
    except EngineError as error:
        raise TaskError(str(error)) from None
    return adapted(asked)


def _extra_hosts(spec: ContainerSpec) -> Iterable[str]:
    """The spec's lines of a hosts file (`address name name`) as engines keep them (`name:address`)."""
    for line in spec.hosts:
        address, *names = line.split() or [""]
        yield from (f"{name}:{address}" for name in names)


def files(
    task: Task, node: NodeDescription, secrets: Mapping[str, Secret], configs: Mapping[str, Config]
) -> tuple[base.File, ...]:
    """The task's secrets and configs as files on a node, their templates expanded.

    Raises TaskError when one of them is gone, TemplateError with the engine's text when a template cannot be expanded.
    """
    spec = container_spec(task)
    functions = _functions(expand_container(spec, task, node), secrets, configs)
    # Engines keep one file for an object, however often it is referred to: the last reference says whose it is.
    last = {ref.secret_id: ref.file for ref in spec.secrets if ref.file is not None}
    last |= {ref.config_id: ref.file for ref in spec.configs if ref.file is not None}
    found = []
    for secret_ref in spec.secrets:
        secret = secrets.get(secret_ref.secret_id)
        if secret is None or secret_ref.file is None:
            raise TaskError(f"secret {secret_ref.secret_name} not found")
        data = _payload("secret", secret, task, functions)
        found.append(_file(secret_ref.file, last[secret_ref.secret_id], data, SECRETS_DIRECTORY))
    for config_ref in spec.configs:
        config = configs.get(config_ref.config_id)
        if config_ref.file is None:
            continue
        if config is None:
            raise TaskError(f"config {config_ref.config_name} not found")
        data = _payload("config", config, task, functions)
        found.append(_file(config_ref.file, last[config_ref.config_id], data, ""))
    return tuple(found)


def _functions(
    spec: ContainerSpec, secrets: Mapping[str, Secret], configs: Mapping[str, Config]
) -> Mapping[str, Function]:
    """What templates of configs and secrets may call (SK: template/context.go, PayloadContext)."""
    env = dict(variable.partition("=")[::2] for variable in spec.env)
    secret_ids = {ref.file.name: ref.secret_id for ref in spec.secrets if ref.file is not None}
    config_ids = {ref.file.name: ref.config_id for ref in spec.configs if ref.file is not None}

    def lookup(kind: str, ids: Mapping[str, str], blobs: Mapping[str, Secret | Config]) -> Function:
        def value(target: str) -> str:
            blob = blobs.get(ids.get(target, ""))
            if blob is None:
                raise LookupError(f"{kind} target {target} not found")
            return base64.b64decode(blob.spec.data).decode(errors="surrogateescape")

        return value

    return {
        "env": lambda name: env.get(name, ""),
        "secret": lookup("secret", secret_ids, secrets),
        "config": lookup("config", config_ids, configs),
    }


def _payload(kind: str, blob: Secret | Config, task: Task, functions: Mapping[str, Function]) -> bytes:
    data = base64.b64decode(blob.spec.data)
    driver = blob.spec.templating
    if driver is None:
        return data
    try:
        if driver.name != "golang":
            raise TemplateError("unrecognized template type")
        # Of the node, engines tell templates of configs and secrets only the id.
        return expand_payload(data, task, NodeDescription(), functions)
    except TemplateError as error:
        raise TemplateError(
            f"unable to get {kind} from {kind} store: failed to expand templated {kind} {blob.id}: {error}"
        ) from None


def _file(target: FileTarget, owned: FileTarget, data: bytes, directory: str) -> base.File:
    """A file where `target` says, in a directory unless that is a whole path, with owner and mode of `owned`."""
    path = target.name if target.name.startswith("/") else f"{directory}/{target.name}"
    return base.File(
        path=path,
        data=data,
        uid=int(owned.uid) if owned.uid.isdigit() else 0,
        gid=int(owned.gid) if owned.gid.isdigit() else 0,
        mode=owned.mode & 0o7777,
        secret=directory == SECRETS_DIRECTORY,
    )


def _system_labels(task: Task) -> dict[str, str]:
    return {
        "com.docker.swarm.node.id": task.node_id,
        "com.docker.swarm.service.id": task.service_id,
        "com.docker.swarm.service.name": task.service_name,
        "com.docker.swarm.task": "",
        "com.docker.swarm.task.id": task.id,
        "com.docker.swarm.task.name": task.name,
    }


def _mounts(spec: ContainerSpec, volumes: Iterable[str]) -> tuple[MountPoint, ...]:
    def find(reference: str) -> Container:
        raise not_found(f"No such container: {reference}")

    try:
        return mount_points(HostConfig(mounts=spec.mounts), volumes, find)
    except EngineError as error:
        raise TaskError(str(error)) from None


def _check_mounts(spec: ContainerSpec) -> None:
    """Rules that the API does not check: a violation rejects the task (MB: executor/container/validate.go)."""
    for mount in spec.mounts:
        if not mount.target.startswith("/"):
            raise TaskError(f"invalid mount target, must be an absolute path: {mount.target}")
        if mount.type == "bind" and not mount.source.startswith("/"):
            raise TaskError(f"invalid bind mount source, must be an absolute path: {mount.source}")
        if mount.type == "volume" and mount.source.startswith("/"):
            raise TaskError(f"invalid volume mount source, must not be an absolute path: {mount.source}")
        if mount.type == "tmpfs" and mount.source:
            raise TaskError("invalid tmpfs source, source must be empty")
