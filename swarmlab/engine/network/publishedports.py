"""Which ports of its node a container has, run by hand or of a task (libnetwork: portallocator, drivers/bridge)."""

from collections.abc import Callable, Iterable, Iterator
from secrets import token_hex
from typing import NamedTuple

from swarmlab.engine.errors import internal
from swarmlab.objects import PortConfig
from swarmlab.objects.local import Container
from swarmlab.objects.run import HostPort

#: Where the engine looks for a port that nobody has asked for by number.
_FIRST, _LAST = 32768, 60999
_SHARED = frozenset({"host", "none"})
_ANYWHERE = "0.0.0.0"  # noqa: S104 (a text)


class Asked(NamedTuple):
    """A port of a container that is to be published; at any of `among`, at the address."""

    target: int
    protocol: str
    among: range
    address: str


class PublishedPorts:
    """Finds ports of a node. Whoever wants any gets the next one, and not that which was given back last."""

    def __init__(self, taken: Callable[[], Iterable[int]]) -> None:
        """`taken` are ports that services publish here."""
        self._taken = taken
        #: The ports in use here, by container.
        self._published: dict[str, tuple[PortConfig, ...]] = {}
        self._next = dict.fromkeys(("tcp", "udp", "sctp"), _FIRST)

    def publish(self, container: Container) -> tuple[PortConfig, ...]:
        """The container's ports, each with the number that it is published at. Raises EngineError (500).

        One that did not end, but whose lab did, has those that it had.
        """
        self.give_back(container.id)
        used = {(p.published_port, p.protocol) for ports in self._published.values() for p in ports}
        used |= {(port, "tcp") for port in self._taken()}
        found: dict[Asked, list[int]] = {}
        asked = list(asked_ports(container))
        before: dict[tuple[int, str], list[int]] = {}
        for had in container.ports:
            before.setdefault((had.target_port, had.protocol), []).append(had.published_port)
        # The highest is served first.
        for port in sorted(asked, key=lambda each: each.target, reverse=True):
            numbers = before.get((port.target, port.protocol), [])
            number = numbers.pop(0) if numbers else 0
            fits = number in port.among if port.among.start else number > 0
            if not fits or (number, port.protocol) in used:
                number = self._number(port, used, f"{container.name} ({token_hex(32)})")
            used.add((number, port.protocol))
            found.setdefault(port, []).append(number)
        self._published[container.id] = tuple(_config(port, found[port].pop(0)) for port in asked)
        return self._published[container.id]

    def give_back(self, container_id: str) -> None:
        """What a container had may be had by others; a container that has nothing is ignored."""
        self._published.pop(container_id, None)

    def clear(self) -> None:
        """The engine ends: nothing is published any more, and numbers begin anew."""
        self._published.clear()
        self._next = dict.fromkeys(self._next, _FIRST)

    def _number(self, port: Asked, used: set[tuple[int, str]], endpoint: str) -> int:
        complaint = f"driver failed programming external connectivity on endpoint {endpoint}: "
        first, last = port.among.start, port.among.stop - 1
        if first and first == last and (first, port.protocol) in used:
            raise internal(f"{complaint}Bind for {port.address}:{first} failed: port is already allocated")
        begin = first or self._next[port.protocol]
        among = port.among if first else (*range(begin, _LAST + 1), *range(_FIRST, begin))
        number = next((each for each in among if (each, port.protocol) not in used), 0)
        if not number:
            raise internal(f"{complaint}all ports are allocated")
        if not first:
            self._next[port.protocol] = number + 1 if number < _LAST else _FIRST
        return number


def asked_ports(container: Container) -> Iterator[Asked]:
    """The ports that a container wants published. What it does not expose is not published either."""
    host = container.wanted
    if host.network_mode in _SHARED or host.network_mode.startswith("container:"):
        return
    wanted = {key if "/" in key else f"{key}/tcp": bindings for key, bindings in host.port_bindings.items()}
    for key in container.exposed_ports:
        bindings = wanted.get(key, ())
        yield from (_asked(key, binding) for binding in bindings)
        if host.publish_all_ports and not bindings:
            yield _asked(key, HostPort())


def _asked(key: str, binding: HostPort) -> Asked:
    target, _, protocol = key.partition("/")
    first, _, last = binding.host_port.partition("-")
    among = range(int(first or 0), int(last or first or 0) + 1)
    return Asked(int(target), protocol or "tcp", among, binding.host_ip or _ANYWHERE)


def _config(port: Asked, number: int) -> PortConfig:
    return PortConfig(protocol=port.protocol, target_port=port.target, published_port=number, publish_mode="host")
