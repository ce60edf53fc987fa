"""Nodes without an engine: workers of one swarm whose containers do nothing, thousands of them in one lab."""

import logging
from collections import deque
from collections.abc import Callable, Iterable, Mapping

from swarmlab.agent import Agent
from swarmlab.clock import Clock
from swarmlab.dispatcher import Dispatcher
from swarmlab.engine.settings import NO_SETTINGS, EngineSettings
from swarmlab.engine.swarm.description import describe
from swarmlab.manager import Swarm
from swarmlab.objects import Cluster, Node
from swarmlab.runtime.hollow import HollowExecutor
from swarmlab.store import Actor, Commit, Kind

_log = logging.getLogger(__name__)
_ACTOR = Actor(request="POST /swarm/join")
#: So many nodes join in one go, before others get their turn.
_BATCH = 25
#: Where hollow nodes say they are. Nothing listens there, and no node with an engine has such an address.
_FIRST_ADDRESS = (127 << 24) + (1 << 16)


def hollow_address(number: int) -> str:
    """The address of the hollow node with this number, which is less than 65,536."""
    value = _FIRST_ADDRESS + number
    return ".".join(str(value >> shift & 255) for shift in (24, 16, 8, 0))


class HollowFleet:
    """All nodes of a lab that have no engine. They join the first swarm that they are shown, and stay until it ends.
    When the network is cut, they are on the side of the engines that were not named.

    The swarm itself remembers them: they join in the order of their numbers, so those beyond the last one that it has
    are still to join, and those before that one which it has not were removed.
    """

    def __init__(
        self, clock: Clock, numbers: Iterable[int], settings: Mapping[str, EngineSettings] | None = None
    ) -> None:
        self._clock = clock
        self._settings = settings or {}
        self._names = {hollow_address(number): f"node-{number}" for number in numbers}
        self._agents: dict[str, Agent] = {}
        self._swarm: Swarm | None = None
        #: Who has yet to begin: the address, and the node's id if the swarm knows it.
        self._waiting: deque[tuple[str, str]] = deque()
        self._ends: list[Callable[[], None]] = []
        self._known: Dispatcher | None = None
        self._connected = True

    @property
    def dispatcher(self) -> Dispatcher | None:
        """See `swarmlab.agent.agent.Managers`."""
        return self._swarm.dispatcher_at("") if self._swarm is not None else None

    def join(self, swarm: Swarm) -> None:
        """Become nodes of a swarm, or go on as the nodes that they are, in the background; unless they are in one."""
        if self._swarm is not None:
            return
        self._swarm = swarm
        ids = {node.status.addr: node.id for node in swarm.store.tables.nodes}
        addresses = list(self._names)
        last = max((place for place, address in enumerate(addresses) if address in ids), default=-1)
        self._waiting.extend((a, ids.get(a, "")) for place, a in enumerate(addresses) if place > last or a in ids)
        self._ends = [
            swarm.on_quorum(self._quorum_changed),
            swarm.store.watch(self._on_commit, Kind.NODE, Kind.CLUSTER),
        ]
        self._known, self._connected = self.dispatcher, swarm.raft.reaches_leader("")
        self._begin_some(swarm)

    def leave(self, swarm: Swarm) -> None:
        """The swarm has ended."""
        if self._swarm is swarm:
            self.stop()

    def stop(self) -> None:
        """Fall silent."""
        for end in self._ends:
            end()
        self._ends.clear()
        self._swarm = None
        self._waiting.clear()
        for agent in self._agents.values():
            agent.stop()
        self._agents.clear()

    def _quorum_changed(self) -> None:
        """There is another leader, or none, or the network is another."""
        if self._swarm is None:
            return
        connected, moved = self._swarm.raft.reaches_leader(""), self.dispatcher is not self._known
        if connected != self._connected:
            self._connected = connected
            for agent in self._agents.values():
                agent.set_connected(connected)
        if moved:
            self._known = self.dispatcher
            for agent in self._agents.values():
                agent.managers_changed()
            self._begin_some(self._swarm)

    def _on_commit(self, commit: Commit) -> None:
        """Get new certificates when told to, and trust the root that the swarm trusts."""
        swarm = self._swarm
        for _, old, new in commit.changes:
            if swarm is None or self.dispatcher is None:
                return
            if isinstance(new, Node) and new.certificate == "rotate" and new.id in self._agents:
                swarm.issue(new.id)
                self._agents[new.id].describe_again()
            elif isinstance(new, Cluster) and _root(old) != _root(new):
                for agent in self._agents.values():
                    agent.describe_again()

    def _begin_some(self, swarm: Swarm) -> None:
        """Let the next nodes begin, and then others have their turn. Without a leader nobody is let in."""
        for _ in range(min(_BATCH, len(self._waiting))):
            if self._swarm is not swarm or self.dispatcher is None:
                return
            self._begin(swarm, *self._waiting.popleft())
        if self._waiting:
            self._clock.call_soon(lambda: self._begin_some(swarm))

    def _begin(self, swarm: Swarm, address: str, node_id: str) -> None:
        name = self._names[address]
        if not node_id:
            node_id = swarm.admit(swarm.cluster.root_ca.join_tokens.worker, address, "", _ACTOR).id
        settings = self._settings.get(name, NO_SETTINGS)
        executor = HollowExecutor(name, describe=lambda: describe(name, swarm.cluster.root_ca.tls_info, settings))

        def rejected(reason: str) -> None:
            _log.info("%s: %s", name, reason)
            self._agents.pop(node_id).stop()

        agent = self._agents[node_id] = Agent(
            self._clock, node_id, lambda: address, self, executor, on_rejected=rejected
        )
        agent.start()


def _root(cluster: object) -> str:
    return cluster.root_ca.certificate if isinstance(cluster, Cluster) else ""
