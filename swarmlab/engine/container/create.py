"""A container made by hand, from what a client asks for (MB: daemon/{create,container}.go)."""

import posixpath
import re
from collections.abc import Callable, Mapping

import msgspec

from swarmlab.engine.container.environment import merged_env
from swarmlab.engine.container.hostchecks import adapted, check_directory, check_health, check_host
from swarmlab.engine.container.logdrivers import DEFAULT_DRIVER
from swarmlab.engine.container.mounts import check_mounts, mount_points
from swarmlab.engine.container.names import random_name
from swarmlab.engine.container.signals import signal_number
from swarmlab.engine.errors import EngineError, bad_request, internal
from swarmlab.engine.image.imageconfig import merged_health
from swarmlab.engine.image.images import LocalImages
from swarmlab.engine.swarm.addresses import is_address
from swarmlab.images import ImageConfig
from swarmlab.objects import new_container_id
from swarmlab.objects.local import Container
from swarmlab.objects.run import (
    ContainerRequest,
    EndpointIPAMConfig,
    EndpointSettings,
    HostConfig,
    NetworkingConfig,
)

_NAME = re.compile(r"/?[a-zA-Z0-9][a-zA-Z0-9_.-]+")
_PORT = re.compile(r"(\d{1,5})(?:/(tcp|udp|sctp))?")
_HOST_PORT = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?|")


def checked_name(name: str) -> str:
    """The name without its slash. Raises EngineError (400)."""
    if not _NAME.fullmatch(name):
        raise bad_request(f"Invalid container name ({name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed")
    return name.removeprefix("/")


def build(
    request: ContainerRequest, name: str, images: LocalImages, node: str, cpus: int, find: Callable[[str], Container]
) -> Container:
    """A record for the container, the image's defaults merged in; a random name if it has none. See `equipped`.

    `node` is the machine's name and `cpus` how many processors it has; `find` is asked for containers that it shares
    something with. Raises EngineError with Docker's words.
    """
    # What it asks of its machine and its networks is beside the configuration, and does not make one.
    asked = msgspec.structs.replace(request, host_config=HostConfig(), networking_config=NetworkingConfig())
    if asked == ContainerRequest():
        raise bad_request("Config cannot be empty in order to create a container")
    _check_network_mode(request)
    _check(request, cpus)
    host = _shared(request.host_config, find)
    image = images.get(request.image)
    entrypoint, cmd = _command(request, image.config)
    process = (*entrypoint, *cmd)
    if not process:
        raise bad_request("No command specified")
    container_id = new_container_id()
    volumes = tuple(sorted({*image.config.volumes, *request.volumes}))
    mode, hostname = _network_mode(host.network_mode or "default", node if host.network_mode == "host" else "", find)
    return Container(
        id=container_id,
        name=checked_name(name) if name else random_name(),
        image=request.image,
        image_id=image.id,
        hostname=request.hostname or hostname or container_id[:12],
        domainname=request.domainname,
        path=process[0],
        args=process[1:],
        entrypoint=entrypoint,
        cmd=cmd,
        env=merged_env(image.config.env, request.env),
        working_dir=posixpath.normpath(request.working_dir) if request.working_dir else image.config.working_dir,
        user=request.user or image.config.user,
        labels=dict(sorted({**image.config.labels, **request.labels}.items())),
        stop_signal=request.stop_signal or image.config.stop_signal,
        stop_timeout=request.stop_timeout,
        tty=request.tty,
        open_stdin=request.open_stdin,
        stdin_once=request.stdin_once,
        attach_stdin=request.attach_stdin,
        attach_stdout=request.attach_stdout,
        attach_stderr=request.attach_stderr,
        healthcheck=merged_health(request.healthcheck, image.config.healthcheck),
        exposed_ports=tuple(sorted({_key(p) for p in (*image.config.exposed_ports, *request.exposed_ports)})),
        attachments=_attachments(request, mode),
        volumes=volumes,
        tmpfs=host.tmpfs,
        read_only=host.readonly_rootfs,
        memory=host.memory,
        # No limit is null to whoever looks.
        host=msgspec.structs.replace(
            adapted(host),
            network_mode=mode,
            security_opt=_security(host),
            pids_limit=host.pids_limit if (host.pids_limit or 0) > 0 else None,
            log_config=msgspec.structs.replace(host.log_config, type=host.log_config.type or DEFAULT_DRIVER),
        ),
    )


def equipped(container: Container, find: Callable[[str], Container]) -> Container:
    """The record with its mounts. Raises EngineError: its name was given to it by then (MB: daemon/create.go)."""
    host = container.wanted
    _check_links(host, find)
    points = mount_points(host, container.volumes, lambda reference: _found(reference, find))
    return msgspec.structs.replace(container, mounts=points)


def _security(host: HostConfig) -> tuple[str, ...]:
    """The security options, with Docker's own for what shares the machine's processes (MB: generateSecurityOpt)."""
    shares = host.privileged or "host" in {host.ipc_mode, host.pid_mode}
    if not shares or any(option.partition("=")[0] == "label" for option in host.security_opt):
        return tuple(host.security_opt)
    return (*host.security_opt, "label=disable")


def _check_network_mode(request: ContainerRequest) -> None:
    """Raise EngineError (400) for what a container cannot have that has another network (MB: runconfig)."""
    host = request.host_config
    kind, _, other = host.network_mode.partition(":")
    shares = kind == "container"
    if shares and not other:
        raise bad_request("Invalid network mode: invalid container format container:<name|id>")
    conflicts = (
        (shares and request.hostname, "hostname and the network mode"),
        (
            shares and host.links,
            "container type network can't be used with links. This would result in undefined behavior",
        ),
        (shares and host.dns, "dns and the network mode"),
        (shares and host.extra_hosts, "custom host-to-IP mapping and the network mode"),
        ((shares or kind == "host") and request.mac_address, "mac-address and the network mode"),
        (
            shares and (host.port_bindings or host.publish_all_ports),
            "port publishing and the container type network mode",
        ),
        (shares and request.exposed_ports, "port exposing and the container type network mode"),
        (host.uts_mode == "host" and request.hostname, "hostname and the UTS mode"),
    )
    for found, text in conflicts:
        if found:
            raise bad_request(f"conflicting options: {text}")


def _shared(host: HostConfig, find: Callable[[str], Container]) -> HostConfig:
    """The same, with the ids of the containers that it shares something with. Raises EngineError (400)."""
    if host.links and host.network_mode == "host":
        raise bad_request(
            "conflicting options: host type networking can't be used with links. "
            "This would result in undefined behavior"
        )
    return msgspec.structs.replace(host, ipc_mode=_by_id(host.ipc_mode, find), pid_mode=_by_id(host.pid_mode, find))


def _check_links(host: HostConfig, find: Callable[[str], Container]) -> None:
    # On a network of the user's a link is an alias, be there such a container or not.
    # Source: MB: daemon/daemon_unix.go, registerLinks.
    users_own = host.network_mode.partition(":")[0] not in {"", "default", "bridge", "host", "none", "container"}
    for link in () if users_own else host.links:
        name = link.partition(":")[0]
        if not link:
            raise internal("empty string specified for links")
        if link.count(":") > 1:
            raise internal(f"bad format for links: {link}")
        if not name:
            raise bad_request('could not get container for : invalid name or ID supplied: ""')
        try:
            find(name)
        except EngineError as error:
            raise bad_request(f"could not get container for {name}: {error}") from None


def _by_id(mode: str, find: Callable[[str], Container]) -> str:
    kind, _, reference = mode.partition(":")
    return f"container:{_found(reference, find).id}" if kind == "container" else mode


def _found(reference: str, find: Callable[[str], Container]) -> Container:
    """As `find`; one that is not there is the request's fault, for clients take 404 for an image that is missing."""
    try:
        return find(reference)
    except EngineError as error:
        raise bad_request(str(error)) from None


def _network_mode(mode: str, hostname: str, find: Callable[[str], Container]) -> tuple[str, str]:
    """The mode with the id of the container whose network is shared, if that is there, and the host name to have."""
    kind, _, reference = mode.partition(":")
    if kind != "container":
        return mode, hostname
    try:
        other = find(reference)
    except EngineError:
        # It is missed when this one starts.
        return mode, hostname
    return f"container:{other.id}", other.hostname


def _attachments(request: ContainerRequest, mode: str) -> dict[str, EndpointSettings]:
    """What is asked of the networks; without a word about any, the one of the mode. Raises EngineError (400)."""
    if mode.startswith("container:"):
        return {}
    config = request.networking_config
    for settings in config.endpoints_config.values():
        wanted = settings.ipam_config or EndpointIPAMConfig()
        for family, address in ((4, wanted.ipv4_address), (6, wanted.ipv6_address)):
            if address and not is_address(address, family):
                raise bad_request(f"invalid IPv{family} address: {address}")
    asked = config.endpoints_config or {mode: EndpointSettings()}
    named = {"bridge" if name == "default" else name: settings for name, settings in asked.items()}
    if request.mac_address and (first := named.get("bridge" if mode == "default" else mode)) is not None:
        if first.mac_address not in {"", request.mac_address}:
            raise bad_request(
                "the container-wide MAC address must match the endpoint-specific MAC address for the main network, "
                "or be left empty"
            )
        named["bridge" if mode == "default" else mode] = msgspec.structs.replace(first, mac_address=request.mac_address)
    return named


def _command(request: ContainerRequest, image: ImageConfig) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Entrypoint and arguments: an entrypoint of one's own leaves nothing of the image's command.

    An empty list takes the image's entrypoint away, and leaves its command.
    """
    if not request.entrypoint:
        kept = tuple(image.entrypoint) if request.entrypoint is None else ()
        return kept, tuple(request.cmd or image.cmd)
    entrypoint = () if request.entrypoint == ("",) else request.entrypoint
    return entrypoint, request.cmd


def _check(request: ContainerRequest, cpus: int) -> None:
    check_directory(request.working_dir)
    for variable in request.env:
        if not variable or variable.startswith("="):
            raise bad_request(f"invalid environment variable: {variable}")
    if request.stop_signal:
        signal_number(request.stop_signal)
    check_health(request.healthcheck)
    check_host(request.host_config, cpus)
    check_mounts(request.host_config)
    _check_ports(request.host_config, request.exposed_ports)


def _check_ports(host: HostConfig, exposed: Mapping[str, object]) -> None:
    for key in (*exposed, *host.port_bindings):
        match = _PORT.fullmatch(key)
        if match is None or not 0 < int(match[1]) < 1 << 16:
            # One that is none is told without its protocol, a wrong protocol with the port.
            number = key.partition("/")[0]
            is_port = number.isdecimal() and int(number) < 1 << 16
            raise bad_request(f'invalid port specification: "{key if is_port else number}"')
    for bindings in host.port_bindings.values():
        for binding in bindings:
            match = _HOST_PORT.fullmatch(binding.host_port)
            first, last = (int(match[1] or 0), int(match[2] or match[1] or 0)) if match else (1, 0)
            if not first <= last < 1 << 16:
                raise bad_request(f'invalid port specification: "{binding.host_port}"')


def _key(port: str) -> str:
    return port if "/" in port else f"{port}/tcp"
