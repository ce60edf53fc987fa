"""Membership, leadership and quorum of the managers (SK: manager/state/raft).

All managers of a lab share one process and one store, so there is no log to replicate. What is kept of raft is what can
be noticed from outside: who is a member, who leads, who reaches whom, what each manager knows of all that, and when the
swarm cannot decide anything. While no leader has a quorum nothing is written, so what a leader can still read in the
seconds before it notices is exactly what it has.
"""

import random
from collections.abc import Callable, Mapping
from enum import Enum

import msgspec

from swarmlab.clock import SECOND, Clock, Timer
from swarmlab.objects import ManagerStatus, Node
from swarmlab.store import Store

#: A member that hears of no leader calls an election after a random number of seconds between these; a leader that
#: hears of no quorum gives up after as many.
ELECTION_MIN, ELECTION_MAX = 10.0, 20.0
#: A manager that has known of no leader for more seconds than this refuses calls at once; before, they wait.
LOST_QUORUM_TIMEOUT = 10.0


class Standing(Enum):
    """What a manager can do with a call at the moment."""

    ANSWERS = "it leads, or reaches the leader"
    READS = "the leader that it is, or reaches, has lost the quorum and has not noticed yet: writes wait"
    WAITS = "there may soon be a leader: calls wait"
    LOST = "there has been no leader for too long: calls fail at once"


class _Member:
    """What the manager of an online member knows: whom it takes for the leader, or since when it knows of none."""

    __slots__ = ("leader", "leaderless_since", "timer")

    def __init__(self, now: int) -> None:
        self.leader: str | None = None
        self.leaderless_since = now
        self.timer: Timer | None = None

    def rest(self) -> None:
        """Wait for nothing any more."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None


class Raft:
    """The managers' quorum. Members are the nodes whose `manager_status` is set.

    `on_leader` is told whenever another member leads, or none. `on_change` is told whenever anything else may have
    changed for some manager.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        on_leader: Callable[[str | None], None],
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._on_leader = on_leader
        self._on_change = on_change
        self._random = random.Random()  # noqa: S311  (election timeouts, not secrets)
        #: Members whose managers run, the one that has done so longest first.
        self._online: dict[str, _Member] = {}
        self._sides: Mapping[str, int] = {}
        #: The leader, as long as it has a quorum.
        self.leader: str | None = None
        #: A leader that has lost its quorum and has not noticed yet.
        self._stale: str | None = None
        #: Whether the leader has led before and never noticed that it could not meanwhile.
        self.unbroken = False

    # --- what is the case ------------------------------------------------------------------------------------------

    def members(self) -> list[Node]:
        """The nodes that are raft members."""
        return [node for node in self._store.tables.nodes if node.manager_status is not None]

    def is_member(self, node_id: str) -> bool:
        """Whether a node is a raft member."""
        node = self._store.tables.nodes.get(node_id)
        return node is not None and node.manager_status is not None

    def reaches(self, a: str, b: str) -> bool:
        """Whether the network lets two nodes talk to each other."""
        return self._sides.get(a, 0) == self._sides.get(b, 0)

    def reaches_leader(self, node_id: str) -> bool:
        """Whether a node, manager or not, can talk to the leader, or could if there were one."""
        return self.leader is None or self.reaches(node_id, self.leader)

    def standing(self, node_id: str) -> Standing:
        """What the manager on a node can do with a call."""
        if self.leader is not None and self.reaches(node_id, self.leader):
            return Standing.ANSWERS
        if self._stale is not None and self.reaches(node_id, self._stale):
            return Standing.READS
        member = self._online.get(node_id)
        if member is None or member.leader is not None:
            return Standing.WAITS
        leaderless = (self._clock.now() - member.leaderless_since) / SECOND
        return Standing.LOST if leaderless > LOST_QUORUM_TIMEOUT else Standing.WAITS

    def silent_leader(self, node_id: str) -> str | None:
        """The leader that the manager on a node goes on asking although the network swallows what it says."""
        member = self._online.get(node_id)
        leader = member.leader if member is not None else None
        lost = leader is not None and leader in self._online and not self.reaches(node_id, leader)
        return leader if lost else None

    def manager_status(self, node_id: str) -> ManagerStatus | None:
        """A member's place in the quorum, as the leader sees it; None for nodes that are no members."""
        node = self._store.tables.nodes.get(node_id)
        if node is None or node.manager_status is None:
            return None
        leader = self.leader or self._stale
        return msgspec.structs.replace(
            node.manager_status,
            leader=node_id == leader,
            reachability="reachable" if self._active(node_id) else "unreachable",
        )

    def can_remove(self, node_id: str) -> bool:
        """Whether the reachable members without this one are a quorum of all members, counted before the removal."""
        members = self.members()
        reachable = sum(1 for member in members if member.id != node_id and self._active(member.id))
        return reachable >= (len(members) - 1) // 2 + 1

    def _active(self, node_id: str) -> bool:
        """Whether the leader reaches a member that runs."""
        leader = self.leader or self._stale
        return node_id in self._online and (leader is None or self.reaches(node_id, leader))

    def _quorum_at(self, node_id: str) -> bool:
        """Whether more than half of the members run and reach this one, itself included."""
        members = self.members()
        near = sum(1 for member in members if member.id in self._online and self.reaches(member.id, node_id))
        return near >= len(members) // 2 + 1

    # --- what happens ----------------------------------------------------------------------------------------------

    def online(self, node_id: str) -> None:
        """A member's manager runs."""
        self._online.setdefault(node_id, _Member(self._clock.now()))
        if self.leader is None and [member.id for member in self.members()] == [node_id]:
            # The only member need not wait for anybody's vote.
            self._lead(node_id)
        self._settle()

    def offline(self, node_id: str) -> None:
        """A member's manager ended."""
        member = self._online.pop(node_id, None)
        if member is not None:
            member.rest()
        self._settle()

    def separate(self, sides: Mapping[str, int]) -> None:
        """The network: nodes with the same number reach each other, those that are not named have number 0."""
        # A node that is just joining is told of, too: its manager does not run yet, and must not be missed for that.
        sides = {node_id: side for node_id, side in sides.items() if side}
        if sides != self._sides:
            self._sides = sides
            self._settle()

    def resume(self, leader: str | None) -> None:
        """Go on as before a restart of the whole lab: with the same leader if it is online and has a quorum."""
        if leader is not None and leader in self._online and self._quorum_at(leader):
            self._lead(leader)
            self._settle()

    def begin_anew(self, node_id: str) -> None:
        """The members are others now, and this one is the first that the others have to hear of."""
        for member in self._online.values():
            member.rest()
        self._online.clear()
        self._stale = self.leader = None
        self.online(node_id)

    def transfer_from(self, node_id: str) -> bool:
        """Leadership goes from a leader to the member that was online longest of those it reaches, at once.

        False when this node does not lead, or there is no other that could.
        """
        if self.leader != node_id:
            return False
        members = {member.id for member in self.members()}
        for other in self._online:
            if other != node_id and other in members and self.reaches(other, node_id):
                self._lead(other)
                self._settle()
                return True
        return False

    def close(self) -> None:
        """Nobody votes any more."""
        for member in self._online.values():
            member.rest()
        self._online.clear()

    # --- elections -------------------------------------------------------------------------------------------------

    def _settle(self) -> None:
        """Let a leader go that cannot lead, take back one whose quorum has returned, and set everybody's timers."""
        if self.leader is not None and self.leader not in self._online:
            self._lead(None)
        elif self.leader is not None and not self._quorum_at(self.leader):
            stale = self.leader
            self._lead(None)
            self._stale = stale
        if self._stale is not None:
            if self._stale not in self._online:
                self._stale = None
            elif self._quorum_at(self._stale):
                self._lead(self._stale, unbroken=True)
        for node_id, member in list(self._online.items()):
            self._await(node_id, member)
        self._on_change()

    def _await(self, node_id: str, member: _Member) -> None:
        """What a member waits for: for nothing while it hears its leader, else for the time to do something."""
        leader = self.leader or self._stale
        if leader is not None and self.reaches(node_id, leader):
            member.leader = leader
            waits = node_id == self._stale
        else:
            waits = member.leader is not None or self._quorum_at(node_id)
        if not waits:
            member.rest()
        elif member.timer is None:
            seconds = self._random.uniform(ELECTION_MIN, ELECTION_MAX)
            member.timer = self._clock.call_later(seconds, lambda: self._time_out(node_id, member))

    def _time_out(self, node_id: str, member: _Member) -> None:
        """A leader steps down for want of a quorum; anybody else has missed its leader and stands for election."""
        member.timer = None
        if member.leader is not None:
            member.leader = None
            member.leaderless_since = self._clock.now()
        if node_id == self._stale:
            self._stale = None
        elif self._quorum_at(node_id):
            self._lead(node_id)
        self._settle()

    def _lead(self, node_id: str | None, *, unbroken: bool = False) -> None:
        """Somebody leads, or nobody. A leader elsewhere without a quorum has given up by now at the latest."""
        if self._stale is not None and self._stale != node_id and self._stale in self._online:
            deposed = self._online[self._stale]
            deposed.rest()
            deposed.leader, deposed.leaderless_since = None, self._clock.now()
        self._stale = None
        for member in self._online.values():
            member.rest()
        self.leader, self.unbroken = node_id, unbroken
        self._on_leader(node_id)
