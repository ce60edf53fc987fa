"""The routing mesh of one swarm: every published port answers on every node, whichever node runs the tasks."""

import asyncio
import functools
from collections.abc import AsyncIterator, Callable, Mapping
from typing import NamedTuple

from swarmlab.network.base import Answers, Endpoint, NodeAddress, Published
from swarmlab.network.listener import Listener, bind
from swarmlab.network.relay import Door, Relay


class _Port(NamedTuple):
    """A published port of the swarm, or in host mode of one node (`node_id`, else empty)."""

    published: int
    protocol: str
    node_id: str


class _Backend(NamedTuple):
    endpoint: Endpoint
    target: int


class Mesh:
    """Listens on the nodes' addresses and spreads connections over the active endpoints, one after the other.

    Like IPVS it knows nothing of requests: a connection stays with its endpoint until it ends. Nor does it know whether
    a program listens: the turn of an endpoint whose program does not listen yet is a connection that fails, as on real
    nodes. A port where nobody listens refuses connections. All is to be called on the event loop's thread.
    """

    def __init__(
        self,
        on_connection: Callable[[str, int], None] = lambda node_id, port: None,
        on_answers: Callable[[str, int, Answers | None], None] = lambda node_id, port, answers: None,
    ) -> None:
        """`on_connection` is told the node and the published port of every connection that comes in.

        `on_answers` is told of every change of what connections to a node's TCP port find; None when that is nothing.
        """
        self._on_connection = on_connection
        self._on_answers = on_answers
        #: What it was told last.
        self._told: dict[tuple[str, _Port], Answers] = {}
        self._nodes: dict[str, NodeAddress] = {}
        self._endpoints: dict[str, Endpoint] = {}
        #: The endpoints of each published port, by task.
        self._ports: dict[_Port, dict[str, _Backend]] = {}
        self._turns: dict[_Port, int] = {}
        #: What each node does for each port: it listens, or there is a reason why not.
        self._served: dict[tuple[str, _Port], Listener | str] = {}
        #: Where a substituted port of a service was, so that it is there again when it comes back.
        self._substitutes: dict[tuple[str, _Port, str], int] = {}
        #: What ends the watch over each endpoint's ports, by task.
        self._unwatch: dict[str, Callable[[], object]] = {}
        #: The node that each connection came in through, and the one that it goes to.
        self._relays: dict[Relay, str] = {}
        self._towards: dict[Relay, str] = {}
        #: The side of the network that nodes are on, 0 for those that are not named.
        self._sides: Mapping[str, int] = {}
        #: Nodes that are dead and not yet known to be; done when they are.
        self._silent: dict[str, asyncio.Future[None]] = {}
        self._drained: asyncio.Future[None] | None = None

    async def join(self, node_id: str, address: NodeAddress) -> None:
        """A node is part of the swarm: its address serves every ingress port from now on."""
        self.give_up(node_id)
        if self._nodes.get(node_id) != address:
            await self.leave(node_id)
            self._nodes[node_id] = address
            for port in self._ports:
                self._update(port)

    async def leave(self, node_id: str) -> None:
        """A node is gone: its ports close and the connections that came in through it are cut."""
        if node_id not in self._nodes:
            return
        for node, port in [key for key in self._served if key[0] == node_id]:
            self._close(node, port)
        del self._nodes[node_id]
        for node, port in [key for key in self._told if key[0] == node_id]:
            self._tell(node, port)
        for relay in [relay for relay, node in self._relays.items() if node == node_id]:
            relay.reset()

    async def lose(self, node_id: str) -> None:
        """A node has lost its power. Until `give_up` the others send its tasks connections, which nobody answers."""
        await self.leave(node_id)
        self._silent.setdefault(node_id, asyncio.get_running_loop().create_future())
        self._tell_all()

    def give_up(self, node_id: str) -> None:
        """The others have noticed that a node is lost: its tasks get no connections; those that waited go elsewhere."""
        if (noticed := self._silent.pop(node_id, None)) is not None:
            for task_id in [task for task, known in self._endpoints.items() if known.node_id == node_id]:
                self.deactivate(task_id)
            noticed.set_result(None)

    def separate(self, sides: Mapping[str, int]) -> None:
        """Nodes reach those that are on the same side of the network; the others' tasks get no connections from them.

        On real nodes gossip needs some seconds to notice, and until then connections to the other side hang. Here they
        are cut at once: nothing could come of them either, and no client has to wait in vain.
        """
        self._sides = dict(sides)
        self._tell_all()
        for relay, node_id in list(self._towards.items()):
            if not self._reaches(self._relays[relay], node_id):
                relay.reset()

    def _reaches(self, one: str, other: str) -> bool:
        return self._sides.get(one, 0) == self._sides.get(other, 0)

    def activate(self, endpoint: Endpoint) -> None:
        """A task is ready for connections. Activating it again replaces what was known of it."""
        before = self._endpoints.get(endpoint.task_id)
        stale = self._remove(before) if before is not None else set()
        self._endpoints[endpoint.task_id] = endpoint
        for port, target in _ports_of(endpoint):
            self._ports.setdefault(port, {})[endpoint.task_id] = _Backend(endpoint, target)
            stale.add(port)
        self._unwatch[endpoint.task_id] = endpoint.watch(lambda: self._listens_anew(endpoint))
        for port in sorted(stale):
            self._update(port)

    def deactivate(self, task_id: str) -> None:
        """A task gets no new connections; open ones go on. Unknown tasks are ignored."""
        if (endpoint := self._endpoints.pop(task_id, None)) is not None:
            for port in self._remove(endpoint):
                self._update(port)

    def published(self) -> list[Published]:
        """Every port that should answer now and where it does, by node and port."""
        rows = []
        for (node_id, port), served in sorted(self._served.items(), key=lambda item: item[0]):
            match served:
                case Listener():
                    address, bound_port, reason = served.address, served.port, served.reason
                case str():
                    address, bound_port, reason = "", 0, served
            rows.append(
                Published(
                    node_id=node_id,
                    address=self._nodes[node_id].host,
                    port=port.published,
                    protocol=port.protocol,
                    service_id=self._service(port),
                    bound_address=address,
                    bound_port=bound_port,
                    reason=reason,
                )
            )
        return rows

    def where(self, node_id: str, published: int) -> tuple[str, int] | None:
        """Where a published TCP port of a node can really be reached; None when nobody listens."""
        for key in (_Port(published, "tcp", ""), _Port(published, "tcp", node_id)):
            served = self._served.get((node_id, key))
            if isinstance(served, Listener) and served.is_open:
                return served.address, served.port
        return None

    async def close(self) -> None:
        """Close every port and cut every connection."""
        for task_id in tuple(self._endpoints):
            self.deactivate(task_id)
        if self._relays:
            self._drained = asyncio.get_running_loop().create_future()
            for relay in tuple(self._relays):
                relay.reset()
            await self._drained
        self._nodes.clear()

    def _remove(self, endpoint: Endpoint) -> set[_Port]:
        """Take an endpoint out of its ports; the ports."""
        self._unwatch.pop(endpoint.task_id)()
        ports = {port for port, _ in _ports_of(endpoint)}
        for port in ports:
            self._ports[port].pop(endpoint.task_id, None)
        return ports

    def _update(self, port: _Port) -> None:
        """Keep a port on its nodes, open it or give it up, as its endpoints ask for."""
        backends = self._ports.get(port, {}).values()
        listens = any(
            backend.endpoint.node_id in self._silent or backend.endpoint.listens(backend.target) for backend in backends
        )
        for node_id in [port.node_id] if port.node_id else list(self._nodes):
            if backends and (node_id, port) not in self._served and node_id in self._nodes:
                self._keep(node_id, port)
            served = self._served.get((node_id, port))
            if not backends and served is not None:
                self._close(node_id, port)
            elif isinstance(served, Listener):
                self._turn(node_id, port, served, listens=listens)
            self._tell(node_id, port)
        if not backends:
            self._ports.pop(port, None)

    def _tell_all(self) -> None:
        for port in self._ports:
            for node_id in [port.node_id] if port.node_id else self._nodes:
                self._tell(node_id, port)

    def _tell(self, node_id: str, port: _Port) -> None:
        """Tell what connections to a node's port find, if that has changed."""
        if port.protocol != "tcp":
            return
        known = self._ports.get(port, {}).values() if node_id in self._nodes else ()
        reached = [backend for backend in known if self._reaches(node_id, backend.endpoint.node_id)]
        listening = sum(
            backend.endpoint.node_id not in self._silent and backend.endpoint.listens(backend.target)
            for backend in reached
        )
        answers = Answers(len(reached), listening) if reached else None
        if self._told.get((node_id, port)) == answers:
            return
        if answers is None:
            del self._told[node_id, port]
        else:
            self._told[node_id, port] = answers
        self._on_answers(node_id, port.published, answers)

    def _listens_anew(self, endpoint: Endpoint) -> None:
        for port, _ in _ports_of(endpoint):
            self._update(port)

    def _turn(self, node_id: str, port: _Port, listener: Listener, *, listens: bool) -> None:
        try:
            listener.open() if listens else listener.pause()
        except OSError:
            # Another program has the port by now: a substitute is needed.
            listener.close()
            self._keep(node_id, port)
            if listens and isinstance(served := self._served[node_id, port], Listener):
                served.open()

    def _keep(self, node_id: str, port: _Port) -> None:
        if port.protocol != "tcp":
            self._served[node_id, port] = f"{port.protocol} is not carried by virtual networks"
            return
        memory = (node_id, port, self._service(port))
        try:
            bound = bind(self._nodes[node_id], port.published, self._substitutes.get(memory, 0))
        except OSError as error:
            self._served[node_id, port] = error.strerror or str(error)
            return
        opened = functools.partial(self._enter, node_id, port.published)
        listener = Listener(
            bound, lambda taken: Relay(taken, lambda relay: self._backends(relay, node_id, port), opened, self._left)
        )
        self._served[node_id, port] = listener
        if listener.reason:
            self._substitutes[memory] = listener.port

    def _close(self, node_id: str, port: _Port) -> None:
        served = self._served.pop((node_id, port))
        if isinstance(served, Listener):
            served.close()

    def _service(self, port: _Port) -> str:
        return next(iter(self._ports[port].values())).endpoint.service_id

    async def _backends(self, relay: Relay, node_id: str, port: _Port) -> AsyncIterator[Door]:
        """Where a connection that comes in at a node goes: to the endpoint whose turn it is, if that listens."""
        while True:
            known = self._ports.get(port, {}).values()
            backends = [backend for backend in known if self._reaches(node_id, backend.endpoint.node_id)]
            # One turn for the whole swarm: who asks one node after another sees every task.
            turn = self._turns[port] = self._turns.get(port, -1) + 1
            if not backends:
                return
            endpoint, target = backends[turn % len(backends)]
            if (noticed := self._silent.get(endpoint.node_id)) is None:
                break
            # TCP tries again and again; what it sends goes elsewhere once the task is no choice any more.
            await asyncio.shield(noticed)
        if endpoint.listens(target):
            self._towards[relay] = endpoint.node_id
            yield endpoint.door(target, node_id) if endpoint.door is not None else Door(*endpoint.connect(target))

    def _enter(self, node_id: str, published: int, relay: Relay) -> None:
        self._relays[relay] = node_id
        self._on_connection(node_id, published)

    def _left(self, relay: Relay) -> None:
        self._relays.pop(relay, None)
        self._towards.pop(relay, None)
        if not self._relays and self._drained is not None and not self._drained.done():
            self._drained.set_result(None)


def _ports_of(endpoint: Endpoint) -> list[tuple[_Port, int]]:
    return [
        (_Port(item.published, item.protocol, endpoint.node_id if item.mode == "host" else ""), item.target)
        for item in endpoint.ports
    ]
