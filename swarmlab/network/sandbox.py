"""What one container sees of the networks it is on (libnetwork: sandbox_dns_unix.go, resolver.go, sandbox.go).

A sandbox answers two questions: which addresses a name has, as Docker's DNS server at 127.0.0.11 answers it, and where
on this machine, or outside, a connection to an address really goes.
"""

import asyncio
import errno
import ipaddress
import os
import random
from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

from swarmlab.network.outside import Echo, Outside
from swarmlab.network.ports import Ports
from swarmlab.network.relay import Door
from swarmlab.network.resolvconf import candidates
from swarmlab.network.room import Place, Record, Room
from swarmlab.network.traffic import Traffic

#: Seconds until the kernel gives up: on an address that nobody has, and on one that never answers.
NO_NEIGHBOUR, NO_ANSWER = 3.0, 127.0

#: Seconds that a ping takes within the lab, and the port that it is for.
_NEAR = (4e-5, 1.2e-4)
_NO_PORT = 0

#: The port that connections seem to come from: nobody can connect to it.
_SOURCE_PORT = 49152

_ORDER = {"overlay": 0, "ingress": 1, "macvlan": 2, "bridge": 3, "gateway": 4}
#: Networks of one node alone; those of kind `gateway` let nobody reach their neighbours.
_LOCAL = frozenset({"bridge", "gateway"})


class UnreachableError(OSError):
    """Raised for an address that cannot be reached; the kernel says so only after `delay` seconds of swarm time."""

    def __init__(self, number: int, delay: float = 0.0) -> None:
        super().__init__(number, os.strerror(number))
        self.delay = delay


class SilentError(UnreachableError):
    """Raised for an address on a node that is lost, as long as nobody has noticed that."""

    def __init__(self, noticed: asyncio.Future[None]) -> None:
        super().__init__(errno.ETIMEDOUT, NO_ANSWER)
        self.noticed = noticed


class Sleeper(Protocol):
    """What is needed of a clock."""

    async def sleep(self, seconds: float) -> None:
        """Return after so many seconds of swarm time."""


class Route(NamedTuple):
    """Where a connection goes: a port of a container (`sandbox`), or else a real address (`real`).

    The latter is that of a node's published port, or of somebody `outside`. `source` is the address that it comes from,
    `traffic` that of the container there.
    """

    port: int
    source: str = ""
    sandbox: "Sandbox | None" = None
    real: tuple[str, int] | None = None
    traffic: Traffic | None = None
    outside: bool = False

    def door(self) -> Door:
        """Where that is on this machine."""
        if self.real is not None:
            return Door(*self.real, comes=self.traffic)
        assert self.sandbox is not None
        return self.sandbox.door(self.port, self.source)._replace(comes=self.traffic)


class Nodes(Protocol):
    """The nodes of a lab, as containers meet them."""

    def reaches(self, node: str, other: str) -> bool:
        """Whether the network between two nodes is whole."""

    def at_address(self, address: str) -> str | None:
        """The node that has an address."""

    def gateways(self, node: str) -> Mapping[str, str]:
        """A node's own addresses on its bridges, by the id of the network."""

    def published_at(self, node: str, port: int) -> tuple[str, int] | None:
        """Where a published port of a node is on this machine."""


class Sandboxes(Protocol):
    """Finds the sandbox of another container."""

    def sandbox(self, container_id: str) -> "Sandbox":
        """The sandbox of a container."""

    def silent(self, node: str) -> asyncio.Future[None] | None:
        """What is done when others notice that a node is lost; None for one that is not."""


class Sandbox:
    """The network of one container; containers that share one share this."""

    def __init__(self, container_id: str, room: Room, nodes: Nodes, others: Sandboxes, outside: Outside) -> None:
        self.container_id = container_id
        #: Where the ports that listen really are, and where some can be told first by whom they are called (PROXY).
        self.ports = Ports()
        self.told: dict[int, tuple[str, int]] = {}
        #: The machine's own interfaces, where the machine's network is the container's; nobody is found by them.
        self.machine: tuple[Place, ...] = ()
        #: Whether somebody else on the machine listens at a port, where the machine's network is the container's.
        self.taken: Callable[[int], bool] = lambda port: False
        #: What has gone through its interfaces; on the loopback interface nothing is counted.
        self.traffic = Traffic()
        #: The source of each open connection, by the other end of it as the program sees that.
        self.origins: dict[tuple[str, int], str] = {}
        #: The container's hosts file, as it is now.
        self.hosts: Callable[[], str] = lambda: ""
        #: Its resolv.conf, and whether its C library is musl, which searches otherwise than glibc.
        self.resolv: Callable[[], str] = lambda: ""
        self.musl = False
        self._room = room
        self._nodes = nodes
        self._others = others
        self._outside = outside

    # --- itself ----------------------------------------------------------------------------------------------------

    @property
    def places(self) -> tuple[Place, ...]:
        """Its places on networks, in the order in which they are searched."""
        member = self._room.member(self.container_id)
        return () if member is None else tuple(sorted(member.places, key=_searched))

    @property
    def node(self) -> str:
        """The engine that it is on; empty when it does not run."""
        member = self._room.member(self.container_id)
        return "" if member is None else member.node

    @property
    def has_names(self) -> bool:
        """Whether Docker's DNS server is there: on every network but the default bridge."""
        return any(place.named for place in self.places)

    @property
    def has_way_out(self) -> bool:
        """Whether it is on a network that leads beyond itself."""
        member = self._room.member(self.container_id)
        return (member is not None and member.on_host) or any(
            place.kind in _LOCAL and not place.internal for place in self.places
        )

    def leads_out(self, address: str) -> bool:
        """Whether connections to an address leave the lab."""
        try:
            return self.route(address, _NO_PORT).outside
        except OSError:
            return False

    # --- names -----------------------------------------------------------------------------------------------------

    async def resolve(self, name: str) -> list[str]:
        """The addresses of a name of the lab, or else of one outside. Empty when unknown."""
        return self.lookup(name) or await self.forward(name)

    async def forward(self, name: str) -> list[str]:
        """The addresses that Docker's DNS server gets for a name from the machine's servers."""
        found = await self._outside.lookup(name) if self.has_way_out else ()
        # Nothing outside of a container is on its loopback interface.
        return [address for address in found if not ipaddress.ip_address(address).is_loopback]

    def lookup(self, name: str) -> list[str]:
        """The addresses of a name of the lab, as the C library finds them: a literal, the hosts file, DNS."""
        if (literal := _address(name)) is not None:
            return [literal]
        wanted = name.rstrip(".").lower()
        for line in self.hosts().splitlines():
            address, *names = line.partition("#")[0].split() or [""]
            if wanted in (known.lower() for known in names) and ":" not in address:
                return [address]
        answers = (self.query(candidate) for candidate in candidates(name, self.resolv(), musl=self.musl))
        return next((found for found in answers if found), [])

    def query(self, name: str) -> list[str]:
        """The IPv4 addresses that Docker's DNS server has for a name, in random order.

        `a.b.c` is looked for as it is, as `a.b` on the network `c`, and as `a` on the network `b.c`.
        """
        name = name.rstrip(".")
        labels = name.split(".")
        for cut in range(len(labels), 0, -1):
            found = self._find(".".join(labels[:cut]), ".".join(labels[cut:]))
            if found:
                random.shuffle(found)
                return found
        return []

    def reverse(self, address: str) -> str | None:
        """The name of a neighbour's address, with the network's after a dot."""
        names = (self._room.pointer(place.network, address) for place in self.places if place.named)
        return next((name for name in names if name is not None), None)

    def _find(self, name: str, network: str) -> list[str]:
        for place in self.places:
            if not place.named or network not in ("", place.network_name):
                continue
            known = self._room.records(place.network, dict(place.links).get(name, name))
            found = list(dict.fromkeys(r.address for r in known if ":" not in r.address and self._hears(place, r)))
            if found:
                return found
        return []

    def _hears(self, place: Place, record: Record) -> bool:
        return place.kind in _LOCAL or self._expects(record.node)

    # --- ports -----------------------------------------------------------------------------------------------------

    def door(self, port: int, source: str) -> Door:
        """Where a port that listens really is, for a connection from an address. Raises KeyError when it does not."""
        if source and (told := self.told.get(port)) is not None:
            own = next((host for place in self.places for host in place.hosts[:1]), "127.0.0.1")
            greeting = f"PROXY TCP4 {source} {own} {_SOURCE_PORT} {port}\r\n".encode()
            return Door(*told, source, greeting, there=self.traffic)
        return Door(*self.ports[port], source, origins=self.origins, there=self.traffic)

    # --- connections -----------------------------------------------------------------------------------------------

    def route(self, address: str, port: int) -> Route:
        """Where a connection to an address goes. Raises ConnectionRefusedError or UnreachableError."""
        ip = ipaddress.ip_address(address)
        places = self.places
        if (member := self._room.member(self.container_id)) is not None and member.on_host:
            return self._from_host(address, port)
        if ip.is_loopback and (node := self._nodes.at_address(address)) is not None and address != "127.0.0.1":
            return self._at_node(node, port)
        if ip.is_loopback or ip.is_unspecified or any(address in place.hosts for place in places):
            return self._at_container(self.container_id, port, "127.0.0.1" if ip.is_loopback else address)
        for place in places:
            if any(ip in ipaddress.ip_network(own, strict=False) for own in place.addresses):
                return self._neighbour(place, address, port)
        if (node := self._own_gateway(address)) is not None:
            return self._at_node(node, port)
        if not self.has_way_out:
            if any(place.kind == "macvlan" and place.gateway for place in places):
                # The router that it believes in is on a wire where only containers are.
                raise UnreachableError(errno.EHOSTUNREACH, NO_NEIGHBOUR)
            raise UnreachableError(errno.ENETUNREACH)
        if (node := self._nodes.at_address(address)) is not None:
            return self._at_node(node, port)
        return self._beyond(address, port)

    async def reach(self, address: str, port: int, clock: Sleeper) -> Route:
        """Where a connection to an address goes, once it is known. Raises OSError as connect() does, and as late.

        TCP tries again and again to get to a node that is lost; what it sends goes elsewhere once that is noticed.
        """
        while True:
            try:
                return self.route(address, port)
            except SilentError as error:
                await asyncio.shield(error.noticed)
            except UnreachableError as error:
                await clock.sleep(error.delay)
                raise

    async def echo(self, address: str, size: int, limit: float) -> Echo | None:
        """The answer to a ping with `size` bytes of data; None when there is none.

        From outside it has to come within `limit` seconds of real time. Raises OSError when none can be sent.
        """
        near = Echo(random.uniform(*_NEAR))  # noqa: S311 (for show)
        if any(self._room.is_virtual(place.network, address) for place in self.places):
            return near
        try:
            route = self.route(address, _NO_PORT)
        except ConnectionRefusedError:
            return near
        except UnreachableError as error:
            if error.delay:
                return None
            raise
        return await self._outside.echo(address, size, limit) if route.outside else near

    def _from_host(self, address: str, port: int) -> Route:
        """Where a connection goes that begins at the node itself: to a node's port, or to a container on a bridge."""
        ip = ipaddress.ip_address(address)
        bridges = self._nodes.gateways(self.node)
        node = self._nodes.at_address(address)
        # 127.0.0.1 is everybody's own, though a node has this address.
        own = address in {"127.0.0.1", *bridges.values()} or ip.is_unspecified
        if own or (ip.is_loopback and node is None):
            node = self.node
        if node == self.node and port in self.ports:
            return self._at_container(self.container_id, port, address)
        if node is not None:
            return self._at_node(node, port)
        for network, gateway in bridges.items():
            if (member := self._room.at(network, address)) is not None:
                return self._at_container(member.container_id, port, gateway)
        return self._beyond(address, port)

    def _beyond(self, address: str, port: int) -> Route:
        """Where packets go that leave the node."""
        real = self._outside.real(address, port)
        if real is not None and not self._room.spans(address):
            return Route(port, real=real, traffic=self.traffic, outside=True)
        if ipaddress.ip_address(address).is_private:
            # Another network's: the packets leave through the gateway, and nobody ever answers.
            raise UnreachableError(errno.ETIMEDOUT, NO_ANSWER)
        raise UnreachableError(errno.ENETUNREACH)

    def _neighbour(self, place: Place, address: str, port: int) -> Route:
        if place.kind == "gateway":
            if address == place.gateway:
                return self._at_node(self.node, port)
            raise UnreachableError(errno.ETIMEDOUT, NO_ANSWER)
        source = place.hosts[0]
        if self._room.is_virtual(place.network, address):
            chosen = self._room.next_backend(self.node, place.network, address, self._expects)
            if chosen is None:
                raise ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
            self._check_silence(chosen.node)
            return self._at_container(chosen.container_id, port, source)
        member = self._room.at(place.network, address)
        if member is not None:
            self._check_silence(member.node)
            if place.kind not in _LOCAL and not self._reaches(member.node):
                raise UnreachableError(errno.ETIMEDOUT, NO_ANSWER)
            return self._at_container(member.container_id, port, source)
        if (node := self._own_gateway(address)) is not None:
            return self._at_node(node, port)
        raise UnreachableError(errno.EHOSTUNREACH, NO_NEIGHBOUR)

    def _at_container(self, container_id: str, port: int, source: str) -> Route:
        sandbox = self._others.sandbox(container_id)
        if port not in sandbox.ports:
            raise ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
        return Route(port, source, sandbox, traffic=self.traffic)

    def _at_node(self, node: str, port: int) -> Route:
        if not self._reaches(node):
            raise UnreachableError(errno.ETIMEDOUT, NO_ANSWER)
        if (real := self._nodes.published_at(node, port)) is None:
            raise ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
        return Route(port, real=real, traffic=self.traffic)

    def _own_gateway(self, address: str) -> str | None:
        """The node itself, when the address is one of its bridges'."""
        return self.node if address in self._nodes.gateways(self.node).values() else None

    def _reaches(self, node: str) -> bool:
        return self._nodes.reaches(self.node, node)

    def _expects(self, node: str) -> bool:
        """Whether it takes a node for one that it reaches."""
        return self._reaches(node) or self._others.silent(node) is not None

    def _check_silence(self, node: str) -> None:
        if (noticed := self._others.silent(node)) is not None:
            raise SilentError(noticed)


def _searched(place: Place) -> tuple[int, bool, str]:
    return _ORDER[place.kind], place.internal, place.network_name


def _address(text: str) -> str | None:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None
