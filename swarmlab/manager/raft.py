"""Membership, leadership and quorum of the managers (SK: manager/state/raft).

All managers of a lab share one process and one store, so there is no log to replicate. What is kept of raft is what can
be noticed from outside: who is a member, who leads, who is reachable, and when the swarm cannot decide anything.
"""

import random
from collections.abc import Callable

import msgspec

from swarmlab.clock import Clock, Timer
from swarmlab.objects import ManagerStatus, Node
from swarmlab.store import Store

#: A member calls an election when it has not heard of a leader for a random number of seconds between these.
ELECTION_MIN, ELECTION_MAX = 10.0, 20.0


class Raft:
    """The managers' quorum. Members are the nodes whose `manager_status` is set."""

    def __init__(self, store: Store, clock: Clock, on_leader: Callable[[str | None], None]) -> None:
        self._store = store
        self._clock = clock
        self._on_leader = on_leader
        self._random = random.Random()  # noqa: S311  (election timeouts, not secrets)
        self._online: set[str] = set()
        self._election: Timer | None = None
        self.leader: str | None = None

    def members(self) -> list[Node]:
        """The nodes that are raft members."""
        return [node for node in self._store.tables.nodes if node.manager_status is not None]

    def has_quorum(self) -> bool:
        """Whether more than half of the members are online."""
        members = self.members()
        return len([m for m in members if m.id in self._online]) >= len(members) // 2 + 1

    def manager_status(self, node_id: str) -> ManagerStatus | None:
        """A member's place in the quorum, as the leader sees it; None for nodes that are no members."""
        node = self._store.tables.nodes.get(node_id)
        if node is None or node.manager_status is None:
            return None
        reachable = "reachable" if node_id in self._online else "unreachable"
        return msgspec.structs.replace(
            node.manager_status, leader=node_id == self.leader and node_id in self._online, reachability=reachable
        )

    def can_remove(self, node_id: str) -> bool:
        """Whether the reachable members without this one are a quorum of all members, counted before the removal."""
        members = self.members()
        reachable = sum(1 for member in members if member.id in self._online and member.id != node_id)
        return reachable >= (len(members) - 1) // 2 + 1

    def online(self, node_id: str) -> None:
        """A member's manager runs and reaches the others."""
        self._online.add(node_id)
        self._settle(hurry=self.leader is None and len(self.members()) == 1)

    def offline(self, node_id: str) -> None:
        """A member's manager ended, or was cut off."""
        self._online.discard(node_id)
        self._settle(hurry=False)

    def resume(self, leader: str | None) -> None:
        """Go on as before a restart of the whole lab: with the same leader if it is online and there is a quorum."""
        if leader is not None and leader in self._online and self.has_quorum():
            self._lead(leader)

    def _settle(self, *, hurry: bool) -> None:
        """Give up a leader that cannot lead; begin an election where there is none and there could be one."""
        members = {member.id for member in self.members()}
        quorum = self.has_quorum()
        if self.leader is not None and (self.leader not in self._online or self.leader not in members or not quorum):
            self._lead(None)
        if self.leader is not None or not quorum:
            if self._election is not None:
                self._election.cancel()
                self._election = None
        elif hurry:
            self._elect()
        elif self._election is None:
            self._election = self._clock.call_later(self._random.uniform(ELECTION_MIN, ELECTION_MAX), self._elect)

    def _elect(self) -> None:
        self._election = None
        candidates = [member.id for member in self.members() if member.id in self._online]
        if self.has_quorum():
            self._lead(self._random.choice(candidates))

    def _lead(self, node_id: str | None) -> None:
        self.leader = node_id
        self._on_leader(node_id)

    def transfer_from(self, node_id: str) -> None:
        """Leadership goes to another member at once, if there is one: the leader is about to be demoted."""
        others = [m.id for m in self.members() if m.id in self._online and m.id != node_id]
        if self.leader == node_id and others:
            self._lead(self._random.choice(others))
