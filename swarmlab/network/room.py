"""Who is on which network, under which names (libnetwork: network.go, service_common.go)."""

from collections.abc import Callable, Iterable, Mapping
from ipaddress import ip_address, ip_interface
from typing import NamedTuple

import msgspec


class Place(msgspec.Struct, frozen=True):
    """A container's place on one network. `addresses` have a prefix length; the IPv4 one comes first.

    `network` is the id, `network_name` the name that may follow a name after a dot. `names` are what others on the
    network call the container; on the default bridge (`named` false) nobody has names. A `kind` is `overlay`,
    `ingress`, `macvlan` (ipvlan too), `bridge` or `gateway`, the order in which names are looked for.
    """

    network: str
    network_name: str
    addresses: tuple[str, ...]
    gateway: str = ""
    kind: str = "bridge"
    names: tuple[str, ...] = ()
    named: bool = True
    internal: bool = False
    #: What the container itself calls others there: aliases, and the names that these stand for.
    links: tuple[tuple[str, str], ...] = ()
    #: Its hardware address, if one was asked for.
    mac: str = ""
    #: The interface inside: its name, its number and that of the one it is linked to.
    interface: str = "eth0"
    link: int = 0
    peer: int = 0

    @property
    def hosts(self) -> tuple[str, ...]:
        """The addresses without prefix lengths."""
        return tuple(address.partition("/")[0] for address in self.addresses)


class Member(msgspec.Struct, frozen=True):
    """A container that runs, as networks know it. `node` is that of its engine.

    One that is not `announced` has addresses but no names yet: a task's, until it is healthy. One `on_host` has the
    network of its node instead of places of its own.
    """

    container_id: str
    node: str
    name: str
    places: tuple[Place, ...]
    announced: bool = True
    on_host: bool = False


class Binding(msgspec.Struct, frozen=True):
    """A task behind its service, on networks by their ids. A network without a virtual IP answers in turns (dnsrr)."""

    task_id: str
    container_id: str
    service_id: str
    service_name: str
    networks: tuple[str, ...]
    vips: Mapping[str, str] = {}
    aliases: Mapping[str, tuple[str, ...]] = {}


class Record(NamedTuple):
    """One address that a name stands for, as long as its owner is there."""

    address: str
    node: str


class Backend(NamedTuple):
    """A container behind a virtual IP."""

    container_id: str
    node: str
    active: bool


class Presence(NamedTuple):
    """A container on a network: at an address without prefix length, for a service (with its id) or none (empty)."""

    container_id: str
    name: str
    node: str
    address: str
    service: str = ""
    service_id: str = ""
    vip: str = ""


class _Owner(NamedTuple):
    """Whose names go together: a `container`'s, a `task`'s of its service, or a service's through a task (`vip`)."""

    kind: str
    id: str


class Room:
    """The tables. Everything is by network id; names are in lower case."""

    def __init__(self) -> None:
        self._members: dict[str, Member] = {}
        #: The containers at each address.
        self._addresses: dict[tuple[str, str], str] = {}
        #: What each name of a network stands for, by owner and address, and which records an owner has.
        self._names: dict[tuple[str, str], dict[tuple[_Owner, str], Record]] = {}
        self._owned: dict[_Owner, set[tuple[str, str, str]]] = {}
        self._pointers: dict[tuple[str, str], str] = {}
        self._bindings: dict[str, Binding] = {}
        self._tasks: dict[str, str] = {}
        self._withdrawn: set[str] = set()
        self._backends: dict[tuple[str, str], dict[str, Backend]] = {}
        #: The aliases of each virtual IP: those of the first task behind it, as long as anybody is (MB: libnetwork,
        #: service_common.go, addServiceBinding adds names with the load balancer only).
        self._aliases: dict[tuple[str, str], tuple[str, ...]] = {}
        self._turns: dict[tuple[str, str, str], int] = {}

    def present(self, network: str) -> list[Presence]:
        """Who is on a network: the tasks that take connections, and containers that belong to no service."""
        found = []
        for member in self._members.values():
            address = next((host for place in member.places if place.network == network for host in place.hosts), "")
            binding = self._bindings.get(self._tasks.get(member.container_id, ""))
            if not address or (binding is None and not member.announced):
                continue
            where = Presence(member.container_id, member.name, member.node, address)
            if binding is None:
                found.append(where)
            elif binding.task_id not in self._withdrawn:
                vip = binding.vips.get(network, "")
                found.append(where._replace(service=binding.service_name, service_id=binding.service_id, vip=vip))
        return found

    # --- writing ---------------------------------------------------------------------------------------------------

    def join(self, member: Member) -> None:
        """A container is on networks from now on; what was known of it is replaced, but not its part in a service."""
        binding = self._bindings.get(self._tasks.get(member.container_id, ""))
        withdrawn = binding is not None and binding.task_id in self._withdrawn
        self.leave(member.container_id)
        self._members[member.container_id] = member
        for place in member.places:
            for host in place.hosts:
                self._addresses[place.network, host] = member.container_id
        if member.announced:
            self._announce(member)
        if binding is not None:
            self.bind(binding)
            if withdrawn:
                self.withdraw(binding.task_id)

    def leave(self, container_id: str) -> None:
        """A container has ended. Unknown ones are ignored."""
        if (task_id := self._tasks.pop(container_id, None)) is not None:
            self.unbind(task_id)
        member = self._members.pop(container_id, None)
        if member is None:
            return
        self._silence(member)
        for place in member.places:
            for host in place.hosts:
                if self._addresses.get((place.network, host)) == container_id:
                    del self._addresses[place.network, host]

    def bind(self, binding: Binding) -> None:
        """A task is ready for connections to its service. Binding it again replaces what was known of it."""
        self.unbind(binding.task_id)
        member = self._members.get(binding.container_id)
        if member is None:
            return
        self._bindings[binding.task_id] = binding
        self._tasks[binding.container_id] = binding.task_id
        self._announce(member)
        task, service = _Owner("task", binding.task_id), _Owner("vip", binding.task_id)
        for place in member.places:
            if place.network not in binding.networks:
                continue
            vip = binding.vips.get(place.network, "")
            aliases = binding.aliases.get(place.network, ())
            for name in (binding.service_name, *aliases):
                for host in place.hosts:
                    self._add(place.network, f"tasks.{name}", task, Record(host, member.node))
                    if not vip:
                        self._add(place.network, name, task, Record(host, member.node))
            if vip:
                for name in (binding.service_name, *self._aliases.setdefault((place.network, vip), aliases)):
                    self._add(place.network, name, service, Record(vip, member.node))
                backend = Backend(binding.container_id, member.node, active=True)
                self._backends.setdefault((place.network, vip), {})[binding.task_id] = backend

    def withdraw(self, task_id: str) -> None:
        """A task gets no new connections: it has no names any more. Its service keeps its own while a task is there."""
        binding = self._bindings.get(task_id)
        if binding is None:
            return
        self._withdrawn.add(task_id)
        member = self._members.get(binding.container_id)
        if member is not None:
            self._silence(member)
        self._forget(_Owner("task", task_id))
        for network, vip in binding.vips.items():
            backends = self._backends.get((network, vip), {})
            if task_id in backends:
                backends[task_id] = backends[task_id]._replace(active=False)

    def unbind(self, task_id: str) -> None:
        """A task is no longer part of its service. Unknown ones are ignored."""
        self.withdraw(task_id)
        binding = self._bindings.pop(task_id, None)
        self._withdrawn.discard(task_id)
        if binding is None:
            return
        self._forget(_Owner("vip", task_id))
        for network, vip in binding.vips.items():
            backends = self._backends.get((network, vip), {})
            backends.pop(task_id, None)
            if not backends:
                self._backends.pop((network, vip), None)
                self._aliases.pop((network, vip), None)
                for key in [key for key in self._turns if key[1:] == (network, vip)]:
                    del self._turns[key]

    # --- reading ---------------------------------------------------------------------------------------------------

    def member(self, container_id: str) -> Member | None:
        """A container that runs."""
        return self._members.get(container_id)

    def on(self, node: str) -> list[str]:
        """The containers of a node."""
        return [container_id for container_id, member in self._members.items() if member.node == node]

    def at(self, network: str, address: str) -> Member | None:
        """Who has an address on a network."""
        return self._members.get(self._addresses.get((network, address), ""))

    def spans(self, address: str) -> bool:
        """Whether an address is one of a network that a container is on, anybody's there or not."""
        known = {own for member in self._members.values() for place in member.places for own in place.addresses}
        ip = ip_address(address)
        return any(ip in ip_interface(own).network for own in known)

    def taken(self, network: str) -> set[str]:
        """The addresses of containers on a network."""
        return {address for known, address in self._addresses if known == network}

    def records(self, network: str, name: str) -> Iterable[Record]:
        """What a name stands for on a network."""
        return self._names.get((network, name.lower()), {}).values()

    def pointer(self, network: str, address: str) -> str | None:
        """The name of the container at an address of a network."""
        return self._pointers.get((network, address))

    def is_virtual(self, network: str, address: str) -> bool:
        """Whether an address of a network is a service's."""
        return (network, address) in self._backends

    def next_backend(self, node: str, network: str, vip: str, reaches: Callable[[str], bool]) -> Member | None:
        """The container whose turn it is behind a virtual IP; None when no active one can be reached.

        Like IPVS, each node counts its own turns.
        """
        known = self._backends.get((network, vip), {}).values()
        active = [backend for backend in known if backend.active and reaches(backend.node)]
        if not active:
            return None
        key = (node, network, vip)
        turn = self._turns[key] = self._turns.get(key, -1) + 1
        return self._members.get(active[turn % len(active)].container_id)

    # --- inside ----------------------------------------------------------------------------------------------------

    def _announce(self, member: Member) -> None:
        for place in member.places:
            if not place.named:
                continue
            for host in place.hosts:
                for name in place.names:
                    self._add(place.network, name, _Owner("container", member.container_id), Record(host, member.node))
                self._pointers[place.network, host] = f"{member.name}.{place.network_name}"

    def _silence(self, member: Member) -> None:
        for place in member.places:
            for host in place.hosts:
                self._pointers.pop((place.network, host), None)
        self._forget(_Owner("container", member.container_id))

    def _add(self, network: str, name: str, owner: _Owner, record: Record) -> None:
        name = name.lower()
        self._names.setdefault((network, name), {})[owner, record.address] = record
        self._owned.setdefault(owner, set()).add((network, name, record.address))

    def _forget(self, owner: _Owner) -> None:
        for network, name, address in self._owned.pop(owner, ()):
            records = self._names[network, name]
            del records[owner, address]
            if not records:
                del self._names[network, name]
