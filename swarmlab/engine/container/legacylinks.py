"""Links of the first bridge (`--link`): names, and variables about the linked container (MB: daemon/links)."""

from collections.abc import Callable, Iterable, Iterator

import msgspec

from swarmlab.engine.errors import EngineError, internal
from swarmlab.objects.local import Container

_BRIDGE = "bridge"
#: Variables of the linked container that say nothing of it.
_NOT_TOLD = frozenset({"HOME", "PATH"})
_PROTOCOLS = ("tcp", "udp", "sctp")


def links_of(container: Container) -> Iterator[tuple[str, str]]:
    """What a container is linked to, by reference, and the alias of each; those of other networks are none of these."""
    host = container.wanted
    if host.network_mode not in {"", "default", "bridge", "none"}:
        return
    for link in host.links:
        reference, _, alias = link.partition(":")
        yield reference, alias.rpartition("/")[2] or reference.removeprefix("/")


def link_names(containers: Iterable[Container]) -> dict[str, list[str]]:
    """The names of links, `/OTHER/ALIAS`, by what they lead to: an id or a name."""
    found: dict[str, list[str]] = {}
    for container in containers:
        for reference, alias in links_of(container):
            found.setdefault(reference.removeprefix("/"), []).append(f"/{container.name}/{alias}")
    return found


def check_linked(container: Container, find: Callable[[str], Container]) -> None:
    """A link leads to the first bridge (MB: daemon/links_linux.go). Raises EngineError (500)."""
    for reference, _ in links_of(container) if _BRIDGE in container.attachments else ():
        try:
            other = find(reference)
        except EngineError:
            # A link goes with its container.
            continue
        if _BRIDGE not in other.attachments:
            raise internal(f"Cannot link to /{other.name}, as it does not belong to the default network")


def link_variables(container: Container, find: Callable[[str], Container]) -> list[str]:
    """What a container on the first bridge is told of those that it is linked to. Raises EngineError (500)."""
    if _BRIDGE not in container.attachments:
        return []
    found: dict[str, str] = {}
    for reference, alias in links_of(container):
        try:
            other = find(reference)
        except EngineError:
            # A link goes with its container.
            continue
        name = f"/{container.name}/{alias}"
        if not other.state.runs:
            raise internal(f"Cannot link to a non running container: /{other.name} AS {name}")
        if not (address := _address(other)):
            raise internal(f"container {other.id} not attached to default bridge network")
        found.update(_told(alias.upper().replace("-", "_"), name, address, other))
    return [f"{key}={value}" for key, value in found.items()]


def unlinked(container: Container, alias: str) -> Container:
    """The container without that link."""
    assert container.host is not None
    kept = (link for link in container.host.links if (link.partition(":")[2] or link).rpartition("/")[2] != alias)
    return msgspec.structs.replace(container, host=msgspec.structs.replace(container.host, links=tuple(kept)))


def _address(container: Container) -> str:
    bridge = container.attachments.get(_BRIDGE)
    if bridge is None:
        return ""
    addresses = (a for e in container.endpoints if e.network_id == bridge.network_id for a in e.addresses)
    return next(addresses, "").partition("/")[0]


def _told(prefix: str, name: str, address: str, other: Container) -> Iterator[tuple[str, str]]:
    ports = sorted((_port(key) for key in other.exposed_ports), key=lambda port: (port[0], _PROTOCOLS.index(port[1])))
    if ports:
        number, protocol = ports[0]
        yield f"{prefix}_PORT", f"{protocol}://{address}:{number}"
    at = 0
    while at < len(ports):
        last = _contiguous(ports, at)
        if last > at + 1:
            (number, protocol), (end, of_end) = ports[at], ports[last]
            first, until = f"{prefix}_PORT_{number}_{protocol.upper()}", f"{prefix}_PORT_{number}_{of_end.upper()}"
            yield f"{first}_START", f"{protocol}://{address}:{number}"
            yield f"{first}_ADDR", address
            yield f"{first}_PROTO", protocol
            yield f"{first}_PORT_START", str(number)
            yield f"{until}_END", f"{of_end}://{address}:{end}"
            yield f"{until}_PORT_END", str(end)
            at = last + 1
        else:
            at += 1
    for number, protocol in ports:
        each = f"{prefix}_PORT_{number}_{protocol.upper()}"
        yield each, f"{protocol}://{address}:{number}"
        yield f"{each}_ADDR", address
        yield f"{each}_PORT", str(number)
        yield f"{each}_PROTO", protocol
    yield f"{prefix}_NAME", name
    for variable in other.env:
        key, equals, value = variable.partition("=")
        if equals and key not in _NOT_TOLD:
            yield f"{prefix}_ENV_{key}", value


def _contiguous(ports: list[tuple[int, str]], at: int) -> int:
    """Where the ports end that follow this one without a gap."""
    number = ports[at][0]
    for index in range(at + 1, len(ports)):
        if ports[index][0] > number + 1:
            return index - 1
        number += 1
    return len(ports) - 1


def _port(key: str) -> tuple[int, str]:
    number, _, protocol = key.partition("/")
    return int(number), protocol or "tcp"
